"""May a stored output be believed, and may it be decoded? Signatures of records, and the rules for formats that can run code.

Promises: where a signing key is set, nothing is decoded whose record does not carry a valid signature made with a known key; the signature covers
the whole record, hence key, parameters, format and the digest of every byte. Whatever is wrong (no signature, another key, a key file that
cannot be read) means no. Nothing here decodes anything, and no message holds a key.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import hmac
import os
import stat
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from blake3 import blake3

from targets import processes
from targets.errors import PickleForbiddenError, SigningKeyError, UnsignedPickleError

if TYPE_CHECKING:
    from targets.record import Record
    from targets.store import Store

KEY = "PIPELINE_SIGNING_KEY"
KEY_FILE = "PIPELINE_SIGNING_KEY_FILE"
ALLOW_PICKLE = "PIPELINE_ALLOW_PICKLE"
ALLOW_UNSIGNED = "PIPELINE_ALLOW_UNSIGNED_PICKLE"

_LEAST_LENGTH = 16
_FALSE = frozenset({"0", "false", "no", "off"})
_TRUE = frozenset({"1", "true", "yes", "on"})


@dataclasses.dataclass(frozen=True, slots=True)
class Policy:
    """What the application's configuration says, where the environment says nothing."""

    key_file: str = ""
    allow_pickle: bool = True
    allow_unsigned_pickle: bool = False


#: Set by the layer above, which knows the configuration.
policy: Callable[[], Policy] = Policy


class Keyring:
    """The keys of this process: the first signs, all verify, so that a new one can be put in front of the old."""

    __slots__ = ("_keys", "_signing")

    def __init__(self, secrets: list[bytes]) -> None:
        # Derived, so that the id of a key says nothing about it, and a key serves one purpose only.
        self._keys = {
            blake3(secret, derive_key_context="luigi-warp 2026-11 id of a signing key").hexdigest(length=8): blake3(
                secret, derive_key_context="luigi-warp 2026-11 signature of a record"
            ).digest()
            for secret in secrets
        }
        self._signing = next(iter(self._keys), "")

    def __bool__(self) -> bool:
        return bool(self._keys)

    def __repr__(self) -> str:
        return f"Keyring({', '.join(self._keys)})"

    def sign(self, data: bytes) -> str:
        """The signature of these bytes, with the id of its key."""
        return f"{self._signing}:{_hmac(self._keys[self._signing], data)}"

    def distrust(self, signature: str, data: bytes) -> str | None:
        """None where the signature is one of ours for these bytes, else words."""
        name, _, code = signature.partition(":")
        if not signature:
            return "its record is not signed"
        key = self._keys.get(name)
        if key is None:
            return f"its record is signed with the key {name[:16]!r}, which is not known here"
        if not hmac.compare_digest(_hmac(key, data).encode(), code.encode("utf-8", "replace")):
            return "the signature of its record is wrong"
        return None

    def is_signed_by_first(self, signature: str) -> bool:
        return signature.partition(":")[0] == self._signing


class _Settled(NamedTuple):
    keyring: Keyring
    allow_pickle: bool
    allow_unsigned: bool


_settled: _Settled | None = None
_runs = 0
_lock = processes.lock()


@contextlib.contextmanager
def settled() -> Iterator[None]:
    """During a run, and those within it or beside it, the settings are those of its beginning: a step that changes the environment opens no door."""
    global _settled, _runs
    with _lock:
        if _settled is None:
            _settled = _Settled(keyring(), pickle_is_allowed(), _unsigned_is_allowed())
        _runs += 1
    try:
        yield
    finally:
        with _lock:
            _runs -= 1
            if not _runs:
                _settled = None


