"""A program in a terminal of its own, as a test looks at it."""

import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time

ESCAPE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[@-_])")


class Terminal:
    """Runs a command in a pseudo terminal, and keeps what it writes."""

    def __init__(self, command, *, columns=80, lines=24, **options):
        self._ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self.process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True, **options)
        os.close(theirs)
        self.raw = ""

    def _read(self, seconds):
        ready, _, _ = select.select([self._ours], [], [], seconds)
        if not ready:
            return True
        try:
            data = os.read(self._ours, 65536)
        except OSError:  # Linux says so when nobody has the other end
            return False
        self.raw += data.decode(errors="replace")
        return bool(data)

    def wait_for(self, words, seconds=60):
        """Until these words were written."""
        until = time.monotonic() + seconds
        while words not in self.text:
            assert self._read(0.2) or words in self.text, self.text
            assert time.monotonic() < until, self.text

    def interrupt(self):
        self.process.send_signal(signal.SIGINT)

    def end(self, seconds=60):
        """Read to the end; the exit code."""
        until = time.monotonic() + seconds
        while self._read(0.2) and time.monotonic() < until:
            pass
        code = self.process.wait(10)
        os.close(self._ours)
        return code

    def kill(self):
        with contextlib.suppress(OSError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    @property
    def text(self):
        """All that was written, without escape codes."""
        return ESCAPE.sub("", self.raw).replace("\r\n", "\n").replace("\r", "\n")

    @property
    def cursor_is_shown(self):
        return self.raw.rfind("\x1b[?25h") >= self.raw.rfind("\x1b[?25l")
