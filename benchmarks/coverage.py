"""Do intervals cover the truth, is no stage named where all are equal, are promised budgets enough? `make slow`.

    python benchmarks/coverage.py [--simulations 2000] [--resamples 10000] [--only TABLE ...] [--write docs/method.md]

Prints the tables of docs/method.md with the numbers of resamples that the product takes; `--write` puts them there.
Standard error of a coverage: 0.5 points. Ends with 1 when a row misses its limit.
"""

from __future__ import annotations

import argparse
import math
import os
import re
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # Two processes share the work, not the threads of each.
sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
import covering
import simulations as simulated
import uneven as clusters
from stagegap.stats.resample import RESAMPLES


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of a table."""

    cells: tuple[str, ...]
    kept: bool
    seconds: float = 0.0
    """Of the processor."""


@dataclass(frozen=True, kw_only=True)
class Table:
    name: str
    head: tuple[str, ...]
    rows: tuple[Callable[[], Row], ...]


def covered(place: int, simulations: int, resamples: int) -> Row:
    setting = covering.settings()[place]
    found = covering.coverage(setting, simulations=simulations, resamples=resamples)
    exact = "-" if found.exact is None else f"{found.exact:.1%}"
    shares = (f"{found.covered:.1%}", exact, f"{found.below:.1%}", f"{found.above:.1%}", f"{found.width:.3f}")
    events = f"{setting.expected:.0f}, rare" if setting.is_rare else "-"
    return Row(cells=(setting.figure, events, *shares), kept=found.holds)


def equal(k: int, n: int | None, clusters: int | None, simulations: int, resamples: int) -> Row:
    named = simulated.named_although_equal(k, n, clusters=clusters, simulations=simulations, resamples=resamples)
    where = f"{n}" if clusters is None else f"{clusters} clusters of 1 to 8"
    # Two standard errors of 2,000 simulations are a point.
    return Row(cells=(str(k), where, f"{named:.1%}"), kept=named <= 0.06)


def uneven(figure: str, sizes: str, count: int, simulations: int, resamples: int) -> Row:
    held = clusters.held(figure, clusters.SIZES[sizes], count, simulations=simulations, resamples=resamples)
    silent, each = ("-" if math.isnan(share) else f"{share:.1%}" for share in (held.unwarned, held.of_clusters))
    shares = (f"{held.covered:.1%}", f"{held.below:.1%}", f"{held.above:.1%}", f"{held.width:.3f}")
    # 93 to 97%, two standard errors allowed. What an interval says not to trust is not held to it.
    slack = 2 * math.sqrt(0.95 * 0.05 / simulations)
    kept = 0.93 - slack <= held.covered <= 0.97 + slack or sizes == "one with half"
    if not math.isnan(held.unwarned):
        slack = 2 * math.sqrt(0.95 * 0.05 / (simulations * (1 - held.warned)))
        kept = held.unwarned >= 0.93 - slack
    return Row(cells=(figure, f"{count}, {sizes}", *shares, f"{held.warned:.0%}", silent, each), kept=kept)


def tied(k: int, sizes: str, count: int, simulations: int, resamples: int) -> Row:
    named = simulated.named_although_equal(
        k, None, clusters=count, sizes=clusters.SIZES[sizes], simulations=simulations, resamples=resamples
    )
    return Row(cells=(str(k), f"{count} clusters, {sizes}", f"{named:.1%}"), kept=named <= 0.06)


def promised(name: str, pilot: int, simulations: int, resamples: int) -> Row:
    found = simulated.promise(simulated.WORST[name], pilot, simulations=simulations, resamples=resamples)
    shares = (f"{found.decided:.0%}", f"{found.promised:.0%}", f"{found.records:,.0f}")
    kept = not found.promised or (found.named >= 0.95 and found.wrong <= 0.01)
    return Row(cells=(name, str(pilot), *shares, f"{found.named:.1%}", f"{found.wrong:.1%}"), kept=kept)


def watched(name: str, budget: int, simulations: int) -> Row:
    made = simulated.WORST.get(name) or simulated.equal(int(name.split(maxsplit=1)[0]))
    found = simulated.watched(made, budget, simulations=simulations)
    is_equal = name not in simulated.WORST
    named = ("-", f"{found.named + found.wrong:.1%}") if is_equal else (f"{found.named:.1%}", f"{found.wrong:.1%}")
    kept = found.wrong + (found.named if is_equal else 0) <= 0.06
    return Row(cells=(name, f"{budget:,}", *named, f"{found.records:,.0f}", f"{found.many:,.0f}"), kept=kept)


def tables(simulations: int, resamples: int) -> tuple[Table, ...]:
    some = max(1, simulations // 2)
    return (
        Table(
            name="coverage",
            head=("figure", "rare events", "covered", "exact", "below", "above", "mean width"),
            rows=tuple(partial(covered, place, simulations, resamples) for place in range(len(covering.settings()))),
        ),
        Table(
            name="uneven",
            head=(
                "figure",
                "clusters",
                "covered",
                "below",
                "above",
                "mean width",
                "warned",
                "covered where not",
                "mean of clusters",
            ),
            rows=tuple(
                partial(uneven, figure, sizes, count, simulations, min(resamples, 2_000))
                for sizes in clusters.SIZES
                for count in (15, 30, 100)
                for figure in clusters.TRUTHS
            ),
        ),
        Table(
            name="tied",
            head=("stages", "records", "named although all are equal"),
            rows=tuple(
                partial(tied, k, sizes, count, some, min(resamples, 2_000))
                for k in (2, 3)
                for sizes in clusters.SIZES
                for count in (15, 30, 100)
            ),
        ),
        Table(
            name="equal",
            head=("stages", "records", "named although all are equal"),
            rows=tuple(
                partial(equal, k, n, c, simulations, resamples)
                for k in (2, 3, 5)
                for n, c in ((50, None), (200, None), (1000, None), (None, 15), (None, 30), (None, 100))
            ),
        ),
        Table(
            name="promises",
            head=(
                "true gains",
                "pilot",
                "named at once",
                "promised",
                "median budget",
                "worst named at it",
                "another one",
            ),
            rows=tuple(
                partial(promised, name, pilot, some, resamples) for name in simulated.WORST for pilot in (50, 100, 200)
            ),
        ),
        Table(
            name="watched",
            head=("true gains", "at most", "worst named", "another one", "median records", "nine in ten"),
            rows=tuple(
                partial(watched, name, 14_000, some)
                for name in (*simulated.WORST, "2 equal stages", "3 equal stages", "5 equal stages")
            ),
        ),
    )


def timed(row: Callable[[], Row]) -> Row:
    start = time.process_time()
    found = row()
    return Row(cells=found.cells, kept=found.kept, seconds=time.process_time() - start)


def line(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"


def main(simulations: int, resamples: int, only: Sequence[str], write: Path | None) -> int:
    seconds, missed = 0.0, list[str]()
    page = write.read_text(encoding="utf-8") if write else ""
    chosen = [table for table in tables(simulations, resamples) if table.name in only or not only]
    with ProcessPoolExecutor(2) as pool:
        running = [(table, [pool.submit(timed, row) for row in table.rows]) for table in chosen]
        for table, futures in running:
            lines = [line(table.head), line(("---",) * len(table.head))]
            print("\n" + "\n".join(lines), flush=True)
            for future in futures:
                row = future.result()
                seconds += row.seconds
                lines.append(line(row.cells))
                missed += [] if row.kept else [lines[-1]]
                print(lines[-1], flush=True)
            block = f"<!-- table: {table.name} -->\n" + "\n".join(lines) + "\n<!-- end -->"
            page = re.sub(f"<!-- table: {table.name} -->.*?<!-- end -->", lambda _, new=block: new, page, flags=re.S)
    print(f"\n{seconds / 60:.0f} minutes of processor time. {'All limits are kept.' if not missed else 'Missed:'}")
    print("\n".join(missed))
    if write:
        write.write_text(page, encoding="utf-8")
    return 1 if missed else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--simulations", type=int, default=2_000)
    parser.add_argument("--resamples", type=int, default=RESAMPLES)
    parser.add_argument("--only", nargs="+", default=(), choices=[table.name for table in tables(1, 1)])
    parser.add_argument("--write", type=Path)
    asked = parser.parse_args()
    sys.exit(main(asked.simulations, asked.resamples, asked.only, asked.write))
