"""Invented failures of an invented run, tags and looks in JSONL files; folding and counting by the real analysis."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mail_cascade import CASCADE
from stagegap.analysis.failures import Confusion
from stagegap.analysis.record_view import RecordView, record_view
from stagegap.analysis.views import Scorecard
from stagegap.model.answer import Answer, Fact, Output, Reference, Status
from stagegap.model.media import Media
from stagegap.model.notes import CodeEvent, Failure, FailurePage, Wanted
from stagegap.model.record import Json, Record
from stagegap.people.codebook import code_event, code_tally, codebook
from stagegap.people.roster import OpenRecords
from stagegap.workspace.failures import OwnTally

PAGE = 8
"""A short page, so that a test comes to its end."""
MORE = 12
"""Failures of a stage beyond those of its detail."""
MALICIOUS = "<img src=http://tracker.invalid/p onerror='window.hacked=1'><script>window.hacked=1</script>![x](http://tracker.invalid/q)"


@dataclass
class FakeReading:
    folder: Path
    shown: Scorecard | None
    waits: tuple[str, ...]

    def _failures(self, wanted: Wanted) -> list[Failure]:
        assert self.shown is not None
        detail = next(detail for detail in self.shown.details if detail.stage == wanted.stage)
        made = [
            Failure(
                stage=row.record and wanted.stage,
                record=row.record,
                title=row.title,
                score=row.score,
                first_fault=row.first_fault,
                inherits=not row.first_fault,
                disagreed=i == 1,
                groups=("topics: two",) if i % 3 == 0 else ("language: de",),
                win=float(i % 2),
                unit=row.record,
            )
            for i, row in enumerate(detail.rows)
        ]
        made += [
            Failure(
                stage=wanted.stage,
                record=f"n{i:04d}",
                title=f"Where is my parcel ({i})",
                score=0.0,
                first_fault=False,
                inherits=True,
                disagreed=False,
            )
            for i in range(MORE if made else 0)
        ]
        return [
            one
            for one in made
            if (one.first_fault or not wanted.only_first_faults)
            and (one.disagreed or not wanted.only_disagreements)
            and (wanted.group is None or wanted.group in one.groups)
            and (wanted.among is None or one.record in wanted.among)
            and (wanted.text is None or wanted.text.lower() in one.title.lower())
        ]

    def page(self, cascade: str, run: str, wanted: Wanted, *, after: int = 0) -> FailurePage:
        found = self._failures(wanted)
        rows = found[after : after + PAGE]
        end = after + PAGE
        return FailurePage(
            total=len(found), before=min(after, len(found)), rows=tuple(rows), next=end if end < len(found) else None
        )

    def pictures(self, cascade: str, records: Collection[str]) -> dict[str, Media]:
        return {}

    def place(self, cascade: str, run: str, wanted: Wanted, record: str) -> int | None:
        ids = [failure.record for failure in self._failures(wanted)]
        return ids.index(record) + 1 if record in ids else None

    def confusion(self, cascade: str, run: str, stage: str) -> Confusion | None:
        pairs = {("billing", "billing"): ("m0002",), ("press", "billing"): ("m0001", "m0009")}
        return Confusion(stage=stage, right=("billing", "press"), answered=("billing",), records=pairs)

    def record(self, cascade: str, run: str, record: str) -> RecordView | None:
        if record == "m0003":
            return None
        text = MALICIOUS if record == "m0009" else "refund within 30 days"
        draft = f"We will {text} to your card, dear customer."
        return record_view(
            Record(id=record, fields={"subject": "Press enquiry", "body": f"This is mail {record}. {text}", "n": 3}),
            CASCADE,
            outputs={
                "route": Output(record=record, stage="route", status=Status.OK, value="billing"),
                "retrieve": Output(record=record, stage="retrieve", status=Status.OK, value=["KB-071", "KB-052"]),
                "draft": Output(record=record, stage="draft", status=Status.OK, value=draft),
            },
            references={
                "route": Reference(record=record, stage="route", accepted=(Answer(value="billing"),)),
                "retrieve": Reference(
                    record=record,
                    stage="retrieve",
                    accepted=(Answer(value=["KB-014", "KB-071"]),),
                    annotators=("ab", "cd"),
                    settled="consensus",
                ),
                "draft": Reference(
                    record=record,
                    stage="draft",
                    accepted=(Answer(value="We refund within 14 days.", facts=(Fact(("14 days",)),)),),
                    annotators=("ab",),
                ),
            },
            faults={
                stage: next(
                    (one for one in self._failures(Wanted(stage=stage)) if one.record == record),
                    Failure(
                        stage=stage,
                        record=record,
                        title="",
                        score=0.0,
                        first_fault=False,
                        inherits=True,
                        disagreed=False,
                    ),
                )
                for stage in ("retrieve", "draft")
            },
            scores={"route": 1.0, "retrieve": 0.5, "draft": 0.0},
        )

    @property
    def _looks(self) -> Path:
        return self.folder / "looks.jsonl"

    def looks(self) -> list[list[str]]:
        return [json.loads(line) for line in self._looks.read_text().splitlines()] if self._looks.exists() else []

    def waiting(self, cascade: str, record: str, viewer: str) -> tuple[str, ...]:
        return ("retrieve",) if record in self.waits and [record, viewer] not in self.looks() else ()

    def open_records(self, cascade: str, records: Collection[str]) -> OpenRecords:
        return OpenRecords(people={"yz": frozenset(self.waits)}).among(records)

    def look(self, cascade: str, run: str, record: str, viewer: str) -> None:
        with self._looks.open("a") as file:
            file.write(json.dumps([record, viewer]) + "\n")

    def tally(self, scorecard: Scorecard, stage: str, viewer: str) -> OwnTally:
        own = codebook(self.events()).own(viewer, stage)
        detail = next(detail for detail in scorecard.details if detail.stage == stage)
        read = [one for one in self._failures(Wanted(stage=stage)) if one.record in own.by_record]
        tally = code_tally(own, read, stage=stage, noun="mail", failures=detail.failures, rate=detail.average)
        return OwnTally(tally=tally, own=own)

    @property
    def _tags(self) -> Path:
        return self.folder / "tags.jsonl"

    def events(self) -> list[CodeEvent]:
        rows = [json.loads(line) for line in self._tags.read_text().splitlines()] if self._tags.exists() else []
        return list({row["id"]: CodeEvent(**row) for row in rows}.values())

    def save_codes(
        self, cascade: str, run: str, stage: str, events: Sequence[Mapping[str, Json]], *, viewer: str, verified: bool
    ) -> None:
        with self._tags.open("a") as file:
            for event in events:
                made = code_event(event, stage=stage, annotator=viewer, at=0.0, run=run, verified=verified)
                kept = {name: getattr(made, name) for name in CodeEvent.__dataclass_fields__}
                file.write(json.dumps(kept) + "\n")
