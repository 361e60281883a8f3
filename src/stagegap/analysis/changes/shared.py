"""Which records two runs can be compared on, and what stands against comparing them as they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from stagegap.analysis.changes.views import Refusal
from stagegap.analysis.evidence import Evidence
from stagegap.analysis.wording import counted, metric_title, plural
from stagegap.model.cascade import Cascade, OutputType
from stagegap.model.record import Record
from stagegap.model.run import SYSTEM, Run


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


def shared(before: Side, after: Side) -> Shared:
    """Find the records that both runs saw with the same content and references, and say what differs.

    A record was seen by a run that holds an output of it at any stage. Stages are comparable when their type and
    their headline metric are the same; the length of a ranking is a setting and not a part of its type.
    """
    a, b = before.evidence, after.evidence
    seen_a, seen_b = _seen(a), _seen(b)
    both = [record for name, record in seen_b.items() if name in seen_a]
    old, new = a.cascade, b.cascade
    stages = tuple(name for name in new.names if name in old.names and is_comparable(old, new, name))
    content = {r.id for r in both if _content(seen_a[r.id]) != _content(r)}
    places = tuple(dict.fromkeys((*stages, *_outcome_stage(old, new))))
    moved = {r.id for r in both if _references(a, r.id, places) != _references(b, r.id, places)} - content
    common = [r for r in both if r.id not in content | moved]
    noun = new.noun
    reasons = (
        *_record_reasons(before.run.name, after.run.name, seen_a, seen_b, noun),
        *([f"{counted(len(content), noun)} {_have(content)} the same id but other content."] if content else []),
        *([f"{counted(len(moved), noun)} {_have(moved)} other references."] if moved else []),
        *_type_reasons(before.run.name, after.run.name, old, new),
    )
    same_outcome = has_same_outcome(old, new)
    return Shared(
        before=replace(before, evidence=_cut(a, [seen_a[r.id] for r in common])),
        after=replace(after, evidence=_cut(b, common)),
        stages=stages,
        has_same_outcome=same_outcome,
        refusal=Refusal(reasons=reasons, offer=_offer(len(common), noun, stages), shared=len(common))
        if reasons
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


def _seen(evidence: Evidence) -> dict[str, Record]:
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
    return replace(evidence, records=tuple(records))


def _record_reasons(
    before: str, after: str, seen_a: dict[str, Record], seen_b: dict[str, Record], noun: str
) -> list[str]:
    both = len(seen_a.keys() & seen_b.keys())
    return [
        f"{other} saw {both:,} of the {counted(len(seen), noun)} of {run}."
        for run, other, seen in ((after, before, seen_b), (before, after, seen_a))
        if len(seen) > both
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


def _offer(n: int, noun: str, stages: Sequence[str]) -> str:
    if not n or not stages:
        return ""
    which = "the one" if n == 1 else f"the {n:,}"
    return f"Compare {which} {plural(noun, n)} that {'is' if n == 1 else 'are'} the same in both?"


def _have(records: set[str]) -> str:
    return "has" if len(records) == 1 else "have"
