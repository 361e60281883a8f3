"""Too little data, nothing at all, and what is plain: detectors say nothing rather than something wrong."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import odd_runs
import odd_screens
from stagegap import charts
from stagegap.model.estimate import unmeasured
from stagegap.oddities.between import differing
from stagegap.oddities.card import Mark, Plot
from stagegap.oddities.columns import ranks
from stagegap.oddities.format import language
from stagegap.oddities.tables import DETECTOR
from stagegap.stats.intervals import wilson


@pytest.mark.parametrize("n", [4, 20])
def test_few_records_show_nothing(n: int) -> None:
    run = replace(odd_runs.clean(np.random.default_rng(1), n), groups={}, curves=())
    view = odd_screens.screened(run)
    assert not [card.key for card in view.cards if card.kind == "test"]


def test_difficulties_have_an_order_when_it_is_known() -> None:
    assert ranks(["10", "2.5"]) == (10.0, 2.5)
    assert ranks(["schwer", "leicht"]) == (2.0, 0.0)
    easy, very = ranks(["easy", "very_hard"]) or (0.0, 0.0)
    assert easy < very
    assert ranks(["blue", "easy"]) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Where is the parcel that you sent to me? I have not seen it.", "en"),
        ("Wo ist das Paket, das Sie mir geschickt haben? Ich habe es nicht.", "de"),
        ("Привет, где моя посылка?", "ru"),
        ("ok", ""),
        ("", ""),
    ],
)
def test_language_is_named_where_it_is_plain(text: str, expected: str) -> None:
    assert language(text) == expected


def test_inputs_that_nobody_got_differ_from_nothing() -> None:
    nothing = np.zeros(3, dtype=np.uint64)
    assert np.isnan(differing(nothing, nothing)).all()


def test_table_detector_finds_nothing_in_a_run() -> None:
    assert list(DETECTOR.look(odd_runs.clean(np.random.default_rng(1), 10))) == []


def test_plot_says_what_is_compared_and_what_is_not_measured() -> None:
    half = wilson(0.5, n=10)
    plot = Plot(
        title="Error by size", y_name="error", other_name="error on training records", expected_name="power law",
        level=wilson(0.1, n=50), level_name="labellers",
        marks=(
            Mark(name="16", y=half, expected=0.4, other=wilson(0.2, n=16)),
            Mark(name="32", y=unmeasured("too few: no record")),
        ),
    )  # fmt: skip
    html = charts.oddity_plot(plot)
    assert "error 50%, 95% interval 24 to 76, n = 10; error on training records 20%; power law 40%." in html
    assert "too few: no record" in html
    assert "labellers 10%" in html
    bare = charts.oddity_plot(replace(plot, other_name="", expected_name="", level=None))
    assert "labellers" not in bare
    assert "<svg" not in html  # rows without a place are no curve


def test_curve_has_its_marks_its_fitted_line_and_the_level_of_people() -> None:
    run = odd_runs.clean(np.random.default_rng(1))
    (found,) = odd_screens.screened(run).curves
    html = charts.oddity_plot(found.plot)
    assert html.count('class="pt"') == html.count('class="ot"') == len(odd_runs.SIZES)
    assert html.count('class="fit"') == 1
    assert html.count('class="lv"') == 2
    assert ">16</text>" in html
    alone = replace(found.plot, level=None, line=(), marks=tuple(replace(m, other=None) for m in found.plot.marks))
    assert not [name for name in ("fit", "ot", "lv") if f'class="{name}"' in charts.oddity_plot(alone)]
    same = tuple(replace(mark, x=2.0) for mark in alone.marks)
    assert charts.oddity_plot(replace(alone, marks=same)).count("</text>") < html.count("</text>")
    assert "<svg" not in charts.oddity_plot(replace(alone, marks=alone.marks[:1]))


def test_what_was_tried_is_shown_odd_or_not() -> None:
    view = odd_screens.screened(odd_runs.clean(np.random.default_rng(1)))
    assert not view.cards
    html = charts.trials(view)
    assert "labellers make" in html
    assert "the input found" in html
    assert "of draft; score of draft" in html
    assert charts.trials(replace(view, curves=(), tried=())) == ""
    unknown = replace(view.tried[0], change=unmeasured("too few: 1 unit"))
    assert charts.change(unknown) == "too few: 1 unit"


@pytest.mark.parametrize(("slowest_ms", "found"), [(9.0, False), (900.0, True)])
def test_slow_is_what_somebody_waits_for(slowest_ms: float, found: bool) -> None:
    run = odd_runs.clean(np.random.default_rng(1), 300)
    draft = run.stages["draft"]
    latency = np.full(300, 0.05)
    latency[:3] = slowest_ms
    changed = replace(run, stages={**run.stages, "draft": replace(draft, latency=latency)})
    assert any(card.key.startswith("slow/draft") for card in odd_screens.screened(changed).cards) == found
