"""Files of the project that are no text: found inside a folder and nowhere else, checked by content, drawn small."""

from __future__ import annotations

from stagegap.media.files import file_of, media_of_output, read_media, write_media
from stagegap.media.pictures import Damage, crop, damage, inlined, thumbnail

__all__ = [
    "Damage",
    "crop",
    "damage",
    "file_of",
    "inlined",
    "media_of_output",
    "read_media",
    "thumbnail",
    "write_media",
]
