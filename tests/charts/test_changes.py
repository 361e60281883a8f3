"""Changes and variants as pictures: every mark has its number, interval and word."""

from __future__ import annotations

from dataclasses import replace

from stagegap import charts
from stagegap.analysis.changes import ChangeRow, Comparison, StageChange, no_change
from stagegap.analysis.variants import VariantRow, VariantsView
from stagegap.model.estimate import Estimate, unmeasured
from ui.changes import comparison, est, variants_view


def row_of(html: str, head: str) -> str:
    return next(part for part in html.split("<tr") if f">{head}<" in part)


def with_outcome(view: Comparison, **changes: object) -> Comparison:
    return replace(view, outcome=replace(view.outcome, **changes))  # type: ignore[arg-type]


def changed(one: StageChange, change: Estimate) -> StageChange:
    return replace(one, claim=replace(one.claim, change=change))


def test_change_has_its_interval_its_n_and_its_word() -> None:
    drawn = charts.changes(comparison())
    assert "draft: 70% to 66%, −4 points, 95% interval −7 to −1, 600 records: worse." in drawn
    assert "retrieve: 60% to 69%, +9 points, 95% interval 5 to 13, 600 records: better." in drawn
    assert "route: 94% to 94%, 0 points, 95% interval −1 to 1, 600 records: no measurable difference." in drawn
    assert "Left of 0: worse. Right: better." in drawn


def test_stage_whose_outputs_are_all_the_same_has_not_changed() -> None:
    view = comparison()
    same = replace(view.stages[0], claim=no_change(600, "every output is the same"))
    drawn = row_of(charts.changes(replace(view, stages=(same,))), "route")
    assert "nothing changed" in drawn
    assert "no measurable difference" not in drawn


def test_outputs_that_are_all_the_same_on_one_cluster_say_no_change_and_no_score() -> None:
    """The change is known to be 0; of the score too little is known."""
    view = comparison()
    nobody = unmeasured("too few: all 65 records belong to one cluster", n=65)
    same = replace(view.stages[0], before=nobody, after=nobody, claim=no_change(65, "every output is the same"))
    drawn = row_of(charts.changes(replace(view, stages=(same,))), "route")
    assert "route: 0 points" in drawn
    assert "nothing changed" in drawn


def test_axis_is_the_same_to_both_sides_and_never_narrower_than_five_points() -> None:
    wide = charts.changes(comparison())
    assert all(f">{tick}<" in wide for tick in ("−20", "−10", "0", "+10", "+20"))
    view = comparison()
    small = replace(
        view,
        outcome=changed(view.outcome, est(0.0, -0.01, 0.01)),
        stages=tuple(changed(one, est(0.0, -0.01, 0.01)) for one in view.stages),
    )
    assert all(f">{tick}<" in charts.changes(small) for tick in ("−5", "0", "+5"))
    huge = with_outcome(view, claim=replace(view.outcome.claim, change=est(0.9, 0.8, 1.0)))
    assert ">+100<" in charts.changes(huge)


def test_stage_that_is_not_compared_says_why() -> None:
    view = comparison()
    gone = replace(view.stages[0], is_compared=False, sentence="route: only v13 has it")
    drawn = charts.changes(replace(view, stages=(gone,)))
    assert "route: only v13 has it" in row_of(drawn, "route")
    bare = charts.changes(with_outcome(view, claim=replace(view.outcome.claim, change=unmeasured("no references"))))
    assert "no references" in row_of(bare, "outcome")


def test_flips_are_counted_per_stage() -> None:
    drawn = charts.flips(comparison())
    assert "<td>390</td><td>30</td><td>6</td><td>174</td>" in row_of(drawn, "draft")


def test_changed_record_shows_all_three_answers_as_text() -> None:
    row = ChangeRow(
        record="m1",
        title="<i>",
        before="<b>",
        after="b",
        reference="c",
        score_before=1.0,
        score_after=0.0,
        flip="broken",
    )
    drawn = charts.changed_record(row, comparison())
    assert "<code>m1</code> &lt;i&gt; (100% to 0%)" in drawn
    before, after = (f'<dd><div class="v"><div class="vp">{text}</div></div></dd>' for text in ("&lt;b&gt;", "b"))
    assert f"<dt>v13, score 100%</dt>{before}<dt>v14, score 0%</dt>{after}" in drawn


def test_variants_that_may_be_best_are_told_from_those_behind() -> None:
    drawn = charts.variants(variants_view())
    assert "large: 62%, 95% interval 58 to 66, 600 records, rank 1." in drawn
    assert "dot soft" in row_of(drawn, "small")
    assert "dot soft" not in row_of(drawn, "large")
    assert "It stopped." in row_of(drawn, "broken")


def test_rank_is_a_range_unless_it_is_certain() -> None:
    one: VariantRow = variants_view().rows[0]
    assert charts.rank(replace(one, best=1, worst=3)) == "1 to 3"
    assert charts.rank(replace(one, best=None)) == ""
    assert isinstance(variants_view(), VariantsView)
