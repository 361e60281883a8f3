"""Pictures and pages of documents as small PNG files, for screens and reports."""

from __future__ import annotations

import io
import math
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from stagegap.errors import MediaError
from stagegap.media.contents import BROKEN, opened_document, opened_picture, upright
from stagegap.model.media import FieldKind, Media

if TYPE_CHECKING:
    from PIL import Image

MOST_SIDE = 2_400
"""Pixels of the longer side of what is drawn, whatever is asked for."""
PAGE_SIDE = 2_000
"""Pixels of the longer side of a page from which a rectangle is cut."""
Rectangle: TypeAlias = tuple[float, float, float, float]
"""x, y, width and height."""


def thumbnail(path: Path, media: Media, *, most: int = 320, page: int = 1) -> bytes:
    """PNG of a picture, or of a page of a PDF, whose longer side has at most `most` pixels.

    Raises: MediaError for a page that is not there, a file that breaks off, and a recording.
    """
    side = min(max(1, most), MOST_SIDE)
    with _drawn(path, media, side, page) as picture:
        return _png(picture, side)


def crop(path: Path, media: Media, box: Rectangle, *, most: int = 900, page: int = 1) -> bytes:
    """PNG of a rectangle of a picture (in its pixels) or of a page (in points); what lies outside is left out.

    Raises: MediaError as `thumbnail`, and for a rectangle that lies outside.
    """
    with _drawn(path, media, PAGE_SIDE if media.kind is FieldKind.PDF else 0, page) as picture:
        ratio = picture.width / media.width if media.kind is FieldKind.PDF and media.width else 1.0
        x, y, w, h = (side * ratio for side in box)
        left, top = max(0, math.floor(x)), max(0, math.floor(y))
        right, bottom = min(picture.width, math.ceil(x + w)), min(picture.height, math.ceil(y + h))
        if right <= left or bottom <= top:
            raise MediaError(f"The rectangle {box} lies outside {media.path!r}.")
        return _png(picture.crop((left, top, right, bottom)), min(max(1, most), MOST_SIDE))


@contextmanager
def _drawn(path: Path, media: Media, side: int, page: int) -> Generator[Image.Image]:
    """The picture upright, or a page; decoded no larger than `side` asks for where the format can, 0 for all of it."""
    if media.kind is FieldKind.AUDIO:
        raise MediaError(f"{media.path!r} is a recording, which has no picture.")
    if media.kind is FieldKind.PDF:
        yield _page(path, media, side, page)
        return
    from PIL import Image

    with opened_picture(path) as picture:
        try:
            if side:
                picture.draft(None, (side, side))  # a JPEG is decoded at a fraction of its size
            picture.load()
            turned = upright(picture)
            plain = turned.convert("RGBA" if turned.mode in ("P", "PA", "LA", "RGBA") else "RGB")
        except (*BROKEN, Image.DecompressionBombError) as error:
            raise MediaError(f"{media.path!r} breaks off or is damaged ({error}).") from None
    yield plain


def _page(path: Path, media: Media, side: int, page: int) -> Image.Image:
    with opened_document(path) as document:
        if not 1 <= page <= len(document):
            raise MediaError(f"{media.path!r} has {len(document)} pages, and no page {page}.")
        width, height = document.get_page_size(page - 1)
        scale = side / max(width, height, 1.0)
        return document[page - 1].render(scale=scale).to_pil().convert("RGB")


def _png(picture: Image.Image, side: int) -> bytes:
    ratio = side / max(picture.size)
    if ratio < 1:
        size = (max(1, round(picture.width * ratio)), max(1, round(picture.height * ratio)))
        picture = picture.resize(size)
    stream = io.BytesIO()
    picture.save(stream, "PNG")
    return stream.getvalue()
