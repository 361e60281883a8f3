from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from fanned import claims_of, write_answers
from stagegap.errors import ConfigurationError, InputError, NotFound, SpecError
from stagegap.model.run import SYSTEM
from stagegap.report import html
from stagegap.runner import RunOptions, Silent
from stagegap.runner.queues import Hunt
from stagegap.workspace import Workspace


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fanned")
    write_answers(folder)
    with Workspace.open(folder) as opened:
        opened.runs.new(None)
    return folder


@pytest.fixture
def project(folder: Path) -> Iterator[Workspace]:
    with Workspace.open(folder) as opened:
        yield opened


CLAIMS = {f"a{n}#{claim}": claim for n in range(24) for claim in claims_of(n) if "lost" not in claim}


def test_a_queue_of_units_asks_about_each_item_and_shows_nothing_else(project: Workspace) -> None:
    queue = project.labels.queue("answers", "check")
    items = project.labels.queue_items(queue, "yz", 999)
    assert {item.record for item in items} == set(CLAIMS)
    for item in items[:5]:
        shown = json.loads(item.payload)
        assert shown["id"] == item.record
        assert [(one["label"], one["value"]) for one in shown["inputs"]] == [("claim", CLAIMS[item.record])]
        assert item.probability == pytest.approx(1.0)


def test_a_label_of_a_unit_counts_for_that_unit_and_its_person(tmp_path: Path) -> None:
    write_answers(tmp_path, answers=6)
    with Workspace.open(tmp_path) as project:
        run = project.runs.new(None)[0]
        queue = project.labels.queue("answers", "check")
        for number, item in enumerate(project.labels.queue_items(queue, "yz", 999)):
            event = {"id": f"yz{number}", "record": item.record, "action": "label", "values": {"value": True}}
            project.labels.save_labels(queue, [event], "yz")
        assert project.labels.queue_items(queue, "yz", 999) == []
        looked = project.runs.attribution("answers", run.name)
        level = looked.units().levels[0]
        check = next(row for row in level.scorecard.stages if row.stage == "check")
        labelled = [claim for n in range(6) for claim in claims_of(n) if "lost" not in claim]
        assert check.agreement.n == len(labelled)
        assert check.agreement.value == pytest.approx(sum("true" in claim for claim in labelled) / len(labelled))
        assert check.agreement.clusters == 6
        # A record has no label at a stage of units: people are compared on what they answered.
        card = project.runs.scorecard("answers")
        assert card is not None
        assert not next(row for row in card.stages if row.stage == "check").gap.is_measured


def test_hunts_and_judgements_are_of_units_too(project: Workspace) -> None:
    queue = project.labels.hunt("answers", "check", Hunt(where="check == true && split.contains('odd')"))
    assert {item.record for item in project.labels.queue_items(queue, "yz", 999)} == {
        unit for unit, claim in CLAIMS.items() if "odd" in claim
    }


def test_a_stage_that_joins_shows_people_the_list(project: Workspace) -> None:
    queue = project.labels.queue("answers", "right")
    items = {item.record: json.loads(item.payload) for item in project.labels.queue_items(queue, "yz", 999)}
    claims = [claim for claim in claims_of(3) if "lost" not in claim]
    shown = items["a3"]["inputs"][0]["value"]
    assert shown.split("\n") == [str("true" in claim or "odd" in claim).lower() for claim in claims]


def test_a_list_has_no_card_of_ours(project: Workspace) -> None:
    assert {stage.stage for stage in project.labels.label_stages("answers")} == {"check", "right"}


def test_labels_of_units_that_say_no_unit_are_named_with_their_line(project: Workspace, tmp_path: Path) -> None:
    rows = [
        {"record": "a0", "stage": "check", "annotator": "x", "value": True},
        {"record": "a99#0", "stage": "check", "annotator": "x", "value": True},
        {"record": "a0", "unit": ["a", "b"], "stage": "check", "annotator": "x", "value": True},
        {"record": "a0", "unit": "b", "stage": "right", "annotator": "x", "value": True},
    ]
    path = tmp_path / "labels.jsonl"
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    with pytest.raises(InputError) as caught:
        project.labels.import_file(path, None)
    text = str(caught.value)
    assert "Stage 'check' is asked about units: write the record as a0#NAME, or give the field 'unit'." in text
    assert "There is no record 'a99'." in text
    assert "Stage 'check' has 1 name for a unit, found ['a', 'b']." in text
    assert "Stage 'right' has 0 names for a unit, found 'b'." in text


