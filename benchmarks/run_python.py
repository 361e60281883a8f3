"""What a run adds to Python stages: `python benchmarks/run_python.py [records]` prints microseconds per output.

Three stages of real work over records of about 1 KB, against a loop written by hand that does the same work and keeps
nothing. Rows: outputs kept in memory; in the store, durably (until acknowledged, and until drained into DuckDB);
the same run again, all from the cache. Medians of 5.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from stagegap.model.answer import Output
from stagegap.model.cascade import Cascade, Kind, Outcome, OutputType, Source, Stage
from stagegap.model.record import Record
from stagegap.model.run import Cell, Run, RunStatus
from stagegap.runner import Cache, Silent, Sink, Work, execute
from stagegap.stages import build
from stagegap.store.store import Store

CODE = """
import re

def split(text):
    return " ".join(re.findall(r"[a-z]+", text.lower()))

def kind(text, words):
    return "long" if len(set(words.split())) > 60 else "short"

def answer(text, words, kind):
    return kind + ": " + " ".join(sorted(set(words.split()))[:20])
"""
ROUNDS = 5


class Memory:
    """Keeps outputs in a list and knows nothing of earlier runs."""

    def __init__(self) -> None:
        self.outputs: list[Output] = []

    def append_outputs(self, _run: str, _cell: Cell, outputs: Sequence[Output]) -> None:
        self.outputs.extend(outputs)

    def cached(self, _keys: Sequence[str]) -> Mapping[str, Output]:
        return {}


def cascade() -> Cascade:
    text = Source("record", "text")
    words, kind = Source("stage", "split"), Source("stage", "kind")
    a_text = OutputType(kind=Kind.TEXT)
    return Cascade(
        name="bench",
        stages=(
            stage("split", {"text": text}, a_text),
            stage("kind", {"text": text, "words": words}, OutputType(kind=Kind.LABEL, values=("long", "short"))),
            stage("answer", {"text": text, "words": words, "kind": kind}, a_text),
        ),
        outcome=Outcome(stage="answer", metric="exact"),
    )


def stage(name: str, inputs: Mapping[str, Source], output: OutputType) -> Stage:
    function = {"function": f"stages.py:{name}"}
    return Stage(name=name, uses="python", inputs=inputs, output=output, metrics=("exact",), parameters=function)


def records(n: int) -> list[Record]:
    words = [f"{'bcdfgh'[i % 6]}{'aeiou'[i % 5]}{'lmnprst'[i % 7]}{'xyz'[i % 3]}" for i in range(210)]
    texts = [" ".join(words[(i * 7 + j * (1 + i % 11)) % 210] for j in range(200)) + f" {i}" for i in range(n)]
    return [Record(id=f"r{i:07d}", fields={"text": text}) for i, text in enumerate(texts)]


def functions(folder: Path) -> Mapping[str, Callable[..., str]]:
    """Give the stages' functions as plain Python has them."""
    names: dict[str, Callable[..., str]] = {}
    exec(compile(CODE, str(folder / "stages.py"), "exec"), names)
    return names


class Bench:
    """One fresh store, and what is measured with it."""

    def __init__(self, folder: Path, store: Store, n: int) -> None:
        (folder / "stages.py").write_text(CODE)
        self.store = store
        self.functions = functions(folder)
        self.records = records(n)
        self.cascade = cascade()
        self.codes = {s.name: build(s, folder=folder, corpora={}, environment={}) for s in self.cascade.stages}
        store.put_records("bench", self.records)

    def by_hand(self) -> None:
        split, kind, answer = (self.functions[name] for name in ("split", "kind", "answer"))
        for record in self.records:
            text = record.fields["text"]
            words = split(text=text)
            answer(text=text, words=words, kind=kind(text=text, words=words))

    def run(self, number: int, *, sink: Sink, cache: Cache) -> None:
        run = Run(
            id=f"{number:032x}",
            name="",
            cascade="bench",
            fingerprint="",
            resolved="{}",
            status=RunStatus.RUNNING,
            started_at=0.0,
        )
        self.store.create_run(run)
        work = Work(run=run.id, cascade=self.cascade, codes=self.codes, corpora={}, records=self.records)
        execute(work, sink=sink, cache=cache, progress=Silent())

    def drain(self) -> None:
        self.store.outputs(f"{2:032x}", Cell(), "answer", records=["r0000001"])


def measured(n: int) -> dict[str, float]:
    """Give the seconds of each row, once."""
    with tempfile.TemporaryDirectory() as name, Store.open(Path(name) / "store") as store:
        bench, memory = Bench(Path(name), store, n), Memory()
        rows: dict[str, Callable[[], None]] = {
            "work alone": bench.by_hand,
            "run, outputs in memory": lambda: bench.run(1, sink=memory, cache=memory),
            "run, durable in the store": lambda: bench.run(2, sink=store, cache=store),
            "... and drained": bench.drain,
            "run again, all cached": lambda: bench.run(3, sink=store, cache=store),
        }
        found: dict[str, float] = {}
        for label, call in rows.items():
            start = time.perf_counter()
            call()
            found[label] = time.perf_counter() - start
        return found


def main(n: int) -> None:
    rounds = [measured(n) for _ in range(ROUNDS)]
    medians = {label: statistics.median(one[label] for one in rounds) for label in rounds[0]}
    alone = medians["work alone"]
    print(f"{n:,} records, 3 stages, medians of {ROUNDS}")
    print(f"{'':28}{'ms/record':>12}{'us/output above the work':>28}{'ratio to the work':>20}")
    for label, total in medians.items():
        above = "" if label.startswith(("work", "...")) else f"{(total - alone) / n / 3 * 1e6:.1f}"
        if "cached" in label:
            above = f"{total / n / 3 * 1e6:.1f} in all"
        print(f"{label:28}{total / n * 1e3:12.4f}{above:>28}{total / alone:20.2f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20_000)
