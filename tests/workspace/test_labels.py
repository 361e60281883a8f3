from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from conftest import Copied
from stagegap.errors import ConfigurationError, InputError, NotFound
from stagegap.model.queue import Queue
from stagegap.runner.queues import Hunt
from stagegap.workspace import Workspace
from stagegap.workspace.foundation import write_starter

WARMUP = '{"record": "q2", "value": "parking", "explanation": "It is about the car park."}\n'


@pytest.fixture
def project(tmp_path: Path, starter: Copied) -> Iterator[Workspace]:
    starter(tmp_path)
    with Workspace.open(tmp_path) as opened:
        yield opened


def change(project: Workspace, **lines: str) -> None:
    """The stage `topic` further lines."""
    path = project.folder / "pipelines" / "first" / "cascade.yaml"
    more = "".join(f"    {name}: {value}\n" for name, value in lines.items())
    path.write_text(path.read_text().replace("    ask: What is", f"{more}    ask: What is", 1))


def answer(project: Workspace, queue: Queue, record: str, who: str = "yz", **more: Any) -> None:
    event = {"id": f"{who}{record}{more}", "record": record, "action": "label", "values": {"value": "other"}} | more
    project.labels.save_labels(queue, [event], who)


def records(project: Workspace, queue: Queue, who: str = "yz") -> list[str]:
    return [item.record for item in project.labels.queue_items(queue, who, 99)]


def test_overlap_is_a_fifth_of_the_random_sample_and_the_same_for_everybody(project: Workspace) -> None:
    sample, overlap = project.labels.queue("first", "topic"), project.labels.queue("first", "topic", "overlap")
    assert set(records(project, overlap)) == set(records(project, overlap, "xx"))
    assert set(records(project, overlap)) == set(records(project, sample)[:2])
    (chance,) = {item.probability for item in project.labels.queue_items(overlap, "yz", 99)}
    assert chance == pytest.approx(2 / 6)
    assert project.labels.queue("first", "topic", "overlap").id == overlap.id


def test_overlap_of_another_size_is_a_new_one(project: Workspace) -> None:
    first = project.labels.queue("first", "topic", "overlap")
    drawn = project.labels.overlap("first", "topic", 99)
    assert len(records(project, drawn)) == 6
    assert project.labels.queue("first", "topic", "overlap").id == drawn.id != first.id
    assert project.labels.queue("first", "topic", first.id).id == first.id


def test_hunted_labels_say_so_and_leave_the_numbers_alone(project: Workspace) -> None:
    before = project.runs.scorecard("first")
    assert before is not None
    hunt = project.labels.hunt("first", "topic", Hunt(where="true"))
    assert (hunt.purpose, hunt.drawn) == ("hunting", "true")
    answer(project, hunt, "q1")
    (made,) = [label for label in project.store.labels("first") if label.queue == hunt.id]
    assert (made.targeted, made.probability) == (True, None)
    project.runs.refresh("first", before.run)
    after = project.runs.scorecard("first")
    assert after is not None
    assert (after.stages, after.system, after.annotators) == (before.stages, before.system, before.annotators)
    assert "q1" in records(project, project.labels.queue("first", "topic")), "the fair sample still asks for it"


def test_swap_is_drawn_again_for_a_new_run_and_its_labels_name_the_run(project: Workspace) -> None:
    first = project.labels.queue("first", "reply", "swap")
    assert project.labels.queue("first", "reply", "swap").id == first.id
    run, _ = project.runs.new(None)
    second = project.labels.queue("first", "reply", "swap")
    assert second.run == run.id != first.run
    answer(project, second, "q3", values={"value": "Yes."})
    (made,) = [label for label in project.store.labels("first") if label.queue == second.id]
    assert (made.run, made.targeted) == (run.id, False)


def test_unknown_queue_is_named(project: Workspace) -> None:
    with pytest.raises(NotFound, match="Stage 'topic' has no queue 'hunting'"):
        project.labels.queue("first", "topic", "hunting")
    assert project.labels.queue_of("first", "gone") is None


