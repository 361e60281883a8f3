"""A judge under a stage is called, kept and paid like any stage, and what teaches it never measures it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

import llm_server
from conftest import Command
from judged import GRADED, STRICT, Planted, write_judged
from stagegap import report
from stagegap.analysis.views import sheets_beside
from stagegap.errors import ConfigurationError, SpecError
from stagegap.model.answer import Status
from stagegap.model.run import SYSTEM
from stagegap.runner import Budget, RunOptions, Silent
from stagegap.workspace import Workspace

SMALL = Planted(n=12, labelled=4)
STRICT_NAME = "reply.judge.strict"


@pytest.fixture(scope="module")
def server() -> Iterator[llm_server.LlmServer]:
    with llm_server.running() as running:
        yield running


def test_judges_are_called_once_for_each_output_and_never_again(tmp_path: Path) -> None:
    home = write_judged(tmp_path, SMALL)
    with Workspace.open(home) as workspace:
        planned = workspace.runs.plan(None)
        run, summary = workspace.runs.new(None)
        outputs = {output.record: output for output in workspace.store.outputs(run.id, SYSTEM, STRICT_NAME)}
        again = workspace.runs.new(None)[1]
        replanned = workspace.runs.plan(None)
    records = [json.loads(line) for line in (home / "questions.jsonl").read_text().splitlines()]
    assert [stage.stage for stage in planned.cells[0].stages] == ["reply", STRICT_NAME, "reply.judge.graded"]
    assert all(STRICT_NAME not in {stage.stage for stage in cell.stages} for cell in planned.cells[1:])
    assert {name: output.value for name, output in outputs.items()} == {row["id"]: row["strict"] for row in records}
    assert summary.calls > 0
    assert (again.calls, replanned.calls) == (0, 0)


def test_several_judges_of_a_stage_that_say_good_or_not_have_a_consensus(tmp_path: Path) -> None:
    home = write_judged(tmp_path, SMALL, judges=STRICT + STRICT.replace("strict:", "kind:", 1) + GRADED)
    with Workspace.open(home) as workspace:
        workspace.runs.new(None)
        rows = workspace.runs.attribution("replies").judges().rows
    assert [row.judge for row in rows] == ["strict", "kind", "graded", "consensus of 2"]


def test_changed_judge_is_called_again_and_nothing_else(tmp_path: Path) -> None:
    home = write_judged(tmp_path, SMALL)
    with Workspace.open(home) as workspace:
        workspace.runs.new(None)
        stages = home / "stages.py"
        stages.write_text(stages.read_text().replace("    return grade\n", "    return 6 - grade\n"))
        summary = workspace.runs.new(None)[1]
    called = {name: tally.calls for cell in summary.cells for name, tally in cell.tallies.items() if tally.calls}
    assert "reply.judge.graded" in called


LLM = """\
      {name}:
        uses: llm
        with: {{model: tiny, prompt: judge.md.j2, base_url: {url}, api_key: "${{KEY}}", price: {{input: 1, output: 2}}}}
        repeats: 2
        criterion: right
{more}"""


def write_llm_judge(folder: Path, server: llm_server.LlmServer, *, more: str = "", split: bool = False) -> Path:
    judges = LLM.format(name="model", url=server.base_url, more=more)
    home = write_judged(folder, Planted(n=6, labelled=2), judges=judges, split=split)
    (home / "judge.md.j2").write_text("Is {{ output }} a good answer to {{ shown }} {{ grade }} {{ strict }}?")
    return home


def test_model_that_judges_is_priced_budgeted_repeated_and_known_the_next_time(
    tmp_path: Path, server: llm_server.LlmServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEY", "k")
    server.answers(reply="true")
    with Workspace.open(write_llm_judge(tmp_path, server)) as workspace:
        planned = workspace.runs.plan(None)
        _, stopped = workspace.runs.new(None, RunOptions(budget=Budget(calls=2)))
        run, summary = workspace.runs.new(None)
        rows = workspace.store.outputs(run.id, SYSTEM, "reply.judge.model")
        calls = server.counters()["calls"]
        again = workspace.runs.new(None)[1]
    assert planned.paid_calls == planned.cells[0].stages[-1].calls > 2
    assert stopped.status == "stopped"
    assert len(rows) == 12
    assert all(row.value is True for row in rows)
    assert all(row.cost for row in rows)
    made = [cell.tallies["reply.judge.model"].calls for part in (stopped, summary) for cell in part.cells[:1]]
    assert made[0] >= 2
    assert sum(made) == calls <= planned.paid_calls, "nothing was paid twice"
    assert (again.calls, server.counters()["calls"]) == (0, calls)


def test_model_is_taught_by_records_of_another_split_only(
    tmp_path: Path, server: llm_server.LlmServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEY", "k")
    server.answers(reply="true")
    home = write_llm_judge(tmp_path, server, more="        examples: taught.jsonl\n", split=True)
    shot = {"record": "q0001", "user": "Is blue a good answer?", "assistant": "false"}
    (home / "taught.jsonl").write_text(json.dumps(shot) + "\n")
    with Workspace.open(home) as workspace:
        workspace.runs.new(None)
        sent = server.counters()["last"]["messages"]
        (home / "taught.jsonl").write_text(json.dumps(shot | {"record": "q0002"}) + "\n")
        with pytest.raises(ConfigurationError) as measured:
            workspace.runs.new(None)
        (home / "taught.jsonl").write_text(json.dumps(shot | {"record": "q0"}) + "\n")
        with pytest.raises(ConfigurationError) as unknown:
            workspace.runs.new(None)
    assert [message["content"] for message in sent[:2]] == ["Is blue a good answer?", "false"]
    assert str(measured.value) == (
        "The judge 'model' of 'reply' is taught by the record 'q0002' of the split 'test', which measures it. "
        "Teach it by records of another split."
    )
    assert "is taught by the record 'q0', which is none. Known: q0000, q0001" in str(unknown.value)


CHEAT = """\
      cheat:
        uses: python
        with: {function: "stages.py:cheat"}
        sees: [output, reference]