def test_every_view_of_a_run_holds_with_units(project: Workspace) -> None:
    looked = project.runs.attribution("answers", "v1")
    for view in (looked.blame, looked.faults, looked.agree, looked.need, looked.slices):
        assert view() is not None
    record = project.failures.record("answers", "v1", "a3")
    assert record is not None
    assert [block.stage for block in record.blocks] == ["split", "check", "right"]
    check = record.blocks[1]
    assert (json.loads(check.system), json.loads(check.reference)) == ([False, True], [False, False])
    with pytest.raises(NotFound):
        project.labels.queue("answers", "check", "next")


def test_a_second_run_asks_nothing_again_and_a_plan_knows_it(project: Workspace) -> None:
    planned = project.runs.plan(None)
    assert (planned.calls, planned.is_exact) == (0, True)
    run, summary = project.runs.new(None, options=RunOptions())
    assert (run.status, summary.calls) == ("done", 0)
    first, second = (project.runs.scorecard("answers", name) for name in ("v1", run.name))
    assert first is not None
    assert second is not None
    assert first.system == second.system
    assert [row.in_place for row in first.stages] == [row.in_place for row in second.stages]


def test_versions_are_swapped_at_a_stage_of_units_and_people_in_its_place_are_refused_in_one_sentence(
    tmp_path: Path,
) -> None:
    made = write_answers(tmp_path)
    with Workspace.open(tmp_path) as project:
        project.runs.new(None)
        stages = made / "stages.py"
        stages.write_text(stages.read_text().replace(' or "odd" in claim', ""))
        project.runs.new(None)
        with project.past("answers").versions("v1", "v2") as versions:
            shares = {row.stage: row.claim.change.value for row in versions.changed(progress=Silent()).stages}
        before, after = (project.runs.scorecard("answers", name) for name in ("v1", "v2"))
        assert before is not None
        assert after is not None
        assert shares["check"] == pytest.approx(after.system.value - before.system.value)
        assert shares["check"] > 0
        with project.past("answers").person_swaps("v2") as people:
            view = people.swapped(progress=Silent())
        reason = "check is asked about single items of split, and labellers' answers to these are not put in its place"
        check = next(row for row in view.stages if row.stage == "check")
        assert check.alone.change.method == f"not measured: {reason}"
        assert "check" not in {row.stage for row in view.unanswered}
        with pytest.raises(ConfigurationError, match="Nobody can be put in: check is asked about single items"):
            project.labels.queue("answers", "check", "swap")


def test_what_items_come_to_stands_beside_the_records_outcome_in_show_page_and_report(project: Workspace) -> None:
    card = project.runs.scorecard("answers", "v1")
    assert card is not None
    beside = card.others[-1]
    level = project.runs.attribution("answers", "v1").units().levels[0]
    assert beside.outcome_name == "mean check.accuracy, each item of split"
    assert (beside.system, beside.ceiling) == (level.scorecard.system, level.scorecard.ceiling)
    assert beside.system.clusters == 24
    assert beside.gain == max((row.gain for row in level.scorecard.stages), key=lambda gain: gain.value)
    page = html(card, records=False)
    assert "Other outcomes" in page
    assert "each item of split" in page


def test_a_stage_behind_searches_for_each_item_is_given_the_documents_of_each(tmp_path: Path) -> None:
    (tmp_path / "documents.jsonl").write_text(
        "".join(json.dumps({"id": name, "title": name.upper(), "text": name}) + "\n" for name in ("a", "b"))
    )
    parts = [["a", "b", "a"], ["b", "nothing"], []]
    rows = [{"id": str(n), "parts": own} for n, own in enumerate(parts)]
    (tmp_path / "records.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "stages.py").write_text(
        "def search(part):\n    if part == 'nothing':\n        raise LookupError(part)\n    return [part]\n\n\n"
        "def join(documents):\n"
        "    return ' '.join('-' if each is None else each[0]['title'] for each in documents) or 'none'\n"
    )
    (tmp_path / "cascade.yaml").write_text(
        "cascade: parts\nrecords: {path: records.jsonl}\ncorpora: {known: {path: documents.jsonl}}\nstages:\n"
        "  search:\n    uses: python\n    with: {function: 'stages.py:search'}\n    each: record.parts\n"
        "    inputs: {part: record.parts}\n    output: {type: ranking, of: known, k: 1}\n"
        "  join:\n    uses: python\n    with: {function: 'stages.py:join'}\n    inputs: {documents: search}\n"
        "    output: {type: text}\n    score: exact\noutcome: {score: join.exact}\n"
    )
    with Workspace.open(tmp_path) as opened:
        run, summary = opened.runs.new(tmp_path / "cascade.yaml")
        assert not summary.error
        joined = {each.record: each.value for each in opened.store.outputs(run.id, SYSTEM, "join")}
        read = opened.failures.as_they_flowed(run, ["1", "0", "no such record"])
    assert list(read) == ["0", "1"]
    assert joined["0"] == "A B A"
    assert joined["2"] == "none"
    assert joined["1"] is None  # a search that failed blocks it
    search, join = read["1"].blocks
    turns = [(turn["role"], turn["name"], turn["content"]) for turn in json.loads(search.turns)]
    assert turns[0] == ("b", "1", '[\n  "b"\n]')
    assert turns[1][:2] == ("nothing", "2, error")
    assert turns[1][2].startswith("error: search raised LookupError: nothing")
    assert search.status == ""
    lines = search.system.splitlines()
    assert lines[0] == "blocked: search is error at 1#1"
    assert "#0: [" in lines
    assert any(line.startswith("#1: error: search raised LookupError: nothing") for line in lines)
    assert (join.turns, join.system) == ("", "blocked: search is blocked")


