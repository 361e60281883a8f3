"""Higher or lower than expected: anchors known for nothing, confidence and what came true, what should be easier."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from stagegap.model.estimate import Estimate
from stagegap.model.wording import plural
from stagegap.oddities.between import unanimous
from stagegap.oddities.card import Detector, Family, Finding, Mark, Plot, claim, figure, lead_over, places
from stagegap.oddities.columns import Floats, RunColumns, StageColumns
from stagegap.people.agreement import COUNTABLE
from stagegap.stats.intervals import wilson_of
from stagegap.stats.paired import sign_flip_p
from stagegap.stats.significance import mean, mean_p, trend
from stagegap.stats.spread import distinct
from stagegap.tables import figures

BINS = 10


def anchors(run: RunColumns, name: str) -> Plot | None:
    """Draw guessing, the commonest answer, the stage, people and the ceiling of noisy labels; None without answers."""
    stage = run.stages[name]
    known = (stage.reference >= 0) & ~np.isnan(stage.good)
    if not known.any():
        return None
    guess = 1 / len(stage.answers)
    always, common = always_commonest(stage, known)
    exact = Estimate(value=guess, low=guess, high=guess, n=int(known.sum()), method="exact")
    marks = [
        Mark(name=f"guessing, 1 of {len(stage.answers)}", y=exact),
        Mark(name=f"always {common!r}", y=wilson_of(always, run.units)),
        Mark(name=name, y=wilson_of(np.where(known, stage.good, np.nan), run.units)),
    ]
    marks += [Mark(name="labellers", y=row.person) for row in run.rows if row.stage == name and row.person.is_measured]
    if name in run.people:
        ceiling = mean(best_share(run, name), run.units)
        marks += [Mark(name="best against one labeller", y=ceiling)] if ceiling.is_measured else []
    return Plot(title=f"What {name} could be expected to reach", marks=tuple(marks), y_name="share right")


def always_commonest(stage: StageColumns, known: NDArray[np.bool_]) -> tuple[Floats, str]:
    """Where the commonest reference answer would be right, NaN where it is not known, and that answer."""
    code = int(np.bincount(stage.reference[known]).argmax())
    return np.where(known, (stage.reference == code).astype(np.float64), np.nan), stage.answers[code]


def best_share(run: RunColumns, stage: str) -> Floats:
    """The share of people who gave the commonest answer, of records that several labelled; NaN elsewhere."""
    record, votes = ballots(run, stage)
    shares = np.full(run.n, np.nan)
    if not len(record):
        return shares
    most, total = np.zeros(run.n), np.bincount(record, weights=votes, minlength=run.n)
    np.maximum.at(most, record, votes)
    return np.where(total >= 2, most / np.maximum(total, 1), np.nan)


def ballots(run: RunColumns, stage: str) -> tuple[NDArray[np.int64], Floats]:
    """One entry a record and different answer: the record, and how many people gave that answer."""
    people = run.people[stage]
    order = np.lexsort((people.answer, people.record))
    record, answer = people.record[order], people.answer[order]
    if not len(record):
        return record, np.zeros(0)
    starts = np.flatnonzero(np.r_[True, (record[1:] != record[:-1]) | (answer[1:] != answer[:-1])])
    return record[starts], np.diff(np.r_[starts, len(record)]).astype(np.float64)


def calibration_curve(run: RunColumns, stage: StageColumns) -> Plot:
    """Draw how often a stage is right by how sure it says it is, in ten bins of equal width."""
    marks: list[Mark] = []
    bins = np.minimum((np.nan_to_num(stage.confidence, nan=-1.0) * BINS).astype(np.int64), BINS - 1)
    for place in range(BINS):
        inside = (bins == place) & (stage.confidence >= 0) & ~np.isnan(stage.good)
        if inside.any():
            right = wilson_of(np.where(inside, stage.good, np.nan), run.units)
            sure = float(stage.confidence[inside].mean())
            marks.append(Mark(name=f"{figures.share(sure)} sure", y=right, expected=sure, x=sure))
    return Plot(
        title=f"How often {stage.name} is right, by how sure it is",
        marks=tuple(marks),
        y_name="share right",
        expected_name="as sure as it says",
        line=((marks[0].x, marks[0].x), (marks[-1].x, marks[-1].x)) if marks else (),
        x_name=f"how sure {stage.name} says it is",
    )


EXPECTED_RELEVANT = 0.03
"""A difference below is not worth anybody's time, however certain."""
FEWEST = 30


