"""Numbers as words: whole per cent and whole points, with a true minus sign."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from html import escape

from stagegap.model.estimate import Estimate


def percent(share: float) -> str:
    """Give a share as whole per cent.

    >>> percent(0.556)
    '56%'
    """
    return f"{round(100 * share)}%"


def points(difference: float) -> str:
    """Give a difference of shares as whole points with its sign.

    >>> points(0.2), points(-0.04), points(0.001)
    ('+20', '−4', '0')
    """
    rounded = round(100 * difference)
    return f"{rounded:+d}".replace("-", "−") if rounded else "0"


def span(estimate: Estimate) -> str:
    """Give the interval of an estimate in whole per cent or points.

    >>> span(Estimate(value=0.2, low=-0.01, high=0.24, n=9, method="x"))
    '−1 to 24'
    """
    return f"{round(100 * estimate.low)} to {round(100 * estimate.high)}".replace("-", "−")


def whole(parts: Sequence[float], total: int) -> list[int]:
    """Round parts (as shares) to whole points that add up to `total` points, by largest remainder.

    >>> whole([0.014, 0.196, 0.072], 28)
    [1, 20, 7]
    """
    floors = [math.floor(100 * part) for part in parts]
    by_remainder = sorted(range(len(parts)), key=lambda i: floors[i] - 100 * parts[i])
    for i in by_remainder[: max(0, total - sum(floors))]:
        floors[i] += 1
    return floors


def capital(text: str) -> str:
    """Give the text with its first letter as a capital, the rest untouched."""
    return text[:1].upper() + text[1:]


def emphasised(sentence: str, *, stage: str | None) -> str:
    """Give a sentence of a verdict as HTML: percentages bold, and what comes from `stage` marked.

    >>> emphasised("56% good; 20 come from <a>.", stage="<a>")
    '<b>56%</b> good; <em>20 come from &lt;a&gt;</em>.'
    """
    html = re.sub(r"(?<![\w.])\d+%(?! interval)", lambda found: f"<b>{found[0]}</b>", escape(sentence))
    if stage is None:
        return html
    return re.sub(rf"(?<![\w.])\d+ (?:come|comes) from {re.escape(escape(stage))}", r"<em>\g<0></em>", html, count=1)
