from __future__ import annotations

from stagegap.model.queue import GuidelineVersion
from stagegap.store import Store

FIRST = GuidelineVersion(hash="a", text="Read the whole mail.", since=1.5)
SECOND = GuidelineVersion(hash="b", text="Read the whole mail twice.", since=2.5)


def test_versions_come_oldest_first_and_only_of_their_stage(store: Store) -> None:
    store.put_guideline("mail", "route", FIRST)
    store.put_guideline("mail", "draft", SECOND)
    store.put_guideline("mail", "route", SECOND)
    assert store.guidelines("mail", "route") == [FIRST, SECOND]
    assert store.guidelines("other", "route") == []


def test_version_that_is_there_keeps_its_time(store: Store) -> None:
    store.put_guideline("mail", "route", FIRST)
    store.put_guideline("mail", "route", GuidelineVersion(hash="a", text="Read the whole mail.", since=9.5))
    assert store.guidelines("mail", "route") == [FIRST]
