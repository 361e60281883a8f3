"""Judges beside people: how good each is, and what it says of all outputs once its errors are taken off."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from stagegap.model.estimate import Estimate, unmeasured
from stagegap.model.wording import counted, listed, plural, why_missing
from stagegap.stats.agreement import alpha_bootstrap
from stagegap.stats.correlation import correlations
from stagegap.stats.intervals import mean_of
from stagegap.stats.judge import (
    FEWEST_OF_EACH,
    informedness,
    labels_that_would_do,
    leaning,
    ppi_difference,
    ppi_rate,
    rogan_gladen,
)
from stagegap.stats.raters import agreeing, alternative_test, closeness
from stagegap.stats.spread import Clusters
from stagegap.tables import figures
from stagegap.tables.figures import Unit
from stagegap.tables.table import Column, Rests, Sheet, Table

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]
EPSILON = 0.15
"""Price of a skilled person in the alternative annotator test."""
ALPHA_RESAMPLES = 500
DEFINITIONS = {
    "answers": "scores against blind answers",
    "judgements": "judgements of the outputs",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeColumns:
    """What a judge and people said of the outputs of a run, a number for each record that the run scores."""

    stage: str
    judge: str
    criterion: str
    is_graded: bool
    against: Literal["answers", "judgements"]
    sees_reference: bool
    units: Clusters
    marks: Floats
    """Of the judge, from 0 (worst) to 1; NaN where it gave none."""
    is_output: Bools
    """Where the stage gave an output, or failed by its own fault: what the figures are about."""
    is_failed: Bools
    """Where it failed: no judge is asked, and the output is as bad as can be."""
    is_taught: Bools
    """Where the judge was taught by the record, or by another of its cluster."""
    labels: Floats
    """By people, blind, from 0 to 1; NaN where nobody labelled by chance."""
    lengths: Floats
    """Characters of the output; NaN where it has none."""
    agreeing_repeats: Floats
    """Share of pairs of repeats in which the judge said the same; NaN where it was asked once."""
    people: Mapping[str, Mapping[int, float]] = field(default_factory=dict[str, Mapping[int, float]])
    """What each person's own label says of the output, by place of the record."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlierColumns:
    """The same judge in an earlier run, on the records of this one."""

    run: str
    marks: Floats
    labels: Floats
    is_output: Bools
    is_failed: Bools
    is_same: Bools
    """Where both runs gave the same output and the judge was asked again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeRow:
    """One judge of one stage."""

    stage: str
    judge: str
    criterion: str
    is_graded: bool
    against: str
    """What measures it, in words."""
    outputs: int
    """Outputs that the figures are about, failed ones included."""
    labels: int
    """Of them labelled by people."""
    unjudged: int
    """Outputs on which the judge itself gave no mark."""
    taught: int
    """Records left out because they, or their clusters, teach the judge."""
    sensitivity: Estimate
    """Share of the outputs that are good by people which the judge calls good."""
    specificity: Estimate
    """Share of the others which it does not call good."""
    informedness: Estimate
    """sensitivity + specificity - 1, of a graded judge Pearson's correlation: it must lie above 0."""
    agreement: Estimate
    """Krippendorff's alpha between the judge and people."""
    consistency: Estimate
    """Share of pairs of repeats with the same mark."""
    length_bias: Estimate
    """How much higher it marks the longer half of outputs that people label the same."""
    drift: Estimate
    """Share of the outputs that two runs have in common which it marks otherwise in the later one."""
    stand_in: str
    """Whether it may stand in for a labeller, by the alternative annotator test, or why that is not known."""
    alone: Estimate
    """Mean mark of all outputs as the judge gives it: its errors are in it."""
    people: Estimate
    """Mean label of the labelled outputs alone."""
    corrected: Estimate
    """Mean label of all outputs, by the judge's marks with its errors taken off (PPI++)."""
    rogan_gladen: Estimate
    """The same from sensitivity and specificity; of judges that say good or not."""
    would_do: int | None
    """Labels in all that would measure it where it is not measured; None where no number is known to."""
    earlier: str = ""
    """Name of the run that it is held against; empty without one."""
    difference: Estimate = field(default_factory=lambda: unmeasured("not measured: no earlier run"))
    """Of the corrected mean since that run, paired by record, in points."""

    @property
    def is_measured(self) -> bool:
        """True where it tells good outputs from bad ones, so that its marks may enter a figure."""
        return self.informedness.is_measured and self.informedness.low > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgesView:
    """All judges of one run."""

    cascade: str
    run: str
    noun: str
    rows: tuple[JudgeRow, ...]


