"""Records that this process has read or written: each is parsed once for each stamp.

A record whose stamp is another than that of the file is never handed out. `RecordError` and `NewerRecordError` name the file.
"""

from __future__ import annotations

from targets.errors import NewerRecordError, RecordError
from targets.place import Place
from targets.record import Record
from targets.snapshot import Snapshot
from targets.store import Stamp, Store

_MOST = 20_000
#: What is read of a file at once; few records are larger.
_SIZE = 4096
_known: dict[tuple[str, str], tuple[Stamp, Record]] = {}


def find(place: Place, through: Store | Snapshot | None = None) -> tuple[Record, Stamp] | None:
    """The record of a place and its stamp, None where there is none. `through`: what to ask in the place of the store."""
    store, name = through or place.store, place.record_name
    known = _known.get((place.store.url, name))
    if known is not None:
        stamp = store.stamp(name)
        if stamp is None:
            return None
        if known[0] == stamp:
            return known[1], stamp
    try:
        found = store.read_stamped(name, _SIZE)
        if found is None:
            return None
        data, stamp = found
        record = Record.from_bytes(data)
        for part in record.parts:
            # Whoever can write a record must not be able to have other files read or removed by it.
            if part.file and not _is_of(place, part.file):
                raise RecordError(f"it belongs to another task: it names the file {part.file!r}")
    except FileNotFoundError:
        return None
    except IsADirectoryError as error:
        raise RecordError(f"{place.store.where(name)} is a directory where a record should be: move it away") from error
    except (RecordError, NewerRecordError) as error:
        raise type(error)(f"{place.store.where(name)}: {error}") from error
    remember(place, record, stamp)
    return record, stamp


def _is_of(place: Place, name: str) -> bool:
    """Whether a file lies beside the record, and is called as it is but for the ending."""
    ending = name.removeprefix(place.stem + ".")
    return ending != name and not any(character in ending for character in "/\\\0")


def of_stamp(place: Place, stamp: Stamp | None) -> Record | None:
    """The record that had this stamp, if it is remembered; whether it still has is not asked."""
    known = _known.get((place.store.url, place.record_name))
    return known[1] if known is not None and known[0] == stamp else None


def remember(place: Place, record: Record, stamp: Stamp) -> None:
    if len(_known) >= _MOST:
        _known.clear()
    _known[place.store.url, place.record_name] = (stamp, record)


def forget(place: Place) -> None:
    _known.pop((place.store.url, place.record_name), None)


def forget_all() -> None:
    """Read every record from the store again, also those that look unchanged."""
    _known.clear()