def _below_prior(run: RunColumns) -> Iterator[Finding]:
    for stage in run.stages.values():
        known = (stage.reference >= 0) & ~np.isnan(stage.good)
        if known.sum() < FEWEST or not independent(run, known):
            continue
        if stage.stage.is_recorded and np.ptp(stage.answer[known]) == 0:
            continue  # it was put down as one answer everywhere, so it never chose
        always, common = always_commonest(stage, known)
        loss = always - stage.good
        lost = mean(loss, run.units)
        yield claim(
            stage.name, lost, _one_sided(loss, run),
            f"{stage.name} is right on {figure(wilson_of(np.where(known, stage.good, np.nan), run.units))}; always "
            f"answering {common!r} would be right on {figure(wilson_of(always, run.units))} of the same "
            f"{int(known.sum()):,} {plural(run.cascade.noun, 2)}.",
            positions=places((loss == 1).astype(np.float64)), count=int((loss == 1).sum()),
            plot=anchors(run, stage.name),
        )  # fmt: skip


def independent(run: RunColumns, known: NDArray[np.bool_]) -> bool:
    """Say whether the records belong to two clusters at least, without which nothing can be tested."""
    return distinct(run.units.codes[known]) >= 2


def _one_sided(differences: Floats, run: RunColumns) -> float:
    """The one-sided p that the sum of paired differences is at most 0."""
    both = sign_flip_p(differences, run.units, rng=run.rng())
    return both / 2 if np.nansum(differences) > 0 else 1 - both / 2


def _calibration(run: RunColumns) -> Iterator[Finding]:
    for stage in run.stages.values():
        gap = stage.confidence - stage.good
        known = ~np.isnan(gap)
        if known.sum() < FEWEST or not independent(run, known):
            continue
        mean_gap = mean(gap, run.units)
        p = min(1.0, 2 * min(mean_p(gap - EXPECTED_RELEVANT, run.units), mean_p(-gap - EXPECTED_RELEVANT, run.units)))
        sure = mean(np.where(known, stage.confidence, np.nan), run.units)
        right = wilson_of(np.where(known, stage.good, np.nan), run.units)
        wrong = np.where(known & (stage.good == 0), 1.0, 0.0)
        yield Finding(
            stage=stage.name, statistic=mean_gap, scale="points", p=p,
            sentence=f"{stage.name} is {figure(sure)} sure and right on {figure(right)} of {int(known.sum()):,} "
            f"{plural(run.cascade.noun, 2)}.",
            positions=places(wrong, order=stage.confidence), count=int(wrong.sum()), plot=calibration_curve(run, stage),
        )  # fmt: skip


def _backwards(run: RunColumns) -> Iterator[Finding]:
    for stage in run.stages.values():
        slope, p = trend(1 - stage.good, stage.confidence, run.units)
        if slope.n < FEWEST or not slope.is_measured:
            continue
        wrong = ((stage.good == 0) & ~np.isnan(stage.confidence)).astype(np.float64)
        yield claim(
            stage.name, slope, p,
            f"The surer {stage.name} is, the more often it is wrong: from a confidence of 0 to one of 1 its failure "
            f"rate would rise by {figures.percent(slope.value)} points (interval {figures.span(slope)}; {slope.n:,} "
            f"{plural(run.cascade.noun, slope.n)}).",
            positions=places(wrong, order=stage.confidence), count=int(wrong.sum()), plot=calibration_curve(run, stage),
        )  # fmt: skip


def _empty_confidence(run: RunColumns) -> Iterator[Finding]:
    for stage in run.stages.values():
        known = ~np.isnan(stage.confidence) & ~np.isnan(stage.good)
        if known.sum() < FEWEST or not independent(run, known):
            continue
        base = float(stage.good[known].mean())
        worse = (stage.confidence - stage.good) ** 2 - (base - stage.good) ** 2
        rise = mean(worse, run.units)
        yield claim(
            stage.name, rise, mean_p(worse, run.units),
            f"The confidence of {stage.name} predicts less than one number for all would: its squared error is higher "
            f"by {figures.number(rise.value, 3)} ({figures.span(rise, figures.Unit.NUMBER)}; {rise.n:,} "
            f"{plural(run.cascade.noun, rise.n)}).",
            scale="number", positions=places((worse > 0).astype(np.float64), order=worse), count=int((worse > 0).sum()),
            plot=calibration_curve(run, stage),
        )  # fmt: skip


