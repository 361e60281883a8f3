"""Where an optimiser should work: the stage by gain x chance of improving, and what to tell it about each failure."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile

import numpy as np
from numpy.typing import NDArray

from stagegap.analysis import evidence as ev
from stagegap.analysis.checks import CheckResult, exit_code
from stagegap.analysis.failures import shown_output, shown_reference, shown_value
from stagegap.analysis.slices import Neighbour, Texts
from stagegap.analysis.troubles import broken
from stagegap.attribution.swaps import closed_cell, swap_cell
from stagegap.model.answer import Output
from stagegap.model.cascade import Source
from stagegap.model.estimate import Estimate, unmeasured
from stagegap.model.record import Record
from stagegap.model.run import SYSTEM
from stagegap.model.wording import counted, listed, plural
from stagegap.stats.distributions import beta_quantile, log_beta, normal_cdf
from stagegap.stats.paired import shift_interval
from stagegap.tables import figures
from stagegap.tables.figures import Unit
from stagegap.tables.table import Column, Entry, Sheet, Table

Floats = NDArray[np.float64]

LEVEL = 0.95
WORTH_A_CHANGE = 0.01
"""Gain x chance below which another change is not worth its calls; a share of the outcome."""
MOST_FEEDBACK = 20
STUCK_AT = 300
"""Odds that none of the last changes of a stage helped, from which on it waits for others."""
PRIOR = (1.0, 0.25)
"""Beta prior of the chance that a change helps: hopeful, and given up soon. Chosen by simulation (`tests/slow`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempted:
    """A change of one stage alone that was run, and what the outcome did on the records that an optimiser may see."""

    stage: str
    before: str
    after: str
    """Runs, by name."""
    change: float
    """Mean outcome after minus before; NaN where nothing is measured."""
    error: float
    """Its standard error over whole clusters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AimRow:
    """What is to be had at one stage, and how often a change of it has helped."""

    stage: str
    gain: Estimate
    """What references at this stage add to the outcome where all that it depends on is right, paired."""
    tried: int
    """Versions of this stage alone that were run."""
    rose: int
    """Those after which the mean outcome was higher."""
    likely: tuple[float, ...] = ()
    """Of each, how far what it did speaks for one that helped: `speaks_for_help`."""

    @property
    def helped(self) -> float:
        """How many changes truly helped, as far as can be told: the mean of what is known of it after all of them."""
        ways = np.ones(1)  # by the number of those that helped
        for share in self.likely:
            ways = np.convolve(ways, (1 - share, share))
        counts, (a, b) = np.arange(len(ways)), PRIOR
        weights = ways * np.exp([log_beta(a + k, b + len(self.likely) - k) for k in counts.tolist()])
        return float(weights @ counts / weights.sum())

    @property
    def chance(self) -> float:
        """That the next change helps: its posterior mean, which is (1 + helped) / (5/4 + tried)."""
        return (PRIOR[0] + self.helped) / (sum(PRIOR) + self.tried)

    def after(self, change: float, error: float) -> AimRow:
        """The row once more was tried; a change of NaN is none."""
        if math.isnan(change):
            return self
        likely = speaks_for_help(change, error, self.gain.value)
        return replace(self, tried=self.tried + 1, rose=self.rose + (change > 0), likely=(*self.likely, likely))

    @property
    def is_stuck(self) -> bool:
        """Its last changes, one after the other, speak against help beyond doubt."""
        against = takewhile(lambda share: share < 0.5, reversed(self.likely))
        return math.prod(share / (1 - share) for share in against) < 1 / STUCK_AT

    @property
    def worth(self) -> float:
        """Gain x chance; NaN without a gain."""
        return self.gain.value * self.chance

    @property
    def most(self) -> float:
        """The same with the upper ends of both: one-sided 97.5% of the gain, 95% of the chance (uniform prior)."""
        return self.gain.high * beta_quantile(LEVEL, self.rose + 1, self.tried - self.rose + 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Feedback:
    """What an optimiser is told about one failure; never of a record that is held out."""

    stage: str
    record: str
    inputs: Mapping[str, str]
    """What the stage received, each in one line."""
    answer: str
    """What it answered, or the name of the failure."""
    text: str
    """What would be right, what people noted, and the nearest record that went right."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AimView:
    """Where an optimiser should work on a run, or that it should stop."""

    cascade: str
    run: str
    noun: str
    outcome_name: str
    rows: tuple[AimRow, ...]
    """By worth, the largest first."""
    stage: str
    """Where to work; empty where to stop, or where nothing is known."""
    n: int
    """Records that the optimiser may see: all figures rest on them."""
    held_out: int
    attempts: tuple[Attempted, ...]
    feedback: tuple[Feedback, ...]
    """Of the stage."""
    is_over: bool
    """True where more changes are not worth it, by what is known."""
    headline: str

    @property
    def exit_code(self) -> int:
        """0 where a stage is named, 1 where to stop, 5 where it is not known."""
        return exit_code(results(self))


def results(view: AimView) -> tuple[CheckResult, ...]:
    """The decision as the result of a check, for CI: to stop is a failure, so that a loop ends."""
    status = "passed" if view.stage else "failed" if view.is_over else "not measured"
    return (CheckResult(kind="aim", name="where to work", status=status, message=view.headline),)


def part_of(evidence: ev.Evidence, *, held_out: bool) -> ev.Evidence:
    """The half of the records that is kept from an optimiser, or the other one; clusters stay together."""
    records = tuple(record for record in evidence.records if record.is_held_out == held_out)
    return replace(evidence, records=records, population=None)


def aim_view(
    evidence: ev.Evidence,
    attempts: Sequence[Attempted],
    codes: Mapping[tuple[str, str], Collection[str]],
    *,
    outcome_name: str,
    worth: float = WORTH_A_CHANGE,
) -> AimView:
    """Rank the stages by gain x chance on the half that may be seen; the other half decides nothing here.

    `codes` are what people noted, by stage and record. An end to it is called where gain x chance is below `worth` at
    every stage, each with its upper limits.
    """
    seen = part_of(evidence, held_out=False)
    rows = aim_rows(seen, attempts)
    is_over = no_more(rows, worth)
    stage = rows[0].stage if rows[0].worth > 0 and not is_over else ""
    view = AimView(
        cascade=evidence.cascade.name,
        run=evidence.run,
        noun=evidence.cascade.noun,
        outcome_name=outcome_name,
        rows=rows,
        stage=stage,
        n=len(seen.records),
        held_out=len(evidence.records) - len(seen.records),
        attempts=tuple(attempts),
        feedback=feedback(seen, stage, codes) if stage else (),
        is_over=is_over,
        headline="",
    )
    return replace(view, headline=_headline(view, worth))


def aim_rows(seen: ev.Evidence, attempts: Sequence[Attempted]) -> tuple[AimRow, ...]:
    """What is to be had at each stage that leads to the outcome, on the records that an optimiser may see."""
    return ranked(_row(seen, stage, attempts) for stage in seen.cascade.names if stage in seen.cascade.leading)


def error_of(moved: Floats, codes: NDArray[np.int64]) -> float:
    """Standard error of a mean difference over whole clusters, as if one record more had moved: nothing is certain."""
    sums = np.bincount(codes, weights=moved - moved.mean())
    return math.sqrt(float(sums @ sums) + 1) / len(moved)


def speaks_for_help(change: float, error: float, gain: float) -> float:
    """How far a change of the outcome speaks for one that helped, from 0 to 1; 1/2 says nothing.

    One that helped brings any share of what is to be had, each as likely as another; one that did not answers anew as
    well as before. The share of the first in the densities of both, with normal errors; without a gain, whether it
    rose.
    """
    if not gain > 0:
        return float(change > 0)
    luck = math.exp(-((change / error) ** 2) / 2) / (error * math.sqrt(2 * math.pi))
    helped = (normal_cdf(change / error) - normal_cdf((change - gain) / error)) / gain
    return helped / (helped + luck) if helped + luck > 0 else float(change > 0)


def ranked(rows: Iterable[AimRow]) -> tuple[AimRow, ...]:
    """Rows by gain x chance, the largest first; those without a gain come last.

    One that is stuck comes behind while another at which something is to be had was tried less often: so a stage that
    hardly mends gets hardly more changes than by taking turns.
    """
    all_rows = tuple(rows)
    fewest = min((row.tried for row in all_rows if row.gain.value > WORTH_A_CHANGE), default=0)

    def place(row: AimRow) -> tuple[bool, bool, float, str]:
        is_behind = row.is_stuck and row.tried > fewest
        return not row.gain.is_measured, is_behind, -round(row.worth, 12), row.stage  # of equal ones by name

    return tuple(sorted(all_rows, key=place))


def no_more(rows: Sequence[AimRow], worth: float) -> bool:
    """True where gain x chance is below what is worth a change at every stage, by the upper ends of both."""
    return all(row.gain.is_measured and row.most < worth for row in rows)


def _row(seen: ev.Evidence, stage: str, attempts: Sequence[Attempted]) -> AimRow:
    row = AimRow(stage=stage, gain=_gain(seen, stage), tried=0, rose=0)
    for attempt in attempts:
        row = row.after(attempt.change, attempt.error) if attempt.stage == stage else row
    return row


def _gain(seen: ev.Evidence, stage: str) -> Estimate:
    trouble = broken(seen.troubles_of_outputs)
    if trouble is not None:
        return unmeasured(f"not measured: {trouble.brief}")
    if ev.is_bounded(seen, (swap_cell(seen.cascade, seen.cascade.ancestors(stage)), closed_cell(seen.cascade, stage))):
        return unmeasured(ev.BOUNDED)
    gained = _gained(seen, stage)
    if gained is None:
        return unmeasured(f"not measured: no swap of {stage} with all that it depends on was run")
    return shift_interval(gained, seen.units, level=LEVEL)


def _gained(seen: ev.Evidence, stage: str) -> Floats | None:
    """What references at a stage add, by record, to those at all that it depends on; None where no run says."""
    before, closed = swap_cell(seen.cascade, seen.cascade.ancestors(stage)), ev.closed_outcome(seen, stage)
    if closed is None or not (before == SYSTEM or seen.has_outcome(before)):
        return None
    return np.round(closed - ev.outcome_scores(seen, before), 12)


def feedback(seen: ev.Evidence, stage: str, codes: Mapping[tuple[str, str], Collection[str]]) -> tuple[Feedback, ...]:
    """What to tell about each failure of a stage: those that cost the outcome most first, then by record."""
    gained = _gained(seen, stage)
    lost = np.zeros(len(seen.records)) if gained is None else np.nan_to_num(gained)
    places = np.flatnonzero(ev.accepted(seen, stage) == 0).tolist()
    return messages(
        seen, stage, sorted(places, key=lambda place: (-lost[place], seen.records[place].id))[:MOST_FEEDBACK], codes
    )


def messages(
    seen: ev.Evidence, stage: str, places: Sequence[int], codes: Mapping[tuple[str, str], Collection[str]]
) -> tuple[Feedback, ...]:
    """What to tell about the records at these places: what would be right, what people noted, the nearest right one."""
    accepted = ev.accepted(seen, stage)
    ends = ev.outcome_scores(seen, SYSTEM)
    nearest = {pair.record: pair for pair in Texts(seen.records).neighbours(1 - accepted)}
    outputs = seen.system(stage)
    feedback: list[Feedback] = []
    for place in places:
        record = seen.records[place]
        reference = shown_reference(seen.references.get((record.id, stage)))
        sentences = {
            1.0: ["This is right."],
            0.0: [f"Right would be: {reference}."],
        }.get(float(accepted[place]), ["Nobody has said what would be right here."])
        if not math.isnan(ends[place]):
            sentences.append(f"The end scored {figures.number(float(ends[place]))}.")
        noted = sorted(codes.get((stage, record.id), ()))
        if noted:
            sentences.append(f"People noted: {listed(noted)}.")
        if record.id in nearest:
            sentences.append(_beside(nearest[record.id], outputs, seen.cascade.noun))
        feedback.append(
            Feedback(
                stage=stage,
                record=record.id,
                inputs={
                    name: _received(seen, source, record) for name, source in seen.cascade.stage(stage).inputs.items()
                },
                answer=shown_output(outputs.get(record.id)),
                text=" ".join(sentences),
            )
        )
    return tuple(feedback)


def _beside(pair: Neighbour, outputs: Mapping[str, Output], noun: str) -> str:
    wrong, right = (", ".join(words) or "nothing" for words in (pair.only_here, pair.only_there))
    return (
        f"The most similar {noun} that went right was answered {shown_output(outputs.get(pair.passing))!r}; "
        f"words only in the wrong one: {wrong}; only in the right one: {right}."
    )


def _received(seen: ev.Evidence, source: Source, record: Record) -> str:
    if source.origin == "record":
        return shown_value(record.fields.get(source.name))
    output: Output | None = seen.system(source.name).get(record.id)
    return shown_output(output, source.path)


def _headline(view: AimView, worth: float) -> str:
    """The decision in one sentence."""
    if view.is_over:
        return (
            f"Stop: gain x chance of another change is below {100 * worth:g} {plural('point', round(100 * worth))} at "
            f"every stage (n = {view.n:,})"
        )
    if not view.stage:
        return "Not known where to work: no stage has a gain above 0 that is measured"
    row = view.rows[0]
    return (
        f"An optimiser should work on {row.stage}: {figures.figure(row.gain, Unit.POINTS)} points are to be had there "
        f"(n = {row.gain.n:,}), and {_record_of(row)}"
    )


def _record_of(row: AimRow) -> str:
    if not row.tried:
        return "no change of it alone was tried yet"
    return (
        f"{row.rose:,} of {counted(row.tried, 'change')} of it alone rose, of which about {row.helped:.1f} not by luck"
    )


_COLUMNS = (
    Column(name="Stage", unit=Unit.TEXT, key="stage", is_carried=True),
    Column(name="To be had", unit=Unit.POINTS, key="gain"),
    Column(name="n", unit=Unit.COUNT),
    Column(name="Tried", unit=Unit.COUNT, key="changes tried"),
    Column(name="Rose", unit=Unit.COUNT, key="changes after which the end was higher"),
    Column(name="Helped", unit=Unit.NUMBER, key="changes that helped, as far as can be told", spare=1),
    Column(name="Gain x chance", unit=Unit.TEXT, key="gain x chance"),
    Column(name="At most", unit=Unit.TEXT, key="at most"),
)


def aim_sheet(view: AimView) -> Sheet:
    """The stages by gain x chance, then what an optimiser is told about the first failures of the chosen one."""
    nouns = plural(view.noun, 2)
    return Sheet(
        headline=view.headline,
        parts=(
            f"Judged by {view.outcome_name}. Rests on the {view.n:,} {nouns} that an optimiser may see; "
            f"{view.held_out:,} are held out, by cluster, and are in nothing here: "
            f"`stagegap compare {view.run} NEW --held-out` judges what it made. The chance that a change helps is "
            "(helped + 1) / (tried + 5/4), where a rise that luck may have brought counts in part; a stage "
            "whose last changes did not help beyond doubt waits while another was tried less often."
            + " The stage is picked as the largest, so its gain is a little too large."
            * bool(view.stage),
            Table(
                columns=_COLUMNS,
                rows=tuple(_cells(row) for row in view.rows),
                strong=frozenset(place for place, row in enumerate(view.rows) if row.stage == view.stage),
            ),
            Table(
                title="What to tell it",
                columns=(
                    Column(name="Record", unit=Unit.TEXT, is_record=True),
                    Column(name="Answer", unit=Unit.TEXT, is_record=True),
                    Column(name="Feedback", unit=Unit.TEXT, is_record=True),
                ),
                rows=tuple((item.record, item.answer, item.text) for item in view.feedback),
            ),
        ),
    )


def _cells(row: AimRow) -> tuple[Entry, ...]:
    products = (figures.change(100 * row.worth), figures.change(100 * row.most)) if row.gain.is_measured else ("", "")
    return row.stage, row.gain, row.gain.n, row.tried, row.rose, row.helped, *products
