"""Long outputs: what they take of memory, and that they come back as they were."""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
from pathlib import Path
from typing import cast

import duckdb
import pytest

from stagegap.errors import StoreDamaged
from stagegap.model.answer import Status
from stagegap.model.run import SYSTEM
from stagegap.store import Store, outputs, rows
from stagegap.store.segments import LONGEST, MARK
from store.material import RUN, output


def long(size: int = LONGEST + 1) -> str:
    return secrets.token_hex(size // 2 + 1)[:size]


def test_long_texts_values_and_raw_texts_come_back_as_they_were(store: Store, folder: Path) -> None:
    written = [
        output("r0", value=long(), raw=long()),
        output("r1", value={"reply": long()}, key="a" * 32),
        output("r2", value=long(LONGEST)),
        output("r3", value=f"{MARK}1.seg:0:9 is no place", key="b" * 32),
        output("r4", value="ä" * (LONGEST + 1), status=Status.REPAIRED, cost=1.0),
    ]
    store.append_outputs(RUN, SYSTEM, written)
    assert store.outputs(RUN, SYSTEM, "route") == written
    assert store.cached(["a" * 32])["a" * 32].value == written[1].value
    assert store.cached(["b" * 32])["b" * 32].value == written[3].value
    assert (folder / "journal.sqlite").stat().st_size < 3 * LONGEST + 100_000


def test_half_characters_of_a_long_text_are_kept_as_those_of_a_short_one(store: Store) -> None:
    store.append_outputs(RUN, SYSTEM, [output("r0", value="x\ud800"), output("r1", value="x" * LONGEST + "\ud800")])
    short, whole = (one.value for one in store.outputs(RUN, SYSTEM, "route"))
    assert (short, whole) == ("x\\ud800", "x" * LONGEST + "\\ud800")


def test_damaged_long_text_is_named_and_the_others_are_read(store: Store, folder: Path) -> None:
    store.append_outputs(RUN, SYSTEM, [output("r0", value=long()), output("r1", value="short")])
    store.cells(RUN)
    (segment,) = (folder / "texts").iterdir()
    content = bytearray(segment.read_bytes())
    content[1000] ^= 1
    segment.write_bytes(content)
    with pytest.raises(StoreDamaged, match=rf"{segment.name} is damaged at byte 0"):
        store.outputs(RUN, SYSTEM, "route")
    assert store.outputs(RUN, SYSTEM, "route", records=["r1"]) == [output("r1", value="short")]
    segment.unlink()
    with pytest.raises(StoreDamaged, match=rf"{segment.name} cannot be read: No such file"):
        store.outputs(RUN, SYSTEM, "route")


def test_many_long_outputs_become_operations_of_a_bounded_size(store: Store) -> None:
    store.append_outputs(RUN, SYSTEM, [output(f"r{n}", value=long(40_000)) for n in range(250)])
    assert len(store._journal.machine_seqs()) == 3
    assert len(store.outputs(RUN, SYSTEM, "route")) == 250


def test_operation_of_an_older_program_is_taken_apart_in_parts(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outputs, "LARGE", 100_000)
    written = [output(f"r{n}", value=long(40_000 if n else 90_000), raw="x" if n else "") for n in range(10)]
    op_id, body = rows.pack(RUN, SYSTEM, written)
    store._journal.append("batch", [(op_id, body)])
    assert len(body) > 400_000
    assert store.outputs(RUN, SYSTEM, "route") == written
    assert store.waiting().ops == 0
    with duckdb.connect(store.folder / "store.duckdb") as db:
        assert db.execute("select count(*), any_value(n) from batch_applied").fetchall() == [(1, 10)]


def test_group_that_memory_does_not_hold_is_halved_and_what_never_fits_is_set_aside(store: Store) -> None:
    for n in range(6):
        store.append_outputs(RUN, SYSTEM, [output(f"r{n}", value=long(60_000), key=f"{n:032x}") for _ in range(1)])
    apply = outputs.apply
    tries: list[int] = []

    def narrow(session, ops) -> None:
        tries.append(len(ops))
        if len(ops) > 2 or ops[0].seq == 5:
            raise duckdb.OutOfMemoryException("as if")
        apply(session, ops)

    outputs.apply = narrow
    try:
        store._drainer.drain_all()
    finally:
        outputs.apply = apply
    assert tries[:3] == [6, 3, 1]
    assert [one.record for one in store.outputs(RUN, SYSTEM, "route")] == ["r0", "r1", "r2", "r3", "r5"]
    assert store.waiting().ops == 1
    assert [reason for _, reason in store._journal.aside()] == ["as if"]


SIZES = """
import json, resource, secrets, sys, time
from pathlib import Path
limit, short, middling, huge = map(int, sys.argv[2:])
from stagegap.model.run import SYSTEM
from stagegap.store import Store
from store.material import RUN, output, records, run
with Store.open(Path(sys.argv[1])) as store:
    store.put_records("mail", records(10))
    store.create_run(run())
    if limit:
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    half = secrets.token_hex(20_000)
    number = 0
    def put(count, value):
        global number
        group = [output(f"{number + n}", value=value(number + n)) for n in range(count)]
        number += count
        store.append_outputs(RUN, SYSTEM, group)
    each = max(1, short // 4096 // max(huge, 1))
    for n in range(-(-short // 4096)):
        put(4096, lambda n: f"the answer to record {n}, a sentence of some length that says little but {n}")
        if middling:
            put(min(512, middling), lambda n: f"{n} " + half)
            middling -= min(512, middling)
        if huge and n % each == 0:
            put(1, lambda n: f"{n} " + half * 1250)
            huge -= 1
    store._drainer.drain_all()
    findings = {f.what: f.message for f in store.check() if not f.is_good}
    last = store.outputs(RUN, SYSTEM, "route", records=["0", f"{number - 1}"])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
told = {"written": number, "findings": findings, "read": [len(o.value) for o in last], "peak": peak}
print(json.dumps(told))
"""


def sizes(folder: Path, *, limit: int, short: int, middling: int, huge: int) -> dict[str, object]:
    """Write outputs of mixed sizes in a process of its own whose data may take no more than the limit."""
    words = [str(word) for word in (folder, limit, short, middling, huge)]
    path = {"PYTHONPATH": f"{Path(rows.__file__).parents[2]}:{Path(__file__).parents[1]}"}
    done = subprocess.run([sys.executable, "-c", SIZES, *words], capture_output=True, text=True, check=False, env=path)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_outputs_of_mixed_sizes_go_in_and_come_back_within_a_bounded_memory(tmp_path: Path) -> None:
    told = sizes(tmp_path / "store", limit=1_000_000_000, short=4_096, middling=512, huge=1)

    assert (told["findings"], told["written"]) == ({}, 4_096 + 512 + 1)
    assert told["read"] == [72, 50_000_005]


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_million_outputs_with_a_hundred_of_50_mb_go_in_within_a_gigabyte(tmp_path: Path) -> None:
    # No limit on what is mapped: allocators keep addresses without memory behind them. What counts is what is resident.
    told = sizes(tmp_path / "store", limit=0, short=1_000_000, middling=6_000, huge=100)
    assert told["findings"] == {}
    assert cast("int", told["peak"]) < 1_000_000_000
