"""Stages that bring the units of a record together again: all, any, or the mean of their answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from statistics import fmean
from typing import Literal

from stagegap.model.answer import Status
from stagegap.model.canonical import digest
from stagegap.model.cascade import Kind, Stage
from stagegap.model.record import Json
from stagegap.stages.acceptance import as_written
from stagegap.stages.kinds import Draft, StageKind, Surroundings
from stagegap.stages.protocol import Inputs, Reply
from stagegap.stages.settings import Block, OneOrMore, Problem, many


class JoinWith(Block):
    """How the answers to the units of a record become one; a function of your own is a `python` stage."""

    by: Literal["all", "any", "mean"]
    """all or any of the units hold (true or false), or the mean of their numbers or of how many hold."""
    holds: OneOrMore | None = None
    """Value or values that hold, of units that answer with a label; true holds when not given."""


class JoinStage:
    """Joins the list of its one input; units that were skipped are left out."""

    reads_record = False

    def __init__(self, stage: Stage) -> None:
        settings = JoinWith.model_validate(dict(stage.parameters))
        self.fingerprint = digest(["join", settings.by, None if settings.holds is None else [*many(settings.holds)]])
        self._by = _JOINS[settings.by]
        self._is_mean = settings.by == "mean"
        self._holds = None if settings.holds is None else frozenset(many(settings.holds))

    def answer_batch(self, inputs: Sequence[Inputs]) -> Sequence[Reply]:
        """Join each list."""
        return [self._answer(next(iter(call_inputs.values()))) for call_inputs in inputs]

    def _answer(self, units: Json) -> Reply:
        if units is None:
            return Reply(status=Status.SKIPPED)
        if isinstance(units, str | bool | int | float | Mapping):
            return Reply(status=Status.UNPARSABLE, error=f"a list was expected, found {as_written(units)}")
        values: list[float] = []
        for unit in units:
            if unit is None:
                continue
            value = unit in self._holds if self._holds is not None and isinstance(unit, str) else unit
            if not isinstance(value, bool | int | float) or not (self._is_mean or isinstance(value, bool)):
                wanted = "a number" if self._is_mean else "true or false"
                return Reply(status=Status.UNPARSABLE, error=f"a unit is {as_written(unit)}, and not {wanted}")
            values.append(value)
        if self._is_mean and not values:
            return Reply(status=Status.SKIPPED)
        return Reply(value=self._by(values))


_JOINS: Mapping[str, Callable[[Sequence[float]], bool | float]] = {"all": all, "any": any, "mean": fmean}


def _check(draft: Draft) -> Iterator[Problem]:
    settings, kind = draft.of(JoinWith), draft.output.kind
    if len(draft.inputs) != 1:
        yield Problem(("inputs",), f"a join has one input, found {len(draft.inputs)}.", "Name the units to join.")
    wanted = Kind.NUMBER if settings.by == "mean" else Kind.BOOLEAN
    if kind is not wanted:
        yield Problem(("output",), f"a join by {settings.by} gives a {wanted}, and not a {kind}.", f"Write {wanted}.")


def build_join(stage: Stage, _: Surroundings) -> JoinStage:
    """The stage that joins units."""
    return JoinStage(stage)


KIND = StageKind(
    summary="Brings the units of a record together: all, any, or the mean of their answers.",
    settings=JoinWith,
    build=build_join,
    check=_check,
)
