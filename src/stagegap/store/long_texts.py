"""Texts too long for a row: DuckDB takes 2,048 rows at a time into memory, whatever they hold."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from pathlib import Path

from stagegap.errors import StoreDamaged
from stagegap.store.segments import Frame, Gap, Segments

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
