"""The columns of a run that detectors read: arrays of numbers, one entry a record, no text and no object."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

import numpy as np
from numpy.typing import NDArray

from stagegap.analysis.views import StageRow
from stagegap.model.answer import Status
from stagegap.model.cascade import Cascade, Kind, Stage
from stagegap.model.curves import Training
from stagegap.model.estimate import Estimate
from stagegap.stats.spread import Clusters

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]
Hashes = NDArray[np.uint64]
STATUSES = tuple(Status)
"""A status is stored as its place here, -1 where the stage has no output."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StageColumns:
    """What a run holds of one stage; every array has one entry a record, in the order of `RunColumns`.

    Floats are 1, 0 or NaN (not known, does not apply) unless said otherwise; a hash of 0 stands for none.
    """

    stage: Stage
    status: Codes
    score: Floats
    """In [0, 1]: the stage's headline metric."""
    good: Floats
    """The score reaches the stage's bar."""
    value: Hashes
    inputs: Hashes
    """Of everything that the stage received."""
    call: Hashes
    """Begin of the call's key: the same settings, code, and inputs have the same."""
    confidence: Floats
    """In [0, 1]."""
    latency: Floats
    """Milliseconds of the calls that were made; NaN for cached ones."""
    cost: Floats
    """US dollars."""
    size: Floats
    """Characters of a text."""
    shape: Codes
    """Place in `shapes`, -1 without a value."""
    shapes: tuple[str, ...]
    """Forms of the answer as it came: keys with types, fences, an opening phrase."""
    cut: Floats
    """The text ends without the sign that ends a sentence."""
    doubled: Floats
    """A ranking holds one document twice."""
    outside: Floats
    """A label that is not in the declared set."""
    foreign: Floats
    """The answer is in another language than the inputs and than people's; NaN where it is not plain."""
    unstable: Floats
    """Answers to repeated calls differ; NaN where the stage was asked once."""
    answer: Codes
    """Place in `answers`, -1 without; only of labels and booleans."""
    reference: Codes
    """The answer that most people gave, place in `answers`, -1 without; only of labels and booleans."""
    answers: tuple[str, ...]

    @property
    def name(self) -> str:
        return self.stage.name

    @property
    def kind(self) -> Kind:
        return self.stage.output.kind

    @property
    def asked(self) -> NDArray[np.bool_]:
        """Records on which the stage was called, infrastructure failures left out: they say nothing of quality."""
        asked = self.status >= 0
        for status in (Status.SKIPPED, Status.BLOCKED, Status.INFRASTRUCTURE):
            asked &= self.status != STATUSES.index(status)
        return asked

    def has(self, *statuses: Status) -> Floats:
        """1 where the call ended so, 0 where it ended otherwise, NaN where there was none."""
        places = [STATUSES.index(status) for status in statuses]
        return np.where(self.asked, np.isin(self.status, places).astype(np.float64), np.nan)


