"""Outcomes that stand beside the headline, and their table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from stagegap.model.estimate import Estimate
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
