"""What more workers bring: `python benchmarks/engines.py [--records 4000] [--engines processes ray]`.

Two Python stages of real work a record (`run_python.py`) on 1, 2 and 4 workers, beside this process alone; wall time
and what dispatching costs a record. On a machine with fewer cores than workers no more can be had than its cores.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import run_python

from stagegap.model.cascade import Stage
from stagegap.runner import Silent, Work, execute
from stagegap.runner.engines import Choice, spread
from stagegap.stages import StageCode, build

RUN = "0" * 32


@dataclass(frozen=True)
class FromFolder:
    """Builds the stages on a worker."""

    stages: tuple[Stage, ...]
    folder: Path

    def __call__(self) -> dict[str, StageCode]:
        return {s.name: build(s, folder=self.folder, corpora={}, environment={}) for s in self.stages}


class Clock:
    """Notes when outputs came and keeps none: the store is measured elsewhere."""

    def __init__(self) -> None:
        self.came: list[tuple[float, int]] = []

    def append_outputs(self, run: object, cell: object, outputs: list[object]) -> None:
        del run, cell
        self.came.append((time.perf_counter(), len(outputs)))

    def cached(self, keys: object) -> dict[str, object]:
        del keys
        return {}


def measured(folder: Path, records: int, engine: str) -> float:
    """Give the seconds of all outputs after the first group: the start of the workers is no part of it."""
    cascade = run_python.cascade()
    recipe = FromFolder(cascade.stages, folder)
    work = Work(run=RUN, cascade=cascade, codes=recipe(), corpora={}, records=run_python.records(records))
    if engine:
        work = spread(work, Choice.parse(engine).made(), recipe)
    clock = Clock()
    execute(work, sink=clock, cache=clock, progress=Silent())  # type: ignore[arg-type]
    (first, _), *_, (last, _) = clock.came
    return (last - first) * sum(n for _, n in clock.came) / sum(n for _, n in clock.came[1:])


def main(records: int, engines: list[str]) -> None:
    print(f"{records:,} records x 3 Python stages, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "stages.py").write_text(run_python.CODE)
        alone = measured(folder, records, "")
        print(f"  {'this process':16}{alone:8.2f} s{alone / records / 3 * 1e6:10.0f} us a record and stage")
        for engine in engines:
            for workers in (1, 2, 4):
                seconds = measured(folder, records, f"{engine}:{workers}")
                each = seconds / records / 3 * 1e6
                print(
                    f"  {engine + ':' + str(workers):16}{seconds:8.2f} s{each:10.0f} us{alone / seconds:8.2f} x",
                    flush=True,
                )


if __name__ == "__main__":
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--records", type=int, default=4_000)
    asked.add_argument("--engines", nargs="*", default=["processes", "ray"])
    options = asked.parse_args()
    # Workers find this module by its name.
    os.environ["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    sys.path.append(str(Path(__file__).parent))
    main(options.records, options.engines)
