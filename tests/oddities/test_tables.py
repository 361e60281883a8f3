"""Tables that are imported: percentages that cannot be, raters that hardly agree."""

from __future__ import annotations

import math

import numpy as np
import pytest

from stagegap.model.answer import Rating
from stagegap.oddities.tables import PrintedScore, is_possible, nearest, ratings_screen, score_table


def printed(text: str, n: int, runs: int = 1) -> PrintedScore:
    return PrintedScore(name="x", printed=text, n=n, runs=runs)


@pytest.mark.parametrize(
    ("text", "n", "runs", "possible"),
    [
        ("12.50%", 126, 1, False),  # the paper's own case: 15 or 16 of 126
        ("12.50", 126, 4, True),  # 63 of 504, the mean of four runs
        ("12.70", 126, 1, True),
        ("0.125", 8, 1, True),
        ("0.13", 8, 1, True),  # halves may be rounded up
        ("0.12", 8, 1, True),  # or down
        ("0.14", 8, 1, False),
        ("100", 7, 1, True),
        ("0", 7, 1, True),
        ("99.9", 7, 1, False),
    ],
)
def test_share_is_possible_when_a_whole_number_of_records_gives_it(
    text: str, n: int, runs: int, possible: bool
) -> None:
    assert is_possible(printed(text, n, runs)) is possible


def test_every_attainable_share_is_possible_however_it_is_rounded() -> None:
    for n in range(1, 60):
        for k in range(n + 1):
            for digits in (0, 1, 2):
                assert is_possible(printed(f"{100 * k / n:.{digits}f}%", n)), (k, n, digits)


def test_nearest_shares_are_named() -> None:
    assert nearest(printed("0.14", 8)) == "1 of 8 (0.125) or 2 of 8 (0.250)"
    assert nearest(printed("99.9", 7)) == "6 of 7 (85.71%) or 7 of 7 (100.00%)"


def test_table_has_a_card_for_each_number_that_cannot_be() -> None:
    scores = [
        PrintedScore(name="a", printed="12.50%", n=126), PrintedScore(name="b", printed="50%", n=2),
        PrintedScore(name="c", printed="0.14", n=8, runs=1),
    ]  # fmt: skip
    view = score_table(scores, name="t.csv")
    assert view.headline == "2 things look strange"
    assert view.cards[0].sentence == (
        "a: 12.50% is no share of 126 records; the nearest are 15 of 126 (11.905%) or 16 of 126 (12.698%)."
    )
    assert (view.cards[0].kind, view.cards[0].statistic.n) == ("found", 3)
    assert math.isnan(view.cards[0].q)
    assert view.checks[0].looked == 3


def test_clean_and_empty_tables_show_nothing() -> None:
    assert score_table([printed("50%", 2)], name="t.csv").headline == "Nothing strange found by 1 check"
    empty = score_table([], name="t.csv")
    assert (empty.cards, empty.headline) == ((), "No check had anything to look at")


def rated(noise: float, criterion: str) -> list[Rating]:
    rng = np.random.default_rng(1)
    return [
        Rating(system="s", record=f"r{i}", criterion=criterion, rater=f"p{j}", value=i % 5 + noise * rng.normal())
        for i in range(100) for j in range(3)
    ]  # fmt: skip


def test_criterion_by_which_raters_hardly_agree_is_shown_and_the_other_is_not() -> None:
    view = ratings_screen([*rated(0.3, "accuracy"), *rated(20, "style")], name="ratings.jsonl")
    assert [card.subject for card in view.cards] == ["style"]
    assert view.cards[0].sentence.startswith("Labellers hardly agree by style")
    assert view.basis.startswith("600 ratings in ratings.jsonl.")
