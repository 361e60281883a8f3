"""Views are kept with their run, and never shown when something they rest on has changed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from unittest.mock import ANY

import duckdb
import pytest

import stagegap
from conftest import Copied
from sixty import replace_in, spoil, write_sixty
from stagegap.analysis.blame import Blame
from stagegap.model.answer import Answer, Fact, Label
from stagegap.model.run import Run
from stagegap.store import Store
from stagegap.workspace import Workspace
from stagegap.workspace.kept_views import Kept, of_run

TWELVE = "12 places"


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    with Workspace.open(write_sixty(tmp_path)) as opened:
        opened.runs.new(None)
        yield opened


def view(workspace: Workspace, name: str) -> tuple[object, bool]:
    """The view of a fresh reader, and whether it had to read the evidence for it."""
    read = workspace.runs.attribution("first")
    return getattr(read, name)(), not vars(read).keys().isdisjoint({"evidence", "labelled"})


def run_of(workspace: Workspace) -> Run:
    run = workspace.store.run("first")
    assert run is not None
    return run


def label(record: str, stage: str, value: str, **more: str) -> Label:
    answer = Answer(value=value, facts=(Fact((value,)),) if stage == "reply" else ())
    fields = {"annotator": "zz", **more}
    return Label(id=f"{record} {stage}", record=record, stage=stage, answer=answer, at=1.0, **fields)  # type: ignore[arg-type]


def with_own_metric(folder: Path) -> Path:
    """Make the project with a metric of the user's own at the reply, which takes everything at first."""
    made = write_sixty(folder)
    (made / "own.py").write_text("def own(value, accepted):\n    return float(True)\n")
    text = (made / "cascade.yaml").read_text()
    assert "score: fact_recall" in text
    text = text.replace("score: fact_recall", 'score: "python:own.py:own"')
    text = text.replace("score: reply.fact_recall", "score: reply.own")
    (made / "cascade.yaml").write_text(text)
    return made


def test_the_second_look_reads_nothing_and_gives_the_same(workspace: Workspace) -> None:
    for name in ("blame", "faults", "agree", "need", "slices"):
        first, was_made = view(workspace, name)
        second, is_made_again = view(workspace, name)
        assert (was_made, is_made_again) == (name != "need", False), f"{name}; the run kept what it needs next"
        assert repr(second) == repr(first), "NaN is kept too"


def test_another_price_of_a_person_is_another_view(workspace: Workspace) -> None:
    read = workspace.runs.attribution("first")
    assert read.agree(epsilon=0.1).epsilon == 0.1
    assert read.agree(epsilon=0.2).epsilon == 0.2
    assert workspace.runs.attribution("first").agree(epsilon=0.1).epsilon == 0.1


def test_a_new_label_makes_it_again(workspace: Workspace) -> None:
    view(workspace, "faults")
    label = Label(id="new", record="q01", stage="topic", annotator="zz", answer=Answer(value="other"), at=1.0)
    workspace.store.append_labels("first", [label])
    assert view(workspace, "faults")[1]
    assert not view(workspace, "faults")[1]


def test_a_reader_that_is_older_than_a_label_keeps_nothing_wrong(workspace: Workspace) -> None:
    old = workspace.runs.attribution("first")
    before = old.agree()
    label = Label(id="new", record="q01", stage="topic", annotator="zz", answer=Answer(value="other"), at=1.0)
    workspace.store.append_labels("first", [label])
    assert repr(old.agree()) == repr(before), "it goes on seeing what it saw"
    old.blame()
    assert view(workspace, "blame")[1]
    assert view(workspace, "agree")[1]


def test_changed_records_make_it_again(workspace: Workspace) -> None:
    view(workspace, "slices")
    record = workspace.store.records("first", ids=["q01"])[0]
    workspace.store.put_records("first", [replace(record, slices={"length": "new"})])
    assert view(workspace, "slices")[1]


def test_further_outputs_make_it_again(workspace: Workspace) -> None:
    view(workspace, "blame")
    run = workspace.store.run("first")
    assert run is not None
    cell = workspace.store.cells(run.id)[0]
    output = workspace.store.outputs(run.id, cell, "topic")[0]
    workspace.store.append_outputs(run.id, cell, [replace(output, value="other", key="")])
    assert view(workspace, "blame")[1]


