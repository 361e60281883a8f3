"""Real processes on one store, killed at random: python benchmarks/torture.py --rows 1000000 --kills 20 --seed 1.

One runner appends batches of outputs, several processes write labels, others read; all drain. After `--kills` times
kill -9 every acknowledged write is looked up. Prints one JSON object; the exit code is 1 when anything was lost,
doubled, or an error was seen.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import queue
import random
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from stagegap.model.answer import Answer, Label, Output, Status
from stagegap.model.record import Record
from stagegap.model.run import SYSTEM, Run, RunStatus
from stagegap.store import Store

STAGES = ("route", "retrieve", "draft")
RUN = "5" * 32


class Worker:
    """One process under test: it tells each acknowledged write in a line, and stops when its stdin is closed."""

    def __init__(self, folder: Path, size: int) -> None:
        self.store = Store.open(folder)
        self.size = size
        self.stop = threading.Event()
        threading.Thread(target=self._watch, daemon=True).start()
        print("up", flush=True)

    def _watch(self) -> None:
        sys.stdin.read()
        self.stop.set()

    def tell(self, *words: object) -> None:
        sys.stdout.write(" ".join(map(str, words)) + "\n")
        sys.stdout.flush()

    def timed(self, kind: str, began: float, *words: object) -> None:
        self.tell(kind, f"{(time.perf_counter() - began) * 1e3:.2f}", *words)

    def run(self, first: int, batches: int) -> None:
        for number in range(first, batches):
            if self.stop.is_set():
                return
            outputs = [self._output(number * self.size + i) for i in range(self.size)]
            began = time.perf_counter()
            self.store.append_outputs(RUN, SYSTEM, outputs)
            self.timed("batch", began, number)
        self.tell("done", 0)
        self.stop.wait()

    def _output(self, i: int) -> Output:
        text = f"answer {i} " * (12 if i % 3 == 2 else 1)
        return Output(record=f"r{i // 3}", stage=STAGES[i % 3], status=Status.OK, value=text,
                      key=f"{i:032x}", latency_ms=random.random())  # fmt: skip

    def label(self, think_s: float) -> None:
        while not self.stop.wait(think_s * random.uniform(0.7, 1.3)):
            label = Label(id=uuid.uuid4().hex, record=f"r{random.randrange(500)}", stage="route", annotator="ann",
                          answer=Answer(value="spam"), at=time.time(), active_ms=900)  # fmt: skip
            began = time.perf_counter()
            self.store.append_labels("c", [label])
            self.timed("label", began, label.id)

    def read(self, think_s: float) -> None:
        before = 0
        while not self.stop.wait(think_s):
            began = time.perf_counter()
            count = self.store.label_count("c")
            self.store.runs("c")
            self.store.outputs(RUN, SYSTEM, "route", records=[f"r{i}" for i in range(20)])
            self.timed("read", began, count)
            if count < before:
                raise RuntimeError(f"{before} labels became {count}")
            before = count


def work(options: argparse.Namespace) -> None:
    worker = Worker(Path(options.folder), options.batch)
    if options.role == "runner":
        worker.run(options.first, options.rows // options.batch)
    elif options.role.startswith("label"):
        worker.label(options.think)
    else:
        worker.read(options.think * 3)
    worker.store.close()


@dataclass
class Crowd:
    """The processes, and what they acknowledged."""

    options: argparse.Namespace
    folder: Path

    def __post_init__(self) -> None:
        self.lines: queue.Queue[tuple[str, list[str]]] = queue.Queue()
        self.processes: dict[str, subprocess.Popen[str]] = {}
        self.readers: dict[str, threading.Thread] = {}
        self.first = 0
        self.labels: list[str] = []
        self.times: dict[str, list[float]] = {"batch": [], "label": [], "read": []}
        self.errors: list[str] = []
        self.done_at: float | None = None

    def start(self, role: str) -> None:
        words = ["--role", role, "--folder", str(self.folder), "--first", str(self.first)]
        for name in ("rows", "batch", "think"):
            words += [f"--{name}", str(getattr(self.options, name))]
        process = subprocess.Popen([sys.executable, "-W", "error", __file__, *words], text=True, stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT)  # fmt: skip
        self.processes[role] = process
        reader = threading.Thread(target=self._listen, args=(role, process))
        reader.start()
        self.readers[role] = reader

    def _listen(self, role: str, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            self.lines.put((role, line.split() if line.endswith("\n") else []))

    def take(self, role: str, words: list[str]) -> None:
        match words:
            case ["batch", ms, number]:
                self.times["batch"].append(float(ms))
                self.first = int(number) + 1
            case ["label", ms, key]:
                self.times["label"].append(float(ms))
                self.labels.append(key)
            case ["read", ms, _]:
                self.times["read"].append(float(ms))
            case ["done", _]:
                self.done_at = self.done_at or time.perf_counter()
            case [] | ["up"]:
                pass
            case _:
                self.errors.append(f"{role}: {' '.join(words)}")

    def kill(self, role: str) -> None:
        process = self.processes[role]
        process.kill()
        process.wait()
        self.readers.pop(role).join()
        self._let_go(process)
        self.drain()
        self.start(role)

    def drain(self) -> None:
        """Take all lines that are there, so that a restarted runner knows where the killed one stopped."""
        while not self.lines.empty():
            self.take(*self.lines.get())

    def finish(self) -> None:
        for process in self.processes.values():
            assert process.stdin is not None
            process.stdin.close()
        for process in self.processes.values():
            if process.wait():
                self.errors.append(f"exit code {process.returncode}")
        for reader in self.readers.values():
            reader.join()
        for process in self.processes.values():
            self._let_go(process)
        self.drain()

    @staticmethod
    def _let_go(process: subprocess.Popen[str]) -> None:
        for stream in (process.stdin, process.stdout):
            assert stream is not None
            with contextlib.suppress(BrokenPipeError):
                stream.close()


def torture(options: argparse.Namespace, folder: Path) -> dict[str, object]:
    dice = random.Random(options.seed)
    with Store.open(folder, drain=False) as store:
        store.put_records("c", [Record(id=f"r{i}", fields={}) for i in range(options.rows // 3 + 1)])
        store.create_run(Run(id=RUN, name="", cascade="c", fingerprint="", resolved="{}", status=RunStatus.RUNNING,
                             started_at=0.0))  # fmt: skip
    crowd = Crowd(options, folder)
    began = time.perf_counter()
    roles = ["runner", *(f"label{i}" for i in range(options.labellers)), *(f"read{i}" for i in range(options.readers))]
    for role in roles:
        crowd.start(role)
    kills: Counter[str] = Counter()
    fuse = dice.randrange(*options.between)
    while crowd.done_at is None or kills.total() < options.kills:
        role, words = crowd.lines.get(timeout=120)
        crowd.take(role, words)
        fuse -= 1
        if fuse <= 0 and kills.total() < options.kills:
            victim = dice.choice([*roles, *(["runner", "runner"] if crowd.done_at is None else [])])
            crowd.kill(victim)
            kills[victim] += 1
            fuse = dice.randrange(*options.between)
    crowd.finish()
    took = (crowd.done_at or time.perf_counter()) - began
    return {"kills": dict(kills), "rows_per_s": round(options.rows / took), **verdict(crowd, folder, options.rows)}


def verdict(crowd: Crowd, folder: Path, rows: int) -> dict[str, object]:
    with Store.open(folder) as store:
        found = [o for stage in STAGES for o in store.outputs(RUN, SYSTEM, stage)]
        labels = [label.id for label in store.labels("c")]
        bad = [finding.message for finding in store.check() if not finding.is_good]
    times = {
        kind: {"n": len(ms), "p50": _part(ms, 0.5), "p99": _part(ms, 0.99)} for kind, ms in crowd.times.items() if ms
    }
    return {
        "lost_rows": rows - len({(o.record, o.stage) for o in found}),
        "double_rows": len(found) - len({(o.record, o.stage) for o in found}),
        "lost_labels": len(set(crowd.labels) - set(labels)),
        "double_labels": len(labels) - len(set(labels)),
        "acknowledged_labels": len(crowd.labels),
        "errors": crowd.errors[:5] + bad,
        "ms": times,
    }


def _part(ms: list[float], share: float) -> float:
    return sorted(ms)[min(len(ms) - 1, int(len(ms) * share))]


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--batch", type=int, default=2_000)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--between", type=int, nargs=2, default=(20, 120), help="acknowledged writes between two kills")
    parser.add_argument("--labellers", type=int, default=4)
    parser.add_argument("--readers", type=int, default=2)
    parser.add_argument("--think", type=float, default=0.03, help="seconds between two labels of one process")
    parser.add_argument("--seed", type=int, default=1)
    for internal in ("--role", "--folder"):
        parser.add_argument(internal, help=argparse.SUPPRESS)
    parser.add_argument("--first", type=int, default=0, help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> int:
    options = parsed()
    if options.role:
        work(options)
        return 0
    with tempfile.TemporaryDirectory() as name:
        result = torture(options, Path(name) / ".stagegap")
    print(json.dumps(result, indent=1))
    return int(any(result[k] for k in ("lost_rows", "double_rows", "lost_labels", "double_labels", "errors")))


if __name__ == "__main__":
    sys.exit(main())
