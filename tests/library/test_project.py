"""A project in a notebook: every view as a frame and as a picture."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path

import pandas
import pytest

import stagegap
from project_views import VIEWS_OF_A_PROJECT
from sixty import replace_in, spoil, write_sixty
from stagegap.errors import NotFound, RunStopped
from stagegap.library import Project
from stagegap.tables.table import COLUMNS

VIEWS = {
    name: view
    for name, view in VIEWS_OF_A_PROJECT.items()
    if name not in {"oddities", "swaps", "expected", "selfcheck", "units"}
}
"""The views that a project without people, plants and units can show."""

FIGURELESS = {"answers", "reproduce", "check", "people"}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty questions, run, spoiled, and run again."""
    folder = tmp_path_factory.mktemp("sixty")
    made = write_sixty(folder)
    replace_in(made / "cascade.yaml", "noun: question", "noun: '<b>question'")
    with stagegap.open(folder) as project:
        project.run()
        project.expect("the fact <goes>", reply=-30, outcome=20)
        spoil(made)
        project.run()
    return folder


@pytest.fixture
def project(made: Path) -> Iterator[Project]:
    with stagegap.open(made, cascade="first") as opened:
        yield opened


@pytest.mark.parametrize("name", VIEWS)
def test_every_view_is_a_frame(project: Project, name: str) -> None:
    view = VIEWS[name](project)
    frame = view.to_frame()
    assert isinstance(frame, pandas.DataFrame)
    assert len(frame) == len(view.rows) > 0
    assert (name in FIGURELESS) == ("estimate" not in frame)
    if name not in FIGURELESS:
        assert set(COLUMNS) <= set(frame.columns)
        known = frame[frame.estimate.notna()]
        assert (known.low <= known.estimate).all()
        assert (known.estimate <= known.high).all()
        assert (frame.n.dtype, frame.p.dtype) == ("Int64", "float64")
    assert view.to_json()[0] in "{["


@pytest.mark.parametrize("name", VIEWS)
def test_every_view_draws_itself_escaped_and_without_scripts(project: Project, name: str) -> None:
    view = VIEWS[name](project)
    drawn = view._repr_html_()
    assert not re.search(r"<script|<link|<img|\son\w+=|https?://", drawn)
    assert "<b>question" not in drawn
    assert "\n" not in repr(view)
    assert repr(view).startswith(view.headline)


def test_figures_carry_interval_and_n(project: Project) -> None:
    text = project.groups("reply")._repr_html_()
    assert re.search(r"<td[^>]*>60% \(\d+ to \d+\)</td>", text)
    assert "−30 points" in project.compare("v1", "v2").sentences[0] + project.compare("v1", "v2").headline


def test_what_was_expected_stands_beside_what_came(project: Project) -> None:
    rows = project.ledger().to_frame().set_index("place")
    assert rows.loc["reply", ["expected", "verdict"]].to_list() == [-0.3, "as expected"]
    assert rows.loc["outcome", "verdict"] == "less than expected"
    assert project.changed("v1", "v2").headline == "−30 points: −30 from reply"
    assert project.reproduce("v2").headline == "v2 comes out the same to the byte: 180 outputs"
    assert project.compared_runs().to_frame().figure.unique().tolist() == ["in_place"]


def test_screen_and_escalation_say_what_there_is(project: Project) -> None:
    assert project.oddities("v2").headline.startswith("Nothing strange found by ")
    assert "has a reference at topic and a confidence there." in " ".join(
        project.escalation("topic", "reply").sentences
    )


def test_long_table_counts_what_it_leaves_out(project: Project) -> None:
    assert "10 more rows: see the data frame." in project.answers("topic")._repr_html_()


