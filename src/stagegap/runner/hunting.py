"""Which records a hunt picks: by a filter, or with a chance that grows with how unsure the system was.

What is hunted for is found more often than it is there: its labels enter no rate.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from stagegap.errors import ConfigurationError
from stagegap.model.answer import Output
from stagegap.model.record import Record
from stagegap.model.values import Json
from stagegap.spec.expressions import Condition, ConditionError

SUREST = 0.01
"""Weight of a record of whose answer the system is sure: it is drawn too, though rarely."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hunt:
    """What to hunt for: exactly one of the two."""

    where: str = ""
    """CEL over `record`, the stages' answers by their names, and `confidence`: every match is picked."""
    unsure: int | None = None
    """About so many records, drawn with a known chance that grows as the stage's own confidence falls."""

    def __post_init__(self) -> None:
        if bool(self.where) == (self.unsure is not None):
            raise ConfigurationError("A hunt needs a filter or a number of unsure records, one of the two.")
        if self.unsure is not None and self.unsure < 1:
            raise ConfigurationError(f"A hunt picks at least 1 record, found {self.unsure}.")

    def __str__(self) -> str:
        return self.where or f"about {self.unsure} by falling confidence"


def picked(
    hunt: Hunt, population: Mapping[str, Record], stage: str, outputs: Mapping[str, Mapping[str, Output]], *, seed: int
) -> dict[str, float | None]:
    """The records in random order, each with its chance; None where every match was taken.

    Raises: ConfigurationError for a filter that can't be used, and when nothing is found.
    """
    rng = np.random.default_rng(seed)
    names = sorted(population)
    order = [names[int(i)] for i in rng.permutation(len(names))]
    drawn: dict[str, float | None]
    if hunt.unsure is None:
        matching = _matching(hunt.where, population, outputs)
        drawn = {name: None for name in order if name in matching}
    else:
        chances = _chances(hunt.unsure, order, outputs.get(stage, {}), stage)
        drawn = {name: chance for name, chance in chances.items() if rng.random() < chance}
    if not drawn:
        raise ConfigurationError(f"The hunt for {hunt} finds none of {len(names):,} records.")
    return drawn


def _matching(
    where: str, population: Mapping[str, Record], outputs: Mapping[str, Mapping[str, Output]]
) -> frozenset[str]:
    try:
        condition = Condition(where)
        return frozenset(
            name for name, record in population.items() if condition.holds(record.fields, *_answers(name, outputs))
        )
    except ConditionError as error:
        raise ConfigurationError(f"The hunt can't be made. {error}") from None


def _answers(record: str, outputs: Mapping[str, Mapping[str, Output]]) -> tuple[dict[str, Json], dict[str, Json]]:
    own = {stage: outputs_of[record] for stage, outputs_of in outputs.items() if record in outputs_of}
    return (
        {stage: output.value for stage, output in own.items()},
        {stage: output.confidence for stage, output in own.items()},
    )


def _chances(size: int, order: list[str], outputs: Mapping[str, Output], stage: str) -> dict[str, float]:
    """Each record's chance, proportional to doubt; an answer without a confidence counts as full doubt."""
    sure = {name: outputs[name].confidence for name in order if name in outputs}
    if all(confidence is None for confidence in sure.values()):
        raise ConfigurationError(f"Stage {stage!r} gives no confidence to hunt by. Give a filter instead.")
    doubt = {name: SUREST + 1.0 - (sure.get(name) or 0.0) for name in order}
    total = sum(doubt.values())
    return {name: min(1.0, size * weight / total) for name, weight in doubt.items()}
