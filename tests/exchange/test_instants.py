from __future__ import annotations

import pytest

from stagegap.exchange.typed import seconds
from stagegap.model.record import Json


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (None, None),
        ("", None),
        (5, 5.0),
        ("1e3", 1000.0),
        ("1970-01-01T01:00:00+01:00", 0.0),
        (" 1970-01-01T00:00:01.5Z ", 1.5),
        ("1970-01-02", 86400.0),
    ],
)
def test_time_is_read_in_every_form_that_programs_write(written: Json, read: float | None) -> None:
    assert seconds(written) == read


@pytest.mark.parametrize("written", ["soon", "nan", float("inf"), True, [1]])
def test_what_is_no_time_is_refused(written: Json) -> None:
    with pytest.raises(ValueError, match=r"A time is seconds since 1970 or an ISO 8601 text, found "):
        seconds(written)


@pytest.mark.parametrize("written", [1767323045000, "1767323045001", 1e300, -1e13])
def test_a_time_in_milliseconds_is_refused_with_that_guess(written: Json) -> None:
    with pytest.raises(ValueError, match=r"Milliseconds\? Divide by 1000\."):
        seconds(written)  # type: ignore[arg-type]


@pytest.mark.parametrize("written", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", 10**30])
def test_a_time_outside_of_the_calendar_is_refused(written: Json) -> None:
    with pytest.raises(ValueError, match=r"A time is seconds since 1970 or an ISO 8601 text, found "):
        seconds(written)  # type: ignore[arg-type]
