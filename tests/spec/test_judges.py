"""Judges in a cascade file: what they become, and what is refused of them with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from spec.folders import BASE, Folder
from stagegap.errors import SpecError
from stagegap.model.cascade import Kind, Source

JUDGE = """\
    judge:
      fine:
        uses: python
        with: {function: "stages.py:draft"}
"""
JUDGED = BASE.replace("    output: {type: text}\n", "    output: {type: text}\n" + JUDGE)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def refused(folder: Folder, more: str, *, base: str = JUDGED) -> str:
    with pytest.raises(SpecError) as error:
        folder.load(base.replace(JUDGE, JUDGE + more))
    return str(error.value)


def test_judge_reads_what_the_stage_reads_and_what_it_says(folder: Folder) -> None:
    cascade = folder.load(JUDGED).cascade
    (judge,) = cascade.judges
    assert (judge.name, judge.of, judge.criterion, judge.scale, judge.against) == (
        "fine", "draft", "fine", None, "answers",
    )  # fmt: skip
    assert judge.stage.inputs == {
        "subject": Source("record", "subject"),
        "documents": Source("stage", "retrieve"),
        "output": Source("stage", "draft"),
    }
    assert judge.stage.output.kind is Kind.BOOLEAN
    assert judge.stage.when == 'route != "spam"'
    assert cascade.names == ("route", "retrieve", "draft")
    assert cascade.outcomes == (), "a judge is no outcome that stands beside the headline"
    assert cascade.called.names == ("route", "retrieve", "draft", "draft.judge.fine")
    assert cascade.called.called is not None
    assert cascade.called.called.names == cascade.called.names
    assert not judge.sees_reference


def test_graded_judge_that_is_shown_the_reference_and_measured_by_judgements(folder: Folder) -> None:
    more = "        sees: [output, reference]\n        scale: [1, 5]\n"
    more += "        criterion: tone\n        against: judgements\n"
    (judge,) = folder.load(JUDGED.replace(JUDGE, JUDGE + more)).cascade.judges
    assert judge.stage.inputs == {"output": Source("stage", "draft"), "reference": Source("reference", "draft")}
    assert str(judge.stage.inputs["reference"]) == "draft.reference"
    assert (judge.scale, judge.criterion, judge.against) == ((1, 5), "tone", "judgements")
    assert (judge.stage.output.kind, judge.stage.output.low, judge.stage.output.high) == (Kind.NUMBER, 1, 5)
    assert judge.sees_reference


def test_examples_of_a_model_become_its_shots(folder: Folder) -> None:
    (folder.path / "taught.jsonl").write_text(
        '{"record": "m1", "user": "Fine?", "assistant": "true"}\n\n'
        '{"record": "m1", "user": "And?", "assistant": "false"}\n'
    )
    judge = JUDGE.replace("python", "llm").replace('{function: "stages.py:draft"}', "{model: m, prompt: prompt.md.j2}")
    file = folder.load(JUDGED.replace(JUDGE, judge + "        examples: taught.jsonl\n"))
    (read,) = file.cascade.judges
    assert read.taught == ("m1",)
    assert read.stage.parameters["examples"] == [
        {"user": "Fine?", "assistant": "true"}, {"user": "And?", "assistant": "false"},
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ("        scale: [5, 1]\n", "the scale 5 to 1 does not rise. Write the lowest mark first."),
        ("        scale: [1]\n", "stages.draft.judge.fine.scale needs at least 2 entries"),
        ("        sees: [all]\n", "stages.draft.judge.fine.sees[0] can't be 'all'."),
        ("        sees: all\n", "stages.draft.judge.fine.sees must be a list"),
        ("        inputs: {subject: record.subject}\n", "unknown key 'inputs' in stages.draft.judge.fine."),
        ("        examples: gone.jsonl\n", "there is no such file."),
        ("        examples: mails.jsonl\n", "holds no example. Write one a row, or remove the key."),
        ("        limits: {calls_per_minute: 3}\n", "limits are for stages that ask a provider"),
        ("      9:\n        uses: python\n", "stages.draft.judge must be a mapping from names"),
        ("      two:\n        with: {}\n", "the key stages.draft.judge.two.uses is missing. A judge is one of: http"),
        ("      two:\n        uses: retrieval\n", "stages.draft.judge.two.uses can't be 'retrieval'."),
        ("      t.o:\n        uses: python\n        with: {function: 'stages.py:a'}\n", "'t.o' can't be the name"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_judge_is_said_of_its_place(folder: Folder, more: str, sentence: str) -> None:
    message = refused(folder, more)
    if sentence.startswith("stages.draft.judge must be"):
        assert "9" in message
    else:
        assert sentence in message
    assert "cascade.yaml:" in message or ".jsonl" in message


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        ("{", "this is no JSON:"),
        ("[1]", "the example has no text 'record', found [1]. It needs record."),
        ('{"record": 3}', "the example has no text 'record'"),
    ],
)
def test_row_of_examples_that_names_no_record_is_refused_with_its_line(folder: Folder, row: str, sentence: str) -> None:
    (folder.path / "taught.jsonl").write_text('{"record": "m1"}\n' + row + "\n")
    message = refused(folder, "        examples: taught.jsonl\n")
    assert sentence in message
    assert "taught.jsonl:2" in message


def test_example_of_a_model_needs_question_and_answer(folder: Folder) -> None:
    (folder.path / "taught.jsonl").write_text('{"record": "m1", "user": "Fine?"}\n')
    judge = JUDGE.replace("python", "llm").replace('{function: "stages.py:draft"}', "{model: m, prompt: prompt.md.j2}")
    message = refused(folder, "", base=JUDGED.replace(JUDGE, judge + "        examples: taught.jsonl\n"))
    assert "the example has no text 'assistant'" in message


def test_shots_without_records_are_refused(folder: Folder) -> None:
    shots = "{model: m, prompt: prompt.md.j2, examples: [{user: a, assistant: b}]}"
    judge = JUDGE.replace("python", "llm").replace('{function: "stages.py:draft"}', shots)
    message = refused(folder, "", base=JUDGED.replace(JUDGE, judge))
    assert "these examples name no records, so nobody could keep them out of what measures the judge." in message


def test_stage_that_is_asked_item_by_item_has_no_judge(folder: Folder) -> None:
    units = JUDGED.replace('    when: route != "spam"\n', "    each: retrieve\n")
    assert "'draft' is asked item by item, and a judge looks at whole outputs." in refused(folder, "", base=units)


def test_input_that_is_called_as_what_a_judge_sees_is_refused(folder: Folder) -> None:
    message = refused(folder, "", base=JUDGED.replace("documents: retrieve}", "output: retrieve}"))
    assert "'draft' has an input 'output', which is what a judge calls something else. Rename it." in message


def test_judge_is_no_target_and_no_outcome(folder: Folder) -> None:
    targets = JUDGED + 'targets: {"draft.judge.fine": {at_least: 0.5}}\n'
    assert "a target for the unknown stage 'draft.judge.fine'." in refused(folder, "", base=targets)


def test_judges_that_are_no_mapping_are_refused(folder: Folder) -> None:
    with pytest.raises(SpecError, match=r"stages.draft.judge must be a mapping"):
        folder.load(BASE.replace("    output: {type: text}\n", "    output: {type: text}\n    judge: fine\n"))
    with pytest.raises(SpecError, match=r"stages.draft.judge.fine must be a mapping"):
        folder.load(BASE.replace("    output: {type: text}\n", "    output: {type: text}\n    judge: {fine: 3}\n"))


def test_variant_changes_one_key_of_a_judge_and_paths_are_those_of_each_file(folder: Folder) -> None:
    folder.write(JUDGED)
    (folder.path / "sub").mkdir()
    (folder.path / "sub" / "other.py").write_text("def strict(subject, documents, output):\n    return True\n")
    (folder.path / "sub" / "more.yaml").write_text(
        "extends: ../cascade.yaml\nstages: {draft: {judge: {fine: {with: {function: 'other.py:strict'}}}}}\n"
    )
    from stagegap.spec import load, restore

    file = load(folder.path / "sub" / "more.yaml", environment={})
    (judge,) = file.cascade.judges
    assert judge.stage.parameters["function"] == str(folder.path / "sub" / "other.py") + ":strict"
    import json

    again = restore(json.dumps(file.resolved), path=folder.path / "sub" / "more.yaml")
    assert again.cascade == file.cascade
