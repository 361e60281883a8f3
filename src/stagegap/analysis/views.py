"""The views of a run: typed data behind page, command and report, and their JSON. No view holds a bare point."""

from __future__ import annotations

import json
import math
import types
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields, is_dataclass
from enum import Enum
from functools import cache
from hashlib import sha256
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

import numpy as np

from stagegap.analysis.judges import JudgeRow, judged_parts
from stagegap.analysis.outcomes import OtherOutcome, StrictRule, others_sheet, others_table, undecided_parts
from stagegap.analysis.repeats import PassesOfK, RepeatNoise, noise_table, passes_table
from stagegap.analysis.troubles import Trouble
from stagegap.analysis.verdicts import VerdictRow, verdict_parts
from stagegap.model.estimate import Bounds, Estimate, unmeasured
from stagegap.model.wording import counted, listed
from stagegap.people.roster import PEOPLE, Labellers
from stagegap.stats.paired import direction
from stagegap.stats.significance import holm
from stagegap.tables import figures
from stagegap.tables.figures import Unit
from stagegap.tables.table import Column, Entry, Figure, Sheet, Table

View = TypeVar("View")


def to_json(view: object) -> str:
    """A view as JSON text: fields in their order, NaN as null. Raises: TypeError for what a view can't hold."""
    return json.dumps(_plain(view), ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def from_json(kind: type[View], text: str) -> View:
    """Read what `to_json` wrote. Raises: ValueError when the text is not such a view."""
    try:
        content = json.loads(text)
        view = _typed(kind, content)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"this is not a {kind.__name__}: {error}") from error
    assert isinstance(view, kind)
    return view


def plain(view: object) -> dict[str, Any]:  # Any: JSON of any depth, for callers that embed a view in a larger JSON
    """A view as dicts and lists of JSON values."""
    return json.loads(to_json(view))


def lean(view: object) -> dict[str, Any]:  # Any: as above
    """What `plain` gives without the fields that have their default; `from_json` reads it all the same."""
    return json.loads(json.dumps(_plain(view, is_lean=True), allow_nan=False))


@cache
def shape(kind: type) -> str:
    """A hash of the fields of a view and of all that it holds: another one when a field comes, goes or changes type."""
    waiting: list[Any] = [kind]  # Any: type expressions have no common type
    seen: dict[str, None] = {}
    while waiting:
        form = waiting.pop()
        waiting += get_args(form)
        if is_dataclass(form) and str(form) not in seen:
            hints = get_type_hints(form)
            seen[str(form)] = None
            seen |= dict.fromkeys(f"{form} {field.name} {hints[field.name]}" for field in fields(form))
            waiting += [hints[field.name] for field in fields(form)]
    return sha256("\n".join(seen).encode()).hexdigest()[:16]


def _plain(value: object, *, is_lean: bool = False) -> object:
    if isinstance(value, Enum):
        return value.value
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return None if math.isnan(value) else value
    if is_dataclass(value):
        return {
            field.name: _plain(getattr(value, field.name), is_lean=is_lean)
            for field in fields(value)
            if not (is_lean and getattr(value, field.name) == field.default)
        }
    if isinstance(value, Mapping):
        named = cast("Mapping[str, object]", value)  # keys of views are strings
        return {key: _plain(named[key], is_lean=is_lean) for key in sorted(named)}
    if isinstance(value, tuple | list):
        entries = cast("Sequence[object]", value)  # isinstance loses the entries' type
        return [_plain(entry, is_lean=is_lean) for entry in entries]
    raise TypeError(f"a view can't hold {type(value).__name__}")


def _typed(kind: Any, content: Any) -> Any:  # Any: type expressions have no common type, and JSON is of any shape
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return _typed_union(arguments, content)
    if origin is Literal:
        if content not in arguments:
            raise ValueError(f"{content!r} is none of {arguments}")
        return content
    if origin is tuple:
        if not isinstance(content, list):
            raise TypeError(f"expected a list, found {content!r}")
        entries = cast("list[Any]", content)  # JSON of any shape
        return tuple(_typed(arguments[0], entry) for entry in entries)
    if origin in (dict, Mapping):
        return {key: _typed(arguments[1], entry) for key, entry in content.items()}
    if is_dataclass(kind):
        hints = get_type_hints(kind)
        if not isinstance(content, dict):
            raise TypeError(f"expected an object, found {content!r}")
        # A view stored before a field with a default came to be lacks it.
        present = [field for field in fields(kind) if field.name in content or field.default is MISSING]
        values = {field.name: _typed(hints[field.name], content[field.name]) for field in present}
        return cast("type[Any]", kind)(**values)  # is_dataclass narrows to an instance
    return _scalar(kind, content)


