"""Where a record went wrong, from outputs that are there already: first faults, causes, edges, and error analysis
by parts.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

BAR_SLACK = 1e-9
"""Scores such as 4/5 must reach a bar of 0.8 in spite of binary rounding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StageFaults:
    """What became of the records at one stage."""

    stage: str
    scored: int
    not_acceptable: int
    introduced: int
    """Not acceptable although every ancestor is acceptable."""
    inherited: int
    """Not acceptable, and so was an ancestor."""
    recovered: int
    """Acceptable although an ancestor was not."""
    first: int
    """First fault of a bad record here."""
    masked: int
    """First fault here, and yet the record ended good."""
    reached: int
    """Scored records whose ancestors are all acceptable: the denominator of the hazard."""
    unknown: int
    """Bad records of which nobody can say whether they first went wrong here: no score here, or none above."""

    @property
    def hazard(self) -> float | None:
        """Share of the records still right that first go wrong here; None when none arrives."""
        return (self.first + self.masked) / self.reached if self.reached else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """Fault accounting over all records."""

    first: Mapping[str, Bools]
    """Per stage: the records that first went wrong there."""
    is_unknown: Bools
    """Records without a known first fault in which a stage without a score may be the first."""
    stages: tuple[StageFaults, ...]
    together: tuple[tuple[int, ...], ...]
    """Row i, column j: records at which both are not acceptable; the diagonal holds each alone."""
    unexplained: int
    """Bad records in which every stage is acceptable."""
    unknown: int
    """Bad records whose first fault can't be said for want of scores."""
    several: int
    """Bad records in which more than one stage is first, each on a branch of its own."""


def acceptable(scores: Floats, bar: float) -> Floats:
    """1 where a score reaches the bar, 0 where it does not, NaN where there is none."""
    return np.where(np.isnan(scores), np.nan, (scores >= bar - BAR_SLACK).astype(np.float64))


def account(
    accepted: Mapping[str, Floats],
    ancestors: Mapping[str, Sequence[str]],
    *,
    bad: Floats,
    beside: Collection[str] = (),
) -> Faults:
    """Count faults per stage, in the order of `accepted`.

    `accepted` holds 1, 0 or NaN per record; a stage without a single score is left out of the search for the first
    fault, because it would make every record unknown. `bad` is 1 where the outcome is not good, NaN where it has no
    score; the stages `beside` lead nowhere that it is about, so no first fault is theirs. First fault says where
    something first went wrong, not what would have saved the record.
    """
    verdicts = {name: _Verdicts(right=column == 1, wrong=column == 0) for name, column in accepted.items()}
    is_bad, is_good = bad == 1, bad == 0
    above = {name: _above(verdicts, ancestors[name], n=len(bad)) for name in verdicts}
    first = {name: own.wrong & above[name].right & (name not in beside) for name, own in verdicts.items()}
    open_ = {
        name: ~own.right & ~above[name].wrong & ~first[name] & own.is_known & (name not in beside)
        for name, own in verdicts.items()
    }
    times = np.sum([*first.values()], axis=0) if first else np.zeros(len(bad), dtype=np.int64)
    may_be = np.any([*open_.values()], axis=0) if open_ else np.zeros(len(bad), dtype=np.bool_)
    is_unknown = (times == 0) & may_be
    return Faults(
        first=first,
        is_unknown=is_unknown,
        stages=tuple(
            _row(name, own, above[name], first=first[name], may_be=open_[name], is_bad=is_bad, is_good=is_good)
            for name, own in verdicts.items()
        ),
        together=tuple(
            tuple(int((verdict.wrong & other.wrong).sum()) for other in verdicts.values())
            for verdict in verdicts.values()
        ),
        unexplained=int((is_bad & (times == 0) & ~may_be).sum()),
        unknown=int((is_bad & is_unknown).sum()),
        several=int((is_bad & (times > 1)).sum()),
    )


def arrivals(accepted: Mapping[str, Floats], ancestors: Sequence[str]) -> Bools:
    """Records whose ancestors are all acceptable; ancestors without a single score are left out."""
    known = [accepted[name] == 1 for name in ancestors if name in accepted and not np.isnan(accepted[name]).all()]
    size = len(next(iter(accepted.values()), ()))
    return np.all(known, axis=0) if known else np.ones(size, dtype=np.bool_)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Verdicts:
    """One stage on every record; neither right nor wrong where it has no score."""

    right: Bools
    wrong: Bools

    @property
    def is_known(self) -> bool:
        """True when some record has a score."""
        return bool(self.right.any() or self.wrong.any())


