"""Pictures, recordings and documents in the browser: served by names that a page gave out, and by nothing else.

A page that may show a file offers it here and draws the address that it gets. The address says nothing of the path, can
be guessed by nobody, and opens the content that it was given out for: pictures and pages made anew, recordings as they
are, with a type of this list. Nothing else of the project can be asked for.
"""

from __future__ import annotations

import hashlib
import hmac
from collections import OrderedDict
from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from stagegap import charts
from stagegap.charts import Element
from stagegap.errors import StagegapError
from stagegap.media import file_of, thumbnail
from stagegap.model.media import FieldKind, Media
from stagegap.tables.content import ROOM
from stagegap.ui.access import Access

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

    from stagegap.workspace import Workspace

PREFIX = "/record-media"
SOUNDS = frozenset({"audio/wav", "audio/flac", "audio/ogg", "audio/mpeg", "audio/mp4", "audio/webm"})
"""Types under which a recording leaves; no browser takes one of them for a page."""
MOST_OFFERED = 50_000
"""Files that can be asked for at a time; the oldest is forgotten first, and offered anew when its page is drawn."""
MOST_DRAWN = 100_000_000
"""Bytes of drawn pictures that are kept."""
LARGE, SMALL = 2_400, 320
"""Pixels of the longer side: to look at, and in a list."""


@dataclass(frozen=True, slots=True)
class _Offer:
    root: Path
    media: Media


class Shelf:
    """The files that pages of this process gave out."""

    def __init__(self) -> None:
        self._offers: OrderedDict[str, _Offer] = OrderedDict()
        self._drawn: OrderedDict[tuple[str, int, int], bytes] = OrderedDict()
        self._size = 0
        self._lock = Lock()

    def offer(self, root: Path, media: Media, key: str) -> str:
        """The address of a file, the same for the same content as long as the project's key is."""
        name = hmac.new(key.encode(), f"{root}\0{media.path}\0{media.digest}".encode(), hashlib.sha256).hexdigest()[:40]
        with self._lock:
            self._offers[name] = _Offer(root, media)
            self._offers.move_to_end(name)
            while len(self._offers) > MOST_OFFERED:
                self._offers.popitem(last=False)
        return f"{PREFIX}/{name}"

    def file(self, name: str) -> tuple[Media, Path] | None:
        """The file of a name, and where it lies; None for a name that nobody gave out. Raises: MediaError."""
        with self._lock:
            offer = self._offers.get(name)
        return None if offer is None else (offer.media, file_of(offer.root, offer.media))

    def picture(self, name: str, *, side: int, page: int) -> bytes | None:
        """The picture, or a page, as PNG or JPEG; None for a name that nobody gave out. Raises: MediaError."""
        opened = self.file(name)
        if opened is None:
            return None
        key = (name, side, page)
        with self._lock:
            drawn = self._drawn.get(key)
        if drawn is None:
            media, path = opened
            drawn = thumbnail(path, media, most=side, page=page, is_light=side == SMALL)
            self._keep(key, drawn)
        return drawn

    def _keep(self, key: tuple[str, int, int], drawn: bytes) -> None:
        with self._lock:
            if key not in self._drawn:
                self._drawn[key] = drawn
                self._size += len(drawn)
            while self._size > MOST_DRAWN:
                _, oldest = self._drawn.popitem(last=False)
                self._size -= len(oldest)


SHELF = Shelf()
"""Of this process: Streamlit runs the pages in threads of the server."""


def manner(
    workspace: Workspace, cascade: str, *, seek: str = "", room: int = ROOM, is_blind: bool = False
) -> charts.Manner:
    """How a page draws values, files of the records among them.

    With `is_blind` files go without their paths, which may say what is right (`fraud/01.jpg`).
    """

    @cache
    def place() -> tuple[Path, str]:  # once a page: the folder is asked of the store
        return Path(workspace.media_folder(cascade)), Access(workspace.folder).token

    def draw(media: Media) -> Element:
        root, key = place()
        address = SHELF.offer(root, media, key)
        words = _words(media) if is_blind else f"{media.path}, {_words(media)}"
        caption: Element = ["small", {}, words]
        if media.kind is FieldKind.AUDIO:
            sound: Element = ["audio", {"src": f"{address}/sound", "controls": "", "preload": "metadata"}]
            return ["div", {"class": "vi", "data-media": "audio"}, sound, caption]
        attributes = {
            "src": f"{address}/picture",
            "alt": f"{media.kind.value}, {_words(media)}",
            "loading": "lazy",
            **({"width": str(media.width)} if media.width else {}),
            **({"height": str(media.height)} if media.height else {}),
        }
        picture: Element = ["div", {"class": "vx", "tabindex": "0", "role": "group", "aria-label": "Picture"},
                            ["img", attributes]]  # fmt: skip
        pages = {"data-pages": str(media.pages)} if media.pages else {}
        return ["div", {"class": "vi", "data-media": media.kind.value, **pages}, picture, caption]

    return charts.Manner(seek=seek, room=room, show=draw)


def small(workspace: Workspace, cascade: str, records: Collection[str]) -> charts.Pictures:
    """Addresses of the small pictures of records in a list."""
    files = workspace.failures.pictures(cascade, records)
    if not files:
        return {}
    root, key = Path(workspace.media_folder(cascade)), Access(workspace.folder).token
    return {record: f"{SHELF.offer(root, file, key)}/picture?small=1" for record, file in files.items()}


def _words(media: Media) -> str:
    size = f"{media.width:,} × {media.height:,}" if media.width and media.height else ""
    pages = f"{media.pages:,} pages" if media.pages and media.pages > 1 else ""
    seconds = f"{media.seconds:.1f} s" if media.seconds is not None else ""
    return ", ".join(part for part in (pages, size, seconds) if part) or media.kind.value


def routes() -> list[Route]:
    """The addresses of what pages gave out."""
    from starlette.routing import Route

    return [
        Route(f"{PREFIX}/{{name}}/picture", _picture),
        Route(f"{PREFIX}/{{name}}/sound", _sound),
    ]


_HEADERS = {"cache-control": "private, max-age=86400", "content-disposition": "inline"}


def _picture(request: Request) -> Response:
    from starlette.responses import Response

    try:
        page = int(request.query_params.get("page", "1"))
        side = SMALL if request.query_params.get("small") == "1" else LARGE
        drawn = SHELF.picture(request.path_params["name"], side=side, page=page)
    except (StagegapError, ValueError) as error:
        return _refusal(str(error), 404)
    if drawn is None:
        return _refusal(UNKNOWN, 404)
    kind = "image/jpeg" if drawn.startswith(b"\xff\xd8") else "image/png"
    return Response(drawn, media_type=kind, headers=_HEADERS)


def _sound(request: Request) -> Response:
    from starlette.responses import FileResponse

    try:
        opened = SHELF.file(request.path_params["name"])
    except StagegapError as error:
        return _refusal(str(error), 404)
    if opened is None or opened[0].type not in SOUNDS:
        return _refusal(UNKNOWN, 404)
    media, path = opened
    return FileResponse(path, media_type=media.type, headers=_HEADERS)


UNKNOWN = "No page of this app gave out that file."


def _refusal(sentence: str, status: int) -> Response:
    from starlette.responses import PlainTextResponse

    return PlainTextResponse(sentence, status_code=status, headers={"cache-control": "no-store"})
