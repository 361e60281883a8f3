from __future__ import annotations

import pytest

from stagegap.model.run import SYSTEM
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
