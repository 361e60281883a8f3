"""What every page prints of one scorecard agrees with what the others print."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from stagegap import report
from stagegap.model.estimate import Estimate, unmeasured
from stagegap.tables.figures import percent, signed
from ui import views

SHARES = st.floats(0.0, 0.3)


def estimate(value: float) -> Estimate:
    return Estimate(value=value, low=value - 0.01, high=value + 0.01, n=300, method="test")


@given(today=SHARES, gains=st.tuples(SHARES, SHARES, SHARES))
def test_printed_gains_lead_from_the_printed_outcome_to_the_printed_ceiling(
    today: float, gains: tuple[float, float, float]
) -> None:
    card = views.scorecard()
    stages = tuple(replace(stage, gain=estimate(gain)) for stage, gain in zip(card.stages[:3], gains, strict=True))
    card = replace(card, system=estimate(today), ceiling=estimate(today + sum(gains)), stages=stages)
    assert percent(card.system.value) + sum(card.printed_gains) == percent(card.ceiling.value)
    table = report.markdown(card)
    for gain in card.printed_gains:
        assert f"| {signed(gain)} (" in table


def test_gain_that_is_not_measured_is_no_part_of_a_sum() -> None:
    card = views.scorecard()
    nothing = unmeasured("not measured: no reference")
    stages = (replace(card.stages[0], gain=nothing), *card.stages[1:])
    card = replace(card, stages=stages)
    assert card.printed_gains == (0, *(percent(stage.gain.value) for stage in card.stages[1:]))
