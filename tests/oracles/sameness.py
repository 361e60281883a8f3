"""What the oracles of the data sets share: outputs of a run in the words of `naive_cascade`, and equality to 1e-9.

The other computation stands in `naive_cascade` and `naive_figures`, which use numpy and scipy alone. The data lie
outside the repository, but for the shipped mails; nothing of them is written but to a temporary folder.
"""

from __future__ import annotations

import gzip
import importlib.util
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from oracles import naive_cascade as naive
from oracles.naive_figures import Figure
from stagegap.analysis.views import Scorecard
from stagegap.model.estimate import Estimate
from stagegap.model.run import Cell
from stagegap.workspace import Workspace

ROOT = Path(__file__).parents[2]
DATA = ROOT.parent / "shared" / "data"


def needs(name: str) -> pytest.MarkDecorator:
    place = DATA / name
    return pytest.mark.skipif(not place.is_dir(), reason=f"the data set {name} is not at {place}")


def lines(path: Path) -> list[Any]:
    text = gzip.decompress(path.read_bytes()).decode() if path.suffix == ".gz" else path.read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def written(path: Path, rows: Iterable[Mapping[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


Unknown = Callable[[frozenset[str], str, str], bool]


def case_of(
    workspace: Workspace,
    cascade: str,
    *,
    stages: Sequence[naive.Stage],
    records: Sequence[Mapping[str, Any]],
    rows: Sequence[Mapping[str, Any]],
    outcome: tuple[str, naive.Metric, float | None],
    unknown: Unknown | None = None,
) -> naive.Case:
    """The outputs that a run has stored, in the words of the oracle."""
    run = workspace.store.run(cascade)
    assert run is not None
    names = [stage.name for stage in stages]
    stored: dict[tuple[frozenset[str], str], dict[str, tuple[str, str, Any]]] = {}

    def outputs(swapped: frozenset[str], stage: str) -> dict[str, tuple[str, str, Any]]:
        if (swapped, stage) not in stored:
            listed = tuple(name for name in names if name in swapped)
            cell = Cell("reference", listed) if listed else Cell()
            stored[swapped, stage] = {
                output.record: (output.status.value, output.because.value if output.because else "", output.value)
                for output in workspace.store.outputs(run.id, cell, stage)
            }
        return stored[swapped, stage]

    return naive.Case(
        stages=tuple(stages),
        outcome=outcome[0],
        outcome_metric=outcome[1],
        good=outcome[2],
        records=tuple(str(record["id"]) for record in records),
        units=tuple(str(record.get("cluster") or record["id"]) for record in records),
        rows=tuple(dict(row) for row in rows),
        outputs=outputs,
        **({} if unknown is None else {"unknown": unknown}),
    )


def assert_same(ours: Estimate, other: Figure, what: str) -> None:
    if not ours.is_measured:
        assert np.isnan(other.value), f"{what}: {ours.method}, and {other.value} by the oracle"
        return
    mine = (ours.value, ours.low, ours.high)
    assert mine == pytest.approx((other.value, other.low, other.high), abs=1e-9), what
    assert ours.n == other.n, what


def assert_scorecard(card: Scorecard, case: naive.Case, *, are_alone: bool = True) -> naive.Figures:
    """Stage scores, gaps, agreement, gains and the ends of the staircase."""
    other = naive.figures(case, seed=card.seed, resamples=card.resamples)
    for row in card.stages:
        name = row.stage
        assert_same(row.in_place, other.draws.mean(f"in place {name}"), f"{name} in place")
        if are_alone:
            assert_same(row.alone, other.draws.mean(f"alone {name}"), f"{name} alone")
        assert_same(row.person, other.people[f"person {name}"], f"people at {name}")
        assert_same(row.agreement, other.people[f"agreement {name}"], f"agreement at {name}")
        if row.person.is_measured:
            assert_same(row.system, other.people[f"system {name}"], f"system beside people at {name}")
            assert_same(row.gap, other.people[f"gap {name}"], f"gap at {name}")
        assert row.gain.is_measured == (name in other.gains)
        if row.gain.is_measured:
            assert_same(row.gain, other.gains[name], f"gain of {name}")
        assert row.first_faults == other.faults[name].first
    assert_same(card.system, other.draws.mean("outcome 0"), "outcome")
    if card.ceiling.is_measured:
        assert other.ceiling is not None
        assert card.ceiling.value == pytest.approx(other.ceiling.value, abs=1e-9)
    assert_same(card.person, other.people["outcome person"], "people at the end")
    return other


def assert_faults(workspace: Workspace, cascade: str, other: naive.Figures) -> None:
    view = workspace.runs.attribution(cascade).faults()
    assert (view.bad, view.unexplained, view.unknown) == (other.bad, other.unexplained, other.not_known)
    for row in view.stages:
        own = other.faults[row.stage]
        counts = (row.first_faults, row.masked, row.reached, row.unknown)
        assert counts == (own.first, own.masked, own.reached, own.unknown), row.stage


def card_of(workspace: Workspace, cascade: str) -> Scorecard:
    card = workspace.runs.scorecard(cascade)
    assert card is not None
    return card


def module_of(path: Path) -> Any:
    made = importlib.util.spec_from_file_location(f"oracle_{path.parent.name}".replace("-", "_"), path)
    assert made is not None
    assert made.loader is not None
    module = importlib.util.module_from_spec(made)
    made.loader.exec_module(module)
    return module
