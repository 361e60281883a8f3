"""What a file holds, by its first bytes and its headers: no picture is decoded and nothing in a document is run."""

from __future__ import annotations

import re
import struct
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from stagegap.errors import MediaError, require
from stagegap.media.documents import EXTRA, read_document
from stagegap.model.media import FieldKind

if TYPE_CHECKING:
    from PIL import Image

MOST_PIXELS = 64_000_000
"""Of a picture: 8,000 by 8,000. Decoded it takes four bytes each."""
FORMATS = {
    "JPEG": "image/jpeg",
    "PNG": "image/png",
    "GIF": "image/gif",
    "WEBP": "image/webp",
    "BMP": "image/bmp",
    "TIFF": "image/tiff",
}
"""Pictures that are read, by Pillow's name; every other format's reader stays out."""
ENDINGS = {
    "image/jpeg": (".jpg", ".jpeg", ".jpe"),
    "image/png": (".png",),
    "image/gif": (".gif",),
    "image/webp": (".webp",),
    "image/bmp": (".bmp",),
    "image/tiff": (".tif", ".tiff"),
    "application/pdf": (".pdf",),
    "audio/wav": (".wav", ".wave"),
    "audio/flac": (".flac",),
    "audio/ogg": (".ogg", ".oga", ".opus"),
    "audio/mpeg": (".mp3",),
    "audio/mp4": (".m4a", ".mp4"),
    "audio/webm": (".webm", ".weba"),
}
STILLS = {b"heic": "HEIC", b"heix": "HEIC", b"mif1": "HEIF", b"msf1": "HEIF", b"avif": "AVIF", b"avis": "AVIF"}
"""Pictures in the wrapping of MP4, by what they call themselves."""
MOST_CHUNKS = 10_000
"""Pieces of a recording that are passed over before the one that is looked for."""
PCM = 1
_VIDEO_TRACK = re.compile(rb"hdlr.{8}vide", re.DOTALL)
_VIDEO_CODEC = re.compile(rb"V_(VP8|VP9|AV1|MPEG|MJPEG|THEORA|UNCOMPRESSED|MS/|REAL|QUICKTIME)")
BROKEN = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    AttributeError,
    EOFError,
    ArithmeticError,
    MemoryError,
    RuntimeError,
    struct.error,
)
"""What readers of pictures raise for bytes that nobody wrote on purpose."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What the headers of a file say."""

    type: str
    width: int | None = None
    height: int | None = None
    pages: int | None = None
    seconds: float | None = None


def content(path: Path, kind: FieldKind) -> Content:
    """What a file of a kind holds. Raises: MediaError for other content, OSError, ConfigurationError."""
    with path.open("rb") as file:
        head = file.read(4_096)
    if kind is FieldKind.IMAGE:
        return _picture(path, head)
    return _document(path, head) if kind is FieldKind.PDF else _recording(path, head)


def ending_problem(path: str, kind: str) -> str:
    """The end of a sentence on a name whose ending says something else than the content; empty where it fits.

    >>> ending_problem("a.png", "image/jpeg")
    'holds image/jpeg, and its ending is .png. Name it .jpg.'
    """
    ending = PurePosixPath(path).suffix.lower()
    if not ending or ending in ENDINGS[kind]:
        return ""
    return f"holds {kind}, and its ending is {ending}. Name it {ENDINGS[kind][0]}."


@contextmanager
def opened_picture(path: Path) -> Generator[Image.Image]:
    """The picture with its headers read. Raises: MediaError for one that is broken or too large."""
    require("PIL", "Reading pictures", extra=EXTRA)
    from PIL import Image

    try:
        with _no_warnings():
            picture = Image.open(path, formats=list(FORMATS))
    except Image.DecompressionBombError:
        raise MediaError(f"{path.name!r} is a picture of more than {MOST_PIXELS:,} pixels.") from None
    except Image.UnidentifiedImageError:
        raise MediaError(f"{path.name!r} is no picture that can be read. Read are {', '.join(FORMATS)}.") from None
    except BROKEN as error:
        raise MediaError(f"{path.name!r} is no picture that can be read ({_reason(error)}).") from None
    with picture:
        if picture.width * picture.height > MOST_PIXELS:
            raise MediaError(
                f"{path.name!r} is a picture of {picture.width:,} x {picture.height:,} pixels; at most "
                f"{MOST_PIXELS:,} are read. Make it smaller, or cut it."
            )
        yield picture


def _reason(error: BaseException) -> str:
    return " ".join(str(error).split())[:120] or type(error).__name__


def _picture(path: Path, head: bytes) -> Content:
    if _is_svg(head):
        raise MediaError(f"{path.name!r} is SVG, a drawing that can hold scripts and load other files. Save it as PNG.")
    if head.startswith(b"%PDF-"):
        raise MediaError(f"{path.name!r} is a PDF. Declare the field as `pdf`.")
    brand = STILLS.get(head[8:12]) if head[4:8] == b"ftyp" else None
    if brand:
        raise MediaError(f"{path.name!r} is a picture in {brand}, which is not read. Save it as JPEG or PNG.")
    with opened_picture(path) as picture:
        width, height = picture.size
        if _is_turned(picture):
            width, height = height, width
        return Content(type=FORMATS[picture.format or ""], width=width, height=height)


