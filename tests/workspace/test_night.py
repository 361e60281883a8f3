from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import pytest

from stagegap.analysis import views as codec
from stagegap.analysis.variants import VariantsView
from stagegap.model.record import Record
from stagegap.model.run import RunStatus
from stagegap.runner import Budget, RunOptions, Stop
from stagegap.workspace import Workspace
from stagegap.workspace.foundation import write_starter
from stagegap.workspace.night import FIRST_WAVE, waves

NIGHT = """\
matrix:
  base: cascade.yaml
  variants:
    plain:
    lazy: {stages: {reply: {with: {function: "stages.py:lazy"}}}}
    wise: {stages: {topic: {with: {function: "stages.py:wise"}}}}
"""
CODE = """

def lazy(question: str, topic: str) -> str:
    return "A librarian will call you back."


def wise(question: str) -> str:
    if "park" in question or "car" in question:
        return "parking"
    return "other" if "room" in question else "opening"
"""


@dataclass
class Heard:
    """What a listener was told."""

    going: list[tuple[str, int]] = field(default_factory=list)
    views: list[VariantsView] = field(default_factory=list)

    def going_on(self, variant: str, records: int) -> None:
        self.going.append((variant, records))

    def so_far(self, view: VariantsView) -> None:
        self.views.append(view)


@contextmanager
def opened_project(folder: Path) -> Iterator[Workspace]:
    """The starter project with 240 questions and a matrix of three variants."""
    write_starter(folder)
    place = folder / "pipelines" / "first"
    for name in ("questions.jsonl", "references.jsonl"):
        rows = [json.loads(line) for line in (place / name).read_text().splitlines()]
        key = "id" if name == "questions.jsonl" else "record"
        more = [{**row, key: f"{row[key]}-{i}", **_other(row, i)} for i in range(40) for row in rows]
        (place / name).write_text("".join(json.dumps(row) + "\n" for row in more))
    (place / "stages.py").write_text((place / "stages.py").read_text() + CODE)
    (place / "night.yaml").write_text(NIGHT)
    ticks = count(1_000)
    with Workspace(folder, environment={}, clock=lambda: float(next(ticks))) as opened:
        yield opened


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    with opened_project(tmp_path) as opened:
        yield opened


@dataclass(frozen=True)
class Night:
    """A whole night, which several tests look at."""

    workspace: Workspace
    file: Path
    heard: Heard
    view: VariantsView


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Night]:
    heard = Heard()
    with opened_project(tmp_path_factory.mktemp("night")) as opened:
        file = opened.folder / "pipelines" / "first" / "night.yaml"
        yield Night(opened, file, heard, opened.runs.overnight(file, listener=heard))


def _other(row: dict[str, object], number: int) -> dict[str, object]:
    """Another text for each record, so that each is a call of its own."""
    return {"text": f"{row['text']} ({number})"} if "text" in row else {}


@pytest.fixture
def night(workspace: Workspace) -> Path:
    return workspace.folder / "pipelines" / "first" / "night.yaml"


def test_every_variant_is_a_run_and_common_calls_are_made_once(whole: Night) -> None:
    workspace, view = whole.workspace, whole.view
    assert {row.variant: row.run for row in view.rows} == {"plain": "v1", "lazy": "v2", "wise": "v3"}
    runs = workspace.runs.of("first")
    assert [run.status for run in runs] == [RunStatus.DONE] * 3
    assert {workspace.runs.options(run).variant for run in runs} == {"plain", "lazy", "wise"}
    calls = {row.variant: row.calls for row in view.rows}
    # The topics of `plain` are those of `lazy`; the replies of `wise` are known where its topic is.
    assert calls["plain"] > calls["lazy"] == 240 + 80
    assert workspace.runs.overnight(whole.file, listener=Heard()).calls == 0
    card = workspace.runs.scorecard("first", "v2")
    assert card is not None
    assert card.n_records == 240


def test_the_table_ranks_by_outcome_with_those_that_can_not_be_told_apart(whole: Night) -> None:
    view = whole.view
    assert [row.variant for row in view.rows] == ["wise", "plain", "lazy"]
    assert view.leaders == ("wise",)
    assert view.headline.startswith("Wise is the best variant: ")
    assert [(row.best, row.worst) for row in view.rows] == [(1, 1), (2, 2), (3, 3)]
    assert view.records == 240
    assert codec.from_json(VariantsView, codec.to_json(view)).leaders == ("wise",)


def test_early_answers_come_from_the_same_few_records_of_all(whole: Night) -> None:
    heard = whole.heard
    assert heard.going == [(name, n) for n in (32, 96, 112) for name in ("plain", "lazy", "wise")]
    assert [view.records for view in heard.views] == [32, 128, 240]


def test_waves_grow_and_hold_each_record_once() -> None:
    records = [Record(id=f"r{i}", fields={}) for i in range(300)]
    found = list(waves(records, seed=4))
    assert [len(wave) for wave in found] == [FIRST_WAVE, 96, 172]
    assert sorted(r.id for wave in found for r in wave) == sorted(r.id for r in records)
    assert found == list(waves(records, seed=4))
    assert found != list(waves(records, seed=5))
    assert list(waves([], seed=4)) == []


def test_a_budget_ends_the_night_and_the_next_goes_on(workspace: Workspace, night: Path) -> None:
    whole = Budget(calls=100)
    view = workspace.runs.overnight(night, RunOptions(budget=whole), listener=Heard())
    assert view.calls == 100
    assert {row.error for row in view.rows} == {"The budget of 100 calls is used up."}
    assert {run.status for run in workspace.runs.of("first")} == {RunStatus.STOPPED}
    again = workspace.runs.overnight(night, listener=Heard())
    assert not any(row.error for row in again.rows)


def test_an_interruption_ends_the_night(workspace: Workspace, night: Path) -> None:
    stop = Stop()
    stop.interrupt()
    view = workspace.runs.overnight(night, listener=Heard(), stop=stop)
    assert {row.error for row in view.rows} == {"It was interrupted."}
    assert view.headline.startswith("Nothing to rank: 0 questions")
    assert {run.status for run in workspace.runs.of("first")} == {RunStatus.STOPPED}


def test_a_variant_that_can_not_go_on_ends_alone(workspace: Workspace, night: Path) -> None:
    night.write_text(NIGHT.replace('lazy: {stages: {reply: {with: {function: "stages.py:lazy"}}}}',
        "lazy: {stages: {reply: {uses: command, with: {command: [false]}}}}"))  # fmt: skip
    night.write_text(night.read_text().replace("[false]", '["false"]'))
    view = workspace.runs.overnight(night, listener=Heard())
    errors = {row.variant: row.error for row in view.rows}
    assert (errors["plain"], errors["wise"]) == ("", "")
    assert "the program ended with exit code 1, 3 times before its first answer" in errors["lazy"]
    assert view.rows[-1].variant == "lazy"
    assert view.rows[-1].best is None
    assert view.leaders == ("wise",)
    assert {run.name: run.status for run in workspace.runs.of("first")}["v2"] is RunStatus.STOPPED


def test_a_fault_of_our_own_fails_the_runs_that_are_not_done(workspace: Workspace, night: Path) -> None:
    class Broken(Heard):
        def so_far(self, view: VariantsView) -> None:
            raise KeyError("listener")

    with pytest.raises(KeyError):
        workspace.runs.overnight(night, listener=Broken())
    assert {run.status for run in workspace.runs.of("first")} == {RunStatus.FAILED}
