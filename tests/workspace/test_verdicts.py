"""Verdicts on a real run: who sees which output, what is stored, and what it says of all outputs."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from sixty import write_sixty
from stagegap import report
from stagegap.analysis.verdicts import VerdictRow, verdicts_view_sheet
from stagegap.errors import ConfigurationError, InputError, NotFound
from stagegap.model.cascade import Kind, OutputType
from stagegap.model.queue import Queue, QueueItem
from stagegap.model.record import Json
from stagegap.model.run import SYSTEM
from stagegap.people.verdicts import in_force, is_blind, parts, shows_output
from stagegap.workspace import Workspace
from stagegap.workspace.foundation import write_starter
from stagegap.workspace.readings import typed_correction

PARTS = """cascade: parts
records: {path: records.jsonl}
references: {path: references.jsonl}
stages:
  check:
    uses: python
    with: {function: "stages.py:check"}
    each: record.parts
    inputs: {part: record.parts}
    output: {type: boolean}
  all_right: {uses: join, with: {by: all}, inputs: {checks: check}, output: {type: boolean}}
outcome: {score: all_right.accuracy}
"""


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("verdicts")
    write_sixty(folder)
    with Workspace.open(folder) as opened:
        opened.runs.new(None)
    return folder


@pytest.fixture
def project(tmp_path: Path, once: Path) -> Iterator[Workspace]:
    shutil.copytree(once, tmp_path / "project")
    with Workspace.open(tmp_path / "project") as opened:
        yield opened


def say(project: Workspace, queue: Queue, record: str, who: str, at: int = 0, **values: Json) -> None:
    event = {"id": f"{who}{record}{at}", "record": record, "action": "label", "values": values, "active_ms": 4000}
    project.labels.save_labels(queue, [event], who)


def items(project: Workspace, queue: Queue, who: str) -> list[QueueItem]:
    return list(project.labels.queue_items(queue, who, 99))


def test_output_is_seen_but_for_a_tenth_and_nobody_who_saw_it_is_asked_blind(project: Workspace) -> None:
    queue = project.labels.queue("first", "topic", "verdict")
    assert project.labels.queue("first", "topic", "verdict").id == queue.id
    handed = items(project, queue, "eve")
    assert len(handed) == 60
    blind = {item.record for item in handed if not shows_output(item)}
    assert blind == {item.record for item in handed if is_blind(queue.id, "eve", item.record)}
    assert 0 < len(blind) < 15
    fair = project.labels.queue("first", "topic")
    assert {item.record for item in items(project, fair, "eve")} == blind, "the others were seen"
    assert len(items(project, fair, "zoe")) == 60
    assert {item.record for item in items(project, project.labels.queue("first", "reply"), "eve")} == blind
    assert len(items(project, queue, "eve")) == 60, "having seen them is no reason not to give a verdict"


def test_who_has_seen_a_record_gets_no_blind_turn_and_who_answered_it_blind_no_verdict(project: Workspace) -> None:
    queue = project.labels.queue("first", "topic", "verdict")
    records = [item.record for item in items(project, queue, "ann")]
    blind = next(name for name in records if is_blind(queue.id, "bob", name))
    project.readings.show("first", None, blind, "bob")
    seen = next(name for name in records if not is_blind(queue.id, "bob", name))
    say(project, project.labels.queue("first", "topic"), seen, "bob", value="other")
    assert {blind, seen}.isdisjoint(item.record for item in items(project, queue, "bob"))


def test_verdicts_are_no_answers_and_come_back_until_they_are_undone(project: Workspace) -> None:
    before = project.store.label_count("first")
    queue = project.labels.queue("first", "topic", "verdict")
    first, second, third = [item.record for item in items(project, queue, "eve") if shows_output(item)][:3]
    say(project, queue, first, "eve", verdict="accept")
    say(project, queue, second, "eve", verdict="correct", value="parking")
    say(project, queue, third, "eve", verdict="reject")
    assert project.store.label_count("first") == before
    assert {label.task for label in project.store.labels("first", annotator="eve", task=None)} == {"verdict"}
    own = project.labels.label_of(queue, "eve", first)
    assert own is not None
    assert own.task == "verdict"
    assert project.labels.progress_of(queue, "eve").done == 3
    project.labels.save_labels(queue, [{"id": "u", "record": first, "action": "undo", "values": None}], "eve")
    assert project.labels.label_of(queue, "eve", first) is None
    assert first in [item.record for item in items(project, queue, "eve")]
    said = {row.record: row.said for row in project.labels.own_labels("first", "topic", "eve")}
    assert said[first] == "undone"
    assert said[second].endswith("but parking")
    assert said[third].startswith("not right: ")
    lines = [event.did for event in project.people.history("first", "topic", second).events]
    assert "gave a verdict" in lines


def test_blind_turn_takes_an_answer_and_no_verdict(project: Workspace) -> None:
    queue = project.labels.queue("first", "topic", "verdict")
    blind = next(item.record for item in items(project, queue, "eve") if not shows_output(item))
    with pytest.raises(ConfigurationError, match="no value"):
        say(project, queue, blind, "eve", verdict="accept")
    say(project, queue, blind, "eve", value="other")
    (label,) = project.store.labels("first", annotator="eve")
    assert (label.task, label.queue, label.record) == ("produce", queue.id, blind)


def test_verdicts_come_back_from_a_file_with_everything(project: Workspace, tmp_path: Path) -> None:
    queue = project.labels.queue("first", "topic", "verdict")
    seen = [item.record for item in items(project, queue, "eve") if shows_output(item)]
    say(project, queue, seen[0], "eve", verdict="accept")
    say(project, queue, seen[1], "eve", verdict="correct", value="parking")
    say(project, queue, seen[2], "eve", verdict="reject")
    project.labels.save_labels(queue, [{"id": "s", "record": seen[3], "action": "skip", "values": None}], "eve")
    made = project.store.labels("first", task="verdict")
    for ending in ("jsonl", "csv", "parquet"):
        path, other = tmp_path / f"labels.{ending}", tmp_path / f"other {ending}"
        project.labels.export("first", path)
        write_sixty(other)
        with Workspace.open(other) as again:
            again.labels.import_file(path, None)
            assert again.store.labels("first", task="verdict") == made
            again.runs.new(None)
            fair = again.labels.queue("first", "topic")
            waiting = {item.record for item in items(again, fair, "eve")}
            assert set(seen[:4]).isdisjoint(waiting), "a verdict from a file was seen too"


def test_file_with_a_verdict_that_is_none_is_refused_with_the_line(project: Workspace, tmp_path: Path) -> None:
    rows: list[Json] = [
        {"verdict": "fine", "output": "other"},
        {"verdict": "correct", "output": "other", "correction": "no such topic"},
        {"verdict": "correct", "output": "other", "correction": "parking"},
    ]
    path = tmp_path / "verdicts.jsonl"
    lines = [
        json.dumps({"record": "q01", "stage": "topic", "annotator": "zoe", "task": "verdict", "value": value})
        for value in rows
    ]
    path.write_text("\n".join(lines))
    with pytest.raises(InputError) as refusal:
        project.labels.import_file(path, None)
    assert "one of accept, correct, reject" in str(refusal.value)
    assert ":2" in str(refusal.value)
    path.write_text(lines[2])
    assert project.labels.import_file(path, None).added == 1


def test_references_of_people_who_saw_the_output_say_so_and_stand_behind_blind_ones(
    project: Workspace, tmp_path: Path
) -> None:
    references = project.folder / "pipelines" / "first" / "references.jsonl"
    lines = references.read_text().splitlines()
    queue = project.labels.queue("first", "topic", "verdict")
    first, second = [item.record for item in items(project, queue, "eve") if shows_output(item)][:2]
    references.write_text("\n".join(line for line in lines if json.loads(line)["record"] != first))
    project.runs.new(None)
    say(project, queue, first, "eve", verdict="correct", value="parking")
    say(project, queue, second, "eve", verdict="accept")
    project.labels.export("first", tmp_path / "out.jsonl", references=True)
    exported = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [(row["record"], row["value"], row["annotators"]) for row in exported if row["seen"]] == [
        (first, "parking", ["eve"])
    ]
    assert second in {row["record"] for row in exported if not row["seen"]}


def rows(project: Workspace) -> tuple[VerdictRow, ...]:
    return project.runs.attribution("first").verdicts().rows


def test_planted_anchoring_is_measured_and_taken_off(project: Workspace) -> None:
    """Eve accepts every output; references say that a tenth of the replies are bad."""
    assert rows(project) == ()
    assert (
        "Nobody has given a verdict" in verdicts_view_sheet(project.runs.attribution("first").verdicts()).sentences[0]
    )
    queue = project.labels.queue("first", "reply", "verdict")
    for item in items(project, queue, "eve"):
        if shows_output(item):
            say(project, queue, item.record, "eve", verdict="accept")
    (row,) = rows(project)
    given = project.labels.progress_of(queue, "eve").done
    assert (row.accepted, row.corrected, row.rejected, row.judged, row.blind) == (given, 0, 0, given, 60)
    assert row.by_blind.value == pytest.approx(0.9)
    assert row.share.value == pytest.approx(0.9)
    assert row.uncorrected.value == 1.0
    assert row.anchoring.value == pytest.approx(0.1)
    assert row.anchoring.low > 0
    sheet = verdicts_view_sheet(project.runs.attribution("first").verdicts())
    assert "anchoring is taken off" in " ".join(sheet.sentences)
    card = project.runs.scorecard("first")
    assert card is not None
    assert card.verdicts == (row,)
    assert "What verdicts say" in report.html(card, records=False)


def test_verdicts_on_units_count_each_unit_in_the_cluster_of_its_record(tmp_path: Path) -> None:
    """Eve accepts what is checked of each part; references say that a third of the checks are wrong."""
    home = tmp_path / "pipelines" / "parts"
    home.mkdir(parents=True)
    records = [{"id": f"r{i}", "parts": [f"part {k}" for k in range(3)]} for i in range(12)]
    references = [
        {"record": f"r{i}#{k}", "stage": "check", "annotator": "ann", "value": k != 2}
        for i in range(12)
        for k in range(3)
    ]
    (home / "records.jsonl").write_text("\n".join(map(json.dumps, records)))
    (home / "references.jsonl").write_text("\n".join(map(json.dumps, references)))
    (home / "stages.py").write_text("def check(part):\n    return True\n")
    (home / "cascade.yaml").write_text(PARTS)
    with Workspace.open(tmp_path) as project:
        project.runs.new(None)
        queue = project.labels.queue("parts", "check", "verdict")
        seen = [item.record for item in items(project, queue, "eve") if shows_output(item)]
        for unit in seen:
            say(project, queue, unit, "eve", verdict="accept")
        (row,) = project.runs.attribution("parts").verdicts().rows
    assert (row.stage, row.accepted, row.judged, row.blind, row.paired) == (
        "check",
        len(seen),
        len(seen),
        36,
        len(seen),
    )
    assert row.by_blind.value == pytest.approx(2 / 3)
    assert row.by_blind.clusters == row.share.clusters == 12, "records, not units, are what is drawn by chance"
    assert row.share.value == pytest.approx(2 / 3, abs=0.02)
    assert row.uncorrected.value == 1.0


def test_correction_is_scored_as_the_reference_that_it_is(project: Workspace) -> None:
    queue = project.labels.queue("first", "topic", "verdict")
    seen = [item for item in items(project, queue, "eve") if shows_output(item)][:3]
    output = json.loads(seen[0].payload)["output"]["value"]
    say(project, queue, seen[0].record, "eve", verdict="correct", value="other" if output == "parking" else "parking")
    say(project, queue, seen[1].record, "eve", verdict="accept")
    say(project, queue, seen[2].record, "eve", verdict="reject")
    (row,) = rows(project)
    assert (row.accepted, row.corrected, row.rejected, row.paired) == (1, 1, 1, 3)
    assert row.uncorrected.value == pytest.approx(1 / 3)


def test_who_answered_all_blind_has_no_verdict_to_give(project: Workspace) -> None:
    queue = project.labels.queue("first", "topic", "verdict")
    assert items(project, queue, "ab") == []


def test_readers_say_of_the_end_what_verdicts_say_of_a_stage(project: Workspace) -> None:
    names = [item.record for item in project.readings.sitting("first", None, "eve", ahead=30).items]
    events = [
        {"id": f"r{name}", "what": "reading", "action": "read", "record": name, "verdict": "pass"} for name in names
    ]
    project.readings.save("first", None, events, "eve")
    (row,) = rows(project)
    assert (row.stage, row.by, row.judged, row.accepted) == ("reply", "readings", 30, 30)
    assert row.share.value == pytest.approx(0.9, abs=0.03)
    assert row.anchoring.value == pytest.approx(0.1, abs=0.03)


def test_before_a_run_nothing_waits_for_a_verdict(tmp_path: Path) -> None:
    write_starter(tmp_path)
    with Workspace.open(tmp_path) as opened, pytest.raises(NotFound, match="Nothing waits for a verdict"):
        opened.labels.queue("first", "topic", "verdict")


def test_reader_says_what_a_stage_should_have_answered_and_takes_it_back_with_the_reading(project: Workspace) -> None:
    record = project.readings.sitting("first", None, "eve", ahead=1).items[0].record
    failed = {"what": "reading", "action": "read", "record": record, "verdict": "fail", "stage": "topic"}
    right = {"what": "verdict", "action": "label", "record": record, "stage": "topic", "value": "other"}
    wrong = {**right, "value": "parking"}
    output = project.store.outputs(project.store.runs("first")[0].id, SYSTEM, "topic", records=[record])[0].value
    correction = right if output != "other" else wrong
    project.readings.save("first", None, [{"id": "c", **correction}, {"id": "r", **failed}], "eve")
    (label,) = project.store.labels("first", task="verdict")
    assert (label.targeted, label.queue, label.stage) == (True, "", "topic")
    assert parts(label)[:2] == ("correct", output)
    assert [row.by for row in rows(project)] == ["readings"], "a correction where something went wrong is in no rate"
    undone = {"what": "verdict", "action": "undo", "record": record, "stage": "topic"}
    with Workspace(project.folder, environment={}, clock=lambda: 1.0) as behind:  # the clock was set back
        behind.readings.save("first", None, [{"id": "u", **undone}, {"id": "again", **undone}], "eve")
    labels = project.store.labels("first", task="verdict")
    assert in_force(labels) == []
    project.readings.save("first", None, [{"id": "more", **undone}], "eve")
    assert len(project.store.labels("first", task="verdict")) == len(labels), "nothing is there to take back"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"value": "no such topic"}, "is no answer of the stage"),
        ({"stage": "nowhere"}, "can't be said in a box"),
        ({"record": "q99"}, "gave no output for 'q99'"),
    ],
)
def test_correction_that_no_reader_can_make_is_refused(project: Workspace, change: dict[str, str], reason: str) -> None:
    event = {"id": "c", "what": "verdict", "action": "label", "record": "q01", "stage": "topic", "value": "other"}
    with pytest.raises(ConfigurationError, match=reason):
        project.readings.save("first", None, [{**event, **change}], "eve")


@pytest.mark.parametrize(
    ("output", "text", "value"),
    [
        (OutputType(kind=Kind.NUMBER, high=9), "2,5", 2.5),
        (OutputType(kind=Kind.NUMBER, high=9), "12", None),
        (OutputType(kind=Kind.NUMBER), "many", None),
        (OutputType(kind=Kind.BOOLEAN), "yes", True),
        (OutputType(kind=Kind.BOOLEAN), "perhaps", None),
        (OutputType(kind=Kind.TEXT), "We open at 10.", "We open at 10."),
        (OutputType(kind=Kind.LIST), " one\n\ntwo ", ["one", "two"]),
        (OutputType(kind=Kind.LABELS, values=("red", "blue")), "blue\nred", ["red", "blue"]),
        (OutputType(kind=Kind.LABELS, values=("red", "blue")), "green", None),
        (OutputType(kind=Kind.RANKING, of="kb", k=2), "D2\n D1", ["D2", "D1"]),
        (OutputType(kind=Kind.RANKING, of="kb", k=2), "D2\nD9", None),
    ],
)
def test_what_a_reader_types_is_a_value_of_the_stage_or_refused(output: OutputType, text: str, value: Json) -> None:
    if value is None:
        with pytest.raises(ConfigurationError, match="is no answer of the stage"):
            typed_correction(output, text, ("D1", "D2"))
    else:
        assert typed_correction(output, text, ("D1", "D2")) == value
