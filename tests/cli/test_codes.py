"""`show codes` and `tools code`: what went wrong as people read it, and the codebook from the terminal."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.conftest import Command
from conftest import Copied
from stagegap.workspace import Workspace


@pytest.fixture
def ran(stagegap: Command, tmp_path: Path, starter: Copied) -> Command:
    """The command line in the starter, run; two of its questions were read, and fail at topic."""
    starter(tmp_path)
    with Workspace.open(tmp_path) as workspace:
        for item in workspace.readings.sitting("first", "v1", "ab", ahead=2).items:
            own = {"record": item.record, "stage": "topic"}
            read = {"id": item.record, "what": "reading", "action": "read", "verdict": "fail", **own}
            code = {"id": f"c {item.record}", "what": "code", "action": "add", "tag": "two topics", **own}
            workspace.readings.save("first", "v1", [read, code], "ab")
    return stagegap


def test_view_is_printed_and_given_as_json(ran: Command) -> None:
    shown = ran("show", "codes")
    assert "100% (34 to 100) of 2 questions read fail" in shown.out
    assert "two topics" in shown.out
    assert "points two topics at topic" not in shown.out
    assert "two topics at topic points: too few: no record read was right at topic." in shown.out
    view = ran("show", "codes", "--json").json
    assert [(row["code"], row["stage"], row["count"]) for row in view["rows"]] == [("two topics", "topic", 2)]


def test_codebook_is_printed_and_changed(ran: Command) -> None:
    assert "1 code, 1 change of the book" in ran("tools", "code").out
    ran("tools", "code", "two topics", "--means", "Two requests.", "--severity", "major", "--as", "ab")
    defined = ran("tools", "code", "two topics", "--costs", "2 days", "--as", "cd", "--json").json
    assert [(code["definition"], code["severity"], code["cost"]) for code in defined["codes"]] == [
        ("Two requests.", "major", "2 days")
    ]
    record = defined["marks"][0]["record"]
    split = ran("tools", "code", "two topics", "--into", "three", "--record", record, "--as", "ab", "--json").json
    assert [code["name"] for code in split["codes"]] == ["two topics", "three"]
    merged = ran("tools", "code", "three", "--into", "two topics", "--as", "ab", "--json").json
    assert [code["name"] for code in merged["codes"]] == ["two topics"]
    assert "two topics was retired (ab)." in ran("tools", "code", "two topics", "--retire", "--as", "ab").out


@pytest.mark.parametrize(
    "words",
    [
        ("two topics",),
        ("--retire", "--as", "ab"),
        ("two topics", "--retire"),
        ("two topics", "--retire", "--means", "x", "--as", "ab"),
    ],
)
def test_half_a_change_is_refused_in_a_sentence(ran: Command, words: tuple[str, ...]) -> None:
    answer = ran("tools", "code", *words)
    assert answer.code == 2
    assert "A CODE is changed by --as and one of" in answer.error


def test_record_that_does_not_carry_the_code_is_named(ran: Command) -> None:
    answer = ran("tools", "code", "two topics", "--into", "x", "--record", "q99", "--as", "ab")
    assert "q99: no such record carries 'two topics'." in answer.error
    assert "no code 'two'. Known: two topics." in ran("tools", "code", "two", "--into", "x", "--as", "a").error
    missing = ran("tools", "code", "two", "--into", "x", "--record", "q1", "--as", "a")
    assert "The codebook has no code 'two'." in missing.error