def consensus(several: Sequence[JudgeColumns]) -> JudgeColumns:
    """What more than half of several judges of a stage say that say good or not, as a judge of its own.

    It says nothing of an output that one of them gave no mark, and whatever teaches one of them measures it not.
    """
    marks = np.vstack([columns.marks for columns in several])
    shares = marks.mean(axis=0)  # NaN where one gave none
    return replace(
        several[0],
        judge=f"consensus of {len(several)}",
        criterion=f"more than half of {listed([columns.judge for columns in several])} say so",
        sees_reference=any(columns.sees_reference for columns in several),
        marks=np.where(np.isnan(shares), np.nan, (shares > 0.5).astype(np.float64)),
        is_taught=np.logical_or.reduce([columns.is_taught for columns in several]),
        agreeing_repeats=np.full(len(shares), np.nan),
    )


def judge_row(columns: JudgeColumns, earlier: EarlierColumns | None = None, *, seed: int, noun: str) -> JudgeRow:
    """One judge measured, and its marks corrected; `earlier` is what it said in another run."""
    inside = columns.is_output & ~columns.is_taught
    is_seen = inside & ~np.isnan(columns.marks) & ~np.isnan(columns.labels) & ~columns.is_failed
    labels = columns.labels if columns.is_graded else _halved(columns.labels)
    known = (labels[is_seen], columns.marks[is_seen], columns.units.codes[is_seen])
    codes = None if columns.units.are_records else known[2]
    informed = _informed(columns, labels, is_seen)
    marks, would_do = _filled(columns, inside), None
    is_measured = informed.is_measured and informed.low > 0
    if not is_measured:
        would_do = labels_that_would_do(known[0], known[1], codes)
    refusal = "" if is_measured else _refusal(informed, would_do, noun)
    is_labelled = inside & ~np.isnan(labels)
    good = is_seen & (labels >= 0.5)
    says_good = np.where(np.isnan(columns.marks), np.nan, (columns.marks >= 0.5).astype(np.float64))
    of = columns.units
    return JudgeRow(
        stage=columns.stage,
        judge=columns.judge,
        criterion=columns.criterion,
        is_graded=columns.is_graded,
        against=DEFINITIONS[columns.against],
        outputs=int(inside.sum()),
        labels=int(is_labelled.sum()),
        unjudged=int((inside & np.isnan(columns.marks) & ~columns.is_failed).sum()),
        taught=int((columns.is_output & columns.is_taught).sum()),
        sensitivity=mean_of(np.where(good, says_good, np.nan), of),
        specificity=mean_of(np.where(is_seen & ~good, 1 - says_good, np.nan), of),
        informedness=informed,
        agreement=alpha_bootstrap(
            np.vstack([known[1], known[0]]),
            known[2],
            scale="interval" if columns.is_graded else "nominal",
            rng=np.random.default_rng(seed),
            resamples=ALPHA_RESAMPLES,
        )
        if len(known[0])
        else unmeasured("too few: no labelled output"),
        consistency=mean_of(np.where(inside, columns.agreeing_repeats, np.nan), of)
        if (inside & ~np.isnan(columns.agreeing_repeats)).any()
        else unmeasured("not measured: asked once, and `repeats: 2` asks twice"),
        length_bias=_length_bias(columns, labels, is_seen),
        drift=_drift(columns, earlier, inside),
        stand_in=_stand_in(columns, inside),
        alone=mean_of(np.where(inside, np.where(columns.is_failed, 0.0, columns.marks), np.nan), of),
        people=mean_of(np.where(is_labelled, labels, np.nan), of),
        corrected=unmeasured(refusal, n=int(is_labelled.sum())) if refusal else _corrected(labels, marks, inside, of),
        rogan_gladen=unmeasured(refusal, n=int(is_labelled.sum()))
        if refusal
        else _rogan_gladen(columns, labels, inside, is_seen),
        would_do=would_do,
        earlier=earlier.run if earlier else "",
        difference=_difference(columns, earlier, labels, inside, refusal),
    )


