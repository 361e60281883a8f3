"""Stages whose outputs another system has written down."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated

from stagegap.model.answer import Status
from stagegap.model.cascade import Stage
from stagegap.model.record import Json
from stagegap.stages.acceptance import Rejected, check_for, output_identity
from stagegap.stages.canonical import digest
from stagegap.stages.corpus import Corpus
from stagegap.stages.kinds import StageKind, Surroundings
from stagegap.stages.protocol import RECORD_INPUT, Inputs, Reply
from stagegap.stages.settings import Block, Points, Text


class RecordedWith(Block):
    """Outputs that another system has written down."""

    path: Annotated[Text, Points("the file of recorded outputs", role="recorded")]
    """File with one output a row."""
    record: Text = "record"
    """Field with the record's id."""
    value: Text = "value"
    """Field with the output."""
    status: Text | None = None
    """Field that says how the call ended; without it every row is ok."""


class RecordedStage:
    """Gives each record the output that was recorded for it; None means that the stage was skipped there."""

    reads_record = True

    def __init__(self, stage: Stage, *, recorded: Mapping[str, Json], corpora: Mapping[str, Corpus]) -> None:
        corpus = corpora.get(stage.output.of or "")
        self.fingerprint = digest(["recorded", digest(recorded), output_identity(stage.output, corpus)])
        self._recorded = recorded
        self._check = check_for(stage.output, corpus.documents if corpus else ())

    def answer_batch(self, inputs: Sequence[Inputs]) -> Sequence[Reply]:
        """Look each record up."""
        return [self._answer(str(call_inputs[RECORD_INPUT])) for call_inputs in inputs]

    def _answer(self, record: str) -> Reply:
        if record not in self._recorded:
            return Reply(status=Status.INFRASTRUCTURE, error="no recorded output", is_reusable=False)
        value = self._recorded[record]
        if value is None:
            return Reply(status=Status.SKIPPED, is_reusable=False)
        accepted = self._check(value)
        if isinstance(accepted, Rejected):
            error = f"the recorded output does not fit: {accepted.reason}"
            return Reply(status=Status.UNPARSABLE, error=error, raw=str(value)[:2_000])
        return Reply(value=accepted.value)


def build_recorded(stage: Stage, around: Surroundings) -> RecordedStage:
    """The stage that looks up what was written down."""
    return RecordedStage(stage, recorded=around.recorded, corpora=around.corpora)


KIND = StageKind(
    summary="Answers with what another system has written down.",
    settings=RecordedWith,
    build=build_recorded,
    is_recorded=True,
)