def test_record_of_a_link_comes_with_the_persons_own_label(project: Workspace) -> None:
    queue = project.labels.queue("first", "topic")
    found = project.labels.queue_item(queue, "q4", "yz")
    assert found is not None
    assert found.record == "q4"
    assert project.labels.queue_item(queue, "q99", "yz") is None
    assert project.labels.label_of(queue, "yz", "q4") is None
    answer(project, queue, "q4")
    made = project.labels.label_of(queue, "yz", "q4")
    assert made is not None
    assert made.answer is not None
    assert made.answer.value == "other"
    answer(project, queue, "q4", action="undo")
    assert project.labels.label_of(queue, "yz", "q4") is None


def test_every_guideline_version_is_kept_and_a_change_is_told_until_the_next_label(project: Workspace) -> None:
    text = project.folder / "pipelines" / "first" / "topic.md"
    text.write_text("Read it.")
    change(project, guideline="topic.md")
    queue = project.labels.queue("first", "topic")
    answer(project, queue, "q1")
    assert project.labels.guideline_change(queue, project.labels.sitting(queue, "yz", 0).guideline) is None
    text.write_text("Read it twice.")
    newer = project.labels.queue("first", "topic")
    assert (newer.id, newer.guideline) == (queue.id, "Read it twice.")
    told = project.labels.guideline_change(newer, project.labels.sitting(newer, "yz", 0).guideline)
    assert told is not None
    assert (told.before, told.now) == ("Read it.", "Read it twice.")
    assert project.labels.guideline_change(newer, project.labels.sitting(newer, "xx", 0).guideline) is None
    answer(project, newer, "q2")
    assert project.labels.guideline_change(newer, project.labels.sitting(newer, "yz", 0).guideline) is None
    versions = project.store.guidelines("first", "topic")
    assert [version.text for version in versions] == ["Read it.", "Read it twice."]
    made = [label.guideline for label in project.store.labels("first", annotator="yz")]
    assert made == [version.hash for version in versions]


def test_label_from_a_page_of_yesterday_keeps_the_version_that_was_on_it(project: Workspace) -> None:
    queue = project.labels.queue("first", "topic")
    answer(project, queue, "q1", guideline="0123456789abcdef")
    answer(project, queue, "q2", guideline="<script>")
    made = [label.guideline for label in project.store.labels("first", annotator="yz")]
    assert made == ["0123456789abcdef", ""]


def test_warm_up_comes_with_the_queue_and_is_not_in_the_sample(project: Workspace) -> None:
    (project.folder / "pipelines" / "first" / "warmup.jsonl").write_text(WARMUP)
    change(project, warmup="warmup.jsonl")
    queue = project.labels.queue("first", "topic")
    assert '"explanation": "It is about the car park."' in queue.warmup
    assert '"id": "q2"' in queue.warmup
    assert "q2" not in records(project, queue)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ('{"record": "q2", "value": "parking"}', "The field 'explanation' is missing."),
        ('{"record": "q2", "value": "moon", "explanation": ""}', "The value does not fit stage 'topic'"),
        ('{"record": "q77", "value": "parking", "explanation": ""}', "There is no record 'q77'."),
    ],
)
def test_warm_up_that_does_not_fit_is_one_sentence_with_its_line(project: Workspace, row: str, message: str) -> None:
    (project.folder / "pipelines" / "first" / "warmup.jsonl").write_text(row)
    change(project, warmup="warmup.jsonl")
    with pytest.raises(InputError, match=r"warmup\.jsonl:1") as caught:
        project.labels.queue("first", "topic")
    assert message in str(caught.value)


def test_warm_up_file_that_is_not_there_is_a_problem_of_the_cascade(project: Workspace) -> None:
    change(project, warmup="gone.jsonl")
    with pytest.raises(ConfigurationError, match=r"gone\.jsonl"):
        project.files.load(None)


@pytest.fixture
def partly(tmp_path: Path) -> Iterator[Workspace]:
    """A project in which three of the six questions have no label at `topic`."""
    write_starter(tmp_path)
    path = tmp_path / "pipelines" / "first" / "references.jsonl"
    lines = [
        line for line in path.read_text().splitlines() if "topic" not in line or ('"q' in line and line[13] in "123")
    ]
    path.write_text("\n".join(lines) + "\n")
    with Workspace.open(tmp_path) as opened:
        opened.runs.new(None)
        yield opened


