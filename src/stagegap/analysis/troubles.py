"""What went wrong with a stage's own outputs before anything is said of their quality: which, how many, an example."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from stagegap.analysis.units import calls_of
from stagegap.model.answer import NOBODY, Output, Status
from stagegap.model.cascade import Cascade, Kind, Stage
from stagegap.model.run import OddOutputs, StageTally, TroubleKind, first_repeated, kind_of
from stagegap.model.units import UNIT, Levels
from stagegap.model.wording import counted, plural

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

    @property
    def brief(self) -> str:
        """The sentence without its example and full stop."""
        return self.sentence.partition(", for example ")[0]


def broken(rows: Iterable[Trouble]) -> Trouble | None:
    """The first trouble that forbids a verdict."""
    return next((trouble for trouble in rows if trouble.forbids_verdict), None)


def troubles(
    cascade: Cascade, outputs: Mapping[str, Mapping[str, Output]], records: Collection[str]
) -> tuple[Trouble, ...]:
    """What is to be said first: what forbids a verdict, then the most frequent; `outputs` are the system's."""
    return troubles_of(cascade, tallies(cascade, outputs, records))


def tallies(
    cascade: Cascade, outputs: Mapping[str, Mapping[str, Output]], records: Collection[str]
) -> dict[str, StageTally]:
    """How the system's outputs at these records ended, by stage."""
    wanted, levels = frozenset(records), Levels.of(cascade)
    return {
        stage.name: _tally(stage, calls_of(outputs.get(stage.name, {}), wanted, depth=levels.depth(stage.name)))
        for stage in cascade.stages
    }


def troubles_of(cascade: Cascade, tallied: Mapping[str, StageTally]) -> tuple[Trouble, ...]:
    """The troubles that tallies of all stages show, in the order of `troubles`."""
    levels = Levels.of(cascade)
    rows = [
        trouble
        for stage in cascade.stages
        for trouble in _of_stage(stage, tallied[stage.name], noun=UNIT if levels.depth(stage.name) else cascade.noun)
    ]
    return tuple(
        sorted(rows, key=lambda trouble: (not trouble.forbids_verdict, -trouble.count, trouble.stage, trouble.kind))
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


def _tally(stage: Stage, outputs: Sequence[Output]) -> StageTally:
    # Nearly all are fine: only the others are put in order, by id, so that the example is always the same.
    kinds: dict[TroubleKind, list[tuple[str, str]]] = {}
    for output in outputs:
        kind = None if output.status.has_value else kind_of(output.status, output.error)
        if kind is not None:
            kinds.setdefault(kind, []).append((output.record, output.error))
        if stage.is_recorded and (twice := _twice(stage, output)):
            kinds.setdefault("name twice", []).append((output.record, twice))
    return StageTally(
        statuses=Counter(output.status for output in outputs),
        odd={
            kind: OddOutputs(count=len(rows), record=first[0], what=first[1])
            for kind, rows in kinds.items()
            for first in [min(rows)]
        },
    )


def _of_stage(stage: Stage, tally: StageTally, *, noun: str) -> Iterator[Trouble]:
    n = sum(count for status, count in tally.statuses.items() if status not in _UNCALLED)
    odd, is_recorded = tally.odd, stage.is_recorded
    if "errors" in odd:
        yield _errors(stage.name, odd["errors"], n, is_recorded=is_recorded)
    if "nobody listens" in odd:
        alone = odd["nobody listens"]
        address = alone.what.removeprefix(NOBODY).partition(": ")[0]
        yield _trouble(
            stage.name,
            "nobody listens",
            alone,
            n,
            f"calls got no answer because nobody listens at {address}, for example {alone.record}. Start the "
            "service, then `stagegap run --retry`.",
        )
    if "do not fit" in odd and (is_recorded or odd["do not fit"].count > A_FEW * n):
        what = "recorded outputs" if is_recorded else "answers"
        unfit = odd["do not fit"]
        reason = unfit.what.removeprefix(_UNFIT) or "not of the declared type"
        yield _trouble(
            stage.name,
            "do not fit",
            unfit,
            n,
            f"{what} do not fit their type, for example {unfit.record}: {_ended(reason)}",
        )
    if "name twice" in odd:
        doubled = odd["name twice"]
        example = f"recorded outputs name an id twice, for example {doubled.record}: {doubled.what}."
        yield _trouble(stage.name, "name twice", doubled, n, example)
    if "no row" in odd:
        absent = odd["no row"]
        example = f"{plural(noun, 2)} have no recorded output, for example {absent.record}."
        yield _trouble(stage.name, "no row", absent, n, example)


def _trouble(stage: str, kind: TroubleKind, odd: OddOutputs, n: int, rest: str) -> Trouble:
    return Trouble(
        stage=stage,
        kind=kind,
        count=odd.count,
        n=n,
        record=odd.record,
        sentence=f"{stage}: {odd.count:,} of {n:,} {rest}",
    )


def _errors(stage: str, odd: OddOutputs, n: int, *, is_recorded: bool) -> Trouble:
    what = _ended(odd.what or "no message was recorded")
    verb = "recorded outputs are errors" if is_recorded else "calls raised an error"
    return Trouble(
        stage=stage,
        kind="errors",
        count=odd.count,
        n=n,
        record=odd.record,
        sentence=f"{stage}: {odd.count:,} of {n:,} {verb}, for example {odd.record}: {what}",
        forbids_verdict=odd.count > SMALL_SHARE * n,
        next_step=(
            f"Record the outputs of {stage} again, then `stagegap run`."
            if is_recorded
            else f"Mend the code of {stage}, then `stagegap run`: only {counted(odd.count, 'call')} and what rests on "
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
    return first_repeated(value)
