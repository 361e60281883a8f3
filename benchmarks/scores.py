"""Metric calls beside distinct pairs of output and reference: the demo's scorecard and five views, in one process.

`python benchmarks/scores.py` prints one line; at most 1.05 calls for each distinct pair are allowed.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from shutil import copytree

from stagegap.metrics import catalogue
from stagegap.model.answer import Answer
from stagegap.model.record import Json
from stagegap.workspace import Workspace

DEMO = Path(__file__).parents[1]
VIEWS = ("blame", "faults", "agree", "need", "slices")
MOST = 1.05


def counting(
    name: str, compare: Callable[[Json, Answer], float], pairs: Counter[str]
) -> Callable[[Json, Answer], float]:
    def counted(value: Json, answer: Answer) -> float:
        pairs[f"{name} {value!r} {answer!r}"] += 1
        return compare(value, answer)

    return counted


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        for part in ("pipelines", "data"):
            copytree(DEMO / part, Path(folder, part))
        with Workspace.open(Path(folder)) as workspace:
            run, _ = workspace.runs.new(Path(folder, "pipelines", "support_email", "cascade.yaml"))
        pairs: Counter[str] = Counter()
        for name, compare in list(catalogue._PLAIN.items()):
            catalogue._PLAIN[name] = counting(name, compare, pairs)
        at_k = catalogue.formulas.recall_at
        catalogue.formulas.recall_at = lambda k: counting(f"recall@{k}", at_k(k), pairs)
        start = time.process_time()
        with Workspace.open(Path(folder)) as workspace:
            workspace.runs.refresh(run.cascade, run.name)
            for view in VIEWS:
                getattr(workspace.runs.attribution(run.cascade, run.name), view)()
        seconds = time.process_time() - start
    ratio = pairs.total() / len(pairs)
    print(f"{pairs.total():,} calls for {len(pairs):,} distinct pairs: {ratio:.2f}; {seconds:.1f} s of processor time")
    return 0 if ratio <= MOST else 1


if __name__ == "__main__":
    sys.exit(main())
