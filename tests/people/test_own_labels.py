from __future__ import annotations

from typing import Any

from charts.reading import read
from stagegap import charts
from stagegap.model.answer import Answer, Label, LabelAction
from stagegap.model.record import Json
from stagegap.people.histories import OwnLabel, own_labels


def label(record: str, value: Json, at: float, action: LabelAction = "label", **more: Any) -> Label:
    fields: dict[str, Any] = {
        "id": f"{record}{at}",
        "record": record,
        "stage": "route",
        "annotator": "me",
        "queue": "q",
    } | more
    answer = None if value is None else Answer(value=value)
    return Label(answer=answer, action=action, at=at, **fields)


LABELS = [
    label("m1", "refund", 1.0),
    label("m2", "<b>bold</b>", 2.0, unsure=True, odd=True),
    label("m1", None, 3.0, action="undo"),
    label("m1", "billing", 4.0),
    label("m3", None, 5.0, action="skip"),
    label("m4", "other", 0.5, queue=""),
    label("m2", "settled", 9.0, action="adjudicate"),
]


def test_newest_comes_first_with_what_it_replaced():
    found = own_labels(LABELS)
    assert [(one.record, one.said, one.before) for one in found] == [
        ("m3", "skipped", ()),
        ("m1", "billing", ("undone", "refund")),
        ("m2", "<b>bold</b> (unsure, odd)", ()),
        ("m4", "other", ()),
    ]
    assert len(own_labels(LABELS, most=2)) == 2


def link(row: OwnLabel) -> str | None:
    return f"label?a=1&record={row.record}" if row.queue else None


def test_list_opens_each_record_of_a_queue_and_shows_texts_as_they_are():
    html = charts.own_labels(own_labels(LABELS), noun="mail", link=link)
    found = read(html)
    assert found.rows[0].split("\n")[0].startswith("Mail")
    assert "before: undone; refund" in found.row("m1")
    assert '<a href="label?a=1&amp;record=m1" target="_self">' in html
    assert "record=m4" not in html, "an imported label has no queue to open it in"
    assert "&lt;b&gt;bold" in html
    assert "You have no label here yet." in charts.own_labels([], noun="mail", link=link)
