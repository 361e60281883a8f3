"""Start the app in this process: 127.0.0.1 only, who may connect, look and safety from `settings.toml`."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
import time
import tomllib
import webbrowser
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Iterator, Mapping, MutableMapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from html import escape
from http.cookies import SimpleCookie
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, TextIO, TypedDict, cast
from urllib.parse import quote, urlencode, urlsplit

from stagegap import redaction
from stagegap.errors import ConfigurationError, require
from stagegap.model.record import Json
from stagegap.model.run import STORE
from stagegap.ui import media
from stagegap.ui.access import Access, token_in
from stagegap.workspace import Workspace

Message = MutableMapping[str, Any]  # Any: as ASGI defines its messages
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Asgi = Callable[[Message, Receive, Send], Awaitable[None]]
REFUSED = 1008
"""Code of a connection that is against the rules; before it is accepted, it is answered with 403."""
HEALTH = "/healthz"
"""Address that says whether the app answers, to whoever asks."""
METRICS = "/metrics"
"""Address of figures for whoever watches the server, in Prometheus' text form; asks for the project's token."""
LOG = "STAGEGAP_LOG"
"""Environment variable: `json` writes a line for each request, and for start and stop, to standard error."""
DAYS = 30
"""How long a browser keeps the cookie of a token."""
PROXY_TOKEN = b"x-stagegap-token"
"""Header by which a proxy shows that it is the one that may say who somebody is."""
_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' blob:; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self' {sockets}; worker-src 'self' blob:; "
    "frame-src 'none'; frame-ancestors 'none'; object-src 'none'; base-uri 'none'; form-action 'self'"
)
"""What a page may load and where it may send: nothing but this server. Streamlit's bundle needs inline code."""
_HEADERS = (
    (b"x-frame-options", b"DENY"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
)


class Traffic:
    """Requests since the start: counted for whoever watches, and logged without their queries, which hold tokens."""

    def __init__(self, folder: Path, log: TextIO | None = None) -> None:
        self._folder = folder
        self._log = log
        self._began = time.time()
        self._requests: Counter[str] = Counter()
        self._sockets = 0

    def note(self, event: str, **more: Json) -> None:
        """Write one line of the log, where there is one."""
        if self._log is not None:
            line = {"at": datetime.now(UTC).isoformat(timespec="milliseconds"), "event": event, **more}
            self._log.write(json.dumps(line, ensure_ascii=False) + "\n")
            self._log.flush()

    async def through(self, app: Asgi, scope: Message, receive: Receive, send: Send) -> None:
        """Hand a request on, count how it ends and log it."""
        began, status, is_socket = time.perf_counter(), 0, scope["type"] == "websocket"

        async def watched(message: Message) -> None:
            nonlocal status
            status = message.get("status", 101 if message["type"] == "websocket.accept" else status)
            await send(message)

        self._sockets += is_socket
        try:
            await app(scope, receive, watched)
        finally:
            self._sockets -= is_socket
            self._requests[str(status or "none")] += 1
            method = scope.get("method", "WEBSOCKET")
            seconds = round(time.perf_counter() - began, 4)
            self.note("request", method=method, path=scope["path"], status=status, seconds=seconds)

    def figures(self) -> str:
        """Figures of the server and of the project's store, in Prometheus' text form; no name of a record or person."""
        with Workspace.open(self._folder) as workspace:
            waiting, runs = workspace.store.waiting(), Counter(run.status.value for run in workspace.store.runs())
            labels = {name: workspace.store.label_count(name) for name in workspace.cascades()}
        size = sum(path.stat().st_size for path in (self._folder / STORE).rglob("*") if path.is_file())
        since = waiting.since or time.time()
        families: dict[str, tuple[str, Mapping[str, float]]] = {
            "start_time_seconds": ("gauge", {"": self._began}),
            "requests_total": ("counter", {f'status="{code}"': count for code, count in self._requests.items()}),
            "open_pages": ("gauge", {"": self._sockets}),
            "runs": ("gauge", {f'status="{status}"': count for status, count in runs.items()}),
            "labels": ("gauge", {f"cascade={json.dumps(name)}": count for name, count in labels.items()}),
            "journal_waiting": ("gauge", {"": waiting.ops}),
            "journal_oldest_seconds": ("gauge", {"": max(0.0, time.time() - since)}),
            "store_bytes": ("gauge", {"": size}),
        }
        lines = [
            line
            for name, (kind, values) in families.items()
            for line in (
                f"# TYPE stagegap_{name} {kind}",
                *(f"stagegap_{name}{f'{{{place}}}' if place else ''} {value}" for place, value in values.items()),
            )
        ]
        return "\n".join(lines) + "\n"


class Guard:
    """The outermost layer of the app: own pages only, with a token, in no frame, and no secret goes out.

    Streamlit would ask a service outside for the address of this machine before it refuses another page's script; what
    is refused here never gets that far.
    """

    def __init__(
        self, app: Asgi, access: Access, *, hosts: Collection[str], asks_for_token: bool = True, traffic: Traffic
    ) -> None:
        """`hosts` are the names by which browsers reach the app, with a port where a proxy has one of its own."""
        self._app = app
        self._traffic = traffic
        self._access = access
        self._hosts = frozenset(host.lower() for host in hosts)
        self._asks_for_token = asks_for_token

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Hand the request on, or refuse it."""
        if scope["type"] == "lifespan":
            return await self._app(scope, receive, send)
        if scope["type"] == "http" and scope["path"] == HEALTH:
            return await _answer(send, 200, "ok\n", "text/plain")
        return await self._traffic.through(self._admitted, scope, receive, send)

    async def _admitted(self, scope: Message, receive: Receive, send: Send) -> None:
        headers: dict[bytes, bytes] = dict(scope["headers"])
        host = headers.get(b"host", b"").decode("latin-1").lower()
        guarded = _guarded(send, host)
        if scope["type"] == "http" and scope["path"] == METRICS:
            if not self._access.is_proxy(headers.get(b"authorization", b"").decode("latin-1").removeprefix("Bearer ")):
                return await _refuse(scope, guarded, "Figures are for whoever has the project's token as a bearer.")
            figures = await asyncio.to_thread(self._traffic.figures)
            return await _answer(guarded, 200, figures, "text/plain; version=0.0.4")
        origin = headers.get(b"origin")
        is_socket = scope["type"] == "websocket"
        if not self._is_own(host) or not (self._is_own_page(origin, host) if origin or is_socket else True):
            return await _refuse(scope, guarded, "This page can be asked by its own name only.")
        token, query = token_in(scope.get("query_string", b"").decode("latin-1"))
        cookie = self._access.cookie(token) if token else None
        if cookie and not is_socket:
            return await self._enter(scope, guarded, cookie, query)
        if self._asks_for_token and not self._is_known(headers):
            return await _refuse(scope, guarded, NO_TOKEN)
        return await self._app(scope, receive, guarded)

    def _is_own(self, host: str) -> bool:
        """True for a name by which browsers reach the app, whatever the port: a tunnel has one of its own."""
        try:
            return host in self._hosts or (urlsplit(f"//{host}").hostname or "") in self._hosts
        except ValueError:
            return False

    def _is_own_page(self, origin: bytes | None, host: str) -> bool:
        """True for a page of the same name and port, or of the name that a proxy goes by."""
        try:
            netloc = urlsplit((origin or b"").decode("latin-1")).netloc.lower()
        except ValueError:
            return False
        return bool(netloc) and (netloc == host or (netloc in self._hosts and netloc not in LOCAL))

    def _is_known(self, headers: Mapping[bytes, bytes]) -> bool:
        if self._access.is_proxy(headers.get(PROXY_TOKEN, b"").decode("latin-1")):
            return True
        cookies = SimpleCookie(headers.get(b"cookie", b"").decode("latin-1"))
        morsel = cookies.get(self._access.cookie_name)
        return morsel is not None and self._access.admits(morsel.value)

    async def _enter(self, scope: Message, send: Send, cookie: str, query: str) -> None:
        """Keep what the token stands for as a cookie, and lead on to the same page without it."""
        # Browsers take two slashes of either kind at the begin for the name of another server.
        place = "/" + quote(scope["path"].lstrip("/\\")) + (f"?{query}" if query else "")
        secure = "; Secure" if scope.get("scheme") == "https" else ""
        lasting = f"{self._access.cookie_name}={cookie}; HttpOnly; SameSite=Lax; Path=/; Max-Age={DAYS * 86400}{secure}"
        headers = [(b"location", place.encode("latin-1", "ignore")), (b"set-cookie", lasting.encode())]
        await send({"type": "http.response.start", "status": 303, "headers": headers})
        await send({"type": "http.response.body", "body": b""})


def _guarded(send: Send, host: str) -> Send:
    """Sending with the headers of a safe page, and without the values of the environment's secrets."""
    policy = _POLICY.format(
        sockets=f"ws://{host} wss://{host}" if host.isascii() and not set(host) & set(";, ") else ""
    )

    async def guarded(message: Message) -> None:
        kind, secrets = message["type"], redaction.secrets()
        if kind == "http.response.start":
            headers = [*message.get("headers", ()), *_HEADERS, (b"content-security-policy", policy.encode("latin-1"))]
            message = {**message, "headers": headers}
        elif kind == "http.response.body" and message.get("body"):
            message = {**message, "body": secrets.masked(message["body"])}
        elif kind == "websocket.send" and message.get("bytes"):
            message = {**message, "bytes": secrets.masked(message["bytes"])}
        await send(message)

    return guarded


async def _refuse(scope: Message, send: Send, why: str) -> None:
    if scope["type"] == "websocket":
        return await send({"type": "websocket.close", "code": REFUSED})
    page = f"<!doctype html><meta charset=utf-8><title>stagegap</title><p>{escape(why)}</p>"
    return await _answer(send, 403, page, "text/html")


async def _answer(send: Send, status: int, text: str, kind: str) -> None:
    body = text.encode()
    headers = [(b"content-type", f"{kind}; charset=utf-8".encode()), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


NO_TOKEN = (
    "This app opens by its link only, which has a token in it: `stagegap app` prints it. "
    "An invitation that was taken back opens nothing any more."
)
ADDRESS = "127.0.0.1"
LOCAL = frozenset({"127.0.0.1", "localhost"})
SCRIPT = Path(__file__).with_name("script.py")
"""What Streamlit runs for each visit."""
FOLDER = "STAGEGAP_APP_FOLDER"
"""Environment variable by which the script learns which workspace to open."""
PAGES = "STAGEGAP_APP_PAGES"
"""Environment variable: `label` serves the label page and no other."""
HEADER = "STAGEGAP_TRUSTED_HEADER"
"""Environment variable: name of the header by which a proxy before the app says who somebody is, by e-mail."""
HOST = "STAGEGAP_HOST"
"""Environment variable: the name by which browsers reach the app through a proxy, as labels.example.org."""


def settings() -> dict[str, Any]:
    """The settings by their dotted names.

    >>> settings()["browser.gatherUsageStats"]
    False
    """
    text = files("stagegap.ui").joinpath("settings.toml").read_text(encoding="utf-8")
    return dict(_flat(tomllib.loads(text)))


class Parts(TypedDict):
    """What Streamlit's `App` is made with besides the script."""

    routes: list[Any]  # Any: Starlette's routes, which are imported with the server
    middleware: list[Any]  # Any: Starlette's layers, which are imported with the server
    lifespan: Callable[[Any], Any]  # Any: as Streamlit names it


def serve(
    folder: Path,
    *,
    port: int = 8501,
    open_browser: bool = False,
    pages: Literal["all", "label"] = "all",
    script: Path | None = None,
    address: str = ADDRESS,
    link: str = "",
) -> None:
    """Serve the workspace in `folder` until Ctrl-C; `script` replaces the page script.

    `address` is where others reach this machine; `link` is opened, and was said already.
    Raises: ConfigurationError without Streamlit, when the port is taken, or the address is not this machine's.
    """
    require("streamlit", "The app", extra="app")
    from streamlit import App

    _check_free(address, port)
    known = {**settings(), **_identity(folder.resolve(), address)}
    parts = _parts(folder, pages=pages, known=known, opens=open_browser, link=link)
    try:
        App(script or SCRIPT, **parts).run(config={**known, "server.port": port})
    except KeyboardInterrupt:
        sys.stdout.write("\n  Stopped. Your labels are saved.\n")


def mounted(folder: Path) -> Parts:
    """What `streamlit run app.py` makes its `App` with: the same settings and the same guard as `stagegap app`."""
    from streamlit import config

    known = {**settings(), **_identity(folder.resolve(), ADDRESS)}
    for name, value in known.items():
        if name != "server.port":
            config.set_option(name, value)
    return _parts(folder, pages="all", known=known, opens=False, link="")


def _parts(
    folder: Path,
    *,
    pages: Literal["all", "label"],
    known: Mapping[str, Any],  # Any: values of settings
    opens: bool,
    link: str,
) -> Parts:
    from starlette.middleware import Middleware

    os.environ[FOLDER] = str(folder.resolve())
    os.environ[PAGES] = pages
    redaction.guard_streams()
    access = Access(folder.resolve())
    traffic = Traffic(folder.resolve(), sys.stderr if os.environ.get(LOG) == "json" else None)
    is_sign_in = "secrets.files" in known and _signs_in(folder)
    guard = Middleware(
        cast("Any", Guard),  # Any: Starlette types the layers' arguments by a protocol of its own
        access=access,
        hosts=known["server.allowedHosts"],
        asks_for_token=not is_sign_in,
        traffic=traffic,
    )

    token = "" if is_sign_in else f"?{urlencode({'token': access.token})}"

    @asynccontextmanager
    async def lifespan(app: object) -> AsyncGenerator[None]:
        """Say where the app is, once it listens."""
        del app
        from streamlit import get_option

        address, port = get_option("server.address") or ADDRESS, get_option("server.port")
        place = link or f"http://{address}:{port}/{'label' if pages == 'label' else ''}{token}"

        async def announce() -> None:
            await _listens(address, port)
            traffic.note("started", address=address, port=port)
            if not link:
                sys.stdout.write(f"\n  URL: {place}\n\n")
                sys.stdout.flush()
            if opens:
                webbrowser.open(place)

        announcement = asyncio.create_task(announce())
        yield
        announcement.cancel()
        traffic.note("stopped")

    return Parts(routes=media.routes(), middleware=[guard], lifespan=lifespan)


async def _listens(address: str, port: int) -> None:
    """Wait until somebody can connect; the lifespan of an app begins before its server listens."""
    while True:
        try:
            _, writer = await asyncio.open_connection(address, port)
        except OSError:
            await asyncio.sleep(0.02)
        else:
            writer.close()
            return


def _identity(folder: Path, address: str) -> dict[str, Any]:
    """The settings by which people are known: a proxy's header and its name, and the secrets of the project."""
    header, host = (os.environ.get(name, "").strip() for name in (HEADER, HOST))
    options: dict[str, Any] = {"server.trustedUserHeaders": {header: "email"}} if header else {}
    names = [name for name in (host, address) if name and name not in settings()["server.allowedHosts"]]
    if names:
        options["server.allowedHosts"] = [*settings()["server.allowedHosts"], *names]
    if address != ADDRESS:
        options["server.address"] = address
    if host:
        options["browser.serverAddress"] = urlsplit(f"//{host}").hostname or host
    secrets = folder / ".streamlit" / "secrets.toml"
    if secrets.is_file():
        options["secrets.files"] = [str(Path.home() / ".streamlit" / "secrets.toml"), str(secrets)]
    return options


def _signs_in(folder: Path) -> bool:
    """True where people sign in: the secrets of the project have a section for it."""
    try:
        return "auth" in tomllib.loads((folder / ".streamlit" / "secrets.toml").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False


def _check_free(address: str, port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except socket.gaierror:
            raise ConfigurationError(f"{address!r} is no address of this machine.") from None
        except OSError as error:
            raise ConfigurationError(
                f"Port {port} on {address} is taken. Is the app open already? Choose another with --port."
            ) from error


def _flat(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _flat(cast(dict[str, Any], value), f"{prefix}{name}.")
        else:
            yield prefix + name, value
