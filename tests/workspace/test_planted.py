"""Faults planted in a cascade of one's own that asks a stage only under a condition."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from sixty import replace_in, write_sixty
from stagegap.workspace import Workspace


@pytest.fixture
def conditional(tmp_path: Path) -> Path:
    """Sixty questions; those about something else get no reply, and none is right."""
    made = write_sixty(tmp_path)
    replace_in(
        made / "cascade.yaml", "    score: fact_recall\n", "    score: fact_recall\n    when: topic != 'other'\n"
    )
    path = made / "references.jsonl"
    labels = [json.loads(line) for line in path.read_text().splitlines()]
    silent = {row["record"] for row in labels if row["value"] == "other"}
    for row in labels:
        if row["stage"] == "reply" and row["record"] in silent:
            row["value"] = None
            del row["facts"]
    path.write_text("".join(json.dumps(row) + "\n" for row in labels))
    return tmp_path


def test_faults_planted_at_a_condition_and_behind_it_are_recovered(conditional: Path) -> None:
    with Workspace(conditional, environment={}, clock=time.time) as workspace:
        workspace.runs.new(None)
        view = workspace.runs.attribution("first").selfcheck(simulations=120)
    assert (view.left_out, view.n) == ((), 60)
    rows = {(row.stage, row.method): row for row in view.rows}
    assert {stage for stage, _ in rows} == {"topic", "reply"}
    for (stage, method), row in rows.items():
        assert abs(row.bias) < 0.04, (stage, method)
        assert row.coverage.high >= 0.95, (stage, method)
        assert row.booked.value >= 0.8, (stage, method)
    assert rows["topic", "gain"].damage > 0, "a wrong topic asks for a reply that nobody wants, or keeps one back"