def _halved(values: Floats) -> Floats:
    """1 from the middle of the scale on, 0 below, NaN where there is nothing."""
    return np.where(np.isnan(values), np.nan, (values >= 0.5 - 1e-9).astype(np.float64))


def _filled(columns: JudgeColumns | EarlierColumns, inside: Bools) -> Floats:
    """Marks of all outputs: 0 where the stage failed, the mean where the judge did, so that nothing is said there."""
    marks = np.where(columns.is_failed, 0.0, columns.marks)
    given = marks[inside & ~np.isnan(marks)]
    return np.where(np.isnan(marks), float(given.mean()) if len(given) else 0.0, marks)


def _informed(columns: JudgeColumns, labels: Floats, is_seen: Bools) -> Estimate:
    if columns.is_graded:
        blank = np.where(is_seen, labels, np.nan)
        return correlations(np.where(is_seen, columns.marks, np.nan), blank, columns.units).pearson
    codes = None if columns.units.are_records else columns.units.codes[is_seen]
    return informedness(labels[is_seen], columns.marks[is_seen], codes)


def _refusal(informed: Estimate, would_do: int | None, noun: str) -> str:
    """Why a judge's marks enter no figure, and what would help."""
    why = informed.method if not informed.is_measured else "the judge can't be told from a coin"
    why = why.removeprefix("too few: ").removeprefix("not measured: ")
    help_ = (
        f"about {counted(would_do, f'labelled {noun}')} in all would do"
        if would_do
        else "labels of good and of bad outputs would tell whether it is worth asking"
        if not informed.is_measured
        else "a better judge is needed, and no number of labels"
    )
    return f"not measured: {why}; {help_}"


def _parts(labels: Floats, marks: Floats, inside: Bools, units: Clusters) -> tuple[Floats, Floats, Floats, Ints | None]:
    """What PPI++ takes: labels and marks of the labelled outputs, marks of the others, clusters of both."""
    both, rest = inside & ~np.isnan(labels), inside & np.isnan(labels)
    order = np.concatenate([np.flatnonzero(both), np.flatnonzero(rest)])
    return labels[both], marks[both], marks[rest], None if units.are_records else units.codes[order]


def _corrected(labels: Floats, marks: Floats, inside: Bools, units: Clusters) -> Estimate:
    *known, codes = _parts(labels, marks, inside, units)
    return ppi_rate(*known, units=codes)


def _rogan_gladen(columns: JudgeColumns, labels: Floats, inside: Bools, is_seen: Bools) -> Estimate:
    if columns.is_graded:
        return unmeasured("not measured: it corrects a judge that says good or not")
    if not columns.units.are_records:
        return unmeasured("not measured: it takes records as independent, and these come in clusters")
    judged = inside & ~np.isnan(columns.marks)
    if (inside & columns.is_failed).any():
        return unmeasured("not measured: some outputs failed, and it knows of judged ones alone")
    good, bad = is_seen & (labels >= 0.5), is_seen & (labels < 0.5)
    return rogan_gladen(
        int(columns.marks[judged].sum()),
        int(judged.sum()),
        right_positives=int(columns.marks[good].sum()),
        positives=int(good.sum()),
        right_negatives=int((1 - columns.marks[bad]).sum()),
        negatives=int(bad.sum()),
    )


