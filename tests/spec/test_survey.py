"""What `stagegap validate` finds by reading: prompts, functions, records, variables, schemas."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pytest

from spec.folders import BASE, Folder
from stagegap.errors import InputError, Problem, SpecError
from stagegap.exchange.records import read_records
from stagegap.model.cascade import RecordsSource
from stagegap.spec import Survey, survey

LLM = """\
    uses: llm
    with: {model: m, prompt: prompt.md.j2}
"""
PYTHON = '    uses: python\n    with: {function: "stages.py:draft"}\n'
HTTP = """\
    uses: http
    with: {url: "https://example.org/x", body: {q: "{{ subject }}"}}
"""


def _fields(source: RecordsSource) -> Counter[str]:
    return Counter(name for record in read_records(source) for name in record.fields)


@pytest.fixture(autouse=True)
def here(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder.path)
    records = [{"mail_id": "m1", "subject": "Tent", "split": "test"}, {"mail_id": "m2", "split": "train"}]
    (folder.path / "mails.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))


def surveyed(folder: Folder, *changes: tuple[str, str], environment: Mapping[str, str] | None = None) -> Survey:
    text = BASE
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    folder.write(text)
    return survey(Path("cascade.yaml"), environment=environment or {}, fields=_fields)


def said(problems: tuple[Problem, ...]) -> list[str]:
    return [str(problem).replace(str(Path.cwd()) + "/", "") for problem in problems]


def test_file_without_a_problem_is_built(folder: Folder) -> None:
    seen = surveyed(folder)
    assert seen.file is not None
    assert seen.file.cascade.names == ("route", "retrieve", "draft")
    assert said(seen.hints) == ["cascade.yaml:22: the function draft (stages.py:1) never uses the input 'documents'."]
    assert (seen.problems, dict(seen.unset)) == ((), {})
    assert str(seen.stages["draft"]) == "cascade.yaml:18: "


def test_all_problems_of_prompt_function_records_and_file_come_at_once(folder: Folder) -> None:
    (folder.path / "prompt.md.j2").write_text("Mail:\n{{ subjct }}\n{{ documents | tojson }}\n{{ subjct }}\n")
    seen = surveyed(
        folder,
        ("{subject: record.subject}", "{subject: record.subjekt}"),
        (PYTHON, LLM),
        ("outcome: {score: draft.fact_recall", "outcome: {score: draft.fact_recal"),
    )
    assert seen.file is None
    assert said(seen.problems) == [
        "cascade.yaml:11: no record has the field 'subjekt'. Did you mean subject?",
        "cascade.yaml:24: 'fact_recal' is no score of the stage 'draft'. Did you mean fact_recall?",
        "prompt.md.j2:2: the prompt uses 'subjct', which is no input of the stage. Did you mean subject?",
    ]
    assert said(seen.hints) == ["cascade.yaml:22: the prompt never uses the input 'subject'."]


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("{{ subject }}{{ documents }}{% for c in choices %}{{ c }}{% endfor %}", []),
        ("{{ subject }}\n{% if %}", ["prompt.md.j2:2: this is no template: Expected an expression, got 'end of "
                                     "statement block'"]),
    ],
)  # fmt: skip
def test_prompt_may_use_inputs_choices_and_names_of_its_own(folder: Folder, prompt: str, expected: list[str]) -> None:
    (folder.path / "prompt.md.j2").write_text(prompt)
    seen = surveyed(folder, (PYTHON, LLM))
    assert (said(seen.problems), said(seen.hints)) == (expected, [])


def test_prompt_that_is_no_text_is_named(folder: Folder) -> None:
    (folder.path / "prompt.md.j2").write_bytes(b"Say\n\xff")
    [problem] = said(surveyed(folder, (PYTHON, LLM)).problems)
    assert problem == "prompt.md.j2:2: found the byte 0xff, which is no UTF-8. Save it as UTF-8."
    (folder.path / "prompt.md.j2").unlink()
    [problem] = said(surveyed(folder, (PYTHON, LLM)).problems)
    assert problem.startswith("cascade.yaml:20: the prompt 'prompt.md.j2' is not there.")


@pytest.mark.parametrize(
    ("code", "problems"),
    [
        ("def draft(subject, docs):\n    return subject, docs\n",
         ["cascade.yaml:22: the function draft (stages.py:1) has no argument 'documents'. Did you mean docs?",
          "stages.py:1: the function draft needs the argument 'docs', which is no input of the stage. "
          "Did you mean documents?"]),
        ("import x\n\ndef draft(subject, /, documents):\n    return subject, documents\n",
         ["stages.py:3: the function draft takes 'subject' by its place, and is called by name. Remove the `/`."]),
        ("def draft(subject, *, documents, tone):\n    return subject, documents, tone\n",
         ["stages.py:1: the function draft needs the argument 'tone', which is no input of the stage. "
          "Known: documents, subject."]),
        ("def draft(subject, **rest):\n    return subject, rest\n", []),
        ("def draft(subject, documents, tone='kind'):\n    return locals()\n", []),
        ("import stagegap\n@stagegap.batch\ndef draft(subject, documents):\n    return [subject, documents]\n", []),
        ("import functools\n@functools.lru_cache(None)\ndef draft(other):\n    return other\n", []),
        ("class draft:\n    pass\n", []),
        ("if True:\n    def draft(other):\n        return other\n", []),
        ("def draft(other):\n    return other\n\ndraft = print\n", []),
    ],
)  # fmt: skip
def test_arguments_of_a_function_are_read_and_the_function_is_not_run(
    folder: Folder, code: str, problems: list[str]
) -> None:
    (folder.path / "stages.py").write_text(code + "\nraise SystemExit('run')\n")
    seen = surveyed(folder)
    assert (said(seen.problems), said(seen.hints)) == (problems, [])


def test_warm_up_and_metric_are_called_with_what_they_take(folder: Folder) -> None:
    (folder.path / "stages.py").write_text(
        "def draft(subject, documents):\n    return subject, documents\n"
        "def ready(path):\n    return path\n"
        "def short(value):\n    return 1\n"
        "def fair(value, reference, *, weight=1):\n    return weight\n"
        "def any_of(*values):\n    return 1\n"
    )
    seen = surveyed(
        folder,
        ('{function: "stages.py:draft"}', '{function: "stages.py:draft", warm_up: "stages.py:ready"}'),
        ("{type: text}", '{type: text}\n    score: ["python:stages.py:short", "python:stages.py:fair", fact_recall, '
         '"python:stages.py:any_of", "python:stages.py:gone"]'),
    )  # fmt: skip
    assert said(seen.problems) == [
        "cascade.yaml:24: stages.py has no function 'gone'. Known: any_of, draft, fair, ready, short.",
        "stages.py:3: the function ready can't be called with no argument, as a warm-up is.",
        "stages.py:5: the function short can't be called with an answer and a reference, as a metric is.",
    ]


def test_condition_may_ask_whether_a_record_has_a_field(folder: Folder) -> None:
    assert not surveyed(folder, ('when: route != "spam"', 'when: route != "spam" && has(record.note)')).problems
    seen = surveyed(folder, ('when: route != "spam"', 'when: route != "spam" && record.note == "x"'))
    assert said(seen.problems) == [
        "cascade.yaml:21: no record has the field 'note'. Known: mail_id, split, subject."
    ]  # fmt: skip


def test_problems_of_records_are_among_the_others(folder: Folder) -> None:
    (folder.path / "mails.jsonl").write_text('{"mail_id": "m1"}\n{"mail_id": "m1"}\n')
    seen = surveyed(folder, ("draft.fact_recall", "draft.chrff"))
    assert [line.partition(":")[0] for line in said(seen.problems)] == ["cascade.yaml", "mails.jsonl"]
    (folder.path / "mails.jsonl").unlink()
    assert [line[:15] for line in said(surveyed(folder).problems)] == ["cascade.yaml:2:"]


@pytest.mark.parametrize(
    ("schema", "problems", "hints"),
    [
        ("{name: string, age: number}", ["cascade.yaml:23: this is no JSON schema: 'name', 'age' is none of its words. "
                                         "Write `type: object` and the fields under `properties`."], []),
        ("{type: object, properties: {age: {typ: number}}}",
         ["cascade.yaml:23: this is no JSON schema: 'typ' is none of its words. Did you mean type?"], []),
        ("{type: object, requird: [age]}", [], ["cascade.yaml:23: 'requird' is no word of JSON Schema and forbids "
                                                "nothing. Did you mean required?"]),
        ("{type: array, items: {x-note: 1, type: object, properties: {age: {}}}}", [], []),
        ("{type: object, zzz: 1}", [], []),
    ],
)  # fmt: skip
def test_schemas_that_are_none_are_found(folder: Folder, schema: str, problems: list[str], hints: list[str]) -> None:
    (folder.path / "stages.py").write_text("def draft(subject, documents):\n    return subject, documents\n")
    seen = surveyed(
        folder,
        ("{type: text}", f"{{type: object, schema: {schema}}}"),
        ("draft.fact_recall, good: \">= 0.8\"", "draft.exact"),
    )  # fmt: skip
    assert ([line for line in said(seen.problems) if "score" not in line], said(seen.hints)) == (problems, hints)


def test_variables_of_calls_that_have_no_value_are_named_by_stage(folder: Folder) -> None:
    (folder.path / "prompt.md.j2").write_text("{{ subject }}{{ documents }}")
    seen = surveyed(folder, (PYTHON, LLM))
    assert said(seen.unset["draft"]) == ["cascade.yaml:20: the environment variable OPENAI_API_KEY is not set."]
    for environment in ({"OPENAI_API_KEY": "k"}, {"OPENAI_BASE_URL": "http://localhost:1/v1"}):
        assert not surveyed(folder, (PYTHON, LLM), environment=environment).unset
    named = (PYTHON, LLM.replace("prompt:", "api_key: '${MY_KEY}', prompt:"))
    seen = surveyed(folder, named, environment={"MY_KEYS": "x"})
    assert said(seen.unset["draft"]) == [
        "cascade.yaml:20: the environment variable MY_KEY is not set. Did you mean MY_KEYS?"
    ]
    assert not surveyed(folder, named, environment={"MY_KEY": "x"}).unset
    search = ("method: bm25", "method: embeddings, model: m")
    assert set(surveyed(folder, search).unset) == {"retrieve"}
    assert not surveyed(folder, search, environment={"OPENAI_API_KEY": "k"}).unset
    odd = (PYTHON, LLM.replace("prompt:", "base_url: 'http://[', prompt:"))
    assert not surveyed(folder, odd).unset


def test_inputs_that_a_body_or_a_search_never_uses_are_hints(folder: Folder) -> None:
    assert said(surveyed(folder, (PYTHON, HTTP)).hints) == ["cascade.yaml:22: body never uses the input 'documents'."]
    assert not surveyed(folder, (PYTHON, HTTP.replace(', body: {q: "{{ subject }}"}', ""))).hints
    spoilt = surveyed(folder, (PYTHON, HTTP.replace("{{ subject }}", "{{ subject")))
    assert (len(spoilt.problems), spoilt.hints) == (1, ())
    search = ("query: [subject], filter: {departments: department}", "query: [subject]")
    assert said(surveyed(folder, search).hints)[0] == "cascade.yaml:16: the search never uses the input 'department'."


def test_file_that_is_none_is_refused_as_everywhere(folder: Folder) -> None:
    with pytest.raises(SpecError, match="there is no such file"):
        survey(folder.path / "gone.yaml", environment={}, fields=_fields)


def test_records_of_another_reader_are_named_with_their_places(folder: Folder) -> None:
    def refusing(source: RecordsSource) -> Counter[str]:
        raise InputError([Problem(message="no row.", path=source.paths[0], line=3)])

    folder.write(BASE)
    seen = survey(folder.path / "cascade.yaml", environment={}, fields=refusing)
    assert said(seen.problems) == ["mails.jsonl:3: no row."]
