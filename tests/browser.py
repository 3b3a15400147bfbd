"""A real headless Chromium, driven over a pipe by the DevTools protocol alone."""

import base64
import contextlib
import json
import os
import queue
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--hide-scrollbars",
    # Whatever is not this machine resolves to nothing.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
    "--remote-debugging-pipe",
)
# The browser reads commands from descriptor 3 and writes answers to descriptor 4.
LAUNCH = """
import os, sys
read, write = int(sys.argv[1]), int(sys.argv[2])
os.dup2(read, 13), os.dup2(write, 14)
os.dup2(13, 3), os.dup2(14, 4)
os.execv(sys.argv[3], sys.argv[3:])
"""
PATIENCE = 60.0


def find_chromium() -> str | None:
    """Path of a Chromium, or None where there is none."""
    return next(filter(None, map(shutil.which, NAMES)), None)


class Page:
    """One tab; counts what it asks of the network and what goes wrong in it.

    `hosts` are the hosts that it sent requests to, `problems` what the console and
    failed requests say.
    """

    def __init__(self, folder: Path, *, width: int = 1300, height: int = 900):
        to_browser, self.commands = os.pipe()
        self.answers, from_browser = os.pipe()
        words = [find_chromium(), *FLAGS, f"--user-data-dir={folder}", "about:blank"]
        self.process = subprocess.Popen(
            [sys.executable, "-c", LAUNCH, str(to_browser), str(from_browser), *words],
            pass_fds=(to_browser, from_browser),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(to_browser)
        os.close(from_browser)
        self.number = 0
        self.received = queue.Queue()
        self.hosts, self.problems = set(), []
        self.session = None
        threading.Thread(target=self._listen, daemon=True).start()
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call(
            "Target.attachToTarget", targetId=target, flatten=True
        )["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")
        self.resize(width, height)

    def _listen(self):
        rest = b""
        while data := os.read(self.answers, 1 << 16):
            *whole, rest = (rest + data).split(b"\0")
            for text in whole:
                self.received.put(json.loads(text))

    def call(self, method: str, **parameters) -> dict:
        """Calls a method and waits for its answer."""
        self.number += 1
        command = {"id": self.number, "method": method, "params": parameters}
        if self.session:
            command["sessionId"] = self.session
        os.write(self.commands, json.dumps(command).encode() + b"\0")
        while True:
            answer = self.received.get(timeout=PATIENCE)
            if answer.get("id") == self.number:
                assert "error" not in answer, answer
                return answer["result"]
            self._note(answer)

    def _note(self, event: dict):
        parameters = event.get("params", {})
        match event.get("method"):
            case "Network.requestWillBeSent":
                url = parameters["request"]["url"]
                if not url.startswith(("data:", "about:")):
                    self.hosts.add(url.split("/")[2])
            case "Runtime.exceptionThrown":
                details = parameters["exceptionDetails"]
                thrown = details.get("exception", {}).get("description", "")
                self.problems.append(f"{details['text']} {thrown}")
            case "Runtime.consoleAPICalled" if parameters["type"] in (
                "error",
                "warning",
            ):
                self.problems.append(str(parameters["args"]))
            case "Log.entryAdded" if parameters["entry"]["level"] == "error":
                self.problems.append(parameters["entry"]["text"])

    def resize(self, width: int, height: int):
        """Sets the size of the window in CSS pixels."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )

    def scheme(self, name: str):
        """Prefers `dark` or `light`."""
        feature = {"name": "prefers-color-scheme", "value": name}
        self.call("Emulation.setEmulatedMedia", features=[feature])

    def go(self, url: str):
        """Opens an address."""
        self.call("Page.navigate", url="about:blank")
        self.call("Page.navigate", url=url)

    def eval(self, code: str):
        """The value of an expression in the page; promises are waited for."""
        answer = self.call(
            "Runtime.evaluate", expression=code, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def wait(self, code: str):
        """Waits until an expression is true, and returns its value."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            if value := self.eval(code):
                return value
            time.sleep(0.03)
        raise TimeoutError(f"{code} after {PATIENCE} s; problems: {self.problems}")

    def drawn(self) -> int:
        """How many scenes the page has drawn."""
        return int(self.eval("document.body.dataset.drawn ?? 0"))

    def until_drawn(self, action: str = "") -> None:
        """Runs code and waits for a new scene."""
        before = self.drawn()
        self.eval(action or "0")
        self.wait(f"Number(document.body.dataset.drawn ?? 0) > {before}")

    def slide(self, name: str, value: float) -> None:
        """Moves a slider as a hand does, and waits for the scene."""
        self.until_drawn(
            f"(() => {{ const input = document.getElementById('control-{name}');"
            f"input.value = {value};"
            "input.dispatchEvent(new Event('input', { bubbles: true })); })()"
        )

    def press(self, key: str, *, code: int = 0, text: str = "") -> None:
        """Presses a key where the focus is."""
        shared = {"key": key, "code": key, "windowsVirtualKeyCode": code}
        self.call("Input.dispatchKeyEvent", type="keyDown", text=text, **shared)
        self.call("Input.dispatchKeyEvent", type="keyUp", **shared)

    def screenshot(self, path: Path) -> Path:
        """The whole page as PNG."""
        size = self.call("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "scale": 1}
        clip |= {"width": size["width"], "height": size["height"]}
        shot = self.call(
            "Page.captureScreenshot", captureBeyondViewport=True, clip=clip
        )
        path.write_bytes(base64.b64decode(shot["data"]))
        return path

    def close(self):
        """Ends the browser."""
        session, self.session = self.session, None
        with contextlib.suppress(OSError, queue.Empty):
            self.call("Browser.close")
        self.process.wait(timeout=PATIENCE)
        os.close(self.commands)
        return session