def _length_bias(columns: JudgeColumns, labels: Floats, is_seen: Bools) -> Estimate:
    known = is_seen & ~np.isnan(columns.lengths)
    lengths = columns.lengths[known]
    longer = lengths > (np.median(lengths) if len(lengths) else 0.0)
    return leaning(columns.marks[known], labels[known], longer, columns.units.codes[known])


def _drift(columns: JudgeColumns, earlier: EarlierColumns | None, inside: Bools) -> Estimate:
    if earlier is None:
        return unmeasured("not measured: no earlier run asked this judge")
    both = inside & earlier.is_same & ~np.isnan(columns.marks) & ~np.isnan(earlier.marks)
    if not both.any():
        return unmeasured(f"not measured: since {earlier.run} it was asked about no output again")
    differs = (np.abs(columns.marks - earlier.marks) > 1e-9).astype(np.float64)
    return mean_of(np.where(both, differs, np.nan), columns.units)


def _difference(
    columns: JudgeColumns, earlier: EarlierColumns | None, labels: Floats, inside: Bools, refusal: str
) -> Estimate:
    """The corrected mean of this run minus that of an earlier one, on the records of both."""
    if earlier is None:
        return unmeasured("not measured: no earlier run asked this judge")
    if refusal:
        return unmeasured(refusal)
    both = inside & earlier.is_output
    before = earlier.labels if columns.is_graded else _halved(earlier.labels)
    moved, marks = labels - before, _filled(columns, both) - _filled(earlier, both)
    changed = int((both & (np.abs(np.nan_to_num(moved)) > 1e-9)).sum())
    if changed < FEWEST_OF_EACH:
        return unmeasured(
            f"too few: {changed} labelled outputs changed since {earlier.run}, and {FEWEST_OF_EACH} are needed"
        )
    *known, codes = _parts(moved, marks, both, columns.units)
    return ppi_difference(*known, units=codes)


def _stand_in(columns: JudgeColumns, inside: Bools) -> str:
    """Whether the judge may stand in for one of the people, by the alternative annotator test."""
    marks = {place: float(columns.marks[place]) for place in np.flatnonzero(inside & ~np.isnan(columns.marks)).tolist()}
    people = {name: {at: mark for at, mark in own.items() if inside[at]} for name, own in columns.people.items()}

    def unit(place: int) -> Hashable:
        return int(columns.units.codes[place])

    test = alternative_test(
        marks, people, epsilon=EPSILON, alignment=closeness if columns.is_graded else agreeing, unit=unit
    )
    if test.problem:
        return (
            f"Whether {columns.judge} may stand in for a labeller is not known: {test.problem} with 30 outputs that "
            "others labelled too."
        )
    may = "may stand in for a labeller" if test.passes else "may not stand in for a labeller"
    return (
        f"{columns.judge} {may}: it is as close to the others as {test.winning_rate:.0%} of "
        f"{len(test.annotators)} labellers (alternative annotator test, epsilon {EPSILON:g})."
    )


_QUALITY = (
    Column(name="Stage", unit=Unit.TEXT, key="stage"),
    Column(name="Judge", unit=Unit.TEXT, key="judge"),
    Column(name="Labels", unit=Unit.COUNT),
    Column(name="Sensitivity", unit=Unit.SHARE, key="{judge}: sensitivity"),
    Column(name="Specificity", unit=Unit.SHARE, key="{judge}: specificity"),
    Column(name="Alpha", unit=Unit.NUMBER, key="{judge}: alpha"),
    Column(name="Same again", unit=Unit.SHARE, key="{judge}: consistency", spare=2),
    Column(name="Longer half", unit=Unit.POINTS, key="{judge}: length bias", spare=3),
    Column(name="Marked otherwise than before", unit=Unit.SHARE, key="{judge}: drift", spare=1),
)
_RATES = (
    Column(name="Stage", unit=Unit.TEXT, key="stage"),
    Column(name="Judge", unit=Unit.TEXT, key="judge"),
    Column(name="Outputs", unit=Unit.COUNT),
    Column(name="Corrected by labels (PPI++)", unit=Unit.SHARE, key="{judge}: corrected"),
    Column(name="Rogan-Gladen", unit=Unit.SHARE, key="{judge}: Rogan-Gladen", spare=2),
    Column(name="By labels alone", unit=Unit.SHARE, key="{judge}: people", spare=1),
    Column(name="Judge alone, uncorrected", unit=Unit.SHARE, key="{judge}: alone", spare=3),
    Column(name="Since the earlier run", unit=Unit.POINTS, key="{judge}: difference"),
)


