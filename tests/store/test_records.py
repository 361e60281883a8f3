from __future__ import annotations

import math
from dataclasses import replace

import pytest

from stagegap.model.record import Record
from stagegap.store import RecordsImport, Store
from stagegap.store import records as module
from store.material import label, records

FULL = Record(id="full", fields={"b": [1, {"c": None}], "a": "x\0"}, cluster="k", split="test", difficulty="hard",
              slices={"channel": "mail"})  # fmt: skip


def test_record_comes_back_as_it_was(store: Store) -> None:
    store.put_records("chat", [FULL])
    (found,) = store.records("chat")
    assert found == FULL
    assert list(found.fields) == ["b", "a"]


def test_what_exists_is_compared_by_content(store: Store) -> None:
    changed = replace(records(3)[2], split="test")
    again = [*records(2), changed, Record(id="new", fields={})]
    assert store.put_records("mail", again) == RecordsImport(added=1, changed=1, unchanged=2)
    assert store.put_records("mail", again) == RecordsImport(added=0, changed=0, unchanged=4)
    assert store.records("mail")[2] == changed


@pytest.mark.parametrize(
    "fields",
    [{"fields": {"a": 1}}, {"cluster": "c"}, {"split": "s"}, {"difficulty": "d"}, {"slices": {"a": "b"}}],
)
def test_every_part_of_a_record_belongs_to_its_content(store: Store, fields: dict) -> None:
    store.put_records("chat", [Record(id="x", fields={})])
    changed = Record(id="x", **{"fields": {}, **fields})
    assert store.put_records("chat", [changed]) == RecordsImport(added=0, changed=1, unchanged=0)
    assert store.records("chat") == [changed]


def test_order_of_fields_is_no_change(store: Store) -> None:
    store.put_records("chat", [Record(id="x", fields={"a": 1, "b": 2})])
    assert store.put_records("chat", [Record(id="x", fields={"b": 2, "a": 1})]).unchanged == 1


def test_records_keep_the_order_in_which_they_were_taken_in(store: Store) -> None:
    store.append_labels("chat", [label(record="z")])
    store._drainer.drain_all()
    store.put_records("chat", [Record(id=name, fields={}) for name in "bza"])
    store.put_records("chat", [Record(id="z", fields={"later": True}), Record(id="0", fields={})])
    assert [record.id for record in store.records("chat")] == ["b", "z", "a", "0"]
    assert [record.id for record in store.records("chat", ids=["0", "z", "nobody"])] == ["z", "0"]


def test_cascades_have_records_of_their_own(store: Store) -> None:
    assert store.put_records("chat", records(2)).added == 2
    assert (len(store.records("chat")), len(store.records("mail")), store.records("none")) == (2, 10, [])


def test_import_larger_than_a_chunk_is_counted_as_a_whole(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CHUNK", 4)
    assert store.put_records("mail", records(15)) == RecordsImport(added=5, changed=0, unchanged=10)
    assert store.records("mail") == records(15)
    assert store.put_records("mail", []) == RecordsImport(added=0, changed=0, unchanged=0)


def test_odd_records_are_refused_before_anything_is_written(store: Store) -> None:
    with pytest.raises(ValueError, match="'r1' stands twice"):
        store.put_records("chat", [*records(2), records(2)[1]])
    with pytest.raises(ValueError, match="no number"):
        store.put_records("chat", [Record(id="x", fields={"a": math.nan})])
    assert store.records("chat") == []


def test_lone_surrogates_and_huge_integers_in_fields(store: Store) -> None:
    store.put_records("chat", [Record(id="x", fields={"a": "\ud800"})])
    assert store.put_records("chat", [Record(id="x", fields={"a": "\ud800"})]).unchanged == 1
    assert store.records("chat")[0].fields == {"a": "\\ud800"}
    with pytest.raises(ValueError, match="more than 64 bits"):
        store.put_records("chat", [Record(id="y", fields={"a": 2**70})])
