"""What is wrong with a file though it can be read: nothing in it, or its end is not there."""

from __future__ import annotations

import io
import wave
from array import array
from pathlib import Path
from typing import NamedTuple

from stagegap.errors import MediaError
from stagegap.media.contents import BROKEN
from stagegap.media.files import file_of
from stagegap.media.pictures import thumbnail
from stagegap.model.media import FieldKind, Media

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
