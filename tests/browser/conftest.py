"""A real browser on a real server: Debian's chromium, a fresh profile, nothing outside 127.0.0.1."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Literal
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, Request, expect, sync_playwright

from conftest import free_port
from stagegap.ui.access import Access
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


class Host:
    """The process that servers are forked from; the profile that pages are opened in knows them all by one address."""

    def __init__(self, port: int) -> None:
        self.port = port
        # what a server imports must be that of this checkout, and the invented workspace stands among the tests
        path = os.pathsep.join(part for part in (str(TESTS), os.environ.get("PYTHONPATH")) if part)
        self.environment = {"PYTHONPATH": path}
        command = [sys.executable, "-u", str(Path(__file__).with_name("server_host.py"))]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, **self.environment}
        )

    def fork(self, **order: Any) -> int:
        """Start a server; the id of its process."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())

    def close(self) -> None:
        self.process.communicate()


@dataclass
class Server:
    """The app in its own process; `kill` ends it without a word, `start` brings it back on the same port."""

    folder: Path
    host: Host = field(repr=False)
    scorecard: str = "scorecard"
    pages: str = "all"
    is_real: bool = False
    """Serve the real workspace in the folder, not the invented one."""
    process: int = 0
    output: IO[str] | None = field(default=None, repr=False)
    link: str = ""
    """What it prints: its address with the token."""

    @property
    def port(self) -> int:
        return self.host.port

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def cookie(self) -> dict[str, str]:
        """What a browser has once it opened the link with the token."""
        return owners_cookie(self.folder, self.url)

    def start(self) -> None:
        pipe = self.folder.parent / "output"
        pipe.unlink(missing_ok=True)
        os.mkfifo(pipe)
        self.process = self.host.fork(
            folder=str(self.folder),
            port=self.port,
            pages=self.pages,
            script=None if self.is_real else str(TESTS / "ui" / "fake_app.py"),
            environment={**os.environ, **self.host.environment, "FAKE_SCORECARD": self.scorecard},
            output=str(pipe),
        )
        self.output = pipe.open()
        line = ""
        while "URL:" not in line:
            line = self.output.readline()
            assert line, "the server ended before it listened"
        self.link = line.partition("URL:")[2].strip()

    def kill(self) -> None:
        self._signal(signal.SIGKILL)

    def interrupt(self) -> str:
        """Press Ctrl-C and give what the server still says."""
        return self._signal(signal.SIGINT)

    def _signal(self, number: signal.Signals) -> str:
        """Send a signal, and give what was written until the process had ended."""
        assert self.output is not None
        if self.output.closed:
            return ""
        os.kill(self.process, number)
        with self.output as output:
            return output.read()


def owners_cookie(folder: Path, url: str) -> dict[str, str]:
    """The cookie of the owner of the project in the folder."""
    access = Access(folder)
    value = access.cookie(access.token)
    assert value is not None
    return {"name": access.cookie_name, "value": value, "url": url}


@dataclass
class Profile:
    """A profile of the browser that tests use one after the other: what pages load and compile stays, nothing else."""

    context: BrowserContext
    outside: list[str] = field(default_factory=list)
    """Addresses outside this machine that a page asked for."""

    def __post_init__(self) -> None:
        self.context.on("request", self._check)

    def _check(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme not in ("data", "blob") and parts.hostname != "127.0.0.1":
            self.outside.append(request.url)

    def forget(self, origin: str) -> None:
        """Close all pages, and forget all that they stored."""
        keeper = self.context.new_page()
        line = self.context.new_cdp_session(keeper)
        stored = "cookies,local_storage,indexeddb,service_workers,cache_storage"
        for page in self.context.pages:
            if page != keeper:
                page.close()
        line.send("Storage.clearDataForOrigin", {"origin": origin, "storageTypes": stored})
        self.context.clear_cookies()
        self.context.set_offline(False)
        keeper.close()
        self.outside.clear()


COLOURS: dict[Literal["light", "dark"], str] = {"light": "rgb(255, 255, 255)", "dark": "rgb(17, 22, 28)"}
"""Of a page."""


def violations(page: Page) -> list[tuple[str, str, list[str]]]:
    """What axe finds on a page that is drawn, in light and in dark: its colours follow those of the machine."""
    problems: list[tuple[str, str, list[str]]] = []
    for scheme, colour in COLOURS.items():
        page.emulate_media(color_scheme=scheme)
        expect(page.locator(".stApp")).to_have_css("background-color", colour)
        expect(page.locator("[data-testid=stStatusWidget]")).to_have_count(0)
        problems += [
            (scheme, one["id"], [node["html"][:200] for node in one["nodes"]])
            for one in Axe().run(page).response["violations"]
        ]
    return problems


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


@pytest.fixture(scope="session")
def host() -> Iterator[Host]:
    """The process that servers are forked from."""
    running = Host(free_port())
    yield running
    running.close()


@pytest.fixture(scope="session")
def profile(browser: Browser) -> Iterator[Profile]:
    running = Profile(browser.new_context(reduced_motion="reduce"))
    yield running
    running.context.close()


@pytest.fixture
def serve(tmp_path: Path, chromium: str, host: Host) -> Iterator[Callable[..., Server]]:
    """Start a server that ends with the test."""
    started: list[Server] = []

    def start(**options: Any) -> Server:
        folder = tmp_path / "support-mail"
        folder.mkdir(exist_ok=True)
        server = Server(folder=folder, host=host, **options)
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
def open_page(browser: Browser, profile: Profile, host: Host, tmp_path: Path) -> Iterator[Callable[..., Page]]:
    """Open a page as somebody who was never here but came in by the link with the token; every request that leaves the
    machine fails the test.
    """
    others: list[Profile] = []

    def new(url: str, *, width: int = 1440, height: int = 900, scheme: str = "light", is_known: bool = True) -> Page:
        own = profile
        if profile.context.pages:  # somebody else, on another machine
            own = Profile(browser.new_context())
            others.append(own)
        if is_known:
            own.context.add_cookies([owners_cookie(tmp_path / "support-mail", f"http://127.0.0.1:{host.port}")])  # type: ignore[list-item]  # a name, a value and an address
        page = own.context.new_page()
        page.set_viewport_size({"width": width, "height": height})
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]  # "light" or "dark"
        page.goto(url)
        return page

    yield new
    outside = [url for one in (profile, *others) for url in one.outside]
    for other in others:
        other.context.close()
    profile.forget(f"http://127.0.0.1:{host.port}")
    assert outside == []
