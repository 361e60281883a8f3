"""Faults and root causes that people marked, beside those by scores."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from conftest import Command, Copied
from stagegap.analysis import evidence as ev
from stagegap.analysis.marks import MarksView, marks_sheet, marks_view
from stagegap.analysis.views import from_json, to_json
from stagegap.errors import InputError
from stagegap.exchange.recorded import read_marks
from stagegap.model.answer import Mark
from views_of_runs import CHAIN, DIAMOND, evidence, material


def by_scores(found: ev.Evidence, who: str = "ann") -> list[Mark]:
    """What somebody marks who sees just what the scores see."""
    firsts = found.faults.first
    return [
        Mark(
            record=record.id,
            annotator=who,
            faults=tuple(name for name in found.cascade.names if ev.accepted(found, name)[i] == 0),
            roots=tuple(name for name in found.cascade.names if firsts[name][i]),
        )
        for i, record in enumerate(found.records)
    ]


def test_whoever_sees_what_scores_see_agrees_with_them():
    found = evidence(material(DIAMOND, 300, per_cluster=2))
    view = marks_view(found, [*by_scores(found), *by_scores(found, "bob")], resamples=200)
    assert (view.n, view.annotators, view.elsewhere) == (300, 2, 0)
    for share in (view.root_is_first, view.first_is_root, view.precision, view.recall, view.between):
        assert (share.value, share.low > 0.9) == (1.0, True)
    assert view.same_root.value > 0.9, "a first fault from which something recovered is no root"
    for row in view.stages:
        assert row.faults == row.not_acceptable == pytest.approx(300 * row.fault_rate.value)
        assert row.fault_rate.clusters == 150
        assert row.roots == row.first == int(found.faults.first[row.stage].sum())
    assert view.several > 0
    assert from_json(MarksView, to_json(view)) == view


def test_a_root_later_than_the_first_fault_is_told_apart():
    found = evidence(material(CHAIN, 40))
    ids = [record.id for record in found.records]
    marks = [
        Mark(record=r, annotator="ann", faults=("A", "B"), roots=("A",) if i < 30 else ("B",))
        for i, r in enumerate(ids)
    ]
    view = marks_view(found, marks, resamples=100)
    assert (view.root_is_first.value, view.root_is_first.n, view.several) == (0.75, 40, 40)
    assert not view.between.is_measured, "nobody marked twice"
    wrong = {name: int((ev.accepted(found, name) == 0).sum()) for name in "ABC"}
    assert view.recall.value == pytest.approx((wrong["A"] + wrong["B"]) / 80)
    assert view.precision.value == pytest.approx((wrong["A"] + wrong["B"]) / sum(wrong.values()))


def test_what_fewer_than_half_marked_does_not_count_and_people_are_compared():
    found = evidence(material(CHAIN, 30))
    marks = [
        Mark(record=record.id, annotator=who, faults=("B", *extra), roots=("B", *extra))
        for record in found.records
        for who, extra in (("ann", ()), ("bob", ()), ("cid", ("C",)))
    ]
    view = marks_view(found, [*marks, Mark(record="elsewhere", annotator="ann")], resamples=100)
    assert {row.stage: (row.faults, row.roots) for row in view.stages} == {"A": (0, 0), "B": (30, 30), "C": (0, 0)}
    assert (view.between.value, view.elsewhere) == (1.0, 1)
    assert (
        "30 records marked by 3 annotators, 0 with several faults; 1 record elsewhere left out."
        in marks_sheet(view).parts
    )


def test_a_file_of_marks_is_read_and_all_its_problems_are_told(tmp_path: Path):
    path = tmp_path / "marks.jsonl"
    rows: list[dict[str, object]] = [
        {"record": "a", "annotator": "ann", "faults": ["A", "B"], "root_cause": "A"},
        {"record": "b", "annotator": "ann", "faults": "A, B"},
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert read_marks(path, ("A", "B")) == [
        Mark(record="a", annotator="ann", faults=("A", "B"), roots=("A",)),
        Mark(record="b", annotator="ann", faults=("A", "B")),
    ]
    worse: list[dict[str, object]] = [
        {"record": "a", "annotator": "ann"},
        {"record": "c"},
        {"record": "c", "annotator": "ann", "root_cause": "AA"},
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in [*rows, *worse]))
    with pytest.raises(InputError) as refused:
        read_marks(path, ("A", "B"))
    told = str(refused.value)
    assert "The annotator 'ann' marked this record on line 1 already." in told
    assert "The field 'annotator' is missing." in told
    assert "There is no stage 'AA'." in told


def test_the_command_reads_a_file_of_marks(once: Copied, stagegap: Command, tmp_path: Path):
    made = once(tmp_path)
    lines = "".join(f"q{i:02d},ann,reply,reply\n" for i in np.arange(0, 60, 10).tolist())
    (made / "marks.csv").write_text("record,annotator,faults,root_cause\n" + lines)
    printed = stagegap("show", "marks", str(made / "marks.csv"))
    assert (printed.code, printed.error) == (0, "")
    assert "Causes that were marked in v1 of first" in printed.out
    assert "6 questions marked by 1 annotator" in printed.out or "6 records marked by 1 annotator" in printed.out


def test_marks_that_name_no_stages_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "marks.jsonl"
    path.write_text('{"record": 1, "annotator": "a", "faults": 3, "root_cause": null}\n')
    with pytest.raises(InputError, match=r"marks\.jsonl:1: The field 'faults' names stages, found 3\."):
        read_marks(path, ("A", "B"))