"""


def test_judge_that_may_see_the_reference_judges_where_there_is_one_and_again_when_it_changes(tmp_path: Path) -> None:
    home = write_judged(tmp_path, SMALL, judges=CHEAT)
    with Workspace.open(home) as workspace:
        run, _ = workspace.runs.new(None)
        outputs = {output.record: output for output in workspace.store.outputs(run.id, SYSTEM, "reply.judge.cheat")}
        references = home / "references.jsonl"
        references.write_text(references.read_text().replace('"value": "right"', '"value": "wrong"', 1))
        after, _ = workspace.runs.new(None)
        changed = {output.record: output for output in workspace.store.outputs(after.id, SYSTEM, "reply.judge.cheat")}
    assert [output.status for output in outputs.values()].count(Status.SKIPPED) == 8
    assert all(outputs[name].value == (changed[name].value is False) for name in ("q0000",))
    assert outputs["q0001"].value == changed["q0001"].value


def test_blocked_reply_is_not_judged(tmp_path: Path) -> None:
    home = write_judged(tmp_path, SMALL, judges=STRICT)
    stages = home / "stages.py"
    stages.write_text(
        stages.read_text().replace("    return shown\n", "    return 'neither' if grade == 5 else shown\n", 1)
    )
    with Workspace.open(home) as workspace:
        run, _ = workspace.runs.new(None)
        rows = workspace.store.outputs(run.id, SYSTEM, STRICT_NAME)
    blocked = [row for row in rows if row.status is Status.BLOCKED]
    assert blocked
    assert {row.because for row in blocked} == {Status.UNPARSABLE}


def test_validated_file_says_what_a_run_would_refuse_of_the_examples(tmp_path: Path) -> None:
    judges = STRICT + "        examples: taught.jsonl\n" + GRADED
    home = write_judged(tmp_path, SMALL, judges=judges, split=True)
    (home / "taught.jsonl").write_text('{"record": "q0000"}\n')
    with Workspace.open(home) as workspace, pytest.raises(SpecError) as refused:
        workspace.runs.validate(None)
    assert "is taught by the record 'q0000' of the split 'test', which measures it." in str(refused.value)


def test_run_with_judges_is_made_again_from_the_store(tmp_path: Path) -> None:
    with Workspace.open(write_judged(tmp_path, SMALL)) as workspace:
        run, _ = workspace.runs.new(None)
        reproduction = workspace.past("replies").reproduce(run.name, progress=Silent())
    assert {row.stage for row in reproduction.stages} == {"reply", STRICT_NAME, "reply.judge.graded"}


def test_view_takes_the_judges_errors_off_and_is_kept_until_labels_come(tmp_path: Path) -> None:
    home = write_judged(tmp_path, Planted(n=600, labelled=150))
    with Workspace.open(home) as workspace:
        workspace.runs.new(None)
        view = workspace.runs.attribution("replies").judges()
        again = workspace.runs.attribution("replies").judges()
        card = workspace.runs.scorecard("replies")
    strict, graded = view.rows
    rows = [json.loads(line) for line in (home / "questions.jsonl").read_text().splitlines()]
    says = [row["strict"] for row in rows]
    right = [row["shown"] == "right" for row in rows]
    assert again == view
    assert (strict.outputs, strict.labels) == (600, 150)
    assert strict.alone.value == sum(says) / 600
    good = [said for said, is_right in zip(says[:150], right[:150], strict=True) if is_right]
    assert strict.sensitivity.value == sum(good) / len(good)
    assert strict.corrected.low <= sum(right) / 600 <= strict.corrected.high
    assert graded.corrected.low <= sum(right) / 600 <= graded.corrected.high
    assert card is not None
    assert [row.corrected for row in card.judges] == [row.corrected for row in view.rows]
    assert strict.difference.method == "not measured: no earlier run asked this judge"


def test_two_runs_are_held_against_each_other_and_the_judge_against_itself(tmp_path: Path) -> None:
    home = write_judged(tmp_path, Planted(n=400, labelled=200, good=0.5), judges=STRICT)
    questions = home / "questions.jsonl"
    with Workspace.open(home) as workspace:
        workspace.runs.new(None)
        rows = [json.loads(line) for line in questions.read_text().splitlines()]
        changed = [
            row | {"shown": "right", "strict": True} if place % 4 == 0 and row["shown"] == "wrong" else row
            for place, row in enumerate(rows)
        ]
        questions.write_text("".join(json.dumps(row) + "\n" for row in changed))
        workspace.runs.new(None)
        stages = home / "stages.py"
        stages.write_text(stages.read_text().replace("    return strict\n", "    return strict or grade > 4\n"))
        workspace.runs.new(None)
        second = workspace.runs.attribution("replies", "v2").judges().rows[0]
        third = workspace.runs.attribution("replies").judges().rows[0]
        over = workspace.runs.attribution("replies").judges(against="v1").rows[0]
    true = sum(a["shown"] != b["shown"] for a, b in zip(rows, changed, strict=True)) / 400
    assert second.earlier == "v1"
    assert second.difference.low <= true <= second.difference.high
    assert second.difference.excludes_zero
    assert second.drift.method.startswith("not measured: since v1 it was asked about no output again")
    assert third.earlier == "v2"
    assert third.difference.method.startswith("too few: 0 labelled outputs changed since v2")
    assert third.drift.n == 400
    assert third.drift.value == sum(row["grade"] > 4 and not row["strict"] for row in changed) / 400
    assert over.earlier == "v1"


def test_cluster_of_a_record_that_teaches_is_left_out_where_there_is_no_split(tmp_path: Path) -> None:
    judges = STRICT + "        examples: taught.jsonl\n"
    home = write_judged(tmp_path, Planted(n=240, clusters=40), judges=judges)
    (home / "taught.jsonl").write_text('{"record": "q0000"}\n')
    with Workspace.open(home) as workspace:
        workspace.runs.new(None)
        row = workspace.runs.attribution("replies").judges().rows[0]
    assert (row.taught, row.outputs, row.labels) == (6, 234, 117)


def test_command_and_report_say_what_the_view_says(tmp_path: Path, stagegap: Command) -> None:
    home = write_judged(tmp_path, Planted(n=300, labelled=120), judges=STRICT)
    with Workspace.open(home) as workspace:
        workspace.runs.new(None)
        row = workspace.runs.attribution("replies").judges().rows[0]
        card = workspace.runs.scorecard("replies")
    assert card is not None
    given = json.loads(stagegap("show", "judges", "--json").out)
    assert given["rows"][0]["corrected"]["value"] == row.corrected.value
    printed = stagegap("show", "judges").out
    [sheet] = sheets_beside(card)
    sentence = sheet.sentences[0]
    assert sentence.startswith("reply by strict (strict): ")
    assert " of 300 outputs are good, the judge's errors taken off by 120 labelled questions" in sentence
    assert " ".join(sentence.split()) in " ".join(printed.split())
    page = report.html(card, records=False)
    assert "What judges say" in page
    assert "Specificity" in page
    assert "Specificity" in report.markdown(card)


JUDGED = STRICT + "        against: judgements\n        criterion: help\n"


def judgements(home: Path, run: str, *, n: int, seed: int) -> Path:
    """A file in which a person says of the first outputs of a run whether they help; no reference is there."""
    rows = [json.loads(line) for line in (home / "questions.jsonl").read_text().splitlines()]
    file = home / f"judged-{run}.jsonl"
    lines = [
        {
            "record": row["id"], "stage": "reply", "annotator": "anna", "task": "judge", "run": run, "at": seed,
            "value": {"criterion": "help", "ratings": {"system": int(row["shown"] == "right")}},
        }
        for row in rows[:n]
    ]  # fmt: skip
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return file


def test_end_that_only_a_judge_scores_has_its_score_and_its_difference_from_peoples_judgements(tmp_path: Path) -> None:
    home = write_judged(tmp_path, Planted(n=500, labelled=0, good=0.5), judges=JUDGED)
    cascade, questions = home / "cascade.yaml", home / "questions.jsonl"
    cascade.write_text(cascade.read_text().replace("references: {path: references.jsonl}\n", ""))
    with Workspace.open(home) as workspace:
        workspace.runs.new(None)
        bare = workspace.runs.attribution("replies").judges().rows[0]
        workspace.labels.import_file(judgements(home, "v1", n=160, seed=1), None)
        first = workspace.runs.attribution("replies").judges().rows[0]
        rows = [json.loads(line) for line in questions.read_text().splitlines()]
        changed = [
            row | {"shown": "right", "strict": place % 10 > 0} if place % 3 == 0 and row["shown"] == "wrong" else row
            for place, row in enumerate(rows)
        ]
        questions.write_text("".join(json.dumps(row) + "\n" for row in changed))
        workspace.runs.new(None)
        unjudged = workspace.runs.attribution("replies").judges().rows[0]
        workspace.labels.import_file(judgements(home, "v2", n=160, seed=2), None)
        second = workspace.runs.attribution("replies").judges().rows[0]
        card = workspace.runs.scorecard("replies")
        notes = workspace.people.judged_elsewhere("replies", "reply")
    right = sum(row["shown"] == "right" for row in rows) / 500
    assert (bare.labels, bare.corrected.is_measured) == (0, False)
    assert (first.labels, first.against) == (160, "judgements of the outputs")
    assert first.corrected.low <= right <= first.corrected.high
    assert (unjudged.labels, unjudged.corrected.is_measured) == (0, False), "what was said of v1 is not said of v2"
    true = sum(a["shown"] != b["shown"] for a, b in zip(rows, changed, strict=True)) / 500
    assert second.earlier == "v1"
    assert second.difference.low <= true <= second.difference.high
    assert second.difference.excludes_zero
    assert card is not None
    assert [row.corrected for row in card.judges] == [second.corrected]
    assert notes == (), "there is no person's answer to hold against"
