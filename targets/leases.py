"""One writer at a time for a key, where there is no kernel that could keep others out: leases on an object store.

A lease is an object `<folder>/<key>/<number>` which nobody but the first can create (a conditional put). Its holder writes it
anew all the while, as a sign of life. Whoever has seen no sign for as long as the lease says, by his own clock, creates the next number; the highest
number holds. Promises: of several who ask one gets the lease; a holder that was stopped, cut off or is dead is succeeded; and when it comes
back (a zombie), `insist` raises `LeaseLostError` before it could overwrite what its successor has written.
No two clocks are compared, so they need not agree; they must only run about equally fast.
"""

from __future__ import annotations

import json
import logging
import os
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Protocol

from targets import processes, store_options
from targets.errors import LeaseLostError

log = logging.getLogger("targets")

FOLDER = ".luigi-warp/leases"
_LONGEST = 3600.0
#: Signs of life within the time of a lease.
_SIGNS = 4
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 2.0


def _clock() -> float:
    """Goes on while a process is stopped, and while the machine sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


class Objects(Protocol):
    """What leases ask of an object store."""

    def create(self, name: str, data: bytes) -> bool:
        """Put an object that is not there; False, and nothing changed, if it is. Of several who try at once one succeeds."""

    def write(self, name: str, data: bytes) -> None: ...

    def read(self, name: str, size: int) -> bytes:
        """`FileNotFoundError` where there is nothing."""

    def list(self, folder: str) -> Iterator[str]: ...

    def delete(self, *names: str) -> None: ...


class Lease:
    """What one holder knows of his lease."""

    def __init__(self, key: str, number: int, seconds: float) -> None:
        self.key = key
        self.number = number
        self.name = _name(key, number)
        self.seconds = seconds
        self.token = uuid.uuid4().hex
        self.until = 0.0
        #: Held while a sign of life is on its way: one that arrives after the lease was given back would bring it to life again.
        self.is_renewed = threading.Lock()
        self._signs = 0

    def body(self) -> bytes:
        self._signs += 1
        facts = {"token": self.token, "sign": self._signs, "seconds": self.seconds, "host": socket.gethostname(), "process": os.getpid()}
        return json.dumps(facts).encode()


class Leases:
    """The leases of one store."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._changed = threading.Condition()
        self._held: dict[str, Lease] = {}
        #: The last sign of life of a holder, and since when it is the last: whoever asks again and again need not begin to watch anew.
        self._signs: dict[str, tuple[tuple[int, bytes], float]] = {}
        self._keeper: threading.Thread | None = None
        self._owner = processes.current

    def take(self, key: str, waiting: Callable[[], None]) -> Lease:
        """Wait until this process has the lease; `waiting` is called whenever another one has it."""
        seconds = store_options.current().lease
        pause = _FIRST_PAUSE
        seen, since = self._signs.get(key, ((0, b""), 0.0))
        while True:
            latest, body = self._latest(key)
            if latest:
                if (latest, body) != seen:
                    seen, since = self._signs[key] = (latest, body), _clock()
                if _clock() - since <= seconds_of(body, seconds):
                    waiting()
                    time.sleep(pause)
                    pause = min(pause * 1.5, _LONGEST_PAUSE, seconds / _SIGNS)
                    continue
                log.warning("the lease of %s was not renewed by its holder, which counts as dead: %s", key, body.decode(errors="replace"))
            lease = Lease(key, latest + 1, seconds)
            begun = _clock()
            if self._objects.create(lease.name, lease.body()):
                lease.until = begun + seconds
                self._signs.pop(key, None)
                self._objects.delete(*(_name(key, number) for number in self._numbers(key) if number < lease.number))
                self._keep(lease)
                return lease

    def held(self, key: str) -> Lease | None:
        """The lease that this process has of a key."""
        return self._held.get(key) if self._owner == processes.current else None

    def insist(self, lease: Lease) -> None:
        """`LeaseLostError` unless the lease is held, and for some time yet."""
        if _clock() > lease.until - lease.seconds * 2 / _SIGNS:
            self._renew(lease)
        if _clock() < lease.until:
            is_ours = _facts(self._body(lease.name) or b"").get("token") == lease.token
            if is_ours and max(self._numbers(lease.key), default=0) == lease.number:
                return
        self._drop(lease)
        raise LeaseLostError(f"another writer has taken over {lease.key}, since this one gave no sign of life for {lease.seconds:g} s")

    def give_back(self, lease: Lease) -> None:
        if self._owner != processes.current or not self._drop(lease):
            return
        with lease.is_renewed:
            if _clock() >= lease.until:
                return
            try:
                self._objects.delete(lease.name)
            except Exception as error:  # whatever a backend raises: what was written under it is written
                log.warning("a lease of %s stays until it expires: %s", lease.key, error)

    def _numbers(self, key: str) -> list[int]:
        return [int(name) for name in self._objects.list(f"{FOLDER}/{key}") if name.isdigit()]

    def _latest(self, key: str) -> tuple[int, bytes]:
        """The number that holds and what its object says; 0 where nobody holds."""
        while latest := max(self._numbers(key), default=0):
            body = self._body(_name(key, latest))
            if body is not None:
                return latest, body
            # It was given back between the listing and the look.
        return 0, b""

    def _body(self, name: str) -> bytes | None:
        try:
            return self._objects.read(name, 256)
        except FileNotFoundError:
            return None

    # Signs of life

    def _keep(self, lease: Lease) -> None:
        if self._owner != processes.current:
            # A forked child has none of its parent's leases, nor the thread that keeps them, which may have held the lock as it was forked.
            self._owner, self._held, self._keeper, self._changed = processes.current, {}, None, threading.Condition()
        with self._changed:
            self._held[lease.key] = lease
            if self._keeper is None:
                self._keeper = threading.Thread(target=self._give_signs, daemon=True, name="luigi-warp leases")
                self._keeper.start()

    def _give_signs(self) -> None:
        while True:
            with self._changed:
                if not self._held:
                    self._keeper = None
                    return
                held = list(self._held.values())
                self._changed.wait(min(lease.seconds for lease in held) / _SIGNS)
            for lease in held:
                if self._held.get(lease.key) is lease:
                    self._renew(lease)

    def _renew(self, lease: Lease) -> None:
        with lease.is_renewed:
            begun = _clock()
            if begun >= lease.until or self._held.get(lease.key) is not lease:
                return  # somebody may have taken over: a sign of life now would be a lie
            try:
                self._objects.write(lease.name, lease.body())
                lease.until = begun + lease.seconds
            except Exception as error:  # whatever a backend raises: the next sign may succeed; if none does, the lease runs out
                log.warning("cannot renew the lease of %s: %s", lease.key, error)

    def _drop(self, lease: Lease) -> bool:
        with self._changed:
            if self._held.get(lease.key) is not lease:
                return False
            del self._held[lease.key]
            self._changed.notify_all()
            return True


def _name(key: str, number: int) -> str:
    return f"{FOLDER}/{key}/{number:012d}"


def _facts(body: bytes) -> dict[str, object]:
    try:
        facts = json.loads(body)
    except ValueError:
        return {}
    return facts if isinstance(facts, dict) else {}


def seconds_of(body: bytes, usual: float) -> float:
    """How long a lease holds without a sign of life; what nobody can read holds as long as ours."""
    seconds = _facts(body).get("seconds")
    return min(float(seconds), _LONGEST) if isinstance(seconds, (int, float)) and seconds > 0 else usual
