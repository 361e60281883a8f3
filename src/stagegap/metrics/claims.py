"""Claims of an answer against those of a reference, matched one to one by whoever can tell whether two say the same."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from stagegap.stats.distributions import best_pairs

Given = TypeVar("Given")
Wanted = TypeVar("Wanted")


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchedClaims:
    """How many claims of an answer meet one of the reference."""

    pairs: tuple[tuple[int, int], ...]
    """Positions (in the answer, in the reference) that say the same."""
    given: int
    wanted: int

    @property
    def precision(self) -> float:
        """Share of the answer's claims that are matched; 1 where it makes none."""
        return len(self.pairs) / self.given if self.given else 1.0

    @property
    def recall(self) -> float:
        """Share of the reference's claims that are matched; 1 where it has none."""
        return len(self.pairs) / self.wanted if self.wanted else 1.0

    @property
    def f1(self) -> float:
        """2 x pairs / (claims of both); two empty lists are alike."""
        both = self.given + self.wanted
        return 2 * len(self.pairs) / both if both else 1.0


def matched_claims(
    given: Sequence[Given], wanted: Sequence[Wanted], same: Callable[[Given, Wanted], float], *, bar: float = 0.5
) -> MatchedClaims:
    """Pair claims so that as many as possible say the same, each once, and the surest pairs of those.

    `same` says from 0 to 1 how sure it is that two claims say the same: equality, overlap, an entailment model or an
    LLM judge; it is asked once for each two. Pairs below `bar` do not count. Raises: ValueError for another number.

    >>> found = matched_claims(["30 days", "free"], ["Free", "30 days", "unused"], lambda a, b: a.lower() == b.lower())
    >>> found.precision, round(found.recall, 2), found.f1
    (1.0, 0.67, 0.8)
    """
    sure = np.array([[float(same(claim, other)) for other in wanted] for claim in given]).reshape(
        len(given), len(wanted)
    )
    if not ((sure >= 0) & (sure <= 1)).all():
        raise ValueError("whether two claims say the same is a number from 0 to 1")
    # Every pair that counts is worth more than all sureness together: first as many as possible, then the surest.
    worth = np.where(sure >= bar, 1 + sure / (1 + max(sure.shape)), 0.0)
    chosen = best_pairs(worth) if sure.size else []
    pairs = tuple((i, j) for i, j in chosen if worth[i, j] > 0)
    return MatchedClaims(pairs=pairs, given=len(given), wanted=len(wanted))
