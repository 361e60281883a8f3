from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stagegap.stages.pace import CAP_S, FIRST_S, remaining, wait_before


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [({"retry-after": "7"}, 7.0), ({"retry-after-ms": "250", "retry-after": "7"}, 0.25), ({"retry-after": "0"}, 0.0)],
)
def test_what_the_provider_asks_for_counts(headers: dict[str, str], seconds: float) -> None:
    assert wait_before(0, headers, random.Random(1)) == seconds


@pytest.mark.parametrize(
    ("asked", "now", "seconds"),
    [
        ("Wed, 21 Oct 2026 07:28:00 GMT", "Wed, 21 Oct 2026 07:27:30 GMT", 30.0),
        ("Wed, 21 Oct 2026 07:28:00 GMT", "Wed, 21 Oct 2026 08:00:00 GMT", 0.0),
    ],
)
def test_a_date_is_read_by_the_providers_own_clock(asked: str, now: str, seconds: float) -> None:
    assert wait_before(0, {"retry-after": asked, "date": now}, random.Random(1)) == seconds


@pytest.mark.parametrize("now", ["", "now", "Wed, 21 Oct 2026 07:27:30 -0000"])
def test_a_date_without_one_to_compare_with_counts_as_nothing(now: str) -> None:
    headers = {"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT", "date": now}
    assert wait_before(0, headers, random.Random(1)) <= FIRST_S


@given(st.integers(0, 50), st.sampled_from(["", "soon", "-1", "nan", "Wed, 21 Oct 2026 07:28:00 GMT"]), st.integers())
def test_otherwise_the_wait_lies_below_a_doubling_limit_with_a_cap(attempt: int, asked: str, seed: int) -> None:
    wait_s = wait_before(attempt, {"retry-after": asked}, random.Random(seed))
    assert 0 <= wait_s <= min(CAP_S, FIRST_S * 2**attempt)


def test_calls_that_failed_together_do_not_come_back_together() -> None:
    draw = random.Random(1)
    assert len({wait_before(3, {}, draw) for _ in range(20)}) == 20


@pytest.mark.parametrize(
    ("text", "seconds"), [("20ms", 0.02), ("6m0s", 360.0), ("1h2m3.5s", 3723.5), ("1d", 86_400.0), ("12", 12.0)]
)
def test_lengths_of_time_are_read_as_providers_write_them(text: str, seconds: float) -> None:
    headers = {"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": text}
    assert remaining(headers) == {"tokens": (0.0, seconds)}
    assert wait_before(0, headers, random.Random(1)) == seconds


@pytest.mark.parametrize(("left", "reset"), [("", "1s"), ("x", "1s"), ("0", ""), ("0", "soon"), ("-1", "1s")])
def test_limits_that_make_no_sense_are_passed_over(left: str, reset: str) -> None:
    assert remaining({"x-ratelimit-remaining-requests": left, "x-ratelimit-reset-requests": reset}) == {}
