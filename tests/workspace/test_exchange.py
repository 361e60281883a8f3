from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pandas
import pytest

from stagegap.analysis.runs import history_sheet
from stagegap.errors import ConfigurationError, InputError, NotFound
from stagegap.exchange.foreign import Unmapped
from stagegap.model.answer import Answer, Label
from stagegap.model.record import Json
from stagegap.people.references import settle
from stagegap.tables.table import Table
from stagegap.workspace import Workspace
from stagegap.workspace.exchange import Foreign, ImportReport
from stagegap.workspace.foundation import write_starter

OWN = {"record": "q1", "stage": "reply", "annotator": "cd", "value": "=1+1"}
LANGFUSE = {
    "id": "s1", "traceId": "q1", "name": "topic", "source": "ANNOTATION", "dataType": "CATEGORICAL", "value": 1,
    "stringValue": "parking", "authorUserId": "u1", "timestamp": "2026-01-02T03:04:05Z",
}  # fmt: skip


def opened(folder: Path) -> Workspace:
    folder.mkdir(exist_ok=True)
    write_starter(folder)
    ticks = count(1_000)
    return Workspace(folder, environment={}, clock=lambda: float(next(ticks)))


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    """The starter project with labels of every kind: from files, from the card, a skip, an undo."""
    with opened(tmp_path / "first") as found:
        queue = found.labels.queue("first", "topic")
        events = [
            {"id": "e1", "record": "q1", "action": "label", "values": {"value": "other"}, "note": "=x\n\u202e\x00",
             "active_ms": 1200, "unsure": True, "odd": True},
            {"id": "e2", "record": "q2", "action": "skip"},
            {"id": "e3", "record": "q1", "action": "undo"},
        ]  # fmt: skip
        found.labels.save_labels(queue, events, "@cd")
        found.labels.import_file(found.folder / "pipelines" / "first" / "references.jsonl", None)
        found.labels.import_file(written(tmp_path, OWN), None)
        yield found


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Workspace]:
    with opened(tmp_path / "empty") as found:
        yield found


def written(folder: Path, *rows: object, name: str = "own.jsonl") -> Path:
    path = folder / name
    path.write_text("\n".join(map(json.dumps, rows)))
    return path


def labels(workspace: Workspace) -> list[Label]:
    return workspace.store.labels("first")


@pytest.mark.parametrize("raw", [False, True])
@pytest.mark.parametrize("name", ["l.jsonl", "l.csv", "l.csv.gz", "l.parquet"])
def test_export_into_an_empty_workspace_loses_nothing(
    workspace: Workspace, empty: Workspace, tmp_path: Path, name: str, raw: bool
) -> None:
    rows = workspace.labels.export("first", tmp_path / name, references=False, raw=raw)
    assert rows == len(labels(workspace)) > 10
    assert empty.labels.import_file(tmp_path / name, None) == ImportReport(added=rows, known=0)
    assert labels(empty) == labels(workspace)
    assert empty.labels.import_file(tmp_path / name, None) == ImportReport(added=0, known=rows)
    empty.labels.export("first", tmp_path / f"again-{name}", references=False, raw=raw)
    assert (tmp_path / f"again-{name}").read_bytes() == (tmp_path / name).read_bytes()


@pytest.mark.parametrize("name", ["l.jsonl", "l.csv", "l.parquet"])
def test_file_can_not_vouch_that_somebody_was_checked(
    workspace: Workspace, empty: Workspace, tmp_path: Path, name: str
) -> None:
    queue = workspace.labels.queue("first", "topic")
    event: dict[str, Json] = {"id": "e9", "record": "q3", "action": "label", "values": {"value": "other"}}
    workspace.labels.save_labels(queue, [event], "ef@example.org", verified=True)
    rows = workspace.labels.export("first", tmp_path / name)
    assert empty.labels.import_file(tmp_path / name, None) == ImportReport(added=rows, known=0, unvouched=1)
    assert not any(label.verified for label in labels(empty))
    assert workspace.labels.import_file(tmp_path / name, None) == ImportReport(added=0, known=rows)
    assert [label.annotator for label in labels(workspace) if label.verified] == ["ef@example.org"], "known here"


