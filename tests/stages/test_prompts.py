from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from stagegap.errors import ConfigurationError
from stagegap.model.cascade import Kind, OutputType, Stage
from stagegap.stages.templates import Prompt, PromptError

LABEL = OutputType(kind=Kind.LABEL, values=("orders", "spam"))


@pytest.fixture
def prompt(tmp_path: Path, make_stage: Callable[..., Stage]) -> Callable[[str], Prompt]:
    def make(text: str) -> Prompt:
        (tmp_path / "draft.j2").write_text(text)
        return Prompt(make_stage("llm", LABEL, "text documents"), path=tmp_path / "draft.j2")

    return make


def test_inputs_are_variables_and_blocks_leave_no_empty_lines(prompt: Callable[[str], Prompt]) -> None:
    text = "{% for d in documents %}\n  [{{ d.id }}] {{ d.title }}\n{% endfor %}\n{{ text }}"
    documents = [{"id": "a", "title": "A"}, {"id": "b", "title": "B"}]
    assert prompt(text).fill({"documents": documents, "text": "<b>"}) == "  [a] A\n  [b] B\n<b>"


def test_the_labels_to_choose_from_can_be_listed(prompt: Callable[[str], Prompt]) -> None:
    assert prompt("{{ choices | join(', ') }}").fill({"text": "", "documents": []}) == "orders, spam"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{{ texts }}", r"uses 'texts', which is no input of the stage\. Did you mean text\?"),
        ("a\n{% for %}", r"draft\.j2:2 is no template"),
    ],
)
def test_a_template_that_can_not_work_is_named_at_once(
    prompt: Callable[[str], Prompt], text: str, message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message):
        prompt(text)


def test_a_missing_file_is_named_at_once(tmp_path: Path, make_stage: Callable[..., Stage]) -> None:
    with pytest.raises(ConfigurationError, match=r"the prompt .*draft\.j2 can't be read"):
        Prompt(make_stage("llm", LABEL), path=tmp_path / "draft.j2")


@pytest.mark.parametrize(
    "text",
    ["{{ text.missing }}", "{{ text.__class__.mro() }}", "{{ 1 / 0 }}", "{{ range(10**9) }}", "{{ text + 1 }}"],
)
def test_what_a_template_can_not_or_may_not_do_is_one_sentence(prompt: Callable[[str], Prompt], text: str) -> None:
    with pytest.raises(PromptError, match=r"the prompt draft\.j2 can't be filled: "):
        prompt(text).fill({"text": "a", "documents": None})
