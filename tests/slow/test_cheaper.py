"""Level and power of "may be cheaper", with the number of simulations that docs/method-changes.md prints."""

from __future__ import annotations

import pytest

from replacements import SETUPS, decided, table

SIMULATIONS = 2_000


@pytest.mark.slow
def test_at_most_one_view_in_twenty_accepts_what_loses_the_margin(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [(setup, decided(setup, SIMULATIONS)) for setup in SETUPS]
    with capsys.disabled():
        print(f"\n{table(rows)}")  # noqa: T201  # the table of docs/method-changes.md
    for setup, row in rows:
        assert row.wrong <= 0.06, f"{setup.title}: 5% and two standard errors"
        assert row.wrong_joint <= 0.06, f"{setup.title}: 5% and two standard errors"
