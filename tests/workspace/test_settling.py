from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from conftest import Copied
from stagegap.errors import ConfigurationError
from stagegap.model.answer import Answer, Label
from stagegap.model.record import Json
from stagegap.people.disagreements import digest
from stagegap.people.references import settle
from stagegap.runner.queues import Hunt
from stagegap.workspace import Workspace


@pytest.fixture
def project(tmp_path: Path, starter: Copied) -> Iterator[Workspace]:
    """The starter, with a second person who says `other` to every question."""
    starter(tmp_path)
    with Workspace.open(tmp_path) as opened:
        queue = opened.labels.queue("first", "topic")
        for i in range(1, 7):
            event = {"id": f"e{i}", "record": f"q{i}", "action": "label", "values": {"value": "other"}}
            opened.labels.save_labels(queue, [event], "yz")
        yield opened


def decide(project: Workspace, record: str, verdict: str, who: str = "eve", key: str = "d", **values: str) -> None:
    queue = project.people.settling("first", "topic").queue
    event = {"id": f"{key}{record}", "record": record, "action": "label", "values": {"verdict": verdict} | values}
    project.people.settle(queue, [event, {"id": "s", "record": "q1", "action": "skip"}], who)


def reference(project: Workspace, record: str) -> tuple[list[object], str, tuple[str, ...]]:
    labels = project.store.labels("first")
    found = settle(labels, project.files.load(None).cascade)
    (one,) = [r for r in found if (r.record, r.stage) == (record, "topic")]
    return [answer.value for answer in one.accepted], one.settled, one.annotators


def test_only_records_that_people_disagree_on_wait(project: Workspace) -> None:
    settling = project.people.settling("first", "topic")
    agreed = {label.record for label in project.store.labels("first", stage="topic", annotator="ab")
              if label.answer == Answer(value="other")}  # fmt: skip
    assert set(settling.open) == {f"q{i}" for i in range(1, 7)} - agreed
    shown = project.people.payloads(settling, [*settling.open, "q99"])
    assert [one["id"] for one in shown] == list(settling.open)
    assert (settling.shared, project.people.settling("first", "reply").shared) == (6, 0)


def test_decision_settles_the_reference_and_leaves_the_list(project: Workspace) -> None:
    record = project.people.settling("first", "topic").open[0]
    decide(project, record, digest(Answer(value="other")), reason="slip")
    settling = project.people.settling("first", "topic")
    assert record not in settling.open
    assert (settling.settled, settling.reasons) == (1, [("slip", 1)])
    assert reference(project, record) == (["other"], "adjudicated", ("ab", "yz", "eve"))


def test_both_are_fine_widens_what_is_accepted_and_a_later_decision_replaces_it(project: Workspace) -> None:
    record = project.people.settling("first", "topic").open[0]
    before = reference(project, record)[0]
    there = [digest(Answer(value=value)) for value in cast("list[Json]", before)]
    decide(project, record, " ".join(there))
    assert reference(project, record)[0] == before
    decide(project, record, "neither", who="dan", key="n", value="parking")
    assert reference(project, record) == (["parking"], "adjudicated", ("ab", "yz", "dan"))
    kept = [label for label in project.store.labels("first") if label.action == "adjudicate"]
    assert [label.annotator for label in kept] == ["eve", "dan"], "the history is whole"


def test_a_later_decision_counts_whatever_the_clock_does(project: Workspace) -> None:
    record = project.people.settling("first", "topic").open[0]
    decide(project, record, digest(Answer(value="other")))
    with Workspace(project.folder, environment={}, clock=lambda: 1.0) as behind:
        decide(behind, record, "neither", who="dan", key="n", value="parking")
        assert reference(behind, record)[0] == ["parking"]


def test_decision_sent_twice_is_one(project: Workspace) -> None:
    record = project.people.settling("first", "topic").open[0]
    decide(project, record, digest(Answer(value="other")))
    decide(project, record, digest(Answer(value="other")))
    assert sum(label.action == "adjudicate" for label in project.store.labels("first")) == 1


def test_decision_on_a_record_outside_every_queue_is_refused(project: Workspace) -> None:
    with pytest.raises(ConfigurationError, match="has no record 'q99'"):
        decide(project, "q99", "neither", value="other")


def test_record_of_a_hunt_is_shown_with_the_payload_of_the_hunt(project: Workspace) -> None:
    hunt = project.labels.hunt("first", "topic", Hunt(where="true"))
    assert hunt.id in project.labels.queue_ids("first")
    project.store.append_labels("first", [_label("q1", "ab", "opening"), _label("q1", "cd", "parking")])
    settling = project.people.settling("first", "topic")
    assert "q1" in settling.open
    assert project.people.payloads(settling, ["q1"])[0]["id"] == "q1"


def _label(record: str, who: str, value: str) -> Label:
    return Label(id=f"{who}{record}", record=record, stage="topic", annotator=who, answer=Answer(value=value), at=9e9)


def test_records_whose_every_answer_counts_come_first(project: Workspace) -> None:
    before = project.people.settling("first", "topic")
    assert before.undecided == len(before.open) > 1
    queue, decided = before.queue, before.open[0]
    event = {"id": "third", "record": decided, "action": "label", "values": {"value": "other"}}
    project.labels.save_labels(queue, [event], "kim")
    after = project.people.settling("first", "topic")
    assert after.open == (*before.open[1:], decided), "two of three say the same there: most decided, one differs"
    assert after.undecided == len(before.open) - 1