@dataclass(frozen=True, slots=True, kw_only=True)
class PeopleColumns:
    """What people answered at one stage; one entry a label in force, of records that the run has."""

    record: Codes
    person: Codes
    names: tuple[str, ...]
    """By code of the person."""
    answer: Hashes
    """Equal answers have equal hashes; 0 stands for "no answer is right"."""
    active_ms: Floats
    """NaN where unknown."""
    changed_record: Codes
    """One entry for each time a person answered a record that they had answered at least an hour before."""
    changed_person: Codes
    changed: Floats
    """1 where that answer is another one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileColumns:
    """What is known of the files in one field of the records; one entry a record, NaN where there is none."""

    name: str
    digest: Hashes
    """Of the content; equal contents have equal ones, 0 stands for no file."""
    width: Floats
    height: Floats
    blank: Floats
    """1 where nothing is in it, 0 otherwise; NaN where nobody looked into it."""
    cut: Floats
    """1 where its end is not there, 0 otherwise; NaN where that can't be seen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fields:
    """How the fields of records look: enough to see that they come from elsewhere."""

    names: tuple[str, ...]
    size: Mapping[str, Floats]
    """Characters by field, one entry a record of that run."""
    unit: Mapping[str, Codes]
    """Code of the unit of independence of each entry."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Earlier:
    """The run before, on the records that it shares with this one."""

    run: str
    stages: Mapping[str, StageColumns]
    """Status, score, value, inputs, call and shape alone; nothing is known of the rest."""
    unchanged: frozenset[str]
    """Stages whose settings are the same in both runs."""
    shared: int
    """Records that both have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaks:
    """What is known of the records that were trained on, beside those that are scored; one entry a scored record."""

    split: str
    """Where the other records stand: `train`."""
    copies: Floats
    """Largest share in common with one of them, 0 below 0.8; NaN where it was not looked at."""
    shares_group: Floats
    """1 where one of them is of the same cluster; NaN without clusters."""
    older: Floats
    """1 where the record is older than the newest of them; NaN without a time."""
    holds_answer: Mapping[str, Floats] = field(default_factory=dict[str, Floats])
    """By stage: 1 where the reference stands word for word in what the stage reads of the record."""
    telling: Mapping[tuple[str, str], Floats] = field(default_factory=dict[tuple[str, str], Floats])
    """By stage and field: 1 where the other records with the same value have this reference most often."""
    trained: frozenset[str] = frozenset()
    """Stages that learn from them."""
    told_apart: Floats = field(default_factory=lambda: np.zeros(0))
    """Of held-out records of both kinds: how much like a scored one a classifier finds each."""
    is_scored: Floats = field(default_factory=lambda: np.zeros(0))
    """1 for those that are scored."""
    apart_units: Clusters = field(default_factory=lambda: Clusters(codes=np.zeros(0, dtype=np.int64), count=0))


@dataclass(frozen=True, slots=True, kw_only=True)
class LearningCurve:
    """One stage taught with less than there is, several times."""

    stage: str
    unit: str
    """What there is less of: `training records`, `examples`."""
    sizes: tuple[int, ...]
    """Ascending."""
    dev: NDArray[np.float64]
    """Error of each scored record: seeds x sizes x records; NaN without a reference."""
    train: NDArray[np.float64]
    """Mean error on what was learned from: seeds x sizes; NaN for examples of a prompt."""
    human: Estimate | None
    """Error of people on the same stage."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ablation:
    """One thing taken away from a stage."""

    stage: str
    what: str
    """`the input subject`, `the second document`, `the stage route`"""
    judged: str
    """Stage whose score says what it did."""
    change: Floats
    """Score without it minus score with it, of each record; NaN where either is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunColumns:
    """A run as detectors see it."""

    cascade: Cascade
    run: str
    units: Clusters
    difficulty: Floats
    """As given by people, higher is harder; NaN where it is not given."""
    difficulties: tuple[str, ...]
    """The given words in their order."""
    groups: Mapping[str, Codes]
    """Positions of the records of each slice, `language: de`."""
    stages: Mapping[str, StageColumns]
    people: Mapping[str, PeopleColumns] = field(default_factory=dict[str, PeopleColumns])
    flagged: Mapping[str, Floats] = field(default_factory=dict[str, Floats])
    """By stage: 1 where a person flagged the record as odd or two skipped it, 0 where people looked at it."""
    earlier: Earlier | None = None
    others: Mapping[str, Sequence[StageColumns]] = field(default_factory=dict[str, Sequence[StageColumns]])
    """By stage: what differently set systems answered to the same records, this run's own among them."""
    fields: Fields | None = None
    """Of the records that the earlier run does not have."""
    fields_before: Fields | None = None
    """Of the records that only the earlier run has."""
    curves: tuple[LearningCurve, ...] = ()
    trainings: tuple[Training, ...] = ()
    """What stages logged while they learned."""
    ablations: tuple[Ablation, ...] = ()
    leaks: Leaks | None = None
    """Where there are records to learn from besides those of the run."""
    files: tuple[FileColumns, ...] = ()
    """Of the fields that hold pictures, recordings or documents."""
    rows: tuple[StageRow, ...] = ()
    """Of the scorecard: what people and swaps say of each stage."""
    seed: int = 0
    release: Callable[[], None] = lambda: None
    """Let go of the memory in which columns were looked at: they may be larger than memory should be."""

    @property
    def n(self) -> int:
        return len(self.units.codes)

    def rng(self) -> np.random.Generator:
        """The source of a detector's draws: the same in every screen of this run."""
        return np.random.default_rng(self.seed)

    def inputs_right(self, stage: str) -> Floats:
        """1 where everything that the stage read from other stages is acceptable, 0 where something is not.

        NaN where that is not known, and at a stage that reads no other.
        """
        parents = [self.stages[name].good for name in self.cascade.stage(stage).parents]
        if not parents:
            return np.full(self.n, np.nan)
        wrong = np.any([parent == 0 for parent in parents], axis=0)
        unknown = np.any([np.isnan(parent) for parent in parents], axis=0)
        return np.where(wrong, 0.0, np.where(unknown, np.nan, 1.0))


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


