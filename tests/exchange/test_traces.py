"""Recorded chains of steps become a cascade with a first fault; printed scores are read strictly."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from stagegap.errors import InputError
from stagegap.exchange.recorded import read_printed
from stagegap.exchange.traces import TraceFields, write_traces
from stagegap.workspace import Workspace

TRACES = [
    {"record": "a", "input": "1 + 1", "steps": ["add", "done"], "first_fault": None, "answer": "2", "target": "2"},
    {"record": "b", "input": "1 + 2", "steps": ["add", "oops"], "first_fault": 1, "answer": "3", "target": "3"},
    {"record": "c", "input": "1 + 3", "steps": [{"say": "x"}], "first_fault": "0", "answer": "7", "target": "4"},
]


def file(tmp_path: Path, rows: list[dict]) -> Path:
    path = tmp_path / "traces.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_traces_are_run_and_their_masked_fault_counted(tmp_path: Path) -> None:
    folder = tmp_path / "pipelines" / "traces"
    made = write_traces(file(tmp_path, TRACES), folder, name="traces", fields=TraceFields(), annotator="people")
    assert (made.traces, made.faulty) == (3, 2)
    with Workspace.open(tmp_path) as opened:
        opened.runs.new(made.cascade)
        card = opened.runs.scorecard("traces")
        assert card is not None
        assert [row.in_place.value for row in card.stages] == [pytest.approx(1 / 3), pytest.approx(2 / 3)]
        [found] = opened.store.records("traces", ids=["c"])
        assert found is not None
        assert (found.fields["steps"], found.fields["first_fault"]) == ('{"say": "x"}', "step 1")


def test_end_may_be_known_as_right_or_wrong_only(tmp_path: Path) -> None:
    rows = [{"id": i, "q": "x", "h": ["s"], "at": 0, "ok": i == 1, "kind": "agents"} for i in (1, 2)]
    fields = TraceFields(record="id", input="q", steps="h", first_fault="at", right="ok", group="kind")
    folder = tmp_path / "pipelines" / "t"
    made = write_traces(file(tmp_path, rows), folder, name="t", fields=fields, annotator="people")
    values = [json.loads(line)["value"] for line in (folder / "outputs.jsonl").read_text().splitlines()]
    assert values == ["sound", "right", "sound", "wrong"]
    assert "slices: [group]" in made.cascade.read_text()


def test_problems_of_traces_are_reported_at_once(tmp_path: Path) -> None:
    rows = [
        {**TRACES[0], "first_fault": 2}, {**TRACES[1], "steps": "one"}, {"record": "z", "inputs": "?"},
    ]  # fmt: skip
    with pytest.raises(InputError) as error:
        write_traces(file(tmp_path, rows), tmp_path / "x", name="x", fields=TraceFields(), annotator="p")
    said = str(error.value)
    assert "The first fault is the number of one of 2 steps, or null; found 2." in said
    assert "holds a list of steps, found str" in said
    assert "The field 'input' is missing." in said


def test_printed_scores_are_read_strictly(tmp_path: Path) -> None:
    good = tmp_path / "good.csv"
    good.write_text("name,value,n,runs\na,12.50%,126,\nb,0.5,10,3\n")
    assert [(s.name, s.printed, s.n, s.runs) for s in read_printed(good)] == [
        ("a", "12.50%", 126, 1),
        ("b", "0.5", 10, 3),
    ]
    bad = tmp_path / "bad.csv"
    bad.write_text("name,value,n\na,lots,3\nb,50,many\nc,,3\nd,120,5\n")
    with pytest.raises(InputError) as error:
        read_printed(bad)
    said = str(error.value)
    assert "A printed score is a share or a percentage, found 'lots'." in said
    assert "n and runs are whole numbers above 0, found 'many' and 1." in said
    assert "The field 'value' is missing." in said
    assert "found '120'" in said