def _moved(run: RunColumns) -> Iterator[Finding]:
    if run.earlier is None:
        return
    for name in sorted(run.earlier.unchanged & set(run.stages)):
        now, then = run.stages[name], run.earlier.stages[name]
        same = (now.inputs == then.inputs) & (now.inputs != 0)
        moved = np.where(same, now.score - then.score, np.nan)
        shift = mean(moved, run.units)
        if shift.n < FEWEST or not shift.is_measured:
            continue
        yield claim(
            name, shift, sign_flip_p(moved, run.units, rng=run.rng()),
            f"Nothing about {name} or its inputs changed since run {run.earlier.run}, yet its score moved by "
            f"{figures.points(shift.value)} points (interval {figures.span(shift)}; {shift.n:,} "
            f"{plural(run.cascade.noun, shift.n)}).",
            positions=places((np.abs(moved) > 0).astype(np.float64), order=np.abs(moved)),
            count=int((np.abs(moved) > 0).sum()),
        )  # fmt: skip


EXPECTED_DETECTORS = (
    Detector(
        name="below-prior", family=Family.EXPECTED, title="Worse than always giving the commonest answer",
        rule="right less often than the commonest reference answer would be",
        why="A stage that reads its input should beat one that does not.", look=_below_prior,
    ),
    Detector(
        name="calibration", family=Family.EXPECTED, title="Confidence that does not come true",
        rule="mean confidence and share right differ by more than 3 points",
        why="Whoever escalates or stops by this confidence decides by a wrong number.", look=_calibration,
    ),
    Detector(
        name="backwards", family=Family.EXPECTED, title="Surer when it is wrong",
        rule="the failure rate rises with confidence",
        why="Confidence should fall where answers fail; one that rises points the wrong way.", look=_backwards,
    ),
    Detector(
        name="loss", family=Family.EXPECTED, title="A loss above that of a constant",
        rule="the squared error of the confidence is above that of the mean share right",
        why="The confidence costs more than it tells.", look=_empty_confidence,
    ),
    Detector(
        name="moved", family=Family.EXPECTED, title="A score that moved by itself",
        rule="same settings, same inputs, another mean score than in the run before",
        why="What nobody changed should not change.", look=_moved,
    ),
)  # fmt: skip


SMALLEST = 1e-4
"""A chance below counts as this: one answer that was given no chance at all must not decide a mean."""
LOSS_RELEVANT = 0.02
"""Nats; the shares are those of the same records, which flatters them by about (answers - 1) / (2 records)."""


def log_loss(stage: StageColumns, *, shared_by: int) -> Floats:
    """Minus the logarithm of the chance of the right answer (nats), what a wrong one left shared by so many."""
    chance = np.where(stage.good == 1, stage.confidence, (1 - stage.confidence) / max(shared_by, 1))
    known = ~np.isnan(stage.good) & ~np.isnan(stage.confidence) & (stage.reference >= 0)
    return np.where(known, -np.log(np.maximum(chance, SMALLEST)), np.nan)


def _above_shares(run: RunColumns) -> Iterator[Finding]:
    for stage in run.stages.values():
        loss = log_loss(stage, shared_by=1)
        known = ~np.isnan(loss)
        if known.sum() < FEWEST or not independent(run, known):
            continue
        shares = np.bincount(stage.reference[known], minlength=len(stage.answers)) / known.sum()
        prior = np.where(known, -np.log(np.maximum(shares, SMALLEST)[np.maximum(stage.reference, 0)]), np.nan)
        worse, own = mean(loss - prior, run.units), mean(loss, run.units)
        yield claim(
            stage.name, worse, mean_p(loss - prior - LOSS_RELEVANT, run.units),
            f"The log loss of {stage.name} is {nats(own)} or more on {own.n:,} {plural(run.cascade.noun, own.n)}. "
            f"Knowing only how often each answer is right would cost {mean(prior, run.units).value:.2f}, guessing "
            f"{math.log(len(stage.answers)):.2f}.",
            scale="number", positions=places((loss > prior).astype(np.float64), order=loss),
            count=int((loss > prior).sum()), plot=calibration_curve(run, stage),
        )  # fmt: skip


