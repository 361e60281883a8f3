"""Ours beside the hand-written floor and other tools: `python benchmarks/run.py [--only ABCDE] [--rounds 5]`.

A: 2,000 records through two Python stages and a model that answers at once. B: 1,000 records, the model takes 200 ms,
64 calls at a time. C: 20,000 records through three Python stages. D: C again, nothing changed. E: C in three variants
that differ in the last stage. All in one run, one
after the other in each round, medians over the rounds; the model is `tests/llm_server.py`, a process of its own.
Ours is stored durably; the floor keeps nothing (or, in C, makes one Arrow insert at its end). In A and B other
tools get our client over aiohttp, in A also the official client as it comes, which is what their users have. They take
part where they can be imported (`pip install pydantic-evals sf-hamilton` in an environment of your own).
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import dataclasses
import importlib
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from functools import partial
from importlib.metadata import version
from pathlib import Path

import duckdb
import run_python

from stagegap.model.cascade import Cascade, Kind, Outcome, OutputType, Source
from stagegap.store.store import Store

sys.path.append(str(Path(__file__).parents[1] / "tests"))
from llm_server import LlmServer, running  # it stands among the tests, which are no package

AT_ONCE = 64
LATENCY_S = 0.2
SIZES = {"A": 2_000, "B": 1_000, "C": 20_000, "D": 20_000, "E": 20_000}
TITLES = {
    "A": "2 Python stages and a model without latency, ms a record",
    "B": f"the same with {LATENCY_S * 1000:.0f} ms latency and {AT_ONCE} at once, wall / ideal",
    "C": "3 Python stages, ms a record",
    "D": "C again, nothing changed, ms a record",
    "E": "C in three variants that share two of three stages, ms a record; one variant would be the base",
}
VARIANTS = """
def answer_b(text, words, kind):
    return answer(text, words, kind) + "."

def answer_c(text, words, kind):
    return answer(text, words, kind) + "!"
