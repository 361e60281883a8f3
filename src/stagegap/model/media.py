"""Pictures, recordings and documents as values: a path with the digest of its content, never the bytes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from stagegap.model.record import Json


class FieldKind(StrEnum):
    """What a field of a record is, where it is more than text."""

    IMAGE = "image"
    AUDIO = "audio"
    PDF = "pdf"
    HTML = "html"
    """Text that is HTML: drawn as text and structure, never live."""
    TABLE = "table"
    """Rows: a list of objects, or of lists."""
    CHAT = "chat"
    """Messages: a list of objects with `role` and `content`."""


FILES = (FieldKind.IMAGE, FieldKind.AUDIO, FieldKind.PDF)
"""Kinds whose value is a file of the project."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Media:
    """A file of the project as it was when it was read; another content is another value."""

    kind: FieldKind
    path: str
    """Relative to the folder of the records' media."""
    digest: str
    """SHA-256 of the content, 64 hex digits."""
    type: str
    """Media type by content: `image/jpeg`."""
    size: int
    """Bytes."""
    width: int | None = None
    """Of a picture as it is shown (its EXIF orientation applied), in pixels; of the first page of a PDF in points."""
    height: int | None = None
    pages: int | None = None
    """Of a PDF."""
    seconds: float | None = None
    """Of a recording; None where its format does not say."""

    def as_value(self) -> dict[str, Json]:
        """What a record holds, calls rest on, and the store keeps."""
        facts: dict[str, Json] = {
            "width": self.width,
            "height": self.height,
            "pages": self.pages,
            "seconds": self.seconds,
        }
        return {
            "media": self.kind.value,
            "path": self.path,
            "digest": self.digest,
            "type": self.type,
            "bytes": self.size,
            **{name: fact for name, fact in facts.items() if fact is not None},
        }


def media_of(value: Json) -> Media | None:
    """The file that a value stands for; None for any other value.

    A value of this shape may have been written by anybody: whoever opens the file asks `stagegap.media.file_of`, which
    never leaves the folder.

    >>> media_of({"media": "image", "path": "a.png", "digest": "00", "type": "image/png", "bytes": 3}).kind.value
    'image'
    >>> media_of({"media": "image", "path": "a.png"}) is None
    True
    """
    if not isinstance(value, Mapping) or value.get("media") not in [kind.value for kind in FILES]:
        return None
    path, digest, kind, size = (value.get(key) for key in ("path", "digest", "type", "bytes"))
    if not (isinstance(path, str) and isinstance(digest, str) and isinstance(kind, str) and isinstance(size, int)):
        return None
    seconds = value.get("seconds")
    return Media(
        kind=FieldKind(str(value["media"])),
        path=path,
        digest=digest,
        type=kind,
        size=size,
        width=_whole(value.get("width")),
        height=_whole(value.get("height")),
        pages=_whole(value.get("pages")),
        seconds=float(seconds) if isinstance(seconds, int | float) and not isinstance(seconds, bool) else None,
    )


def picture_in(fields: Mapping[str, Json]) -> Media | None:
    """The first picture or document among the fields of a record; None without one."""
    files = (media_of(value) for value in fields.values())
    return next((file for file in files if file is not None and file.kind is not FieldKind.AUDIO), None)


def _whole(value: Json) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
