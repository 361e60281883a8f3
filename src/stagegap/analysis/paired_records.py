"""Which records two runs can be compared on, and those whose output changed between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from stagegap.analysis.changes import ChangeLists, ChangeRow, Flips, Refusal
from stagegap.analysis.evidence import Evidence
from stagegap.analysis.failures import MOST_ROWS, shown_output, shown_reference, title
from stagegap.attribution.faults import BAR_SLACK
from stagegap.model.answer import Output, Status
from stagegap.model.cascade import Cascade, OutputType
from stagegap.model.record import Record
from stagegap.model.run import SYSTEM, PairPopulation, PairTally, Run
from stagegap.model.wording import counted, metric_title, plural


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One of the two runs, with what it and the labels say."""

    run: Run
    evidence: Evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """Both sides, cut down to the records that are the same in both, in one order."""

    before: Side
    after: Side
    stages: tuple[str, ...]
    """Stages whose scores can be compared, in the order of the later run."""
    has_same_outcome: bool
    refusal: Refusal | None
    n: int
    """Records that are the same in both, labelled or not."""
    whole: PairPopulation | None = None
    """All records of both, where the sides hold those alone that somebody labelled."""
    moved: tuple[Side, Side] | None = None
    """The records of `whole` that are not the same because their references differ."""

    def pair(self, stage: str) -> PairTally:
        """How the outputs of a stage compare over all records that are the same in both."""
        sides = self.before.evidence, self.after.evidence
        if self.whole is None:
            return pair_tally(*sides, stage)
        tally = self.whole.tallies[stage]
        if self.moved is None:
            return tally
        less = pair_tally(self.moved[0].evidence, self.moved[1].evidence, stage)
        lost = tuple(whole - part for whole, part in zip(tally.infrastructure, less.infrastructure, strict=True))
        return PairTally(same=tally.same - less.same, infrastructure=(lost[0], lost[1]))


def shared(before: Side, after: Side, whole: PairPopulation | None = None) -> Shared:
    """Find the records that both runs saw with the same content and references, and say what differs.

    A record was seen by a run that holds an output of it at any stage. Stages are comparable when their type and
    their headline metric are the same; the length of a ranking is a setting and not a part of its type. `whole` counts
    all records where the sides hold those alone that somebody labelled: records without a reference can't differ in it.
    """
    a, b = before.evidence, after.evidence
    seen_a, seen_b = seen_records(a), seen_records(b)
    both = [record for name, record in seen_b.items() if name in seen_a]
    old, new = a.cascade, b.cascade
    stages = tuple(name for name in new.names if name in old.names and is_comparable(old, new, name))
    content = {r.id for r in both if _content(seen_a[r.id]) != _content(r)}
    places = tuple(dict.fromkeys((*stages, *_outcome_stage(old, new))))
    moved = {r.id for r in both if _references(a, r.id, places) != _references(b, r.id, places)} - content
    common = [r for r in both if r.id not in content | moved]
    noun = new.noun
    seen, shared_by_both = (len(seen_a), len(seen_b)), len(both)
    other, n = len(content), len(common)
    if whole is not None:
        seen, shared_by_both, other = whole.seen, whole.both, whole.other_content
        n = shared_by_both - other - len(moved)
    reasons = (
        *record_reasons(before.run.name, after.run.name, seen, shared_by_both, noun),
        *([f"{counted(other, noun)} {_have(other)} the same id but other content."] if other else []),
        *([f"{counted(len(moved), noun)} {_have(len(moved))} other references."] if moved else []),
        *_type_reasons(before.run.name, after.run.name, old, new),
    )
    same_outcome = has_same_outcome(old, new)
    return Shared(
        before=replace(before, evidence=_cut(a, [seen_a[r.id] for r in common])),
        after=replace(after, evidence=_cut(b, common)),
        stages=stages,
        has_same_outcome=same_outcome,
        refusal=Refusal(reasons=reasons, offer=offer(n, noun, stages), shared=n) if reasons else None,
        n=n,
        whole=whole,
        moved=(
            replace(before, evidence=_cut(a, [seen_a[name] for name in moved])),
            replace(after, evidence=_cut(b, [seen_b[name] for name in moved])),
        )
        if moved
        else None,
    )


def is_comparable(old: Cascade, new: Cascade, stage: str) -> bool:
    """True when a stage that both have gives the same type of output and is scored in the same way."""
    a, b = old.stage(stage), new.stage(stage)
    return _type(a.output) == _type(b.output) and a.metrics[0] == b.metrics[0]


def has_same_outcome(old: Cascade, new: Cascade) -> bool:
    """True when both cascades are judged by the same score of the same type of output, against the same bar."""
    return old.outcome == new.outcome and bool(_outcome_stage(old, new))


def _outcome_stage(old: Cascade, new: Cascade) -> tuple[str, ...]:
    stage = new.outcome.stage
    same = old.outcome == new.outcome and _type(old.stage(stage).output) == _type(new.stage(stage).output)
    return (stage,) if same else ()


def _type(output: OutputType) -> OutputType:
    return replace(output, k=None)


def seen_records(evidence: Evidence) -> dict[str, Record]:
    """The records of which a run holds an output, by id."""
    ids: set[str] = set()
    for (cell, _), outputs in evidence.outputs.items():
        if cell == str(SYSTEM):
            ids.update(outputs)
    return {record.id: record for record in evidence.records if record.id in ids}


def _content(record: Record) -> tuple[object, ...]:
    return (dict(record.fields), record.unit)


def _references(evidence: Evidence, record: str, stages: Sequence[str]) -> list[object]:
    references = (evidence.references.get((record, stage)) for stage in stages)
    return [None if reference is None else reference.accepted for reference in references]


