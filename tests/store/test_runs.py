from __future__ import annotations

import math
from dataclasses import replace

import pytest

from stagegap.errors import NotFound
from stagegap.model.run import SYSTEM, RunStatus
from stagegap.store import Store
from store.material import NEW_RUN, RUN, run


def test_runs_are_numbered_per_cascade_and_given_newest_first(store: Store) -> None:
    second = store.create_run(run("2" * 32, records=5, who="ann", commit="abc+", seed=-3, error="no", finished_at=2.0))
    other = store.create_run(run("3" * 32, cascade="chat"))
    assert (second.name, other.name) == ("v2", "v1")
    assert [r.name for r in store.runs("mail")] == ["v2", "v1"]
    with store.leasing(other), store.leasing(second), store.leasing(NEW_RUN):
        assert store.runs() == [other, second, store.run("mail", "v1")]
    assert second == run("2" * 32, name="v2", records=5, who="ann", commit="abc+", seed=-3, error="no", finished_at=2.0)


def test_creating_a_run_again_gives_the_one_that_is_there(store: Store) -> None:
    with store.leasing(NEW_RUN):
        assert store.create_run(run(seed=99)) == store.run("mail", "v1")
    assert len(store.runs()) == 1


def test_without_a_name_the_newest_run_that_is_done_is_given(store: Store) -> None:
    assert store.run("mail") is None
    first = store.run("mail", "v1")
    assert first is not None
    done = replace(first, status=RunStatus.DONE, finished_at=9.5, records=10, error="")
    store.update_run(done)
    store.create_run(run("2" * 32))
    assert store.run("mail") == done
    assert store.run("mail", "v7") is None


def test_update_of_an_unknown_run_is_refused(store: Store) -> None:
    with pytest.raises(NotFound, match="no run"):
        store.update_run(run("9" * 32))


def test_fact_of_a_run_is_replaced(store: Store) -> None:
    assert store.fact(RUN, "options") is None
    store.put_fact(RUN, "options", '{"a":1}')
    store.put_fact(RUN, "basis", "{}")
    store.put_fact(RUN, "options", '{"a":2}')
    assert store.fact(RUN, "options") == '{"a":2}'
    assert store.fact(RUN, "basis") == "{}"
    assert store.fact("9" * 32, "options") is None


def test_scores_are_merged_by_record_and_nan_takes_one_away(store: Store) -> None:
    store.put_scores(RUN, SYSTEM, {("route", "accuracy"): {"r1": 1.0, "r0": 0.5, "r2": math.nan}})
    store.put_scores(RUN, SYSTEM, {("route", "chrf"): {"r0": 0.25}})
    assert store.scores(RUN, SYSTEM, "route", "accuracy") == {"r0": 0.5, "r1": 1.0}
    store.put_scores(RUN, SYSTEM, {("route", "accuracy"): {"r1": math.nan, "r3": 0.0}})
    assert store.scores(RUN, SYSTEM, "route", "accuracy") == {"r0": 0.5, "r3": 0.0}
    assert store.scores(RUN, SYSTEM, "draft", "accuracy") == {}


def test_many_scores_are_stored_in_chunks_all_or_none(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stagegap.store.control.CHUNK", 2)
    scores = {"r0": 0.5, "r1": 1.0, "r2": 0.25}
    store.put_scores(RUN, SYSTEM, {("route", "accuracy"): scores})
    with pytest.raises(NotFound, match="1 of 4 scores"):
        store.put_scores(RUN, SYSTEM, {("route", "accuracy"): {**dict.fromkeys(scores, 0.0), "stranger": 1.0}})
    assert store.scores(RUN, SYSTEM, "route", "accuracy") == scores


def test_odd_scores_are_refused(store: Store) -> None:
    with pytest.raises(ValueError, match="infinite"):
        store.put_scores(RUN, SYSTEM, {("route", "accuracy"): {"r1": math.inf}})
    with pytest.raises(NotFound, match="1 of 2 scores"):
        store.put_scores(RUN, SYSTEM, {("route", "accuracy"): {"r1": 1.0, "stranger": 1.0}})
    assert store.scores(RUN, SYSTEM, "route", "accuracy") == {}


def test_what_is_written_together_is_there_whole_or_not_at_all(store: Store) -> None:
    fresh = replace(run(), id="e" * 32)

    def write() -> None:
        with store.together():
            created = store.create_run(fresh)
            store.origins.put(created.id, "{}", {"a" * 64: "text"})
            assert store.origins.body(created.id) == "{}"  # who writes reads what it wrote
            store.update_run(replace(created, id="f" * 32))  # no such run

    with pytest.raises(NotFound):
        write()
    assert [stored.id for stored in store.runs()] == [RUN]
    assert store.origins.texts(["a" * 64]) == {}
    with store.together():
        store.origins.put(store.create_run(fresh).id, "{}", {})
    assert [stored.name for stored in store.runs()] == ["v2", "v1"]
