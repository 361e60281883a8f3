"""Files that only grow, of compressed frames with a checksum each: long texts, and what is kept twice."""

from __future__ import annotations

import mmap
import os
import secrets
import struct
import threading
import zlib
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path

from stagegap import redaction
from stagegap.errors import StoreDamaged, StoreError

MAGIC = b"\xf5SG1"
"""Begins every frame; no UTF-8 text holds its first byte. What comes after a damaged frame is found by it."""
_HEADER = struct.Struct(">4sIIQQ")
"""Magic, CRC-32 of all behind it, bytes of the name, of the compressed body, and of the body."""
_CHECKED = 8
LEVEL = 1


@dataclass(frozen=True, slots=True)
class Frame:
    """One thing that was kept."""

    name: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Gap:
    """Bytes of a file that are no whole frame: damaged, or cut off where a process was killed while it wrote."""

    file: str
    at: int
    is_tail: bool
    """True when nothing stands behind it: such a frame was never acknowledged, or the file was cut."""


class Segments:
    """A folder of such files, one for each process that writes; safe for many threads and processes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._mutex = threading.Lock()
        self._file = -1
        self._name = ""
        self._end = 0

    def close(self) -> None:
        with self._mutex:
            if self._file >= 0:
                os.close(self._file)
                self._file = -1

    def append(self, frames: Sequence[tuple[str, bytes]]) -> list[str]:
        """Make (name, body) durable, and give the place of each. Raises: StoreError where the disk takes no more.

        Values of the environment's secrets are blotted out of the bodies, which are text.
        """
        known = redaction.secrets()
        written = [_framed(name, known.known_bytes(body)) for name, body in frames]
        with self._mutex:
            try:
                if self._file < 0:
                    self._begin()
                _write(self._file, b"".join(written))
                os.fdatasync(self._file)
            except OSError as error:
                if self._file >= 0:
                    os.ftruncate(self._file, self._end)
                raise StoreError(f"{self.folder} cannot take this in: {error.strerror}.") from error
            places: list[str] = []
            for frame in written:
                places.append(f"{self._name}:{self._end}:{len(frame)}")
                self._end += len(frame)
            return places

    def read(self, place: str) -> bytes:
        """The body at a place. Raises: StoreDamaged."""
        name, start, size = place.split(":")
        path = self.folder / name
        try:
            with path.open("rb") as file:
                file.seek(int(start))
                frame = _frame(file.read(int(size)), 0)
        except OSError as error:
            raise StoreDamaged(f"{path} cannot be read: {error.strerror}.") from error
        if frame is None:
            raise StoreDamaged(f"{path} is damaged at byte {start}.")
        return frame[0].body

    def frames(self) -> Generator[Frame | Gap]:
        """Go through all that was kept, a file at a time, over what is damaged."""
        for path in sorted(self.folder.glob("*.seg")):
            with path.open("rb") as file:
                if path.stat().st_size:
                    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                        yield from _read(path.name, data)

    def retire(self, name: str) -> None:
        """Put a damaged file aside, under a name by which it is read no more."""
        os.rename(self.folder / name, self.folder / f"{name}.damaged")

    def _begin(self) -> None:
        self.folder.mkdir(mode=0o700, exist_ok=True)
        self._name = f"{secrets.token_hex(8)}.seg"
        self._end = 0
        flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC
        self._file = os.open(self.folder / self._name, flags, 0o600)
        for folder in (self.folder, self.folder.parent):
            descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)


def _framed(name: str, body: bytes) -> bytes:
    title, packed = name.encode(), zlib.compress(body, LEVEL)
    header = _HEADER.pack(MAGIC, 0, len(title), len(packed), len(body))
    rest = b"".join((header[_CHECKED:], title, packed))
    return b"".join((MAGIC, zlib.crc32(rest).to_bytes(4, "big"), rest))


def _frame(data: bytes | mmap.mmap, at: int) -> tuple[Frame, int] | None:
    """The frame that begins there, and where it ends; None where none does."""
    if len(data) - at < _HEADER.size:
        return None
    magic, crc32, title, packed, size = _HEADER.unpack_from(data, at)
    start, end = at + _HEADER.size, at + _HEADER.size + title + packed
    if magic != MAGIC or end > len(data):
        return None
    # A view of a mapped file has to be let go of before the file is.
    with memoryview(data) as view, view[at + _CHECKED : end] as checked, view[start + title : end] as packed_body:
        if zlib.crc32(checked) != crc32:
            return None
        body = zlib.decompress(packed_body, bufsize=max(size, 1))
    return Frame(data[start : start + title].decode(), body), end


def _read(name: str, data: mmap.mmap) -> Generator[Frame | Gap]:
    at = 0
    while at < len(data):
        read = _frame(data, at)
        if read is not None:
            yield read[0]
            at = read[1]
            continue
        behind = data.find(MAGIC, at + 1)
        while behind >= 0 and _frame(data, behind) is None:
            behind = data.find(MAGIC, behind + 1)
        yield Gap(name, at, is_tail=behind < 0)
        at = behind if behind >= 0 else len(data)


def _write(file: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]


LONGEST = 65_536
"""Characters up to which a text stands in the file itself: 2,048 of them are a quarter of what DuckDB may take."""
MARK = "\x01long text "
"""Begins what stands in the place of a long text; a text that begins so is kept as a long one: none is mistaken."""


class LongTexts:
    """Long texts of a store, each kept before the operation that names it is acknowledged."""

    def __init__(self, folder: Path) -> None:
        self._segments = Segments(folder / "texts")
        self._copies = Segments(folder / "copies")

    def close(self) -> None:
        self._segments.close()

    def put(self, texts: Sequence[str], kept: list[tuple[str, bytes]] | None = None) -> list[str]:
        """Keep texts, and give what stands in their place; both go to `kept` as well. Raises: StoreError."""
        bodies = [text.encode("utf-8", "backslashreplace") for text in texts]
        places = [f"{MARK}{place}" for place in self._segments.append([("text", body) for body in bodies])]
        if kept is not None:
            kept.extend(zip(places, bodies, strict=True))
        return places

    def get(self, text: str) -> str:
        """The text that is meant: the same, or the long one that it names. Raises: StoreDamaged."""
        if not text.startswith(MARK):
            return text
        place = text.removeprefix(MARK)
        try:
            return self._segments.read(place).decode()
        except StoreDamaged:
            copy = next((f.body for f in self._copies.frames() if isinstance(f, Frame) and f.name == text), None)
            if copy is None:
                raise
            return copy.decode()

    def check(self) -> Generator[Frame | Gap]:
        """Go through all of them."""
        yield from self._segments.frames()


def is_long(text: str | None) -> bool:
    """Say whether a text stands apart."""
    return text is not None and (len(text) > LONGEST or text.startswith(MARK))
