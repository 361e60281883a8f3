"""A record stage by stage as HTML: signs and words repeat every colour, and nothing of a record acts."""

from __future__ import annotations

import math

from stagegap.analysis.failures import Confusion
from stagegap.analysis.record_view import Difference, Mark, RecordView, Shown, StageBlock
from stagegap.charts import Manner, confusion_table, record_blocks, record_fields, record_flow

EVIL = "<script>alert(1)</script>"


def block(**fields: object) -> StageBlock:
    base = {
        "stage": "draft", "badge": "first fault", "score": 0.5, "saw": (("body", "record.body"),), "system": "x",
        "reference": "y", "also": (), "facts": (), "people": "ab, one answer", "difference": None, "kind": "text",
    }  # fmt: skip
    return StageBlock(**{**base, **fields})


def drawn(marked: bool = True, **fields: object) -> str:
    return record_blocks(RecordView(record="r", fields=(), blocks=(block(**fields),)), marked=marked)


def test_block_names_stage_badge_score_and_people() -> None:
    html = drawn()
    assert '<h3>1 draft <span class="badge strong">first fault</span> <small>score 50%</small></h3>' in html
    assert "Saw the record&#x27;s body" in html
    assert "<h4>Reference <small>ab, one answer</small></h4>" in html


def test_stage_that_is_not_compared_has_no_score_and_says_that_the_reference_is_missing() -> None:
    html = drawn(badge="not compared", score=math.nan, reference="", people="", saw=())
    assert '<span class="badge">not compared</span></h3>' in html
    assert "No reference yet." in html
    assert "Saw" not in html


def test_items_carry_sign_and_word() -> None:
    html = drawn(
        kind="items",
        difference=Difference((Mark("same", "a"), Mark("extra", "b")), (Mark("same", "a"), Mark("missing", "c"))),
    )
    assert '<li class="extra"><b aria-hidden="true">+</b> b <small>extra</small></li>' in html
    assert '<li class="missing"><b aria-hidden="true">−</b> c <small>missing</small></li>' in html
    assert "Missing: c. Extra: b." in html


def test_answers_to_the_items_of_a_list_are_read_as_a_chat_and_the_list_is_folded() -> None:
    saw = (("call", "record.calls"), ("body", "record.body"), ("team", "route"))
    turns = '[{"role": "Coder", "name": "1", "content": "print(<b>)"}, {"role": "Boss", "name": "2", "content": ""}]'
    view = RecordView(
        record="r", fields=(("calls", "[1,\n2]"), ("body", "Hello you")), lists=frozenset({"calls"}),
        blocks=(block(saw=saw, turns=turns, system="[]"),),
    )  # fmt: skip
    html = record_flow(view)
    assert html.index("body") < html.index("<summary>calls, item by item</summary>")
    assert '<div class="vr">Coder <small>1</small></div><div class="vp">print(&lt;b&gt;)</div>' in html
    assert "Saw the record&#x27;s body · call: record.calls · team: route" in html


def test_attempts_are_folded_and_what_they_say_is_text() -> None:
    html = drawn(attempts=("1 at once, 0.3 s: infrastructure, <b>429</b>", "2 after 2.0 s, 1.0 s: ok"))
    assert "<summary>Attempts</summary>" in html
    assert "&lt;b&gt;429&lt;/b&gt;\n2 after 2.0 s" in html


def test_empty_list_says_none() -> None:
    html = drawn(kind="items", difference=Difference((), (Mark("missing", "c"),)))
    assert '<div class="ans">none</div>' in html
    assert '<p class="saw">Missing: c.</p>' in html


def test_words_carry_sign_and_word_for_screen_readers() -> None:
    both = Difference((Mark("same", "We "), Mark("extra", "will ")), (Mark("same", "We "), Mark("missing", "can ")))
    html = drawn(difference=both)
    assert '<span class="sr">extra: </span><b aria-hidden="true">+</b>will</span> ' in html
    assert '<span class="sr">missing: </span><b aria-hidden="true">−</b>can</span> ' in html
    plain = drawn(marked=False, difference=both, system="We will", reference="We can")
    assert '<div class="ans v"><div class="vp">We will</div></div>' in plain
    assert "missing" not in plain


def test_facts_that_are_missing_are_said() -> None:
    facts = (Mark("missing", "30 days"), Mark("same", "free"))
    html = drawn(facts=facts, difference=Difference((Mark("same", "x"),), (Mark("same", "x"),)))
    assert 'class="ans facts" aria-label="What must be in it"' in html
    assert "1 fact missing: 30 days." in html


