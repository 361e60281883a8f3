from __future__ import annotations

import gc

import pytest

from stagegap.runner.execute import YOUNG, rare_collections


def test_collector_is_as_before_after_a_run_that_failed() -> None:
    before = gc.get_threshold()
    inside: list[tuple[int, int, int]] = []

    def run() -> None:
        with rare_collections():
            inside.append(gc.get_threshold())
            raise KeyError

    with pytest.raises(KeyError):
        run()
    assert inside == [(YOUNG, *before[1:])]
    assert gc.get_threshold() == before


def test_collector_that_is_off_or_rarer_stays_so() -> None:
    before = gc.get_threshold()
    try:
        for rarer in (0, 2 * YOUNG):
            gc.set_threshold(rarer, 10, 10)
            with rare_collections():
                assert gc.get_threshold() == (rarer, 10, 10)
    finally:
        gc.set_threshold(*before)
