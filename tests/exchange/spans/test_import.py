from __future__ import annotations

from pathlib import Path

import pytest

from exchange.spans.spans import mail_trace, otlp_span, resource, rows, write
from stagegap.errors import ConfigurationError
from stagegap.exchange.spans.files import ImportedTraces, import_traces
from stagegap.workspace import Workspace


@pytest.fixture
def mails(tmp_path: Path) -> ImportedTraces:
    source = write(tmp_path / "mails.jsonl", *(resource(mail_trace(n)) for n in range(20)))
    return import_traces([source], tmp_path, name="mails")


def test_kinds_of_spans_decide_the_types_of_stages(mails: ImportedTraces) -> None:
    assert [(stage.name, stage.type) for stage in mails.stages] == [
        ("route", "label"),
        ("search", "ranking"),
        ("book", "object"),
        ("draft", "text"),
    ]
    assert (mails.traces, mails.spans, mails.formats, mails.unmapped) == (20, 100, ("otlp",), ())
    route, *_, draft = mails.stages
    assert (route.tokens, route.seconds, route.models) == (240, pytest.approx(0.5), ("small-1",))
    assert route.cost == pytest.approx(0.02)
    assert (draft.tokens, draft.cost) == (1180, None)


def test_inputs_are_what_was_seen_in_them(mails: ImportedTraces, tmp_path: Path) -> None:
    text = mails.cascade.read_text("utf-8")
    assert "seen in its input: search in 20 of 20 traces" in text
    assert "guess: 2 different values in 20 answers" in text
    assert "guess: 20 of 20 traces say their session" in text
    assert "outcome: {score: draft.token_f1}" in text
    assert {row["id"] for row in rows(tmp_path / "data/mails/search_documents.jsonl")} == {"d0", "d1", "d2"}
    record = rows(tmp_path / "data/mails/records.jsonl")[3]
    assert record == {"record": "t3", "input": "Where is my parcel 3?", "session": "s1", "user": "u1"}


def test_imported_cascade_runs_with_time_cost_and_tokens(mails: ImportedTraces, tmp_path: Path) -> None:
    with Workspace.open(tmp_path) as opened:
        assert opened.runs.validate(mails.cascade).cascade.names == ("route", "search", "book", "draft")
        run, summary = opened.runs.new(mails.cascade)
        assert (run.records, round(summary.cost, 6)) == (20, 0.02)


def test_second_import_adds_what_is_new(mails: ImportedTraces, tmp_path: Path) -> None:
    before = mails.cascade.read_text("utf-8")
    odd = [
        *mail_trace(21)[:1],
        otlp_span("t21", "x", "r", "route", 1, openinference__span__kind="LLM", output__value="lost"),
    ]
    other = otlp_span("t21", "y", "r", "polish", 2, openinference__span__kind="LLM", output__value="fine")
    source = write(tmp_path / "more.jsonl", resource(mail_trace(19)), resource(mail_trace(20)), resource([*odd, other]))
    again = import_traces([source], tmp_path, name="mails")
    assert (again.traces, again.known, again.is_new) == (2, 1, False)
    assert {part.reason: part.examples for part in again.unmapped} == {
        "An answer of stage 'route' is none of its labels: add it to the cascade file.": ("t21: lost",),
        "The cascade has no such stage: the step is in no output.": ("polish of trace t21",),
    }
    assert mails.cascade.read_text("utf-8") == before
    assert len(rows(tmp_path / "data/mails/records.jsonl")) == 22
    assert rows(tmp_path / "data/mails/search.jsonl")[-1]["status"] == "skipped"


def test_cascade_that_no_import_made_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "pipelines").mkdir()
    (tmp_path / "pipelines/mails.yaml").write_text("cascade: mails")
    source = write(tmp_path / "mails.jsonl", resource(mail_trace(1)))
    with pytest.raises(ConfigurationError, match="was made by no import"):
        import_traces([source], tmp_path, name="mails")


def test_stage_that_repeats_becomes_attempts_with_position_role_and_tool(tmp_path: Path) -> None:
    spans = [otlp_span("t", "r", "", "agent", 0, openinference__span__kind="AGENT", input__value="Find it")]
    for n in range(3):
        spans.append(otlp_span("t", f"m{n}", "r", "gpt-9", 2 * n + 1, openinference__span__kind="LLM",
                               llm__model_name="gpt-9", input__value="look", output__value=f"try {n}"))  # fmt: skip
        spans.append(otlp_span("t", f"w{n}", "r", "web", 2 * n + 2, openinference__span__kind="TOOL",
                               input__value='{"q": 1}', output__value=f'{{"page": {n}}}'))  # fmt: skip
    imported = import_traces([write(tmp_path / "a.json", resource(spans))], tmp_path, name="a")
    assert [(stage.name, stage.attempts) for stage in imported.stages] == [("reply", 3), ("web", 3), ("answer", 1)]
    [record] = rows(tmp_path / "data/a/records.jsonl")
    assert record["web_calls"][1] == {"position": 3, "role": "", "tool": "web", "input": '{"q": 1}'} or record[
        "web_calls"
    ][1] == {"position": 3, "tool": "web", "input": '{"q": 1}'}
    assert rows(tmp_path / "data/a/answer.jsonl")[0]["value"] == "try 2"
    assert [row["record"] for row in rows(tmp_path / "data/a/web.jsonl")] == ["t#0", "t#1", "t#2"]
    with Workspace.open(tmp_path) as opened:
        assert opened.runs.new(imported.cascade)[0].records == 1


def test_rarest_stages_beyond_the_most_are_counted(tmp_path: Path) -> None:
    spans = [otlp_span("t", "r", "", "root", 0, input__value="q", output__value="done")]
    spans += [otlp_span("t", f"s{n}", "r", f"step_{chr(97 + n % 26)}{n}", n + 1, output__value="x") for n in range(40)]
    imported = import_traces([write(tmp_path / "a.json", resource(spans))], tmp_path, name="a")
    assert len(imported.stages) == 32
    counts = {part.reason.split(":")[0]: part.count for part in imported.unmapped}
    assert counts["A cascade has at most 32 stages"] == 9


@pytest.mark.parametrize(
    ("right", "given", "score"),
    [
        ("ash elm oak yew", "ash oak elm yew", "exact"),
        ("ash elm oak yew", "ash elm yew", "token_f1"),
        ("Oak trees shed leaves.", "Leaves fall off oak trees.", "token_f1"),
    ],
    ids=["another order", "a word less", "prose"],
)
def test_answers_in_the_wrong_order_are_not_taken_for_right_ones(
    tmp_path: Path, right: str, given: str, score: str
) -> None:
    # Sorted words: an F1 of words, which sees no order, would call all of these answers right.
    made = [
        {"id": f"t{n}", "input": f"Sort {n}", "steps": ["Look at the letters.", "Done."], "mistake_index": None,
         "answer": f"{right if n < 4 else given} {n}", "target": f"{right} {n}"}
        for n in range(20)
    ]  # fmt: skip
    imported = import_traces([write(tmp_path / "sorted.jsonl", *made)], tmp_path, name="sorted")
    text = imported.cascade.read_text("utf-8")
    assert f"outcome: {{score: answer.{score}}}" in text
    assert ("16 have the words of the right answer in another order" in text) == (score == "exact")
    with Workspace.open(tmp_path) as opened:
        opened.runs.new(imported.cascade)
        card = opened.runs.scorecard("sorted")
    assert card is not None
    assert (card.system.value == 0.2) == (score == "exact")
