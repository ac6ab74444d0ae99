"""Settings: the section `[pipeline]` of luigi.cfg, and environment variables `PIPELINE_<NAME>` before it.

Every setting is typed and documented here. A name that is not is a `ConfigurationError`, and so is a value
of the wrong type: a misspelt setting that is silently ignored costs more than a refused start.
"""

from __future__ import annotations

import dataclasses
import difflib
import os
from collections.abc import Mapping
from typing import Any

from luigi import configuration

from pipeline.errors import ConfigurationError

SECTION = "pipeline"
PREFIX = "PIPELINE_"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The defaults of the pipeline."""

    target_dir: str = dataclasses.field(default="TARGETS", metadata={"help": "where outputs live: a directory"})
    workers: int = dataclasses.field(default=1, metadata={"help": "how many steps may run at a time"})
    project: str = dataclasses.field(default="", metadata={"help": "installed top-level packages whose code counts as the project's"})
    engine: str = dataclasses.field(default="", metadata={"help": "where steps execute: inline, or processes (with several workers)"})
    on_code_change: str = dataclasses.field(default="rerun", metadata={"help": "when code that a step reaches changed: rerun, warn or ignore"})
    on_library_change: str = dataclasses.field(default="warn", metadata={"help": "when a library that it imports changed: rerun, warn or ignore"})
    keep_going: bool = dataclasses.field(default=True, metadata={"help": "go on with other steps after one has failed"})


def read(environment: Mapping[str, str] | None = None) -> Settings:
    """Today's settings; `ConfigurationError` for an unknown name or a wrong value."""
    environment = os.environ if environment is None else environment
    known = {field.name: field for field in dataclasses.fields(Settings)}
    given: dict[str, tuple[Any, str]] = {}
    for name, text in _section().items():
        name = name.replace("-", "_")
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"known are {', '.join(known)}"
            raise ConfigurationError(f"[{SECTION}] {name} in luigi.cfg is no setting: {hint}")
        given[name] = (text, f"[{SECTION}] {name} in luigi.cfg")
    for name in known:
        if PREFIX + name.upper() in environment:
            given[name] = (environment[PREFIX + name.upper()], PREFIX + name.upper())
    return Settings(**{name: _typed(known[name], value, source) for name, (value, source) in given.items()})


def target_dir() -> str:
    """The store where the code names none."""
    return os.environ.get("PIPELINE_TARGET_DIR") or read().target_dir


def _section() -> Mapping[str, Any]:
    config: Any = configuration.get_config()
    try:
        if config.has_section(SECTION):
            return dict(config[SECTION])
    except AttributeError:  # a toml configuration
        return dict(getattr(config, "data", {}).get(SECTION, {}))
    return {}


def _typed(field: Any, value: Any, source: str) -> Any:
    kind = type(field.default)
    try:
        if kind is bool and isinstance(value, str):
            return {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}[value.strip().lower()]
        if kind is int:
            number = int(value)
            if number < 1:
                raise ValueError
            return number
        return kind(value)
    except (ValueError, TypeError, KeyError):
        wanted = {bool: "true or false", int: "a number of 1 or more"}.get(kind, "text")
        raise ConfigurationError(f"{source} is {value!r}, and must be {wanted} ({field.metadata['help']})") from None
