from __future__ import annotations

from stagegap.model.answer import Answer, Label
from stagegap.model.notes import Seen
from stagegap.people.histories import is_told, told_since
from ui.fake_reading import CASCADE


def label(who: str, at: float, stage: str = "route", **more: object) -> Label:
    fields = {"id": f"{who}{at}", "record": "m1", "answer": Answer(value="billing")} | more
    return Label(stage=stage, annotator=who, at=at, **fields)  # type: ignore[arg-type]  # short rows


MADE = [
    label("settler", 5.0, action="adjudicate"),
    label("judge", 6.0, task="judge"),
    label("reader", 7.0, "retrieve", run="v1"),
    label("from a file", 7.0, "retrieve"),
    label("further on", 7.0, "draft", run="v1"),
    label("gone", 7.0, "no longer a stage", run="v1"),
]
LOOKS = [Seen(id=f"s{at}", record="m1", annotator="looker", at=at) for at in (9.0, 8.0)]


def test_first_sight_of_somebody_elses_answer_counts_whichever_way_it_came():
    since = told_since(MADE, LOOKS, CASCADE)
    at_route = {who: at for (_, stage, who), at in since.items() if stage == "route"}
    assert at_route == {"settler": 5.0, "judge": 6.0, "reader": 7.0, "looker": 8.0}
    assert since["m1", "retrieve", "further on"] == 7.0, "draft shows what retrieve found"
    assert since["m1", "draft", "looker"] == 8.0, "a look shows every stage"


def test_only_an_own_answer_that_came_later_is_not_blind():
    since = told_since([], LOOKS, CASCADE)
    assert is_told(label("looker", 8.5), since)
    assert not is_told(label("looker", 8.0), since)
    assert not is_told(label("looker", 8.5, action="skip", answer=None), since)
    assert not is_told(label("looker", 8.5, task="judge"), since)
    assert not is_told(label("somebody", 99.0), since)
