"""Settings: the section `[pipeline]` of luigi.cfg or luigi.toml, and environment variables `PIPELINE_<NAME>` before it.

Every setting is typed and documented here. A name that is not is a `ConfigurationError`, and so is a value that a setting cannot
have: a misspelt setting that is silently ignored costs more than a refused start. In the environment, which other programs
share, a name that resembles one of ours is warned of instead.
"""

from __future__ import annotations

import configparser
import dataclasses
import difflib
import logging
import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from luigi import configuration

from pipeline.errors import ConfigurationError
from targets import store_options as options
from targets import trust

SECTION = "pipeline"
PREFIX = "PIPELINE_"
POLICIES = ("rerun", "warn", "ignore")
ENGINES = ("inline", "processes")
#: A holder could give no sign of life in less, in seconds.
SHORTEST_LEASE = 0.1
#: What the environment alone may say.
_OTHERS = (trust.KEY, "PIPELINE_SECRET_SALT", "PIPELINE_JSON_LOG")
#: So much like a name of ours must another be: machines that build set names such as PIPELINE_WORKSPACE.
_ALIKE = 0.75

log = logging.getLogger("pipeline")
#: Names that were warned of.
_told: set[str] = set()


def _switch(value: Any) -> bool:
    names = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
    return bool(names[value.strip().lower()] if isinstance(value, str) else value)


def _count(value: Any) -> int:
    number = int(value)
    if number < 1:
        raise ValueError
    return number


def _seconds(value: Any) -> float:
    seconds = float(value)
    if not 0 <= seconds < float("inf"):
        raise ValueError
    return seconds


def _text(value: Any) -> str:
    if not isinstance(value, str):  # a toml file has other values too
        raise TypeError
    return value


def _not_empty(value: Any) -> str:
    text = _text(value)
    if not text.strip():
        raise ValueError
    return text


def _days(value: Any) -> float:
    return min(_seconds(value), 36_500.0)


def _lease(value: Any) -> float:
    seconds = _seconds(value)
    if seconds < SHORTEST_LEASE:
        raise ValueError
    return seconds


def _octal(value: Any) -> str:
    if not 0 <= int(str(value), 8) <= 0o077:
        raise ValueError
    return str(value)


def _one_of(*names: str) -> tuple[Callable[[Any], str], str]:
    return (lambda value: names[names.index(value)]), " or ".join(filter(None, names))


#: How text becomes a value of a type, and what to say where it does not.
_KINDS: dict[type, tuple[Callable[[Any], Any], str]] = {
    bool: (_switch, "true or false"),
    int: (_count, "a number of 1 or more"),
    float: (_seconds, "a number of seconds"),
    str: (_text, "text"),
}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The defaults of the pipeline."""

    target_dir: str = dataclasses.field(
        default="TARGETS", metadata={"help": "where outputs live: a directory", "as": (_not_empty, "a directory or a URL")}
    )
    workers: int = dataclasses.field(default=1, metadata={"help": "how many steps may run at a time"})
    project: str = dataclasses.field(default="", metadata={"help": "installed top-level packages whose code counts as the project's"})
    engine: str = dataclasses.field(
        default="",
        metadata={"help": "where steps execute: inline, or processes (with several workers)", "as": _one_of("", *ENGINES)},
    )
    on_code_change: str = dataclasses.field(default="rerun", metadata={"help": "when code that a step reaches changed", "as": _one_of(*POLICIES)})
    on_library_change: str = dataclasses.field(default="warn", metadata={"help": "when a library that it imports changed", "as": _one_of(*POLICIES)})
    signing_key_file: str = dataclasses.field(default="", metadata={"help": "a file, outside the store, with the keys that sign records"})
    allow_pickle: bool = dataclasses.field(default=True, metadata={"help": "whether formats that can run code when loaded may be used"})
    allow_unsigned_pickle: bool = dataclasses.field(
        default=False, metadata={"help": "whether such formats are loaded, unsigned, from where others can write"}
    )
    grace: float = dataclasses.field(default=3.0, metadata={"help": "seconds that running steps have to end after SIGTERM or ctrl-C"})
    durability: str = dataclasses.field(
        default="run",
        metadata={"help": "when outputs are on the disk: at the end of the run, or of each task (slower)", "as": _one_of("run", "task")},
    )
    umask: str = dataclasses.field(
        default="077",
        metadata={
            "help": "what others may not do with a store's files and directories",
            "as": (_octal, "octal digits from 000 to 077"),
        },
    )
    lease: float = dataclasses.field(
        default=60.0,
        metadata={
            "help": "seconds after which a writer on an object store that gives no sign of life counts as dead",
            "as": (_lease, f"a number of seconds, {SHORTEST_LEASE} or more"),
        },
    )
    capture: bool = dataclasses.field(default=True, metadata={"help": "whether what steps print goes to their logs in the store"})
    history_days: float = dataclasses.field(
        default=0.0, metadata={"help": "how long the history keeps a run; 0: for ever", "as": (_days, "a number of days")}
    )
    keep_going: bool = dataclasses.field(default=True, metadata={"help": "go on with other steps after one has failed"})


def read(environment: Mapping[str, str] | None = None) -> Settings:
    """Today's settings; `ConfigurationError` for an unknown name or a wrong value."""
    environment = os.environ if environment is None else environment
    known = {field.name: field for field in dataclasses.fields(Settings)}
    given: dict[str, tuple[Any, str]] = {}
    section, file = _section()
    for name, value in section.items():
        name = name.replace("-", "_")
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"known are {', '.join(known)}"
            raise ConfigurationError(f"[{SECTION}] {name} in {file} is no setting: {hint}")
        given[name] = (value, f"[{SECTION}] {name} in {file}")
    for name in known:
        text = environment.get(PREFIX + name.upper())
        # `${UNSET}` in a container's configuration is empty: as a directory that would be the current one.
        if text is not None and (text or name != "target_dir"):
            given[name] = (text, PREFIX + name.upper())
    _warn_of_others(environment, known)
    return Settings(**{name: _typed(known[name], value, source) for name, (value, source) in given.items()})


