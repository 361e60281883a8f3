"""The bottleneck of each group of records, and failing records beside their nearest passing neighbours."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from stagegap.analysis import evidence as ev
from stagegap.analysis.failures import groups_of, slice_rows
from stagegap.analysis.gains import Gains, ceiling_of, gains
from stagegap.analysis.verdict import ENOUGH_RECORDS, contest
from stagegap.model.estimate import Estimate, unmeasured
from stagegap.model.record import Record
from stagegap.model.wording import counted
from stagegap.stats.ranks import shrunken
from stagegap.stats.resample import resample
from stagegap.stats.significance import benjamini_hochberg, excess_p
from stagegap.stats.spread import Clusters, clusters
from stagegap.tables.figures import Unit
from stagegap.tables.table import Column, Entry, Figure, Sheet, Table

Floats = NDArray[np.float64]
_WORD = re.compile(r"\w+")
MOST_WORDS = 6
FEWEST_ALIKE = 0.05
"""Cosine below which a neighbour is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbour:
    """A failing record and the passing one that is most like it."""

    record: str
    passing: str
    similarity: float
    """Cosine of the two, 0 to 1 for texts."""
    only_here: tuple[str, ...]
    """The rarest words that only the failing record has."""
    only_there: tuple[str, ...]


class Texts:
    """The texts of records as TF-IDF vectors, made once for all stages."""

    def __init__(self, records: Sequence[Record]) -> None:
        self._ids = [record.id for record in records]
        self._words = [Counter(_WORD.findall(_text(record).casefold())) for record in records]
        self._weights = _rarity(self._words)
        self._vectors = [_weighted(words, self._weights) for words in self._words]
        postings: dict[str, tuple[list[int], list[float]]] = {word: ([], []) for word in self._weights}
        for i, vector in enumerate(self._vectors):
            for word, weight in vector.items():
                places, weights = postings[word]
                places.append(i)
                weights.append(weight)
        self._postings = {
            word: (np.array(places, dtype=np.int64), np.array(weights)) for word, (places, weights) in postings.items()
        }

    def neighbours(self, failed: Floats, *, most: int = 200) -> tuple[Neighbour, ...]:
        """Failing records with their nearest passing neighbour by cosine, the closest first.

        A pair that is nearly alike and ends differently says more about a fault than a list of failures (contrast
        set, Gardner et al. 2020). At most `most` failing records are looked at, in the order of their ids.
        """
        is_passing = failed == 0
        neighbours: list[Neighbour] = []
        for i in sorted(np.flatnonzero(failed == 1).tolist(), key=lambda i: self._ids[i])[:most]:
            alike = np.where(is_passing, self._similarity(i), 0.0)
            best = float(alike.max())
            if best >= FEWEST_ALIKE:
                other = max(np.flatnonzero(alike == best).tolist(), key=lambda i: self._ids[i])
                neighbours.append(
                    Neighbour(
                        record=self._ids[i],
                        passing=self._ids[other],
                        similarity=min(1.0, best),
                        only_here=_rarest(self._words[i].keys() - self._words[other].keys(), self._weights),
                        only_there=_rarest(self._words[other].keys() - self._words[i].keys(), self._weights),
                    )
                )
        return tuple(sorted(neighbours, key=lambda neighbour: (-neighbour.similarity, neighbour.record)))

    def _similarity(self, i: int) -> Floats:
        """The cosine of one record's text with every record's."""
        cosines = np.zeros(len(self._ids))
        for word, weight in self._vectors[i].items():
            places, weights = self._postings[word]
            cosines[places] += weight * weights
        return cosines


def _text(record: Record) -> str:
    return " ".join(value for value in record.fields.values() if isinstance(value, str))


def _rarity(words: Sequence[Mapping[str, int]]) -> dict[str, float]:
    """The smoothed inverse document frequency of each word."""
    seen = Counter(word for counts in words for word in counts)
    return {word: math.log((1 + len(words)) / (1 + count)) + 1 for word, count in seen.items()}


def _weighted(words: Mapping[str, int], weights: Mapping[str, float]) -> dict[str, float]:
    """The TF-IDF vector of one record with length 1; how often a word occurs counts by its logarithm."""
    raw = {word: (1 + math.log(count)) * weights[word] for word, count in words.items()}
    length = math.sqrt(math.fsum(value**2 for value in raw.values()))
    return {word: value / length for word, value in raw.items()}


def _rarest(words: set[str], weights: Mapping[str, float]) -> tuple[str, ...]:
    return tuple(sorted(words, key=lambda word: (-weights[word], word))[:MOST_WORDS])


