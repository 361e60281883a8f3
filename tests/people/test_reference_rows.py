"""The file is what holds: rows that come, go, change and are put back, and people who answer besides."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from stagegap.model.answer import Answer, Label
from stagegap.people.reference_rows import followed
from stagegap.people.references import adjudications, latest


def row(value: str, record: str = "1", who: str = "ann", **more) -> Label:
    name = f"{record}-{who}-{value}-{more.get('action', '')}"
    return Label(id=name, record=record, stage="topic", annotator=who, answer=Answer(value=value), **more)


class Store:
    """Labels as they are added, and which of them came from files."""

    def __init__(self) -> None:
        self.labels: list[Label] = []
        self.owned: frozenset[str] = frozenset()

    def follow(self, *rows: Label) -> str:
        change = followed(self.labels, rows, self.owned)
        self.labels += change.events
        self.owned = change.owned
        assert len({label.id for label in self.labels}) == len(self.labels)
        return change.sentence

    def says(self) -> dict[str, list[object]]:
        people = latest(self.labels)
        return {place[0]: [own.answer.value for own in by.values() if own.answer] for place, by in people.items()}


def test_reference_that_is_put_back_is_in_force_again() -> None:
    store = Store()
    assert store.follow(row("a"), row("x", "2")) == ""
    assert store.follow(row("b"), row("x", "2")).startswith("Reference files: 1 row is changed since the last run;")
    assert store.says() == {"1": ["b"], "2": ["x"]}
    store.follow(row("a"), row("x", "2"))
    assert store.says() == {"1": ["a"], "2": ["x"]}
    assert store.follow(row("a"), row("x", "2")) == ""
    store.follow(row("b"), row("x", "2"))
    store.follow(row("a"), row("x", "2"))
    assert store.says()["1"] == ["a"]
    assert len(store.labels) == 6


def test_row_that_left_its_file_is_withdrawn_and_stays_in_the_history() -> None:
    store = Store()
    store.follow(row("a"), row("x", "2"), row("y", "3", "bob"))
    said = store.follow(row("x", "2"), row("z", "4"))
    assert said.startswith("Reference files: 1 row is new, 2 rows are gone and withdrawn since the last run;")
    assert store.says() == {"2": ["x"], "4": ["z"]}
    assert [label.note for label in store.labels if label.is_withdrawal] == ["No longer in its reference file."] * 2
    assert store.follow(row("x", "2"), row("z", "4")) == ""
    store.follow(row("a"), row("x", "2"), row("z", "4"))
    assert store.says() == {"1": ["a"], "2": ["x"], "4": ["z"]}


def test_times_of_rows_do_not_keep_an_older_row_in_force() -> None:
    store = Store()
    store.follow(row("a", at=100.0))
    store.follow(row("b", at=50.0))
    assert store.says() == {"1": ["b"]}
    store.follow()
    assert store.says() == {}
    store.follow(row("b", at=50.0))
    assert store.says() == {"1": ["b"]}


def test_of_several_rows_of_one_person_the_last_counts_in_whichever_order_they_stand() -> None:
    store = Store()
    store.follow(row("a"), row("b"))
    assert store.says() == {"1": ["b"]}
    store.follow(row("b"), row("a"))
    assert store.says() == {"1": ["a"]}


def test_a_persons_own_later_answer_stands_whatever_becomes_of_the_row() -> None:
    store = Store()
    store.follow(row("a"))
    store.labels.append(replace(row("mine", at=1e9), id="card", queue="q", seen="s"))
    assert store.follow(row("a")) == ""
    store.follow()
    assert store.says() == {"1": ["mine"]}


def test_label_that_was_made_on_the_card_and_is_exported_into_a_file_does_not_leave_with_its_row() -> None:
    store = Store()
    card = replace(row("mine", at=1e9), id="card", queue="q", seen="s")
    store.labels.append(card)
    store.follow(card)
    store.follow()
    assert store.says() == {"1": ["mine"]}


def test_rows_that_an_earlier_version_took_in_are_known_to_be_of_the_file() -> None:
    store = Store()
    store.labels += [row("a"), row("x", "2")]
    store.follow(row("a"), row("x", "2"))
    store.follow(row("a"))
    assert store.says() == {"1": ["a"]}


def test_adjudications_follow_their_file_and_leave_the_persons_own_answer_alone() -> None:
    store = Store()
    own, first, second = row("own"), row("a", action="adjudicate"), row("b", action="adjudicate")
    for rows, wanted in (
        ([own, first], ["a"]), ([own, second], ["b"]), ([own, first], ["a"]), ([own], []), ([own, first], ["a"]),
    ):  # fmt: skip
        store.follow(*rows)
        assert [label.answer.value for label in adjudications(store.labels).values() if label.answer] == wanted
        assert store.says() == {"1": ["own"]}


PARTS = st.tuples(st.sampled_from("ab"), st.sampled_from("12"), st.sampled_from(["ann", "bob"]), st.integers(0, 2))


@given(st.lists(st.lists(PARTS, max_size=5), max_size=6))
def test_what_is_in_force_is_what_the_file_says_after_any_row_of_changes(states: list[list[tuple]]) -> None:
    store = Store()
    for state in states:
        rows = [row(value, record, who, at=float(at)) for value, record, who, at in state]
        rows = list({one.id: one for one in rows}.values())
        store.follow(*rows)
        there = {place: {who: own.answer for who, own in by.items()} for place, by in latest(store.labels).items()}
        assert there == {place: {who: own.answer for who, own in by.items()} for place, by in latest(rows).items()}
        assert store.follow(*rows) == ""
