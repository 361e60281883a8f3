"""What every format of another program gives, and how its answers become labels or are left over with a reason."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias, cast

from stagegap.exchange.label_files import Known, content_id
from stagegap.exchange.records import identity
from stagegap.exchange.typed import MOST_MS, seconds
from stagegap.model.answer import Answer, Label
from stagegap.model.canonical import parse_json
from stagegap.model.cascade import PLACES, WRITTEN, Kind, Stage
from stagegap.model.record import Json, inner, refuse_odd_numbers
from stagegap.stages.acceptance import Rejected, accept

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
    annotator: str = ""
    """Who answered, where the file does not say."""
    same: tuple[str, ...] = ()
    """Stages whose question has their own name there."""

    @property
    def asked(self) -> tuple[str, ...]:
        """Foreign names whose answers are those of a stage."""
        return (*self.stages.values(), *self.same)

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


def spelled(value: Json) -> Json:
    """What a text spells in JSON; a text that is none, and any other value, as it is."""
    try:
        return parse_json(value) if isinstance(value, str) else value
    except ValueError:
        return value


def text(value: Json) -> str:
    """A text or a number as text, and an empty text for anything else."""
    return str(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else ""


def number_of(value: Json) -> float | None:
    """The finite number that a value is or spells; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def ids_in(places: Sequence[Object], wanted: Wanted, *, root: Object) -> list[str]:
    """What may be the record's id: the wanted field in one of the places or on its path from the root.

    Without a wanted field the usual names are tried in the places.
    """
    if wanted.record_id is not None:
        values = [place.get(wanted.record_id) for place in (*places, root)] + [inner(root, wanted.record_id.split("."))]
    else:
        names = dict.fromkeys((wanted.id_field, "record_id", "record", "id"))
        values = [place.get(name) for name in names for place in places]
    return list(dict.fromkeys(name for value in values if (name := text(value))))


def named(key: str, records: Sequence[str], annotator: str) -> str:
    """What names an answer whose own number says neither which record nor who: two files may have the same numbers.

    >>> named("example 1", ["m1"], "ab")
    'example 1 of m1 by ab'
    """
    return key + (f" of {records[0]}" if records else "") + (f" by {annotator}" if annotator else "")


