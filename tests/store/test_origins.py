from __future__ import annotations

from dataclasses import replace

import pytest

from stagegap.errors import NotFound
from stagegap.model.run import Expectation, RunTag
from stagegap.store import Store
from store.material import RUN, records, run

TAG = RunTag(run=RUN, tag="baseline", who="ann", at=1.0)
HOPE = Expectation(id="e1", place="route", predicted=0.05, reason="more examples", who="ann", at=2.5, baseline="v1")


def test_provenance_is_kept_with_its_texts_and_replaced_as_a_whole(store: Store) -> None:
    assert store.origins.body(RUN) is None
    store.origins.put(RUN, '{"a":1}', {"d1": "def draft(): ...", "d2": "Dear \ud800"})
    store.origins.put(RUN, '{"a":2}', {"d1": "another text of the same digest is not taken"})
    assert store.origins.body(RUN) == '{"a":2}'
    assert store.origins.texts(["d1", "d2", "d3"]) == {"d1": "def draft(): ...", "d2": "Dear \\ud800"}


def test_provenance_of_an_unknown_run_is_refused(store: Store) -> None:
    with pytest.raises(NotFound, match="knows no run with the id '66"):
        store.origins.put("6" * 32, "{}", {})


def test_records_come_back_as_they_were_when_they_were_kept(store: Store) -> None:
    then = records(3)
    digest = store.put_records("mail", then).digest
    store.origins.keep_records("mail", digest, then)
    changed = [replace(then[1], fields={"subject": "another"}), *records(12)[3:]]
    assert store.put_records("mail", changed).digest != digest
    assert store.origins.records(digest) == then
    store.origins.keep_records("mail", digest, then[:1])
    assert store.origins.records(digest) == then


def test_same_records_in_another_order_are_another_set(store: Store) -> None:
    first, second, third = records(3)
    digests = {store.put_records("mail", part).digest for part in ([first, second], [second, first], [first, third])}
    assert len(digests) == 3
    assert store.origins.records(store.put_records("mail", [first]).digest) == []


def test_newest_event_of_a_tag_counts(store: Store) -> None:
    store.create_run(run("6" * 32))
    for event in (TAG, replace(TAG, tag="old"), replace(TAG, tag="old", is_on=False), replace(TAG, tag="gone")):
        store.origins.tag(event)
    store.origins.tag(replace(TAG, tag="gone", is_on=False))
    store.origins.tag(replace(TAG, run="6" * 32, is_on=False))
    assert store.origins.tags("mail") == {RUN: ("baseline",)}
    assert store.origins.tags("chat") == {}
    with pytest.raises(NotFound):
        store.origins.tag(replace(TAG, run="7" * 32))


def test_expectation_is_kept_once_and_comes_back_as_it_was(store: Store) -> None:
    wide = replace(HOPE, id="e2", place="outcome", low=-0.01, high=0.2)
    store.origins.expect("mail", [HOPE, wide])
    store.origins.expect("mail", [replace(HOPE, predicted=0.5)])
    assert store.origins.expectations("mail") == [HOPE, wide]
    assert store.origins.expectations("chat") == []


def test_rebuilt_store_keeps_where_its_runs_came_from(store: Store) -> None:
    store.origins.put(RUN, "{}", {"d1": "text"})
    store.origins.tag(TAG)
    store.origins.expect("mail", [HOPE])
    store.rebuild()
    assert store.origins.body(RUN) == "{}"
    assert (store.origins.tags("mail"), store.origins.expectations("mail")) == ({RUN: ("baseline",)}, [HOPE])
