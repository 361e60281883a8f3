from __future__ import annotations

from stagegap.model.answer import Status
from stagegap.model.run import SYSTEM, PastCall
from stagegap.store import Store
from stagegap.store.calls import NEWEST
from store.material import RUN, output, run

OTHER = "6" * 32


def test_only_calls_that_were_made_and_answered_count(store: Store) -> None:
    store.create_run(run(OTHER))
    made = [
        output("r0", latency_ms=2.0, tokens_in=3, tokens_out=4),
        output("r1", latency_ms=3.0, status=Status.UNPARSABLE),
        output("r2", latency_ms=4.0, cached=True),
        output("r3", latency_ms=5.0, status=Status.INFRASTRUCTURE),
        output("r4", status=Status.SKIPPED),
        output("r5", stage="draft", latency_ms=6.0),
    ]
    store.append_outputs(RUN, SYSTEM, made)
    store.append_outputs(OTHER, SYSTEM, [output("r0", latency_ms=9.0)])
    assert sorted(store.past_calls([RUN], "route"), key=lambda call: call.latency_ms) == [
        PastCall(latency_ms=2.0, tokens_in=3, tokens_out=4),
        PastCall(latency_ms=3.0, tokens_in=None, tokens_out=None),
    ]
    assert store.past_calls([RUN, OTHER], "route")[0].latency_ms == 9.0
    assert store.past_calls([], "route") == []
    assert store.past_calls([RUN], "nothing") == []


def test_the_newest_calls_are_enough(store: Store) -> None:
    store.append_outputs(RUN, SYSTEM, [output(f"r{i}", latency_ms=1.0) for i in range(NEWEST + 1)])
    store.append_outputs(RUN, SYSTEM, [output("new", latency_ms=7.0)])
    found = store.past_calls([RUN], "route")
    assert (len(found), found[0].latency_ms) == (NEWEST, 7.0)
