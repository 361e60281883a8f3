"""What the oracles of the data sets share: outputs of a run in the words of `naive_cascade`, and equality to 1e-9.

The other computation stands in `naive_cascade` and `naive_figures`, which use numpy and scipy alone. The data lie
outside the repository, but for the shipped mails; nothing of them is written but to a temporary folder.
"""

from __future__ import annotations

import gzip
import importlib.util
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from oracles import naive_cascade as naive
from oracles import naive_order as order
from oracles import naive_views as views
from oracles.naive_figures import Draws, Figure
from stagegap.analysis.blame import RESAMPLES as BLAME_RESAMPLES
from stagegap.analysis.changes import Comparison
from stagegap.analysis.slices import RESAMPLES as SLICES_RESAMPLES
from stagegap.analysis.slices import SlicesView
from stagegap.analysis.views import Scorecard
from stagegap.model.estimate import Estimate
from stagegap.model.run import Cell
from stagegap.workspace import Workspace

Floats = views.Floats
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


def slices_of(record: Mapping[str, Any], *names: str) -> dict[str, str]:
    return {name: str(record[name]) for name in names if record.get(name) is not None}


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
    run_name: str | None = None,
    rated: dict[str, float] | None = None,
) -> naive.Case:
    """The outputs that a run has stored, in the words of the oracle."""
    run = workspace.store.run(cascade, run_name)
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
        rated=rated,
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
        assert row.first_faults == other.faults[name].first, f"first faults at {name}"
    assert_same(card.system, other.draws.mean("outcome 0"), "outcome")
    if card.ceiling.is_measured:
        assert other.ceiling is not None
        assert card.ceiling.value == pytest.approx(other.ceiling.value, abs=1e-9)
    if case.rated is None:
        assert_same(card.person, other.people["outcome person"], "people at the end")
    return other


def assert_faults(workspace: Workspace, cascade: str, other: naive.Figures) -> None:
    view = workspace.runs.attribution(cascade).faults()
    assert (view.bad, view.unexplained, view.unknown) == (other.bad, other.unexplained, other.not_known)
    for row in view.stages:
        own = other.faults[row.stage]
        counts = (row.first_faults, row.masked, row.reached, row.unknown)
        assert counts == (own.first, own.masked, own.reached, own.unknown), row.stage


def assert_views(
    workspace: Workspace,
    cascade: str,
    case: naive.Case,
    other: naive.Figures,
    slices: Sequence[Mapping[str, str]],
) -> None:
    """Who leads, gains alone and corrected, what each method of attribution says, and groups of records."""
    card, attribution = card_of(workspace, cascade), workspace.runs.attribution(cascade)
    blame, draws = attribution.blame(), replace(other.draws, resamples=BLAME_RESAMPLES)
    if other.weights:
        first = views.share_first(other.draws, other.weights)
        alone = views.alone_changes(case, other.draws)
        for row in card.stages:
            assert row.p_first == pytest.approx(first.get(row.stage, 0.0), abs=1e-9), row.stage
            assert row.gain_alone.is_measured == (row.stage in alone), row.stage
            if row.stage in alone:
                assert_same(row.gain_alone, alone[row.stage], f"gain of {row.stage} alone")
        for named, picked in ((card.verdict.stage, card.verdict.picked), (blame.named, blame.named_gain)):
            if named and picked:
                wanted = views.picked_gain(other.draws, other.weights, named)
                assert (picked.value, picked.low, picked.high) == pytest.approx(wanted, abs=1e-9)
        ranks = order.rank_sets(draws, other.weights)
        for row in blame.stages:
            assert (row.best_rank, row.worst_rank) == ranks[row.stage], f"ranks of {row.stage}"
    by_method = views.methods(case, draws, other.weights)
    for row in blame.stages:
        own = by_method[row.stage]
        assert (row.p, row.p_adj) == pytest.approx((own.p, own.p_adj), abs=1e-9, nan_ok=True), row.stage
        assert_same(row.first_fault, own.first_fault, f"first faults at {row.stage}")
        assert_same(row.hazard, own.hazard, f"hazard of {row.stage}")
        assert_same(row.answers_for, own.answers_for, f"what {row.stage} answers for")
    assert_groups(attribution.slices(), other, views.members(case, slices))


def assert_groups(view: SlicesView, other: naive.Figures, members: Mapping[str, Mapping[str, Sequence[int]]]) -> None:
    draws = other.draws
    failed = {name: draws.columns[f"failed {name}"] for name in members}
    wanted = views.groups(failed, draws.units, members)
    assert {(row.group, row.stage) for row in view.findings} == wanted.keys()
    for row in view.findings:
        own, what = wanted[row.group, row.stage], f"{row.group} at {row.stage}"
        assert row.failures == own.failures, what
        assert_same(row.rate, own.rate, what)
        figures = (row.shrunk, row.excess, row.p, row.p_adj)
        assert figures == pytest.approx((own.shrunk, own.excess, own.p, own.p_adj), abs=1e-9, nan_ok=True), what
        assert (row.verdict == "stands out") == (own.p_adj <= 0.05), what
    places = members[next(iter(members))]
    for row in view.bottlenecks:
        if row.verdict in ("too few", "not measured"):
            continue
        chosen = list(places[row.group])
        part = Draws(
            {name: column[chosen] for name, column in draws.columns.items()},
            [draws.units[i] for i in chosen],
            draws.seed,
            SLICES_RESAMPLES,
        )
        gains = {name: part.sum_of(each) for name, each in other.weights.items()}
        assert round(gains[row.stage].value, 9) == round(max(gain.value for gain in gains.values()), 9)
        assert_same(row.gain, gains[row.stage], f"bottleneck of {row.group}")
        if row.picked is not None:
            picked = views.picked_gain(part, other.weights, row.stage)
            assert (row.picked.value, row.picked.low, row.picked.high) == pytest.approx(picked, abs=1e-9), row.group


def assert_compared(
    view: Comparison, before: naive.Case, after: naive.Case, rated: tuple[Floats, Floats] | None = None
) -> dict[str, views.Change]:
    wanted = views.compared(before, after, seed=view.seed, resamples=view.resamples, rated=rated)
    for row in (view.outcome, *view.stages):
        own, flips = wanted[row.stage], row.flips
        assert (flips.stayed_right, flips.broken, flips.fixed, flips.stayed_wrong) == own.flips, row.stage
        assert row.same == own.same, row.stage
        p = (row.claim.p, row.claim.p_adjusted)
        assert p == pytest.approx((own.p, own.p_adj), abs=1e-9, nan_ok=True), row.stage
        assert_same(row.before, own.before, f"{row.stage} before")
        assert_same(row.after, own.after, f"{row.stage} after")
        if not row.claim.is_settled:
            assert_same(row.claim.change, own.change, f"change at {row.stage}")
        if row.alone.is_measured:
            assert_same(row.alone, own.alone, f"change at {row.stage} alone")
        is_claimed = own.p_adj <= 0.04 and (own.change.low > 0 or own.change.high < 0)
        assert (row.claim.verdict in ("improved", "regressed")) == is_claimed, row.stage
    return wanted


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
