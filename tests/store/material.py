"""Small makers of what the store holds, so that a test names only what it is about."""

from __future__ import annotations

from dataclasses import replace

from stagegap.model.answer import Answer, Label, Output, Status
from stagegap.model.record import Record
from stagegap.model.run import Run, RunStatus

RUN = "5" * 32
OUTPUT = Output(record="r0", stage="route", status=Status.OK, value="spam")
LABEL = Label(id="l0", record="r0", stage="route", annotator="ann", answer=Answer(value="spam"), at=12.5)
NEW_RUN = Run(id=RUN, name="", cascade="mail", fingerprint="f", resolved="{}", status=RunStatus.RUNNING, started_at=1.5)


def output(record: str = "r0", **fields) -> Output:
    return replace(OUTPUT, record=record, **fields)


def label(key: str = "l0", **fields) -> Label:
    return replace(LABEL, id=key, **fields)


def run(key: str = RUN, **fields) -> Run:
    return replace(NEW_RUN, id=key, **fields)


def records(count: int) -> list[Record]:
    return [Record(id=f"r{i}", fields={"subject": f"mail {i}"}) for i in range(count)]
