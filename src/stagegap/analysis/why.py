"""What the failures of a stage have in common: groups known before the stage ran, ranked by excess failures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from stagegap.analysis.views import SliceRow
from stagegap.model.answer import Reference
from stagegap.model.cascade import Cascade, Kind
from stagegap.model.record import Record
from stagegap.stats.clusters import Clusters, distinct, effective_n
from stagegap.stats.intervals import wilson


def groups_of(
    records: Sequence[Record], cascade: Cascade, references: Mapping[tuple[str, str], Reference], *, stage: str
) -> dict[str, NDArray[np.int64]]:
    """Per group as `language: de`, the positions of its records.

    Groups come from slices, difficulty, and the reference at earlier `label` or `boolean` stages; never from what
    the system answered. A group that holds every record, or one alone of its name, says nothing and is left out.
    """
    earlier = cascade.ancestors(stage)
    labels = [s.name for s in cascade.stages if s.name in earlier and s.output.kind in (Kind.LABEL, Kind.BOOLEAN)]
    groups: dict[str, list[int]] = {}
    for position, record in enumerate(records):
        names = dict(record.slices)
        if record.difficulty is not None:
            names["difficulty"] = record.difficulty
        for name in labels:
            reference = references.get((record.id, name))
            if reference is not None and len(reference.accepted) == 1:
                names[name] = str(reference.first.value)
        for name, value in names.items():
            groups.setdefault(f"{name}: {value}", []).append(position)
    return {
        group: np.array(positions, dtype=np.int64)
        for group, positions in groups.items()
        if len(positions) < len(records)
    }


def slice_rows(
    failed: NDArray[np.float64], clusters: Clusters, groups: Mapping[str, NDArray[np.int64]]
) -> tuple[SliceRow, ...]:
    """The groups with the most excess failures first.

    `failed` is 1, 0 or NaN per record. Excess = (rate of the group - rate of all) x n of the group: a small group
    with a high rate explains little. The interval is Wilson's on the effective number of records.
    """
    known = ~np.isnan(failed)
    if not known.any():
        return ()
    average = float(failed[known].mean())
    rows: list[SliceRow] = []
    for group, positions in groups.items():
        here = positions[known[positions]]
        if not len(here) or len(here) == int(known.sum()):
            continue
        values, codes = failed[here], clusters.codes[here]
        n_eff = effective_n(values, codes)
        rate = wilson(
            float(values.mean()),
            n=len(here),
            effective_n=n_eff,
            clusters=None if clusters.are_records else distinct(codes),
            method="Wilson" if clusters.are_records else f"Wilson, effective n {n_eff:.0f}",
        )
        rows.append(
            SliceRow(
                group=group,
                failures=int(values.sum()),
                n=len(here),
                rate=rate,
                excess=(float(values.mean()) - average) * len(here),
                stands_out=rate.is_measured and rate.low > average,
            )
        )
    return tuple(sorted(rows, key=lambda row: (-row.excess, row.group)))