def test_what_decides_the_ranking_is_a_queue_of_exactly_those_records(partly: Workspace) -> None:
    told = partly.labels.next_labels("first", "yz")
    assert told is not None
    assert told.wanted == {"topic": 3}
    queue = partly.labels.queue("first", "topic", "next")
    assert (queue.purpose, queue.drawn) == ("next", "3 of 3 without a label")
    assert set(records(partly, queue)) == set(records(partly, queue, "xx")) == {"q4", "q5", "q6"}
    assert {item.probability for item in partly.labels.queue_items(queue, "yz", 9)} == {1.0}
    assert partly.labels.queue("first", "topic", "next").id == queue.id, "while a record waits it stays the same"
    with pytest.raises(NotFound, match="needs no further label at 'reply'"):
        partly.labels.queue("first", "reply", "next")


def test_labels_of_that_queue_count_and_end_it(partly: Workspace) -> None:
    queue = partly.labels.queue("first", "topic", "next")
    for record in ("q4", "q5", "q6"):
        answer(partly, queue, record, active_ms=4_000)
    before = partly.labels.next_labels("first", "yz")
    assert before is not None
    assert before.newer == 3
    partly.runs.refresh("first", before.run)
    after = partly.labels.next_labels("first", "yz")
    assert after is not None
    assert (after.newer, after.wanted) == (0, {})
    assert partly.labels.queue("first", "topic", "next").id == queue.id, "its end is shown, nothing new is drawn"
    card = partly.runs.scorecard("first")
    assert card is not None
    assert card.stages[0].in_place.n == 6


def test_before_a_run_nothing_is_planned(tmp_path: Path) -> None:
    write_starter(tmp_path)
    with Workspace.open(tmp_path) as opened:
        assert opened.labels.next_labels("first", "yz") is None
        with pytest.raises(NotFound, match="needs no further label at 'topic'"):
            opened.labels.queue("first", "topic", "next")


SCHEMA = "{type: object, required: [kind], properties: {kind: {enum: [open, closed]}, n: {type: integer}}}"


def with_object(project: Workspace, schema: str = SCHEMA, more: str = "") -> Queue:
    """The stage `topic` an object as output."""
    path = project.folder / "pipelines" / "first" / "cascade.yaml"
    text = path.read_text().replace(
        "{type: label, values: [opening, parking, other]}", f"{{type: object, schema: {schema}}}{more}"
    )
    path.write_text(text.replace("cascade: first", "cascade: objects").replace("references:", "# "))
    return project.labels.queue("objects", "topic")


def test_object_is_asked_for_and_held_to_its_schema(project: Workspace) -> None:
    queue = with_object(project)
    assert [one.stage for one in project.labels.label_stages("objects")] == ["topic", "reply"]
    answer(project, queue, "q1", values={"/kind": "open", "/n": 3})
    (made,) = project.store.labels("objects")
    assert made.answer is not None
    assert made.answer.value == {"kind": "open", "n": 3}
    with pytest.raises(ConfigurationError, match="The answer to 'q2' does not fit stage 'topic'"):
        answer(project, queue, "q2", values={"/kind": "ajar"})


def test_stage_whose_object_has_no_form_is_not_offered(project: Workspace) -> None:
    with pytest.raises(ConfigurationError, match="Write a form of your own"):
        with_object(project, "{type: object, properties: {x: {type: array}}}")
    assert [one.stage for one in project.labels.label_stages("objects")] == ["reply"]


def test_form_of_the_users_own_is_kept_with_the_queue(project: Workspace) -> None:
    module = project.folder / "pipelines" / "first" / "own.js"
    module.write_text("export default () => {}")
    queue = with_object(project, more="\n    form: own.js")
    assert "export default () => {}" in queue.form
    answer(project, queue, "q1", values={"value": {"kind": "open"}})
    with pytest.raises(ConfigurationError, match="does not fit stage 'topic'"):
        answer(project, queue, "q2", values={"value": {"kind": 1}})
    module.write_bytes(b"\xff")
    with pytest.raises(ConfigurationError, match="The form of stage 'topic' can't be read"):
        project.labels.hunt("objects", "topic", Hunt(where="true"))


def test_form_file_that_is_not_there_is_a_problem_of_the_cascade(project: Workspace) -> None:
    change(project, form="gone.js")
    with pytest.raises(ConfigurationError, match=r"gone\.js"):
        project.files.load(None)
