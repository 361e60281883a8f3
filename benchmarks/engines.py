"""What more workers bring: `python benchmarks/engines.py [--records 4000] [--blocking-ms 5] [--engines processes]`.

Python stages of real work (`run_python.py`) on 1, 2 and 4 workers, beside this process alone: wall time, and what
dispatching costs a record; or one stage that waits for something of its worker's own, as a GPU. On a machine with
fewer cores than workers, work gains no more than its cores.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import run_python

from stagegap.model.cascade import Cascade, Outcome
from stagegap.runner import Silent, Work, execute
from stagegap.runner.engines import Choice, spread

RUN = "0" * 32


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


def cascade_of(blocking_ms: float) -> Cascade:
    """The three stages of real work, or one that holds its worker for so long and computes nothing."""
    cascade = run_python.cascade()
    if not blocking_ms:
        return cascade
    stage = replace(cascade.stages[0], name="wait", parameters={"function": "stages.py:wait"})
    return replace(cascade, stages=(stage,), outcome=Outcome(stage="wait", metric="exact"))


def measured(folder: Path, records: int, engine: str, cascade: Cascade) -> float:
    """The seconds of all outputs after the first group: the start of the workers is no part of it."""
    recipe = run_python.FromFolder(cascade.stages, folder)
    work = Work(run=RUN, cascade=cascade, codes=recipe(), corpora={}, records=run_python.records(records))
    if engine:
        work = spread(work, Choice.parse(engine).engine(), recipe)
    clock = Clock()
    execute(work, sink=clock, cache=clock, progress=Silent())  # type: ignore[arg-type]
    (first, _), *_, (last, _) = clock.came
    return (last - first) * sum(n for _, n in clock.came) / sum(n for _, n in clock.came[1:])


def main(records: int, engines: list[str], blocking_ms: float) -> None:
    cascade = cascade_of(blocking_ms)
    n = len(cascade.stages)
    what = f"a stage that holds its worker for {blocking_ms:g} ms" if blocking_ms else f"{n} Python stages"
    print(f"{records:,} records x {what}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        waiting = f"\nimport time\n\ndef wait(text):\n    time.sleep({blocking_ms / 1000})\n    return 'done'\n"
        (folder / "stages.py").write_text(run_python.CODE + waiting)
        alone = measured(folder, records, "", cascade)
        print(f"  {'this process':16}{alone:8.2f} s{alone / records / n * 1e6:10.0f} us a record and stage")
        for engine in engines:
            for workers in (1, 2, 4):
                seconds = measured(folder, records, f"{engine}:{workers}", cascade)
                each = seconds / records / n * 1e6
                print(
                    f"  {engine + ':' + str(workers):16}{seconds:8.2f} s{each:10.0f} us{alone / seconds:8.2f} x",
                    flush=True,
                )


if __name__ == "__main__":
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--records", type=int, default=4_000)
    asked.add_argument("--blocking-ms", type=float, default=0.0)
    asked.add_argument("--engines", nargs="*", default=["processes", "ray"])
    options = asked.parse_args()
    # Workers find this module by its name.
    os.environ["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    sys.path.append(str(Path(__file__).parent))
    main(options.records, options.engines, options.blocking_ms)
