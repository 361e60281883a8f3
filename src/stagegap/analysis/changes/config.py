"""What differs between two resolved cascades, key by key."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import cast

from stagegap.analysis.changes.views import ConfigChange
from stagegap.model.run import Run
from stagegap.model.values import Json


def run_differences(before: Run, after: Run) -> tuple[ConfigChange, ...]:
    """The differences of two runs: commit and seed first, then the resolved cascade."""
    facts = (("run.commit", before.commit, after.commit), ("run.seed", str(before.seed), str(after.seed)))
    changes = tuple(ConfigChange(path=path, before=a or None, after=b or None) for path, a, b in facts if a != b)
    return changes + config_differences(before.resolved, after.resolved)


def config_differences(before: str, after: str) -> tuple[ConfigChange, ...]:
    """The keys in which two JSON texts differ, in the order of the keys.

    Lists of plain values are one value; lists of objects are compared entry by entry. Raises: ValueError for a text
    that is no JSON.

    >>> [(c.path, c.before, c.after) for c in config_differences('{"a": {"k": 3}}', '{"a": {"k": 5}, "b": "x"}')]
    [('a.k', '3', '5'), ('b', None, 'x')]
    """
    return tuple(_differences("", json.loads(before), json.loads(after)))


def all_settings(before: str, after: str) -> tuple[ConfigChange, ...]:
    """Every key of two resolved cascades, the equal ones included, in the order of the keys.

    >>> [(c.path, c.before, c.after) for c in all_settings('{"a": {"k": 3}}', '{"a": {"k": 3}, "b": "x"}')]
    [('a.k', '3', '3'), ('b', None, 'x')]
    """
    old, new = dict(_leaves("", json.loads(before))), dict(_leaves("", json.loads(after)))
    return tuple(
        ConfigChange(path=path, before=old.get(path), after=new.get(path)) for path in sorted(old.keys() | new.keys())
    )


def _leaves(path: str, value: Json) -> Iterator[tuple[str, str]]:
    entries = _entries(value)
    if entries is None:
        yield path, _shown(value)
        return
    for key, entry in entries.items():
        yield from _leaves(f"{path}.{key}" if path else key, entry)


def _differences(path: str, before: Json, after: Json) -> Iterator[ConfigChange]:
    a, b = _entries(before), _entries(after)
    if a is None or b is None:
        if _shown(before) != _shown(after) or type(before) is not type(after):
            yield ConfigChange(path=path, before=_shown(before), after=_shown(after))
        return
    for key in sorted(a.keys() | b.keys()):
        place = f"{path}.{key}" if path else key
        if key in a and key in b:
            yield from _differences(place, a[key], b[key])
        else:
            yield ConfigChange(
                path=place,
                before=_shown(a[key]) if key in a else None,
                after=_shown(b[key]) if key in b else None,
            )


def _entries(value: Json) -> Mapping[str, Json] | None:
    """What is compared key by key; None for a value that is compared as a whole."""
    if isinstance(value, Mapping):
        return value
    if isinstance(value, Sequence) and not isinstance(value, str):
        entries = cast("Sequence[Json]", value)  # isinstance loses the entries' type
        if entries and all(isinstance(entry, Mapping) for entry in entries):
            return {f"{place:03d}": entry for place, entry in enumerate(entries, start=1)}
    return None


def _shown(value: Json) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)
