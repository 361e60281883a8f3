"""A real browser on a real server: Debian's chromium, a fresh profile, nothing outside 127.0.0.1."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, expect, sync_playwright

from stagegap.workspace import Workspace

TESTS = Path(__file__).parent.parent
SWITCHES = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
NAMES = ("chromium", "chromium-browser", "google-chrome")

expect.set_options(timeout=20_000)


@dataclass
class Server:
    """The app in its own process; `kill` ends it without a word, `start` brings it back on the same port."""

    folder: Path
    port: int
    scorecard: str = "scorecard"
    pages: str = "all"
    is_real: bool = False
    """Serve the real workspace in the folder, not the invented one."""
    process: subprocess.Popen[str] | None = field(default=None, repr=False)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        script = None if self.is_real else f"Path({str(TESTS / 'ui' / 'fake_app.py')!r})"
        code = (
            # a parent in the background of a shell hands down that SIGINT is ignored
            "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
            "from pathlib import Path; from stagegap.ui.server import serve; "
            f"serve(Path({str(self.folder)!r}), port={self.port}, pages={self.pages!r}, script={script})"
        )
        environment = {**os.environ, "PYTHONPATH": str(TESTS), "FAKE_SCORECARD": self.scorecard}
        self.process = subprocess.Popen(
            [sys.executable, "-u", "-c", code], stdout=subprocess.PIPE, text=True, env=environment, cwd=self.folder
        )
        assert self.process.stdout is not None
        said = ""
        while "URL:" not in said:
            said = self.process.stdout.readline()
            assert said, "the server ended before it listened"

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.communicate()

    def interrupt(self) -> str:
        """Press Ctrl-C and give what the server still says."""
        assert self.process is not None
        self.process.send_signal(signal.SIGINT)
        return self.process.communicate(timeout=60)[0]


def run_once(folder: Path) -> None:
    """Run the cascade of a project; Playwright's event loop runs in this thread, and a run brings its own."""

    def run() -> None:
        with Workspace.open(folder) as workspace:
            workspace.runs.new(None)

    with ThreadPoolExecutor(1) as pool:
        pool.submit(run).result()


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of a chromium of this machine."""
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None:
        reason = f"no chromium found under the names {', '.join(NAMES)}"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return found


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as running:
        yield running


@pytest.fixture(scope="session")
def browser(playwright: Playwright, chromium: str) -> Iterator[Browser]:
    running = playwright.chromium.launch(executable_path=chromium, args=SWITCHES)
    yield running
    running.close()


@pytest.fixture
def serve(tmp_path: Path, chromium: str) -> Iterator[Callable[..., Server]]:
    """Start servers that end with the test."""
    started: list[Server] = []

    def start(**options: Any) -> Server:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        folder = tmp_path / "support-mail"
        folder.mkdir(exist_ok=True)
        server = Server(folder=folder, port=port, **options)
        server.start()
        started.append(server)
        return server

    yield start
    for server in started:
        server.kill()


@pytest.fixture
def server(serve: Callable[..., Server]) -> Server:
    return serve()


@pytest.fixture
def outside() -> list[str]:
    """Addresses outside this machine that a page asked for."""
    return []


@pytest.fixture
def open_page(browser: Browser, outside: list[str]) -> Iterator[Callable[..., Page]]:
    """Open a page in a fresh profile; every request that leaves the machine fails the test."""
    contexts: list[BrowserContext] = []

    def check(url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("data", "blob") and parts.hostname != "127.0.0.1":
            outside.append(url)

    def new(url: str, *, width: int = 1440, height: int = 900, scheme: str = "light") -> Page:
        context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
        context.on("request", lambda request: check(request.url))
        contexts.append(context)
        page = context.new_page()
        page.goto(url)
        return page

    yield new
    for context in contexts:
        context.close()
    assert outside == []
