"""How fast outputs become durable, beside a bare insert into DuckDB: python benchmarks/store.py [rows] [rounds].

Both sides write batches of 10,000 rows with the same columns, each batch durable before the next one starts. The bare
side is DuckDB's Appender and, where pyarrow is installed, an insert from Arrow tables that were made beforehand; it
keeps no journal, no names, no call keys apart, and no second process could write.
"""

from __future__ import annotations

import contextlib
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import duckdb

from stagegap.model.answer import Output, Status
from stagegap.model.record import Record
from stagegap.model.run import SYSTEM, Run, RunStatus
from stagegap.store import Store

BATCH = 10_000
VALUES = ("apparel", "electronics", "garden", "spam", "billing")
TABLE = """create table o (
run usmallint, cell usmallint, stage usmallint, record uinteger, repeat usmallint, seq ubigint, status utinyint,
form utinyint, short varchar, number double, body uinteger, confidence double, latency_ms double, tokens_in uinteger,
tokens_out uinteger, cost double, call_key uuid, cached boolean)"""


def outputs(start: int) -> list[Output]:
    return [
        Output(record=f"mail-{i:07}", stage="route", status=Status.OK, value=VALUES[i % 5], confidence=(i % 97) / 97,
               latency_ms=(i % 31) / 7, key=uuid.uuid5(uuid.NAMESPACE_OID, str(i)).hex)
        for i in range(start, start + BATCH)
    ]  # fmt: skip


def bare_rows(start: int) -> list[tuple[object, ...]]:
    return [
        (1, 1, 1, start + i, 0, start // BATCH, 0, 1, o.value, None, None, o.confidence, o.latency_ms, None, None, None,
         uuid.UUID(o.key), False)
        for i, o in enumerate(outputs(start))
    ]  # fmt: skip


def rate(write: Callable[[int], None], rows: int) -> float:
    began = time.perf_counter()
    for number in range(rows // BATCH):
        write(number)
    return rows / (time.perf_counter() - began)


def bare(folder: Path, rows: int, *, arrow: bool) -> float:
    made: list[object] = [bare_rows(n * BATCH) for n in range(rows // BATCH)]
    with duckdb.connect(config={"threads": 2}) as db:
        db.execute(f"attach '{folder / ('arrow' if arrow else 'appender')}.duckdb' as s (storage_version 'v1.5.0')")
        db.execute("use s")
        db.execute(TABLE)
        if arrow:
            import pyarrow

            names = [row[0] for row in db.execute("describe o").fetchall()]
            made = [
                pyarrow.table({
                    name: [str(x) for x in column] if name == "call_key" else list(column)
                    for name, column in zip(names, zip(*batch, strict=True), strict=True)
                })
                for batch in made
            ]  # fmt: skip

        def write(number: int) -> None:
            db.execute("begin")
            if arrow:
                batch = made[number]  # noqa: F841 - DuckDB finds it by its name
                db.execute("insert into o from batch")
            else:
                with db.appender("o") as appender:
                    appender.append_rows(made[number])
            db.execute("commit")

        return rate(write, rows)


def ours(folder: Path, rows: int, *, drain: bool) -> tuple[float, float]:
    """rows/s until all are acknowledged, and until all are in DuckDB."""
    made = [outputs(n * BATCH) for n in range(rows // BATCH)]
    with Store.open(folder, drain=drain) as store:
        store.put_records("c", [Record(id=f"mail-{i:07}", fields={}) for i in range(rows)])
        run = Run(id=uuid.uuid4().hex, name="", cascade="c", fingerprint="", resolved="{}", status=RunStatus.RUNNING,
                  started_at=0.0)  # fmt: skip
        store.create_run(run)
        began = time.perf_counter()
        acknowledged = rate(lambda number: store.append_outputs(run.id, SYSTEM, made[number]), rows)
        store.cells(run.id)
        return acknowledged, rows / (time.perf_counter() - began)


def main(rows: int, rounds: int) -> None:
    found: dict[str, list[float]] = {}
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            found.setdefault("bare Appender", []).append(bare(folder, rows, arrow=False))
            with contextlib.suppress(ImportError):
                found.setdefault("bare Arrow insert", []).append(bare(folder, rows, arrow=True))
            acknowledged, _ = ours(folder / "a", rows, drain=False)
            found.setdefault("ours, acknowledged", []).append(acknowledged)
            found.setdefault("ours, drained as well", []).append(ours(folder / "b", rows, drain=True)[1])
    best = max(statistics.median(rates) for name, rates in found.items() if name.startswith("bare") and rates)
    for name, rates in found.items():
        if rates:
            middle = statistics.median(rates)
            print(f"{name:24} {middle:10,.0f} rows/s   {middle / best:5.0%} of the faster bare insert")


if __name__ == "__main__":
    main(*(int(a) for a in (*sys.argv[1:], *("200000", "3")[len(sys.argv) - 1 :])))