def _below_people(run: RunColumns) -> Iterator[Finding]:
    """Compare the loss on labels of one person with the entropy of people's answers where several gave one."""
    for name, people in run.people.items():
        stage = run.stages[name]
        if stage.kind not in COUNTABLE:
            continue
        alone = np.bincount(people.record, minlength=run.n) <= 1
        loss = np.where(alone, log_loss(stage, shared_by=len(stage.answers) - 1), np.nan)
        floor = entropy(run, name)
        least, score = mean(floor, run.units), mean(loss, run.units)
        if least.n < FEWEST or score.n < FEWEST or not (least.is_measured and score.is_measured):
            continue
        below, p = lead_over(floor, loss, run.units)
        yield claim(
            name, below, p,
            f"The log loss of {name} is {nats(score)} on {score.n:,} {plural(run.cascade.noun, score.n)} with one "
            f"labeller's label. Where several answered, labellers differ by {nats(least)} ({least.n:,}): nobody can be "
            "surer than that of what one labeller says.",
            scale="number", count=score.n, plot=calibration_curve(run, stage),
        )  # fmt: skip


def entropy(run: RunColumns, stage: str) -> Floats:
    """The entropy (nats) of people's answers to each record that several labelled; NaN elsewhere.

    Of a few answers it comes out too low, so that what lies below lies below the true one too.
    """
    record, votes = ballots(run, stage)
    total = np.bincount(record, weights=votes, minlength=run.n)
    inside = np.bincount(record, weights=votes * np.log(np.maximum(votes, 1.0)), minlength=run.n)
    many = np.maximum(total, 1.0)
    return np.where(total >= 2, np.log(many) - inside / many, np.nan)


def nats(loss: Estimate) -> str:
    """A loss with its interval: `0.52 (0.44 to 0.60)`."""
    return figures.figure(loss, figures.Unit.NUMBER) if loss.is_measured else loss.method


LOSS_DETECTORS = (
    Detector(
        name="loss-prior", family=Family.EXPECTED, title="A log loss above that of knowing the shares alone",
        rule="the log loss of the confidence, at its best, is above the entropy of the reference answers by 0.02 nats",
        why="Its confidence in wrong answers costs more than reading the input wins.", look=_above_shares,
    ),
    Detector(
        name="loss-floor", family=Family.EXPECTED, title="A log loss below what labellers' disagreement allows",
        rule="the log loss on one labeller's labels is below the mean entropy of answers where several labelled",
        why="What labellers differ in can't be foreseen that surely: a stage that does has probably seen the labels.",
        look=_below_people,
    ),
)  # fmt: skip


RELEVANT = 0.03
"""Points by which the easier ones must be worse."""
MOST_GROUPS = 12
SURE = 0.9


def _by_given(run: RunColumns) -> Iterator[Finding]:
    for stage in run.stages.values():
        yield from _inverted(run, stage, run.difficulty, "given as easier", subject="")
        for group in list(run.groups)[:MOST_GROUPS]:
            inside = np.full(run.n, np.nan)
            inside[run.groups[group]] = run.difficulty[run.groups[group]]
            yield from _inverted(run, stage, inside, f"given as easier, {group}", subject=group)


def _by_agreement(run: RunColumns) -> Iterator[Finding]:
    for name in run.people:
        hard = 1 - unanimous(run, name)
        yield from _inverted(run, run.stages[name], hard, "on which labellers agree", subject="")


def _by_time(run: RunColumns) -> Iterator[Finding]:
    for name in run.people:
        yield from _inverted(run, run.stages[name], seconds(run, name), "that labellers answer faster", subject="")


def seconds(run: RunColumns, stage: str) -> Floats:
    """How long people took for each record on average, each person's time beside their own median; NaN without.

    Persons differ in pace, so a time counts by its logarithm over that person's median.
    """
    people = run.people[stage]
    total, count = np.zeros(run.n), np.zeros(run.n)
    for person in range(len(people.names)):
        own = (people.person == person) & (people.active_ms > 0)
        if own.sum() >= 5:
            logs = np.log(people.active_ms[own])
            np.add.at(total, people.record[own], logs - np.median(logs))
            np.add.at(count, people.record[own], 1)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _inverted(run: RunColumns, stage: StageColumns, hard: Floats, words: str, *, subject: str) -> Iterator[Finding]:
    """Test whether failures rise with ease, where the easier third is worse than the harder by 3 points."""
    failed = 1 - stage.good
    known = ~np.isnan(failed) & ~np.isnan(hard)
    if known.sum() < FEWEST or np.ptp(hard[known]) <= 0:
        return
    easy, tough = thirds(np.where(known, hard, np.nan))
    slope, p = trend(failed, -hard, run.units)
    if not slope.is_measured:
        return
    worse, better = (wilson_of(np.where(part, failed, np.nan), run.units) for part in (easy, tough))
    difference = worse.value - better.value
    yield claim(
        stage.name, slope, p if difference >= RELEVANT else 1.0,
        f"{stage.name} fails on {figure(worse)} of {worse.n:,} {plural(run.cascade.noun, worse.n)} {words}, and on "
        f"{figure(better)} of the {better.n:,} that should be harder.",
        scale="number", subject=subject, positions=places(np.where(easy, failed, 0.0), order=stage.confidence),
        count=int(failed[easy].sum()), plot=_levels(run, failed, hard, known),
    )  # fmt: skip


