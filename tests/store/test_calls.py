"""Which look-ups touch the file, and what a look-up knows of other processes; a second store is one."""

from __future__ import annotations

from pathlib import Path

import pytest

from stagegap.errors import StoreError
from stagegap.model.run import SYSTEM
from stagegap.store import Store
from stagegap.store.attach import Attachment
from store.material import RUN, label, output

KEYS = [f"{n:x}" * 32 for n in range(8)]


class Reads:
    """Counts how often the file is read."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        reading = Attachment.reading

        def counted(file: Attachment):
            self.count += 1
            return reading(file)

        monkeypatch.setattr(Attachment, "reading", counted)


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> Reads:
    return Reads(monkeypatch)


def values(store: Store, *keys: str) -> dict[str, object]:
    return {key: found.value for key, found in store.cached(keys).items()}


def test_unknown_calls_are_known_to_be_unknown_without_the_file(store: Store, reads: Reads) -> None:
    store.append_outputs(RUN, SYSTEM, [output("r0", key=KEYS[0])])
    assert store.cached(KEYS[1:3]) == {}
    before = reads.count
    store.append_outputs(RUN, SYSTEM, [output("r1", key=KEYS[1])])
    store.append_labels("mail", [label()])
    assert store.cached(KEYS[2:]) == {}
    assert reads.count == before


def test_what_was_just_written_is_found(store: Store) -> None:
    assert store.cached([KEYS[0]]) == {}
    store.append_outputs(RUN, SYSTEM, [output("r0", key=KEYS[0], value="a")])
    assert values(store, *KEYS) == {KEYS[0]: "a"}
    store.append_outputs(RUN, SYSTEM, [output("r0", key=KEYS[0], value="b", repeat=1)])
    store.append_outputs(RUN, SYSTEM, [output("r1", key=KEYS[1], value="c")])
    assert values(store, *KEYS) == {KEYS[0]: "b", KEYS[1]: "c"}


def test_answers_of_another_process_are_found_drained_or_not(store: Store, folder: Path) -> None:
    assert store.cached(KEYS) == {}
    with Store.open(folder, drain=False) as other:
        other.append_outputs(RUN, SYSTEM, [output("r0", key=KEYS[0], value="a")])
        assert values(store, *KEYS) == {KEYS[0]: "a"}
        other.append_labels("mail", [label()])
        other.append_outputs(RUN, SYSTEM, [output("r1", key=KEYS[1], value="b")])
        other.cells(RUN)
        store.append_outputs(RUN, SYSTEM, [output("r2", key=KEYS[2], value="c")])
        assert values(store, *KEYS) == {KEYS[0]: "a", KEYS[1]: "b", KEYS[2]: "c"}


def test_answers_of_earlier_days_are_found_wherever_they_stand(store: Store) -> None:
    for n, key in enumerate(KEYS):
        store.append_outputs(RUN, SYSTEM, [output("r0", key=key, value=n, repeat=n)])
        assert values(store, *KEYS[: n + 1]) == {key: number for number, key in enumerate(KEYS[: n + 1])}
    others = [output(f"r{n}", stage="draft", key=f"{n:032x}") for n in range(1, 41)]
    store.append_outputs(RUN, SYSTEM, others)
    assert values(store, KEYS[0], f"{39:032x}") == {KEYS[0]: 0, f"{39:032x}": others[38].value}


def test_two_calls_whose_keys_begin_alike_are_two(store: Store) -> None:
    one, two, three = (KEYS[3][:16] + KEYS[n][16:] for n in range(3))
    store.append_outputs(RUN, SYSTEM, [output("r0", key=one, value="a"), output("r1", key=two, value="b")])
    assert values(store, one, two, three) == {one: "a", two: "b"}


def test_write_that_failed_leaves_nothing_behind(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(store._journal, "append", _refuse)
        with pytest.raises(StoreError, match="disk is full"):
            store.append_outputs(RUN, SYSTEM, [output("r0", key=KEYS[0])])
    assert store.cached(KEYS) == {}
    store.append_outputs(RUN, SYSTEM, [output("r0", key=KEYS[0], value="a")])
    assert values(store, *KEYS) == {KEYS[0]: "a"}


def _refuse(*_: object) -> None:
    raise StoreError("disk is full")


def test_rebuilt_file_is_read_afresh(store: Store) -> None:
    store.append_outputs(RUN, SYSTEM, [output("r0", key=KEYS[0], value="a")])
    assert values(store, *KEYS) == {KEYS[0]: "a"}
    store.rebuild()
    assert values(store, *KEYS) == {KEYS[0]: "a"}
