"""A value as nodes: its structure is seen, nothing of it is lost, and what is long is folded where nothing happens."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stagegap.model.record import Json
from stagegap.tables.content import MOST_NODES, compact, compared, content
from stagegap.tables.prose import Node, markdown

CHAT = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": [{"type": "text", "text": "Tent?"}, {"type": "image_url", "image_url": {"url": "x"}}]},
    {
        "role": "assistant", "content": None,
        "tool_calls": [{"id": "c1", "function": {"name": "search", "arguments": '{"query": "tent", "k": 3}'}}],
    },
    {"role": "tool", "tool_call_id": "c1", "content": '[{"sku": "P1", "price": 12.50}, {"sku": "P2", "price": 8}]'},
    {"role": "assistant", "content": "Take **P2**.\n\n- cheap\n- light", "latency": 0.4},
]  # fmt: skip


def kinds(nodes: tuple[Node, ...]) -> list[str]:
    return [node.kind for node in nodes]


def words(nodes: tuple[Node, ...]) -> str:
    return "".join(piece for node in nodes for piece in node.texts())


def every(nodes: tuple[Node, ...], kind: str) -> list[Node]:
    inner = [node for outer in nodes for node in every(outer.parts, kind)]
    return [*(node for node in nodes if node.kind == kind), *inner]


def test_chat_is_drawn_as_turns_with_calls_results_and_structured_words() -> None:
    (chat,) = content(CHAT)
    assert [turn.name for turn in chat.parts] == ["system", "user", "assistant", "tool", "assistant"]
    (call,) = every(chat.parts, "call")
    assert (call.name, call.note) == ("search", "c1")
    assert [leaf.name for leaf in every(call.parts, "leaf")] == ["query", "k"]
    assert kinds(chat.parts[3].parts) == ["table"]
    assert [item.kind for item in every(chat.parts[4].parts, "bullets")] == ["bullets"]
    assert "image_url" in [node.name for node in every(chat.parts[1].parts, "branch")], "no part is dropped"
    assert [leaf.name for leaf in every(chat.parts[4].parts, "leaf")] == ["latency"]


@pytest.mark.parametrize(
    ("message", "name", "kind"),
    [
        ({"role": "assistant", "content": [{"type": "tool_use", "name": "find", "input": {"q": 1}}]}, "find", "call"),
        ({"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "ok"}]}, "", "result"),
        ({"type": "function_call", "name": "find", "arguments": "{}", "call_id": "t"}, "find", "call"),
        ({"type": "function_call_output", "call_id": "t", "output": "ok"}, "function_call_output", "turn"),
        ({"role": "model", "parts": [{"functionCall": {"name": "find", "args": {"q": 1}}}]}, "find", "call"),
        ({"role": "user", "parts": [{"functionResponse": {"name": "find", "response": {"a": 1}}}]}, "", "result"),
        ({"role": "assistant", "content": "", "function_call": {"name": "find", "arguments": "{}"}}, "find", "call"),
        ({"from": "human", "value": "hello"}, "human", "turn"),
        ({"role": "assistant", "content": ["hello"]}, "assistant", "turn"),
        ({"role": "assistant", "content": 3}, "assistant", "turn"),
        ({"role": "assistant", "content": {"text": "hello"}}, "assistant", "turn"),
        ({"role": "assistant", "parts": [{"type": "text", "content": "hello"}]}, "assistant", "turn"),
        ({"role": "assistant", "tool_calls": [{"function": "find"}]}, "find", "call"),
    ],
)  # fmt: skip
def test_message_of_any_usual_shape_is_a_turn(message: Json, name: str, kind: str) -> None:
    nodes = content([message])
    assert kinds(nodes) == ["chat"]
    assert name in [node.name for node in every(nodes, kind)]


def test_json_is_a_tree_whose_numbers_stay_as_they_are_written() -> None:
    (tree,) = content(
        '{"total": 1.50, "big": 12345678901234567890, "none": null, "list": [], "lines": [{"a": [1, 2]}]}'
    )
    values = {leaf.name: words(leaf.parts) for leaf in every((tree,), "leaf")}
    assert values == {"total": "1.50", "big": "12345678901234567890", "none": "null", "list": "[]", "1": "1", "2": "2"}
    assert [branch.note for branch in every((tree,), "branch")] == ["1 entry", "1 key", "2 entries"]


@pytest.mark.parametrize("text", ["[1]", "[12, 13]", "[draft]", "{x}", "{}", "[]", '{"a": 1', "plain", "{\n}x", "true"])
def test_text_that_holds_no_object_stays_a_text(text: str) -> None:
    assert kinds(content(text)) in (["plain"], ["code"])
    assert words(content(text)) == text


def test_objects_one_a_line_are_read_as_a_list() -> None:
    assert kinds(content('{"a": 1}\n{"a": 2}')) == ["table"]
    assert kinds(content('{"a": 1}\n\n{"a": ')) == ["plain"]
    assert kinds(content('{"a": 1}\n[2]\n{"b": 3}')) == ["code"]
    assert kinds(content("\n".join(json.dumps(turn) for turn in CHAT))) == ["chat"]


def test_flat_objects_that_are_alike_are_a_table_and_others_a_tree() -> None:
    rows = [{"name": "a", "n": 1, "note": None}, {"name": "b", "n": 2, "note": ""}]
    (table,) = content(rows)
    assert [words((cell,)) for cell in every((table,), "cell")] == ["name", "n", "note", "a", "1", "", "b", "2", ""]
    assert kinds(content([{"a": {"b": 1}}, {"a": 1}])) == ["tree"]
    assert kinds(content([{"a": 1}, {"b": 1}, {"c": 1}])) == ["tree"]
    assert kinds(content([{"a": "x" * 500}, {"a": "y"}])) == ["tree"]
    assert kinds(content([1, "b"])) == ["tree"]
    assert kinds(content([{str(i): 1 for i in range(30)}] * 2)) == ["tree"]


def test_many_rows_stand_in_a_fold_that_counts_them() -> None:
    (whole,) = content([{"a": i} for i in range(100)])
    assert kinds(whole.parts) == ["table", "fold"]
    assert whole.parts[1].note == "60 more rows"
    (cut,) = content([{"a": i} for i in range(MOST_NODES + 7)])
    assert cut.parts[1].note.endswith(", and 7 rows that are not drawn")


def test_documents_have_id_title_and_text() -> None:
    (documents,) = content([{"id": "P1", "title": "Tent", "text": "For two."}, {"id": 2, "text": ""}])
    assert [(document.name, document.note) for document in documents.parts] == [("P1", "Tent"), ("2", "")]
    assert kinds(content({"id": "P1", "text": "For two."})) == ["documents"]
    assert kinds(content({"id": "P1", "text": "For two.", "score": 1})) == ["tree"]


def test_markdown_is_structure_made_of_characters_alone() -> None:
    text = (
        "# Refund\n\nWithin *30* **days**, ~~14~~ `now`.\nNext line  \nand\n\n3. one\n4. two\n\n> quoted\n\n---\n\n"
        "| a | b |\n|---|---|\n| 1 | 2 |\n\n```sql\nselect 1\n```\n\n"
        "[click](javascript:alert(1)) <http://x.y> ![pixel](http://t/p.png) <img src=x onerror=alert(1)> &amp;"
    )
    nodes = content(text)
    assert set(kinds(nodes)) == {"heading", "paragraph", "numbers", "quote", "rule", "table", "code", "fold"}
    assert every(nodes, "numbers")[0].level == 3
    assert every(nodes, "code")[0].name == "sql"
    drawn = words(nodes[:-1])
    for piece in ("click (javascript:alert(1))", "http://x.y", "picture: pixel (http://t/p.png)", "onerror", "&amp;"):
        assert piece in drawn
    assert nodes[-1].note == "As it was written"
    assert words((nodes[-1],)) == text


def test_plain_words_with_a_sign_or_two_are_not_taken_for_markdown() -> None:
    for text in ("Hello,\n- a dash\nbye", "1 * 2 * 3\n4", "see **this**", "-- \nAnn", "a\n---\nb"):
        assert kinds(content(text)) == ["plain"]
        assert words(content(text)) == text


def test_markdown_that_would_lose_a_letter_is_drawn_as_it_is() -> None:
    text = "# x\n\n" + "> " * 200 + "deep"
    assert markdown(text, room=1000) == ()
    assert words(content(text)) == text


def test_code_is_code() -> None:
    assert kinds(content("def f(x):\n    return x\n\nimport os\n")) == ["code"]
    assert kinds(content("<order>\n  <id>3</id>\n</order>")) == ["code"]


@given(st.text(), st.integers(10, 200), st.text(max_size=3))
def test_no_character_of_a_plain_text_is_lost_whatever_is_folded(text: str, room: int, seek: str) -> None:
    nodes = content(text, room=room, seek=seek)
    if kinds(nodes) == ["plain"]:
        assert words(nodes) == text


@given(
    st.lists(st.sampled_from(["# a", "- b", "**c**", "> d", "| e |", "|---|", "```", "[f](g)", "", " ", "1. h", "x"]))
)
def test_no_letter_of_a_structured_text_is_lost(lines: list[str]) -> None:
    text = "\n".join(lines)
    nodes = content(text)
    assert sum(map(str.isalpha, words(nodes))) >= sum(map(str.isalpha, text))


def test_long_text_is_folded_between_head_and_tail_and_says_how_much() -> None:
    text = "\n".join(f"line {i}" for i in range(1000))
    (plain,) = content(text, room=400)
    assert kinds(plain.parts) == ["text", "fold", "text"]
    head, fold, tail = plain.parts
    assert head.text.startswith("line 0\n")
    assert tail.text.endswith("line 999")
    assert fold.note == f"{fold.parts[0].text.count(chr(10))} lines, {len(fold.parts[0].text):,} characters"
    assert words((plain,)) == text


def test_long_text_stays_open_around_what_was_searched_for() -> None:
    text = "word " * 2000 + "The Refund came. " + "word " * 2000 + "no refund here" + " end" * 300
    (plain,) = content(text, room=400, seek="refund")
    assert [words((node,)) for node in plain.parts if node.kind == "match"] == ["Refund", "refund"]
    assert [node.kind for node in plain.parts].count("fold") == 3
    assert words((plain,)) == text


def test_long_lists_and_chats_are_folded_in_the_middle() -> None:
    (tree,) = content([f"entry {i} of these" for i in range(500)])
    assert any(node.kind == "fold" and "entries" in node.note for node in tree.parts)
    (chat,) = content([{"role": "user", "content": f"turn {i}"} for i in range(500)])
    assert chat.parts[0].kind == "turn"
    assert any("turns" in node.note for node in chat.parts if node.kind == "fold")
    (found,) = content([{"role": "user", "content": f"turn {i} {'x' * 99}"} for i in range(500)], seek="turn 250")
    opened = [words((node,)).split(" x")[0] for node in found.parts if node.kind == "turn"]
    assert opened == ["turn 0", "turn 249", "turn 250", "turn 251", "turn 499"]


def test_object_beside_another_marks_the_leaves_that_differ() -> None:
    ours = {"total": 12, "date": "1 May", "lines": [{"n": 1}, {"n": 2}], "extra": {"a": 1}, "same": "x"}
    theirs = {"total": 12.0, "date": "2 May", "lines": [{"n": 1}, {"n": 3}], "same": "x"}
    nodes = compared(ours, theirs, kind="extra")
    assert nodes is not None
    marked = [leaf.name for leaf in every(nodes, "leaf") if leaf.parts[0].kind == "extra"]
    assert sorted(marked) == ["date", "extra", "n"]
    assert compared("a", '{"a": 1}', kind="extra") is None
    listed = compared('["a", "b"]', '["b", "c"]', kind="missing")
    assert listed is not None
    assert [words((node,)) for node in every(listed, "missing")] == ["a"]
    assert compared(["a"], {"a": 1}, kind="extra") is None
    longer = compared([{"a": 1}, {"b": 2}], [{"a": 1}], kind="extra")
    assert longer is not None
    assert len(every(longer, "extra")) == 1


def test_numbers_of_two_texts_are_the_same_when_their_values_are() -> None:
    same = compared('{"a": 1.50}', '{"a": 1.5}', kind="extra")
    assert same is not None
    assert every(same, "extra") == []


def test_values_nested_deeper_than_can_be_compared_differ() -> None:
    deep: Json = []
    other: Json = []
    for _ in range(5000):
        deep, other = [deep], [other]
    nodes = compared([deep], [other], kind="extra")
    assert nodes is not None
    assert len(every(nodes, "leaf")) == 1


def test_depth_breadth_and_size_are_bounded() -> None:
    deep: Json = []
    for _ in range(1000):
        deep = [deep]
    assert every(content(deep), "leaf")[0].parts[0].text.startswith("[[[")
    assert kinds(content("[" * 1000 + "]" * 1000)) in (["plain"], ["tree"])
    wide = content(json.dumps({str(i): i for i in range(20_000)}))
    assert "more entries, not drawn" in words(wide)
    assert len(every(wide, "leaf")) == MOST_NODES
    many = content([{"role": "user", "content": "x"}] * (MOST_NODES + 1))
    assert "1 more entry, not drawn" in words(many)
    assert words(content("x" * 2_000_000)) == "x" * 2_000_000


def test_compact_cuts_and_says_so() -> None:
    assert compact({"a": ["x", 1.5, None, True], "b": {}}, 100) == '{"a": ["x", 1.5, null, true], "b": {}}'
    assert compact(["word"] * 100, 10) == '["word", "…'
