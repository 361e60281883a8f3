from __future__ import annotations

import pytest

import planted
from stagegap.analysis.need import NeedView, minutes, need_view, next_labels
from stagegap.model.answer import Answer, Label
from views_of_runs import CHAIN, evidence, material, timed


def open_ranking(milliseconds: int | None = None) -> NeedView:
    """Sixty records, twenty of which lack a label at B."""
    made = planted.Planted(shape=planted.CHAIN[2], skill={"A": 0.85, "B": 0.75})
    cascade, rows, outputs, labels = material(made, 60, seed=5)
    gone = {row.id for row in rows[:20]}
    fewer = tuple(label for label in labels if label.stage != "B" or label.record not in gone)
    pilot = cascade, rows, outputs, fewer
    return need_view(evidence(timed(pilot, milliseconds) if milliseconds else pilot), resamples=400)


def own(stage: str, *seconds: float) -> list[Label]:
    return [
        Label(
            id=f"{stage}{i}", record=f"r{i}", stage=stage, annotator="me", answer=Answer(value="right"),
            active_ms=int(1000 * each),
        )
        for i, each in enumerate(seconds)
    ]  # fmt: skip


def test_the_records_that_decide_are_counted_by_stage_and_timed_at_the_own_pace():
    view = open_ranking(6_000)
    found = next_labels(view, own("B", 10, 30, 20))
    assert found.wanted == {"B": 20}
    assert found.minutes == pytest.approx(20 * 20 / 60)
    assert (
        f"{view.proposed:,} records more, labelled at every stage, decide in half of the cases which stage is worst, "
        f"{view.more:,} in nearly all: 20 at B"
    ) in found.sentence
    assert "about 7 min at your pace." in found.sentence
    assert f"{view.proposed - 20:,} of them must be new." in found.sentence


def test_without_own_times_the_pace_is_that_of_everybody():
    assert "about 2 min at the pace so far." in next_labels(open_ranking(6_000), []).sentence


def test_without_any_times_no_minutes_are_promised():
    found = next_labels(open_ranking(), [])
    assert found.minutes is None
    assert " min " not in found.sentence


def test_whoever_labels_is_not_told_which_stage_is_suspected():
    decided = next_labels(need_view(evidence(material(CHAIN, 400)), resamples=400), [])
    assert (decided.is_decided, decided.wanted, decided.minutes) == (True, {}, None)
    assert decided.sentence == "Which stage is worst is decided. More labels would only sharpen the numbers."


def test_a_near_tie_gets_a_promise_too():
    made = planted.Planted(shape=planted.CHAIN[2], skill={"A": 0.875, "B": 0.857})
    view = need_view(evidence(material(made, 120)), resamples=400)
    found = next_labels(view, [])
    assert 120 < view.proposed < view.more
    assert found.sentence.endswith("in nearly all. Run v1 has no unlabelled record left, so they must be new.")


def test_below_thirty_records_nothing_is_decided():
    view = need_view(evidence(material(CHAIN, 12)), resamples=400)
    assert next_labels(view, []).sentence.startswith("18 records more, labelled at every stage, make it possible to")


def test_labels_that_came_since_are_told():
    found = next_labels(open_ranking(), [], newer=3)
    assert (found.newer, found.run) == (3, "v1")
    assert found.sentence.endswith("3 newer labels not counted yet.")


def test_the_proposed_records_are_all_in_the_view():
    view = open_ranking()
    assert len(view.next) >= min(view.proposed, view.unlabelled)
    assert sum("B" in one.stages for one in view.next[: view.proposed]) == view.stages[1].wanted


def test_stages_that_need_no_label_need_no_pace():
    assert minutes([0, 3], [None, 20.0]) == 1.0
    assert minutes([0, 3], [None, 20.0], fresh=1) is None
