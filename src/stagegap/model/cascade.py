"""The cascade: a DAG of stages, where its data comes from, and the outcome by which the whole is judged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Literal

from stagegap.model.media import FieldKind
from stagegap.model.record import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordsSource:
    """Files with one record a row (JSON, JSONL, CSV, TSV, Excel or Parquet) and the meaning of their fields."""

    paths: tuple[str, ...]
    """Absolute paths."""
    id: str = "id"
    cluster: str | None = None
    split: str | None = None
    difficulty: str | None = None
    slices: tuple[str, ...] = ()
    kinds: Mapping[str, FieldKind] = field(default_factory=dict[str, FieldKind])
    """What fields are that are more than text."""
    inner: tuple[str, ...] = ()
    """Fields of fields that stages read, as `meta.lang`: each becomes a field of the record under that name."""
    media: str = ""
    """Absolute folder in which paths of pictures, recordings and documents start, and which none leaves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CorpusSource:
    """Files with one document a row."""

    name: str
    paths: tuple[str, ...]
    id: str = "id"
    title: str = "title"
    text: tuple[str, ...] = ("text",)
    """Fields that are searched and shown, in this order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferencesSource:
    """Files with one label a row: record, stage, annotator, value, facts."""

    paths: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RatingsSource:
    """Files with one rating a row: system, record, criterion, rater, value."""

    paths: tuple[str, ...]
    scale: tuple[float, float]
    """The lowest and the highest rating that can be given."""
    system: str = ""
    """The name in the files under which recorded answers are rated."""
    person: str = ""
    """Whose answers the system is held against."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One entry of a corpus."""

    id: str
    title: str
    text: str
    fields: Mapping[str, Json] = field(default_factory=dict[str, Json])

    def as_input(self) -> dict[str, Json]:
        """What a later stage receives: id, title, text and every other field."""
        return {**self.fields, "id": self.id, "title": self.title, "text": self.text}


@dataclass(frozen=True, slots=True, kw_only=True)
class CascadeFile:
    """A loaded cascade file: the cascade, and where its data lies."""

    path: str
    """The file that was asked for, absolute."""
    folder: str
    """Folder that relative paths and Python functions are looked up in."""
    cascade: Cascade
    records: RecordsSource
    corpora: Mapping[str, CorpusSource]
    references: ReferencesSource | None
    resolved: Mapping[str, Json]
    """The whole file after `extends` and environment, secrets by name only."""
    ratings: RatingsSource | None = None


class Kind(StrEnum):
    """What a stage's output is; gives the form, the validation, the metrics and the display."""

    LABEL = "label"
    LABELS = "labels"
    RANKING = "ranking"
    TEXT = "text"
    NUMBER = "number"
    BOOLEAN = "boolean"
    OBJECT = "object"
    LIST = "list"
    BOXES = "boxes"
    """Rectangles of a picture: `x`, `y`, `w`, `h` in its pixels, with `label` and `text` where there are any."""
    SPANS = "spans"
    """Pieces of a text: `start` and `end` in characters, `end` excluded, with `label` where there is one."""
    SEGMENTS = "segments"
    """Pieces of a recording: `start` and `end` in seconds, with `label` and `text` where there are any."""
    TRANSCRIPT = "transcript"
    """What is said or written, word by word: one text is right, where of a `text` many are good."""


WRITTEN = (Kind.TEXT, Kind.TRANSCRIPT)
"""Types whose value is a text that is taken as it stands."""
PLACES = (Kind.BOXES, Kind.SPANS, Kind.SEGMENTS)
"""Types whose value is a list of places in something else."""


