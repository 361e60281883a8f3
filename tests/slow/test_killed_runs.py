"""The kill loop of the gate, in full length."""

from __future__ import annotations

from pathlib import Path

import pytest

import llm_server
from killed_runs import AT_ONCE, torment

pytestmark = pytest.mark.slow
TRIES = 50


def test_fifty_kills_lose_nothing_and_pay_only_for_what_was_under_way(tmp_path: Path) -> None:
    with llm_server.running() as server:
        told = torment(tmp_path, server, records=50 * 2 * AT_ONCE, kills=TRIES, seed=11)
    assert (told.lost, told.paid_again) == (set(), {})
    assert told.extra <= TRIES * 2 * AT_ONCE
    assert told.is_same
    assert len(told.killed) == TRIES