def _above(verdicts: Mapping[str, _Verdicts], ancestors: Sequence[str], *, n: int) -> _Verdicts:
    """What is known of all ancestors together: all right, or one of them wrong."""
    known = [verdicts[name] for name in ancestors if name in verdicts and verdicts[name].is_known]
    if not known:
        return _Verdicts(right=np.ones(n, dtype=np.bool_), wrong=np.zeros(n, dtype=np.bool_))
    return _Verdicts(
        right=np.all([verdict.right for verdict in known], axis=0),
        wrong=np.any([verdict.wrong for verdict in known], axis=0),
    )


def _row(
    name: str, own: _Verdicts, above: _Verdicts, *, first: Bools, may_be: Bools, is_bad: Bools, is_good: Bools
) -> StageFaults:
    scored = own.right | own.wrong
    return StageFaults(
        stage=name,
        scored=int(scored.sum()),
        not_acceptable=int(own.wrong.sum()),
        introduced=int(first.sum()),
        inherited=int((own.wrong & above.wrong).sum()),
        recovered=int((own.right & above.wrong).sum()),
        first=int((first & is_bad).sum()),
        masked=int((first & is_good).sum()),
        reached=int((above.right & scored).sum()),
        unknown=int((may_be & is_bad).sum()),
    )


def hazard_column(accepted: Mapping[str, Floats], stage: str, ancestors: Sequence[str]) -> Floats:
    """1 where a record that was right so far first goes wrong at the stage, 0 where it stays right, else NaN.

    Its mean is the hazard: first faults / records whose ancestors are all acceptable, as in `faults.account`.
    """
    return np.where(arrivals(accepted, ancestors), 1 - accepted[stage], np.nan)


def root_causes(
    accepted: Mapping[str, Floats],
    children: Mapping[str, Sequence[str]],
    ancestors: Mapping[str, Sequence[str]],
    *,
    outcome: str,
    bad: Floats,
) -> dict[str, Floats]:
    """Per stage, 1 for the bad records in which it is the first fault from which nothing recovered.

    Walking back from the end, a stage belongs to the failure when it is not acceptable and what reads it belongs to
    it too; the ones above which no other belongs to it are roots. A root lies later than the first fault where a stage
    recovered in between (in 17 of 44 annotated agent traces people marked it later, AgentRx 2026). NaN where a stage
    without a score decides whether it is one, 0 elsewhere.
    """
    surely = _in_failure({name: column == 0 for name, column in accepted.items()}, children, outcome=outcome, bad=bad)
    perhaps = _in_failure(
        {name: ~(column > 0) for name, column in accepted.items()}, children, outcome=outcome, bad=bad
    )
    roots: dict[str, Floats] = {}
    for name in accepted:
        none = np.zeros(len(bad), dtype=np.bool_)
        below = np.any([none, *(surely[above] for above in ancestors[name])], axis=0)
        perhaps_below = np.any([none, *(perhaps[above] for above in ancestors[name])], axis=0)
        is_known = below | ~perhaps[name] | (surely[name] & ~perhaps_below)
        roots[name] = np.where(is_known, (surely[name] & ~below).astype(np.float64), np.nan)
    return roots


def _in_failure(
    wrong: Mapping[str, Bools], children: Mapping[str, Sequence[str]], *, outcome: str, bad: Floats
) -> dict[str, Bools]:
    """Per stage, the bad records in which it is wrong and so is what reads it, up to the end."""
    leads: dict[str, Bools] = {}
    belongs: dict[str, Bools] = {}
    for name in reversed(list(wrong)):
        reaches = bad == 1 if name == outcome else np.zeros(len(bad), dtype=np.bool_)
        for child in children[name]:
            reaches = reaches | leads[child]
        # The end itself counts as failed when the record is bad, also where its own score has another bar.
        leads[name] = reaches if name == outcome else reaches & wrong[name]
        belongs[name] = reaches & wrong[name]
    return belongs


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """One edge that records went along while they were right."""

    last: str
    """A stage that this one reads, through an input or its condition; empty where it reads none."""
    stage: str
    attempts: int
    """Records still right that came from `last` to this stage."""
    faults: int
    """Of these, records that first went wrong at this stage."""


