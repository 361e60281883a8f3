"""What a stream of drawn records says: floors, alarms, causes, and what is not counted."""

from __future__ import annotations

import math

import numpy as np
import pytest

from stagegap.analysis import views
from stagegap.analysis.watch import (
    Batch,
    Stream,
    WatchView,
    fold,
    level_of_reference,
    results,
    unlike,
    watch_sheet,
    watch_view,
)
from stagegap.model.estimate import Estimate, unmeasured
from stagegap.stats.intervals import wilson
from watched import SETUPS, heard, words

AT = np.repeat(np.arange(10), 6)


def batches(count: int = 10) -> list[Batch]:
    return [Batch(run=f"v{i + 1}", at=float(i), records=50, drawn=6, again=0) for i in range(count)]


def scores(good: float, *, place: str = "outcome", reference: Estimate | None = None, **more: object) -> Stream:
    """The first share of the records is right, the others are wrong."""
    values = (np.arange(60) < good * 60).astype(float)
    of = wilson(0.95, n=300, level=level_of_reference(1)) if reference is None else reference
    return Stream(kind="score", place=place, values=values, batches=AT, reference=of, **more)  # type: ignore[arg-type]


def view_of(*streams: Stream, count: int = 10) -> WatchView:
    return watch_view(streams, batches(count), cascade="c-watch", base="v7", noun="mail", lose_at_most=0.05)


def test_threshold_shares_four_percent_among_the_streams_and_one_among_the_references() -> None:
    assert view_of(scores(1), scores(1, place="a")).alarm_at == pytest.approx(50)
    assert level_of_reference(4) == pytest.approx(1 - 2 * 0.0025)
    assert level_of_reference(0) == level_of_reference(1)


def test_floor_is_the_lower_limit_of_the_reference_less_what_may_be_lost() -> None:
    reference = wilson(0.95, n=300, level=level_of_reference(1))
    (row,) = view_of(scores(1)).rows
    assert row.floor == pytest.approx(reference.low - 0.05)
    assert view_of(scores(1, promised=0.8)).rows[0].floor == 0.8


def test_a_fall_is_an_alarm_with_the_batch_since_when() -> None:
    view = view_of(scores(0.5))
    assert view.exit_code == 1
    assert view.rows[0].since == "v6"
    assert view.headline == (
        "Alarm: outcome fell below 86% since v6 (50% (30 to 70) of 60 in all); neither a change of what comes in nor "
        "of a stage is proven"
    )
    (result,) = results(view)
    assert (result.status, result.message) == ("failed", "outcome, score: alarm since v6")


def test_causes_are_named_where_they_are_proven() -> None:
    same = Stream(kind="same input", place="route", values=np.full(60, -1.0), batches=AT)
    other = Stream(kind="inputs", place="inputs", values=np.full(60, 0.9), batches=AT)
    view = view_of(scores(0.5), scores(0.4, place="a"), same, other)
    assert ", and so did a; route answers the same inputs worse and what comes in has changed since v1" in view.headline
    alone = view_of(scores(1), other)
    assert alone.headline == "Alarm: what comes in has changed since v1"
    two = view_of(same, Stream(kind="same input", place="reply", values=np.full(60, -1.0), batches=AT))
    assert two.headline == "Alarm: route and reply answer the same inputs worse"


def test_what_can_not_be_held_to_anything_says_why_and_raises_nothing() -> None:
    lost = view_of(scores(0.0, reference=unmeasured("not measured")))
    assert lost.rows[0].note == "the reference run has no score here"
    few = view_of(scores(0.0, reference=wilson(1.0, n=1)))
    assert few.rows[0].note == "", "one label has a lower limit above the margin"
    none = view_of(scores(0.0, reference=wilson(0.0, n=40)))
    assert none.rows[0].note == "too few labels in the reference run to hold anything against it"
    assert not lost.is_alarm
    assert not none.is_alarm
    assert results(none)[0].status == "not measured"
    sure = view_of(scores(0.5, promised=1.0))
    assert not sure.is_alarm, "nothing can be bet against a floor at the top"


def test_quiet_and_waiting_are_said() -> None:
    view = view_of(scores(1, waiting=3))
    assert view.headline == "No alarm after 10 batches, 500 mails: nothing is proven to have become worse than v7"
    assert "Drawn and not yet answered: 3 at outcome." in view.summary
    assert results(view)[0].status == "passed"
    assert "quiet" in str(watch_sheet(view).tables[0].rows)
    assert views.from_json(WatchView, views.to_json(view)) == view


def test_nothing_came_in_yet() -> None:
    view = view_of(count=0)
    assert view.headline == "Nothing came in yet"
    assert watch_sheet(view).sentences == ("Put files of records into the folder: one record a row, as the cascade's.",)
    assert not view.is_alarm


def test_a_stream_without_values_is_not_measured() -> None:
    empty = Stream(
        kind="score", place="a", values=np.zeros(0), batches=np.zeros(0, dtype=np.int64), reference=wilson(1, n=99)
    )
    view = view_of(empty)
    assert results(view)[0].message == "a, score: not measured: nothing was drawn and answered yet"
    before = watch_view([empty], [], cascade="c", base="v", noun="mail", lose_at_most=0.05)
    assert before.rows[0].evidence == 1.0


def test_a_unit_counts_in_the_batch_in_which_it_came_first() -> None:
    values = np.array([1.0, 0.0, 0.5, math.nan, 1.0])
    means, at = fold(values, np.array([0, 0, 1, 1, 2]), ["ann", "ann", "ann", "bob", "bob"])
    assert means.tolist() == [0.5, 1.0]
    assert at.tolist() == [0, 2]


def test_bets_on_unlike_records_use_each_old_one_once_and_no_batch_that_they_learn_from() -> None:
    rng = np.random.default_rng(1)
    old = [words(0, rng) for _ in range(20)]
    payoffs, at = unlike(old, [[words(1, rng) for _ in range(8)] for _ in range(3)])
    assert at.tolist() == [1] * 8 + [2] * 2, "the first batch teaches, and ten old ones are there to be held against"
    assert payoffs.mean() > 0.5
    assert np.abs(payoffs).max() <= 1


def test_alike_records_win_nothing() -> None:
    rng = np.random.default_rng(2)
    old = [words(0, rng) for _ in range(400)]
    payoffs, _ = unlike(old, [[words(0, rng) for _ in range(20)] for _ in range(11)])
    assert len(payoffs) == 200
    assert abs(payoffs.mean()) < 0.15


def test_quiet_streams_hardly_ever_raise_an_alarm_and_a_fall_does() -> None:
    quiet = heard(SETUPS[0], 60)
    assert quiet.ever <= 0.1, "5% and nearly two standard errors"
    fallen = heard(SETUPS[4], 8)
    assert fallen.score > 0.8
    assert fallen.before <= 0.2
