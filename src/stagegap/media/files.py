"""A file inside a folder: found without ever leaving it, looked at by content, known by its digest."""

from __future__ import annotations

import hashlib
import io
import os
import re
import stat
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import NamedTuple

from stagegap.errors import MediaError, near_names
from stagegap.media import contents
from stagegap.model.media import FieldKind, Media

MOST_BYTES = {FieldKind.IMAGE: 50_000_000, FieldKind.AUDIO: 200_000_000, FieldKind.PDF: 100_000_000}
"""Of one file, by its kind."""
_ADDRESS = re.compile(r"(?!.:)[a-z][a-z0-9+.-]*:(//|\S+;base64,)", re.IGNORECASE)
"""`https://`, `s3://`, `file://`, `data:image/png;base64,`; no letter of a drive."""
OWN_FOLDER = ".stagegap-media"
"""Folder inside that of the media for what came without a file: bytes of a table, pictures that a stage made."""
SEEN = 200_000
"""Files whose digests are remembered: each is read once a process while it does not change."""


class _State(NamedTuple):
    """What changes when a file does."""

    path: str
    device: int
    inode: int
    size: int
    modified: int
    changed: int


@lru_cache(maxsize=SEEN)
def _digest(state: _State) -> str:
    with open(state.path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@lru_cache(maxsize=SEEN)
def _content(state: _State, kind: FieldKind) -> contents.Content:
    return contents.content(Path(state.path), kind)


def read_media(root: Path, path: str, kind: FieldKind) -> Media:
    """The file at a path of the folder, as a value.

    Raises: MediaError with one sentence for a path that leaves the folder, no file, one that is empty, too large or
    not what its kind and its ending say. ConfigurationError without the package that reads the kind.
    """
    place = _inside(root, path)
    with _sentences(path):
        state = _state(place)
        if not state.size:
            raise MediaError(f"{path!r} is empty: it holds zero bytes.")
        if state.size > MOST_BYTES[kind]:
            raise MediaError(f"{path!r} holds {state.size:,} bytes; at most {MOST_BYTES[kind]:,} are read of one file.")
        content = _content(state, kind)
        digest = _digest(state)
    if problem := contents.ending_problem(path, content.type):
        raise MediaError(f"{path!r} {problem}")
    return Media(
        kind=kind,
        path=path,
        digest=digest,
        type=content.type,
        size=state.size,
        width=content.width,
        height=content.height,
        pages=content.pages,
        seconds=content.seconds,
    )


def write_media(root: Path, content: bytes, kind: FieldKind) -> str:
    """Bytes that came without a file, written into the folder under their digest; the path. Raises: MediaError."""
    name = hashlib.sha256(content).hexdigest()
    if not 0 < len(content) <= MOST_BYTES[kind]:
        raise MediaError(f"holds {len(content):,} bytes; between 1 and {MOST_BYTES[kind]:,} are read of one file.")
    folder = Path(os.path.realpath(root / OWN_FOLDER))
    if folder.parent != Path(os.path.realpath(root)):
        raise MediaError(f"{OWN_FOLDER!r} is a link out of the folder {str(root)!r}, which no path may leave.")
    with _sentences(OWN_FOLDER):
        folder.mkdir(exist_ok=True)
        known = (f"{name}{endings[0]}" for endings in contents.ENDINGS.values())
        path = next((path for path in known if (folder / path).is_file()), "")
        if not path:
            (folder / ".gitignore").write_text("*\n")
            part = folder / f"{name[:12]}-{os.getpid()}-{threading.get_ident()}"
            try:
                part.write_bytes(content)
                path = f"{name}{contents.ENDINGS[contents.content(part, kind).type][0]}"
                part.replace(folder / path)
            finally:
                part.unlink(missing_ok=True)
    return f"{OWN_FOLDER}/{path}"


def media_of_output(root: Path, value: object) -> Media | None:
    """The file that a stage made: a path inside the folder, or a picture of Pillow; None for anything else.

    Raises: MediaError for a path that leads out of the folder, and as `read_media`.
    """
    if "PIL.Image" in sys.modules:  # nobody can hold a picture before Pillow is loaded
        from PIL import Image

        if isinstance(value, Image.Image):
            stream = io.BytesIO()
            value.save(stream, "PNG")
            return read_media(root, write_media(root, stream.getvalue(), FieldKind.IMAGE), FieldKind.IMAGE)
    if not isinstance(value, Path):
        return None
    top = os.path.realpath(root)
    place = Path(os.path.realpath(os.path.join(top, value)))
    if not place.is_relative_to(top):
        raise MediaError(f"{str(value)!r} lies outside of the folder {top!r}, where files of records and stages lie.")
    ending = place.suffix.lower()
    kinds = [kind for kind, endings in contents.ENDINGS.items() if ending in endings]
    if not kinds:
        raise MediaError(f"{str(value)!r} has the ending {ending!r}, which no picture, recording or PDF has.")
    kind = FieldKind.PDF if kinds[0] == "application/pdf" else FieldKind(kinds[0].partition("/")[0])
    return read_media(root, place.relative_to(top).as_posix(), kind)


def file_of(root: Path, media: Media) -> Path:
    """Where the file of a value lies now. Raises: MediaError as `read_media`, and where its content changed."""
    place = _inside(root, media.path)
    with _sentences(media.path):
        digest = _digest(_state(place))
    if digest != media.digest:
        raise MediaError(f"{media.path!r} was changed since it was read. Run again: a changed file is a new input.")
    return place


def _inside(root: Path, path: str) -> Path:
    """The file that a path of the folder names, links followed. Raises: MediaError."""
    if not path or "\0" in path:
        raise MediaError("The path is empty." if not path else "The path holds a zero byte.")
    if _ADDRESS.match(path):
        raise MediaError(f"{path[:200]!r} is an address, and nothing is fetched. Save the file in {str(root)!r}.")
    if path.startswith("~") or PurePosixPath(path).is_absolute() or PureWindowsPath(path).drive or path[0] == "\\":
        raise MediaError(f"{path!r} is no path inside the folder {str(root)!r}. Write it relative to that folder.")
    if ".." in path.replace("\\", "/").split("/"):
        raise MediaError(f"{path!r} leaves the folder {str(root)!r}: a path holds no `..`.")
    top = os.path.realpath(root)
    try:
        place = Path(os.path.realpath(os.path.join(top, path)))
    except UnicodeEncodeError:
        raise MediaError(f"{path!r} holds half a character, which no file's name does.") from None
    if not place.is_relative_to(top):
        raise MediaError(f"{path!r} is a link out of the folder {str(root)!r}, which no path may leave.")
    with _sentences(path):
        try:
            mode = os.stat(place).st_mode
        except FileNotFoundError:
            raise MediaError(f"{path!r} is not there. {_near(place)}".strip()) from None
    if not stat.S_ISREG(mode):  # a pipe or a device is refused before opening it could wait for ever
        raise MediaError(f"{path!r} is not a file.")
    return place


@contextmanager
def _sentences(path: str) -> Generator[None]:
    """What the system says of a file as a sentence. Raises: MediaError."""
    try:
        yield
    except OSError as error:
        raise MediaError(f"{path!r} can't be read: {error.strerror or error}.") from None


def _near(place: Path) -> str:
    try:
        names = os.listdir(place.parent)
    except OSError:
        return ""
    hint = near_names(place.name, names)
    return hint if hint.startswith("Did you mean") else ""


def _state(place: Path) -> _State:
    status = os.stat(place)
    return _State(str(place), status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