def test_object_is_a_tree_in_which_the_leaves_that_differ_are_marked() -> None:
    ours, theirs = '{"total": 12, "date": "1 May"}', '{"total": 13, "date": "1 May"}'
    both = Difference((Mark("same", ours),), (Mark("same", theirs),))
    html = drawn(system=ours, reference=theirs, difference=both)
    marked = '<span class="w extra"><span class="sr">extra: </span><b aria-hidden="true">+</b>'
    assert f'<span class="vk">total</span> {marked}<span class="vv number">12</span></span></div>' in html
    assert '<span class="vk">date</span> <span class="vv text">1 May</span>' in html
    assert html.count('class="w ') == 2


def test_long_answers_are_folded_where_they_do_not_differ() -> None:
    same = "word " * 2000
    html = drawn(
        system=f"{same}x", reference=f"{same}y",
        difference=Difference((Mark("same", same), Mark("extra", "x")), (Mark("same", same), Mark("missing", "y"))),
    )  # fmt: skip
    assert html.count('<details class="vf">') == 2
    assert '<b aria-hidden="true">+</b>x</span>' in html


def test_fields_are_drawn_as_what_they_are_and_short_ones_share_a_line() -> None:
    fields = (("body", '{"a": {"b": 1}, "c": "refund now"}'), ("lang", "en"), ("n", "<3>"), ("text", "a refund b"))
    html = record_fields(RecordView(record="r", fields=fields, blocks=()), Manner(seek="refund"))
    assert '<p class="field">body</p><div class="v"><div class="vj">' in html
    assert '<p class="saw">lang en · n &lt;3&gt;</p>' in html
    assert html.count("<mark>refund</mark>") == 2
    assert "saw" not in record_fields(RecordView(record="r", fields=fields[:1], blocks=()))


def test_other_right_answers_that_are_long_have_lines_of_their_own() -> None:
    assert '<p class="saw">Also right:</p><div class="ans v">' in drawn(also=("z y",))


def test_other_right_answers_are_named() -> None:
    assert "Also right: z" in drawn(also=("z",))


def test_everything_from_outside_is_escaped() -> None:
    marks = (Mark("same", EVIL), Mark("extra", EVIL), Mark("missing", EVIL))
    for kind in ("items", "text"):
        html = drawn(
            stage=EVIL, saw=((EVIL, EVIL),), system=EVIL, reference=EVIL, also=(EVIL,), people=EVIL, kind=kind,
            facts=(Mark("missing", EVIL),), difference=Difference(marks, marks),
        )  # fmt: skip
        assert "<script" not in html


def test_confusion_has_counts_and_its_mistakes_lead_to_their_records() -> None:
    view = Confusion(
        stage="route", right=("a", "<b>"), answered=("a", "<b>"), records={("a", "a"): ("1", "2"), ("<b>", "a"): ("3",)}
    )
    html = confusion_table(view, chosen="<b> → a")
    assert "<td><b>2</b></td><td>0</td>" in html
    assert 'data-v="&lt;b&gt; → a" aria-current="true">1<span class="sr"> &lt;b&gt; taken for a</span>' in html
    assert html.count("<button") == 1


def test_of_thousands_of_values_those_with_the_most_mistakes_are_drawn_and_the_chosen_ones() -> None:
    values = tuple(f"v{place}" for place in range(5_000))
    right = {(value, value): ("1",) for value in values}
    wrong = {(f"v{place}", f"v{place + 1}"): tuple("ab") for place in range(0, 80, 2)}
    rare = {("v4000", "v4001"): ("c",)}
    view = Confusion(stage="route", right=values, answered=values, records={**right, **wrong, **rare})
    html = confusion_table(view, chosen="v4000 → v4001")
    assert "The 40 values with the most mistakes, of 5,000." in html
    assert html.count("<tr>") == 1 + 40 + 2
    assert 'data-v="v4000 → v4001" aria-current="true"' in html


def test_call_prompt_and_documents_are_drawn_as_text() -> None:
    documents = (Shown(id="P1", title="Tent <1>", text="For two."), Shown(id="P2", title="", text=""))
    marks = (Mark("same", "P1"), Mark("extra", "P2"), Mark("extra", "P3"))
    html = drawn(
        kind="items", difference=Difference(marks, marks[:1]), documents=documents, status="ok", call="1.5 s",
        prompt="<Answer>", raw="{raw}",
    )  # fmt: skip
    text = '<div class="v"><div class="vp">For two.</div></div>'
    assert f"<summary>Tent &lt;1&gt; <small>P1</small></summary>{text}</details>" in html
    assert "Call: ok · 1.5 s" in html
    assert '<summary>Prompt, as it was sent</summary><div class="ans">&lt;Answer&gt;</div>' in html
    assert "<summary>Raw answer</summary>" in html
