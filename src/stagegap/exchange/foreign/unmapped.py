"""What a file of another program holds that became no label: counted by reason, with examples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

MAX_EXAMPLES = 5
SHOWN = 120
"""Characters of an example."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unmapped:
    """One reason why something became no label."""

    reason: str
    """A full sentence."""
    count: int
    examples: tuple[str, ...]
    """Where the first of them stand."""


class Leftovers:
    """Collects what could not be mapped while a file is read."""

    def __init__(self) -> None:
        self._found: dict[str, list[str]] = {}
        self._counts: dict[str, int] = {}

    def add(self, reason: str, example: str) -> None:
        """Note one thing that became no label."""
        self._counts[reason] = self._counts.get(reason, 0) + 1
        examples = self._found.setdefault(reason, [])
        short = example if len(example) <= SHOWN else f"{example[: SHOWN - 3]}..."
        if len(examples) < MAX_EXAMPLES and short not in examples:
            examples.append(short)

    def all(self) -> Sequence[Unmapped]:
        """Every reason, the most frequent first."""
        return tuple(
            Unmapped(reason=reason, count=count, examples=tuple(self._found[reason]))
            for reason, count in sorted(self._counts.items(), key=lambda pair: (-pair[1], pair[0]))
        )
