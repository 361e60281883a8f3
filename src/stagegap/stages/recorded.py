"""Stages whose outputs another system has written down."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any

from stagegap.model.answer import NO_ROW, Status
from stagegap.model.canonical import digest, digest_of
from stagegap.model.cascade import Stage
from stagegap.model.record import Json
from stagegap.stages.acceptance import Rejected, check_recorded, output_identity
from stagegap.stages.corpus import Corpus
from stagegap.stages.kinds import StageKind, Surroundings
from stagegap.stages.protocol import RECORD_INPUT, Inputs, Reply
from stagegap.stages.settings import Block, Points, Text

MOST_RAW = 2_000
"""Characters that are kept of a value that does not fit."""


class RecordedWith(Block):
    """Outputs that another system has written down."""

    path: Annotated[Text, Points("the file of recorded outputs", role="recorded")]
    """File with one output a row."""
    record: Text = "record"
    """Field with the record's id."""
    value: Text = "value"
    """Field with the output."""
    status: Text | None = None
    """Field that says how the call ended, in our words or those of others (success, error, timeout, refusal, ...);
    without it every row is ok."""
    latency_ms: Text | None = None
    """Field with the milliseconds that the answer took."""
    tokens_in: Text | None = None
    """Field with the tokens read."""
    tokens_out: Text | None = None
    """Field with the tokens written."""
    cost: Text | None = None
    """Field with the US dollars that the answer cost."""
    raw: Text | None = None
    """Field with the text that came back before it was parsed."""
    error: Text | None = None
    """Field with what went wrong."""
    at: Text | None = None
    """Field with the time at which it was made: seconds since 1970, or ISO 8601."""


class RecordedStage:
    """Gives each record the output that was recorded for it."""

    reads_record = True

    def __init__(self, stage: Stage, *, recorded: Mapping[str, Reply], corpora: Mapping[str, Corpus]) -> None:
        corpus = corpora.get(stage.output.of or "")
        rows = digest_of((record, as_row(recorded[record])) for record in sorted(recorded))
        self.fingerprint = digest(["recorded facts", rows, output_identity(stage.output, corpus)])
        self._recorded = recorded
        self._check = check_recorded(stage.output, corpus.documents if corpus else ())

    def answer_batch(self, inputs: Sequence[Inputs]) -> Sequence[Reply]:
        """Look each record up."""
        return [self._answer(str(call_inputs[RECORD_INPUT])) for call_inputs in inputs]

    def holds(self, record: str) -> bool:
        """True when an output of the record was written down."""
        return record in self._recorded

    def _answer(self, record: str) -> Reply:
        reply = self._recorded.get(record)
        if reply is None:
            return Reply(status=Status.INFRASTRUCTURE, error=NO_ROW, is_reusable=False)
        if not reply.status.has_value:
            return replace(reply, is_reusable=reply.status in (Status.UNPARSABLE, Status.REFUSED))
        accepted = self._check(reply.value)
        if isinstance(accepted, Rejected):
            error = f"the recorded output does not fit: {accepted.reason}"
            return replace(
                reply, status=Status.UNPARSABLE, value=None, error=error, raw=reply.raw or str(reply.value)[:MOST_RAW]
            )
        return replace(reply, value=accepted.value)


def as_row(reply: Reply) -> Json:
    """All that a file says of a recorded output, as JSON; `reply_of` reads it again."""
    return [
        reply.status.value, reply.value, reply.error, reply.raw, reply.latency_ms, reply.tokens_in, reply.tokens_out,
        reply.cost, reply.at,
    ]  # fmt: skip


def reply_of(row: Sequence[Any]) -> Reply:  # Any: each entry has the type of its field
    """The recorded output that `as_row` wrote."""
    status, value, error, raw, latency_ms, tokens_in, tokens_out, cost, at = row
    return Reply(
        status=Status(status), value=value, error=error, raw=raw, latency_ms=latency_ms, tokens_in=tokens_in,
        tokens_out=tokens_out, cost=cost, at=at,
    )  # fmt: skip


def build_recorded(stage: Stage, around: Surroundings) -> RecordedStage:
    """The stage that looks up what was written down."""
    return RecordedStage(stage, recorded=around.recorded, corpora=around.corpora)


KIND = StageKind(
    summary="Answers with what another system has written down.",
    settings=RecordedWith,
    build=build_recorded,
    is_recorded=True,
)
