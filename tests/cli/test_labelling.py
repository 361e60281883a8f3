from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from cli.conftest import Command
from conftest import Copied
from stagegap.ui.access import Access


@pytest.fixture
def begun(stagegap: Command, tmp_path: Path, starter: Copied) -> Command:
    starter(tmp_path)
    return stagegap


def test_label_prints_what_is_left_and_the_link(begun: Command) -> None:
    said = begun("label", "topic", "--as", "yz", "--no-serve", "--port", "9000")
    said = replace(said, out=re.sub(r"token=[\w-]{32}", "token=TOKEN", said.out))
    assert said.out.splitlines() == [
        "Labelling topic as yz, blind. 6 of 6 left; your pace is known after the first label.",
        "Open http://127.0.0.1:9000/label?stage=topic&who=yz&token=TOKEN   Ctrl-C stops; every label is already saved.",
    ]


@pytest.mark.parametrize(
    ("words", "purpose", "link"),
    [
        (["--overlap"], "overlap", "&queue=overlap"),
        (["--size", "3"], "overlap", "&queue=overlap"),
        (["--swap"], "swap", "&queue=swap"),
        (["--hunt", "true"], "hunting", "&queue="),
        (["--cascade", "first"], "random", "&cascade=first"),
        (["--judge", "prefer", "--criterion", "tone"], "judge", "&queue="),
    ],
)
def test_each_queue_has_its_link(begun: Command, words: list[str], purpose: str, link: str) -> None:
    said = begun("label", "topic", "--as", "yz", "--json", *words).json
    assert said["purpose"] == purpose
    assert link in said["link"]
    assert said["left"] > 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["topc", "--as", "yz"], "Nobody can be asked about a stage 'topc'. Did you mean topic?"),
        (["topic", "--as", " "], "A label says who made it: give your initials, as in `stagegap label topic --as ab`."),
        (
            ["topic", "--as", "yz", "--overlap", "--swap"],
            "Choose one queue: --overlap, --swap, --next, --hunt, --unsure, --judge or --verdict.",
        ),
        (["topic", "--as", "yz", "--unsure", "3"], "gives no confidence to hunt by"),
    ],
)
def test_what_cannot_be_labelled_is_one_sentence(begun: Command, words: list[str], message: str) -> None:
    said = begun("label", *words, "--no-serve")
    assert said.code == 2
    assert message in said.error


def test_records_that_decide_the_ranking_are_offered_where_there_are_any(begun: Command) -> None:
    said = begun("label", "topic", "--as", "yz", "--next", "--no-serve")
    assert said.code == 2
    assert "The ranking of the stages needs no further label at 'topic'." in said.error


def test_nothing_left_is_said(begun: Command) -> None:
    assert "Nothing is left of 6." in begun("label", "topic", "--as", "ab", "--no-serve").out


def test_invitation_is_a_link_for_one_person_that_is_listed_and_taken_back(begun: Command, tmp_path: Path) -> None:
    assert "Nobody is invited." in begun("tools", "invitations").out
    said = begun("label", "topic", "--as", "ann", "--host", "192.0.2.7", "--no-serve")
    token = re.search(r"Open http://192\.0\.2\.7:8501/label\?stage=topic&token=([\w-]{32}) ", said.out)
    assert token is not None
    assert "Invitation i1, for ann alone" in said.out
    assert "others on the same network can read" in said.out
    assert Access(tmp_path).invitation(token[1]) is not None
    behind = begun("label", "topic", "--as", "ben", "--host", "https://labels.example.org/")
    assert "Open https://labels.example.org/label?stage=topic&token=" in behind.out
    assert "others on the same network" not in behind.out
    assert [row["who"] for row in begun("tools", "invitations", "--json").json] == ["ann", "ben"]
    ended = begun("tools", "invitations", "--revoke", "ann").out.splitlines()
    assert re.fullmatch(r"i1  ann  made \S+, taken back \S+ \(now\)", ended[0])
    assert re.fullmatch(r"i2  ben  made \S+, holds", ended[1])
    assert Access(tmp_path).invitation(token[1]) is None
    assert begun("tools", "invitations", "--revoke", "ann").code == 2
