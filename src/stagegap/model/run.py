"""Runs: what they were made from, the cells they hold, how far they are, what they take over and what was
expected.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal

from stagegap.model.answer import NO_ROW, NOBODY, Status
from stagegap.model.record import Json

TroubleKind = Literal["errors", "nobody listens", "do not fit", "name twice", "no row", "own facts"]
STORE = ".stagegap"
"""Folder of a project in which its runs, answers and labels are stored."""
Role = Literal["prompt", "code", "corpus", "recorded", "guideline", "other"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One file that the cascade file points at; records and references are kept by the store itself."""

    role: Role
    path: str
    """Relative to the folder of the cascade file, as it stands in the resolved file."""
    digest: str
    """SHA-256 of its bytes, hex."""
    size: int
    """Bytes."""
    kept: Literal["text", "too large", "not text", "holds a secret"]
    """`text` when the store has its content; otherwise why only the digest is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StageOrigin:
    """What answered at one stage."""

    uses: str
    fingerprint: str
    """Of kind, parameters, prompt, code, model artefact and library: equal fingerprints answer alike."""
    model: str = ""
    """Name of the model where the stage asks for one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """Where a run was made."""

    program: str
    """Version of stagegap."""
    python: str
    platform: str
    """System and machine, as `Linux x86_64`."""
    packages: Mapping[str, str]
    """Version of each installed distribution."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """What a run was made from, besides its resolved file, options, seed and commit, which stand at the run."""

    environment: Environment
    records: int
    """Records in the cascade's files, those included that a run leaves out or trains on."""
    records_digest: str
    """Of their ids and contents, in order: names the set that the store keeps."""
    labels: int
    """Labels that there were: the first so many of the cascade."""
    labels_digest: str
    corpora: Mapping[str, str]
    """Hash of each corpus's documents."""
    stages: Mapping[str, StageOrigin]
    sources: tuple[Source, ...]
    diff: str = ""
    """Difference of the work tree from the commit, secrets blotted out; empty for a clean tree."""
    diff_is_cut: bool = False
    """True when the difference was longer than what is kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunTag:
    """A name that somebody gave to a run, or took off."""

    run: str
    """Id of the run."""
    tag: str
    who: str
    at: float
    """Seconds since 1970, UTC."""
    is_on: bool = True


class RunStatus(StrEnum):
    """Where a run stands."""

    RUNNING = "running"
    DONE = "done"
    STOPPED = "stopped"
    """Ended early on purpose: interrupted, or the budget was reached. The next run goes on."""
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Cell:
    """Who answers where: the stages whose outputs are replaced, and by whom.

    >>> str(Cell("reference", ("route", "retrieve")))
    'reference:route+retrieve'
    >>> Cell.parse("system")
    Cell(kind='system', stages=())
    >>> str(Cell("version", ("retrieve",), base="v1"))
    'version@v1:retrieve'
    """

    kind: Literal["system", "reference", "person", "version"] = "system"
    stages: tuple[str, ...] = ()
    """Swapped stages in cascade order, reduced to the effective set; empty for the system itself."""
    base: str = field(default="", repr=False)
    """Name of the run whose version the other stages have, where a version cell is stored."""

    def __post_init__(self) -> None:
        if (self.kind == "system") != (not self.stages):
            raise ValueError(f"a {self.kind} cell can't have the swapped stages {self.stages}")
        if self.base and self.kind != "version":
            raise ValueError(f"a {self.kind} cell can't start from the run {self.base!r}")

    def __str__(self) -> str:
        start = f"{self.kind}@{self.base}" if self.base else self.kind
        return f"{start}:{'+'.join(self.stages)}" if self.stages else start

    @property
    def is_own(self) -> bool:
        """True where a run answers alone, without another run and without people's answers."""
        return not self.base and self.kind != "person"

    @classmethod
    def parse(cls, text: str) -> Cell:
        """Read what `str` wrote. Raises: ValueError."""
        start, _, stages = text.partition(":")
        kind, _, base = start.partition("@")
        if kind not in ("system", "reference", "person", "version"):
            raise ValueError(f"{text!r} names no kind of swap")
        return cls(kind, tuple(stages.split("+")) if stages else (), base)


