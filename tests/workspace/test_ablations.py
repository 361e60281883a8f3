"""Stages tried without something: blocks of a prompt at a real server, documents of a ranking, examples of a prompt."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path

import pytest

import llm_server
from stagegap.errors import ConfigurationError
from stagegap.workspace import Workspace
from stagegap.workspace.ablations import sizes_of

ASKING = """\
cascade: asking
records: {{path: rows.jsonl, id: id}}
references: {{path: labels.jsonl}}
stages:
  say:
    uses: llm
    with:
      model: echo
      prompt: say.md.j2
      base_url: {url}
      examples:
        - {{user: a, assistant: b}}
        - {{user: c, assistant: d}}
        - {{user: e, assistant: f}}
        - {{user: g, assistant: h}}
    inputs: {{text: record.text}}
    output: {{type: text}}
    score: exact
outcome: {{score: say.exact, good: ">= 1"}}
"""
READING = """\
cascade: reading
records: {path: rows.jsonl, id: id}
corpora: {docs: {path: docs.jsonl, id: id, title: title, text: [title]}}
references: {path: labels.jsonl}
stages:
  find:
    uses: retrieval
    with: {corpus: docs, method: tfidf, k: 2, query: [query]}
    inputs: {query: record.text}
    output: {type: ranking, of: docs, k: 2}
    score: recall@2
  draft:
    uses: python
    with: {function: "stages.py:first"}
    inputs: {found: find}
    output: {type: text}
    score: exact
outcome: {score: draft.exact, good: ">= 1"}
"""


def written(folder: Path, cascade: str, **rows: list[dict]) -> Path:
    folder.mkdir(parents=True)
    (folder / "cascade.yaml").write_text(cascade)
    for name, lines in rows.items():
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


@pytest.fixture(scope="module")
def echo() -> Iterator[llm_server.LlmServer]:
    with llm_server.running() as server:
        yield server


def test_block_that_does_harm_and_fewer_examples_are_tried_at_the_service(
    tmp_path: Path, echo: llm_server.LlmServer
) -> None:
    """The server answers with what it was asked, so every answer holds a sentence that nobody wanted."""
    echo.answers()
    records = [{"id": f"r{i}", "text": f"word {i}"} for i in range(30)]
    labels = [
        {"record": f"r{i}", "stage": "say", "annotator": "ab", "value": f"Say word {i}"} for i in range(30)
    ]  # fmt: skip
    folder = written(tmp_path / "pipelines" / "a", ASKING.format(url=echo.base_url), rows=records, labels=labels)
    (folder / "say.md.j2").write_text("Say {{ text }}\n\nBe kind.")
    with Workspace.open(tmp_path) as opened:
        opened.runs.new(None)
        with pytest.raises(ConfigurationError, match=r"A trial at say needs up to .* `--paid` allows them"):
            opened.oddities.attempt("asking", without=True, learn=False)
        made = opened.oddities.attempt("asking", without=True, learn=True, may_pay=True)
        card = next(card for card in opened.oddities.screen("asking").cards if card.detector == "helper-hurts")
    blocks = {one.what: sum(one.change) for one in made.ablations}
    assert blocks == {"the input text": 0.0, "block 1 of the prompt": 0.0, "block 2 of the prompt": 30.0}
    assert card.sentence.startswith("Without block 2 of the prompt, say scores +100 points")
    (curve,) = made.curves
    assert (curve.unit, curve.sizes) == ("examples", (1, 2, 3, 4))
    assert all(math.isnan(one) for one in curve.train)


def test_document_that_does_harm_is_found(tmp_path: Path) -> None:
    docs = [{"id": "d1", "title": "loud bell"}, {"id": "d2", "title": "loud"}, {"id": "d3", "title": "quiet"}]
    records = [{"id": f"r{i}", "text": f"loud bell {i}"} for i in range(40)]
    labels = [
        {"record": f"r{i}", "stage": stage, "annotator": "ab", "value": value}
        for i in range(40) for stage, value in (("find", ["d2"]), ("draft", "loud"))
    ]  # fmt: skip
    folder = written(tmp_path / "pipelines" / "r", READING, rows=records, labels=labels, docs=docs)
    (folder / "stages.py").write_text("def first(found):\n    return found[0]['title'] if found else 'none'\n")
    with Workspace.open(tmp_path) as opened:
        opened.runs.new(None)
        made = opened.oddities.attempt("reading", without=True, learn=False)
        cards = {card.key for card in opened.oddities.screen("reading").cards}
    changes = {(one.stage, one.what): sum(one.change) for one in made.ablations}
    assert changes["find", "document 1"] == 40
    assert changes["find", "document 2"] == 0
    assert changes["find", "the stage find"] == 0
    assert "helper-hurts/find/document 1" in cards


def test_sizes_rise_to_all_there_is() -> None:
    assert sizes_of(40, smallest=16)[-1] == 40
    assert sizes_of(4, smallest=1) == (1, 2, 3, 4)


def test_what_can_not_be_tried_is_left_out(tmp_path: Path, echo: llm_server.LlmServer) -> None:
    """A paragraph without which the prompt is none, a prompt of one paragraph, a stage that was recorded."""
    echo.answers()
    whole = ASKING.format(url=echo.base_url).replace("prompt: say.md.j2", "prompt: whole.md.j2")
    say = whole.partition("stages:\n")[2].partition("outcome:")[0]
    loop = say.replace("  say:", "  loop:").replace("whole", "loop").replace("{text:", "{was: was, text:")
    recorded = "uses: recorded, with: {path: was.jsonl}, inputs: {}, output: {type: text}, score: exact"
    text = whole.replace(say, f"  was: {{{recorded}}}\n{loop}" + say.replace("{text:", "{loop: loop, text:"))
    records = [{"id": f"r{i}", "text": f"word {i}"} for i in range(4)]
    labels = [{"record": "r0", "stage": "say", "annotator": "ab", "value": "x"}]
    was = [{"record": f"r{i}", "value": "x"} for i in range(4)]
    folder = written(tmp_path / "pipelines" / "a", text, rows=records, labels=labels, was=was)
    (folder / "whole.md.j2").write_text("Say {{ text }}")
    (folder / "loop.md.j2").write_text("{% for w in [text] %}\n\nSay {{ w }}\n\n{% endfor %}")
    with Workspace.open(tmp_path) as opened:
        opened.runs.new(None)
        made = opened.oddities.attempt("asking", without=True, learn=False, may_pay=True)
    tried = [(one.stage, one.what) for one in made.ablations]
    assert ("say", "block 1 of the prompt") not in tried
    assert [what for stage, what in tried if stage == "loop"] == [
        "the input was", "the input text", "block 2 of the prompt", "the stage loop",
    ]  # fmt: skip
    assert [what for stage, what in tried if stage == "was"] == ["the stage was"]
