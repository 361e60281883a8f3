"""What a scorecard rests on where people differ and nobody has decided: its figures under the strict rule."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stagegap.analysis import evidence as ev
from stagegap.analysis.gains import SYSTEM_OUTCOME, ceiling_of, gains
from stagegap.analysis.views import StrictRule, StrictStage
from stagegap.model.estimate import Estimate, unmeasured
from stagegap.stats.resample import RESAMPLES, Resamples, resample

Floats = NDArray[np.float64]


def strict_rule(evidence: ev.Evidence, *, resamples: int = RESAMPLES) -> StrictRule | None:
    """The figures where nobody's answer alone is enough; None where no record is undecided.

    Resamples of their own, so that no other figure moves by a digit when somebody differs.
    """
    strict = ev.strict(evidence)
    if not strict.strict:
        return None
    cascade = evidence.cascade
    columns: dict[str, Floats] = {"outcome": ev.outcome_scores(strict, ev.SYSTEM)}
    for name in cascade.names:
        person, system = ev.people_scores(strict, name, by=strict.metrics[name], good=None)
        columns |= {f"in place {name}": ev.stage_scores(strict, name, ev.SYSTEM)}
        columns |= {f"person {name}": person, f"system {name}": system}
    won = gains(strict)
    rng = np.random.default_rng(evidence.seed)
    drawn = resample({**columns, **won.columns}, evidence.units, rng=rng, resamples=resamples)
    stairs = ceiling_of(drawn, won) if won.is_measured else None
    missing = unmeasured(won.reason)
    return StrictRule(
        records=len({record for record, _ in strict.strict}),
        at_outcome=sum(stage == cascade.outcome.stage for _, stage in strict.strict),
        system=drawn.mean(SYSTEM_OUTCOME if won.is_measured else "outcome"),
        ceiling=stairs.ceiling if stairs is not None else missing,
        stages=tuple(
            StrictStage(
                stage=name,
                records=sum(stage == name for _, stage in strict.strict),
                in_place=drawn.mean(f"in place {name}"),
                gap=_gap(drawn, evidence, name),
                gain=stairs.step(name).gain if stairs is not None else missing,
            )
            for name in cascade.names
        ),
    )


def _gap(drawn: Resamples, evidence: ev.Evidence, stage: str) -> Estimate:
    gap = drawn.difference(f"person {stage}", f"system {stage}")
    if gap.n:
        return gap
    return unmeasured(f"not measured: no {evidence.cascade.noun} has labels of two people at {stage}")
