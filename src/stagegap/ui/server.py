"""Start the app in this process: 127.0.0.1 only, which pages may connect, look and safety from `settings.toml`."""

from __future__ import annotations

import os
import socket
import sys
import tomllib
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, MutableMapping
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, cast
from urllib.parse import urlsplit

from stagegap.errors import ConfigurationError

Message = MutableMapping[str, Any]  # Any: as ASGI defines its messages
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Asgi = Callable[[Message, Receive, Send], Awaitable[None]]
REFUSED = 1008
"""Code of a connection that is against the rules; before it is accepted, it is answered with 403."""


class KnownOrigins:
    """Refuse connections from other pages' scripts.

    Streamlit refuses them too, but first it asks a service outside for the address of this machine, and nothing may
    leave it.
    """

    def __init__(self, app: Asgi, hosts: Collection[str]) -> None:
        self._app = app
        self._hosts = hosts

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Hand the connection on, or close it."""
        if scope["type"] == "websocket" and not self._is_known(dict(scope["headers"])):
            await send({"type": "websocket.close", "code": REFUSED})
        else:
            await self._app(scope, receive, send)

    def _is_known(self, headers: Mapping[bytes, bytes]) -> bool:
        """Say whether a page of the app's own connects; programs that are no browser name no origin."""
        origin = headers.get(b"origin")
        if origin is None:
            return True
        try:
            address = urlsplit(origin.decode("latin-1"))
            return address.hostname in self._hosts or address.netloc.encode("latin-1") == headers.get(b"host")
        except ValueError:
            return False


ADDRESS = "127.0.0.1"
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


def serve(
    folder: Path,
    *,
    port: int = 8501,
    open_browser: bool = False,
    pages: Literal["all", "label"] = "all",
    script: Path | None = None,
    announce: bool = True,
) -> None:
    """Serve the workspace in `folder` until Ctrl-C; `script` replaces the page script.

    `announce` prints the address: not where somebody was given a longer one already.

    Raises: ConfigurationError when the port is taken.
    """
    from starlette.middleware import Middleware
    from streamlit import App

    _check_free(port)
    os.environ[FOLDER] = str(folder.resolve())
    os.environ[PAGES] = pages
    known = {**settings(), **_identity(folder.resolve())}
    guard = Middleware(KnownOrigins, hosts=frozenset(known["server.allowedHosts"]))
    app = App(script if script is not None else Path(__file__).with_name("script.py"), middleware=[guard])
    if announce:
        sys.stdout.write(f"\n  URL: http://{ADDRESS}:{port}\n")
        sys.stdout.flush()
    quiet = {"server.headless": not open_browser, "logger.hideWelcomeMessage": True}  # and no advice on agents
    try:
        app.run(config={**known, "server.port": port, **quiet})
    except KeyboardInterrupt:
        sys.stdout.write("\n  Stopped. Your labels are saved.\n")


def _identity(folder: Path) -> dict[str, Any]:
    """The settings by which people are known: a proxy's header and its name, and the secrets of the project."""
    header, host = (os.environ.get(name, "").strip() for name in (HEADER, HOST))
    options: dict[str, Any] = {"server.trustedUserHeaders": {header: "email"}} if header else {}
    if host:
        allowed = [*settings()["server.allowedHosts"], host]
        options |= {"server.allowedHosts": allowed, "browser.serverAddress": host}
    secrets = folder / ".streamlit" / "secrets.toml"
    if secrets.is_file():
        options["secrets.files"] = [str(Path.home() / ".streamlit" / "secrets.toml"), str(secrets)]
    return options


def _check_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((ADDRESS, port))
        except OSError as error:
            raise ConfigurationError(
                f"Port {port} on {ADDRESS} is taken. Is the app open already? Choose another with --port."
            ) from error


def _flat(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _flat(cast(dict[str, Any], value), f"{prefix}{name}.")
        else:
            yield prefix + name, value
