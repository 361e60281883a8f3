"""Pictures and pages of documents as small files made anew, and what is wrong with a file though it can be read."""

from __future__ import annotations

import io
import math
import threading
import wave
from array import array
from collections.abc import Generator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from stagegap.errors import MediaError
from stagegap.media.contents import BROKEN, opened_picture, upright
from stagegap.media.documents import drawn_page
from stagegap.media.files import file_of
from stagegap.model.media import FieldKind, Media

if TYPE_CHECKING:
    from PIL import Image


MOST_SIDE = 2_400
"""Pixels of the longer side of what is drawn, whatever is asked for."""
PAGE_SIDE = 2_000
"""Pixels of the longer side of a page from which a rectangle is cut."""
LARGE = 8_000_000
"""Pixels from which on a picture is decoded while no other such is: the memory that it takes is that of one."""
_LARGE = threading.RLock()
Rectangle: TypeAlias = tuple[float, float, float, float]
"""x, y, width and height."""


def thumbnail(path: Path, media: Media, *, most: int = 320, page: int = 1, is_light: bool = False) -> bytes:
    """A picture, or a page of a PDF, whose longer side has at most `most` pixels.

    PNG, and JPEG for a JPEG or where it is to be `is_light`.

    Raises: MediaError for a page that is not there, a file that breaks off, and a recording.
    """
    side = min(max(1, most), MOST_SIDE)
    with _drawn(path, media, side, page) as picture:
        return _encoded(picture, side, "JPEG" if is_light or media.type == "image/jpeg" else "PNG")


INLINED = 160
"""Pixels of the longer side of a picture that stands inside a report."""


def inlined(root: Path, media: Media, *, most: int = INLINED) -> str:
    """The picture as an address that holds it, for a file that is sent around; empty where it can't be drawn.

    Each byte as `%FF`: of Base64 the gate for secrets would take pieces for keys.
    """
    try:
        drawn = thumbnail(file_of(root, media), media, most=most, is_light=True)
    except MediaError:
        return ""
    return "data:image/jpeg," + "".join(f"%{byte:02X}" for byte in drawn)


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
        return _encoded(picture.crop((left, top, right, bottom)), min(max(1, most), MOST_SIDE), "PNG")


@contextmanager
def _drawn(path: Path, media: Media, side: int, page: int) -> Generator[Image.Image]:
    """The picture upright, or a page; decoded no larger than `side` asks for where the format can, 0 for all of it."""
    if media.kind is FieldKind.AUDIO:
        raise MediaError(f"{media.path!r} is a recording, which has no picture.")
    if media.kind is FieldKind.PDF:
        yield drawn_page(path, page, side)
        return
    from PIL import Image

    with opened_picture(path) as picture, _LARGE if picture.width * picture.height > LARGE else nullcontext():
        try:
            if side:
                picture.draft(None, (side, side))  # a JPEG is decoded at a fraction of its size
            picture.load()
            turned = upright(_eight_bits(_reduced(picture, side)))
            plain = turned.convert("RGBA" if turned.mode in ("P", "PA", "LA", "RGBA") else "RGB")
        except (*BROKEN, Image.DecompressionBombError) as error:
            raise MediaError(f"{media.path!r} breaks off or is damaged ({error}).") from None
    yield plain


def _reduced(picture: Image.Image, side: int) -> Image.Image:
    """A picture that is much larger than `side`, made smaller before anything copies it."""
    factor = max(picture.size) // side if side else 1
    if factor < 2:
        return picture
    if picture.mode in ("L", "LA", "RGB", "RGBA"):
        return picture.reduce(factor)
    return picture.resize((max(1, picture.width // factor), max(1, picture.height // factor)), 0)  # nearest: any mode


def _eight_bits(picture: Image.Image) -> Image.Image:
    """Levels of 16 bits and more brought to 256, from the darkest to the lightest; others stay as they are."""
    if not picture.mode.startswith(("I", "F")):
        return picture
    import numpy as np
    from PIL import Image

    levels = np.nan_to_num(np.asarray(picture, dtype=np.float32), posinf=0.0, neginf=0.0)
    low = 0.0 if picture.mode.startswith("I;16") else float(levels.min())
    high = 65_535.0 if picture.mode.startswith("I;16") else float(levels.max())
    scaled = (levels - low) / (high - low or 1.0) * 255
    return Image.fromarray(scaled.clip(0, 255).astype(np.uint8))


def _encoded(picture: Image.Image, side: int, kind: str) -> bytes:
    ratio = side / max(picture.size)
    if ratio < 1:
        size = (max(1, round(picture.width * ratio)), max(1, round(picture.height * ratio)))
        picture = picture.resize(size)
    if kind == "JPEG" and picture.mode != "RGB":
        paper = picture.copy()
        paper.paste("white", (0, 0, *picture.size))
        paper.alpha_composite(picture)
        picture = paper.convert("RGB")
    stream = io.BytesIO()
    picture.save(stream, kind, quality=90)  # PNG knows no quality; of a photograph it takes 20 times as long
    return stream.getvalue()


TAIL = 65_536
"""Bytes before the end among which a file's last mark is looked for: some programs write more behind it."""
ENDS = {"image/jpeg": b"\xff\xd9", "image/png": b"IEND", "image/gif": b";"}
FLAT = 0.05
"""Bytes a pixel above which a compressed picture is not of one colour, so that it need not be decoded."""
PLAIN = 8
"""Of 255 levels, by which the pixels of a picture of one colour may differ."""
QUIET = 0.001
"""Of the largest sample: 60 dB below it."""
LOOK = 64


class Damage(NamedTuple):
    """What was found in a file; None where it was not, or can't be, looked for."""

    blank: bool | None = None
    cut: bool | None = None


def damage(root: Path, media: Media) -> Damage:
    """Whether there is nothing in a file, and whether it breaks off; nothing of one that is gone or was changed."""
    try:
        path = file_of(root, media)
        cut = _is_cut(path, media)
        blank = False if cut else _is_blank(path, media)
    except (MediaError, OSError):
        return Damage()
    return Damage(blank, cut)


def _is_cut(path: Path, media: Media) -> bool | None:
    end = ENDS.get(media.type)
    if end is None:
        return None
    with path.open("rb") as file:
        file.seek(max(0, media.size - TAIL))
        return end not in file.read()


def _is_blank(path: Path, media: Media) -> bool | None:
    if media.type == "audio/wav":
        return _is_silent(path)
    if media.kind is not FieldKind.IMAGE or not media.width or not media.height:
        return None
    if media.type not in ("image/bmp", "image/tiff") and media.size > FLAT * media.width * media.height + 2_000:
        return False
    from PIL import Image

    with Image.open(io.BytesIO(thumbnail(path, media, most=LOOK, is_light=True))) as picture:
        low, high = picture.convert("L").getextrema()
    return float(str(high)) - float(str(low)) <= PLAIN


def _is_silent(path: Path) -> bool | None:
    """Whether a WAV file of 16 bits never gets loud; None for another width."""
    try:
        with wave.open(str(path), "rb") as sound:
            if sound.getsampwidth() != 2:
                return None
            while frames := sound.readframes(TAIL):
                samples = array("h", frames)
                if max(map(abs, samples)) > QUIET * 32_768:
                    return False
    except (*BROKEN, wave.Error):
        return None
    return True