def judges_sheet(view: JudgesView) -> Sheet:
    """What each judge says of all outputs once its errors are taken off, and how good it is."""
    return Sheet(headline=f"Judges of {view.run} of {view.cascade}", parts=tuple(judges_parts(view.rows, view.noun)))


def judges_parts(rows: Sequence[JudgeRow], noun: str) -> Iterator[str | Table]:
    """The same as parts of a sheet; nothing without a judge."""
    if not rows:
        yield "No stage of the run has a judge: write one under `judge` of a stage."
        return
    yield from judged_parts(rows, noun)
    yield from dict.fromkeys(row.stand_in for row in rows)
    yield from why_missing(
        (f"{row.judge} of {row.stage}, {name}", estimate)
        for row in rows
        for name, estimate in (
            ("corrected", row.corrected),
            ("Rogan-Gladen", row.rogan_gladen),
            ("alpha", row.agreement),
            ("same again", row.consistency),
            ("longer half", row.length_bias),
            ("marked otherwise", row.drift),
            ("since the earlier run", row.difference),
        )
    )
    yield (
        "The correction holds where the labelled outputs are a fair sample of all, the labels are blind, and the judge "
        "was not tuned on them."
    )


def judged_parts(rows: Sequence[JudgeRow], noun: str) -> Iterator[str | Table]:
    """What the judges say, and beside it how good they are; nothing without one."""
    for row in rows:
        yield _sentence(row, noun)
    if not rows:
        return
    yield Table(
        title="What the judges say of all outputs",
        columns=_RATES,
        rows=tuple(
            (row.stage, row.judge, row.outputs, row.corrected, row.rogan_gladen, row.people, row.alone, row.difference)
            for row in rows
        ),
    )
    yield Table(
        title="How good the judges are",
        columns=_QUALITY,
        rows=tuple(
            (
                row.stage, row.judge, row.labels, row.sensitivity, row.specificity, row.agreement, row.consistency,
                row.length_bias, row.drift,
            )
            for row in rows
        ),
    )  # fmt: skip
    yield Rests.JUDGES


def _sentence(row: JudgeRow, noun: str) -> str:
    """What can be said by one judge, with what it rests on."""
    rests = f"{counted(row.labels, f'labelled {noun}')} ({row.against})"
    left = f"; {counted(row.taught, noun)} that teach it left out" if row.taught else ""
    failed = f"; it gave no mark of {row.unjudged:,}" if row.unjudged else ""
    if not row.corrected.is_measured:
        return f"{row.stage} by {row.judge}: {row.corrected.method}. It rests on {rests}{left}{failed}."
    share = figures.figure(row.corrected, Unit.SHARE)
    outputs = f"{row.outputs:,} {plural('output', row.outputs)}"
    what = f"the mean score of {outputs} is {share}" if row.is_graded else f"{share} of {outputs} are good"
    since = ""
    if row.difference.is_measured:
        since = f" Since {row.earlier}: {figures.figure(row.difference, Unit.POINTS)} points."
    return (
        f"{row.stage} by {row.judge} ({row.criterion}): {what}, the judge's errors taken off by {rests}{left}{failed}."
        f"{since}"
    )