def upright(picture: Image.Image) -> Image.Image:
    """A decoded picture turned as its EXIF orientation says; as it is where that can't be read."""
    from PIL import ImageOps

    try:
        with _no_warnings():
            return ImageOps.exif_transpose(picture)
    except BROKEN:
        return picture


def _is_turned(picture: Image.Image) -> bool:
    """True for a picture that is shown on its side, as its EXIF orientation says; Pillow turns TIFF itself."""
    try:
        with _no_warnings():
            return picture.format != "TIFF" and picture.getexif().get(0x0112) in (5, 6, 7, 8)
    except BROKEN:
        return False


@contextmanager
def _no_warnings() -> Generator[None]:
    """Pillow warns of what is refused here, or does not matter."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _is_svg(head: bytes) -> bool:
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    return start.startswith(b"<svg") or (start.startswith((b"<?xml", b"<!doctype", b"<!--")) and b"<svg" in start)


def _document(path: Path, head: bytes) -> Content:
    if not head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"%PDF-"):
        raise MediaError(f"{path.name!r} is no PDF: it does not begin with %PDF-.")
    first = read_document(path)
    return Content(
        type="application/pdf", pages=first.pages, width=max(1, round(first.width)), height=max(1, round(first.height))
    )


def _recording(path: Path, head: bytes) -> Content:
    if head[:4] == b"RIFF" and head[8:12] == b"WAVE":
        return Content(type="audio/wav", seconds=_wav_seconds(path))
    if head[:4] == b"fLaC":
        return Content(type="audio/flac", seconds=_flac_seconds(head))
    if head[:4] == b"OggS":
        return Content(type="audio/ogg")
    if head[:3] == b"ID3" or (head[0] == 0xFF and len(head) > 1 and head[1] & 0xE6 == 0xE2):
        return Content(type="audio/mpeg")
    is_mp4 = head[4:8] == b"ftyp" and head[8:12] not in STILLS
    if is_mp4 or head[:4] == b"\x1a\x45\xdf\xa3":
        if _has_pictures_in_mp4(path) if is_mp4 else _VIDEO_CODEC.search(head) is not None:
            raise MediaError(f"{path.name!r} is a video, and only recordings are read. Save its sound as .m4a or .wav.")
        return Content(type="audio/mp4" if is_mp4 else "audio/webm")
    raise MediaError(f"{path.name!r} is no recording that is known. Known: WAV, FLAC, Ogg, MP3, MP4 (AAC), WebM.")


def _has_pictures_in_mp4(path: Path) -> bool:
    """Whether an MP4 file says that it has a track of pictures; the boxes before what describes it are passed over."""
    with path.open("rb") as file:
        for _ in range(MOST_CHUNKS):
            head = file.read(16)
            size, name = int.from_bytes(head[:4], "big"), head[4:8]
            if name == b"moov":
                return _VIDEO_TRACK.search(head[8:] + file.read(1_000_000)) is not None
            size = int.from_bytes(head[8:16], "big") if size == 1 else size
            if len(head) < 16 or size < 8:
                return False
            file.seek(size - 16, 1)
    return False


def _wav_seconds(path: Path) -> float:
    """Seconds of a WAV file, by its chunks.

    Raises: MediaError for one that is cut off, says no rate, or contradicts itself.
    """
    rate = 0
    with path.open("rb") as file:
        file.seek(12)
        for _ in range(MOST_CHUNKS):
            if len(chunk := file.read(8)) < 8:
                break
            name, size = chunk[:4], int.from_bytes(chunk[4:], "little")
            if name == b"data":
                rest = path.stat().st_size - file.tell()
                if not rate:
                    break
                if size > rest and size < 0xFFFFFFFF - 1_000:  # what was written to a pipe says no size
                    raise MediaError(
                        f"{path.name!r} is a recording that is cut off: {rest:,} of {size:,} bytes are there."
                    )
                return min(size, rest) / rate
            if name == b"fmt ":
                coding, _, samples, rate, width = struct.unpack("<HHIIH", file.read(14).ljust(14, b"\0"))
                if coding == PCM and rate != samples * width:
                    raise MediaError(
                        f"{path.name!r} is a WAV file whose header contradicts itself: {samples:,} samples a second of "
                        f"{width:,} bytes, and {rate:,} bytes a second."
                    )
                size -= 14
            file.seek(size + size % 2, 1)
    raise MediaError(f"{path.name!r} is a WAV file without sound in it.")


def _flac_seconds(head: bytes) -> float | None:
    if len(head) < 26:
        return None
    packed = int.from_bytes(head[18:26], "big")
    rate, samples = packed >> 44, packed & 0xFFFFFFFFF
    return samples / rate if rate and samples else None
