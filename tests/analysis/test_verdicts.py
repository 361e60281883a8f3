"""What verdicts say, what they rest on and what is taken off: figures and sentences."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from stagegap.analysis.verdicts import VerdictColumns, VerdictRow, verdict_parts, verdict_row
from stagegap.stats.judge import Mix
from stagegap.stats.spread import clusters

Floats = NDArray[np.float64]


def columns(labels: Floats, marks: Floats, **more: Any) -> VerdictColumns:  # Any: fields by name
    given = {"stage": "draft", "by": "verdicts", "accepted": 1, "corrected": 2, "rejected": 3, **more}
    return VerdictColumns(units=clusters(range(len(labels))), marks=marks, labels=labels, **given)


def some(n: int = 60, more: int = 140, **fields: Any) -> VerdictRow:
    """Blind answers to n outputs of which 60% are good, verdicts on all that accept half of the bad ones too."""
    rng = np.random.default_rng(1)
    truth = (rng.random(n + more) < 0.6).astype(float)
    seen = np.where(rng.random(n + more) < 0.5, 1.0, truth)
    return verdict_row(columns(np.where(np.arange(n + more) < n, truth, np.nan), seen, **fields))


def sentences(row: VerdictRow) -> str:
    return " ".join(part for part in verdict_parts([row], "mail") if isinstance(part, str))


def test_share_says_what_it_rests_on_and_what_is_taken_off() -> None:
    row = some()
    assert (row.judged, row.blind, row.paired) == (200, 60, 60)
    assert row.anchoring.value == pytest.approx(row.uncorrected.value - row.share.value, abs=1e-9)
    assert row.anchoring.low > 0
    text = sentences(row)
    assert (
        "It rests on 60 blind answers and 6 verdicts on 200 outputs (1 accepted, 2 corrected, 3 rejected; 60 have both)"
        in text
    )
    assert "points above blind answers: that anchoring is taken off" in text


def test_few_blind_answers_leave_the_rate_unknown_and_the_uncorrected_one_says_so() -> None:
    row = some(n=19)
    assert not row.share.is_measured
    assert row.share.method == "too few: 19 blind answers, and 20 are needed"
    assert "nobody knows how far seeing the output drew them" in sentences(row)
    assert "of the mails end well at draft" in sentences(some(n=19, by="readings"))


def test_where_all_is_good_the_blind_answers_alone_have_their_interval() -> None:
    row = verdict_row(columns(np.ones(30), np.ones(30)))
    assert row.share == row.by_blind
    assert row.share.low > 0.85
    assert not row.anchoring.is_measured
    assert "anchoring" in sentences(row)


def test_time_is_planned_where_both_paces_are_known_and_enough_have_both() -> None:
    assert some().mix is None
    assert some(seconds=0.0, seconds_blind=60.0).mix is None
    assert some(n=10, seconds=5.0, seconds_blind=60.0).mix is None
    row = some(seconds=5.0, seconds_blind=90.0)
    assert isinstance(row.mix, Mix)
    assert row.mix.verdicts > row.mix.blind
    assert "blind answers among them take" in sentences(row)
    assert "would not make it faster" in sentences(some(seconds=90.0, seconds_blind=5.0))


def test_whole_records_read_are_counted_as_passed_and_failed() -> None:
    assert "200 mails read (1 passed, 3 failed; 60 have both)" in sentences(some(by="readings"))


def test_nothing_is_said_without_a_verdict() -> None:
    assert tuple(verdict_parts([], "mail")) == ()