def trust_policy() -> trust.Policy:
    """What the configuration says about believing and decoding what is stored; read once, and again at the beginning of each run."""
    global _policy
    if _policy is None:
        now = read({})  # the environment is asked each time
        _policy = trust.Policy(now.signing_key_file, now.allow_pickle, now.allow_unsigned_pickle)
    return _policy


_policy: trust.Policy | None = None
trust.policy = trust_policy


def store_options() -> options.StoreOptions:
    """What the configuration says about how stores are written; read once, and again at the beginning of each run."""
    global _options
    if _options is None:
        now = read()
        _options = options.StoreOptions(durable=now.durability == "task", umask=int(now.umask, 8), lease=now.lease)
    return _options


_options: options.StoreOptions | None = None
options.current = store_options


def forget() -> None:
    """A run begins: the configuration may have changed."""
    global _policy, _options
    _policy = _options = None


def target_dir() -> str:
    """The store where the code names none."""
    return os.environ.get("PIPELINE_TARGET_DIR") or read().target_dir


def _warn_of_others(environment: Mapping[str, str], known: Iterable[str]) -> None:
    """Say, once, which names in the environment look like ours and are not."""
    ours = [*(PREFIX + name.upper() for name in known), *_OTHERS]
    for name in environment:
        if name.startswith(PREFIX) and name not in ours and name not in _told:
            _told.add(name)
            close = difflib.get_close_matches(name.removeprefix(PREFIX), [one.removeprefix(PREFIX) for one in ours], n=1, cutoff=_ALIKE)
            if close:
                log.warning("%s in the environment is no setting, and is ignored: did you mean %s%s?", name, PREFIX, close[0])


def _section() -> tuple[Mapping[str, Any], str]:
    """What the configuration says, and the file in which it does."""
    config: Any = configuration.get_config()
    if isinstance(config, configuration.LuigiTomlParser):  # it inherits what asks for sections, which knows of none
        return config.data.get(SECTION, {}), "luigi.toml"
    try:
        if config.has_section(SECTION):
            # Luigi's section, read name by name, does not find some names with a dash.
            return dict(config.items(SECTION)), "luigi.cfg"
    except configparser.Error as error:
        raise ConfigurationError(f"[{SECTION}] in luigi.cfg cannot be read: {error}") from error
    return {}, "luigi.cfg"


def _typed(field: Any, value: Any, source: str) -> Any:
    kind = type(field.default)
    parse, wanted = field.metadata.get("as") or _KINDS[kind]
    try:
        return parse(value)
    except (ValueError, TypeError, KeyError):
        raise ConfigurationError(f"{source} is {value!r}, and must be {wanted} ({field.metadata['help']})") from None
