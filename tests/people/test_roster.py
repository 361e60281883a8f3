"""Who is still active, what they were asked to do, and what is said of them."""

from __future__ import annotations

import pytest

from stagegap.model.answer import Answer, Label
from stagegap.model.notes import PersonEvent
from stagegap.model.queue import Progress
from stagegap.people.roster import (
    A_DAY,
    QUIET_AFTER,
    OpenRecords,
    Person,
    Roster,
    Standing,
    Work,
    assignments,
    day,
    is_day,
    retired,
    roster_sheet,
    standing,
)

NOW = 1_000 * A_DAY


def event(action: str, at: float, who: str = "ann", **more: str) -> PersonEvent:
    return PersonEvent(id=f"{action}{at}", annotator=who, action=action, at=at, **more)  # type: ignore[arg-type]


def label(days_ago: float, queue: str = "q") -> Label:
    return Label(
        id=str(days_ago), record="r", stage="s", annotator="ann", answer=Answer(value="a"), queue=queue,
        at=NOW - days_ago * A_DAY,
    )  # fmt: skip


def test_the_last_word_says_whether_somebody_has_stopped_whatever_the_clock_does() -> None:
    events = [event("retire", 2.0), event("return", 1.0), event("retire", 1.0, "bob"), event("assign", 3.0, "bob")]
    assert retired(events) == {"bob"}
    assert retired([*events, event("retire", 0.0)]) == {"ann", "bob"}
    assert assignments([event("assign", 9.0, queue="a"), event("excuse", 8.0, queue="a")]) == {}
    assert day(1.7e12) == "9999-12-31", "a calendar has no later one"


def test_assignments_hold_with_their_last_date_until_somebody_is_excused() -> None:
    events = [
        event("assign", 1.0, queue="a", due="2026-12-05", by="eve"),
        event("assign", 2.0, queue="a", due="2026-12-09"),
        event("assign", 2.0, queue="b"),
        event("excuse", 3.0, queue="b"),
        event("excuse", 3.0, "bob", queue="b"),
    ]
    own = assignments(events)
    assert {name: {key: one.due for key, one in asked.items()} for name, asked in own.items()} == {
        "ann": {"a": "2026-12-09"}
    }


@pytest.mark.parametrize(
    ("labels", "more", "wanted"),
    [
        ([label(0.5)], {}, "active"),
        ([label(QUIET_AFTER - 1), label(400)], {}, "active"),
        ([label(QUIET_AFTER + 1)], {}, "quiet"),
        ([label(QUIET_AFTER + 1)], {"has_to_do": True}, "active"),
        ([], {"has_to_do": True}, "active"),
        ([label(0, queue="")], {}, "from a file"),
        ([label(0.5)], {"is_retired": True, "has_to_do": True}, "retired"),
    ],
)
def test_reports_wait_for_those_who_work_or_were_asked_to(
    labels: list[Label], more: dict[str, bool], wanted: Standing
) -> None:
    given = {"is_retired": False, "has_to_do": False} | more
    assert standing(labels, now=NOW, **given) == wanted


@pytest.mark.parametrize(
    ("text", "wanted"),
    [("2026-12-05", True), ("2026-2-5", False), ("20261205", False), ("tomorrow", False), ("", False)],
)
def test_a_day_is_written_in_one_way(text: str, wanted: bool) -> None:
    assert is_day(text) is wanted


def test_who_keeps_records_back_is_named_with_how_many() -> None:
    waiting = OpenRecords(people={"kim": frozenset({"r1", "r2"}), "ann": frozenset({"r1"})})
    assert waiting.records == {"r1", "r2"}
    assert waiting.left_out("mail") == "2 mails left out: still to be answered by ann (1) and kim (2)."
    assert waiting.revealed("mail") == (
        "ann (1 mail) and kim (2 mails) are no longer blind to what is shown here: their queues leave it out."
    )
    few = waiting.among(["r2", "r9"])
    assert few.left_out("mail") == "1 mail left out: kim is still to answer it."
    assert few.revealed("mail").startswith("kim (1 mail) is no longer blind")
    nobody = waiting.among([])
    assert (nobody.people, nobody.left_out("mail"), nobody.revealed("mail")) == ({}, "", "")


def person(name: str, standing: Standing, *work: Work) -> Person:
    return Person(name=name, standing=standing, labels=3, last=NOW if name == "ann" else 0.0, work=work)


def work(left: int, due: str = "", *, is_assigned: bool = False) -> Work:
    progress = Progress(done=2, skipped=0, total=2 + left, median_ms=None)
    return Work(queue="k", stage="route", purpose="random", progress=progress, due=due, is_assigned=is_assigned)


def test_list_has_a_row_for_each_queue_and_says_what_is_late_and_what_to_do() -> None:
    people = (
        person("ann", "active", work(5, "2026-11-01", is_assigned=True), work(0)),
        person("bob", "quiet", work(7)),
        person("eve", "retired", work(4, "2026-11-01", is_assigned=True)),
        person("ref", "from a file"),
        person("zoe", "active", work(1, is_assigned=True)),
    )
    sheet = roster_sheet(Roster(cascade="mail", noun="mail", today="2026-11-30", people=people))
    assert sheet.headline == "5 labellers of mail: 2 active, 1 quiet, 1 retired and 1 from a file"
    (table,) = sheet.tables
    assert [(row[0], row[1], row[7], row[8]) for row in table.rows] == [
        ("ann", "active", 5, "2026-11-01, late"),
        ("ann", "active", 0, "-"),
        ("bob", "quiet", 7, "-"),
        ("eve", "retired", 4, "2026-11-01"),
        ("ref", "from a file", None, "-"),
        ("zoe", "active", 1, "no date"),
    ]
    assert sheet.sentences == (
        "Reports leave out what is still to be answered by ann (5) and zoe (1). `stagegap people retire NAME` where "
        "somebody has stopped.",
        "No report waits for bob: no answer for 30 days. The next one changes that.",
    )
    assert sheet.rows()[0]["who"] == "ann"


def test_nobody_is_said() -> None:
    sheet = roster_sheet(Roster(cascade="mail", noun="mail", today="2026-11-30", people=()))
    assert (sheet.headline, sheet.sentences) == ("Nobody has answered anything of mail yet", ())
