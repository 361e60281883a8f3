"""The tally of error analysis: how frequent each code is among failures that a person read, what mending it wins."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stagegap.model.estimate import Estimate, unmeasured
from stagegap.model.notes import Failure
from stagegap.model.wording import counted, sentence
from stagegap.people.codebook import OwnCodes
from stagegap.stats.intervals import mean_t, one_cluster, paired_difference, product, wilson_of
from stagegap.stats.spread import clusters, spread

Floats = NDArray[np.float64]

ENOUGH = 30
"""Failures below which a share says little."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeRow:
    """One reason."""

    tag: str
    count: int
    """Failures of the run that carry it."""
    share: Estimate
    """Of the failures that the person has tagged."""
    win: Estimate
    """What the outcome would gain at most if no failure had this reason; a share, so 0.14 is 14 points."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeTally:
    """A person's reasons for the failures of a stage."""

    stage: str
    failures: int
    read: int
    """Failures with at least one of the person's tags."""
    rows: tuple[CodeRow, ...]
    """In the order of their keys."""
    headline: str
    basis: str
    """What the shares rest on, and what they do not say."""


def code_tally(
    own: OwnCodes, read: Sequence[Failure], *, stage: str, noun: str, failures: int, rate: Estimate
) -> CodeTally:
    """Count the tags on the failures that were read.

    `read` are the failures with at least one tag, `failures` is how many there are, `rate` their share of all
    records. A share is Wilson's, whole clusters counted as such. What mending a tag wins at most: the mean gain of
    the outcome over the failures read (gain with references at this stage and all before it, 0 where the record does
    not carry the tag), times the rate of failures; categories may overlap, so wins may add up to more than the whole
    (Machine Learning Yearning, ch. 15). Where not all failures were read, those read stand for the rest.
    """
    rows = tuple(_row(tag, own, read, rate) for tag in own.tags)
    return CodeTally(
        stage=stage,
        failures=failures,
        read=len(read),
        rows=rows,
        headline=_headline(stage, noun, failures, rate.n, len(read), rows),
        basis=_basis(len(read), failures),
    )


def _row(tag: str, own: OwnCodes, read: Sequence[Failure], rate: Estimate) -> CodeRow:
    carries = np.array([tag in own.by_record[failure.record] for failure in read], dtype=np.float64)
    wins = np.array([math.nan if f.win is None else f.win for f in read], dtype=np.float64) * carries
    known = ~np.isnan(wins)
    units = [failure.unit for failure in read]
    return CodeRow(
        tag=tag,
        count=int(carries.sum()),
        share=_mean(carries, units),
        win=product(
            _mean_win(wins[known], [unit for unit, is_known in zip(units, known, strict=True) if is_known]), rate
        )
        if known.any()
        else unmeasured("not measured: there is no ceiling" if len(read) else "too few: nothing is tagged"),
    )


def _mean(values: Floats, units: Sequence[str]) -> Estimate:
    if not len(values):
        return unmeasured("too few: nothing is tagged")
    return wilson_of(values, clusters(units))


def _mean_win(values: Floats, units: Sequence[str]) -> Estimate:
    """The mean of wins in [-1, 1]: a reference may also break a record that was good."""
    if ((values == 0) | (values == 1)).all():
        return _mean(values, units)
    grouped = clusters(units)
    if grouped.count < 2:
        return one_cluster(len(values))
    within = None if grouped.are_records else spread(values, grouped.codes)
    up, down = float((values > 0).mean()), float((values < 0).mean())
    if (np.abs(values) == (values != 0)).all():
        return paired_difference(up=up, down=down, n=len(values), within=within)
    return mean_t(values, within=within)


def _headline(stage: str, noun: str, failures: int, n: int, read: int, rows: Sequence[CodeRow]) -> str:
    top = max(rows, key=lambda row: row.count, default=None)
    if top is None or not top.count:
        if not n:
            return f"No {noun} was scored at {stage}"
        fails = f"fails on {failures:,}" if failures else "never fails: 0"
        return f"{sentence(stage)} {fails} of {counted(n, noun)}"
    of = f"{read:,} {stage} failures" if read == failures else f"the {read:,} {stage} failures that you tagged"
    return f"{top.count:,} of {of}: {top.tag}"


def _basis(read: int, failures: int) -> str:
    if not read:
        return "Give each failure that you read its reasons. A failure may have several."
    if read == failures:
        return f"All {failures:,} failures are tagged."
    few = " That is few: the shares may change a lot." if read < ENOUGH else ""
    return (
        f"{read:,} of {failures:,} failures are tagged.{few} Shares are of those tagged; the list begins with the most "
        "typical, so they are no fair sample of the rest."
    )
