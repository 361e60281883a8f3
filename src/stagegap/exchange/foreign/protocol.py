"""What every format of another program gives: answers in one form, before they are checked against the cascade."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias, cast

from stagegap.exchange.foreign.unmapped import Leftovers
from stagegap.model.record import Json

Object: TypeAlias = "Mapping[str, Json]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """How a foreign file is to be read."""

    stages: Mapping[str, str] = field(default_factory=dict[str, str])
    """Stage -> name of the foreign question, score or assessment; where one is missing, both have the same name."""
    record_id: str | None = None
    """Field of the foreign data that holds the record's id, with dots for fields of fields."""
    id_field: str = "id"
    """Field that the cascade's own records have their id in: looked for when `record_id` is not given."""

    @property
    def names(self) -> frozenset[str]:
        """Foreign names that a stage was given for."""
        return frozenset(self.stages.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """One answer as the other program holds it."""

    name: str | None
    """Name of the question there; None for a skip of all questions."""
    records: Sequence[str]
    """What may be the record's id, the likeliest first."""
    annotator: str
    """Empty when the file does not say who."""
    value: Json = None
    key: str
    """What names the answer there; a message for people points to it."""
    at: Json = None
    """Time in any form that `seconds` reads."""
    active_s: Json = None
    note: str = ""
    action: Literal["label", "skip"] = "label"


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """A format of another program."""

    name: str
    title: str
    is_certain: Callable[[Sequence[Object]], bool]
    """Whether a file with these first objects can be nothing else."""
    read: Callable[[Sequence[Object], Wanted, Leftovers], Iterator[Given]]
    wrapper: str | None = None
    """Key that the list stands under where the file is one object: `data`, `traces`."""


def objects(value: Json) -> list[Object]:
    """The objects of a list; what is no object, or no list, is left out."""
    entries = value if isinstance(value, Sequence) and not isinstance(value, str) else ()
    return [cast("Object", item) for item in entries if isinstance(item, Mapping)]


def inside(value: Json) -> Object:
    """The object, or an empty one for anything else."""
    return value if isinstance(value, Mapping) else {}


def text(value: Json) -> str:
    """A text or a number as text, and an empty text for anything else."""
    return str(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else ""


def ids_in(places: Sequence[Object], wanted: Wanted, *, root: Object) -> list[str]:
    """What may be the record's id: the wanted field in one of the places or on its path from the root.

    Without a wanted field the usual names are tried in the places.
    """
    if wanted.record_id is not None:
        values = [place.get(wanted.record_id) for place in (*places, root)] + [_at_path(root, wanted.record_id)]
    else:
        names = dict.fromkeys((wanted.id_field, "record_id", "record", "id"))
        values = [place.get(name) for name in names for place in places]
    return list(dict.fromkeys(name for value in values if (name := text(value))))


def _at_path(root: Object, path: str) -> Json:
    value: Json = root
    for name in path.split("."):
        value = inside(value).get(name)
    return value