SYSTEM = Cell()
"""The cell in which the system answers at every stage."""


KILLED = "Its process ended without a word"
"""Begins what is said of a run whose process is gone without having noted its end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One execution of one cascade version over a set of records."""

    id: str
    """Unique, 32 hex digits."""
    name: str
    """`v1`, `v2`, ... in the order of creation, per cascade."""
    cascade: str
    fingerprint: str
    """Of the resolved cascade file."""
    resolved: str
    """The resolved cascade as JSON text, secrets by name only."""
    status: RunStatus
    started_at: float
    """Seconds since 1970, UTC."""
    finished_at: float | None = None
    records: int = 0
    who: str = ""
    commit: str = ""
    """Git commit of the project, with `+` when the work tree differs; empty outside git."""
    seed: int = 0
    error: str = ""

    @property
    def is_gone(self) -> bool:
        """True where its process ended without having noted it, and no later run has."""
        return self.finished_at is None and self.error.startswith(KILLED)

    @property
    def ending(self) -> str:
        """How it ended before its time, in sentences; empty where it did not."""
        return f"Run {self.name} {self.status}: {self.error}" if self.error else ""

    @property
    def bounded_by(self) -> tuple[str, ...]:
        """Stages whose price names none for tokens from the provider's cache: with them the cost is an upper bound."""
        settings: dict[str, dict[str, Any]] = {name: stage.get("with") or {} for name, stage in self._stages.items()}
        prices: dict[str, Any] = {name: stage.get("price") for name, stage in settings.items()}
        return tuple(name for name, price in prices.items() if isinstance(price, dict) and "cached" not in price)

    @property
    def recorded(self) -> frozenset[str]:
        """Stages whose outputs were recorded, not called."""
        return frozenset(name for name, stage in self._stages.items() if stage.get("uses") == "recorded")

    @property
    def _stages(self) -> dict[str, dict[str, Any]]:  # Any: JSON of any shape
        return json.loads(self.resolved).get("stages") or {}


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveStage:
    """How far one stage of one cell is."""

    stage: str
    done: int
    total: int
    cached: int
    errors: int
    calls: int
    latency_ms: float
    """Sum over the calls."""
    cost: float
    """US dollars, as far as known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveRun:
    """How far a run is."""

    run: str
    """Id of the run."""
    name: str
    cascade: str
    pid: int
    """Process that makes it."""
    cell: str
    """The cell that it is at."""
    cells: int
    """Cells that it has done."""
    of: int
    """Cells that it has to do."""
    seconds: float
    """Since the cell began."""
    at: float
    """When this was noted, in seconds since 1970, UTC."""
    stages: tuple[LiveStage, ...]

    @property
    def share(self) -> float:
        """Share of the cell's outputs that are there."""
        total = sum(stage.total for stage in self.stages)
        return sum(stage.done for stage in self.stages) / total if total else 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Carry:
    """Outputs of an earlier run that would come out the same: of stages that are as they were and read only such."""

    source: str
    """Id of the earlier run."""
    cell: Cell = SYSTEM
    """The cell that they stand in, there and here."""
    repeats: Mapping[str, int]
    """Outputs of a record at each of these stages."""
    without: frozenset[str] = frozenset()
    """Records that have changed since, in themselves or in an answer that is put in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """What became of an offer to take over the outputs of some records."""

    left: frozenset[int]
    """Places, among the records asked for, of those that lack an output there or have one that must be made again."""
    counts: Mapping[tuple[str, Status, bool], int] = field(default_factory=dict[tuple[str, Status, bool], int])
    """Outputs taken over by stage, status, and whether a call was answered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PastCall:
    """One call that was made, not served from the cache."""

    latency_ms: float
    """Of a batch, its share."""
    tokens_in: int | None
    tokens_out: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StageSpending:
    """What the answers of one stage in one run cost and took when they were made."""

    cost: float | None
    """Mean US dollars of an answer; None where none has a price."""
    priced: int
    """Answers that have a price."""
    latency_ms: float | None
    """Median of the answers that have one; None where none has."""
    timed: int
    """Answers that have a latency."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """What somebody expects of a change, written down before the run."""

    id: str
    place: str
    """Name of a stage, or `outcome`."""
    predicted: float
    """Difference of the mean score, as a share: 0.05 is +5 points."""
    low: float | None = None
    """Range that the person gives, where they give one; meant to hold in 95% of cases."""
    high: float | None = None
    reason: str = ""
    who: str = ""
    at: float = 0.0
    """Seconds since 1970, UTC, handed in by the caller."""
    baseline: str = ""
    """Name of the run that the change starts from: `v13`."""

    def __post_init__(self) -> None:
        if not -1 <= self.predicted <= 1:
            raise ValueError(f"a difference of scores lies between -1 and 1, got {self.predicted}")
        if (self.low is None) != (self.high is None):
            raise ValueError("a range needs both of its ends")
        if self.low is not None and self.high is not None and not self.low <= self.predicted <= self.high:
            raise ValueError(f"the range {self.low} to {self.high} leaves out the prediction {self.predicted}")


@dataclass(frozen=True, slots=True, kw_only=True)
class OddOutputs:
    """Outputs of one stage with one kind of trouble."""

    count: int
    record: str
    """The first of them by id."""
    what: str
    """Its error, or the id that it names twice."""


def kind_of(status: Status, error: str) -> TroubleKind | None:
    """The kind of trouble that an output without a value shows; None for one that is worth no sentence."""
    if status is Status.ERROR:
        return "errors"
    if status is Status.UNPARSABLE:
        return "do not fit"
    if status is Status.INFRASTRUCTURE and error == NO_ROW:
        return "no row"
    return "nobody listens" if status is Status.INFRASTRUCTURE and error.startswith(NOBODY) else None


def first_repeated(ids: Sequence[Json]) -> str:
    """The first id that a ranking names twice; empty where there is none."""
    seen: set[str] = set()
    for name in map(str, ids):
        if name in seen:
            return name
        seen.add(name)
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StageTally:
    """How the outputs of one stage ended, over all records of a run."""

    statuses: Mapping[Status, int] = field(default_factory=dict[Status, int])
    odd: Mapping[TroubleKind, OddOutputs] = field(default_factory=dict["TroubleKind", OddOutputs])


@dataclass(frozen=True, slots=True, kw_only=True)
class Population:
    """All records of a run that are scored, those that nobody labelled too: what views count and look up of them."""

    count: int
    places: tuple[int, ...]
    """Place among all of each record that is looked into, in their order."""
    tallies: Mapping[str, StageTally]
    """By stage."""
    lost: Mapping[str, int]
    """By stage whose score is an outcome: records that lost it to infrastructure in a cell that it rests on."""
    filled: frozenset[tuple[str, str]]
    """(cell as text, stage) of which the run holds any output."""
    slices: tuple[str, ...]
    """Names of the slices that some record has, sorted; the difficulty is one."""
    names: Callable[[Sequence[int]], Sequence[str]] = field(compare=False, repr=False)
    """The ids of the records at these places."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PairTally:
    """How a stage's outputs of two runs compare, over the records that both have with the same content."""

    same: int
    """Records at which it ended in the same way with the same value, or not at all in both."""
    infrastructure: tuple[int, int]
    """Outputs that infrastructure took away, before and after."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PairPopulation:
    """All records of two runs, those that nobody labelled too."""

    seen: tuple[int, int]
    both: int
    other_content: int
    """Records of both with the same id and other content."""
    tallies: Mapping[str, PairTally]
    """By stage that both runs have."""
