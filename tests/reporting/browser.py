"""A real Chromium, driven over a pipe with its DevTools protocol: no driver and no library is needed.

Debian has it as `chromium`. Without it a test that asks for it is skipped, or fails where PIPELINE_TEST_ROOT_TOOLS=1 says that it must be there.
"""

import fcntl
import json
import os
import shutil
import subprocess
import time

import pytest


def chromium():
    """Where it is."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        words = "there is no Chromium here (Debian: apt-get install chromium)"
        if os.environ.get("PIPELINE_TEST_ROOT_TOOLS") == "1":
            pytest.fail(words)
        pytest.skip(words)
    return found


class Browser:
    """One Chromium; `open` gives a page."""

    def __init__(self, program, profile):
        ends = [*os.pipe(), *os.pipe()]
        # High numbers, so that none of them is one that the shell is about to use.
        theirs_in, self._out, self._in, theirs_out = (fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 20) for end in ends)
        for end in ends:
            os.close(end)
        switches = ["--headless", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--hide-scrollbars", f"--user-data-dir={profile}"]
        switches += ["--no-sandbox"] if os.geteuid() == 0 else []
        # The protocol is spoken over the descriptors 3 and 4.
        command = f'exec "$0" "$@" 3<&{theirs_in} 4>&{theirs_out} {theirs_in}<&- {theirs_out}>&-'
        self._process = subprocess.Popen(
            ["bash", "-c", command, program, *switches, "--remote-debugging-pipe", "about:blank"],
            pass_fds=(theirs_in, theirs_out),
            stderr=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        os.close(theirs_in)
        os.close(theirs_out)
        self._number = 0
        self._rest = b""
        self.events = []

    def close(self):
        os.close(self._out)  # it ends when nobody speaks to it any more
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._in)

    def call(self, method, session=None, **parameters):
        self._number += 1
        number = self._number
        message = {"id": number, "method": method, "params": parameters, **({"sessionId": session} if session else {})}
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self._out, data) :]
        while True:
            answer = self._read()
            if answer.get("id") == number:
                assert "error" not in answer, answer
                return answer["result"]

    def _read(self):
        while b"\0" not in self._rest:
            more = os.read(self._in, 1 << 20)
            assert more, "Chromium has gone"
            self._rest += more
        message, _, self._rest = self._rest.partition(b"\0")
        answer = json.loads(message)
        if "method" in answer:
            self.events.append(answer)
        return answer

    def wait_for(self, method):
        while not any(event["method"] == method for event in self.events):
            self._read()

    def open(self, path, **options):
        return Page(self, path, **options)


class Page:
    """A file as it is in the browser, after everything was loaded."""

    def __init__(self, browser, path, *, width=1200, dark=False):
        browser.events.clear()
        self._browser = browser
        target = browser.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = browser.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self._call(f"{domain}.enable")
        self._call("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=width < 500)
        self._call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])
        begun = time.monotonic()
        self._call("Page.navigate", url=path.as_uri())
        browser.wait_for("Page.loadEventFired")
        self.seconds = time.monotonic() - begun
        self.ask("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
        self.events = [event for event in browser.events if event.get("sessionId") == self._session]

    def _call(self, method, **parameters):
        return self._browser.call(method, session=self._session, **parameters)

    def ask(self, expression):
        """The value of a JavaScript expression in the page."""
        answer = self._call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    @property
    def complaints(self):
        """Everything in the console, exceptions, and windows that were opened."""
        kinds = ("Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded", "Page.javascriptDialogOpening")
        return [event["params"] for event in self.events if event["method"] in kinds]

    @property
    def requests(self):
        """Addresses of all that was asked for."""
        return [event["params"]["request"]["url"] for event in self.events if event["method"] == "Network.requestWillBeSent"]
