"""What went wrong with a stage's own outputs before anything is said of their quality: which, how many, an example."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from stagegap.analysis.units import calls_of
from stagegap.model.answer import NO_ROW, NOBODY, Output, Status
from stagegap.model.cascade import Cascade, Kind, Stage
from stagegap.model.units import UNIT, Levels
from stagegap.model.wording import counted, plural

TroubleKind = Literal["errors", "nobody listens", "do not fit", "name twice", "no row", "own facts"]
SMALL_SHARE = 0.05
"""Share of a stage's calls up to which errors leave a verdict: then they are bad answers, counted aloud."""
A_FEW = 0.05
"""Share of a stage's calls beyond which answers that do not fit are said first, where they were not recorded."""
_UNFIT = "the recorded output does not fit: "
_UNCALLED = (Status.SKIPPED, Status.BLOCKED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """One kind of trouble at one stage."""

    stage: str
    kind: TroubleKind
    count: int
    n: int
    """Outputs of the stage, skipped and blocked ones aside."""
    record: str
    """The first record, by id, that shows it."""
    sentence: str
    forbids_verdict: bool = False
    """More than a small share of the stage are errors: what its figures are worth is not known."""
    next_step: str = ""


def troubles(
    cascade: Cascade, outputs: Mapping[str, Mapping[str, Output]], records: Collection[str]
) -> tuple[Trouble, ...]:
    """What is to be said first: what forbids a verdict, then the most frequent; `outputs` are the system's."""
    wanted, levels = frozenset(records), Levels.of(cascade)
    found = [
        trouble
        for stage in cascade.stages
        for trouble in _of_stage(
            stage,
            calls_of(outputs.get(stage.name, {}), wanted, depth=levels.depth(stage.name)),
            noun=UNIT if levels.depth(stage.name) else cascade.noun,
        )
    ]
    return tuple(
        sorted(found, key=lambda trouble: (not trouble.forbids_verdict, -trouble.count, trouble.stage, trouble.kind))
    )


def own_facts(stage: str, failing: Sequence[str], n: int) -> Trouble | None:
    """References that do not contain the facts they are to be judged by: nothing can be won with them."""
    if not failing:
        return None
    return Trouble(
        stage=stage,
        kind="own facts",
        count=len(failing),
        n=n,
        record=failing[0],
        sentence=f"{len(failing):,} of {counted(n, 'reference')} at {stage} do not contain their own facts, for "
        f"example {failing[0]}.",
        next_step=f"Correct the references at {stage}, or the facts that they are judged by.",
    )


def _of_stage(stage: Stage, outputs: Sequence[Output], *, noun: str) -> Iterator[Trouble]:
    n = sum(output.status not in _UNCALLED for output in outputs)
    # Nearly all are fine: only the others are put in order, by id, so that the example is always the same.
    odd = sorted((output for output in outputs if not output.status.has_value), key=lambda output: output.record)
    errors = [output for output in odd if output.status is Status.ERROR]
    unfit = [output for output in odd if output.status is Status.UNPARSABLE]
    absent = [output for output in odd if output.status is Status.INFRASTRUCTURE and output.error == NO_ROW]
    is_recorded = stage.uses == "recorded"
    if errors:
        yield _errors(stage.name, errors, n, is_recorded=is_recorded)
    alone = [output for output in odd if output.status is Status.INFRASTRUCTURE and output.error.startswith(NOBODY)]
    if alone:
        address = alone[0].error.removeprefix(NOBODY).partition(": ")[0]
        yield _trouble(
            stage.name,
            "nobody listens",
            alone,
            n,
            f"calls got no answer because nobody listens at {address}, for example {alone[0].record}. Start the "
            "service, then `stagegap run --retry`.",
        )
    if unfit and (is_recorded or len(unfit) > A_FEW * n):
        what = "recorded outputs" if is_recorded else "answers"
        reason = unfit[0].error.removeprefix(_UNFIT) or "not of the declared type"
        yield _trouble(
            stage.name,
            "do not fit",
            unfit,
            n,
            f"{what} do not fit their type, for example {unfit[0].record}: {_ended(reason)}",
        )
    repeats = [(output, twice) for output in outputs if (twice := _twice(stage, output))] if is_recorded else []
    doubled = sorted(repeats, key=lambda pair: pair[0].record)
    if doubled:
        first, twice = doubled[0]
        yield _trouble(
            stage.name,
            "name twice",
            [output for output, _ in doubled],
            n,
            f"recorded outputs name an id twice, for example {first.record}: {twice}.",
        )
    if absent:
        yield _trouble(
            stage.name,
            "no row",
            absent,
            n,
            f"{plural(noun, 2)} have no recorded output, for example {absent[0].record}.",
        )


def _trouble(stage: str, kind: TroubleKind, rows: Sequence[Output], n: int, rest: str) -> Trouble:
    return Trouble(
        stage=stage,
        kind=kind,
        count=len(rows),
        n=n,
        record=rows[0].record,
        sentence=f"{stage}: {len(rows):,} of {n:,} {rest}",
    )


def _errors(stage: str, rows: Sequence[Output], n: int, *, is_recorded: bool) -> Trouble:
    what = _ended(rows[0].error or "no message was recorded")
    verb = "recorded outputs are errors" if is_recorded else "calls raised an error"
    return Trouble(
        stage=stage,
        kind="errors",
        count=len(rows),
        n=n,
        record=rows[0].record,
        sentence=f"{stage}: {len(rows):,} of {n:,} {verb}, for example {rows[0].record}: {what}",
        forbids_verdict=len(rows) > SMALL_SHARE * n,
        next_step=(
            f"Record the outputs of {stage} again, then `stagegap run`."
            if is_recorded
            else f"Mend the code of {stage}, then `stagegap run`: only {counted(len(rows), 'call')} and what rests on "
            "them are made again."
        ),
    )


def _ended(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _twice(stage: Stage, output: Output) -> str:
    """The first id that a recorded ranking names twice; empty where there is none."""
    value = output.value
    if stage.output.kind is not Kind.RANKING or not isinstance(value, Sequence) or isinstance(value, str):
        return ""
    seen: set[str] = set()
    for name in value:
        if str(name) in seen:
            return str(name)
        seen.add(str(name))
    return ""
