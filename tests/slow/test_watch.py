"""Quiet streams raise an alarm in at most 5% of cases, however often one looks: the table of the docs."""

from __future__ import annotations

import pytest

from watched import SETUPS, heard, table

SIMULATIONS = 2_000


@pytest.mark.slow
def test_of_2000_quiet_streams_at_most_5_percent_ever_raise_an_alarm(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [(setup, heard(setup, SIMULATIONS)) for setup in SETUPS]
    with capsys.disabled():
        print(f"\n{table(rows)}")  # noqa: T201  # the table of docs/method-changes.md
    for setup, row in rows:
        assert row.before <= 0.05, setup.title
        if setup.title.startswith("quiet"):
            assert row.ever <= 0.05, setup.title
