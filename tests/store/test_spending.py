from __future__ import annotations

import pytest

from stagegap.model.run import SYSTEM, StageSpending
from stagegap.store import Store
from store.material import RUN, output, run


def test_only_calls_that_were_made_for_a_run_cost(store: Store) -> None:
    other = "6" * 32
    store.create_run(run(other))
    store.create_run(run("7" * 32, cascade="elsewhere"))
    store.append_outputs(
        RUN, SYSTEM, [output("r0", cost=0.25), output("r1", cost=0.5), output("r2", cost=9.0, cached=True)]
    )
    store.append_outputs(other, SYSTEM, [output("r0")])
    store.append_outputs("7" * 32, SYSTEM, [output("r0", cost=1.0)])
    assert store.spent("mail") == {RUN: pytest.approx(0.75)}
    assert store.spent("nothing") == {}


def test_answers_of_a_stage_have_the_price_and_time_of_when_they_were_made(store: Store) -> None:
    store.append_outputs(
        RUN,
        SYSTEM,
        [
            output("r0", cost=0.25, latency_ms=10.0),
            output("r1", cost=0.75, latency_ms=30.0, cached=True),
            output("r2", latency_ms=20.0),
        ],
    )
    assert store.spent_by_stage([RUN, "9" * 32]) == {
        (RUN, "route"): StageSpending(cost=0.5, priced=2, latency_ms=20.0, timed=3)
    }
    assert store.spent_by_stage([]) == {}


def test_of_two_answers_to_one_call_the_newer_is_the_price_of_the_stage(store: Store) -> None:
    store.append_outputs(
        RUN, SYSTEM, [output("r0", cost=9.0, latency_ms=90.0), output("r1", cost=1.0, latency_ms=10.0)]
    )
    store.append_outputs(RUN, SYSTEM, [output("r0", cost=2.0, latency_ms=20.0)])
    assert store.spent_by_stage([RUN]) == {(RUN, "route"): StageSpending(cost=1.5, priced=2, latency_ms=15.0, timed=2)}