POSITION, VALUE = "position", "value"
"""How units are named, unless by a field of the item."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputType:
    """The declared type of a stage's output."""

    kind: Kind
    values: tuple[str, ...] = ()
    """The closed set of a `label` or `labels`; empty for the other kinds."""
    of: str | None = None
    """Name of the corpus that a `ranking` holds ids of, or of the input that places lie in."""
    k: int | None = None
    """How many ids a `ranking` holds at most."""
    low: float | None = None
    high: float | None = None
    schema: str | None = None
    """JSON schema of an `object`, or of each item of a `list`, as canonical JSON text: what keys of calls and hashes of
    forms rest on."""
    written: str | None = field(default=None, compare=False, repr=False)
    """The same schema in the order of its author, in which people are asked; no key and no comparison rests on it."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where an input comes from: a field of the record, or a part of an earlier stage's output."""

    origin: Literal["record", "stage", "reference"]
    name: str
    """Field of the record, or name of the stage; `reference` is what people hold to be right there."""
    part: Literal["value", "ids", "scores", "confidence", "candidates"] = "value"
    """For a ranking of a corpus, `value` gives the documents (id, title, text, fields) and `ids` only their ids.

    `candidates` gives the value and the alternatives to it, best first.
    """
    path: tuple[str, ...] = ()
    """Keys and places inside the value of a stage, the outermost first; empty for the whole."""

    def __str__(self) -> str:
        if self.origin == "record":
            return f"record.{self.name}"
        if self.origin == "reference":
            return f"{self.name}.reference"
        return ".".join([self.name, *([] if self.part == "value" else [self.part]), *self.path])


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much a stage, or all stages together, may ask of a provider; None sets no limit."""

    calls_per_minute: float | None = None
    tokens_per_minute: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One step of the cascade: named inputs, one output of a declared type."""

    name: str
    uses: str
    """Kind of stage, as `python` or `llm`; what it means is asked of the kind."""
    inputs: Mapping[str, Source]
    output: OutputType
    metrics: tuple[str, ...]
    """Metrics by name, the first being the stage's headline; `recall@3`, `python:module:function`."""
    each: Source | None = None
    """The list that it is asked about item by item; None where it is asked about the record as a whole."""
    align: str = POSITION
    """How the items are told apart: by `position`, by their `value`, or by a field of theirs."""
    is_recorded: bool = False
    """True when its outputs were written down by another system: it can't be asked anything else."""
    parameters: Mapping[str, Json] = field(default_factory=dict[str, Json])
    """The `with` block, environment references already replaced by `Secret` names where secret."""
    rests_on: tuple[str, ...] = ()
    """What else decides its answers: files, folders, patterns, and `env:NAME` for variables."""
    score_rests_on: tuple[str, ...] = ()
    """The same for the user's own metrics of the stage."""
    when: str | None = None
    """CEL condition on record fields and stage names; the stage is skipped where it is false."""
    when_reads: tuple[Source, ...] = ()
    """What the condition reads."""
    ask: str = ""
    """The question put to a person."""
    guideline: str = ""
    """Text of the guideline file; empty when there is none."""
    warmup: str | None = None
    """Path of the file with examples that people answer first."""
    form: str | None = None
    """Path of the ES module that draws a form of the user's own."""
    choices_help: Mapping[str, str] = field(default_factory=dict[str, str])
    repeats: int = 1
    batch: int = 256
    concurrency: int = 8
    is_concurrent: bool = False
    """True where somebody said how many calls are made at once: plain functions are called in threads then."""
    timeout_s: float = 60.0
    """Of a call with all its attempts."""
    is_timed: bool = False
    """True where the file itself says `timeout`."""
    connect_timeout_s: float | None = None
    """Until a connection to a provider stands; None is as long as the call."""
    silence_timeout_s: float | None = None
    """Without a byte from a provider, before the first as between two; None is as long as the call."""
    limits: Limits | None = None
    resources: Mapping[str, int] = field(default_factory=dict[str, int])
    """Units that a call, or a batch, takes from the cascade's pools."""

    @property
    def parents(self) -> tuple[str, ...]:
        """Names of the stages that this one reads, through inputs or its condition, each once."""
        sources = (*([self.each] if self.each else []), *self.inputs.values(), *self.when_reads)
        return tuple(dict.fromkeys(s.name for s in sources if s.origin == "stage"))

    @property
    def shows(self) -> tuple[str, ...]:
        """Names of the stages whose answers are among the inputs: who is asked here sees them."""
        sources = (s for s in self.inputs.values() if s.origin == "stage" and s.part != "confidence")
        return tuple(dict.fromkeys(s.name for s in sources))


