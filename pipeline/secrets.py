"""Secrets: parameter values that steps use and nobody reads.

Promises: the value of a `SecretParameter` is in no path, record, log line, report or error message that comes from here, nor in a log line of the
application's own: where one would contain it, `***` stands in its place. It is part of the key only where it was declared significant, as a
slow, salted hash. A value of fewer than four characters is not looked for in texts, since it would be found everywhere.
"""

from __future__ import annotations

import functools
import hashlib
import json
import logging
import os
import traceback
from typing import TYPE_CHECKING, Any

import luigi
from luigi.parameter import ParameterVisibility

if TYPE_CHECKING:
    _AnyParameter = luigi.Parameter[Any]
else:  # Parameter became generic with Luigi 3.7
    _AnyParameter = luigi.Parameter

HIDDEN = "***"
SALT = "PIPELINE_SECRET_SALT"
_SHORTEST = 4

#: As they stand in texts.
_known: set[str] = set()


class Secret(str):
    """A str that does not show itself when it is printed as a part of something else."""

    __slots__ = ()

    def __repr__(self) -> str:
        return repr(HIDDEN)

    def __reduce__(self) -> Any:
        return Secret, (str(self),)


class SecretParameter(_AnyParameter):
    """A password, a token. Give it in the environment of `luigi.cfg`'s section, or from your own configuration; never in code.

    It is not significant unless `significant=True` says so: another password does not make another output.
    """

    def __init__(self, *args: Any, significant: bool = False, **kwargs: Any) -> None:
        kwargs["visibility"] = ParameterVisibility.PRIVATE
        super().__init__(*args, **{**kwargs, "significant": significant})

    def normalize(self, x: Any) -> Any:
        return x if isinstance(x, Secret) else remembered(str(x))

    def parse(self, x: str) -> Any:
        return remembered(x)

    def serialize(self, x: Any) -> str:
        return HIDDEN


def remembered(value: str) -> Secret:
    """A secret that is looked for, from now on, in whatever is written."""
    if len(value) >= _SHORTEST and value not in _known:
        if not _known:
            _guard_logs()
        _known.update(_as_written(str(value)))
    return Secret(value)


def _as_written(value: str) -> set[str]:
    """Also as a part of a repr and of JSON, which escape quotes, backslashes and more; what a repr escapes depends on the quotes around it."""
    return {value, repr(value)[1:-1], repr(value + "'\"")[1:-4], json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]}


def are_known() -> bool:
    """Whether there is anything that `redact` would look for."""
    return bool(_known)


def redact(text: str) -> str:
    """The text without the secrets that this process knows."""
    for secret in sorted(_known, key=len, reverse=True):
        if secret in text:
            text = text.replace(secret, HIDDEN)
    return text


@functools.lru_cache(maxsize=1000)
def hashed(value: str) -> bytes:
    """What stands for a secret in a key: too slow to try many, and another with another PIPELINE_SECRET_SALT."""
    salt = b"luigi-warp 2026-11 secret parameter" + os.environ.get(SALT, "").encode()
    return hashlib.scrypt(value.encode("utf-8", "surrogatepass"), salt=salt, n=2**14, r=8, p=1, dklen=32)


def _guard_logs() -> None:
    make = logging.getLogRecordFactory()

    def guarded(*args: Any, **kwargs: Any) -> logging.LogRecord:
        record = make(*args, **kwargs)
        try:
            text = record.getMessage()
        except Exception:
            return record  # logging itself says what is wrong with it
        clean = redact(text)
        if clean != text:
            record.msg, record.args = clean, ()
        if record.exc_info and record.exc_info[0] is not None and not record.exc_text:
            record.exc_text = redact("".join(traceback.format_exception(*record.exc_info)).rstrip("\n"))
        return record

    logging.setLogRecordFactory(guarded)