def keyring() -> Keyring:
    """The keys that are set now; `SigningKeyError` where something is set that is no key."""
    if _settled is not None:
        return _settled.keyring
    text = os.environ.get(KEY)
    if text is not None:
        return _from_text(text, KEY)
    file = os.environ.get(KEY_FILE) or policy().key_file
    if not file:
        return _NO_KEYS
    try:
        found = os.stat(file)
    except OSError as error:
        raise SigningKeyError(f"the signing key file {file} cannot be read: {error}. Nothing is trusted without it") from error
    if hasattr(os, "getuid") and found.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise SigningKeyError(f"the signing key file {file} can be read by others: chmod 600 it")
    return _from_file(os.path.abspath(file), (found.st_mtime_ns, found.st_size))


def check_key_is_outside(store_root: str) -> None:
    """`SigningKeyError` where the key file lies in the store: whoever can write there could sign."""
    file = os.environ.get(KEY_FILE) or policy().key_file
    if file and KEY not in os.environ:
        root = os.path.realpath(store_root)
        try:
            lies = os.path.realpath(file)
        except FileNotFoundError as error:  # the current folder has been removed
            raise SigningKeyError(f"the signing key file {file} cannot be read: {error}. Nothing is trusted without it") from error
        if os.path.commonpath([root, lies]) == root:
            raise SigningKeyError(f"the signing key file {file} lies in the store {store_root}, where it protects nothing: move it elsewhere")


def sealed(record: Record) -> tuple[Record, bytes]:
    """A record with the bytes that are stored for it, signed where there is a key."""
    keys = keyring()
    if not keys:
        return record, record.to_bytes()
    data = record.to_bytes(keys.sign)
    return type(record).from_bytes(data), data


def distrust(record: Record) -> str | None:
    """None where a record may be believed, else words. Without a key every intact record may."""
    keys = keyring()
    return keys.distrust(record.signature, record.signed) if keys else None


def insist_on_decoding(*, runs_code: bool, store: Store, what: object) -> None:
    """Raise where a format that can run code must not be decoded. `what` is for the message."""
    if not runs_code:
        return
    if not pickle_is_allowed():
        raise PickleForbiddenError(
            f"{what} is stored in a format that can run code when it is loaded, and allow_pickle is false: choose another target_type"
        )
    if store.is_shared() and not keyring() and not _unsigned_is_allowed():
        raise UnsignedPickleError(
            f"{what} lies in {store.url}, where others can write, and is not signed; loading it could run their code. Set {KEY}, choose a "
            f"target_type that runs no code, or say allow_unsigned_pickle = true under [pipeline] if everybody who can write there is trusted"
        )


def pickle_is_allowed() -> bool:
    """Whether formats that can run code may be used at all."""
    return _settled.allow_pickle if _settled is not None else _setting(ALLOW_PICKLE, policy().allow_pickle)


def _unsigned_is_allowed() -> bool:
    return _settled.allow_unsigned if _settled is not None else _setting(ALLOW_UNSIGNED, policy().allow_unsigned_pickle)


def _setting(name: str, otherwise: bool) -> bool:
    text = os.environ.get(name, "").strip().lower()
    if text in _TRUE:
        return True
    # Anything else that was set means the safe side: these settings open doors.
    return otherwise if not text else False


def _hmac(key: bytes, data: bytes) -> str:
    return hmac.new(key, data, "sha256").hexdigest()


_NO_KEYS = Keyring([])


@functools.lru_cache(maxsize=8)
def _from_text(text: str, source: str) -> Keyring:
    secrets = [part.strip() for part in text.replace(",", "\n").splitlines() if part.strip()]
    if not secrets:
        raise SigningKeyError(f"{source} is set and holds no key: unset it, or put a long random text into it")
    if any(len(secret) < _LEAST_LENGTH for secret in secrets):
        raise SigningKeyError(f"a key in {source} has fewer than {_LEAST_LENGTH} characters: make one with `openssl rand -hex 32`")
    return Keyring([secret.encode() for secret in secrets])


@functools.lru_cache(maxsize=8)
def _from_file(path: str, _version: tuple[int, int]) -> Keyring:
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read()
    except (OSError, UnicodeDecodeError) as error:
        raise SigningKeyError(f"the signing key file {path} cannot be read: {error}") from error
    return _from_text(text, path)
