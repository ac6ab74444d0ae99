"""The contract of an output: exists, dump, load, remove, record.

A format is a class with an `extension`, a `write` and a `read`; everything else is here. Promises: `dump`
leaves the old output, the new one or none; `load` decodes only bytes that were verified against the record,
and raises `DamagedError` rather than hand out anything else. `exists` is Luigi's question (is it there, whole
by its size); whether it is still *true* is answered by `Task.complete`.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import IO, Any, BinaryIO, ClassVar, Generic, TypeVar

import luigi.target

from targets import bytecode, known, seal, trust
from targets.errors import (
    DamagedError,
    DumpError,
    LoadError,
    MissingOutputError,
    PipelineError,
    RecordError,
    StoreError,
    TargetError,
    UntrustedError,
)
from targets.messages import said
from targets.opening import open_store
from targets.paths import absolute
from targets.place import Place
from targets.presence import lacking
from targets.reading import damage_of, verified_bytes, verified_file
from targets.record import Part, Record
from targets.snapshot import Snapshot
from targets.store import Draft, Stamp, Store
from targets.verifying import seal_directory, verify_directory, verify_part

T = TypeVar("T")
V = TypeVar("V")
#: Makes the record of an output: given the one that it replaces, and by name what `Target` knows of what was written.
Facts = Callable[..., Record]
#: How the name of a step's log ends.
LOG = ".log"
#: How the name of the directory with a step's side files ends.
DIRECTORY = ".files"


def log_name(target: Target[Any]) -> str:
    """The name of the log of the step whose output this is: no part of the output, but removed with it."""
    return target.place.stem + (LOG if target.name != target.place.stem + LOG else ".step" + LOG)


class Target(luigi.target.Target, Generic[T]):
    """Where one output lives: its data and one record beside it.

    Subclasses say how a value is written to and read from a binary file:

        class YamlTarget(Target):
            extension = "yaml"

            def write(self, value, file):
                file.write(yaml.safe_dump(value).encode())

            def read(self, file):
                return yaml.safe_load(file)

    What `write` raises stops the step and leaves the old output. `read` takes whatever options a step passes
    to `load`. `describe` may name the columns of a value; they are kept in the record.
    """

    extension: ClassVar[str] = "bin"
    #: The output has no bytes that could be compared; consumers depend on what it was made from.
    identity_from_inputs: ClassVar[bool] = False
    #: Decoding can run code that is in the data: allowed only where they are trusted.
    runs_code: ClassVar[bool] = False
    #: The data live no longer than this process.
    in_memory: ClassVar[bool] = False

    #: The stamp of what this object has dumped last.
    dumped: Stamp | None = None
    #: The task this output belongs to, where there is one.
    task: Any = None
    part: str = ""

    def __init__(self, place: Place | str | os.PathLike[str]) -> None:
        if not isinstance(place, Place):
            folder, name = os.path.split(absolute(place))
            place = Place(open_store(folder), name.removesuffix("." + self.extension))
        self.place = place

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.path})"

    __str__ = __repr__

    # What a format says

    def write(self, value: T, file: BinaryIO) -> None:
        raise DumpError(f"{type(self).__name__} defines no write(value, file)")

    def read(self, file: BinaryIO, **options: Any) -> T:
        raise LoadError(f"{type(self).__name__} defines no read(file)")

    def describe(self, value: T) -> Mapping[str, str] | None:
        """Columns and their types, where the value has any."""
        return None

    # What a task and a person use

    @property
    def store(self) -> Store:
        return self.place.store

    @property
    def name(self) -> str:
        """The data's name in the store."""
        return f"{self.place.stem}.{self.part}.{self.extension}" if self.part else f"{self.place.stem}.{self.extension}"

    @property
    def path(self) -> str:
        """Where the data are: a path, or a URL on a remote store."""
        return self.store.where(self.name)

    @property
    def record(self) -> Record:
        """What made this output; `MissingOutputError` if there is none."""
        found = self.find_record()
        if found is None:
            raise MissingOutputError(f"nothing is stored at {self.path}: build the task first")
        return found[0]

    def find_record(self, through: Store | Snapshot | None = None) -> tuple[Record, Stamp] | None:
        """The record and its stamp, None where there is none. `through`: what to ask in the place of the store."""
        return known.find(self.place, through)

    def rewrite(self, record: Record, *, vouched: bool = False) -> None:
        """Replace the record, the data staying as they are. The caller holds the key's lock.

        A record that is not trusted is not signed anew by that, unless the caller has `vouched` for it.
        """
        distrusted = None if vouched else trust.distrust(record)
        if distrusted is not None:
            raise UntrustedError(f"{self.path} is not trusted, so its record is left as it is: {distrusted}")
        record, data = trust.sealed(record)
        with self.store.draft() as draft:
            known.remember(self.place, record, draft.commit(self.place.record_name, data))

    def named_code(self) -> frozenset[Any]:
        """Classes, functions and modules that what was last written refers to by name."""
        return frozenset()

    def stamp(self) -> Stamp | None:
        """Changes whenever the record is replaced; None where there is none."""
        return self.store.stamp(self.place.record_name)

    def exists(self) -> bool:
        """There is a record that can be read, and data of the recorded size."""
        try:
            found = self.find_record()
        except RecordError:
            return False
        return found is not None and not found[0].trimmed and self.what_is_wrong(found[0]) is None

    def what_is_wrong(self, record: Record, through: Store | Snapshot | None = None) -> tuple[str, str] | None:
        """(rule, reason) where the data are not those of the record, as far as names and sizes tell."""
        return lacking(record, self.store, self.directory_name, through or self.store)

    def fits(self, record: Record) -> str | None:
        """None where the record is of the format that this class stands for, else words."""
        if len(record.parts) != 1 or record.parts[0].name != self.part:
            return "it was stored in other parts"
        if record.parts[0].format != self.format_name():
            return f"it was stored as {record.parts[0].format}"
        return None

    @classmethod
    def format_name(cls) -> str:
        return cls.extension

    @property
    def directory_name(self) -> str:
        return self.place.stem + DIRECTORY

    # Writing

    def dump(self, value: T, *, facts: Facts | None = None, draft: Draft | None = None, directory: os.PathLike[str] | None = None) -> Record:
        """Store a value. `facts` gives the record so far, once the parts are written; a `draft` that a step has opened is committed.

        The caller holds the key's lock where others may write at the same time, as a step does.
        `directory`: where the step wrote side files, which are part of the output.
        """
        if draft is None:
            with self.store.draft() as own:
                return self.dump(value, facts=facts, draft=own, directory=directory)
        try:
            parts = self.save(value, draft)
        except PipelineError:
            raise
        except OSError as error:
            raise StoreError(f"cannot write {self.path}: {error}. Nothing was changed: mend the cause and run again") from error
        except Exception as error:
            raise DumpError(
                f"{self._owner()} returned a {type(value).__name__} that {type(self).__name__} cannot store: "
                f"{type(error).__name__}: {said(error)}. Return something else, or choose another target_type"
            ) from error
        try:
            return self._commit(draft, parts, facts or self._plain_facts, directory)
        except OSError as error:
            raise StoreError(f"cannot store {self.path}: {error}. Nothing was changed: mend the cause and run again") from error

    def _plain_facts(self, before: Record | None, **stored: Any) -> Record:
        return Record(key=self.place.key, **stored)

    def save(self, value: T, draft: Draft) -> tuple[Part, ...]:
        """Write the value's files into the draft."""
        writer = draft.writer(self.name)
        try:
            self.write(value, writer)  # type: ignore[arg-type]
        except BaseException:
            writer.abandon()
            raise
        sealed, size = writer.finish()
        told = {"columns": self.describe(value), "bytecode": bytecode.among(self.named_code())}
        return (Part.of(sealed, self.part, self.name, self.format_name(), size, **told),)

    def _commit(self, draft: Draft, parts: tuple[Part, ...], facts: Facts, directory: os.PathLike[str] | None) -> Record:
        obsolete: list[str] = []
        if directory is not None and not (os.path.isdir(directory) and os.listdir(directory)):
            # It, or all that was in it, became the output.
            with suppress(FileNotFoundError):
                os.rmdir(directory)
            directory = None
        if directory is None and self.store.size(self.directory_name) is not None:
            obsolete.append(self.directory_name)
        before: Record | None = None
        replaces = not draft.is_first
        if replaces:
            with suppress(RecordError):
                found = self.find_record()
                replaces = found is not None
                if found is not None:
                    before = found[0]
                    kept = {part.file for part in parts}
                    obsolete += [file for file in _files_of(before) if file not in kept]
        side_files = seal_directory(directory) if directory is not None else (None, 0)
        record = facts(
            before,
            parts=parts,
            digest=parts[0].digest if len(parts) == 1 and not parts[0].name else seal.combine(f"{p.name} {p.digest}" for p in parts),
            size=sum([part.size for part in parts]),
            directory=side_files[0],
            directory_size=side_files[1],
        )
        record, data = trust.sealed(record)
        self.dumped = stamp = draft.commit(self.place.record_name, data, obsolete=tuple(obsolete), replaces=replaces)
        known.remember(self.place, record, stamp)
        return record

    # Reading

    def load(self, **options: Any) -> T:
        """The stored value. The bytes are verified first: `DamagedError` if they are not those that were written."""
        return self.load_with_stamp(**options)[0]

    def load_judged(self, stamp: Stamp | None, **options: Any) -> tuple[T, Stamp]:
        """Like `load_with_stamp`, trying the record that had this stamp when it was judged.

        Whether it still has is not asked: if the bytes are those of that record, then so is the value.
        """
        record = known.of_stamp(self.place, stamp)
        if record is not None and stamp is not None:
            self.insist_on_trust(record)
            try:
                return self._load_whole(record, **options), stamp
            except (DamagedError, FileNotFoundError):
                # It may have been replaced since, and what is there now be in order.
                return self.load_with_stamp(**options)
        return self.load_with_stamp(**options)

    def load_with_stamp(self, **options: Any) -> tuple[T, Stamp]:
        """The stored value, and the stamp of the very record that it was verified with."""
        return self._read_by(lambda record: self._load_whole(record, **options))

    def open(self, mode: str = "r") -> IO[Any]:
        """The stored bytes as a file to read from, verified as they are read: what plain Luigi tasks ask a target for. Text is UTF-8."""
        insist_on_reading(mode, self.path)
        file = self._read_by(lambda record: self._file_of(record.part(self.part)))[0]
        return file if mode == "rb" else io.TextIOWrapper(file, encoding="utf-8")

    def _read_by(self, read: Callable[[Record], V]) -> tuple[V, Stamp]:
        for attempt in (1, 2):
            found = self.find_record()
            if found is None:
                raise MissingOutputError(f"nothing is stored at {self.path}: build {self._owner()} first")
            if found[0].trimmed:
                raise MissingOutputError(f"the data of {self._owner()} were trimmed: build it again to load it")
            self.insist_on_trust(found[0])
            try:
                return read(found[0]), found[1]
            except (DamagedError, FileNotFoundError) as error:
                # Somebody may have committed between our look at the record and at the data.
                if attempt == 2 or self.store.stamp(self.place.record_name) == found[1]:
                    if isinstance(error, DamagedError):
                        raise
                    raise MissingOutputError(f"{self.path} is gone while its record is there: build {self._owner()} again") from error
        raise AssertionError("unreachable")

    def insist_on_trust(self, record: Record) -> None:
        """The one gate before anything is decoded: raise unless this record may be believed, and this format be decoded here."""
        distrusted = trust.distrust(record)
        if distrusted is not None:
            raise UntrustedError(f"{self.path} is not trusted: {distrusted}; it will be made again")
        trust.insist_on_decoding(runs_code=self.runs_code, store=self.store, what=self._owner())

    def _load_whole(self, record: Record, **options: Any) -> T:
        if record.directory is not None and not self.store.reads_in_bulk:  # of a far store nothing of it is here
            verify_directory(self.store, self.directory_name, record.directory)
        return self.load_from(record, **options)

    def load_from(self, record: Record, **options: Any) -> T:
        return self.load_part(record.part(self.part), **options)

    def load_part(self, part: Part, **options: Any) -> T:
        return self.decode(self._file_of(part), part, **options)

    def _file_of(self, part: Part) -> BinaryIO:
        if part.kind != "file":
            raise TargetError(f"{self.path} is no file that could be opened: load() it")
        try:
            return verified_file(self.store, part) if part.pieces else verified_bytes(self.store, part)
        except IsADirectoryError as error:
            raise DamagedError(f"{self.store.where(part.file)} is a directory where a file was written; it will be made again") from error
        except FileNotFoundError:
            raise
        except OSError as error:
            raise StoreError(f"cannot read {self.store.where(part.file)}: {error}. Mend the cause and run again") from error

    def decode(self, file: BinaryIO, part: Part, **options: Any) -> T:
        """Turn a file into a value; `file` gives verified bytes only."""
        if part.bytecode:
            bytecode.insist_on_this(part, self._owner())
        try:
            return self.read(file, **options)
        except PipelineError:
            raise
        except Exception as error:
            damage = damage_of(file)
            if damage is not None:
                raise damage from error
            raise LoadError(f"{self.path} is intact but {type(self).__name__} cannot read it: {type(error).__name__}: {said(error)}") from error

    def verify(self) -> None:
        """Read every byte; `DamagedError` where one differs from what was written, or where it is not trusted."""
        record = self.record
        distrusted = trust.distrust(record)
        if distrusted is not None:
            raise UntrustedError(f"{self.path} is not trusted: {distrusted}")
        self.verify_bytes(record)

    def verify_bytes(self, record: Record) -> None:
        """`DamagedError` unless all bytes are those that a record speaks of, whoever has written it."""
        for part in record.parts:
            verify_part(self.store, part)
        if record.directory is not None:
            verify_directory(self.store, self.directory_name, record.directory, again=True)

    def remove(self) -> None:
        """Remove the output and its record; fine if there is none."""
        with self.store.lock(self.place.key):
            self._each_file(self.store.delete)

    def quarantine(self) -> bool:
        """Move a damaged output away, unless somebody has mended it meanwhile. The caller holds no lock."""
        with self.store.lock(self.place.key):
            try:
                self.verify()
                return False
            except (DamagedError, RecordError, MissingOutputError, FileNotFoundError):
                self._each_file(self.store.quarantine)
                return True

    def _each_file(self, action: Callable[..., None]) -> None:
        names = [self.place.record_name, self.name, self.directory_name, log_name(self)]
        with suppress(RecordError):
            if found := self.find_record():
                names[1:1] = [file for file in _files_of(found[0]) if file != self.name]
        action(*names)
        known.forget(self.place)

    def _owner(self) -> Any:
        # As it is: making words of it for each load, in case that something is wrong, costs as much as a small load.
        return self.task if self.task is not None else self.path


def insist_on_reading(mode: str, path: str) -> None:
    if mode not in ("r", "rt", "rb"):
        raise TargetError(f"{path} can be opened to read only, not with mode {mode!r}: what a step returns is stored")


def _files_of(record: Record) -> list[str]:
    # A part that keeps no data of ours names no file; its empty name would stand for the whole store.
    return [part.file for part in record.parts if part.file]
