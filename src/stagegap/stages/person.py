"""A stage that people answer: their labels, looked up by what they were shown."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence

from stagegap.errors import ConfigurationError
from stagegap.model.answer import Answer, Status
from stagegap.model.canonical import digest
from stagegap.model.cascade import Stage
from stagegap.model.record import Json
from stagegap.people.card import payload
from stagegap.stages.kinds import StageKind, Surroundings
from stagegap.stages.protocol import RECORD_INPUT, Inputs, Reply, StageCode

NOBODY = "nobody has answered this input yet"
ANY_INPUT = ""
"""Stands for what was shown where that is not known but can only have been the record."""


class PersonStage:
    """Gives each record what a person answered to the very input that arrives; `asks` hears of those without one.

    An input without an answer ends as infrastructure: it is in no rate, and nothing is made of it.
    """

    reads_record = True

    def __init__(
        self, stage: Stage, given: Mapping[str, Mapping[str, Answer]], *, asks: Callable[[str, str], None]
    ) -> None:
        """Take answers by record and by what was shown; `asks` receives the record and what it would be shown."""
        answers: Mapping[str, Json] = {
            record: {seen: answer.value for seen, answer in own.items()} for record, own in given.items()
        }
        self.fingerprint = digest(["person", stage.name, digest(answers)])
        self._stage = stage
        self._given = given
        self._asks = asks

    def answer_batch(self, inputs: Sequence[Inputs]) -> Sequence[Reply]:
        """Look each input up."""
        return [self._answer(record_inputs) for record_inputs in inputs]

    def _answer(self, inputs: Inputs) -> Reply:
        record = str(inputs[RECORD_INPUT])
        own, what = self._given.get(record, {}), inputs_digest(self._stage, inputs)
        answer = own.get(what, None if self._stage.parents else own.get(ANY_INPUT))
        if answer is None:
            self._asks(record, what)
            return Reply(status=Status.INFRASTRUCTURE, error=NOBODY, is_reusable=False)
        return Reply(status=Status.SKIPPED if answer.value is None else Status.OK, value=answer.value)


def inputs_digest(stage: Stage, inputs: Inputs) -> str:
    """A text that is equal for inputs that look the same to a person."""
    return _text(payload(stage, "", inputs, {}, ())["inputs"])


def shown_by(item: str) -> str:
    """The same text from the payload of a queue's item, as JSON text."""
    return _text(json.loads(item)["inputs"])


def _text(inputs: Json) -> str:
    return digest(inputs)


def _from_labels_only(stage: Stage, _: Surroundings) -> StageCode:
    raise ConfigurationError(f"Stage {stage.name!r} is answered by labellers: it is made from their labels.")


KIND = StageKind(summary="Answers with what labellers said.", settings=None, build=_from_labels_only)
