"""A stable topological order of stages, and the circles that forbid one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


def ordered(parents: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """The names so that each stands after its parents, otherwise in the given order; circles are left out.

    >>> ordered({"draft": ["route"], "route": []})
    ('route', 'draft')
    """
    placed: dict[str, None] = {}
    while True:
        ready = next((n for n, needed in parents.items() if n not in placed and all(p in placed for p in needed)), None)
        if ready is None:
            return tuple(placed)
        placed[ready] = None


def circles(parents: Mapping[str, Sequence[str]]) -> list[tuple[str, ...]]:
    """Circles, each name in one at most: `("a", "b")` says that b reads a and a reads b.

    >>> circles({"a": ["b"], "b": ["a"], "c": ["a"]})
    [('a', 'b')]
    """
    placed = set(ordered(parents))
    left = {name: [p for p in needed if p not in placed and p in parents] for name, needed in parents.items()}
    left = {name: needed for name, needed in left.items() if name not in placed}
    circles: list[tuple[str, ...]] = []
    while left:
        way: list[str] = []
        name = next(iter(left))
        while name not in way:
            way.append(name)
            name = next((p for p in left[name] if p in left), "")
            if not name:
                break
        if name:
            circle = way[way.index(name) :][::-1]
            first = min(range(len(circle)), key=lambda i: list(parents).index(circle[i]))
            circles.append((*circle[first:], *circle[:first]))
        left = {n: needed for n, needed in left.items() if n not in way}
    return circles


def reaching(name: str, parents: Mapping[str, Sequence[str]]) -> frozenset[str]:
    """The stages on whose outputs this one depends, itself included."""
    reached: set[str] = set()
    ahead = [name]
    while ahead:
        current = ahead.pop()
        if current not in reached:
            reached.add(current)
            ahead.extend(parents.get(current, ()))
    return frozenset(reached)
