"""The tally: how frequent codes are among failures that were read, and what mending one would win."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest

from people.test_codebook import add
from stagegap.model.estimate import Estimate, unmeasured
from stagegap.model.notes import CodeEvent, Failure
from stagegap.people.codebook import OwnCodes, code_tally, codebook

RATE = Estimate(value=0.4, low=0.4, high=0.4, n=100, method="exact")


def own_codes(events: Iterable[CodeEvent]) -> OwnCodes:
    return codebook(events).own("ab", "route")


def failure(record: str, *, win: float | None = 1.0, unit: str = "") -> Failure:
    return Failure(
        stage="route",
        record=record,
        title=record,
        score=0.0,
        first_fault=True,
        inherits=False,
        disagreed=False,
        win=win,
        unit=unit or record,
    )


def test_share_is_of_the_failures_read_and_the_win_is_of_all_records() -> None:
    """30 of 40 failures read carry the tag, 10 of these would not be won: 20 of 40 times a rate of 40%."""
    records = [f"r{i}" for i in range(40)]
    own = own_codes([add("a", r) for r in records[:30]] + [add("b", r) for r in records[30:]])
    read = [failure(r, win=0.0 if i < 10 else 1.0) for i, r in enumerate(records)]
    tally = code_tally(own, read, stage="route", noun="mail", failures=400, rate=RATE)
    row = tally.rows[0]
    assert (row.tag, row.count, row.share.value) == ("a", 30, 0.75)
    assert row.share.low == pytest.approx(0.5981, abs=1e-4)  # Wilson
    assert row.win.value == pytest.approx(0.5 * 0.4)
    assert row.win.low == pytest.approx(0.4 * 0.3520, abs=1e-4)
    assert tally.headline == "30 of the 40 route failures that you tagged: a"
    assert "40 of 400 failures are tagged." in tally.basis
    assert "few" not in tally.basis


def test_uncertainty_of_the_failure_rate_widens_the_win() -> None:
    own, read = own_codes([add("a", "r1"), add("b", "r2")]), [failure("r1"), failure("r2")]
    certain = code_tally(own, read, stage="route", noun="mail", failures=2, rate=RATE).rows[0].win
    wide = replace(RATE, low=0.1, high=0.7)
    unsure = code_tally(own, read, stage="route", noun="mail", failures=2, rate=wide).rows[0].win
    assert unsure.low < certain.low < certain.value < certain.high < unsure.high


def test_failures_of_one_cluster_count_as_such() -> None:
    records = [f"r{i}" for i in range(20)]
    own = own_codes([add("a" if i < 10 else "b", r) for i, r in enumerate(records)])
    alone = code_tally(own, [failure(r) for r in records], stage="s", noun="mail", failures=20, rate=RATE)
    together = code_tally(
        own,
        [failure(r, unit=str(i // 5)) for i, r in enumerate(records)],
        stage="s",
        noun="mail",
        failures=20,
        rate=RATE,
    )
    assert together.rows[0].share.clusters == 4
    assert together.rows[0].share.low < alone.rows[0].share.low


def test_nothing_read_gives_no_number() -> None:
    own = OwnCodes(tags=("old",), by_record={})
    tally = code_tally(own, [], stage="route", noun="mail", failures=2, rate=RATE)
    assert tally.headline == "Route fails on 2 of 100 mails"
    assert tally.rows[0].share.method == "too few: nothing is tagged"
    assert not tally.rows[0].win.is_measured
    assert "A failure may have several." in tally.basis
    none = code_tally(OwnCodes(tags=(), by_record={}), [], stage="route", noun="mail", failures=0, rate=RATE)
    assert none.headline == "Route never fails: 0 of 100 mails"
    nothing = unmeasured("too few: nothing was scored")
    unscored = code_tally(OwnCodes(tags=(), by_record={}), [], stage="route", noun="mail", failures=0, rate=nothing)
    assert unscored.headline == "No mail was scored at route"


def test_without_a_ceiling_the_win_is_not_measured() -> None:
    own, read = own_codes([add("a")]), [failure("r1", win=None)]
    row = code_tally(own, read, stage="route", noun="mail", failures=1, rate=RATE).rows[0]
    assert row.win.method == "not measured: there is no ceiling"
    assert row.share.value == 1


def test_without_a_failure_rate_there_is_no_win() -> None:
    own, read = own_codes([add("a"), add("a", "r2")]), [failure("r1"), failure("r2")]
    row = code_tally(own, read, stage="r", noun="mail", failures=2, rate=unmeasured("too few: 1 record")).rows[0]
    assert row.win.method == "too few: 1 record"


def test_all_failures_tagged_is_said() -> None:
    own, read = own_codes([add("a")]), [failure("r1")]
    tally = code_tally(own, read, stage="route", noun="mail", failures=1, rate=RATE)
    assert tally.headline == "1 of 1 route failures: a"
    assert tally.basis == "All 1 failures are tagged, by somebody who saw the answers."


def test_fix_that_breaks_good_records_wins_less_than_nothing() -> None:
    """A stage that fails where the end is good anyway: its reference breaks the record."""
    records = [f"r{i}" for i in range(40)]
    own = own_codes([add("a", r) for r in records])
    read = [failure(r, win=-1.0 if i < 10 else 0.0) for i, r in enumerate(records)]
    win = code_tally(own, read, stage="route", noun="mail", failures=40, rate=RATE).rows[0].win
    assert win.value == pytest.approx(-0.25 * 0.4)
    assert win.low < win.value < win.high < 0


def test_wins_of_a_graded_outcome_have_a_t_interval() -> None:
    records = [f"r{i}" for i in range(40)]
    own = own_codes([add("a", r) for r in records])
    read = [failure(r, win=0.1 + i / 100) for i, r in enumerate(records)]
    win = code_tally(own, read, stage="route", noun="mail", failures=40, rate=RATE).rows[0].win
    assert win.value == pytest.approx(0.295 * 0.4)
    assert 0.09 < win.low < win.value < win.high < 0.15
