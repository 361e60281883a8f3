"""How long the maths of an attribution takes: resamples, staircase with intervals, McNemar, who leads.

    python benchmarks/attribution.py

Outcomes of n records in k + 1 cells are there already; 10,000 resamples. Medians of 5 rounds.
"""

from __future__ import annotations

import statistics
import time
from string import ascii_uppercase

import numpy as np

from stagegap.analysis.contest import contest
from stagegap.attribution.ceiling import ceiling
from stagegap.stats.clusters import Clusters
from stagegap.stats.resample import resample


def seconds(n: int, k: int, *, graded: bool, per_cluster: int) -> float:
    rng = np.random.default_rng(0)
    luck = rng.random(n)
    columns = {
        f"outcome {i}": np.clip(luck + 0.1 * i, 0, 1) if graded else (luck < 0.3 + 0.6 * i / k).astype(np.float64)
        for i in range(k + 1)
    }
    codes = Clusters(codes=np.arange(n) // per_cluster, count=-(-n // per_cluster))
    start = time.perf_counter()
    drawn = resample(columns, codes, rng=rng)
    steps = ceiling(drawn, stages=ascii_uppercase[:k], columns=list(columns))
    contest(drawn, steps, list(columns))
    return time.perf_counter() - start


def main() -> None:
    print("| outcomes | stages | records | records a cluster | seconds |\n|---|---|---|---|---|")
    for graded, k, n, per_cluster in [
        (False, 3, 10_000, 1),
        (False, 3, 1_000_000, 1),
        (False, 8, 1_000_000, 1),
        (False, 3, 1_000_000, 5),
        (True, 3, 10_000, 1),
        (True, 3, 1_000_000, 1),
    ]:
        taken = statistics.median(seconds(n, k, graded=graded, per_cluster=per_cluster) for _ in range(5))
        print(f"| {'graded' if graded else '0/1'} | {k} | {n:,} | {per_cluster} | {taken:.2f} |", flush=True)


if __name__ == "__main__":
    main()
