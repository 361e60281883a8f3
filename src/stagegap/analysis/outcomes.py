"""What stands beside the headline: other outcomes, and the figures under the strict rule where people differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from stagegap.model.estimate import Estimate
from stagegap.model.wording import counted, listed
from stagegap.tables import figures
from stagegap.tables.figures import Unit
from stagegap.tables.table import Column, Sheet, Table


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherOutcome:
    """An outcome that stands beside the headline."""

    outcome_name: str
    system: Estimate
    ceiling: Estimate
    """With references at every stage that leads to it."""
    most: str
    """The stage that gains most by being corrected, in this sample; empty where none gains."""
    gain: Estimate


_OTHERS = (
    Column(name="Other outcome", unit=Unit.TEXT, key="stage", is_cut=True),
    Column(name="System", unit=Unit.SHARE, key="system outcome"),
    Column(name="Ceiling", unit=Unit.SHARE, key="ceiling"),
    Column(name="Most from", unit=Unit.TEXT, spare=1),
    Column(name="Gain", unit=Unit.POINTS, key="gain", spare=2),
)


def others_table(others: Sequence[OtherOutcome]) -> Table:
    """Outcomes beside the headline; without rows where there are none."""
    return Table(
        columns=_OTHERS,
        rows=tuple(
            (other.outcome_name, other.system, other.ceiling, other.most or None, other.gain) for other in others
        ),
    )


def others_sheet(others: Sequence[OtherOutcome]) -> Sheet:
    """The table with what it is not about; without parts where there are no others."""
    about = "Each has a ceiling of its own; the verdict is about the first outcome."
    return Sheet(headline="Other outcomes", parts=(others_table(others), about) if others else ())


@dataclass(frozen=True, slots=True, kw_only=True)
class StrictStage:
    """One stage where nobody's answer alone is enough."""

    stage: str
    records: int
    """At which people differ here and nobody has decided."""
    in_place: Estimate
    gap: Estimate
    gain: Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class StrictRule:
    """How far a scorecard rests on records where people differ and nobody has decided.

    Its own figures accept each answer of such a record. Here an answer counts that at least two people gave; where no
    two gave the same, an output has to meet the answer of each.
    """

    records: int
    """Such records, at any stage."""
    at_outcome: int
    """Those at the outcome's stage."""
    system: Estimate
    """The outcome as the system is."""
    ceiling: Estimate
    """The outcome with references at every stage: one person's answer does not meet another's."""
    stages: tuple[StrictStage, ...]


_STRICT = (
    Column(name="Strict rule", unit=Unit.TEXT, key="stage"),
    Column(name="Undecided", unit=Unit.COUNT),
    Column(name="System", unit=Unit.SHARE, key="strict_in_place"),
    Column(name="Gap", unit=Unit.POINTS, key="strict_gap"),
    Column(name="Gain at the end", unit=Unit.POINTS, key="strict_gain"),
)
_STRICT_WHOLE = (
    Column(name="System", unit=Unit.SHARE, key="strict_system", is_hidden=True),
    Column(name="All corrected", unit=Unit.SHARE, key="strict_ceiling", is_hidden=True),
)


def undecided_sentences(strict: StrictRule | None, system: Estimate, *, noun: str, who: str) -> list[str]:
    """How many records are undecided at which stage, and the outcome under the strict rule beside the printed one.

    `who` are those who labelled: people, or labellers.
    """
    if strict is None:
        return []
    places = listed([f"{stage.records:,} at {stage.stage}" for stage in strict.stages if stage.records])
    undecided = (
        f"On {counted(strict.records, noun)} {who} differ and nobody has decided ({places}): each of their "
        "answers counts as right."
    )
    end = f", {figures.share(strict.ceiling.value)} with every stage corrected" if strict.ceiling.is_measured else ""
    if not strict.system.is_measured or not system.is_measured:
        return [undecided]
    alone, today = figures.share(strict.system.value), figures.share(system.value)
    verb, other = ("stays", "") if alone == today else ("is", f" and not {today}")
    return [
        f"{undecided} Where nobody's answer alone is enough, the outcome {verb} {alone} "
        f"({figures.span(strict.system)}, n = {strict.system.n:,}){other}{end}."
    ]


def undecided_parts(strict: StrictRule | None, system: Estimate, *, noun: str, who: str) -> tuple[str | Table, ...]:
    """The same with a table of the stages; nothing where nothing is undecided."""
    if strict is None:
        return ()
    rows = tuple((stage.stage, stage.records, stage.in_place, stage.gap, stage.gain) for stage in strict.stages)
    return (
        *undecided_sentences(strict, system, noun=noun, who=who),
        Table(columns=_STRICT, rows=rows),
        Table(columns=_STRICT_WHOLE, rows=((strict.system, strict.ceiling),)),
    )
