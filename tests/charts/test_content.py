"""A value as elements: characters stay characters, whatever a record holds, and a secret is out before it is cut up."""

from __future__ import annotations

import json
from collections.abc import Sequence
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stagegap.charts.content import Element, Manner, differing_html, drawn_value, html, value_html
from stagegap.model.record import Json

ALLOWED = {
    "b", "blockquote", "code", "details", "div", "hr", "i", "li", "mark", "ol", "s", "small", "span", "summary",
    "table", "tbody", "td", "th", "thead", "tr", "ul",
}  # fmt: skip
ATTRIBUTES = {"aria-hidden", "aria-label", "class", "open", "role", "scope", "start", "tabindex"}
HOSTILE = [
    "<script>window.hacked=1</script>",
    "<img src=x onerror='window.hacked=1'>",
    "# x\n[click](javascript:window.hacked=1)\n\n![p](http://tracker.invalid/p.png)\n\n<svg onload=alert(1)>",
    "# x\n<div onclick=alert(1)>\n\n```\"><script>alert(1)</script>\nx\n```",
    "| a |\n|---|\n| <b onclick=x> |",
    "- \"><img src=x onerror=alert(1)>\n- <!-- x -->\n\n<http://x.invalid/\"onmouseover=alert(1)>",
    '{"<script>": "<img src=x onerror=alert(1)>", "a\\"onclick=\\"": ["</div>"]}',
    '[{"role": "<script>", "content": "</div><script>", "name": "\\" onclick=x"}]',
    '[{"id": "<script>", "title": "</b>", "text": "# h\\n<script>"}]',
    "\u202emoc.live\u202c \u2066x\u2069 \u0645\u0631\u062d\u0628\u0627",
    "[" * 1000 + "]" * 1000,
    '{"a":' * 1000 + "1" + "}" * 1000,
    "nul \x00 esc \x1b[31m lone \ud800 return \r\n",
    "&lt;script&gt; &#60;script&#62; \\u003cscript\\u003e",
]  # fmt: skip


class Tags(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_nothing_of_a_record_becomes_an_element_or_an_attribute(text: str) -> None:
    for value in (text, [text], {text: text}, [{"role": "user", "content": text}]):
        tags = Tags(value_html(value))
        assert tags.tags <= ALLOWED
        assert tags.attributes <= ATTRIBUTES
        assert "href" not in tags.attributes


KEYS = st.sampled_from(["role", "content", "id", "text", "title", "type", "parts"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(KEYS, inner),
)


@given(VALUES)
def test_card_and_report_draw_the_same_elements(value: Json) -> None:
    elements = drawn_value(value)
    assert tags_of(elements) <= ALLOWED
    assert json.loads(json.dumps(elements)) == elements
    assert Tags(value_html(value)).text == Tags(html(elements)).text


def tags_of(elements: Sequence[Element | dict[str, str]]) -> set[str]:
    inner = [part for part in elements if isinstance(part, list)]
    return {str(part[0]) for part in inner} | {tag for part in inner for tag in tags_of(part[2:])}


def test_megabyte_of_text_is_there_in_full_and_folded() -> None:
    text = "0123456789abcde\n" * 65_536
    drawn = value_html(text)
    assert Tags(drawn.replace("<summary>", "<!--").replace("</summary>", "-->")).text == text
    assert drawn.count("<details") == 1


def test_secret_is_taken_out_before_markup_could_cut_it_in_two(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SERVICE_KEY", "aaaa*bbbb*cccc")
    for value in ("# x\nkey aaaa*bbbb*cccc", {"key": "aaaa*bbbb*cccc"}, "aaaa*bbbb*cccc"):
        assert "cccc" not in value_html(value)
    assert "cccc" not in differing_html("a aaaa*bbbb*cccc", "b", [], kind="extra")


def test_differences_are_named_as_the_page_wants() -> None:
    drawn = differing_html('{"a": 1}', '{"a": 2}', [], kind="extra", words={"extra": "new"})
    assert '<span class="sr">new: </span>' in drawn
    assert differing_html("a", "b", None, kind="extra") == '<div class="vp">a</div>'


def test_every_kind_of_node_has_a_form() -> None:
    text = "# h\n\n1. **a** *b* ~~c~~ `d`\n\n> q\n\n---\n\n```py\nx\n```\n\n| a |\n|---|\n| 1 |"
    tags = Tags(value_html(text)).tags
    assert {"ol", "li", "b", "i", "s", "code", "blockquote", "hr", "table", "th", "td"} <= tags
    chat = value_html([{"role": "user", "content": "x", "n": {"a": 1}}, {"type": "tool_result", "content": "y"}])
    assert '<div class="vt user"><div class="vr">user</div>' in chat
    assert "came back" in value_html([{"role": "user", "content": [{"type": "tool_result", "content": "y"}]}])
    assert "calls <b>a tool</b>" in value_html([{"type": "function_call"}])
    assert '<div class="vr">no role</div>' in value_html([{"role": "", "content": "x"}])


PICTURE = {
    "media": "image",
    "path": "a/<b>.png",
    "digest": "0" * 64,
    "type": "image/png",
    "bytes": 9,
    "width": 4,
    "height": 2,
}


def test_file_is_drawn_as_the_page_shows_it_and_else_as_its_path() -> None:
    assert value_html(PICTURE) == '<span class="vv">image a/&lt;b&gt;.png (4 × 2)</span>'
    assert "image a/" in value_html({"photo": PICTURE})
    assert "image a/" in value_html([{"role": "user", "content": [PICTURE]}])
    assert "audio c.wav" in value_html({**PICTURE, "media": "audio", "path": "c.wav", "seconds": 1.5, "width": None})
    assert '<span class="vk">path</span>' in value_html({"media": "image", "path": "x"}), (
        "not every such object is a file"
    )
    shown = value_html(PICTURE, Manner(show=lambda media: ["img", {"src": media.digest}]))
    assert shown == f'<img src="{"0" * 64}">'