def test_comparison_that_is_refused_shows_why_and_no_figure(tmp_path: Path) -> None:
    write_sixty(tmp_path)
    with stagegap.open(tmp_path) as project:
        project.run()
        project.run(limit=40)
        refused = project.compare("v1", "v2")
        assert refused.headline == "v1 and v2 can't be compared as they are"
        assert refused.to_frame().empty
        assert "<table>" not in refused._repr_html_()
        assert len(project.compare("v1", "v2", shared=True).rows) == 9


def test_labels_come_from_a_frame_and_go_into_one(tmp_path: Path) -> None:
    write_sixty(tmp_path)
    with stagegap.open(tmp_path) as project:
        assert repr(project) == f"Project({str(tmp_path)!r}, cascade='first')"
        project.run(budget="1000 calls")
        mine = pandas.DataFrame({"record": ["q00"], "stage": "topic", "annotator": "cd", "value": "other"})
        assert (project.label(mine).added, project.label(mine).added) == (1, 0)
        labels = project.labels()
        assert labels[labels.annotator == "cd"].value.to_list() == ["other"]
        assert project.bless("v1").run == "v1"
        outputs = project.outputs("v1")
        assert list(outputs.columns)[:5] == ["record", "stage", "status", "value", "score"]
        assert set(outputs.stage) == {"topic", "reply"}


def test_run_works_inside_an_event_loop_as_kernels_have_one(tmp_path: Path) -> None:
    write_sixty(tmp_path)

    async def cell() -> str:
        with stagegap.open(tmp_path) as project:
            return project.run(limit=30).view.run

    assert asyncio.run(cell()) == "v1"


def test_run_that_ends_early_says_so(tmp_path: Path) -> None:
    write_sixty(tmp_path)
    with stagegap.open(tmp_path) as project, pytest.raises(RunStopped, match="Run v1 stopped: The budget of 5 calls"):
        project.run(budget="5 calls")


def test_night_of_variants_is_ranked(tmp_path: Path) -> None:
    made = write_sixty(tmp_path)
    (made / "other.py").write_text((made / "stages.py").read_text().replace("12 places behind", "some places behind"))
    night = made / "night.yaml"
    night.write_text(
        "matrix:\n  base: cascade.yaml\n  variants:\n    good:\n"
        "    spoiled: {stages: {reply: {with: {function: 'other.py:reply'}}}}\n"
    )
    with stagegap.open(tmp_path, cascade="first") as project:
        view = project.overnight(night)
    assert view.headline.startswith("Good is the best variant: 90%")
    assert view.to_frame().variant.to_list() == ["good", "spoiled"]
    assert "rank 2" in view._repr_html_()


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    with stagegap.open(tmp_path) as project, pytest.raises(NotFound, match="There is no cascade in"):
        _ = project.cascade
    with stagegap.open(tmp_path, cascade="x") as project:
        with pytest.raises(NotFound, match="holds the cascade 'x'"):
            project.run()
        with pytest.raises(NotFound, match="has no run that is done"):
            project.gap()
        with pytest.raises(NotFound, match="has no run 'v3' that is done"):
            project.gap("v3")


def test_what_nobody_scored_says_so_in_place_of_a_number(tmp_path: Path) -> None:
    made = write_sixty(tmp_path)
    references = made / "references.jsonl"
    rows = references.read_text().splitlines()
    references.write_text("\n".join(row for row in rows if '"topic"' not in row) + "\n")
    with stagegap.open(tmp_path) as project:
        project.run()
        assert project.answers("topic").headline == "0 of 0 scored at topic are good, 60 have no score"
        groups = project.groups("topic")
    assert "%" not in groups.headline
    assert groups.to_frame().estimate.isna().all()
    assert not re.search(r"\d+% to", groups._repr_html_().partition("</style>")[2])


def test_store_is_let_go_when_the_project_is(tmp_path: Path) -> None:
    write_sixty(tmp_path)
    project = stagegap.open(tmp_path)
    workspace = project.workspace
    assert workspace.store is workspace.store
    before = workspace.store
    del project
    assert workspace.store is not before
    workspace.close()
