"""Units: what a record becomes at a stage that fans out. Which there are, what each is called, and how many come
together again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import TypeAlias, TypeVar

from stagegap.model.answer import Output, Status
from stagegap.model.cascade import POSITION, VALUE, Cascade
from stagegap.model.record import Json

Keys: TypeAlias = tuple[str, ...]
"""Names of a unit inside its record, one for each list that it comes from; empty for the record itself."""
UNIT = "unit"
"""What one of the items that a record becomes is called on screen."""
MARK = "#"
"""Stands between the id of a record, or of a unit, and the name of a unit in it: `mail-7#2`."""
LONGEST = 64
"""Characters of a unit's name; a longer one, or one that holds `MARK`, is named by a digest."""
T = TypeVar("T")


def unit_id(record: str, keys: Keys) -> str:
    """The id of a unit, by which outputs, labels and references know it.

    >>> unit_id("mail-7", ("2", "0"))
    'mail-7#2#0'
    """
    return MARK.join((record, *keys))


def owner(unit: str, depth: int) -> tuple[str, Keys] | None:
    """The record of a unit and its names there; None for an id that is not so deep.

    >>> owner("mail#7#2", 1), owner("mail", 1)
    (('mail#7', ('2',)), None)
    """
    record, *keys = unit.rsplit(MARK, depth) if depth else (unit,)
    return (record, tuple(keys)) if len(keys) == depth else None


def owners(unit: str, depth: int) -> list[str]:
    """The record of a unit, then the units that it lies in, itself last.

    >>> owners("mail#0#2", 2)
    ['mail', 'mail#0', 'mail#0#2']
    """
    whole = owner(unit, depth)
    return [unit] if whole is None else [unit_id(whole[0], whole[1][:n]) for n in range(depth + 1)]


def unit_names(items: Sequence[Json], align: str) -> list[str]:
    """What the items of a list are called, each differently: by `align` of the stages that take them apart.

    >>> unit_names([{"id": "a"}, {"id": "b"}, {"id": "a"}], "id"), unit_names(["x", "y"], "position")
    (['a', 'b', 'a~2'], ['0', '1'])
    """
    if align == POSITION:
        return [str(place) for place in range(len(items))]
    times: dict[str, int] = {}
    names: list[str] = []
    for item in items:
        name = unit_name(item if align == VALUE else item.get(align) if isinstance(item, Mapping) else None)
        times[name] = times.get(name, 0) + 1
        names.append(name if times[name] == 1 else f"{name}~{times[name]}")
    return names


def unit_name(key: Json) -> str:
    """The name of a unit by what tells it apart: the text, or a digest of what is long or no text."""
    text = key.strip() if isinstance(key, str) else json.dumps(key, ensure_ascii=False, sort_keys=True)
    if text and len(text) <= LONGEST and MARK not in text and "\n" not in text:
        return text
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]


@dataclass(frozen=True, slots=True, kw_only=True)
class Levels:
    """How deep each stage of a cascade works."""

    paths: Mapping[str, tuple[str, ...]]
    """By stage: the lists that its inputs are items of, the outermost first; empty for stages that take a record."""
    align: Mapping[tuple[str, ...], str]
    """By path: how its units are named."""

    @classmethod
    def of(cls, cascade: Cascade) -> Levels:
        """The levels of a cascade's stages."""
        paths: dict[str, tuple[str, ...]] = {}
        align: dict[tuple[str, ...], str] = {}
        for stage in cascade.stages:
            each = stage.each
            if each is None:
                paths[stage.name] = ()
                continue
            above = paths[each.name] if each.origin == "stage" else ()
            paths[stage.name] = (*above, str(each))
            align[paths[stage.name]] = stage.align
        return cls(paths=paths, align=align)

    def depth(self, stage: str) -> int:
        """How many lists its inputs are items of."""
        return len(self.paths[stage])

    @property
    def whole(self) -> str | None:
        """The first stage that takes records, so that every record of a run has an output there; None without one."""
        return next((stage for stage, path in self.paths.items() if not path), None)

    @property
    def is_flat(self) -> bool:
        """True where no stage fans out."""
        return not self.align

    def common(self, stage: str, other: str) -> int:
        """How many lists two stages have in common, from the outermost."""
        pairs = zip(self.paths[stage], self.paths[other], strict=False)
        return next((n for n, (own, their) in enumerate(pairs) if own != their), min(
            self.depth(stage), self.depth(other)
        ))  # fmt: skip


def record_of(levels: Levels, stage: str, unit: str) -> str:
    """The record that an output or label of a stage is about, whether it is of the record or of a unit of it."""
    place = owner(unit, levels.depth(stage))
    return unit if place is None else place[0]


def under(units: Mapping[Keys, T], above: Keys) -> dict[Keys, T]:
    """The units that lie in another one, or in the record, in their order."""
    return {keys: unit for keys, unit in units.items() if keys[: len(above)] == above}


def gathered(record: str, stage: str, units: Sequence[Output], *, repeat: int = 0) -> Output:
    """Outputs of the units of a record as one output: the list of their values.

    A unit that was skipped stands as None. Where one failed there is no list: what rests on it is blocked, because of
    infrastructure before any other reason.
    """
    failed = [unit for unit in units if not unit.status.has_value and unit.status is not Status.SKIPPED]
    if failed:
        lost = [unit for unit in failed if Status.INFRASTRUCTURE in (unit.status, unit.because)]
        first = (lost or failed)[0]
        return Output(
            record=record,
            stage=stage,
            status=Status.BLOCKED,
            because=first.because or first.status,
            error=f"{stage} is {first.status} at {first.record}",
            repeat=repeat,
        )
    return Output(record=record, stage=stage, status=Status.OK, value=[unit.value for unit in units], repeat=repeat)


def listed(output: Output | None) -> Sequence[Json] | None:
    """The items of a stage's list; None where it has none: no output, no answer, a failure."""
    value = output.value if output is not None and output.status.has_value else None
    return value if isinstance(value, list | tuple) else None


def unlisted(record: str, stage: str, source: Output | None, *, repeat: int = 0) -> Output:
    """What a stage puts out of a record whose list is not there: skipped with it, or blocked by its failure."""
    if source is None or source.status is Status.SKIPPED or (source.status.has_value and source.value is None):
        return Output(record=record, stage=stage, status=Status.SKIPPED, repeat=repeat)
    because = source.because or (Status.UNPARSABLE if source.status.has_value else source.status)
    error = f"{source.stage} is {'no list' if source.status.has_value else source.status}"
    return Output(record=record, stage=stage, status=Status.BLOCKED, because=because, error=error, repeat=repeat)