RATING = "rating@"
"""Begin of the name of a score that is the mean of people's ratings by a criterion."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The score that the whole cascade is judged by."""

    stage: str
    metric: str
    good: float | None = None
    """A record is good when its score is at least this; without it the mean score is the outcome."""

    @property
    def criterion(self) -> str | None:
        """What answers are rated by, where ratings of people are the score; None where a metric scores."""
        return self.metric.removeprefix(RATING) if self.metric.startswith(RATING) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Judge:
    """A machine that says of a stage's outputs how good they are by one criterion, and is measured by people."""

    name: str
    of: str
    """The stage whose outputs it judges."""
    criterion: str
    """What counts, in the words by which people judge too."""
    stage: Stage
    """How it is asked: called like any stage, under a name of its own (`draft.judge.helpful`)."""
    scale: tuple[float, float] | None = None
    """Lowest and highest mark; None where it says good or not."""
    against: Literal["answers", "judgements"] = "answers"
    """What measures it: the scores of the outputs against people's blind answers, or how people judged the outputs."""
    taught: tuple[str, ...] = ()
    """Records that are among the examples that teach it: none of them measures it."""

    @property
    def sees_reference(self) -> bool:
        """True where what people hold to be right is among its inputs."""
        return any(source.origin == "reference" for source in self.stage.inputs.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Cascade:
    """Stages in a topological order, the outcome, and what the user promised to reach."""

    name: str
    stages: tuple[Stage, ...]
    outcome: Outcome
    """The headline: what verdict, gains and checks are about."""
    outcomes: tuple[Outcome, ...] = ()
    """What stands beside it, each with a ceiling of its own."""
    noun: str = "record"
    """What a record is called on screen: `mail`, `request`."""
    evaluate: str | None = None
    """Only records of this split are scored; None scores all."""
    targets: Mapping[str, Json] = field(default_factory=dict[str, Json])
    human_baseline: Mapping[str, Json] = field(default_factory=dict[str, Json])
    providers: Mapping[str, Limits] = field(default_factory=dict[str, Limits])
    """What all stages together may ask of a host, by host."""
    resources: Mapping[str, int] = field(default_factory=dict[str, int])
    """Pools that stages share, with their units."""
    fields: Mapping[str, FieldKind] = field(default_factory=dict[str, FieldKind])
    """What fields of the records are that are more than text."""
    judges: tuple[Judge, ...] = ()
    """Who says how good outputs are, in the order of the stages; no stage reads what they say."""
    fingerprint: str = ""
    """Hash of the resolved file, secrets by name only."""

    def __post_init__(self) -> None:
        seen: set[str] = set()
        for stage in self.stages:
            if stage.name in seen:
                raise ValueError(f"stage {stage.name!r} stands twice")
            late = [p for p in stage.parents if p not in seen]
            if late:
                raise ValueError(f"stage {stage.name!r} reads {late} before they stand")
            seen.add(stage.name)
        for outcome in (self.outcome, *self.outcomes):
            if outcome.stage not in seen:
                raise ValueError(f"outcome names the unknown stage {outcome.stage!r}")

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(stage.name for stage in self.stages)

    @property
    def called(self) -> Cascade:
        """The cascade as a run calls it: its judges are stages that nobody reads."""
        known = set(self.names)
        return replace(
            self, stages=(*self.stages, *(judge.stage for judge in self.judges if judge.stage.name not in known))
        )

    @property
    def leading(self) -> frozenset[str]:
        """The stages on which the headline outcome depends."""
        return self.ancestors(self.outcome.stage) | {self.outcome.stage}

    @property
    def by_outcome(self) -> tuple[Cascade, ...]:
        """The same cascade judged by each of its outcomes alone, the headline first."""
        if not self.outcomes:
            return (self,)
        return tuple(replace(self, outcome=outcome, outcomes=()) for outcome in (self.outcome, *self.outcomes))

    def stage(self, name: str) -> Stage:
        """The stage of that name. Raises: KeyError."""
        for stage in self.stages:
            if stage.name == name:
                return stage
        raise KeyError(name)

    def children(self, name: str) -> tuple[str, ...]:
        """Names of the stages that read this one directly."""
        return tuple(stage.name for stage in self.stages if name in stage.parents)

    def readers(self, name: str) -> tuple[str, ...]:
        """Names of the stages that have this one's answer among their inputs: who is asked there sees it."""
        return tuple(stage.name for stage in self.stages if name in stage.shows)

    def ancestors(self, name: str) -> frozenset[str]:
        """Names of all stages that this one depends on."""
        above: set[str] = set()
        for parent in self.stage(name).parents:
            above |= {parent} | self.ancestors(parent)
        return frozenset(above)