def test_references_can_not_vouch_either(empty: Workspace) -> None:
    path = empty.folder / "pipelines" / "first" / "references.jsonl"
    path.write_text(json.dumps(OWN | {"verified": True}))
    empty.runs.new(None)
    assert [label.verified for label in labels(empty)] == [False]


def test_run_after_an_import_takes_the_references_for_the_same_labels(
    workspace: Workspace, empty: Workspace, tmp_path: Path
) -> None:
    workspace.labels.export("first", tmp_path / "l.jsonl", references=False, raw=False)
    empty.labels.import_file(tmp_path / "l.jsonl", None)
    before = len(labels(empty))
    empty.runs.new(None)
    assert len(labels(empty)) == before


def test_references_are_what_the_labels_settle_to(workspace: Workspace, tmp_path: Path) -> None:
    workspace.labels.export("first", tmp_path / "r.jsonl", references=True, raw=False)
    rows = [json.loads(line) for line in (tmp_path / "r.jsonl").read_text().splitlines()]
    found = [row for row in rows if (row["record"], row["stage"]) == ("q1", "reply")]
    assert [(row["place"], row["annotators"], row["settled"]) for row in found] == [
        (1, ["ab", "cd"], "undecided"), (2, ["ab", "cd"], "undecided"),
    ]  # fmt: skip
    with pytest.raises(InputError, match="holds settled references"):
        workspace.labels.import_file(tmp_path / "r.jsonl", None)


def test_frame_holds_every_label_and_goes_into_an_empty_workspace(workspace: Workspace, empty: Workspace) -> None:
    frame = workspace.labels.frame("first")
    assert isinstance(frame, pandas.DataFrame)
    assert len(frame) == len(labels(workspace))
    assert empty.labels.import_frame(frame) == ImportReport(added=len(frame), known=0)
    assert labels(empty) == labels(workspace)
    with pytest.raises(InputError, match=r"^data frame:1: There is no record 'q77'\."):
        empty.labels.import_frame(frame.assign(record="q77"))


def test_file_of_another_program_is_told_by_its_content(workspace: Workspace, tmp_path: Path) -> None:
    path = written(tmp_path, [LANGFUSE, LANGFUSE | {"name": "tone", "id": "s2"}], name="scores.json")
    lost = Unmapped(
        reason="No stage is called 'tone'; --stage NAME=tone gives its answers to a stage.",
        count=1,
        examples=("score s2 'tone'",),
    )
    report = ImportReport(added=1, known=0, unmapped=(lost,), source="langfuse")
    assert workspace.labels.import_file(path, None) == report
    assert labels(workspace)[-1].answer == Answer(value="parking")
    again = workspace.labels.import_file(path, None, Foreign(source="langfuse"))
    assert (again.added, again.known, again.unmapped) == (0, 1, (lost,))


def test_options_say_which_question_is_which_stage_and_where_the_record_is(
    workspace: Workspace, tmp_path: Path
) -> None:
    score = LANGFUSE | {"name": "theme", "traceId": "f00", "metadata": {"mail": "q2"}}
    path = written(tmp_path, [score], name="scores.json")
    foreign = Foreign(stages=(("topic", "theme"),), record_id="mail")
    assert workspace.labels.import_file(path, None, foreign).added == 1
    assert labels(workspace)[-1].record == "q2"
    with pytest.raises(ConfigurationError, match="There is no format 'langfus'"):
        workspace.labels.import_file(path, None, Foreign(source="langfus"))


def test_options_for_other_programs_are_refused_for_our_own_files(workspace: Workspace, tmp_path: Path) -> None:
    path = written(tmp_path, OWN)
    for foreign in (Foreign(stages=(("topic", "x"),)), Foreign(record_id="mail")):
        with pytest.raises(ConfigurationError, match=r"own\.jsonl is read as labels of our own, .* --from"):
            workspace.labels.import_file(path, None, foreign)