TYPES = {"VARCHAR": "text", "BOOLEAN": "yes or no", "NULL": "nothing"}
"""What the types of a JSON structure are called; all others are numbers."""


def forms_in_words(structures: Sequence[str], schema: str) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """Forms of objects as people say them, and for each structure the place of its form.

    `structures` are keys with the types that a database sees in them. Numbers are one type whatever their size, and a
    null is no other form where `schema`, the JSON Schema of the stage, allows one.

    >>> schema = '{"properties": {"a": {"type": "number"}}}'
    >>> forms_in_words(['{"a":"UBIGINT"}', '{"a":"DOUBLE"}', '{"a":"NULL"}'], schema)
    (('a: number', 'a: nothing'), (0, 0, 1))
    """
    declared = _parsed(schema)
    words = [_form(_parsed(structure), declared) for structure in structures]
    forms = tuple(dict.fromkeys(words))
    return forms, tuple(forms.index(form) for form in words)


def _parsed(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:  # a structure is cut where it is long
        return text


def _form(structure: object, declared: object) -> str:
    if isinstance(structure, Mapping):
        keys = cast("Mapping[str, object]", structure)
        inside = _part(declared, "properties")
        parts = [f"{key}: {_bracketed(_form(keys[key], _part(inside, key)), keys[key])}" for key in sorted(keys)]
        return ", ".join(parts) or "an empty object"
    if isinstance(structure, Sequence) and not isinstance(structure, str):
        entries = cast("Sequence[object]", structure)
        return "list of " + (_form(entries[0], _part(declared, "items")) if entries else "nothing")
    if structure == "NULL" and _is_nullable(declared):
        return _declared_type(declared)
    return TYPES.get(str(structure), "number" if str(structure).isupper() else str(structure))


def _bracketed(form: str, structure: object) -> str:
    return f"({form})" if isinstance(structure, Mapping) else form


def _part(declared: object, name: str) -> object:
    return cast("Mapping[str, object]", declared).get(name) if isinstance(declared, Mapping) else None


def _choices(declared: object) -> list[object]:
    """The types that a part of a schema allows: of `type`, and of each alternative."""
    kind = _part(declared, "type")
    alternatives = _part(declared, "anyOf") or _part(declared, "oneOf") or ()
    types = list(cast("Sequence[object]", kind)) if isinstance(kind, list | tuple) else [kind]
    return types + [_part(each, "type") for each in cast("Sequence[object]", alternatives)]


def _is_nullable(declared: object) -> bool:
    return "null" in _choices(declared) or None in cast("Sequence[object]", _part(declared, "enum") or ())


def _declared_type(declared: object) -> str:
    """What a null stands for where one is allowed."""
    names = {"string": "text", "boolean": "yes or no", "number": "number", "integer": "number"}
    kinds = [names.get(str(kind), str(kind)) for kind in _choices(declared) if kind not in (None, "null")]
    return kinds[0] if kinds else "text"