MAX_EXAMPLES = 5
SHOWN = 120
"""Characters of an example."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unmapped:
    """One reason why something became no label, or came in without a part of it."""

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
        """Note one thing that became no label, or came in without a part of it."""
        self._counts[reason] = self._counts.get(reason, 0) + 1
        examples = self._found.setdefault(reason, [])
        short = example if len(example) <= SHOWN else f"{example[: SHOWN - 3]}..."
        if len(examples) < MAX_EXAMPLES and short not in examples:
            examples.append(short)

    def objects(self, value: Json, place: str) -> list[Object]:
        """The objects of a list; what else stands in it is noted."""
        found = objects(value)
        entries = value if isinstance(value, Sequence) and not isinstance(value, str) else (value,) if value else ()
        for _ in range(len(entries) - len(found)):
            self.add("A JSON object was expected, and something else stands there.", place)
        return found

    def all(self) -> Sequence[Unmapped]:
        """Every reason, the most frequent first."""
        return tuple(
            Unmapped(reason=reason, count=count, examples=tuple(self._found[reason]))
            for reason, count in sorted(self._counts.items(), key=lambda pair: (-pair[1], pair[0]))
        )


def labels_of(
    given: Sequence[Given], known: Known, wanted: Wanted, leftovers: Leftovers, *, source: str
) -> list[Label]:
    """The labels; what becomes none goes to `leftovers`. A skip of all questions is one of every stage asked."""
    same = {stage.name: stage for stage in known.cascade.stages if stage.name not in wanted.stages}
    stages = same | {name: known.cascade.stage(stage) for stage, name in wanted.stages.items()}
    asked = [name for name in stages if name in wanted.names or any(answer.name == name for answer in given)]
    whole = [part for answer in given for part in _parts(answer, asked, leftovers)]
    labels = (
        _label(answer, name, stages, known, leftovers, source=source, default=wanted.annotator)
        for answer, name in whole
    )
    return [label for label in labels if label is not None]


def _parts(given: Given, asked: Sequence[str], leftovers: Leftovers) -> Iterator[tuple[Given, str]]:
    if given.name is not None:
        yield given, given.name
    elif asked:
        yield from ((given, name) for name in asked)
    else:
        leftovers.add("A skip can't be told to be of any stage: name its questions with --stage.", given.key)


def _label(
    given: Given,
    name: str,
    stages: dict[str, Stage],
    known: Known,
    leftovers: Leftovers,
    *,
    source: str,
    default: str,
) -> Label | None:
    stage = stages.get(name)
    if stage is None:
        leftovers.add(f"No stage is called {name!r}; --stage NAME={name} gives its answers to a stage.", given.key)
        return None
    ids = [identity(name) for name in given.records]
    record = next((name for name in ids if name in known.records), None)
    if record is None:
        reason = "The record is not one of the cascade's" if ids else "No field holds the id of a record"
        example = f"{given.key}: {ids[0]!r}" if ids else given.key
        leftovers.add(f"{reason}; --record-id FIELD says where its id stands.", example)
        return None
    annotator = given.annotator.strip() or default.strip()
    if not annotator:
        leftovers.add("It does not say who made it, and a label needs to: --annotator NAME says it.", given.key)
        return None
    try:
        value = _value(given.value, stage, known) if given.action == "label" else None
        at = seconds(given.at)
    except ValueError as error:
        leftovers.add(str(error), f"{given.key}: {given.value!r}")
        return None
    return Label(
        id=content_id(known.cascade.name, [source, given.key, stage.name, given.action, value, at, given.note]),
        record=record,
        stage=stage.name,
        annotator=annotator,
        answer=Answer(value=value) if given.action == "label" else None,
        action=given.action,
        at=0.0 if at is None else at,
        active_ms=_milliseconds(given, leftovers),
        note=given.note,
    )


def _value(value: Json, stage: Stage, known: Known) -> Json:
    """Bring a foreign value into the stage's type. Raises: ValueError with a sentence that names no value."""
    kind = stage.output.kind
    if isinstance(value, Sequence) and not isinstance(value, str) and kind not in _SEVERAL:
        if len(value) != 1:
            raise ValueError(f"Stage {stage.name!r} takes one answer, and here are none or several.")
        value = value[0]
    if isinstance(value, str) and kind not in (Kind.LABEL, *WRITTEN):
        value = _unpacked(value, kind)
    if isinstance(value, int | float) and not isinstance(value, bool) and kind is Kind.LABEL:
        value = str(value)
    accepted = accept(stage.output, value, known.documents.get(stage.output.of or "", ()))
    if isinstance(accepted, Rejected):
        raise ValueError(f"The value is none that stage {stage.name!r} can take.")
    refuse_odd_numbers(accepted.value)
    return accepted.value


_SEVERAL = (Kind.LABELS, Kind.RANKING, Kind.LIST, *PLACES)
_TRUTHS = {"yes": True, "no": False, "true": True, "false": False}


def _unpacked(text: str, kind: Kind) -> Json:
    """Read the text of a value that is no text: a truth value, JSON, or the only entry of a list."""
    if kind is Kind.BOOLEAN:
        return _TRUTHS.get(text.strip().lower(), text)
    try:
        return parse_json(text)
    except ValueError:
        return [text] if kind in _SEVERAL else text


def _milliseconds(given: Given, leftovers: Leftovers) -> int | None:
    """An active time in milliseconds; None where the file has none that can be stored."""
    seconds_spent = number_of(given.active_s)
    if seconds_spent is not None and 0 <= seconds_spent <= MOST_MS / 1000:
        return round(1000 * seconds_spent)
    if given.active_s not in (None, ""):
        leftovers.add(
            "The time that it took can't be read: the label came in without it.", f"{given.key}: {given.active_s!r}"
        )
    return None