def _typed_union(arguments: tuple[Any, ...], content: Any) -> Any:  # Any: as `_typed`
    if content is None and type(None) in arguments:
        return None
    rest = [argument for argument in arguments if argument is not type(None)]
    return _typed(rest[0], content)


def _scalar(kind: Any, content: Any) -> Any:  # Any: as `_typed`
    if kind is float:
        if content is None:
            return math.nan
        if isinstance(content, bool) or not isinstance(content, int | float):
            raise TypeError(f"expected a number, found {content!r}")
        return float(content)
    if issubclass(kind, Enum):
        return kind(content)
    if not isinstance(content, kind) or (kind is int and isinstance(content, bool)):
        raise TypeError(f"expected {kind.__name__}, found {content!r}")
    return content


_NONE = unmeasured("not measured")
VerdictKind = Literal["holds back", "none stands out", "none behind", "close", "too few", "not measured", "errors"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The answer as a sentence from a closed vocabulary."""

    kind: VerdictKind
    stage: str | None
    """The stage that holds the system back; None unless `kind` is `holds back`."""
    headline: str
    """The first line of the app: "Retrieve holds this system back"."""
    summary: str
    """Two or three sentences with the numbers and intervals behind the headline."""
    basis: str
    """How many records and people it rests on, and how far the people agree."""
    advice: str = ""
    """What would make it certain, or what to do next; empty when nothing is open."""
    caution: str = ""
    """What to know before any number is believed: people who hardly agree. Stands before the summary."""
    picked: Estimate | None = None
    """The gain of the stage that is named, without what being picked as the largest adds; None when none is named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StageRow:
    """One stage: how good it is, how far from a person, and what correcting it would buy."""

    stage: str
    position: int
    """Counted from 1 in cascade order."""
    metric: str
    calls: int
    failures: dict[str, int]
    """Count per status that is not ok; infrastructure is in no rate."""
    in_place: Estimate
    """Mean score on the input that the stage actually received, all records with a reference."""
    alone: Estimate
    """Mean score when every earlier stage is replaced by references."""
    system: Estimate
    """Mean score on the records that several people labelled, against the same targets as `person`."""
    person: Estimate
    """Mean score of each person against the others on those records; unmeasured without overlap."""
    gap: Estimate
    """person minus system, paired, on those records."""
    agreement: Estimate
    """Mean agreement of two people on the records that both labelled."""
    gain: Estimate
    """What references here add once all it depends on have them: the mean over all orders that the edges allow."""
    fixed: int
    """Records that became good through that (for an outcome without a bar, or on the mean of several orders: rose)."""
    broken: int
    """Records that became bad (fell)."""
    first_faults: int
    """Bad records in which this stage was not acceptable though all that it depends on were."""
    p_first: float
    """Share of resamples in which this stage has the largest gain."""
    p: float = math.nan
    """That the gain is 0: McNemar's exact p, for clusters and graded outcomes its sign-flip test."""
    alpha: Estimate = _NONE
    """Krippendorff's alpha of the people: their agreement beyond chance, before any gap is made of what they say."""
    gain_alone: Estimate = _NONE
    """What references here and nowhere else add to the outcome; unmeasured where the run did not make that swap."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StairStep:
    """One step of the staircase from the system to references everywhere."""

    stage: str
    gain: Estimate
    """What references here add, those at all stages before it in the order of the staircase being there already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceRow:
    """One group of records at one stage."""

    group: str
    """`language: de`"""
    failures: int
    n: int
    rate: Estimate
    excess: float
    """(rate - average) x n: how many failures this group has beyond its share."""
    stands_out: bool
    """The whole interval lies above the average."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureRow:
    """One record at which a stage was not acceptable."""

    record: str
    title: str
    """First words of the record, as plain text."""
    system: str
    """The system's output in one line, as plain text."""
    reference: str
    score: float
    first_fault: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class StageDetail:
    """Why a stage fails: the groups it fails most on, and the records."""

    stage: str
    failures: int
    n: int
    average: Estimate
    """Failure rate of the stage over all scored records."""
    groups: tuple[SliceRow, ...]
    groups_checked: int
    rows: tuple[FailureRow, ...]
    """Most typical first, at most 200."""
    declared: tuple[str, ...] = ()
    """Names of the slices that the records have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepBounds:
    """Bounds of what references at one more stage would add to the outcome."""

    stage: str
    outcome: Bounds
    """With references at this stage and all earlier ones."""
    gain: Bounds


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeBounds:
    """The ceiling of a cascade that can't be run again, as far as it can be known."""

    cascade: str
    noun: str
    n: int
    system: Estimate
    steps: tuple[StepBounds, ...]
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Scorecard:
    """The Gap view of one run."""

    cascade: str
    run: str
    """Name of the run: `v3`."""
    started_at: float
    noun: str
    """What a record is called on screen: `record` unless the cascade says otherwise."""
    n_records: int
    n_scored: int
    """Records whose outcome has a score: neither infrastructure failures nor without a reference."""
    n_infrastructure: int
    annotators: int
    outcome_name: str
    """`good replies (draft.fact_recall >= 0.8)` or `mean draft.fact_recall`."""
    good: float | None
    system: Estimate
    """The outcome as the system is."""
    ceiling: Estimate
    """The outcome with references at every stage."""
    person: Estimate
    """A person's outcome against the other people; unmeasured without overlap at the last stage."""
    stages: tuple[StageRow, ...]
    details: tuple[StageDetail, ...]
    fault_matrix: tuple[tuple[int, ...], ...]
    """Row i, column j: records at which stage i and stage j are both not acceptable; the diagonal holds each alone."""
    beyond_references: int
    """Bad records that stay bad with references at every stage."""
    verdict: Verdict
    missing_baseline_fields: tuple[str, ...]
    """Reporting fields of `human_baseline` that the cascade file leaves out."""
    labels_seq: int
    """Number of labels that the view was made from; the app refreshes it when there are more."""
    resamples: int
    seed: int
    judges: tuple[JudgeRow, ...] = ()
    """Judges of its outputs, their errors measured and taken off."""
    verdicts: tuple[VerdictRow, ...] = ()
    """What people say of outputs that they saw, their anchoring measured and taken off."""
    passes: tuple[PassesOfK, ...] = ()
    """Of each stage that was asked several times, and of the outcome: how often it is right every time."""
    repeats: tuple[RepeatNoise, ...] = ()
    """Of each stage that was asked several times: how much of its score is chance from one time to the next."""
    bounds: OutcomeBounds | None = None
    """In place of the ceiling, where outputs are recorded and swaps can't be run."""
    staircase: tuple[StairStep, ...] = ()
    """The steps in the one order along which they are drawn; empty without a ceiling."""
    is_chain: bool = True
    """The edges leave one order only, so that the steps of the staircase are the gains."""
    with_first_fault: int | None = None
    """Bad records in which some stage was first; several may be, each on a branch of its own."""
    sampled: str = ""
    """How far a sample of orders decides which stage gains most; empty where all orders are weighed."""
    labellers: Labellers = PEOPLE
    """Who labelled, in the words that are true of them."""
    troubles: tuple[Trouble, ...] = ()
    """What went wrong with outputs before anything is said of their quality: said first, everywhere."""
    others: tuple[OtherOutcome, ...] = ()
    """Outcomes beside the headline, each with its own ceiling; no verdict is about them."""
    strict: StrictRule | None = None
    """The figures where nobody's answer alone is enough; None where every record is decided or nobody differs."""

    @property
    def printed_steps(self) -> tuple[int, ...]:
        """The steps of the staircase in whole points, from the printed outcome to the printed ceiling."""
        return figures.printed_gains(self.system, [step.gain for step in self.staircase], self.ceiling)

    @property
    def printed_gains(self) -> tuple[int, ...]:
        """Gain of each stage in whole points, as every page prints it: from the printed outcome to the printed ceiling.

        Where a gain or the ceiling is not measured nothing adds up, and each is rounded alone; 0 where there is none.
        """
        gains = [stage.gain for stage in self.stages]
        return figures.printed_gains(self.system, gains, self.ceiling, is_staircase=self.is_chain)

    @property
    def adjusted(self) -> dict[str, float]:
        """p of each measured gain after Holm over the stages."""
        measured = [stage for stage in self.stages if stage.gain.is_measured]
        p = holm(np.array([stage.p for stage in measured])).tolist()
        return {stage.stage: adjusted for stage, adjusted in zip(measured, p, strict=True)}


_COLUMNS = (
    Column(name="Stage", unit=Unit.TEXT, key="stage"),
    Column(name="System", unit=Unit.SHARE, key="in_place"),
    Column(name="Alone", unit=Unit.SHARE, key="alone", is_hidden=True),
    Column(name="System, labelled twice", unit=Unit.SHARE, key="system", spare=1),
    Column(name="Labeller", unit=Unit.SHARE, key="person"),
    Column(name="Gap", unit=Unit.POINTS, key="gap"),
    Column(name="Agreement", unit=Unit.SHARE, key="agreement", is_hidden=True),
    Column(name="Gain alone", unit=Unit.POINTS, key="gain_alone", spare=2),
    Column(name="Gain at the end", unit=Unit.POINTS, key="gain", has_bar=True),
)
_WHOLE = (
    Column(name="System", unit=Unit.SHARE, key="system", is_hidden=True),
    Column(name="All corrected", unit=Unit.SHARE, key="ceiling", is_hidden=True),
    Column(name="Labeller", unit=Unit.SHARE, key="person", is_hidden=True),
)
_PICKED = (
    Column(name="Stage", unit=Unit.TEXT, key="stage", is_hidden=True),
    Column(name="Gain without what being picked adds", unit=Unit.POINTS, key="named_gain", is_hidden=True),
)


def gap_sheet(view: Scorecard) -> Sheet:
    """The verdict, and one row a stage: how good it is, how far from a person, what correcting it would buy."""
    verdict = view.verdict
    picked = ((verdict.stage or "", verdict.picked),) if verdict.picked is not None else ()
    return Sheet(
        first=tuple(trouble.sentence for trouble in view.troubles if trouble.sentence != verdict.summary),
        caution=verdict.caution,
        headline=verdict.headline,
        parts=(
            verdict.summary,
            verdict.basis,
            f"Clusters: {view.system.caveat}." if view.system.caveat else "",
            Table(columns=_WHOLE, rows=((view.system, view.ceiling, view.person),)),
            Table(
                columns=_COLUMNS,
                rows=tuple(_stage_cells(view)),
                strong=frozenset(place for place, row in enumerate(view.stages) if row.stage == verdict.stage),
            ),
            _rests(view),
            others_table(view.others),
            *undecided_parts(view.strict, view.system, noun=view.noun, who=view.labellers.nouns),
            *(repeat.sentence for repeat in view.repeats),
            noise_table(view.repeats),
            passes_table(view.passes),
            *judged_parts(view.judges, view.noun),
            *verdict_parts(view.verdicts, view.noun),
            Table(columns=_PICKED, rows=picked),
            verdict.advice,
        ),
    )


def sheets_beside(view: Scorecard) -> tuple[Sheet, ...]:
    """What stands under a heading of its own on a page and in a report; what has nothing to say is left out."""
    sheets = (
        others_sheet(view.others),
        Sheet(headline="What judges say", parts=tuple(judged_parts(view.judges, view.noun))),
        Sheet(headline="What verdicts say", parts=tuple(verdict_parts(view.verdicts, view.noun))),
    )
    return tuple(sheet for sheet in sheets if sheet.parts)


def _rests(view: Scorecard) -> str:
    """On which records each kind of figure rests; empty where no gain is measured."""
    if not any(row.gain.is_measured for row in view.stages):
        return ""
    counts = {row.stage: row.gap.n for row in view.stages if row.gap.is_measured}
    is_same = len(set(counts.values())) == 1 < len(counts)
    each = [f"{n:,} at {stage}" for stage, n in counts.items()]
    many = f"{next(iter(counts.values())):,} at each stage" if is_same else listed(each) if each else ""
    gaps = f" Gaps rest on those that several labelled ({many})." if many else ""
    return f"Gains rest on the {counted(view.n_scored, view.noun)} that can be scored in every step.{gaps}"


def _stage_cells(view: Scorecard) -> Iterator[tuple[Entry, ...]]:
    adjusted = view.adjusted
    for row, points in zip(view.stages, view.printed_gains, strict=True):
        gain = Figure(
            estimate=row.gain,
            rounded=points,
            p=row.p if row.gain.is_measured else math.nan,
            p_adj=adjusted.get(row.stage, math.nan),
            verdict=direction(row.gain) if row.gain.is_measured else "",
        )
        scores = (row.in_place, row.alone, row.system, row.person, row.gap, row.agreement)
        yield row.stage, *scores, row.gain_alone, gain
