"""Do 95% intervals cover the truth, is a stage named wrongly in at most 5%, and are promised budgets enough?

    python benchmarks/coverage.py [simulations] [resamples]

Prints three Markdown tables; docs/method.md holds those of 2,000 simulations. Standard error of a coverage: 0.5 points.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
import simulations as simulated


def main(simulations: int, resamples: int) -> None:
    print("| figure | covered | below | above | mean width | score interval used |\n|---|---|---|---|---|---|")
    for row in simulated.coverage(simulations, resamples):
        shares = f"{row.covered:.1%} | {row.below:.1%} | {row.above:.1%}"
        print(f"| {row.figure} | {shares} | {row.width:.3f} | {row.score:.0%} |", flush=True)
    print("\n| stages | records | named although all are equal |\n|---|---|---|")
    for k in (2, 3, 5):
        for n in (50, 200, 1000):
            named = simulated.named_although_equal(k, n, simulations=simulations, resamples=resamples)
            print(f"| {k} | {n} | {named:.1%} |", flush=True)
    print(
        "\n| true gains | pilot | named at once | promised | median budget | worst named at it | another one |"
        "\n|---|---|---|---|---|---|---|"
    )
    for name, made in simulated.WORST.items():
        for pilot in (50, 100, 200):
            row = simulated.promise(made, pilot, simulations=simulations, resamples=resamples)
            shares = f"{row.decided:.0%} | {row.promised:.0%} | {row.records:,.0f} | {row.named:.1%} | {row.wrong:.1%}"
            print(f"| {name} | {pilot} | {shares} |", flush=True)


if __name__ == "__main__":
    asked = [int(argument) for argument in sys.argv[1:]]
    main(*(asked + [2000, 1000][len(asked) :]))
