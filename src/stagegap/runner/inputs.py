"""What a stage is called with for a record, and the key of the call: sources, conditions and failures meet here
only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import TypeAlias, cast

from stagegap.model.answer import Answer, Output, Status
from stagegap.model.cascade import Cascade, Kind, Source, Stage
from stagegap.model.record import Json, Record, own_copy
from stagegap.spec.expressions import Condition, ConditionError
from stagegap.stages.canonical import canonical, digest
from stagegap.stages.corpus import Corpus
from stagegap.stages.protocol import RECORD_INPUT, Recorded, StageCode


def call_key(fingerprint: str, material: Json, repeat: int) -> str:
    """32 hex digits: a hash of the stage's fingerprint, its inputs in canonical form, and the repeat.

    `material` is the inputs, with documents replaced by the hashes of their content.

    >>> call_key("f", {"a": 1, "b": 2}, 0) == call_key("f", {"b": 2, "a": 1}, 0)
    True
    """
    return sha256(canonical([fingerprint, material, repeat])).hexdigest()[:32]


Settled: TypeAlias = Mapping[str, Output]
"""Outputs of a record by stage, as far as they are there."""
_Reader: TypeAlias = Callable[[Output], "tuple[Json, Json]"]
"""Gives what a stage receives, and what stands for it in the key."""


@dataclass(slots=True)
class Call:
    """A stage call that is to be made, unless its key is known."""

    inputs: dict[str, Json]
    key: str


class Wiring:
    """How one stage gets its inputs."""

    def __init__(self, cascade: Cascade, stage: Stage, code: StageCode, corpora: Mapping[str, Corpus]) -> None:
        self.stage = stage
        self.code = code
        self._fields = [(name, source.name) for name, source in stage.inputs.items() if source.origin == "record"]
        readers = [
            (name, source.name, reader(cascade, source, corpora))
            for name, source in stage.inputs.items()
            if source.origin == "stage"
        ]
        self._values = [(name, source) for name, source, read in readers if read is _read_value]
        self._readers = [reader for reader in readers if reader[2] is not _read_value]
        self._sources = tuple(dict.fromkeys(s.name for s in stage.inputs.values() if s.origin == "stage"))
        self._condition = Condition(stage.when) if stage.when else None
        self._condition_sources = tuple(dict.fromkeys(s.name for s in stage.when_reads if s.origin == "stage"))
        self._recorded = code if isinstance(code, Recorded) else None
        self._fingerprint = code.fingerprint
        self._reads_record = code.reads_record
        self._repeats = stage.repeats

    def prepare(
        self, record: Record, settled: Settled, repeat: int, swapped: frozenset[str] = frozenset()
    ) -> Call | Output:
        """The call to make, or the output that is decided without one: skipped, blocked, a broken condition.

        What was recorded is a fact: no failure before it blocks it, and its condition is asked only where it reads one
        of `swapped`, the stages that a swap may have changed.
        """
        is_fact = self._recorded is not None and self._recorded.holds(record.id)
        if self._condition is not None and not (is_fact and swapped.isdisjoint(self._condition_sources)):
            decided = self._undecided(self._condition, record, settled, repeat)
            if decided is not None and not (is_fact and decided.status is not Status.SKIPPED):
                return decided
        if not is_fact:
            for name in self._sources:
                if _is_failed(settled[name]):
                    return self._blocked(record, settled[name], repeat)
        fields = record.fields
        inputs = {name: own_copy(fields.get(source)) for name, source in self._fields}
        if self._reads_record:
            inputs[RECORD_INPUT] = record.id
        for name, source in self._values:
            inputs[name] = own_copy(settled[source].value)
        material = inputs
        if self._readers:
            material = inputs.copy()
            for name, source, read in self._readers:
                inputs[name], material[name] = read(settled[source])
        return Call(inputs, call_key(self._fingerprint, material, repeat % self._repeats))

    def _undecided(self, condition: Condition, record: Record, settled: Settled, repeat: int) -> Output | None:
        """None when the condition holds, otherwise the output that it decides."""
        read = {name: settled[name] for name in self._condition_sources}
        for output in read.values():
            if _is_failed(output):
                return self._blocked(record, output, repeat)
        values = {name: output.value for name, output in read.items()}
        confidences = {name: output.confidence for name, output in read.items()}
        try:
            if condition.holds(record.fields, values, confidences):
                return None
        except ConditionError as error:
            return self._output(record, Status.UNPARSABLE, repeat, error=f"when: {error}")
        return self._output(record, Status.SKIPPED, repeat)

    def _blocked(self, record: Record, by: Output, repeat: int) -> Output:
        origin = by.because or by.status
        return self._output(record, Status.BLOCKED, repeat, because=origin, error=f"{by.stage} is {by.status}")

    def _output(
        self, record: Record, status: Status, repeat: int, *, because: Status | None = None, error: str = ""
    ) -> Output:
        return Output(
            record=record.id, stage=self.stage.name, status=status, because=because, error=error, repeat=repeat
        )


def identity(cascade: Cascade, stage: Stage, code: StageCode, corpora: Mapping[str, Corpus]) -> str:
    """32 hex digits that stand for what a stage makes of its record and of the stages that it reads.

    Where they are the same in two runs, and what the stage reads is the same too, its calls have the same keys and
    its conditions the same results.
    """
    reads: dict[str, Json] = {}
    for name, source in stage.inputs.items():
        is_documents = source.origin == "stage" and source.part == "value"
        output = cascade.stage(source.name).output if is_documents else None
        corpus = corpora.get(output.of or "") if output is not None and output.kind is Kind.RANKING else None
        reads[name] = [source.origin, source.name, source.part, None if corpus is None else corpus.hash]
    condition: list[Json] = [stage.when, [str(source) for source in stage.when_reads]]
    return digest([code.fingerprint, code.reads_record, stage.repeats, condition, reads])


def _is_failed(output: Output) -> bool:
    status = output.status
    return status is not Status.OK and status is not Status.REPAIRED and status is not Status.SKIPPED


def given_output(record: str, stage: str, answer: Answer) -> Output:
    """The form in which later stages read a swapped answer; no answer counts as skipped."""
    status = Status.SKIPPED if answer.value is None else Status.OK
    return Output(record=record, stage=stage, status=status, value=answer.value)


def reader(cascade: Cascade, source: Source, corpora: Mapping[str, Corpus]) -> _Reader:
    """The function that reads one part of an earlier stage's output, and what stands for it in a key."""
    output = cascade.stage(source.name).output
    if source.part == "confidence":
        return _read_confidence
    if source.part == "scores":
        return _read_scores
    if source.part == "candidates":
        return _read_candidates
    corpus = corpora.get(output.of or "")
    if source.part == "value" and output.kind is Kind.RANKING and corpus is not None:
        return _document_reader(corpus)
    return _read_value


def _read_value(output: Output) -> tuple[Json, Json]:
    return output.value, output.value


def _read_scores(output: Output) -> tuple[Json, Json]:
    scores = list(output.scores) if output.status.has_value else None
    return scores, scores


def _read_candidates(output: Output) -> tuple[Json, Json]:
    candidates = [output.value, *output.alternatives] if output.status.has_value else None
    return own_copy(candidates), candidates


def _read_confidence(output: Output) -> tuple[Json, Json]:
    return output.confidence, output.confidence


def _document_reader(corpus: Corpus) -> _Reader:
    documents, digests = corpus.inputs, corpus.digests

    def read(output: Output) -> tuple[Json, Json]:
        if output.value is None:
            return None, None
        ids = cast("Sequence[str]", output.value)
        # A copy for each call: what one function changes in a document must not reach the next.
        return [own_copy(documents[name]) for name in ids], [digests[name] for name in ids]

    return read