def thirds(hard: Floats) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """The easier and the harder end: all records up to the lower and from the upper third, ties together."""
    low, high = np.nanquantile(hard, [1 / 3, 2 / 3])
    if low == high:
        return hard < high if (hard < high).any() else hard <= low, hard > low if (hard > low).any() else hard >= high
    return hard <= low, hard >= high


def _levels(run: RunColumns, failed: Floats, hard: Floats, known: NDArray[np.bool_]) -> Plot:
    """Draw the failure rate by difficulty: by level where there are few, else in five parts of equal size."""
    levels = np.unique(hard[known])
    if len(levels) > 5:
        edges = np.quantile(hard[known], np.linspace(0, 1, 6))
        codes = np.clip(np.searchsorted(edges, hard, side="right") - 1, 0, 4)
        parts = [known & (codes == place) for place in range(5)]
    else:
        parts = [known & (hard == level) for level in levels.tolist()]
    marks = tuple(
        Mark(name=f"{place} of {len(parts)}", y=wilson_of(np.where(part, failed, np.nan), run.units))
        for place, part in enumerate(parts, start=1)
        if part.any()
    )
    return Plot(title="How often it fails, from easy to hard", marks=marks, y_name="share that fails")


def _sure_and_wrong(run: RunColumns) -> Iterator[Finding]:
    for name in run.people:
        stage, pace = run.stages[name], seconds(run, name)
        easy = (unanimous(run, name) == 1) & (np.isnan(pace) | (pace <= 0)) & (stage.confidence >= SURE)
        excess = np.where(easy, (1 - stage.good) - (1 - stage.confidence), np.nan)
        mean_excess = mean(excess, run.units)
        if mean_excess.n < FEWEST or not mean_excess.is_measured:
            continue
        failed = np.where(easy, 1 - stage.good, np.nan)
        yield claim(
            name, mean_excess, mean_p(excess, run.units),
            f"Where labellers agree quickly and {name} is at least 90% sure, it is wrong on "
            f"{figure(wilson_of(failed, run.units))} of {mean_excess.n:,}; its confidence promises "
            f"{figure(mean(np.where(easy, 1 - stage.confidence, np.nan), run.units))}.",
            positions=places(failed, order=stage.confidence), count=int(np.nansum(failed)),
            plot=calibration_curve(run, stage),
        )  # fmt: skip


_WHY = (
    "What is easy for labellers should not be the hard part for the system: look for what these records have in common."
)
EASIER_DETECTORS = (
    Detector(
        name="easier-given", family=Family.EASIER, title="Worse where the records were given as easier",
        rule="failures rise with ease (trend test), and the easier third is worse than the harder by 3 points; over "
        "all records and in each group",
        why=_WHY, look=_by_given,
    ),
    Detector(
        name="easier-agreed", family=Family.EASIER, title="Worse where labellers agree",
        rule="fails more often where all labellers agree than where they do not, by 3 points",
        why=_WHY, look=_by_agreement,
    ),
    Detector(
        name="easier-quick", family=Family.EASIER, title="Worse where labellers are quick",
        rule="failures rise with labellers' pace (trend test), and the quicker third is worse than the slower"
        " by 3 points",
        why=_WHY, look=_by_time,
    ),
    Detector(
        name="sure-and-wrong", family=Family.EASIER, title="Labellers agree quickly, the system is wrong and sure",
        rule="where all agree, at their usual pace or faster, and confidence is at least 90%: wrong more often than "
        "the confidence says",
        why="Nobody would look at these records: the system is sure, and they are easy.", look=_sure_and_wrong,
    ),
)  # fmt: skip
