"""SIGTERM, SIGINT and SIGHUP while a run is at work: steps get a grace period, nothing is left behind, the exit code says what happened.

Promises: the first signal raises `Terminated` or `KeyboardInterrupt` where the main thread is, so that `finally` blocks run and unfinished
outputs are undone; child processes are told the same. After the grace period, or at a second signal, the process ends at once, having
removed what unfinished outputs had written. A terminal that goes away sends SIGHUP, which is heeded like SIGTERM unless `nohup` has it
ignored. It works as process 1 of a container too, whose signals the kernel ignores unless somebody handles them.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

from pipeline import capture
from targets import local_draft, scratch

INTERRUPTED, TERMINATED = 130, 143


class Terminated(KeyboardInterrupt):
    """SIGTERM or SIGHUP came. No step can mistake it for an error of its own."""


#: What is to be ended at once when the process is.
_to_kill: list[Callable[[], None]] = []
#: Who is told of such an end.
_to_tell: list[Callable[[int], None]] = []
_heeding = False
#: By which exception the blocks are being left.
_leaving_by: KeyboardInterrupt | None = None
#: Whether a signal has to wait, and the one that does.
_is_held_back = False
_came: int | None = None
#: Whether this is a child process of ours (or a fork of one), where ctrl-C is ignored.
_is_child = False
_USUAL: dict[signal.Signals, Any] = {signal.SIGTERM: signal.SIG_DFL, signal.SIGINT: signal.default_int_handler}
#: Comes twice, from the system and from the shell, when a terminal goes away.
_HANGUP = getattr(signal, "SIGHUP", None)
if _HANGUP is not None:
    _USUAL[_HANGUP] = signal.SIG_DFL


#: What sees signals while they are heeded here.
_watch: _Watch | None = None

_masks = threading.local()


def _before_fork() -> None:
    # Where a signal has a handler in Python, Python forgets it if it comes before a forked process is set up; and an exception would take that
    # process through what its parent was at. It stays pending until the process ends by it as usual.
    _masks.before = None
    if signal.getsignal(signal.SIGTERM) in (_leave, _leave_step):
        _masks.before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})


def _unmask() -> None:
    before, _masks.before = getattr(_masks, "before", None), None
    if before is not None:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _forked() -> None:
    try:
        _forget()
    finally:
        _unmask()


def _forget() -> None:
    # A child shares what the parent watches: its own signals would look like the parent's.
    global _heeding, _leaving_by, _is_held_back, _came, _watch
    _to_tell.clear()
    _leaving_by, _is_held_back, _came, _watch = None, False, None, None
    if _heeding:
        _heeding = False
        with contextlib.suppress(ValueError):  # forked from another thread than the first
            signal.set_wakeup_fd(-1)
            for number, handler in _USUAL.items():
                if signal.getsignal(number) is _leave:
                    signal.signal(number, handler)
    if signal.getsignal(signal.SIGTERM) is _leave_step:
        # What a step forks is no child of ours, which would heed it in its own way.
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_unmask, after_in_child=_forked)


@contextlib.contextmanager
def heeded(grace: float) -> Iterator[None]:
    """Handle these signals meanwhile, in the main thread and where nobody else does."""
    global _heeding, _leaving_by, _came, _watch
    heeded_here = [number for number, handler in _USUAL.items() if signal.getsignal(number) == handler]
    if _heeding or not heeded_here or threading.current_thread() is not threading.main_thread():
        yield
        return
    _heeding, _leaving_by, _came = True, None, None
    watch = _watch = _Watch(grace, heeded_here)
    for number in heeded_here:
        signal.signal(number, _leave)
    try:
        yield
    except Exception:
        if _leaving_by is not None:
            # Something went wrong on the way out, perhaps since `give_up` had begun to end the same things.
            raise _leaving_by  # noqa: B904
        raise
    finally:
        with held_back():  # one that came in between would find the half of it
            watch.close()  # which does not come back where a second signal is heeded already: no third one disturbs that
            for number in heeded_here:
                signal.signal(number, _USUAL[number])
            _heeding, _leaving_by, _watch = False, None, None


@contextlib.contextmanager
def given_back(name: str) -> Iterator[None]:
    """Whoever handles a signal now does so again after the block; Luigi's worker takes SIGUSR1 and keeps it. In the main thread."""
    number = getattr(signal, name, None)  # not every system has it
    before = signal.getsignal(number) if number is not None and threading.current_thread() is threading.main_thread() else None
    try:
        yield
    finally:
        if number is not None and before is not None:
            signal.signal(number, before)


