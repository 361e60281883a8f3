"""What the terminal says where a view has more to say than usual."""

from __future__ import annotations

from dataclasses import replace

import pytest

from analysis.test_architecture import two_ways
from analysis.test_gains import EVERY, ran
from sheets_of import sheet_of
from stagegap.analysis.agree import agree_view
from stagegap.analysis.blame import blame
from stagegap.cli.printed import draw_sheet
from ui import views
from views_of_runs import CHAIN, evidence, material

Captured = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")


def test_agreement_that_is_too_low_is_said_before_any_gap(capsys: Captured) -> None:
    shown = views.scorecard()
    draw_sheet(sheet_of(replace(shown, verdict=replace(shown.verdict, caution="People hardly agree."))))
    assert capsys.readouterr().out.startswith("People hardly agree.\nRetrieve holds this system back.")


def test_the_gap_of_the_whole_is_told_in_two_parts(capsys: Captured) -> None:
    draw_sheet(sheet_of(agree_view(evidence(two_ways(200)), resamples=100)))
    said = capsys.readouterr().out
    assert "Labellers with the whole" in said
    assert "Architecture loss" in said
    assert "Stages as good as labellers would win" in said


def test_a_named_stage_has_its_gain_without_what_picking_adds(capsys: Captured) -> None:
    draw_sheet(sheet_of(blame(evidence(material(CHAIN, 200)), resamples=200)))
    assert "B is named; allowing for its being picked as the largest, it gains +" in capsys.readouterr().out


def test_sampled_orders_say_how_far_they_decide(capsys: Captured) -> None:
    draw_sheet(sheet_of(blame(ran(EVERY, 80, rounds=2), resamples=50)))
    assert "Gains rest on 16 of 720 orders" in capsys.readouterr().out
