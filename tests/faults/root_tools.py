"""Tools of an administrator that tests of faults need: strace, which makes system calls fail, and mounts.

Where one is missing or forbidden, a test is skipped and says why; with `PIPELINE_TEST_ROOT_TOOLS=1` it fails instead, so that the
continuous integration cannot pass by skipping.
"""

import contextlib
import functools
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass

import pytest

PATIENCE = 60
_OF_MEMORY = ("brk", "futex", "madvise", "mmap", "mremap", "munmap")


def need(*tools):
    """Skip the test, or fail it, unless all of these work here: strace, mount, losetup, mkfs.ext4, mkfs.xfs."""
    for tool in tools:
        missing = _missing(tool)
        if missing is not None:
            if os.environ.get("PIPELINE_TEST_ROOT_TOOLS") == "1":
                pytest.fail(f"{missing}, and PIPELINE_TEST_ROOT_TOOLS=1 says that it must be there")
            pytest.skip(missing)


@functools.cache
def _missing(tool):
    if sys.platform != "linux":
        return "needs Linux"
    if shutil.which(tool) is None:
        return f"needs the program {tool}"
    trial = {"strace": ["strace", "-f", "-e", "trace=none", "true"], "mount": ["unshare", "-m", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]}.get(tool)
    if tool == "losetup":
        trial = ["losetup", "--find"]
    if trial is not None:
        tried = subprocess.run(trial, capture_output=True, text=True, check=False)
        if tried.returncode:
            return f"may not use {tool} here: {tried.stderr.strip()}"
    return None


@dataclass(frozen=True)
class Call:
    """A system call of a child, as strace has seen it."""

    name: str
    #: The how manieth of its name this was in the child.
    number: int
    line: str


class Child:
    """A forked process that does one thing while strace looks on, or has some of its system calls killed or failed."""

    def __init__(self, body, *options, log):
        need("strace")
        self._log = log
        self._answer, answer = os.pipe()
        self.process = os.fork()
        if self.process == 0:
            try:
                signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
                os.write(answer, b".")
                signal.sigwait([signal.SIGUSR1])
                os.write(answer, (body() or "done").encode())
            finally:
                os._exit(0)
        os.close(answer)
        # From here on it only waits, and by a call of which there is no other: all that follow have the same numbers every time.
        assert os.read(self._answer, 1) == b"."
        self._strace = subprocess.Popen(["strace", "-f", "-y", "-o", log, "-p", str(self.process), *options], stderr=subprocess.PIPE, text=True)
        try:
            said = self._strace.stderr.readline()
            assert "attached" in said, said
        except BaseException:
            os.kill(self.process, signal.SIGKILL)
            raise
        os.kill(self.process, signal.SIGUSR1)

    def end(self):
        """What it answered, "done" if nothing; None where it was killed."""
        with os.fdopen(self._answer) as file:
            answer = file.read()
        _, status = os.waitpid(self.process, 0)
        self._strace.communicate(timeout=PATIENCE)
        if os.WIFSIGNALED(status):
            assert os.WTERMSIG(status) == signal.SIGKILL, status
            return None
        return answer

    def calls(self):
        """Those of the body, in their order."""
        counts = {}
        found = []
        with open(self._log, errors="replace") as file:
            for line in file:
                match = re.match(r"(\d+) +(\w+)\(", line)
                if match is None or int(match[1]) != self.process:
                    continue
                counts[match[2]] = counts.get(match[2], 0) + 1
                found.append(Call(match[2], counts[match[2]], line))
        # The last is the answer. Whether it must ask for memory depends on what was forked.
        return [call for call in found[:-1] if not call.name.startswith("rt_sig") and call.name not in _OF_MEMORY]


def traced(body, log, answer="done"):
    """All system calls that the body makes."""
    child = Child(body, "-e", "trace=all", log=log)
    assert child.end() == answer
    return child.calls()


def injected(body, call, what, log):
    """Run the body with one of its system calls tampered with; its answer, None if it was killed."""
    return Child(body, "-e", f"trace={call.name}", "-e", f"inject={call.name}:{what}:when={call.number}", log=log).end()


@contextlib.contextmanager
def mounted(folder, *arguments):
    """Something is mounted at a folder until the end of the block, whatever happens in it."""
    folder.mkdir(exist_ok=True)
    subprocess.run(["mount", *arguments, folder], check=True, capture_output=True, timeout=PATIENCE)
    try:
        yield folder
    finally:
        unmount(folder)


def unmount(folder):
    for _ in range(100):
        if subprocess.run(["umount", folder], check=False, capture_output=True).returncode == 0:
            return
        time.sleep(0.05)  # a process that is ending still has a file open there
    subprocess.run(["umount", "--lazy", folder], check=True)
