from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import planted
from stagegap.analysis.slices import SlicesView, slices_view
from stagegap.analysis.views import from_json, to_json
from views_of_runs import CHAIN, Material, evidence, material


def sliced(n: int, *, special: planted.Planted | None = None, seed: int = 0) -> Material:
    """A quarter of the records are German, and may come from another cascade."""
    cascade, rows, outputs, labels = material(CHAIN, n, seed=seed)
    german = set(range(0, n, 4))
    rows = tuple(
        replace(row, slices={"language": "de" if i in german else "en", "channel": "web"}) for i, row in enumerate(rows)
    )
    if special is not None:
        _, _, other, _ = material(special, n, seed=seed + 1)
        ids = {rows[i].id for i in german}
        outputs = {
            place: {record: other[place][record] if record in ids else out for record, out in found.items()}
            for place, found in outputs.items()
        }
    return cascade, rows, outputs, labels


def view(found: Material) -> SlicesView:
    return slices_view(evidence(found), resamples=300)


def test_a_group_with_a_bottleneck_of_its_own_is_found():
    special = planted.Planted(shape=planted.CHAIN[3], skill={"A": 0.4, "B": 0.95, "C": 0.95})
    found = view(sliced(480, special=special))
    assert found.overall == "B"
    worst = found.findings[0]
    assert (worst.group, worst.stage, worst.verdict) == ("language: de", "A", "stands out")
    assert worst.excess == pytest.approx(120 * (0.6 - (0.25 * 0.6 + 0.75 * 0.05)), abs=10)
    assert worst.p <= worst.p_adj <= 0.05
    here = next(one for one in found.bottlenecks if one.group == "language: de")
    assert (here.stage, here.verdict, here.differs, here.n) == ("A", "holds back", True, 120)
    assert here.picked is not None
    assert here.picked.value <= here.gain.value + 0.001, "the largest of several is too large by luck"
    assert from_json(SlicesView, to_json(found)) == found


def test_groups_that_are_alike_seldom_stand_out():
    called = [one for seed in range(12) for one in view(sliced(200, seed=seed)).findings if one.verdict == "stands out"]
    assert len(called) <= 2


def test_small_groups_and_missing_references_are_said():
    found = view(sliced(60))
    german = next(one for one in found.bottlenecks if one.group == "language: de")
    assert (german.verdict, german.gain.method) == ("too few", "too few: 15 of 30 records")
    cascade, rows, outputs, labels = sliced(60)
    bare = view((cascade, rows, outputs, tuple(label for label in labels if label.stage != "C")))
    assert {one.verdict for one in bare.bottlenecks} == {"not measured"}
    assert bare.overall == ""
    few = view(sliced(8))
    assert {one.verdict for one in few.findings} == {"too few"}
    assert all(np.isnan(one.p_adj) for one in few.findings)