"""
BARE = "official client over aiohttp, bare"
BARE_CLIENT = "client as it comes"
OURS = "stagegap"
Rows = dict[str, Callable[[], None]]
Ask = Callable[[str], Awaitable[str]]


class Bench:
    """Fresh records and a fresh store for one round of one size."""

    def __init__(self, folder: Path, server: LlmServer, n: int) -> None:
        (folder / "stages.py").write_text(run_python.CODE + VARIANTS)
        (folder / "prompt.j2").write_text("{{ kind }}: {{ text }}")
        self.folder, self.server = folder, server
        self.functions = run_python.functions(folder)
        self.records = run_python.records(n)
        self.texts = [str(record.fields["text"]) for record in self.records]
        self.peers = {peer.NAME: peer for peer in peers()}

    def take_in(self, store: Store) -> None:
        """Import the records, as every command does before it runs."""
        self.digest = store.put_records("bench", self.records).digest
        store.origins.keep_records("bench", self.digest, self.records)

    def work(self, *, alone: bool) -> list[tuple[str, str, str]]:
        """Do the stages of C (alone), or the Python stages of A and B, in a plain loop."""
        split, kind, answer = (self.functions[name] for name in ("split", "kind", "answer"))
        found: list[tuple[str, str, str]] = []
        for text in self.texts:
            words = split(text=text)
            which = kind(text=text, words=words)
            found.append((words, which, answer(text=text, words=words, kind=which) if alone else ""))
        return found

    def work_and_insert(self) -> None:
        """Do the stages of C and put everything into DuckDB with one insert."""
        import pyarrow

        columns = [list(column) for column in zip(*self.work(alone=True), strict=True)]
        table = pyarrow.table({"id": [r.id for r in self.records], **dict(zip("abc", columns, strict=True))})
        with duckdb.connect(str(self.folder / "floor.duckdb")) as db:
            db.register("outputs", table)
            db.execute("create or replace table o as select * from outputs")

    def asking(self, run: Callable[[Ask], Awaitable[None]], *, as_it_comes: bool = False) -> None:
        """Await `run` with a function that asks the model through one official client, opened and closed in here.

        Over aiohttp, or with the transport that `AsyncOpenAI()` has as it comes.
        """
        from openai import AsyncOpenAI, DefaultAioHttpClient

        async def opened() -> None:
            http = None if as_it_comes else DefaultAioHttpClient(timeout=60)
            url = self.server.base_url
            async with AsyncOpenAI(base_url=url, api_key="none", max_retries=0, http_client=http) as client:

                async def ask(prompt: str) -> str:
                    found = await client.chat.completions.create(
                        model="m", messages=[{"role": "user", "content": prompt}]
                    )
                    return found.choices[0].message.content or ""

                await run(ask)

        asyncio.run(opened())

    async def bare(self, ask: Ask) -> None:
        """Do the Python stages and ask for each record, with nothing around it."""
        split, kind = self.functions["split"], self.functions["kind"]
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(text: str) -> str:
            async with gate:
                return await ask(f"{kind(text=text, words=split(text=text))}: {text}")

        await asyncio.gather(*map(one, self.texts))

    def ours(self, store: Store, number: int, cascade: Cascade) -> int:
        """Run the cascade and give its calls; every output is durable when this returns."""
        return run_python.whole_run(
            store, number, cascade, folder=self.folder, records=self.records, digest=self.digest
        ).calls

    def again(self, store: Store) -> None:
        """Run C once more, until every output is in DuckDB."""
        assert self.ours(store, 2, run_python.cascade()) == 0, "nothing is called again"
        store.cells(f"{2:032x}")


def variant(function: str) -> Cascade:
    """The cascade of C with another function at its last stage."""
    plain = run_python.cascade()
    last = dataclasses.replace(plain.stages[-1], parameters={"function": f"stages.py:{function}"})
    return dataclasses.replace(plain, stages=(*plain.stages[:-1], last))


def with_model(server: LlmServer) -> Cascade:
    """Split -> kind -> draft, where draft asks the model."""
    split, kind, _ = run_python.cascade().stages
    draft = dataclasses.replace(
        split,
        name="draft",
        uses="llm",
        inputs={"text": Source("record", "text"), "kind": Source("stage", "kind")},
        output=OutputType(kind=Kind.TEXT),
        parameters={"model": "m", "prompt": "prompt.j2", "base_url": server.base_url},
        concurrency=AT_ONCE,
        timeout_s=60.0,
    )
    return Cascade(name="bench", stages=(split, kind, draft), outcome=Outcome(stage="draft", metric="exact"))


def peers() -> Iterator[object]:
    """The adapters of the tools that are installed."""
    for path in sorted((Path(__file__).parent / "peers").glob("with_*.py")):
        with contextlib.suppress(ImportError):
            yield importlib.import_module(f"peers.{path.stem}")


def model_rows(bench: Bench, store: Store, *, which: str) -> Rows:
    rows: Rows = {
        "Python stages alone": lambda: void(bench.work(alone=False)),
        BARE: lambda: bench.asking(bench.bare),
        OURS: lambda: void(bench.ours(store, 1, with_model(bench.server))),
    }
    if which == "A":
        rows[f"{BARE_CLIENT}, bare"] = lambda: bench.asking(bench.bare, as_it_comes=True)
    for name, peer in bench.peers.items():
        run = partial(peer.with_model, bench.texts, bench.functions, at_once=AT_ONCE)
        rows[f"{name}, our client"] = partial(bench.asking, run)
        if which == "A":
            rows[f"{name}, {BARE_CLIENT}"] = partial(bench.asking, run, as_it_comes=True)
    return rows


def python_rows(bench: Bench, store: Store) -> Rows:
    rows: Rows = {"work alone": lambda: void(bench.work(alone=True))}
    with contextlib.suppress(ImportError):
        importlib.import_module("pyarrow")
        rows["work and one Arrow insert"] = bench.work_and_insert
    rows[OURS] = lambda: void(bench.ours(store, 1, run_python.cascade()))
    for name, peer in bench.peers.items():
        rows[name] = lambda peer=peer: peer.python_stages(bench.texts, bench.functions)
    return rows


def measured(which: str, server: LlmServer) -> dict[str, float]:
    """The seconds of each row of a case, once, in a fresh store."""
    server.answers(latency_s=LATENCY_S if which == "B" else 0.0)
    with tempfile.TemporaryDirectory() as name, Store.open(Path(name) / "store") as store:
        bench = Bench(Path(name), server, SIZES[which])
        bench.take_in(store)
        if which == "D":
            bench.ours(store, 1, run_python.cascade())
            store.cells(f"{1:032x}")
            return {OURS: timed(lambda: bench.again(store))}
        if which == "E":
            first = timed(lambda: void(bench.ours(store, 1, run_python.cascade())))
            calls: list[int] = []
            others = [timed(lambda f=f, n=n: calls.append(bench.ours(store, n, variant(f))))
                      for n, f in enumerate(("answer_b", "answer_c"), 2)]  # fmt: skip
            assert calls == [SIZES[which]] * 2, "a variant calls its own stage only"
            return {"one variant": first, OURS: first + sum(others)}
        rows = model_rows(bench, store, which=which) if which in "AB" else python_rows(bench, store)
        return {label: timed(row) for label, row in rows.items()}


def timed(row: Callable[[], None]) -> float:
    start = time.perf_counter()
    row()
    return time.perf_counter() - start


def void(_: object) -> None:
    """Drop a value."""


def report(which: str, medians: Mapping[str, float]) -> Iterator[str]:
    """The lines of one case."""
    n = SIZES[which]
    ideal = n * LATENCY_S / AT_ONCE
    yield f"\n{which}: {n:,} records, {TITLES[which]}"
    base = medians.get(BARE) or medians.get("work alone") or medians.get("one variant")
    for label, seconds in medians.items():
        figure = seconds / ideal if which == "B" else seconds / n * 1e3
        ratio = f"{seconds / base:8.2f} x" if base else ""
        above = ""
        if label == OURS and which in "CD":
            rest = (seconds - medians.get("work alone", 0.0)) / n / 3 * 1e6
            above = f"   {rest:.1f} us a record and stage" + (" above the work" if which == "C" else "")
        yield f"  {label:38}{figure:9.3f}{ratio:>12}{above}"


def main(cases: Sequence[str], rounds: int) -> None:
    names = ("stagegap", "duckdb", "openai", "aiohttp", *(peer.NAME for peer in peers()))
    print(f"Python {sys.version.split()[0]}, " + ", ".join(f"{name} {version(name)}" for name in names))
    print(f"Medians of {rounds}; the ratio is to the bare client, or to the work alone.")
    with running() as server:
        for which in cases:
            found = [measured(which, server) for _ in range(rounds)]
            for line in report(which, {label: statistics.median(one[label] for one in found) for label in found[0]}):
                print(line, flush=True)


if __name__ == "__main__":
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--only", default="ABCDE")
    asked.add_argument("--rounds", type=int, default=5)
    options = asked.parse_args()
    main(options.only, options.rounds)
