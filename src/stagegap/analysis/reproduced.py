"""A run made again: what differs from what was stored, to the byte."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from stagegap.model.answer import Output, Status
from stagegap.model.run import Environment, Provenance
from stagegap.model.wording import counted, listed, plural
from stagegap.tables.figures import Unit
from stagegap.tables.table import Column, Entry, Sheet, Table

MOST_EXAMPLES = 5
MOST_TEXT = 300
"""Characters of an output that an example shows, from shortly before the first byte that differs."""
BEFORE = 40
"""Characters of it that are equal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputExample:
    """One output that came out otherwise."""

    record: str
    repeat: int
    byte: int
    """Place of the first byte that differs, in the canonical JSON of the output."""
    then: str
    """From shortly before that byte."""
    now: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StageOutputs:
    """The outputs of one stage in one cell, then and now."""

    cell: str
    stage: str
    n: int
    """Outputs that were stored."""
    same: int
    """Of these, the ones that came out the same to the byte."""
    missing: int
    """Stored, and not made again."""
    extra: int
    """Made now, and not stored."""
    not_called: int
    """Would have needed a paid call that nobody allowed."""
    is_asked: bool
    """False where answers were taken from the store, because the stage asks a paid service."""
    examples: tuple[OutputExample, ...]

    @property
    def is_identical(self) -> bool:
        return self.same == self.n and not self.extra


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One thing besides the outputs that is not as it was."""

    kind: Literal["code", "prompt", "data", "labels", "environment", "stage"]
    name: str
    """A path, a package, a stage."""
    then: str
    now: str
    detail: str = ""
    """What that means for the outputs, or the difference line by line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reproduction:
    """What became of a run that was made again from what was stored."""

    cascade: str
    run: str
    is_identical: bool
    """Every output is the same to the byte."""
    n: int
    """Outputs that were compared."""
    calls: int
    """Calls that were made."""
    stages: tuple[StageOutputs, ...]
    differences: tuple[Difference, ...]
    headline: str


def stage_outputs(
    cell: str, stage: str, then: Sequence[Output], now: Sequence[Output], *, is_asked: bool
) -> StageOutputs:
    """Compare the outputs of one stage in one cell."""
    reproduced = {(output.record, output.repeat): output for output in now}
    stored = {(output.record, output.repeat) for output in then}
    same = missing = not_called = 0
    examples: list[OutputExample] = []
    for output in then:
        again = reproduced.get((output.record, output.repeat))
        if again is None:
            missing += 1
        elif (was := canonical(output)) == (comes := canonical(again)):
            same += 1
        elif Status.INFRASTRUCTURE in (again.status, again.because) and not is_asked:
            not_called += 1
        elif len(examples) < MOST_EXAMPLES:
            examples.append(_example(output, was, comes))
    return StageOutputs(
        cell=cell,
        stage=stage,
        n=len(then),
        same=same,
        missing=missing,
        extra=sum(key not in stored for key in reproduced),
        not_called=not_called,
        is_asked=is_asked,
        examples=tuple(examples),
    )