def take_back() -> None:
    """A step has run that may have set handlers of its own, and left them there: those of the run, or of the child, come back."""
    if threading.current_thread() is not threading.main_thread() or _leaving_by is not None:
        return
    if _is_child:
        if signal.getsignal(signal.SIGTERM) is not _leave_step:
            signal.signal(signal.SIGTERM, _leave_step)
    elif _watch is not None:
        for number in _watch.numbers:
            if signal.getsignal(number) is not _leave:
                signal.signal(number, _leave)
        _watch.listen()  # an event loop that handled another signal takes away whom the system wakes


def leaving_by() -> KeyboardInterrupt | None:
    """What the run, or the child, is being left by, whatever a step makes of it; None while it is not."""
    return _leaving_by


def is_from_outside(error: BaseException) -> bool:
    """Whether an exception ends more than the step that it comes from. In a child, a `KeyboardInterrupt` of another kind is the step's own."""
    return isinstance(error, Terminated if _is_child else KeyboardInterrupt)


@contextlib.contextmanager
def held_back() -> Iterator[None]:
    """A signal that comes meanwhile is heeded at the end of the block: for what must be known, once it is there, to whoever has to end it."""
    global _is_held_back, _came
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    _is_held_back = True
    try:
        yield
    finally:
        _is_held_back = False
        if _came is not None:
            number, _came = _came, None
            _leave(number, None)


def _leave(number: int, _: Any) -> None:
    global _leaving_by, _came
    if _is_held_back:
        _came = number
        return
    if _leaving_by is not None:
        return  # the blocks are being left already: they must not be left in their turn, and `_Watch` knows what a second signal means
    _leaving_by = KeyboardInterrupt() if number == signal.SIGINT else Terminated()
    raise _leaving_by


#: No signal has this number.
_END = b"\0"


class _Watch:
    """Sees signals even while the main thread is in a call that does not return, where Python's handlers have to wait."""

    def __init__(self, grace: float, numbers: list[signal.Signals]) -> None:
        self._grace = grace
        self.numbers = numbers
        self._ours, self._theirs = socket.socketpair()
        self._theirs.setblocking(False)
        self._before = self.listen()
        self._thread = threading.Thread(target=self._watch, daemon=True, name="luigi-warp signals")
        self._thread.start()

    def listen(self) -> int:
        return signal.set_wakeup_fd(self._theirs.fileno(), warn_on_full_buffer=False)

    def _watch(self) -> None:
        code: int | None = None
        while True:
            self._ours.settimeout(self._grace if code is not None else None)
            try:
                received = self._ours.recv(1)
            except TimeoutError:
                give_up(code or TERMINATED)
            if received in (b"", _END):
                return
            if received[0] in self.numbers:
                if code is not None and received[0] == _HANGUP:
                    continue
                if code is not None:
                    give_up(code)
                code = INTERRUPTED if received[0] == signal.SIGINT else TERMINATED

    def close(self) -> None:
        signal.set_wakeup_fd(self._before)
        self._theirs.send(_END)  # closing would not do: what a step has started may hold the other end
        self._thread.join()
        self._theirs.close()
        self._ours.close()


@contextlib.contextmanager
def killed_at_the_end(kill: Callable[[], None]) -> Iterator[None]:
    """What must not outlive this process, however it ends."""
    _to_kill.append(kill)
    try:
        yield
    finally:
        _to_kill.remove(kill)


@contextlib.contextmanager
def told_at_the_end(tell: Callable[[int], None]) -> Iterator[None]:
    """Whoever is to know the exit code if this process ends without leaving its blocks."""
    _to_tell.append(tell)
    try:
        yield
    finally:
        with contextlib.suppress(ValueError):  # forked meanwhile
            _to_tell.remove(tell)


def give_up(code: int) -> None:
    """End now; a step that does not heed an exception (a long call into C, say) is not waited for."""
    # The main thread may be leaving its blocks meanwhile: what it was about to say itself is undone below.
    to_tell = list(_to_tell)
    for kill in list(_to_kill):
        with contextlib.suppress(Exception):
            kill()
    with contextlib.suppress(Exception):
        capture.show_the_rest()
    with contextlib.suppress(Exception):
        local_draft.abandon_drafts()
    for tell in to_tell:
        # A store that does not answer must not keep us.
        telling = threading.Thread(target=_tell, args=(tell, code), daemon=True)
        telling.start()
        telling.join(1)
    scratch.remove()
    os._exit(code)


def _tell(tell: Callable[[int], None], code: int) -> None:
    with contextlib.suppress(Exception):  # nobody is there any more to be told of it
        tell(code)


def raise_in_child() -> None:
    """What a child process does at SIGTERM: the step that it is at is left by an exception."""
    global _is_child
    _is_child = True
    signal.signal(signal.SIGTERM, _leave_step)


def _leave_step(*_: Any) -> None:
    global _leaving_by
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    _leaving_by = Terminated()
    raise _leaving_by
