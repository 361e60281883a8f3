"""Of simulated pairs of versions with a known change: is the right stage named, and are pairs without one tied?

    python benchmarks/what_changed.py [pairs]

Prints a Markdown table; docs/method-changes.md holds that of 1,000 pairs a row. Standard error of a share: at most 0.7
points where it is near 95% and there are 1,000 pairs.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from version_setups import SETUPS, claimed


def main(pairs: int) -> None:
    print("| what the rewrite did | n | exactly the right stages | a wrong stage too | a right one missed | tied |")
    print("|---|---|---|---|---|---|")
    for setup in SETUPS:
        found = claimed(setup, pairs)
        shares = " | ".join(f"{share:.1%}" for share in (found.right, found.wrong, found.missed, found.tied))
        print(f"| {setup.title} | {setup.n:,} | {shares} |", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200)
