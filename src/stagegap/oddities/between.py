"""What only shows between the stages: an answer beside the input that it was made from."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from stagegap.model.cascade import Kind
from stagegap.model.wording import plural
from stagegap.oddities.card import MOST_RECORDS, Detector, Family, Finding, beyond, claim, figure, occurrence
from stagegap.oddities.columns import Codes, Floats, Hashes, RunColumns, StageColumns
from stagegap.stats.intervals import wilson_of
from stagegap.stats.significance import excess_p
from stagegap.stats.spread import Clusters
from stagegap.tables import figures

MASKED = 0.05
"""So many of the right answers may rest on a wrong input before it is odd."""
FAR = 6.0
"""Robust standard deviations of the logarithm beyond which a call is an outlier."""
TIMES = 3.0
"""And so many times the median."""
LEAST_SPREAD = 0.05
"""Of the logarithm, where most calls take the same."""
FEWEST_CALLS = 30
FELT_MS = 100.0
"""What nobody waits for is not slow, however much faster the other calls are."""
TO_SD = 1.4826
"""Median absolute deviation to standard deviation of a normal."""


def _masked(run: RunColumns) -> Iterator[Finding | None]:
    for stage in run.stages.values():
        inputs = run.inputs_right(stage.name)
        hits = np.where((stage.good == 1) & ~np.isnan(inputs), 1 - inputs, np.nan)
        words = f"{stage.name} is right although something that it read is wrong on {{found}} that it has right."
        yield beyond(run, stage.name, hits, MASKED, words, order=stage.confidence)


def _against_all(run: RunColumns) -> Iterator[Finding | None]:
    for name, stage in run.stages.items():
        people = run.people.get(name)
        if people is None:
            continue
        agreed = unanimous(run, name)
        inputs = run.inputs_right(name)
        plain = (agreed == 1) & (inputs != 0)
        failed = 1 - stage.good
        looked = np.where(np.isnan(agreed), np.nan, failed)
        p = excess_p(looked, plain, run.units)
        here, rest = (
            wilson_of(np.where(plain, failed, np.nan), run.units),
            wilson_of(np.where(plain, np.nan, looked), run.units),
        )
        hits = np.where(plain, failed, np.nan)
        words = f"Where everybody agrees and its input is right, {name} is wrong on {figure(here)}" if here.n else ""
        other = f"; elsewhere on {figure(rest)} of {rest.n:,}." if rest.n else "."
        yield claim(
            name, here, p, words + f" of {here.n:,}" + other, scale="share",
            positions=tuple(np.flatnonzero(hits == 1)[:MOST_RECORDS].tolist()), count=int(np.nansum(hits)),
        )  # fmt: skip


def unanimous(run: RunColumns, stage: str) -> Floats:
    """1 where two or more people all answered the same, 0 where they did not, NaN with fewer than two."""
    people = run.people[stage]
    least = np.full(run.n, np.iinfo(np.uint64).max, dtype=np.uint64)
    most = np.zeros(run.n, dtype=np.uint64)
    np.minimum.at(least, people.record, people.answer)
    np.maximum.at(most, people.record, people.answer)
    several = np.bincount(people.record, minlength=run.n) >= 2
    return np.where(several, (least == most).astype(np.float64), np.nan)


def _same_input(run: RunColumns) -> Iterator[Finding | None]:
    for stage in run.stages.values():
        hits = differing(stage.inputs, stage.value)
        words = f"{stage.name} got an input that it also got on another {run.cascade.noun}, and answered otherwise, on "
        yield occurrence(run, stage.name, hits, words + "{found} whose input occurs several times.")
        if run.earlier is not None and stage.name in run.earlier.stages:
            before = run.earlier.stages[stage.name]
            same = (stage.call != 0) & (stage.call == before.call) & (stage.value != 0) & (before.value != 0)
            again = np.where(same, (stage.value != before.value).astype(np.float64), np.nan)
            words = f"Same settings, same input, another answer of {stage.name} than in run {run.earlier.run} on "
            yield occurrence(run, stage.name, again, words + "{found}.", subject="between runs")


def differing(inputs: Hashes, values: Hashes) -> Floats:
    """1 where the same input has another answer elsewhere, 0 where all are the same, NaN for a lone input."""
    known = np.flatnonzero((inputs != 0) & (values != 0))
    flags = np.full(len(inputs), np.nan)
    if not len(known):
        return flags
    order = known[np.argsort(inputs[known], kind="stable")]
    keys = inputs[order]
    starts = np.flatnonzero(np.r_[True, keys[1:] != keys[:-1]])
    sizes = np.diff(np.r_[starts, len(order)])
    differs = np.minimum.reduceat(values[order], starts) != np.maximum.reduceat(values[order], starts)
    flags[order] = np.where(np.repeat(sizes, sizes) > 1, np.repeat(differs, sizes).astype(np.float64), np.nan)
    return flags


def _doubled(run: RunColumns) -> Iterator[Finding | None]:
    for stage in run.stages.values():
        if stage.kind is Kind.RANKING:
            yield occurrence(
                run, stage.name, stage.doubled, f"{stage.name} found the same document twice on {{found}}."
            )


def _slow(run: RunColumns) -> Iterator[Finding | None]:
    for stage in run.stages.values():
        yield _outliers(
            run, stage, stage.latency, f"{stage.name} took far longer than usual ({{usual}} ms) on", least=FELT_MS
        )


def _dear(run: RunColumns) -> Iterator[Finding | None]:
    for stage in run.stages.values():
        yield _outliers(run, stage, stage.cost, f"{stage.name} cost far more than usual (${{usual}}) on")


def _outliers(
    run: RunColumns, stage: StageColumns, amounts: Floats, words: str, *, least: float = 0.0
) -> Finding | None:
    """Find amounts far above the median on the scale of their logarithm, and of `least` or more."""
    known = amounts > 0
    if known.sum() < FEWEST_CALLS:
        return None
    logs = np.log(np.where(known, amounts, 1.0))
    centre = float(np.median(logs[known]))
    spread = max(TO_SD * float(np.median(np.abs(logs[known] - centre))), LEAST_SPREAD)
    far = (logs > centre + FAR * spread) & (logs > centre + np.log(TIMES)) & (amounts >= least)
    usual = f"{np.exp(centre):.3g}"
    hits = np.where(known, far.astype(np.float64), np.nan)
    return occurrence(run, stage.name, hits, words.replace("{usual}", usual) + " {found}.", order=amounts)


def _shift(run: RunColumns) -> Iterator[Finding]:
    """Compare the sizes of fields of records that only one of the two runs has."""
    if run.fields is None or run.fields_before is None or run.earlier is None:
        return
    for name in run.fields.names:
        now, then = run.fields.size[name], run.fields_before.size.get(name)
        if then is None:
            continue
        many = plural(run.cascade.noun, 2)
        values = np.concatenate([now, then])
        codes: Codes = np.concatenate([run.fields.unit[name], run.fields_before.unit[name]])
        inside = np.arange(len(values)) < len(now)
        _, ranks = np.unique(values, return_inverse=True)
        middle = (ranks > np.median(ranks)).astype(np.float64)
        units = Clusters(codes=codes, count=int(codes.max()) + 1)
        p = min(1.0, 2 * min(excess_p(middle, inside, units), excess_p(middle, ~inside, units)))
        yield claim(
            "",
            wilson_of(np.where(inside, middle, np.nan), units),
            p,
            f"Half of the {len(now):,} {many} that are not in run {run.earlier.run} have more than {_middle(now)} "
            f"characters in {name}; of the {len(then):,} that only that run has, half have more than {_middle(then)}.",
            scale="share",
            subject=name,
        )


def _middle(sizes: Floats) -> str:
    return f"{figures.whole(float(np.median(sizes))):,}"


DETECTORS = (
    Detector(
        name="masked", family=Family.CASCADE, title="Right although its input was wrong",
        rule="more than 5% of the right answers rest on an input that is not acceptable",
        why="Either the stage does not use that input, or two faults cancel: neither will last.", look=_masked,
    ),
    Detector(
        name="against-all", family=Family.CASCADE, title="Wrong although everybody agrees and its input was right",
        rule="the failure rate where all labellers agree and the input is right is above the rate on others that "
        "several labellers answered",
        why="Nothing about these records is difficult or unclear.", look=_against_all,
    ),
    Detector(
        name="same-input", family=Family.CASCADE, title="Same input, different outputs",
        rule="any input that occurs several times and got different answers",
        why="The answer depends on something that is no input.", look=_same_input,
    ),
    Detector(
        name="doubled", family=Family.CASCADE, title="Retrieved twice", rule="any ranking that holds one id twice",
        why="A place among few is wasted on what is there already.", look=_doubled,
    ),
    Detector(
        name="slow", family=Family.CASCADE, title="Calls that took far longer",
        rule="6 robust standard deviations of the logarithm above the median, and three times the median, and 100 ms",
        why="Such calls are retried, loop, or wait for something.", look=_slow,
    ),
    Detector(
        name="dear", family=Family.CASCADE, title="Calls that cost far more",
        rule="6 robust standard deviations of the logarithm above the median, and three times the median",
        why="A few calls eat the budget of many.", look=_dear,
    ),
    Detector(
        name="shift", family=Family.CASCADE, title="The inputs are not those of the last run",
        rule="records that only one of two runs has differ in how many lie above the common median length of a field",
        why="A score that moved may say more of the records than of the system.", look=_shift,
    ),
)  # fmt: skip
