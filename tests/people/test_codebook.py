"""The codebook: events fold into codes with a meaning and a history, and into the records that carry them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stagegap.errors import ConfigurationError
from stagegap.model.notes import CodeEvent
from stagegap.model.record import Json
from stagegap.people.codebook import Code, CodeMark, code_event, codebook


def add(tag: str, record: str = "r1") -> CodeEvent:
    return CodeEvent(id=f"{tag} {record}", stage="route", annotator="ab", action="add", tag=tag, record=record)


def change(action, tag: str, into: str = "", record: str = "") -> CodeEvent:
    return replace(add(tag, record), action=action, into=into)


@pytest.mark.parametrize(
    ("events", "tags", "on_r1"),
    [
        ([], (), None),
        ([add("a"), add("b"), add("a")], ("a", "b"), ("a", "b")),
        ([add("b"), add("a"), change("remove", "b", record="r1")], ("b", "a"), ("a",)),  # keys keep their tags
        ([add("a"), change("remove", "a", record="r1")], ("a",), None),
        ([add("a"), add("b"), change("rename", "a", "c")], ("c", "b"), ("c", "b")),
        ([add("a"), add("b"), change("rename", "a", "b")], ("b",), ("b",)),  # merged
        ([add("a"), add("b", "r2"), change("rename", "a", "b")], ("b",), ("b",)),
        ([add("a"), change("rename", "a", "a")], ("a",), ("a",)),
        ([add("a"), change("rename", "x", "y")], ("a",), ("a",)),
        ([add("a"), add("b"), change("drop", "a")], ("b",), ("b",)),
        ([add("a"), change("rename", "a", "b"), add("a")], ("b", "a"), ("b", "a")),  # the old name is free again
        ([change("remove", "a", record="r1")], (), None),
    ],
)
def test_events_fold_into_tags(events: list[CodeEvent], tags: tuple[str, ...], on_r1: tuple[str, ...] | None) -> None:
    own = codebook(events).own("ab", "route")
    assert own.tags == tags
    assert own.by_record.get("r1") == on_r1


def test_records_of_a_tag_are_found() -> None:
    own = codebook([add("a", "r1"), add("b", "r2"), add("a", "r3")]).own("ab", "route")
    assert own.records("a") == ("r1", "r3")


def by(who: str, event: CodeEvent, **more: object) -> CodeEvent:
    return replace(event, annotator=who, **more)


def test_first_version_renamed_and_dropped_for_one_person_at_one_stage_alone() -> None:
    before = [add("a"), by("cd", add("a")), by("ab", add("a"), stage="draft")]
    renamed = codebook([*before, change("rename", "a", "b")])
    assert renamed.names == ("a", "b")
    assert renamed.own("ab", "route").by_record == {"r1": ("b",)}
    assert renamed.own("cd", "route").by_record == renamed.own("ab", "draft").by_record == {"r1": ("a",)}
    dropped = codebook([*before, change("drop", "a")])
    assert dropped.own("ab", "route").by_record == {}
    assert dropped.own("cd", "route").by_record == {"r1": ("a",)}
    assert codebook([add("a"), change("drop", "a")]).names == ()


def test_code_is_moved_for_everybody_and_a_name_that_is_there_merges_the_two() -> None:
    before = [add("a"), by("cd", add("a", "r2"), stage="draft"), add("b", "r3"), add("b")]
    moved = codebook([*before, change("move", "a", "c")])
    assert moved.names == ("c", "b")
    assert moved.own("cd", "draft").by_record == {"r2": ("c",)}
    merged = codebook([*before, by("ef", change("move", "a", "b"), at=7.0)])
    assert merged.names == ("b",)
    assert merged.own("ab", "route").by_record == {"r1": ("b",), "r3": ("b",)}
    assert (merged.codes[0].version, merged.codes[0].since, merged.codes[0].by) == (2, 7.0, "ef")
    assert codebook([*before, change("move", "x", "b"), change("move", "a", "a")]).names == ("a", "b")


def test_records_are_split_off_into_a_code_of_their_own() -> None:
    book = codebook([add("a"), by("cd", add("a")), add("a", "r2"), change("split", "a", "b", record="r1")])
    assert book.names == ("a", "b")
    assert book.own("ab", "route").by_record == {"r1": ("b",), "r2": ("a",)}
    assert book.own("cd", "route").by_record == {"r1": ("b",)}
    assert book.codes[0].version == 2


def test_retired_code_comes_back_with_its_marks_when_it_is_put_on_again() -> None:
    retired = [add("a"), add("b"), change("retire", "a")]
    assert codebook(retired).names == ("b",)
    assert codebook(retired).own("ab", "route").by_record == {"r1": ("b",)}
    again = codebook([*retired, add("a", "r2")])
    assert again.names == ("a", "b")
    assert again.own("ab", "route").by_record == {"r1": ("a", "b"), "r2": ("a",)}
    assert codebook([*retired, change("move", "b", "a")]).names == ("a",)


def test_meaning_has_versions_and_the_book_a_history() -> None:
    define = replace(change("define", "a"), definition="Two requests in one mail.", severity="major", cost="2 days")
    narrower = replace(define, definition="Two topics in one mail.", example="m0012", annotator="cd", at=9.0)
    book = codebook([add("a"), define, replace(define, cost="1 day"), narrower, change("retire", "a"), add("a")])
    assert book.codes == (
        Code(
            name="a", definition="Two topics in one mail.", example="m0012", severity="major", cost="2 days",
            version=3, since=9.0, by="cd",
        ),
    )  # fmt: skip
    assert [(entry.version, entry.sentence) for entry in book.changes] == [
        (1, "a is new"),
        (2, "a is defined: Two requests in one mail."),
        (3, "a is defined: Two requests in one mail."),
        (4, "a is defined: Two topics in one mail."),
        (5, "a was retired"),
        (6, "a is new"),
    ]
    assert book.version == 6
    fresh = codebook([replace(define, definition="")])
    assert (fresh.codes[0].version, fresh.changes[0].sentence) == (1, "a is defined: no definition")
    said = codebook([add("a"), change("move", "a", "b"), change("split", "b", "c", record="r1")]).changes
    assert [entry.sentence for entry in said] == ["a is new", "a became b", "r1 went from b to c"]


def test_code_is_lifted_in_one_run_and_removed_in_all() -> None:
    both = [replace(add("a"), run="v1", at=1.0), replace(add("a"), run="v2", at=2.0)]
    v1 = CodeMark(code="a", record="r1", stage="route", annotator="ab", run="v1", at=1.0)
    assert codebook([*both, replace(change("lift", "a", record="r1"), run="v2")]).marks == (v1,)
    assert codebook([*both, replace(change("remove", "a", record="r1"), run="v2")]).marks == ()


@given(
    st.lists(
        st.builds(
            CodeEvent,
            id=st.just("e"),
            stage=st.sampled_from(["s", "t"]),
            annotator=st.sampled_from(["ab", "cd"]),
            action=st.sampled_from(
                ["add", "add", "remove", "lift", "define", "move", "split", "retire", "rename", "drop"]
            ),
            tag=st.sampled_from("abc"),
            into=st.sampled_from("abc"),
            record=st.sampled_from(["r1", "r2"]),
            run=st.sampled_from(["v1", "v2"]),
        ),
        max_size=12,
    )
)
def test_every_mark_is_of_a_code_in_the_book_whatever_was_done(events: list[CodeEvent]) -> None:
    book = codebook(events)
    assert {mark.code for mark in book.marks} <= set(book.names)
    assert len(set(book.names)) == len(book.names)
    keys = [(mark.annotator, mark.stage, mark.record, mark.code, mark.run) for mark in book.marks]
    assert len(set(keys)) == len(keys)


EVENT: dict[str, Json] = {"id": "e", "action": "add", "record": "r1", "tag": " two \n topics "}


def made(**fields: Json) -> CodeEvent:
    return code_event({**EVENT, **fields}, stage="route", annotator="ab", at=1.0, run="v1", verified=True)


def test_event_of_the_page_becomes_ours() -> None:
    assert made() == CodeEvent(
        id="e",
        stage="route",
        annotator="ab",
        action="add",
        tag="two topics",
        record="r1",
        at=1.0,
        run="v1",
        verified=True,
    )
    renamed = made(action="rename", into="b")
    assert (renamed.record, renamed.into) == ("", "b")
    assert made(action="drop").record == ""
    defined = made(action="define", definition=" When \n so ", example="m1", severity="minor", cost="an hour")
    assert (defined.stage, defined.record, defined.definition, defined.severity) == ("", "", "When so", "minor")
    assert (made(action="split", into="b").record, made(action="split", into="b").into) == ("r1", "b")


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"action": "burn"}, "can't be changed by 'burn'"),
        ({"id": ""}, "no id"),
        ({"id": 3}, "no id"),
        ({"record": ""}, "needs a record"),
        ({"record": None, "action": "remove"}, "needs a record"),
        ({"tag": "  "}, "1 to 60 characters"),
        ({"tag": "x" * 61}, "1 to 60 characters"),
        ({"action": "rename"}, "1 to 60 characters"),
        ({"action": "move"}, "1 to 60 characters"),
        ({"action": "split", "record": ""}, "needs a record"),
        ({"action": "define", "severity": "awful"}, "minor, major or critical"),
        ({"action": "define", "cost": "x" * 1_001}, "cost of a code has at most 1,000"),
    ],
)
def test_event_that_the_page_cannot_have_made_is_refused(fields: dict[str, Json], why: str) -> None:
    with pytest.raises(ConfigurationError, match=why):
        made(**fields)