RESAMPLES = 2_000
MOST_PAIRS = 20
"""Pairs of neighbours that the view keeps for each stage."""
FALSE_SHARE = 0.05
"""Share of false alarms among the groups that are said to stand out (Benjamini & Hochberg)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceFinding:
    """One group at one stage."""

    group: str
    stage: str
    failures: int
    n: int
    rate: Estimate
    """Share of the group's scored records at which the stage is not acceptable."""
    shrunk: float
    """The rate pulled towards the average of all groups as far as their spread is noise: the worst of many is too
    bad by luck. A guide without an interval of its own."""
    excess: float
    """(rate - average) x n."""
    p: float
    """That the group fails as often as the others; one-sided for more."""
    p_adj: float
    """After Benjamini-Hochberg over all groups and stages."""
    verdict: Literal["stands out", "tied", "too few"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceBottleneck:
    """What would gain most in one group."""

    group: str
    n: int
    """Records of the group with an outcome in every swap cell."""
    stage: str
    """The stage with the largest gain there; empty when there is none."""
    gain: Estimate
    verdict: Literal["holds back", "none stands out", "too few", "not measured"]
    picked: Estimate | None
    """The gain without what being picked as the largest adds; None unless a stage is named."""
    differs: bool
    """A stage is named, and it is not the one that is first over all records."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StageNeighbours:
    """Records at which a stage failed, beside those most like them at which it did not."""

    stage: str
    pairs: tuple[Neighbour, ...]
    """The closest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SlicesView:
    """Groups of records of one run."""

    cascade: str
    run: str
    noun: str
    outcome_name: str
    overall: str
    """The stage with the largest gain over all records; empty without a ceiling."""
    findings: tuple[SliceFinding, ...]
    """Most excess failures first; all groups that were looked at."""
    bottlenecks: tuple[SliceBottleneck, ...]
    neighbours: tuple[StageNeighbours, ...]


def slices_view(evidence: ev.Evidence, *, resamples: int = RESAMPLES) -> SlicesView:
    """Look at every group that is known before a stage runs: slices, difficulty, references at earlier stages."""
    cascade = evidence.cascade
    units = evidence.units
    won = gains(evidence)
    everyone = np.arange(len(evidence.records))
    whole = _bottleneck("", everyone, evidence, won, resamples=resamples)
    groups = groups_of(evidence.records, cascade, {}, stage=cascade.names[0])
    texts = Texts(evidence.records)
    return SlicesView(
        cascade=cascade.name,
        run=evidence.run,
        noun=cascade.noun,
        outcome_name=ev.outcome_name(cascade),
        overall=whole.stage,
        findings=_findings(evidence, units),
        bottlenecks=tuple(
            _bottleneck(group, rows, evidence, won, resamples=resamples, overall=whole.stage)
            for group, rows in sorted(groups.items())
        ),
        neighbours=tuple(
            StageNeighbours(stage=name, pairs=texts.neighbours(_failed(evidence, name))[:MOST_PAIRS])
            for name in cascade.names
        ),
    )


def _failed(evidence: ev.Evidence, stage: str) -> Floats:
    return 1 - ev.accepted(evidence, stage)


def _findings(evidence: ev.Evidence, units: Clusters) -> tuple[SliceFinding, ...]:
    findings: list[tuple[str, SliceFinding]] = []
    for stage in evidence.cascade.names:
        failed = _failed(evidence, stage)
        groups = groups_of(evidence.records, evidence.cascade, evidence.references, stage=stage)
        rows = slice_rows(failed, units, groups)
        rates = np.array([row.failures / row.n for row in rows])
        errors = np.array(
            [math.sqrt(max(rate * (1 - rate), 0.25 / row.n) / row.n) for rate, row in zip(rates, rows, strict=True)]
        )
        shrunk = shrunken(rates, errors)
        for row, pulled in zip(rows, shrunk.tolist(), strict=True):
            inside = np.zeros(len(failed), dtype=np.bool_)
            inside[groups[row.group]] = True
            p = excess_p(failed, inside, units)
            finding = SliceFinding(
                group=row.group,
                stage=stage,
                failures=row.failures,
                n=row.n,
                rate=row.rate,
                shrunk=pulled,
                excess=row.excess,
                p=p,
                p_adj=math.nan,
                verdict="tied",
            )
            findings.append((stage, finding))
    adjusted = _adjusted([finding.p for _, finding in findings])
    decided = [_decided(finding, p) for (_, finding), p in zip(findings, adjusted, strict=True)]
    return tuple(sorted(decided, key=lambda finding: (-finding.excess, finding.group, finding.stage)))


def _adjusted(p: Sequence[float]) -> list[float]:
    """Adjust the p-values that there are; NaN stays NaN."""
    known = [i for i, p_value in enumerate(p) if not math.isnan(p_value)]
    adjusted = list(p)
    for i, value in zip(known, benjamini_hochberg(np.array([p[i] for i in known])).tolist(), strict=True):
        adjusted[i] = value
    return adjusted


def _decided(finding: SliceFinding, p_adj: float) -> SliceFinding:
    verdict: Literal["stands out", "tied", "too few"] = "tied"
    if math.isnan(p_adj):
        verdict = "too few"
    elif p_adj <= FALSE_SHARE:
        verdict = "stands out"
    return SliceFinding(
        group=finding.group,
        stage=finding.stage,
        failures=finding.failures,
        n=finding.n,
        rate=finding.rate,
        shrunk=finding.shrunk,
        excess=finding.excess,
        p=finding.p,
        p_adj=p_adj,
        verdict=verdict,
    )


def _bottleneck(
    group: str,
    rows: NDArray[np.int64],
    evidence: ev.Evidence,
    won: Gains,
    *,
    resamples: int,
    overall: str = "",
) -> SliceBottleneck:
    if not won.is_measured:
        nothing = unmeasured(won.reason)
        return SliceBottleneck(
            group=group, n=0, stage="", gain=nothing, verdict="not measured", picked=None, differs=False
        )
    part = won.of(rows)
    positions: list[int] = rows.tolist()
    units = clusters(evidence.records[i].unit for i in positions)
    drawn = resample(part.columns, units, rng=np.random.default_rng(evidence.seed), resamples=resamples)
    stairs = ceiling_of(drawn, part)
    n = part.n
    if n < ENOUGH_RECORDS or not all(step.gain.is_measured for step in stairs.steps):
        nothing = unmeasured(f"too few: {n} of {ENOUGH_RECORDS} records", n=n)
        return SliceBottleneck(group=group, n=n, stage="", gain=nothing, verdict="too few", picked=None, differs=False)
    match = contest(drawn, stairs, part)
    best = stairs.steps[match.best]
    return SliceBottleneck(
        group=group,
        n=n,
        stage=best.stage,
        gain=best.gain,
        verdict="holds back" if match.is_decided else "none stands out",
        picked=match.picked,
        differs=match.is_decided and bool(overall) and best.stage != overall,
    )


_MOST = 12
"""Groups that a screen shows of those that were looked at."""
_MOST_PAIRS = 3
"""Pairs of neighbours of each stage."""
_FINDINGS = (
    Column(name="Group", unit=Unit.TEXT, key="group"),
    Column(name="Stage", unit=Unit.TEXT, key="stage"),
    Column(name="Failures", unit=Unit.TEXT, spare=4),
    Column(name="Rate", unit=Unit.SHARE, key="failure rate of {group}"),
    Column(name="Shrunk", unit=Unit.SHARE, spare=1),
    Column(name="Excess", unit=Unit.CHANGE, spare=2),
    Column(name="p, adjusted", unit=Unit.P, spare=3),
    Column(name="Verdict", unit=Unit.TEXT),
)
_BOTTLENECKS = (
    Column(name="Group", unit=Unit.TEXT, key="group"),
    Column(name="Records", unit=Unit.COUNT, spare=1),
    Column(name="Largest gain at", unit=Unit.TEXT, key="stage"),
    Column(name="Gain", unit=Unit.POINTS, key="largest gain in {group}"),
    Column(name="Gain without what being picked adds", unit=Unit.POINTS, key="named gain in {group}", is_hidden=True),
    Column(name="Verdict", unit=Unit.TEXT),
)
_PAIRS = (
    Column(name="Fails", unit=Unit.TEXT),
    Column(name="At", unit=Unit.TEXT),
    Column(name="Nearest that does not", unit=Unit.TEXT),
    Column(name="Alike", unit=Unit.NUMBER),
    Column(name="Only in the failing one", unit=Unit.TEXT, is_cut=True, is_record=True),
)


def slices_sheet(view: SlicesView) -> Sheet:
    """The groups that fail most, the bottleneck of each group, and pairs of neighbours that fail and do not."""
    striking = sum(finding.verdict == "stands out" for finding in view.findings)
    headline = f"{counted(striking, 'group')} of {len(view.findings):,} fail more than the others"
    return Sheet(
        headline=headline if view.findings else "Not measured: no group has a record that could be scored",
        parts=(
            Table(columns=_FINDINGS, rows=tuple(_finding_cells(finding) for finding in view.findings), most=_MOST),
            Table(
                title="Bottleneck of each group",
                columns=_BOTTLENECKS,
                rows=tuple(_bottleneck_cells(bottleneck) for bottleneck in view.bottlenecks),
            ),
            Table(
                title="Neighbours",
                columns=_PAIRS,
                rows=tuple(
                    (pair.record, stage.stage, pair.passing, pair.similarity, ", ".join(pair.only_here))
                    for stage in view.neighbours
                    for pair in stage.pairs[:_MOST_PAIRS]
                ),
            ),
            f"{len(view.findings):,} groups were looked at; at most 5% of those that stand out are expected to be "
            "chance.",
        ),
    )


def _finding_cells(finding: SliceFinding) -> tuple[Entry, ...]:
    rate = Figure(estimate=finding.rate, p=finding.p, p_adj=finding.p_adj, verdict=finding.verdict)
    failures = f"{finding.failures:,} of {finding.n:,}"
    return finding.group, finding.stage, failures, rate, finding.shrunk, finding.excess, finding.p_adj, finding.verdict


def _bottleneck_cells(bottleneck: SliceBottleneck) -> tuple[Entry, ...]:
    note = f"{bottleneck.verdict}, unlike overall" if bottleneck.differs else bottleneck.verdict
    gain = Figure(estimate=bottleneck.gain, verdict=bottleneck.verdict)
    return bottleneck.group, bottleneck.n, bottleneck.stage or None, gain, bottleneck.picked, note
