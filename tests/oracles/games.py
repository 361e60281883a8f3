"""Exact Shapley and Banzhaf values where the structure of a game allows it: a second way to what sums over sets say.

All 2^k sets are too many from about 20 players on. Players of one kind need one count a kind, weighted voting and
trees of gates need how many sets of each size a player decides: polynomials instead of sets. Whole numbers throughout,
so nothing is lost by cancellation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import product
from math import comb, factorial

Polynomial = list[int]
"""How many sets there are of each size."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Power:
    """What each player decides, in the order of the players."""

    shapley: tuple[float, ...]
    """They add up to v(all) - v(none)."""
    banzhaf: tuple[float, ...]
    """Share of the sets of the others in which the player decides."""


@dataclass(frozen=True, slots=True)
class Gate:
    """True when at least `needs` of its parts are: 1 is OR, all of them AND. A part is a gate or a player's number."""

    needs: int
    parts: tuple[Gate | int, ...]

    def players(self) -> Iterator[int]:
        for part in self.parts:
            if isinstance(part, int):
                yield part
            else:
                yield from part.players()


def power_of_votes(weights: Sequence[int], quota: int) -> Power:
    """Shapley-Shubik and Banzhaf power in weighted voting, by generating functions (Mann & Shapley 1962).

    A set wins from `quota` on. The cost is players^2 x sum of weights. Raises: ValueError for a weight below 0, or a
    quota that nobody needs or all together miss.

    >>> [round(share, 4) for share in power_of_votes([3, 2, 1, 1], 4).shapley]
    [0.5, 0.1667, 0.1667, 0.1667]
    """
    total = sum(weights)
    if any(weight < 0 for weight in weights) or not 0 < quota <= total:
        raise ValueError(f"weights from 0 on and a quota of 1 to their sum, got {list(weights)} and {quota}")
    k = len(weights)
    ways = [[0] * (total + 1) for _ in range(k + 1)]
    ways[0][0] = 1
    for weight in weights:
        for size in range(k, 0, -1):
            for reached in range(total, weight - 1, -1):
                ways[size][reached] += ways[size - 1][reached - weight]
    return _power([_swings(ways, weight, quota) for weight in weights])


def _swings(ways: Sequence[Sequence[int]], weight: int, quota: int) -> Polynomial:
    """How many sets of the others, by size, lose without a player of this weight and win with it."""
    others = [list(row) for row in ways]
    for size in range(1, len(ways)):
        for reached in range(weight, len(ways[0])):
            others[size][reached] -= others[size - 1][reached - weight]
    return [sum(row[max(0, quota - weight) : quota]) for row in others[:-1]]


def power_of_gates(tree: Gate) -> Power:
    """Shapley and Banzhaf values of a tree of gates in which every player stands once, exact for hundreds of players.

    A player decides where, at each gate above it, exactly one part too few is true among the others. Players are
    numbered from 0. Raises: ValueError when they are not, or a gate needs none or more than all of its parts.

    >>> [round(share, 4) for share in power_of_gates(Gate(2, (0, Gate(1, (1, 2))))).shapley]
    [0.6667, 0.1667, 0.1667]
    """
    players = sorted(tree.players())
    if players != list(range(len(players))):
        raise ValueError(f"every player from 0 on stands once, got {players}")
    swings: dict[int, Polynomial] = {}
    _descend(tree, [1], swings)
    return _power([swings[player] for player in players])


def _descend(gate: Gate, above: Polynomial, swings: dict[int, Polynomial]) -> None:
    if not 1 <= gate.needs <= len(gate.parts):
        raise ValueError(f"a gate of {len(gate.parts)} parts needs 1 to all of them, got {gate.needs}")
    sides = [_sides(part) for part in gate.parts]
    for place, part in enumerate(gate.parts):
        others = _by_true(sides[:place] + sides[place + 1 :])
        deciding = _times(above, others[gate.needs - 1])
        if isinstance(part, int):
            swings[part] = deciding
        else:
            _descend(part, deciding, swings)


def _sides(part: Gate | int) -> tuple[Polynomial, Polynomial]:
    """Sets of the players below a part that leave it false, and that make it true, by size."""
    if isinstance(part, int):
        return [1], [0, 1]
    by_true = _by_true([_sides(below) for below in part.parts])
    return _sum(by_true[: part.needs]), _sum(by_true[part.needs :])


def _by_true(sides: Sequence[tuple[Polynomial, Polynomial]]) -> list[Polynomial]:
    """Sets by size, apart by how many of the parts they make true."""
    apart: list[Polynomial] = [[1]]
    for no, yes in sides:
        longer = [_times(counts, no) for counts in apart] + [[0]]
        for count, counts in enumerate(apart):
            longer[count + 1] = _sum([longer[count + 1], _times(counts, yes)])
        apart = longer
    return apart


def _times(a: Polynomial, b: Polynomial) -> Polynomial:
    both = [0] * (len(a) + len(b) - 1)
    for i, x in enumerate(a):
        if x:
            for j, y in enumerate(b):
                both[i + j] += x * y
    return both


def _sum(polynomials: Sequence[Polynomial]) -> Polynomial:
    total = [0] * max((len(polynomial) for polynomial in polynomials), default=1)
    for polynomial in polynomials:
        for size, count in enumerate(polynomial):
            total[size] += count
    return total


def _power(swings: Sequence[Polynomial]) -> Power:
    k = len(swings)
    weights = [Fraction(factorial(size) * factorial(k - size - 1), factorial(k)) for size in range(k)]
    return Power(
        shapley=tuple(
            float(sum((w * n for w, n in zip(weights, counts, strict=False)), Fraction())) for counts in swings
        ),
        banzhaf=tuple(float(Fraction(sum(counts), 2 ** (k - 1))) for counts in swings),
    )


def values_of_kinds(sizes: Sequence[int], value: Callable[[tuple[int, ...]], float]) -> Power:
    """Shapley and Banzhaf values of one player of each kind, where only the number of each kind in a set matters.

    `sizes` are the players of each kind, `value` the worth of a set with so many of each. It is asked for every
    combination of counts: product of (size + 1), instead of 2^players. Raises: ValueError for a kind without players.

    >>> council = values_of_kinds([5, 10], lambda counts: float(counts[0] == 5 and counts[1] >= 4))
    >>> [round(share, 7) for share in council.shapley]
    [0.1962704, 0.0018648]
    """
    if not sizes or any(size < 1 for size in sizes):
        raise ValueError(f"every kind has a player, got {list(sizes)}")
    k = sum(sizes)
    worth = {counts: value(counts) for counts in product(*(range(size + 1) for size in sizes))}
    shapley: list[float] = []
    banzhaf: list[float] = []
    for kind in range(len(sizes)):
        others = [size - (place == kind) for place, size in enumerate(sizes)]
        terms: list[tuple[int, int, float]] = []
        for counts in product(*(range(size + 1) for size in others)):
            ways = 1
            for size, count in zip(others, counts, strict=True):
                ways *= comb(size, count)
            more = tuple(count + (place == kind) for place, count in enumerate(counts))
            terms.append((sum(counts), ways, worth[more] - worth[counts]))
        scale = {s: Fraction(factorial(s) * factorial(k - s - 1), factorial(k)) for s in range(k)}
        shapley.append(sum(gain * float(ways * scale[s]) for s, ways, gain in terms))
        banzhaf.append(sum(gain * float(Fraction(ways, 2 ** (k - 1))) for _, ways, gain in terms))
    return Power(shapley=tuple(shapley), banzhaf=tuple(banzhaf))
