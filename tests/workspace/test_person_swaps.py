"""People in place of stages: the sixty questions, labelled through the swap queue."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

import llm_server
from sixty import NEVER, replace_in, write_sixty
from stagegap.analysis.person_swaps import PersonStage, PersonSwaps
from stagegap.errors import ConfigurationError, RunStopped
from stagegap.model.queue import Queue
from stagegap.model.run import Cell
from stagegap.runner import Silent, Stop
from stagegap.workspace import Workspace

FACTS = {"open": "10 to 14", "park": "12 places", "room": "call you back"}


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Workspace]:
    made = write_sixty(tmp_path / "project")
    replace_in(made / "stages.py", '"open" in words', '"shut" in words')
    with Workspace.open(made) as opened:
        opened.runs.new(None)
        yield opened


def swapped(project: Workspace) -> PersonSwaps:
    with project.past("first").person_swaps() as people:
        return people.swapped(progress=Silent())


def answered(project: Workspace, stage: str, value: object, *, who: str = "yz") -> Queue:
    """Answer the whole swap queue of a stage; `value` may be a function of what is shown."""
    queue = project.labels.queue("first", stage, "swap")
    events = [
        {"id": f"{who}{queue.id}{item.record}", "record": item.record, "action": "label",
         "values": {"value": value(item.payload) if callable(value) else value}}
        for item in project.labels.queue_items(queue, who, 99)
    ]  # fmt: skip
    project.labels.save_labels(queue, events, who)
    return queue


def right(payload: str) -> str:
    return next(fact for word, fact in FACTS.items() if word in payload)


def rows_of(view: PersonSwaps) -> dict[str, PersonStage]:
    return {row.stage: row for row in view.stages}


def test_labels_of_the_record_alone_stand_for_people_at_once(project: Workspace) -> None:
    view = swapped(project)
    assert view.players == ("topic",)
    assert (rows_of(view)["topic"].answered, rows_of(view)["reply"].answered) == (60, 0)
    assert rows_of(view)["topic"].alone.change.value > 0.1
    assert [(one.stage, one.after, len(one.records)) for one in view.unanswered] == [("reply", (), 60)]


def test_people_who_answer_every_input_show_what_they_change_alone_and_together(project: Workspace) -> None:
    swapped(project)
    base = answered(project, "reply", right)
    first = swapped(project)
    assert first.players == ("topic", "reply")
    assert [(one.stage, one.after, len(one.records)) for one in first.unanswered] == [("reply", ("topic",), 20)]
    assert first.n == 40, "the twenty that get another topic from a person wait for a reply to it"
    after = answered(project, "reply", right)
    assert (after.id != base.id, after.purpose, after.drawn) == (True, "swap", "after topic")
    view = swapped(project)
    assert (view.n, view.unanswered, view.no_target) == (60, (), 0)
    topic, reply = rows_of(view)["topic"], rows_of(view)["reply"]
    assert topic.alone.change.value == pytest.approx(18 / 60), "of twenty lost questions, two can't be answered"
    assert reply.alone.change.value == pytest.approx(18 / 60), "a person replies well whatever the topic says"
    (pair,) = view.pairs
    assert (pair.table.either, pair.table.together, pair.table.neither) == (18, 0, 6)
    assert pair.together.change.value == pytest.approx(-18 / 60), "each makes the other superfluous"
    assert topic.share.change.value == pytest.approx(9 / 60)
    assert answered(project, "reply", right).id == after.id, "nothing waits any more"


def test_labels_of_a_swap_settle_no_reference_and_answer_no_other_queue(project: Workspace) -> None:
    before = project.runs.attribution("first").evidence.references
    answered(project, "reply", "nonsense", who="ab")
    assert project.runs.attribution("first").evidence.references == before
    assert len(project.labels.queue_items(project.labels.queue("first", "reply"), "ab", 99)) == 0, (
        "ab has labelled them"
    )
    assert len(project.labels.queue_items(project.labels.queue("first", "reply"), "yz", 99)) == 60
    answered(project, "reply", "nonsense")
    assert len(project.labels.queue_items(project.labels.queue("first", "reply"), "yz", 99)) == 60


def test_a_harmful_person_is_told_with_the_records(project: Workspace) -> None:
    answered(project, "reply", NEVER)
    reply = rows_of(swapped(project))["reply"]
    assert reply.alone.verdict == "regressed"
    assert reply.harm is not None
    assert reply.harm.count == reply.broken == 36
    assert reply.harm.rate.value == pytest.approx(36 / 60)


def test_nothing_of_it_changes_the_run(project: Workspace) -> None:
    card = project.runs.scorecard("first")
    answered(project, "reply", right)
    swapped(project)
    newest = project.store.run("first")
    assert newest is not None
    assert Cell("person", ("reply",)) in project.store.cells(newest.id)
    project.runs.refresh("first", "v1")
    again = project.runs.scorecard("first")
    assert again is not None
    assert card is not None
    assert (again.stages, again.system) == (card.stages, card.system)
    assert project.past("first").reproduce("v1", progress=Silent()).is_identical


def test_what_is_planned_is_what_comes_after_people_and_is_known_the_second_time(project: Workspace) -> None:
    with project.past("first").person_swaps("v1") as people:
        plan = people.plan()
    assert [(str(cell.cell), [stage.stage for stage in cell.stages]) for cell in plan.cells] == [
        ("person:topic", ["reply"])
    ]
    assert plan.calls == 0, "the references gave the same topics, so these replies are known"


PAYING = """cascade: a
records: {{path: rows.jsonl, id: id}}
references: {{path: labels.jsonl}}
stages:
  pick:
    uses: python
    with: {{function: "stages.py:pick"}}
    inputs: {{text: record.text}}
    output: {{type: label, values: [x, y]}}
    score: accuracy
  say:
    uses: llm
    with: {{model: m, base_url: "{url}", prompt: say.md.j2}}
    inputs: {{word: pick}}
    output: {{type: text}}
    score: exact
