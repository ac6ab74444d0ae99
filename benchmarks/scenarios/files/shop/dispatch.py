import shop.plugins
from shop.registry import REGISTRY
from shop.trace import ran


def double(value):
    return value * 2


def increase(value):
    return value + 1


HANDLERS = {"double": double}
STEPS = [increase]


def dispatch(values):
    ran("Dispatch")
    made = [HANDLERS["double"](value) for value in values]
    for step in STEPS:
        made = [step(value) for value in made]
    return {name: [function(value) for value in made] for name, function in REGISTRY.items()}
