"""What the After page says, without a browser: a decision first, then what it rests on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from stagegap.ui import background
from stagegap.workspace import Workspace
from stagegap.workspace.foundation import write_starter
from ui import pages
from ui.pages import data, texts


def after(workspace):  # AppTest runs the source of this function alone: no annotations
    from stagegap.ui import after_page

    after_page.draw(workspace)


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Workspace]:
    """The starter with a margin, run; nothing cheaper was tried and nothing came in."""
    write_starter(tmp_path)
    file = tmp_path / "pipelines" / "first" / "cascade.yaml"
    file.write_text(file.read_text() + "targets: {outcome: {lose_at_most: 5}}\n")
    with Workspace.open(tmp_path) as workspace:
        workspace.runs.new(None)
        yield workspace


def opened(workspace: Workspace) -> AppTest:
    return pages.opened(after, workspace)


def test_each_part_says_what_to_do_first(started: Workspace) -> None:
    test = opened(started)
    assert [header.value for header in test.header] == [
        "Which stage may be cheaper?",
        "Where should an optimiser work?",
        "Is it still good?",
    ]
    assert "targets: outcome: lose_at_most" in texts(test)
    assert "Nothing came in yet." in texts(test)
    next(button for button in test.button if button.label == "Work it out").click().run()
    background.wait()
    test.run()
    assert "No run to hold against v1: no other version of a stage was run." in texts(test)


def test_what_came_in_is_drawn_with_its_table(started: Workspace) -> None:
    source = started.folder / "pipelines" / "first" / "questions.jsonl"
    row = {**json.loads(source.read_text().splitlines()[0]), "id": "new"}
    incoming = started.folder / "incoming"
    incoming.mkdir()
    (incoming / "monday.jsonl").write_text(json.dumps(row))
    started.past("first").watch().take_in(incoming, share=1.0, again=0)
    test = opened(started)
    assert "No alarm after 1 batch, 1" in texts(test)
    assert "what comes in" in data(test, "watch")


def test_stage_for_an_optimiser_is_named_with_what_it_rests_on_and_no_answer(workspace: Workspace) -> None:
    view = workspace.runs.attribution("support_email").aim()
    assert view.feedback[0].text.startswith("Right would be"), "the view itself has answers"
    test = opened(workspace)
    assert "An optimiser should work on retrieve: +" in texts(test)
    assert "points are to be had there (n = " in texts(test)
    assert f"Rests on the {view.n} mails that an optimiser may see; {view.held_out} are held out" in texts(test)
    shown = data(test, "aim")
    assert all(row.stage in shown for row in view.rows)
    everything = texts(test) + "".join(str(element.proto) for element in test.get("bidi_component"))
    assert "Right would be" not in everything


def test_a_cascade_without_a_run_says_so_in_each_part(tmp_path: Path) -> None:
    write_starter(tmp_path)
    with Workspace.open(tmp_path) as workspace:
        said = texts(opened(workspace))
    assert said.count("has no run") == 3
