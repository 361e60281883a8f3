from __future__ import annotations

import math

from stagegap.analysis.curves import RunTraining, TrainingView, training_sheet
from stagegap.charts import training
from stagegap.model.curves import Curve, Training
from stagegap.store.fits import Fits, thinned


def learned(*curves: Curve, **rest: object) -> Training:
    return Training(stage="<route>", key="k", records=1, curves=curves, **rest)  # type: ignore[arg-type]


LOSS = Curve(name="loss", steps=(1.0, 2.0, 3.0), values=(2.0, math.nan, 1.0))
ASIDE = Curve(name="held_out_loss", steps=(1.0, 3.0), values=(2.5, 1.5))


def test_runs_and_held_out_halves_share_a_plot_and_differ_in_more_than_colour() -> None:
    runs = tuple(RunTraining(run=name, stages=(learned(LOSS, ASIDE, seconds=1.0),)) for name in ("v1", "v2"))
    drawn = training(TrainingView(cascade="mail", runs=runs))
    assert drawn.count("<figure>") == 1
    assert "<route>" not in drawn
    assert 'aria-label="&lt;route&gt;: loss. v1 loss: 2 to 1; v1 held_out_loss: 2.5 to 1.5; v2 loss' in drawn
    assert drawn.count('stroke-dasharray="6 4"') == 2 * 2 + 1  # lines and keys of v2; a gap makes two lines of one
    assert drawn.count("<circle") == 2 * 2


def test_nothing_logged_draws_nothing() -> None:
    view = TrainingView(cascade="mail", runs=(RunTraining(run="v1", stages=(learned(seconds=1.0),)),))
    assert training(view) == ""
    assert view.runs[0].stages[0].sentence == "<route> has learned from 1 record; nothing is logged."
    assert training_sheet(TrainingView(cascade="mail", runs=())).headline == "There is no run"
    empty = TrainingView(cascade="mail", runs=(RunTraining(run="v1", stages=()),))
    assert training_sheet(empty).headline == "No stage of v1 learns: see `fit` in docs/guide.md"
    assert empty.is_empty


def test_values_that_are_all_broken_and_a_failure_are_said() -> None:
    broken = Curve(name="loss", steps=(1.0,), values=(math.nan,))
    view = TrainingView(cascade="mail", runs=(RunTraining(run="v1", stages=(learned(broken, error="no disk"),)),))
    assert "not a number" in training(view)
    assert view.runs[0].stages[0].sentence == "<route> learns from 1 record: no disk"
    assert training_sheet(view).rows()[0]["best_step"] == ""


def test_a_log_without_its_last_line_end_is_read_as_far_as_it_is_whole(tmp_path) -> None:
    fits = Fits(tmp_path)
    assert fits.training("route", "k") == Training(stage="route", key="k")
    fits.begin("k", records=3, prior=math.nan)
    fits.log("k", 1.0, {"loss": math.inf, "score": 0.5})
    with (tmp_path / "k.log").open("a") as file:
        file.write('{"step": 2, "val')
    seen = fits.training("route", "k")
    assert (seen.records, seen.seconds, len(seen.curves)) == (3, None, 2)
    assert math.isnan(seen.curves[0].last)
    assert seen.curve("score") == Curve(name="score", steps=(1.0,), values=(0.5,))


def test_long_curves_are_thinned_and_keep_what_is_broken() -> None:
    points = [(float(step), math.nan if step == 7 else 1.0) for step in range(1_000)]
    kept = thinned(points, 50)
    assert len(kept) == 50
    assert (kept[0][0], kept[-1][0]) == (0.0, 999.0)
    assert any(math.isnan(value) for _, value in kept)
