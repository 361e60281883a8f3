"""Which pages may connect to the app: its own, reached by a name that was told."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, MutableMapping
from typing import Any
from urllib.parse import urlsplit

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