outcome: {{score: say.exact, good: ">= 1"}}
"""


def test_a_paid_stage_after_people_needs_leave_and_is_paid_once(tmp_path: Path) -> None:
    folder = tmp_path / "pipelines" / "a"
    folder.mkdir(parents=True)
    rows = [{"id": f"r{i}", "text": "t"} for i in range(4)]
    labels = [{"record": row["id"], "stage": "say", "annotator": "ab", "value": "Say y"} for row in rows]
    for name, lines in (("rows", rows), ("labels", labels)):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (folder / "say.md.j2").write_text("Say {{ word }}")
    (folder / "stages.py").write_text("def pick(text: str) -> str:\n    return 'x'\n")
    with llm_server.running() as server, Workspace.open(tmp_path) as opened:
        server.answers()
        (folder / "cascade.yaml").write_text(PAYING.format(url=server.base_url))
        opened.runs.new(None)
        queue = opened.labels.queue("a", "pick", "swap")
        events = [
            {"id": row["id"], "record": row["id"], "action": "label", "values": {"value": "y"}} for row in rows
        ]  # fmt: skip
        opened.labels.save_labels(queue, events, "yz")
        with opened.past("a").person_swaps() as people:
            with pytest.raises(ConfigurationError, match="needs up to 1 calls to a paid service"):
                people.swapped(progress=Silent())
            view = people.swapped(may_pay=True, progress=Silent())
            assert people.plan().paid_calls == 0
    assert (view.players, view.n) == (("pick",), 4)
    assert (rows_of(view)["pick"].alone.change.value, rows_of(view)["pick"].alone.verdict) == (1.0, "too few")


def test_a_swap_that_is_stopped_says_so(project: Workspace) -> None:
    stop = Stop()
    stop.request("Ctrl-C.")
    with project.past("first").person_swaps() as people, pytest.raises(RunStopped, match="What was answered is kept"):
        people.swapped(progress=Silent(), stop=stop)