def test_references_are_settled_once_and_again_when_a_label_comes(workspace: Workspace) -> None:
    store, run = workspace.store, run_of(workspace)
    cascade = workspace.runs.attribution("first").cascade
    table = store.settled(cascade)
    assert store.settled(cascade) is table
    assert workspace.runs.attribution("first").settled is table
    topic, reply = cascade.stages
    fewer = replace(topic, output=replace(topic.output, values=("opening", "parking")))
    other = store.settled(replace(cascade, stages=(fewer, reply)))
    assert other.labels is table.labels
    assert (len(table.references), len(other.references)) == (120, 100)
    store.append_labels(run.cascade, [label("q01", "topic", "other", action="adjudicate")])
    again = store.settled(cascade)
    assert again.fair["q01", "topic"].settled == "adjudicated"
    assert again.labels == store.labels(run.cascade)


def test_a_run_reads_its_labels_once(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    reads: list[str] = []
    labels = Store.labels

    def counted(store: Store, cascade: str, **chosen: Any) -> list[Label]:
        if not chosen:
            reads.append(cascade)
        return labels(store, cascade, **chosen)

    monkeypatch.setattr(Store, "labels", counted)
    with Workspace.open(workspace.folder) as opened:
        opened.runs.new(None)
        assert opened.runs.scorecard("first") is not None
        opened.runs.attribution("first").blame()
        opened.oddities.seen("first")
    assert reads == ["first"]


def test_another_metric_of_the_users_own_makes_it_again(tmp_path: Path) -> None:
    made = write_sixty(tmp_path)
    with (made / "stages.py").open("a") as file:
        file.write("\n\ndef same(value, accepted):\n    return float(value == accepted)\n")
    asked = "    ask: What is this question about?"
    replace_in(made / "cascade.yaml", asked, f'    score: "python:stages.py:same"\n{asked}')
    with Workspace.open(made) as opened:
        opened.runs.new(None)
        view(opened, "faults")
        assert not view(opened, "faults")[1]
        with (made / "stages.py").open("a") as file:
            file.write("\n# another code\n")
        assert view(opened, "faults")[1]


def test_what_is_no_view_is_made_again(workspace: Workspace) -> None:
    view(workspace, "blame")
    run = run_of(workspace)
    kept = workspace.store.views.find("first", run.id, "blame")
    assert kept is not None
    for body in ("no JSON", "{}", json.dumps({"view": {}})):
        workspace.store.views.put("first", run.id, "blame", replace(kept, body=body))
        assert view(workspace, "blame")[1], body


def test_a_view_of_another_form_is_made_again(workspace: Workspace) -> None:
    view(workspace, "blame")
    question = of_run(Blame, "blame", run_of(workspace))
    assert workspace._base.views.kept(question) == Kept(view=ANY, is_old=False, labels=120)

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Other:
        """A view with less in it."""

        run: str

    other = workspace._base.views.kept(replace(question, kind=Other))  # type: ignore[arg-type]
    assert other is not None
    assert (other.view.run, other.is_old) == ("v1", True)


def test_a_store_that_takes_nothing_gives_the_view_all_the_same(workspace: Workspace) -> None:
    view(workspace, "blame")
    workspace.store.append_labels("first", [label("q01", "topic", "other")])
    workspace.store.cells(run_of(workspace).id)  # everything is moved from the journal into the file
    path = workspace.store.folder / "store.duckdb"
    holder = duckdb.connect(path, read_only=True)  # a foreign reader lets others read
    try:
        assert workspace.runs.attribution("first").blame().run == "v1"
    finally:
        holder.close()
    assert view(workspace, "blame")[1], "it could not be kept"


def test_mixing_the_versions_of_two_runs_makes_no_view_of_either_old(twice: Copied, tmp_path: Path) -> None:
    with Workspace.open(twice(tmp_path)) as workspace:
        card = workspace.runs.scorecard("first")
        workspace.past("first").work_out("v1", "v2", use_shared=False)
        kept = workspace.runs.kept_scorecard("first")
        assert kept == Kept(view=card, is_old=False, labels=120)


def test_what_was_worked_out_of_two_runs_is_old_once_people_have_decided_otherwise(
    twice: Copied, tmp_path: Path
) -> None:
    with Workspace.open(twice(tmp_path)) as workspace:
        past = workspace.past("first")
        view = past.work_out("v1", "v2", use_shared=False)
        assert past.changed("v1", "v2") == Kept(view=view, is_old=False, labels=120)
        decided = [label(f"q{i:02d}", "reply", TWELVE, action="adjudicate") for i in range(40)]
        workspace.store.append_labels("first", decided)
        kept = past.changed("v1", "v2")
        assert kept is not None
        assert kept.is_old
        again, compared = past.work_out("v1", "v2", use_shared=False), past.comparison("v1", "v2")
        assert again.total.change.n == compared.outcome.claim.change.n
        assert again.total.change.value == pytest.approx(compared.outcome.claim.change.value)


def test_page_and_command_line_compare_with_the_metric_as_it_stands(tmp_path: Path) -> None:
    made = with_own_metric(tmp_path)
    with Workspace.open(made) as workspace:
        workspace.runs.new(None)
        spoil(made)
        workspace.runs.new(None)
        lenient = workspace.past("first").comparison("v1", "v2")
        assert lenient.outcome.claim.change.value == 0
        replace_in(made / "own.py", "True", "accepted in value")
        page, line = workspace.past("first").comparison("v1", "v2"), workspace.runs.compare("first", "v1", "v2")
        assert page == line
        assert page.outcome.claim.change.value == pytest.approx(-0.3)


def test_all_faces_of_a_run_use_the_metric_as_it_stands(tmp_path: Path) -> None:
    made = with_own_metric(tmp_path)
    with Workspace.open(made) as workspace:
        workspace.runs.new(None)
        before = workspace.runs.scorecard("first")
        assert before is not None
        assert before.system.value == 1
        replace_in(made / "own.py", "True", "accepted in value")
        kept = workspace.runs.kept_scorecard("first")
        assert kept == Kept(view=before, is_old=True, labels=120)
        assert workspace.runs.is_old(before)
        assert workspace.past("first").history().rows[0].is_old
        assert "v1" in workspace.past("first").compared_runs().warning
        after, blamed = workspace.runs.scorecard("first"), workspace.runs.attribution("first").blame()
        assert after is not None
        assert [row.gain for row in after.stages] == [row.gain for row in blamed.stages]
        assert after.system.value < 0.95
        assert workspace.past("first").history().rows[0].outcome == after.system
        assert not workspace.past("first").history().rows[0].is_old


def test_code_that_a_metric_imports_from_the_project_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = with_own_metric(tmp_path)
    monkeypatch.syspath_prepend(str(made))
    (made / "strictness.py").write_text("STRICT = False\n")
    (made / "own.py").write_text(
        "from strictness import STRICT\n\n\n"
        "def own(value, accepted):\n    return float(not STRICT or accepted in value)\n"
    )
    with Workspace.open(made) as workspace:
        workspace.runs.new(None)
        assert workspace.runs.kept_scorecard("first") == Kept(view=ANY, is_old=False, labels=120)
        before = workspace.runs.scorecard("first")
        (made / "strictness.py").write_text("STRICT = True\n")
        assert workspace.runs.kept_scorecard("first") == Kept(view=before, is_old=True, labels=120)
        after = workspace.runs.scorecard("first")
        assert after is not None
        assert after.system.value < 0.95


def test_an_output_meets_a_reference_once_over_all_views(tmp_path: Path) -> None:
    made = with_own_metric(tmp_path)
    told = tmp_path / "told.txt"
    (made / "own.py").write_text(
        "def own(value, accepted):\n"
        f"    with open({str(told)!r}, 'a') as file:\n        print(value, accepted, sep='|', file=file)\n"
        "    return float(accepted in value)\n"
    )
    with Workspace.open(made) as workspace:
        workspace.runs.new(None)
        second = [label(f"q{i:02d}", "reply", TWELVE if i % 2 else f"other {i}") for i in range(40)]
        workspace.store.append_labels("first", second)
        workspace.runs.refresh("first", "v1")
        for name in ("blame", "faults", "agree", "need", "slices"):
            view(workspace, name)
        pairs = told.read_text().splitlines()
    assert len(set(pairs)) > 50
    assert len(pairs) == len(set(pairs))


def test_views_are_stored_by_one_module_only() -> None:
    source = Path(stagegap.__file__).parent
    writers = {
        str(path.relative_to(source)) for path in source.rglob("*.py") if ".views.put(" in path.read_text("utf-8")
    }
    assert writers == {"workspace/kept_views.py"}
    tables = {str(path.relative_to(source)) for path in source.rglob("*.py") if "kept_view " in path.read_text("utf-8")}
    assert tables == {"store/views.py"}
