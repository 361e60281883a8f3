"""Views are kept with their run, and never shown when something they rest on has changed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from sixty import replace_in, write_sixty
from stagegap.errors import StoreBusy
from stagegap.model.answer import Answer, Label
from stagegap.workspace import Workspace
from stagegap.workspace.attribution import Attribution


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    with Workspace.open(write_sixty(tmp_path)) as opened:
        opened.runs.new(None)
        yield opened


def view(workspace: Workspace, name: str) -> tuple[object, bool]:
    """The view of a fresh reader, and whether it had to read the evidence for it."""
    read = workspace.runs.attribution("first")
    return getattr(read, name)(), "evidence" in vars(read)


def test_the_second_look_reads_nothing_and_gives_the_same(workspace: Workspace) -> None:
    for name in ("blame", "faults", "agree", "need", "slices"):
        first, was_made = view(workspace, name)
        second, is_made_again = view(workspace, name)
        assert (was_made, is_made_again) == (True, False), name
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
    run = workspace.store.run("first")
    assert run is not None
    kept = workspace.store.view(run.id, "kept blame")
    assert kept is not None
    rests_on = json.loads(kept[0])["rests_on"]
    for body in ("no JSON", "{}", json.dumps({"rests_on": rests_on, "view": {}})):
        workspace.store.put_view(run.id, "kept blame", body, 0)
        assert view(workspace, "blame")[1], body


def test_a_store_that_takes_nothing_gives_the_view_all_the_same(workspace: Workspace) -> None:
    run = workspace.store.run("first")
    assert run is not None

    class Full:
        """A store that can be read only."""

        def __getattr__(self, name: str) -> object:
            return getattr(workspace.store, name)

        def put_view(self, *_: object) -> None:
            raise StoreBusy("the file is held by another program")

    file = workspace.files.load(None)
    read = Attribution(Full(), run, file, environment={})  # type: ignore[arg-type]
    assert read.blame().run == "v1"
