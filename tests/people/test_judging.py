from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from stagegap.errors import ConfigurationError
from stagegap.model.answer import Answer, Label
from stagegap.model.queue import Queue, QueueItem
from stagegap.model.record import Json, Record
from stagegap.people import judgements as j
from stagegap.people.card import label_from_event

RATE, PREFER = j.Judging(mode="rate", criterion="quality"), j.Judging(mode="prefer", criterion="politeness")
FORM: dict[str, Json] = {"question": "Write the reply.", "hash": "0" * 16, "fields": [], "catalogue": [["d1", "Doc"]]}


def item(record: str) -> QueueItem:
    inputs: list[Json] = [{"label": "body", "kind": "text", "value": "Where is it?"}]
    return QueueItem(position=0, record=record, payload=json.dumps({"id": record, "inputs": inputs, "options": {}}))


def queue(how: j.Judging) -> Queue:
    form = json.dumps(j.judging_form(FORM, how))
    return Queue(id="q", cascade="c", stage="draft", purpose="judge", created_at=0.0, form=form, run="r1")


PAIR = j.Pair(system=Answer(value="machine text"), person=Answer(value="human text"), author="first-author")


def judged(
    record: str, how: j.Judging, values: Mapping[str, Json] | None, *, who: str = "eve", at: float = 0.0
) -> Label:
    event: dict[str, Any] = {"id": f"{record}{who}{at}", "record": record, "action": "label" if values else "skip"}
    sealed = j.judging_item(item(record), PAIR, how)
    return label_from_event(
        {**event, "values": values}, queue(how), sealed, annotator=who, at=at, task="judge", read=j.judged_answer
    )  # fmt: skip


def sides(record: str) -> dict[str, str]:
    return json.loads(j.judging_item(item(record), PAIR, RATE).sealed)


RECORDS = [f"m{i}" for i in range(40)]


@pytest.mark.parametrize("how", [RATE, PREFER])
def test_nothing_that_is_shown_says_who_gave_which_answer(how: j.Judging):
    shown = [j.judging_item(item(record), PAIR, how) for record in RECORDS]
    assert all(
        "system" not in one.payload and "person" not in one.payload and "first-author" not in one.payload
        for one in shown
    )
    assert all("machine text" in one.payload and "human text" in one.payload for one in shown)
    assert {json.loads(one.sealed)["a"] for one in shown} == {"system", "person"}, "sides differ between records"
    assert j.judging_item(item("m1"), PAIR, how) == j.judging_item(item("m1"), PAIR, how), "and never within one"


def test_rating_says_what_each_source_got_and_comes_back_into_the_form():
    made = judged("m1", RATE, {"a": 4, "b": 2})
    assert made.task == "judge"
    assert made.answer is not None
    ratings = {sides("m1")["a"]: 4, sides("m1")["b"]: 2}
    assert made.answer.value == {"criterion": "quality", "ratings": ratings}
    back = j.values_of_judgement(made, queue(RATE), j.judging_item(item("m1"), PAIR, RATE))
    assert (back["a"], back["b"]) == (4, 2)


@pytest.mark.parametrize(("verdict", "points"), [("a", (1, 0)), ("b", (0, 1)), ("both", (1, 1)), ("neither", (0, 0))])
def test_preference_says_which_is_good_and_comes_back_into_the_form(verdict: str, points: tuple[int, int]):
    made = judged("m1", PREFER, {"verdict": verdict})
    assert made.answer is not None
    ratings = dict(zip((sides("m1")["a"], sides("m1")["b"]), points, strict=True))
    assert made.answer.value == {"criterion": "politeness", "ratings": ratings}
    back = j.values_of_judgement(made, queue(PREFER), j.judging_item(item("m1"), PAIR, PREFER))
    assert back["verdict"] == verdict


def test_skipped_judgement_has_no_values_to_show_again():
    made = judged("m1", RATE, None)
    assert made.answer is None
    assert set(j.values_of_judgement(made, queue(RATE), item("m1"))) == {"_unsure", "_odd", "_note"}


@pytest.mark.parametrize("values", [{"a": 4}, {"a": 4, "b": 9}, {"a": True, "b": 2}, {"verdict": "a"}])
def test_values_that_the_form_cannot_give_are_refused(values: Mapping[str, Json]):
    with pytest.raises(ConfigurationError, match="is no answer of the form"):
        judged("m1", RATE, values)


def test_judging_needs_a_criterion():
    with pytest.raises(ConfigurationError, match="needs a criterion"):
        j.Judging(mode="rate", criterion=" ")


def test_pairs_are_records_that_both_answered_and_one_author_is_drawn_of_several():
    def label(record: str, who: str, value: Json, stage: str = "draft") -> Label:
        return Label(id=f"{record}{who}{stage}", record=record, stage=stage, annotator=who, answer=Answer(value=value))

    labels = [
        *(label(record, who, f"by {who}") for record in RECORDS for who in ("ab", "cd")),
        label("silent", "ab", None),
        label("unanswered", "ab", "text"),
        label("m1", "ab", "spam", stage="route"),
    ]
    found = j.pairs(labels, {**dict.fromkeys(RECORDS, "machine"), "silent": "machine", "unanswered": None}, "draft")
    assert set(found) == set(RECORDS)
    assert {pair.author for pair in found.values()} == {"ab", "cd"}
    assert all(pair.person.value == f"by {pair.author}" for pair in found.values())


def test_judgements_become_a_paired_gap_in_which_the_last_word_counts():
    records = [Record(id=record, fields={}) for record in RECORDS]

    def points(record: str, *, system: int, person: int) -> dict[str, Json]:
        where = sides(record)
        given = {"system": system, "person": person}
        return {"a": given[where["a"]], "b": given[where["b"]]}

    made = [judged(record, RATE, points(record, system=2, person=4)) for record in RECORDS]
    made += [judged("m0", RATE, points("m0", system=3, person=4), at=1.0), judged("m1", RATE, None, at=1.0)]
    gap = j.judged_gap(made, records, RATE, noun="mail", seed=0)
    assert gap is not None
    assert gap.gap.n == 39
    assert gap.gap.value == pytest.approx((38 * 2 + 1) / 39)
    assert "labellers are rated higher" in gap.sentence
    assert j.judged_gap(made[:0], records, RATE, noun="mail", seed=0) is None
    assert j.judging_of(queue(PREFER)) == PREFER
    assert replace(RATE, criterion="tone").scale == (1, 5)
    assert PREFER.scale == (0.0, 1.0)
