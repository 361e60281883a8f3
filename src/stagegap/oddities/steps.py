"""Curves of a training that do not look right: as they were logged, by rules."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from stagegap.model.curves import HELD_OUT, Curve, Training, digits
from stagegap.model.estimate import Estimate
from stagegap.oddities.card import Detector, Family, Finding
from stagegap.oddities.columns import RunColumns

FEWEST = 5
"""Steps below which a curve has no course."""
FALLS = 0.02
"""Part of its first value by which a loss should fall."""
APART = 1.5
"""How many times its best value a loss may end at."""
AHEAD = 0.03
"""Part of the value on what it learns from by which held-out records may be better."""
MOSTLY = 0.8
"""Share of the later steps at which they must be."""
KNOWING = 0.5
"""Part of the loss of guessing below which nothing can begin that has learned nothing."""


def _found(training: Training, curve: Curve, value: float, sentence: str, *, is_found: bool) -> Finding:
    statistic = Estimate(value=value, low=value, high=value, n=len(curve.steps), method="as logged")
    return Finding(
        stage=training.stage, statistic=statistic, scale="number", p=None, is_found=is_found,
        sentence=sentence, subject=curve.name,
    )  # fmt: skip


def _costs(run: RunColumns) -> Iterator[tuple[Training, Curve]]:
    for training in run.trainings:
        yield from ((training, curve) for curve in training.curves if curve.is_cost and len(curve.steps) >= FEWEST)


def _ends(curve: Curve) -> tuple[float, float]:
    """Its mean over the first and over the last tenth of its steps; the first value and the last of a short one."""
    part = max(1, len(curve.values) // 10)
    return float(np.mean(curve.values[:part])), float(np.mean(curve.values[-part:]))


def _apart(run: RunColumns) -> Iterator[Finding]:
    for training in run.trainings:
        for curve in training.curves:
            broken = [step for step, value in zip(curve.steps, curve.values, strict=True) if math.isnan(value)]
            if broken:
                sentence = f"{curve.name} of {training.stage} is no finite number at step {broken[0]:g}"
                sentence += f" and at {len(broken) - 1:,} more." if len(broken) > 1 else "."
                yield _found(training, curve, float(len(broken)), sentence, is_found=True)
            elif curve.is_cost and len(curve.steps) >= FEWEST:
                best, step = curve.best
                _, end = _ends(curve)
                sentence = (
                    f"{curve.name} of {training.stage} came down to {digits(best)} at step {step:g} and ends at "
                    f"{digits(end)} ({len(curve.steps):,} steps)."
                )
                yield _found(training, curve, end - best, sentence, is_found=end > APART * best > 0)


def _flat(run: RunColumns) -> Iterator[Finding]:
    for training, curve in _costs(run):
        if curve.name.startswith(HELD_OUT) or any(map(math.isnan, curve.values)):
            continue
        first, last = _ends(curve)
        sentence = (
            f"{curve.name} of {training.stage} begins at {digits(first)} and ends at {digits(last)} "
            f"({len(curve.steps):,} steps, {training.records:,} records)."
        )
        yield _found(training, curve, first - last, sentence, is_found=first - last < FALLS * abs(first))


def _guessing(run: RunColumns) -> Iterator[Finding]:
    """Log losses beside what knowing nothing but the shares of the references costs."""
    for training in run.trainings:
        prior = training.prior
        for curve in training.curves:
            if math.isnan(prior) or not curve.name.endswith("log_loss") or any(map(math.isnan, curve.values)):
                continue
            best, step = curve.best
            against = f"knowing the shares of the references alone costs {digits(prior)} ({training.records:,} records)"
            if curve.steps[0] <= 0 and curve.values[0] < KNOWING * prior:
                start = f"{curve.name} of {training.stage} is {digits(curve.values[0])} before its first step"
                yield _found(training, curve, curve.values[0] - prior, f"{start}; {against}.", is_found=True)
            else:
                sentence = f"{curve.name} of {training.stage} is {digits(best)} at its best, step {step:g}; {against}."
                yield _found(training, curve, best - prior, sentence, is_found=best > prior)


def _held_out(run: RunColumns) -> Iterator[Finding]:
    for training in run.trainings:
        for aside in training.curves:
            own = training.curve(aside.name.removeprefix(HELD_OUT))
            if own is None or own is aside:
                continue
            later = [step for step in aside.steps if step in own.steps]
            later = later[len(later) // 2 :]
            values = {curve.name: dict(zip(curve.steps, curve.values, strict=True)) for curve in (own, aside)}
            pairs = [(values[own.name][step], values[aside.name][step]) for step in later]
            if len(pairs) < FEWEST // 2 + 1 or any(math.isnan(value) for pair in pairs for value in pair):
                continue
            leads = [own_value - value if own.is_cost else value - own_value for own_value, value in pairs]
            ahead = sum(lead > AHEAD * abs(pair[0]) for lead, pair in zip(leads, pairs, strict=True))
            sentence = (
                f"{training.stage} ends with {aside.name} {digits(pairs[-1][1])} and "
                f"{own.name} {digits(pairs[-1][0])}: better on held-out records "
                f"at {ahead} of the last {len(pairs)} steps."
            )
            yield _found(training, aside, float(np.mean(leads)), sentence, is_found=ahead >= MOSTLY * len(pairs))


DETECTORS = (
    Detector(
        name="training-apart", family=Family.CURVE, title="A training that falls apart",
        rule=f"a logged value is no finite number, or a loss ends {APART:g} times as high as it had been",
        why="Steps too large, a division by nothing, or data that changes on the way: what came of it is chance.",
        look=_apart,
    ),
    Detector(
        name="training-flat", family=Family.CURVE, title="A training in which the loss does not fall",
        rule=f"a loss falls by less than {FALLS:.0%} from the first tenth of the steps to the last",
        why="Nothing is learned: weights that are not updated, references that do not belong to the records.",
        look=_flat,
    ),
    Detector(
        name="training-guess", family=Family.CURVE, title="A log loss higher or lower than it should be",
        rule="a curve called log_loss never comes below that of knowing the shares of the references alone, or begins "
        "below half of it at step 0",
        why="The first has learned nothing, the second knows answers before it has learned: another scale, or a leak.",
        look=_guessing,
    ),
    Detector(
        name="training-held-out", family=Family.CURVE, title="Better on held-out records than on its own",
        rule=f"at {MOSTLY:.0%} of the later half of the steps a held-out value is better by {AHEAD:.0%} than its pair",
        why="What is learned fits best where it was learned, unless parts are switched off there: look for a leak.",
        look=_held_out,
    ),
)  # fmt: skip
