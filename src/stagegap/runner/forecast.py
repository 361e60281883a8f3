"""What a plan's calls will take and cost, from what earlier ones took."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from stagegap.model.estimate import Estimate, unmeasured
from stagegap.model.run import PastCall
from stagegap.runner.plan import Plan, PlannedStage
from stagegap.runner.work import Work
from stagegap.stages.endpoint import Priced
from stagegap.stages.kinds import kind_of
from stagegap.stages.protocol import AsyncStage
from stagegap.stats.intervals import predicted_total


def forecast(plan: Plan, work: Work, past: Mapping[str, Sequence[PastCall]]) -> Plan:
    """The plan with tokens, US dollars and seconds of each stage, as totals of its calls.

    `past` holds calls of each stage with the same settings; where there are none, the plan says that it is unknown.
    """
    cells = (
        replace(cell, stages=tuple(_predicted(stage, work, past.get(stage.stage, ())) for stage in cell.stages))
        for cell in plan.cells
    )
    return replace(plan, cells=tuple(cells))


def _predicted(planned: PlannedStage, work: Work, past: Sequence[PastCall]) -> PlannedStage:
    code, stage = work.codes[planned.stage], work.cascade.stage(planned.stage)
    at_once = stage.concurrency if isinstance(code, AsyncStage) and not kind_of(stage).is_one_by_one else 1
    seconds = _total([call.latency_ms / 1000 / at_once for call in past], planned.calls)
    tokens = _total([_sum(call) for call in past], planned.calls)
    if not planned.is_paid:
        return replace(planned, seconds=seconds)
    if not (isinstance(code, Priced) and code.has_price):
        dollars = unmeasured("price unknown") if planned.calls else seconds
        return replace(planned, seconds=seconds, tokens=tokens, dollars=dollars)
    dollars = _total([code.call_cost(call.tokens_in, call.tokens_out) for call in past], planned.calls)
    return replace(planned, seconds=seconds, tokens=tokens, dollars=dollars)


def _total(values: Sequence[float | None], calls: int) -> Estimate:
    known = [value for value in values if value is not None]
    if not known and calls:
        return unmeasured("no earlier calls")
    return predicted_total(np.array(known, dtype=np.float64), calls)


def _sum(call: PastCall) -> float | None:
    if call.tokens_in is None or call.tokens_out is None:
        return None
    return float(call.tokens_in + call.tokens_out)
