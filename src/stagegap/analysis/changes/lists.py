"""The records whose output changed between two runs: what got worse, what got better, what is only different."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from stagegap.analysis.changes.views import ChangeLists, ChangeRow, Flips
from stagegap.analysis.evidence import Evidence
from stagegap.analysis.failures import MOST_ROWS, shown_output, shown_reference, title
from stagegap.attribution.faults import BAR_SLACK
from stagegap.model.answer import Output

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

MOST_TEXT = 2_000
"""Characters of an output that a row holds: whole replies, but no whole documents."""


def same_outputs(before: Evidence, after: Evidence, stage: str) -> Bools:
    """Per record, whether the stage ended in the same way with the same value; two absent outputs are alike."""
    a, b = before.system(stage), after.system(stage)
    pairs = ((a.get(record.id), b.get(record.id)) for record in after.records)
    return np.fromiter((_ending(x) == _ending(y) for x, y in pairs), dtype=np.bool_, count=len(after.records))


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