def test_id_that_another_cascade_has_is_told(workspace: Workspace, tmp_path: Path) -> None:
    other = workspace.folder / "pipelines" / "first" / "other.yaml"
    other.write_text("extends: cascade.yaml\ncascade: another\n")
    path = written(tmp_path, OWN | {"id": "op1"}, OWN | {"id": "op2"})
    assert workspace.labels.import_file(path, None) == ImportReport(added=2, known=0)
    (lost,) = workspace.labels.import_file(path, other).unmapped
    assert (lost.reason, lost.count, lost.examples) == (
        "A label of another cascade has this id already.", 2, ("op1", "op2"),
    )  # fmt: skip


def test_labels_of_a_cascade_without_a_file_are_not_written(workspace: Workspace, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="holds the cascade 'firts'"):
        workspace.labels.export("firts", tmp_path / "l.csv", references=False, raw=False)


@pytest.mark.parametrize("ending", ["jsonl", "csv", "parquet"])
def test_label_that_no_longer_fits_its_stage_comes_back_as_it_was_is_reported_and_enters_no_number(
    workspace: Workspace, empty: Workspace, tmp_path: Path, ending: str
) -> None:
    path = tmp_path / f"old.{ending}"
    workspace.labels.export("first", path)
    made = workspace.store.labels("first")
    cascade = empty.folder / "pipelines" / "first" / "cascade.yaml"
    text = cascade.read_text().replace(
        "{type: label, values: [opening, parking, other]}", "{type: labels, values: [a, b]}"
    )
    cascade.write_text(text.replace("references:", "# ").replace("stages.py:topic", "stages.py:topics"))
    code = empty.folder / "pipelines" / "first" / "stages.py"
    code.write_text(code.read_text() + "\n\ndef topics(question):\n    return ['a']\n")
    report = empty.labels.import_file(path, None)
    assert empty.store.labels("first") == made, "nothing is lost"
    (left,) = report.unmapped
    assert left.reason.startswith("The value does not fit the stage as it is now")
    topics = [label for label in made if label.stage == "topic" and label.answer is not None]
    assert left.count == len(topics)
    empty.runs.new(None)
    card = empty.runs.scorecard("first")
    assert card is not None
    assert card.stages[0].in_place.n == 0
    assert card.stages[1].in_place.n > 0
    fresh = written(
        tmp_path, {"record": "q1", "stage": "topic", "annotator": "cd", "value": "parking"}, name="new.jsonl"
    )
    with pytest.raises(InputError, match="The value does not fit stage 'topic'"):
        empty.labels.import_file(fresh, None)


def test_id_that_has_another_answer_is_refused_with_its_line_from_a_file_and_from_the_card(
    workspace: Workspace, tmp_path: Path
) -> None:
    workspace.labels.import_file(written(tmp_path, OWN | {"id": "op1"}), None)
    before = labels(workspace)
    other = {"record": "q3", "stage": "topic", "annotator": "bob", "value": "other"}
    path = written(tmp_path, OWN | {"id": "op1"}, other | {"id": "op1"}, other | {"id": "n"}, OWN | {"id": "n"})
    with pytest.raises(InputError, match=r"own\.jsonl:2: The id 'op1' has another answer already") as refused:
        workspace.labels.import_file(path, None)
    assert [problem.line for problem in refused.value.problems] == [2, 4]
    queue = workspace.labels.queue("first", "topic")
    again = {"id": "e4", "record": "q1", "action": "label", "values": {"value": "other"}}
    workspace.labels.save_labels(queue, [again], "@cd")
    before = labels(workspace)
    workspace.labels.save_labels(queue, [again], "@cd")
    with pytest.raises(ConfigurationError, match="The id 'e4' has another answer already, of '@cd'"):
        workspace.labels.save_labels(queue, [again | {"values": {"value": "parking"}}], "@cd")
    assert labels(workspace) == before