def _cut(evidence: Evidence, records: Sequence[Record]) -> Evidence:
    return replace(evidence, records=tuple(records), population=None)


def record_reasons(before: str, after: str, seen: tuple[int, int], both: int, noun: str) -> list[str]:
    """Which of two runs saw records that the other did not, from how many each saw and how many both."""
    return [
        f"{other} saw {both:,} of the {counted(count, noun)} of {run}."
        for run, other, count in ((after, before, seen[1]), (before, after, seen[0]))
        if count > both
    ]


def _type_reasons(before: str, after: str, old: Cascade, new: Cascade) -> list[str]:
    reasons = [f"{name} stands in {before} only." for name in old.names if name not in new.names]
    for name in new.names:
        if name not in old.names:
            reasons.append(f"{name} stands in {after} only.")
        elif _type(old.stage(name).output) != _type(new.stage(name).output):
            reasons.append(f"The output type of {name} is another one in {after}.")
        elif not is_comparable(old, new, name):
            a, b = (metric_title(cascade.stage(name).metrics[0]) for cascade in (old, new))
            reasons.append(f"{name} is scored by {a} in {before} and by {b} in {after}.")
    if old.outcome != new.outcome:
        reasons.append(f"The outcome of {after} is another one than that of {before}.")
    return reasons


def offer(n: int, noun: str, stages: Sequence[str]) -> str:
    """The question whether the shared records should be compared; empty where nothing is shared."""
    if not n or not stages:
        return ""
    which = "the one" if n == 1 else f"the {n:,}"
    return f"Compare {which} {plural(noun, n)} that {'is' if n == 1 else 'are'} the same in both?"


def _have(count: int) -> str:
    return "has" if count == 1 else "have"


Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

MOST_TEXT = 2_000
"""Characters of an output that a row holds: whole replies, but no whole documents."""


def same_outputs(before: Evidence, after: Evidence, stage: str) -> Bools:
    """Per record, whether the stage ended in the same way with the same value; two absent outputs are alike."""
    a, b = before.system(stage), after.system(stage)
    pairs = ((a.get(record.id), b.get(record.id)) for record in after.records)
    return np.fromiter((_ending(x) == _ending(y) for x, y in pairs), dtype=np.bool_, count=len(after.records))


def pair_tally(before: Evidence, after: Evidence, stage: str) -> PairTally:
    """How a stage's outputs compare over the records that both sides hold."""
    lost = [
        sum(
            output is not None and Status.INFRASTRUCTURE in (output.status, output.because)
            for output in map(side.system(stage).get, (record.id for record in side.records))
        )
        for side in (before, after)
    ]
    return PairTally(same=int(same_outputs(before, after, stage).sum()), infrastructure=(lost[0], lost[1]))


def _ending(output: Output | None) -> tuple[object, ...] | None:
    return None if output is None else (output.status, output.because, output.value)


def flips(before: Floats, after: Floats, *, bar: float) -> Flips:
    """Count records by right or wrong, from scores against the bar; records without both scores are left out."""
    known = ~np.isnan(before) & ~np.isnan(after)
    was, now = before[known] >= bar - BAR_SLACK, after[known] >= bar - BAR_SLACK
    return Flips(
        stayed_right=int((was & now).sum()),
        broken=int((was & ~now).sum()),
        fixed=int((~was & now).sum()),
        stayed_wrong=int((~was & ~now).sum()),
    )


def change_lists(
    name: str, *, stage: str, sides: tuple[Evidence, Evidence], scores: tuple[Floats, Floats], bar: float
) -> ChangeLists:
    """List the records whose output at `stage` changed, by what became of their score."""
    before, after = scores
    change = after - before
    different = ~same_outputs(*sides, stage) & ~np.isnan(change)
    ids = [record.id for record in sides[1].records]

    def listed(chosen: Bools, order: Floats) -> tuple[tuple[ChangeRow, ...], int]:
        places = sorted(np.flatnonzero(chosen).tolist(), key=lambda i: (order[i], ids[i]))
        return tuple(_row(stage, sides, scores, i, bar) for i in places[:MOST_ROWS]), len(places)

    worse, n_worse = listed(different & (change < -BAR_SLACK), change)
    better, n_better = listed(different & (change > BAR_SLACK), -change)
    only, n_only = listed(different & (np.abs(change) <= BAR_SLACK), np.zeros(len(ids)))
    return ChangeLists(
        stage=name,
        worse=worse,
        n_worse=n_worse,
        better=better,
        n_better=n_better,
        changed_only=only,
        n_changed_only=n_only,
    )


def _row(stage: str, sides: tuple[Evidence, Evidence], scores: tuple[Floats, Floats], i: int, bar: float) -> ChangeRow:
    record = sides[1].records[i]
    was, now = float(scores[0][i]), float(scores[1][i])
    return ChangeRow(
        record=record.id,
        title=title(record, sides[1].cascade),
        before=plain_text(sides[0].system(stage).get(record.id)),
        after=plain_text(sides[1].system(stage).get(record.id)),
        reference=shown_reference(sides[1].references.get((record.id, stage))),
        score_before=was,
        score_after=now,
        flip=_flip(was >= bar - BAR_SLACK, now >= bar - BAR_SLACK),
    )


def _flip(was: bool, now: bool) -> Literal["broken", "fixed", "none"]:
    if was == now:
        return "none"
    return "fixed" if now else "broken"


def plain_text(output: Output | None) -> str:
    """An output as plain text: a text with its line breaks, anything else in one line, a failure by its name."""
    if output is not None and output.status.has_value and isinstance(output.value, str):
        text = output.value.strip()
        return text if len(text) <= MOST_TEXT else f"{text[: MOST_TEXT - 1].rstrip()}…"
    return shown_output(output)
