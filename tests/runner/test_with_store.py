from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from runner.making import LABEL, Build
from stagegap.model.record import Record
from stagegap.model.run import SYSTEM, Run, RunStatus
from stagegap.runner import Silent, Work, execute, plan
from stagegap.store.store import Store


def begun(store: Store, work: Work) -> Work:
    run = Run(
        id=work.run,
        name="",
        cascade="c",
        fingerprint="f",
        resolved="{}",
        status=RunStatus.RUNNING,
        started_at=0.0,
        records=len(work.records),
    )
    store.create_run(run)
    return work


def test_a_run_survives_in_the_store_and_the_next_process_calls_nothing(
    making: Build, records: Callable[..., list[Record]], tmp_path: Path
) -> None:
    making.python("size", "text", "return {}[text] if text == 'bad' else 'long' if len(text) > 3 else 'short'", LABEL)
    making.python("reply", "text size=size", "return f'{text} is {size}'")
    found = records("abcd", "ab", "bad")
    with Store.open(tmp_path / "store") as store:
        store.put_records("c", found)
        first = begun(store, making.work(found))
        execute(first, sink=store, cache=store, progress=Silent())
    with Store.open(tmp_path / "store") as store:
        outputs = {output.record: output for output in store.outputs(first.run, SYSTEM, "reply")}
        assert [outputs[f"r{n}"].value for n in range(3)] == ["abcd is long", "ab is short", None]
        second = begun(store, making.work(found, run="2"))
        planned = plan(second, cache=store)
        # Only the exception is called again; what rests on it can't be known before.
        assert [stage.calls for stage in planned.cells[0].stages] == [1, 1]
        assert execute(second, sink=store, cache=store, progress=Silent()).calls == 1
        again = {output.record: output.value for output in store.outputs(second.run, SYSTEM, "reply")}
        assert again == {record: output.value for record, output in outputs.items()}