def test_records_whose_own_list_is_empty_are_no_right_answers_of_anybody(tmp_path: Path) -> None:
    rows = [{"id": str(n), "parts": ["a"] * (n % 3 == 0)} for n in range(30)]
    (tmp_path / "records.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "stages.py").write_text("def check(part):\n    return True\n")
    (tmp_path / "references.jsonl").write_text("")
    (tmp_path / "cascade.yaml").write_text(
        "cascade: parts\nrecords: {path: records.jsonl}\nreferences: {path: references.jsonl}\nstages:\n"
        "  check:\n    uses: python\n    with: {function: 'stages.py:check'}\n    each: record.parts\n"
        "    inputs: {part: record.parts}\n    output: {type: boolean}\n"
        "  every: {uses: join, with: {by: all}, inputs: {parts: check}, output: {type: boolean}}\n"
        "outcome: {score: every.accuracy}\n"
    )
    with Workspace.open(tmp_path) as opened:
        opened.runs.new(tmp_path / "cascade.yaml")
        unlabelled = opened.runs.scorecard("parts")
    assert unlabelled is not None
    assert unlabelled.stages[0].in_place.n == 0
    labels = [
        {"record": str(n), "unit": 0, "stage": "check", "value": n % 2 == 0, "annotator": "p"} for n in range(0, 30, 3)
    ]
    (tmp_path / "references.jsonl").write_text("".join(json.dumps(row) + "\n" for row in labels))
    with Workspace.open(tmp_path) as opened:
        opened.runs.new(tmp_path / "cascade.yaml")
        labelled = opened.runs.scorecard("parts")
    assert labelled is not None
    assert (labelled.stages[0].in_place.n, labelled.stages[0].in_place.value) == (10, 0.5)


PARTS = """cascade: parts
records: {path: records.jsonl, id: meta.id}
stages:
  search:
    uses: python
    with: {function: "stages.py:search"}
    inputs: {question: record.meta.question}
    output: {type: object, schema: {properties: {hits: {type: array}}}}
    score: field_f1
  words:
    uses: python
    with: {function: "stages.py:upper"}
    each: record.meta.words
    inputs: {text: record.meta.words}
    output: {type: text}
  answer:
    uses: python
    with: {function: "stages.py:upper"}
    inputs: {text: search.hits.0.text}
    output: {type: text}
    score: exact
    ask: What does the first hit say?
outcome: {score: answer.exact}
"""


def test_stages_read_what_stands_inside_fields_and_outputs_and_people_see_the_same(tmp_path: Path) -> None:
    folder = tmp_path / "pipelines"
    folder.mkdir()
    (folder / "cascade.yaml").write_text(PARTS)
    (folder / "stages.py").write_text(
        'def search(question):\n    return {"hits": [{"text": f"of {question}"}] if question != "q2" else []}\n\n\n'
        "def upper(text):\n    return str(text).upper()\n"
    )
    rows = [{"meta": {"id": f"r{n}", "question": f"q{n}", "words": ["a", "b"]}} for n in range(3)]
    (folder / "records.jsonl").write_text("\n".join(map(json.dumps, rows)))
    with Workspace.open(tmp_path) as project:
        run = project.runs.new(None)[0]
        answers = {output.record: output.value for output in project.store.outputs(run.id, SYSTEM, "answer")}
        assert answers == {"r0": "OF Q0", "r1": "OF Q1", "r2": "NONE"}
        items = project.labels.queue_items(project.labels.queue("parts", "answer"), "yz", 9)
        shown = {item.record: json.loads(item.payload)["inputs"] for item in items}
        assert [(part["label"], part["value"]) for part in shown["r0"]] == [("text", "of q0")]
        show = project.failures.record("parts", "v1", "r0")
        assert "of q0" in str(show)
    (folder / "cascade.yaml").write_text(PARTS.replace("record.meta.question", "record.meta.questoin"))
    with (
        Workspace.open(tmp_path) as project,
        pytest.raises(SpecError, match=r"no record has the field 'meta.questoin'"),
    ):
        project.runs.validate(None)
