"""A record as it flowed: what each stage saw, answered and took; every text as text, and nothing of a reference."""

from __future__ import annotations

from dataclasses import replace

from stagegap import charts
from stagegap.analysis.record_view import RecordView, Shown, StageBlock

EVIL = "<img src=x onerror='window.hacked=1'><script>window.hacked=1</script>"
BLOCK = StageBlock(
    stage="retrieve", badge="not compared", score=float("nan"), saw=(("query", "record.body"),), system="KB-1, KB-2",
    reference="", also=(), facts=(), people="", difference=None, kind="items", status="ok", call="0.2 s, $0.0012",
    documents=(Shown(id="KB-1", title="Refunds", text="Within 14 days."),),
)  # fmt: skip
VIEW = RecordView(record="m1", fields=(("subject", EVIL), ("empty", "")), blocks=(BLOCK,), run="v1")


def test_flow_shows_fields_documents_by_title_and_what_a_call_took() -> None:
    html = charts.record_flow(VIEW)
    assert "<summary>Refunds <small>KB-1</small></summary>" in html
    assert "KB-2" in html
    assert "Call: ok · 0.2 s, $0.0012" in html
    assert "Reference" not in html
    assert "empty" not in html


def test_texts_of_a_record_are_text() -> None:
    evil = replace(BLOCK, stage=EVIL, kind="text", system=EVIL, documents=())
    html = charts.record_flow(replace(VIEW, blocks=(evil, replace(evil, system=""))))
    assert "<img" not in html
    assert "<script" not in html
    assert '<div class="ans none">Empty.</div>' in html
