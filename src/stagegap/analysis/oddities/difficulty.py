"""The words by which people give a difficulty, in their order."""

from __future__ import annotations

from collections.abc import Sequence

_ORDERS = (
    ("trivial", "very easy", "easy", "simple", "low", "medium", "normal", "moderate", "average", "intermediate", "hard",
     "difficult", "high", "very hard", "expert"),
    ("beginner", "intermediate", "advanced", "expert"),
    ("leicht", "mittel", "schwer"),
    ("facile", "moyen", "difficile"),
)  # fmt: skip


def ranks(levels: Sequence[str]) -> tuple[float, ...] | None:
    """A number for each level, higher being harder; None where no order is known.

    Numbers stand for themselves; otherwise every level must be one of a known row of words.

    >>> ranks(["hard", "easy", "medium"]), ranks(["2", "10"]), ranks(["blue", "red"])
    ((10.0, 2.0, 5.0), (2.0, 10.0), None)
    """
    try:
        return tuple(float(level) for level in levels)
    except ValueError:
        pass
    plain = [level.strip().lower().replace("_", " ").replace("-", " ") for level in levels]
    for order in _ORDERS:
        if all(level in order for level in plain):
            return tuple(float(order.index(level)) for level in plain)
    return None
