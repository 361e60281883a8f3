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
from dataclasses import dataclass, replace
from pathlib import Path

from stagegap.model.answer import Output
from stagegap.model.cascade import Cascade, Kind, Outcome, OutputType, Source, Stage
from stagegap.model.record import Record
from stagegap.model.run import Cell, Run, RunStatus
from stagegap.runner import Cache, CellWork, Silent, Sink, Summary, Work, execute
from stagegap.runner.work import Basis, identities
from stagegap.stages import StageCode, build
from stagegap.store.store import Store
from stagegap.workspace.execution import with_carries
from stagegap.workspace.provenance import labels_digest
from stagegap.workspace.run_facts import put_basis

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


@dataclass(frozen=True)
class FromFolder:
    """Builds the stages on a worker."""

    stages: tuple[Stage, ...]
    folder: Path

    def __call__(self) -> dict[str, StageCode]:
        return {s.name: build(s, folder=self.folder, corpora={}, environment={}) for s in self.stages}


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
    """The stages' functions as plain Python has them."""
    names: dict[str, Callable[..., str]] = {}
    exec(compile(CODE, str(folder / "stages.py"), "exec"), names)
    return names


def begun(store: Store, number: int) -> Run:
    """Begin a run in the store."""
    run = Run(
        id=f"{number:032x}",
        name="",
        cascade="bench",
        fingerprint="",
        resolved="{}",
        status=RunStatus.RUNNING,
        started_at=0.0,
    )
    store.create_run(run)
    return run


def whole_run(
    store: Store, number: int, cascade: Cascade, *, folder: Path, records: Sequence[Record], digest: str
) -> Summary:
    """Run as the workspace does, with what earlier runs answered and nothing has changed since."""
    run = begun(store, number)
    codes = {s.name: build(s, folder=folder, corpora={}, environment={}) for s in cascade.stages}
    basis = Basis(stages=identities(cascade, codes, {}), records=digest, labels=0, labels_digest=labels_digest([]))
    put_basis(store, run.id, basis)
    cells = with_carries(store, run.id, cascade, [CellWork()], basis=basis, labels=[])
    work = Work(run=run.id, cascade=cascade, codes=codes, corpora={}, records=records, cells=cells)
    return execute(replace(work, carrier=store.carrying), sink=store, cache=store, progress=Silent())


class Bench:
    """One fresh store, and what is measured with it."""

    def __init__(self, folder: Path, store: Store, n: int) -> None:
        (folder / "stages.py").write_text(CODE)
        self.store = store
        self.functions = functions(folder)
        self.records = records(n)
        self.cascade = cascade()
        self.codes = {s.name: build(s, folder=folder, corpora={}, environment={}) for s in self.cascade.stages}
        self.folder, self.digest = folder, store.put_records("bench", self.records).digest
        store.origins.keep_records("bench", self.digest, self.records)

    def by_hand(self) -> None:
        split, kind, answer = (self.functions[name] for name in ("split", "kind", "answer"))
        for record in self.records:
            text = record.fields["text"]
            words = split(text=text)
            answer(text=text, words=words, kind=kind(text=text, words=words))

    def run(self, number: int, *, sink: Sink, cache: Cache) -> None:
        run = begun(self.store, number)
        work = Work(run=run.id, cascade=self.cascade, codes=self.codes, corpora={}, records=self.records)
        execute(work, sink=sink, cache=cache, progress=Silent())

    def whole(self, number: int) -> None:
        whole_run(self.store, number, self.cascade, folder=self.folder, records=self.records, digest=self.digest)

    def again(self, number: int) -> None:
        """Run once more with what has not changed taken over, until every output is in DuckDB."""
        self.whole(number)
        self.store.cells(f"{number:032x}")

    def drain(self) -> None:
        self.store.outputs(f"{2:032x}", Cell(), "answer", records=["r0000001"])


def measured(n: int) -> dict[str, float]:
    """The seconds of each row, once."""
    with tempfile.TemporaryDirectory() as name, Store.open(Path(name) / "store") as store:
        bench, memory = Bench(Path(name), store, n), Memory()
        rows: dict[str, Callable[[], None]] = {
            "work alone": bench.by_hand,
            "run, outputs in memory": lambda: bench.run(1, sink=memory, cache=memory),
            "run, durable in the store": lambda: bench.whole(2),
            "... and drained": bench.drain,
            "run again, call by call": lambda: bench.run(3, sink=store, cache=store),
            "run again, as the workspace does": lambda: bench.again(4),
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
        if "again" in label:
            above = f"{total / n / 3 * 1e6:.1f} in all"
        print(f"{label:28}{total / n * 1e3:12.4f}{above:>28}{total / alone:20.2f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20_000)
