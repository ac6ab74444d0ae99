"""Logging: what `logging.cfg` may use, and what holds where there is none.

Promises: no secret that this process knows is in a JSON line, wherever in the record it was; a value that JSON does not have stands as text.
A file of lines that cannot be opened is one warning on standard error, however many processes write, and never an error of whoever logs.
"""

from __future__ import annotations

import json
import logging
import logging.config
import os
import sys
import time
from typing import Any

from luigi import configuration

from pipeline import capture
from pipeline.errors import ConfigurationError
from pipeline.reporting import console
from pipeline.secrets import HIDDEN, Secret, redact
from targets.messages import said

_OWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}
#: What is nested deeper stands as text: it may contain itself.
_DEEPEST = 20


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, logger, message, whatever was passed as `extra`, and the traceback."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03d}Z",
            "level": record.levelname,
            "logger": redact(record.name),
            "message": redact(record.getMessage()),
            "pid": record.process,
        }
        task = capture.current_task()
        if task is not None:
            line["task"] = redact(repr(task))
        line.update({redact(name): _clean(value) for name, value in vars(record).items() if name not in _OWN})
        if record.exc_info:
            line["traceback"] = redact(self.formatException(record.exc_info))
        return _dumped(line)


def _dumped(line: dict[str, Any]) -> str:
    text = json.dumps(line, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:  # the name of a file, say, whose bytes are no text
        return json.dumps(line)
    return text


def _clean(value: Any, depth: int = 0) -> Any:
    """A value as JSON may have it, without secrets."""
    if isinstance(value, Secret):
        return HIDDEN
    if isinstance(value, str):
        return redact(value)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, (int, float)):
        return value if redact(str(value)) == str(value) else HIDDEN
    if isinstance(value, dict) and depth < _DEEPEST:
        return {_clean(name, _DEEPEST): _clean(one, depth + 1) for name, one in value.items()}
    if isinstance(value, (list, tuple)) and depth < _DEEPEST:
        return [_clean(one, depth + 1) for one in value]
    return redact(said(value))


class JsonLinesHandler(logging.FileHandler):
    """Appends JSON lines to a file; PIPELINE_JSON_LOG names another one, or none if it is empty."""

    def __init__(self, path: str) -> None:
        chosen = os.environ.get("PIPELINE_JSON_LOG", path)
        super().__init__(chosen or os.devnull, encoding="utf-8", delay=True)
        self.setFormatter(JsonFormatter())
        self._is_refused = False
        #: It tells that the file cannot be opened: every run logs something there, whatever its children do.
        self._process = os.getpid()

    def emit(self, record: logging.LogRecord) -> None:
        if self.stream is None and not self._is_refused:
            try:
                self.stream = self._open()
            except (OSError, ValueError) as error:
                self._is_refused = True
                if os.getpid() == self._process:
                    console.emit(redact(f"the JSON log cannot be written, and is left out: {error}"))
        if not self._is_refused:
            super().emit(record)


def console_is_json() -> bool:
    """Whether standard error or standard output has been configured to get JSON lines."""
    return any(
        isinstance(handler, logging.StreamHandler) and not isinstance(handler, logging.FileHandler) and isinstance(handler.formatter, JsonFormatter)
        for handler in logging.root.handlers
    )


def is_json(text: str) -> bool:
    """Whether a line is one of `JsonFormatter`'s."""
    return text.startswith('{"time": ') and text.endswith("}")


def as_json(text: str, task: str) -> str:
    """A line that a step has printed."""
    at = time.time()
    moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at)) + f".{int(at % 1 * 1000):03d}Z"
    return _dumped({"time": moment, "level": "INFO", "logger": "stdout", "message": redact(text), "task": redact(task)})


def configure() -> None:
    """Set logging up for a command: `[core] logging_conf_file` of luigi.cfg, else plain lines on standard error."""
    path = configuration.get_config().get("core", "logging_conf_file", "")
    if path:
        if not os.path.exists(path):
            raise ConfigurationError(f"[core] logging_conf_file in luigi.cfg names {path}, which is not there")
        logging.config.fileConfig(path, disable_existing_loggers=False)
        return
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)-7s %(name)s: %(message)s", datefmt="%H:%M:%S")
    for name in ("luigi", "luigi-interface"):
        logging.getLogger(name).setLevel(logging.WARNING)