def canonical(output: Output) -> bytes:
    """All that an output says, as bytes; what it took and where it came from is left out.

    >>> canonical(Output(record="r", stage="s", status=Status.OK, value={"b": 1, "a": 2.0}))
    b'{"status":"ok","value":{"a":2.0,"b":1}}'
    """
    content: dict[str, object] = {
        "status": output.status.value,
        "value": output.value,
        "scores": list(output.scores),
        "confidence": output.confidence,
        "alternatives": list(output.alternatives),
        "because": output.because.value if output.because else None,
        "error": output.error,
        "raw": output.raw,
    }
    filled = {key: value for key, value in content.items() if key in ("status", "value") or value not in (None, "", [])}
    return json.dumps(filled, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode("utf-8", "replace")


def _example(output: Output, then: bytes, now: bytes) -> OutputExample:
    byte = next((i for i, (a, b) in enumerate(zip(then, now, strict=False)) if a != b), min(len(then), len(now)))
    start = max(0, byte - BEFORE)

    def excerpt(text: bytes) -> str:
        part = text[start:].decode("utf-8", "replace")[:MOST_TEXT]
        return f"{'…' if start else ''}{part}"

    return OutputExample(record=output.record, repeat=output.repeat, byte=byte, then=excerpt(then), now=excerpt(now))


def environment_differences(then: Environment, now: Environment) -> tuple[Difference, ...]:
    """What differs between two environments: program, Python, platform, packages."""
    facts: list[tuple[str, str, str]] = [
        ("stagegap", then.program, now.program),
        ("Python", then.python, now.python),
        ("platform", then.platform, now.platform),
    ]
    names = sorted(then.packages.keys() | now.packages.keys())
    facts += [(name, then.packages.get(name, ""), now.packages.get(name, "")) for name in names if name != "stagegap"]
    return tuple(Difference(kind="environment", name=name, then=a, now=b) for name, a, b in facts if a != b)


def reproduction(
    cascade: str, run: str, *, calls: int, stages: Sequence[StageOutputs], differences: Sequence[Difference]
) -> Reproduction:
    """Sum up what came out."""
    return Reproduction(
        cascade=cascade,
        run=run,
        is_identical=all(row.is_identical for row in stages),
        n=sum(row.n for row in stages),
        calls=calls,
        stages=tuple(stages),
        differences=tuple(differences),
        headline=_headline(run, stages, differences),
    )


def _headline(run: str, stages: Sequence[StageOutputs], differences: Sequence[Difference]) -> str:
    n, same = sum(row.n for row in stages), sum(row.same for row in stages)
    from_store = list(dict.fromkeys(row.stage for row in stages if not row.is_asked))
    note = f"; answers of {listed(from_store)} were taken from the store" if from_store else ""
    if all(row.is_identical for row in stages):
        return f"{run} comes out the same to the byte: {counted(n, 'output')}{note}"
    where = list(dict.fromkeys(row.stage for row in stages if not row.is_identical))
    kinds = list(dict.fromkeys(difference.kind for difference in differences))
    why = f"; {listed(kinds)} {'differs' if len(kinds) == 1 else 'differ'}" if kinds else ""
    return f"{n - same:,} of {n:,} {plural('output', n)} of {run} come out otherwise, at {listed(where)}{why}{note}"


_COLUMNS = (
    Column(name="Entry", unit=Unit.TEXT, key="cell"),
    Column(name="Stage", unit=Unit.TEXT, key="stage"),
    Column(name="Outputs", unit=Unit.COUNT, key="outputs"),
    Column(name="Same", unit=Unit.COUNT, key="same"),
    Column(name="Other", unit=Unit.COUNT, key="other"),
    Column(name="Missing", unit=Unit.COUNT, key="missing"),
    Column(name="Extra", unit=Unit.COUNT, key="extra", is_hidden=True),
    Column(name="Not called", unit=Unit.COUNT, key="not_called", is_hidden=True),
    Column(name="Identical", unit=Unit.FLAG, key="is_identical", is_hidden=True),
    Column(name="", unit=Unit.TEXT),
)
_DIFFERENCES = 12
"""Differences that a screen shows."""


def reproduction_sheet(view: Reproduction) -> Sheet:
    """Whether a run comes out the same, stage by stage, the first outputs that do not, and what differs besides."""
    return Sheet(
        headline=view.headline,
        parts=(
            f"{counted(view.calls, 'call')} made again; nothing of it was stored.",
            Table(columns=_COLUMNS, rows=tuple(_cells(row) for row in view.stages)),
            *(
                f"{row.cell} {row.stage}, record {example.record}: from byte {example.byte:,}\n"
                f"  then  {example.then}\n  now   {example.now}"
                for row in view.stages
                for example in row.examples[:2]
            ),
            Table(
                title="What differs besides",
                columns=(
                    Column(name="Kind", unit=Unit.TEXT),
                    Column(name="Name", unit=Unit.TEXT),
                    Column(name="Then", unit=Unit.TEXT, is_cut=True),
                    Column(name="Now", unit=Unit.TEXT, is_cut=True),
                ),
                rows=tuple(
                    (difference.kind, difference.name, difference.then or None, difference.now or None)
                    for difference in view.differences
                ),
                most=_DIFFERENCES,
            ),
            *(difference.detail for difference in view.differences[:_DIFFERENCES] if difference.detail),
        ),
    )


def _cells(row: StageOutputs) -> tuple[Entry, ...]:
    other = row.n - row.same - row.missing - row.not_called
    note = "" if row.is_asked else "from the store"
    if row.not_called:
        note = f"{row.not_called:,} not called again (--paid)"
    hidden = (row.extra, row.not_called, row.is_identical)
    return row.cell, row.stage, row.n, row.same, other, row.missing, *hidden, note


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """What a run was made from."""

    cascade: str
    run: str
    seed: int
    who: str
    commit: str
    """Empty outside of git."""
    order: tuple[str, ...]
    """Its stages, as the file has them."""
    made_from: Provenance


def origin_sheet(view: Origin) -> Sheet:
    """What a run was made from: world, records and labels, stages, files, and the difference from the commit."""
    made_from, world = view.made_from, view.made_from.environment
    lines = len(made_from.diff.splitlines())
    clean = f", with a difference of {counted(lines, 'line')}{' (cut)' * made_from.diff_is_cut}" if lines else ""
    records, labels = counted(made_from.records, "record"), counted(made_from.labels, "label")
    names = [name for name in view.order if name in made_from.stages]
    return Sheet(
        headline=f"{view.run} of {view.cascade}, seed {view.seed}, by {view.who}",
        parts=(
            f"Commit {view.commit or 'none'}{clean}.",
            f"stagegap {world.program}, Python {world.python}, {world.platform}, {len(world.packages):,} packages.",
            f"{records} ({made_from.records_digest[:12]}), {labels} ({made_from.labels_digest[:12]}).",
            Table(
                columns=(
                    Column(name="Stage", unit=Unit.TEXT, key="stage"),
                    Column(name="Kind", unit=Unit.TEXT, key="kind"),
                    Column(name="Model", unit=Unit.TEXT, key="model"),
                    Column(name="Fingerprint", unit=Unit.TEXT, key="fingerprint"),
                ),
                rows=tuple(
                    (name, origin.uses, origin.model or None, origin.fingerprint[:12])
                    for name in names
                    for origin in (made_from.stages[name],)
                ),
            ),
            Table(
                columns=(
                    Column(name="File", unit=Unit.TEXT, is_cut=True),
                    Column(name="What", unit=Unit.TEXT),
                    Column(name="SHA-256", unit=Unit.TEXT),
                    Column(name="Kept", unit=Unit.TEXT),
                ),
                rows=tuple(
                    (source.path, source.role, source.digest[:12] or "gone", source.kept)
                    for source in made_from.sources
                ),
            ),
            f"\n{made_from.diff}" if made_from.diff else "",
        ),
    )
