"""What the maths of an attribution costs, beside its budget and beside the usual ways to resample.

    python benchmarks/attribution.py

Outcomes of n records in k + 1 cells are there already; 10,000 resamples of whole clusters, then all figures of
`stagegap show blame` and of the verdict: gains with intervals and tests, who leads, rank sets, the budget of labels,
first faults, hazards, analysis by parts. Processor time (all threads), medians of 5 rounds, each row in a process of
its own; memory is the highest use above that of the outcomes. Ends with 1 when a budget is missed.
"""

from __future__ import annotations

import multiprocessing
import os
import resource
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from string import ascii_uppercase

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # Waiting threads would be counted as processor time.

import numpy as np
from numpy.typing import NDArray

from stagegap.analysis.gains import Gains, ceiling_of
from stagegap.analysis.verdict import contest, outlook
from stagegap.attribution.ceiling import rises
from stagegap.attribution.faults import account, error_parts, hazard_column
from stagegap.stats.resample import RESAMPLES, resample
from stagegap.stats.spread import Clusters

Floats = NDArray[np.float64]
ROUNDS = 5
FEW = 100
"""Resamples of the slow ways where 10,000 would take minutes; their time is multiplied."""


@dataclass(frozen=True, kw_only=True)
class Case:
    k: int
    n: int
    graded: bool = False
    per_cluster: int = 1
    budget: float | None = None
    """Seconds."""


CASES = (
    Case(k=3, n=10_000),
    Case(k=3, n=1_000_000, budget=1.0),
    Case(k=8, n=1_000_000, budget=5.0),
    Case(k=3, n=1_000_000, per_cluster=5, budget=1.0),
    Case(k=3, n=10_000, graded=True),
    Case(k=3, n=1_000_000, graded=True, budget=2.0),
)


def outcomes(case: Case) -> dict[str, Floats]:
    rng = np.random.default_rng(0)
    luck, own = rng.random(case.n), rng.random(case.n)
    steps = [np.clip(luck + 0.1 * i * own, 0, 1) for i in range(case.k + 1)]
    return {
        f"outcome {i}": step if case.graded else (step >= 0.6 - 0.05 * i).astype(np.float64)
        for i, step in enumerate(steps)
    }


def whole(case: Case, columns: dict[str, Floats]) -> None:
    """Everything from outcomes to figures."""
    names = ascii_uppercase[: case.k]
    codes = Clusters(codes=np.arange(case.n) // case.per_cluster, count=-(-case.n // case.per_cluster))
    good = [(column >= 0.5).astype(np.float64) for column in columns.values()]
    accepted = dict(zip(names, good, strict=False))
    bad = 1 - good[0]
    above = {name: tuple(names[:i]) for i, name in enumerate(names)}
    first = account(accepted, above, bad=bad).first
    cause = error_parts(names, good).cause
    more: dict[str, Floats] = {}
    for i, name in enumerate(names):
        more[f"first {name}"] = np.where(bad == 1, first[name].astype(np.float64), np.nan)
        more[f"parts {name}"] = np.where(bad == 1, (cause == i).astype(np.float64), np.nan)
        more[f"hazard {name}"] = hazard_column(accepted, name, above[name])
    drawn = resample(columns | more, codes, rng=np.random.default_rng(1))
    outcomes = list(columns)
    won = Gains(columns=columns, weights=rises(names, outcomes), top=outcomes[-1], steps=tuple(columns.values()))
    steps = ceiling_of(drawn, won)
    for name in more:
        drawn.mean(name)
    contest(drawn, steps, won)
    outlook(drawn, won, rng=np.random.default_rng(2))


def resampled(case: Case, columns: dict[str, Floats]) -> None:
    """The resamples of the outcomes alone, as the other ways below draw them."""
    codes = Clusters(codes=np.arange(case.n), count=case.n)
    resample(columns, codes, rng=np.random.default_rng(1))


def gathered(case: Case, columns: dict[str, Floats], resamples: int) -> None:
    """The usual loop: draw positions, gather, average."""
    table, rng = np.stack(list(columns.values()), axis=1), np.random.default_rng(1)
    for _ in range(resamples):
        table[rng.integers(0, case.n, case.n)].mean(axis=0)


def by_scipy(case: Case, columns: dict[str, Floats], resamples: int) -> None:
    from scipy.stats import bootstrap

    bootstrap(
        tuple(columns.values()),
        lambda *steps, axis=-1: np.stack([step.mean(axis=axis) for step in steps]),
        paired=True,
        n_resamples=resamples,
        method="percentile",
        batch=max(1, 2_000_000 // case.n),
        rng=np.random.default_rng(1),
    )


def measured(case: Case, work: Callable[[Case, dict[str, Floats]], None], rounds: int) -> tuple[float, float]:
    """Median seconds of processor time and the highest use of memory in MB, in this process."""
    columns = outcomes(case)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    seconds: list[float] = []
    for _ in range(rounds):
        start = time.process_time()
        work(case, columns)
        seconds.append(time.process_time() - start)
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return statistics.median(seconds), (after - before) / 1024


def apart(case: Case, work: Callable[[Case, dict[str, Floats]], None], rounds: int = ROUNDS) -> tuple[float, float]:
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(measured, (case, work, rounds))


def main() -> int:
    print("| whole view: outcomes | stages | records | records a cluster | seconds | budget | MB |")
    print("|---|---|---|---|---|---|---|")
    missed = 0
    for case in CASES:
        taken, memory = apart(case, whole)
        missed += case.budget is not None and taken > case.budget
        kind = "graded" if case.graded else "0/1"
        budget = "-" if case.budget is None else f"{case.budget:g}"
        figures = f"{taken:.2f} | {budget} | {memory:.0f}"
        print(f"| {kind} | {case.k} | {case.n:,} | {case.per_cluster} | {figures} |", flush=True)
    print(f"\n| {RESAMPLES:,} resamples of 4 columns | records | ours | NumPy gather | scipy.stats.bootstrap |")
    print("|---|---|---|---|---|")
    for case in (CASES[0], CASES[1], CASES[4], CASES[5]):
        ours, _ = apart(case, resampled)
        few = FEW // 10 if case.n > 100_000 else FEW
        ways = [apart(case, partial(way, resamples=few), 1)[0] * RESAMPLES / few for way in (gathered, by_scipy)]
        others = " | ".join(f"{seconds:,.1f} s, {seconds / ours:,.0f} x" for seconds in ways)
        print(f"| {'graded' if case.graded else '0/1'} | {case.n:,} | {ours:.3f} s | {others} |", flush=True)
    print(f"\n{'Every budget is kept.' if not missed else f'{missed} budgets are missed.'}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
