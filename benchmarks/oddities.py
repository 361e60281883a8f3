"""How long a screen takes, and how much memory: python benchmarks/oddities.py [outputs].

One run of three stages (label, ranking, text), a third of the outputs each, with scores, one label a record and an
earlier run of the same records; CPU seconds of the process, DuckDB's two threads included, and peak memory.
"""

from __future__ import annotations

import json
import resource
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from stagegap.model.answer import Answer, Label, Output, Status
from stagegap.model.cascade import Cascade, Kind, Outcome, OutputType, Source, Stage
from stagegap.model.record import Record
from stagegap.model.run import SYSTEM, Run, RunStatus
from stagegap.oddities.screen import look, screen
from stagegap.store import Store
from stagegap.workspace.columns import run_columns

CHUNK = 20_000
LABELS = ("apparel", "electronics", "garden", "spam", "billing")
WORDS = ("the", "parcel", "that", "you", "sent", "to", "me", "is", "not", "here", "and", "would", "like", "money")
TEXT = Source("record", "body")
CASCADE = Cascade(
    name="mail", noun="mail",
    stages=(
        Stage(name="route", uses="python", inputs={"body": TEXT}, metrics=("accuracy",),
              output=OutputType(kind=Kind.LABEL, values=LABELS)),
        Stage(name="find", uses="python", inputs={"body": TEXT, "to": Source("stage", "route")},
              metrics=("recall@3",), output=OutputType(kind=Kind.RANKING, of="docs", k=3)),
        Stage(name="draft", uses="python", inputs={"body": TEXT, "docs": Source("stage", "find")},
              metrics=("fact_recall",), output=OutputType(kind=Kind.TEXT)),
    ),
    outcome=Outcome(stage="draft", metric="fact_recall", good=0.8),
)  # fmt: skip
RUN = Run(id="", name="", cascade="mail", fingerprint="f", resolved="{}", status=RunStatus.DONE, started_at=1.0, seed=1)


def text(i: int) -> str:
    return " ".join(WORDS[(i * 7 + k * 5) % len(WORDS)] for k in range(30)) + f" {i}."


def value(stage: str, i: int) -> object:
    return {"route": LABELS[i % 5], "find": [f"d{i % 97}", f"d{i % 89}", f"d{i % 83}x"], "draft": text(i)}[stage]


def fill(store: Store, records: int) -> list[Run]:
    runs = []
    for start in range(0, records, CHUNK):
        store.put_records("mail", [
            Record(id=f"m{i:07}", fields={"body": text(i * 3)}, cluster=f"c{i // 3}", split="test")
            for i in range(start, min(start + CHUNK, records))
        ])  # fmt: skip
    for number in range(2):
        run = store.create_run(replace(RUN, id=f"{number + 1:032x}", started_at=float(number)))
        runs.append(run)
        for name in CASCADE.names:
            for start in range(0, records, CHUNK):
                places = range(start, min(start + CHUNK, records))
                store.append_outputs(run.id, SYSTEM, [
                    Output(record=f"m{i:07}", stage=name, status=Status.OK, value=value(name, i),  # type: ignore[arg-type]
                           confidence=0.8, latency_ms=5.0 + i % 13, cost=0.001, key=f"{i:032x}")
                    for i in places
                ])  # fmt: skip
                metric = CASCADE.stage(name).metrics[0]
                store.put_scores(run.id, SYSTEM, {(name, metric): {f"m{i:07}": float(i % 5 > 0) for i in places}})
    for start in range(0, records, CHUNK):
        store.append_labels("mail", [
            Label(id=f"l{i}", record=f"m{i:07}", stage="route", annotator="ann", answer=Answer(value=LABELS[i % 5]))
            for i in range(start, min(start + CHUNK, records))
        ])  # fmt: skip
    store._drainer.drain_all()
    return runs


def main() -> None:
    outputs = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with tempfile.TemporaryDirectory() as folder, Store.open(Path(folder) / "s", drain=False) as store:
        earlier, run = fill(store, outputs // 3)
        filled = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        began, cpu = time.perf_counter(), time.process_time()
        columns = run_columns(store, run, CASCADE, card=None, earlier=earlier, custom={})
        gathered = time.process_time() - cpu
        found = screen(
            look(columns), cascade="mail", noun="mail", records=columns.n, naming=lambda _run, _places: ((), "")
        )
        print(json.dumps({
            "outputs": outputs, "wall_s": round(time.perf_counter() - began, 2),
            "cpu_s": round(time.process_time() - cpu, 2), "of it gathering": round(gathered, 2),
            "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024), "filled_mb": round(filled),
            "cards": [card.key for card in found.cards],
        }, indent=1))  # fmt: skip


if __name__ == "__main__":
    main()