@pytest.mark.parametrize("change", [{"note": "other"}, {"unsure": True}, {"odd": True}])
def test_id_that_comes_with_another_note_or_flag_is_refused(
    workspace: Workspace, tmp_path: Path, change: dict[str, Json]
) -> None:
    workspace.labels.import_file(written(tmp_path, OWN | {"id": "op1", "note": "mine"}), None)
    with pytest.raises(InputError, match=r"own\.jsonl:1: The id 'op1' has another answer already"):
        workspace.labels.import_file(written(tmp_path, OWN | {"id": "op1", "note": "mine"} | change), None)
    queue = workspace.labels.queue("first", "topic")
    event: dict[str, Json] = {
        "id": "e9",
        "record": "q1",
        "action": "label",
        "values": {"value": "other"},
        "note": "mine",
    }
    workspace.labels.save_labels(queue, [event], "@cd")
    with pytest.raises(ConfigurationError, match="The id 'e9' has another answer already"):
        workspace.labels.save_labels(queue, [event | change], "@cd")


def test_label_whose_text_holds_a_secret_comes_in_twice_as_one(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SERVICE_KEY", "blotted-out-4711")
    row = OWN | {"id": "op1", "value": "It is blotted-out-4711.", "note": "blotted-out-4711"}
    assert workspace.labels.import_file(written(tmp_path, row), None).added == 1
    again = workspace.labels.import_file(written(tmp_path, row), None)
    assert (again.added, again.known) == (0, 1)


def test_a_run_after_the_last_year_of_the_calendar_is_listed(tmp_path: Path) -> None:
    write_starter(tmp_path)
    with Workspace(tmp_path, environment={}, clock=lambda: 1.8e12) as opened:
        opened.runs.new(None)
        [table] = history_sheet(opened.past("first").history()).parts[:1]
    assert isinstance(table, Table)
    assert table.rows[0][1:3] == ("9999-12-31 23:59", "9999-12-31T23:59:59+00:00")


def test_clock_that_goes_backwards_changes_no_order(tmp_path: Path) -> None:
    write_starter(tmp_path)
    ticks = count(1_900_000_000, -86_400)
    for name, value in (("v1", "other"), ("v2", "parking"), ("v3", "other")):
        with Workspace(tmp_path, environment={}, clock=lambda: float(next(ticks))) as opened:
            assert opened.runs.new(None)[0].name == name
            run = opened.store.run("first")
            assert run is not None
            assert run.name == name, "the newest run is the one that was made last"
            queue = opened.labels.queue("first", "topic")
            opened.labels.sitting(queue, "@cd", 1)
            event = {"id": name, "record": "q1", "action": "label", "values": {"value": value}}
            opened.labels.save_labels(queue, [event], "@cd")
            [own] = opened.labels.own_labels("first", "topic", "@cd")
            assert own.said == value, "what was said last counts"
    assert own.before == ("parking", "other")


def test_reference_file_is_what_holds_from_run_to_run(empty: Workspace) -> None:
    path = empty.folder / "pipelines" / "first" / "references.jsonl"
    rows = path.read_text().splitlines()
    changed = json.dumps(json.loads(rows[0]) | {"value": "other"})
    said: list[str] = []
    answers: list[object] = []
    for state in (rows, [changed, *rows[1:]], rows, rows[1:]):
        path.write_text("\n".join(state))
        said.append(empty.runs.new(None)[1].references)
        first = json.loads(rows[0])
        settled = settle(labels(empty), empty.files.load(None).cascade)
        answers.append(
            [one.first.value for one in settled if (one.record, one.stage) == (first["record"], first["stage"])]
        )
    assert answers == [[first["value"]], ["other"], [first["value"]], []]
    assert said[0] == ""
    assert [text.partition(" since")[0] for text in said[1:]] == [
        "Reference files: 1 row is changed",
        "Reference files: 1 row is changed",
        "Reference files: 1 row is gone and withdrawn",
    ]
