"""A reference led back to people: every kind of event, and what each person had before them."""

from __future__ import annotations

import json

from charts.reading import read
from stagegap import charts
from stagegap.model.answer import Answer, Fact, Label
from stagegap.model.notes import Seen
from stagegap.model.queue import GuidelineVersion
from stagegap.people.disagreements import decisions
from stagegap.people.histories import LONGEST, LabelHistory, label_history
from ui.fake_reading import CASCADE

BAD = "<img src=x onerror=alert(1)> ![x](http://tracker.invalid)"
PAYLOADS = {
    "h1": json.dumps(
        {
            "id": "m1",
            "inputs": [
                {"label": "body", "kind": "text", "value": BAD + "x" * LONGEST},
                {"label": "found", "kind": "documents", "value": [{"id": "KB-1", "title": "Refunds", "text": "…"}]},
            ],
            "options": {"value": [{"value": "KB-2", "title": "Parcels", "text": "…"}, {"value": "KB-3"}]},
        }
    ),
    "h2": json.dumps({"id": "m1", "inputs": [], "options": {}, "texts": {"a": "Dear A", "b": "Dear B"}}),
    "h3": json.dumps({"id": "m1", "inputs": [], "options": {"verdict": [{"value": "a", "text": "A:  Dear A"}]}}),
}
VERSION = GuidelineVersion(hash="g" * 16, text="Be <b>kind</b>.", since=0.0)


def label(who: str, at: float, value: object = "refund", **more: object) -> Label:
    answer = None if value is None else Answer(value=value)  # type: ignore[arg-type]  # JSON of the test
    fields = {"id": f"{who}{at}", "record": "m1", "stage": "route", "answer": answer} | more
    return Label(annotator=who, at=at, **fields)  # type: ignore[arg-type]  # short rows


RATINGS = {"criterion": "quality", "ratings": {"system": 2, "person": 5}}
MADE = [
    label("ab", 1.0, "billing", seen="h1", run="5", guideline="g" * 16, verified=True, active_ms=4_200),
    label("cd", 2.0, seen="gone", unsure=True, odd=True, note=BAD, targeted=True),
    label("ef", 3.0, None, action="skip"),
    label("ab", 4.0, None, action="undo"),
    label("ab", 9.0, "refund"),
    label("gh", 6.0, RATINGS, task="judge", seen="h2"),
    label("gh", 6.5, RATINGS, task="judge", seen="h3"),
    label("ij", 10.0, action="adjudicate", reason="slip", cites="Be kind.", seen="h1",
          also=(Answer(value="billing", facts=(Fact(("30 days",)),)),)),
    label("ab", 5.0, "elsewhere", stage="draft", run="5"),
    label("ab", 5.0, "another", record="m2"),
]  # fmt: skip
LOOKS = [
    Seen(id="s1", record="m1", annotator="ab", at=8.0, run="5"),
    Seen(id="s2", record="m1", annotator="kl", at=11.0),
    Seen(id="s3", record="m2", annotator="ab", at=0.0),
]


def traced(labels: list[Label] = MADE) -> LabelHistory:
    return label_history(
        "m1", "route", CASCADE, labels=labels, looks=LOOKS, payloads=PAYLOADS, runs={"5": "v1"}, guidelines=[VERSION]
    )


def test_everything_that_people_did_stands_in_its_order_with_what_they_saw() -> None:
    found = traced()
    assert [(one.who, one.did, one.said) for one in found.events] == [
        ("ab", "answered", "billing"),
        ("cd", "answered", "refund"),
        ("ef", "skipped", ""),
        ("ab", "took back", ""),
        ("gh", "judged", "by quality: person 5, system 2"),
        ("gh", "judged", "by quality: person 5, system 2"),
        ("ab", "saw the answers", ""),
        ("ab", "corrected", "refund"),
        ("ij", "settled", "refund or billing\nmust contain: 30 days"),
        ("kl", "saw the answers", ""),
    ]
    first, second, *_, look, corrected, settled, last = found.events
    assert first.saw == "saw body, found, candidates, as in run v1"
    assert dict(first.inputs)["candidates"] == "KB-2 Parcels\nKB-3"
    assert dict(first.inputs)["found"] == "KB-1 Refunds"
    assert dict(first.inputs)["body"].endswith("characters)"), "a field of 5 MB does not fill the page"
    assert (first.verified, first.active_ms, first.guideline, first.remarks) == (True, 4_200, "g" * 16, ())
    assert second.saw == "saw what is not stored (gone)"
    assert second.remarks == ("unsure", "odd", "hunted for: in no rate without weights", f"note: {BAD}")
    assert corrected.remarks == ("not blind: had seen answers before",)
    assert corrected.saw == "from a file: what was seen is unknown"
    assert settled.remarks == ("they differed: slip", "guideline line: Be kind.")
    assert (look.saw, last.saw) == ("of run v1", "of labellers")
    judged = [dict(one.inputs) for one in found.events if one.did == "judged"]
    assert judged == [{"answer A": "Dear A", "answer B": "Dear B"}, {"answers": "A:  Dear A"}]
    assert found.guidelines == (VERSION,)


def test_reference_says_what_it_rests_on() -> None:
    assert traced().accepted == ("refund", "billing\nmust contain: 30 days")
    assert traced().settled == "ab, cd, ij: adjudicated"
    assert traced(MADE[:2]).settled == "ab, cd: both accepted, nobody has decided"
    nothing = traced([])
    assert (nothing.accepted, nothing.settled) == ((), "")


def test_picture_has_a_row_an_event_and_shows_texts_as_they_are() -> None:
    html = charts.label_histories([traced(), traced([])])
    found = read(html)
    assert "<img" not in html
    assert "<b>kind" not in html
    assert "1970-01-01 00:00:01" in found.row("1970-01-01 00:00:01")
    first = found.row("1970-01-01 00:00:01")
    assert "verified" in first
    assert "saw body, found, candidates, as in run v1, 4 s, guideline gggggggggggggggg" in first
    assert "not verified" in found.row("1970-01-01 00:00:02")
    assert "verified" not in found.row("1970-01-01 00:00:08"), "a look does not say"
    assert "No reference yet." in html
    assert "Guideline gggggggggggggggg, used since 1970-01-01 00:00 UTC" in html
    empty = label_history("m9", "route", CASCADE, labels=[], looks=[], payloads={}, runs={}, guidelines=[])
    assert "Nobody did anything here." in charts.label_histories([empty])


def test_decisions_are_listed_without_what_was_decided() -> None:
    rows = decisions([MADE[7], label("mn", 20.0, action="adjudicate", record=BAD, verified=True)])
    assert [row.who for row in rows] == ["mn", "ij"]
    html = charts.decisions(rows, noun="mail", chosen="m1")
    assert "<img" not in html
    assert 'data-v="m1" aria-current="true"' in html
    assert "refund" not in html
    assert "slip" in html
    assert ("not verified" in read(html).row("m1"), "not verified" in read(html).row("<img")) == (True, False)
