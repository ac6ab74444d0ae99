import logging

import shop.deep.base
from shop import settings
from shop.maths import weigh
from shop.trace import ran

log = logging.getLogger(__name__)


def score(values):
    ran("Score")
    log.debug("started at %s in %s", settings.STARTED, settings.FOLDER)
    return weigh(values) * settings.SCALE + shop.deep.base.offset()


def final(score, summary):
    ran("Final")
    return f"{score} {summary['total']}"