def transitions(
    accepted: Mapping[str, Floats],
    ran: Mapping[str, Bools],
    parents: Mapping[str, Sequence[str]],
    ancestors: Mapping[str, Sequence[str]],
) -> tuple[Transition, ...]:
    """Count first faults by the edge on which they came (transition failure matrix, Husain & Bischof 2025).

    Only edges of the cascade: a record comes along each one whose stage ran, and along all of them where each was
    skipped. `ran` says at which stages a record was not skipped, so that branching cascades show the way that was
    taken. A skip that is not acceptable is a fault. A record counts while all ancestors of the stage are acceptable.
    """
    edges: list[Transition] = []
    for name, own in accepted.items():
        if np.isnan(own).all():
            continue
        here = arrivals(accepted, ancestors[name]) & ~np.isnan(own) & (ran[name] | (own == 0))
        none_ran = ~np.any([np.zeros(len(own), dtype=np.bool_), *(ran[parent] for parent in parents[name])], axis=0)
        ways = {parent: here & (ran[parent] | none_ran) for parent in parents[name]} or {"": here}
        edges += [
            Transition(last=last, stage=name, attempts=int(way.sum()), faults=int((way & (own == 0)).sum()))
            for last, way in ways.items()
            if way.any()
        ]
    return tuple(edges)


BEYOND = -1
"""Wrong even with references at every stage."""
NOT_FAILED = -2
"""The system got it right, or an outcome is missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What one stage answers for."""

    stage: str
    count: int
    """Failed records that become right when this stage's reference is added to those of all earlier stages."""
    joint: int
    """Of these, records that this stage's reference alone would not have made right: an earlier one is needed too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The failed records, each booked once."""

    failed: int
    parts: tuple[Part, ...]
    beyond: int
    """Wrong even with references at every stage."""
    cause: NDArray[np.int64]
    """Per record: position of the stage, `BEYOND` or `NOT_FAILED`."""


def error_parts(
    stages: Sequence[str], prefixes: Sequence[Floats], *, alone: Mapping[str, Floats] | None = None
) -> Parts:
    """Book each failed record on the first stage whose reference, with those before it, makes the outcome right.

    `prefixes` are 0/1 outcomes with references at the first 0, 1, ... k stages; `alone` those with a reference at
    one stage only, where they were run (without them no record counts as joint). In a chain with no broken record
    the counts are the ceiling's steps; otherwise they hold the first fix only, while a step is fixed minus broken.
    """
    if len(prefixes) != len(stages) + 1:
        raise ValueError(f"{len(stages)} stages need {len(stages) + 1} outcomes, got {len(prefixes)}")
    table = np.stack(prefixes, axis=1)
    failed = (table[:, 0] == 0) & ~np.isnan(table).any(axis=1)
    first = np.where((table[:, 1:] == 1).any(axis=1), np.argmax(table[:, 1:] == 1, axis=1), BEYOND)
    cause = np.where(failed, first, NOT_FAILED).astype(np.int64)
    parts: list[Part] = []
    for position, stage in enumerate(stages):
        here = cause == position
        single = None if alone is None else alone.get(stage)
        parts.append(
            Part(
                stage=stage,
                count=int(here.sum()),
                joint=0 if single is None else int((here & (single == 0)).sum()),
            )
        )
    return Parts(failed=int(failed.sum()), parts=tuple(parts), beyond=int((cause == BEYOND).sum()), cause=cause)


def category_ceiling(errors: int, counts: Mapping[str, int], *, error_rate: float) -> dict[str, float]:
    """What mending each category of errors would win at most: its share of the errors times the error rate.

    Categories may overlap, so the gains may add up to more than the error rate (Machine Learning Yearning, ch. 15).

    >>> category_ceiling(100, {"dog": 8, "blurry": 61}, error_rate=0.10)
    {'dog': 0.008, 'blurry': 0.061}
    """
    if errors < 1:
        raise ValueError(f"there must be an error to divide, got {errors}")
    return {name: count / errors * error_rate for name, count in counts.items()}
