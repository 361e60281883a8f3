"""Two runs and many runs, drawn: every number with its interval and n, nothing of a record taken as HTML."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

import planted
from charts.reading import left, read
from stagegap import charts
from stagegap.analysis.changed import what_changed
from stagegap.analysis.changes import ChangeRow, ConfigChange, line_difference
from stagegap.analysis.compare import compare
from stagegap.analysis.ledger import ledger, ledger_row, waiting_row
from stagegap.analysis.runs import RunPoint, RunsView
from stagegap.model.estimate import Estimate, unmeasured
from stagegap.model.run import Expectation
from versions import Versions, evidence, side

BASE = planted.Planted(shape=planted.CHAIN[3], skill={"A": 0.95, "B": 0.6, "C": 0.95})
PAIR = Versions(base=BASE, new={"B": 0.9, "C": 0.94}, clash={("B", "C"): 0.4})
LUCK = PAIR.luck(400, np.random.default_rng(1))
ROWS = planted.records(400)
VIEW = compare(
    side("v1", evidence(BASE, LUCK[0], ROWS)),
    side("v2", evidence(PAIR.mixed("B"), LUCK[0], ROWS)),
    seed=0,
    resamples=200,
)
CHANGED = what_changed(
    PAIR.plan(),
    PAIR.outcomes(LUCK),
    planted.records(400),
    BASE.cascade(),
    before="v1",
    after="v2",
    seed=0,
    resamples=200,
)
ROW = ChangeRow(
    record="<m1>", title="<b>Hello</b>", before="ten <i>places</i>", after="twelve places", reference="12",
    score_before=1.0, score_after=0.0, flip="broken",
)  # fmt: skip
HOPE = Expectation(id="e", place="B", predicted=0.9, low=0.8, high=1.0, reason="<u>", who="ann", baseline="v1")


def share(value: float) -> Estimate:
    return Estimate(value=value, low=value - 0.1, high=value + 0.1, n=40, method="wilson")


def point(name: str, k: str, value: float, *, best: bool = False) -> RunPoint:
    return RunPoint(
        run=name, started_at=1.0, knobs={"stages.B.with.k": k}, estimates={"outcome": share(value)}, records=40,
        cost=1.5, tags=("<t>",), is_best_so_far=best,
    )  # fmt: skip


RUNS = RunsView(
    cascade="mail", noun="mail", outcome_name="good mails", knobs=("stages.B.with.k",), measures=("outcome",),
    rows=(point("v1", "3", 0.4, best=True), point("v2", "5", 0.3), point("v3", "10", 0.6, best=True)),
    headline="", warning="",
)  # fmt: skip


def test_list_shows_records_scores_and_nobodys_answer() -> None:
    html = charts.change_list([ROW, replace(ROW, record="m2", flip="none")], what="got worse", noun="mail", chosen="m2")
    found = read(html)
    assert "100% → 0%" in found.row("<b>Hello</b>")
    assert html.count("right to wrong") == 1
    assert html.count('aria-current="true"') == 1
    assert "places" not in html
    assert "No mail: got worse." in charts.change_list([], what="got worse", noun="mail", chosen=None)


def test_flips_lead_to_their_lists() -> None:
    row = next(one for one in VIEW.stages if one.stage == "B")
    found = read(charts.flip_table(row, VIEW, chosen="better"))
    values = [attributes.get("data-v") for tag, attributes in found.tags if tag == "button"]
    assert values == ["worse", "better"]
    assert f"{row.flips.fixed:,}" in found.row("wrong in v1")


def test_answers_of_both_runs_are_marked_by_signs_and_words() -> None:
    html = charts.answers_of_both(ROW, VIEW, stage="B")
    assert '<span class="sr">new: </span><b aria-hidden="true">+</b>twelve places</span>' in html
    assert "gone: " in html
    assert "&lt;i&gt;places&lt;/i&gt;" in html
    plain = charts.answers_of_both(replace(ROW, reference=""), VIEW, stage="B", marked=False)
    assert "new: " not in plain
    assert '<div class="ans v">none</div>' in plain


def test_settings_say_which_differ_where_equal_ones_stand_beside_them() -> None:
    same, other = ConfigChange(path="a", before="1", after="1"), ConfigChange(path="b", before=None, after="<x>")
    both = charts.settings([same, other], VIEW)
    assert "not there" in both
    assert both.count("differs") == 1
    assert "&lt;x&gt;" in both
    assert "differs" not in charts.settings([other], VIEW)
    assert "No setting differs." in charts.settings([], VIEW)


def test_texts_of_several_lines_differ_as_text() -> None:
    lines = line_difference("Be kind.\nBe <short>.\n", "Be kind.\nBe clear.\nSay why.\n")
    change = ConfigChange(path="file p.md", before="0a1b", after="2c3d", lines=lines)
    html = charts.settings([change], VIEW)
    assert "-Be &lt;short&gt;.\n+Be clear.\n+Say why." in html
    assert "0a1b" not in html
    assert line_difference("\n".join("a" * 100), "b").endswith("… 62 more lines")


def test_contributions_stand_around_zero_with_interval_n_and_counts() -> None:
    html = charts.contributions(CHANGED)
    found = read(html)
    assert "points, 95% interval " in found.row("B")
    assert "400 records: better." in found.row("B")
    assert "fixed" in found.row("B")
    assert found.row("in all")
    assert "\nA\n" not in html
    assert all(0 <= left(dot) <= 100 for dot in found.classed("dot") if "style" in dot)
    note = charts.contributions_note(CHANGED)
    assert note.startswith("Shapley values over every mixture of the two versions, on 400 records")
    assert "more beside the new B than beside the old one." in note
    assert "20 sampled orders" in charts.contributions_note(replace(CHANGED, orders=20))


def test_contribution_without_a_number_says_why() -> None:
    row = next(one for one in CHANGED.stages if one.stage == "B")
    bare = replace(row, claim=replace(row.claim, change=unmeasured("not measured: no spread")))
    assert "B: not measured: no spread." in charts.contributions(replace(CHANGED, stages=(bare,)))
    few = replace(row, claim=replace(row.claim, verdict="too few"))
    assert 'class="few"' in charts.contributions(replace(CHANGED, stages=(few,)))
    nothing = tuple(replace(one, status="unchanged") for one in CHANGED.stages)
    assert "No stage that reaches the outcome changed." in charts.contributions(replace(CHANGED, stages=nothing))


def test_ledger_puts_what_was_expected_beside_what_came() -> None:
    gone = replace(HOPE, place="X", who="", low=None, high=None)
    html = charts.ledger(ledger("mail", [ledger_row(HOPE, VIEW), waiting_row(HOPE), ledger_row(gone, VIEW)]))
    found = read(html)
    assert [row.split()[0] for row in found.rows[1:]] == ["X", "B", "B"]
    assert "not measured: v2 has no X" in found.rows[1]
    assert "not yet" in found.rows[2]
    assert "less than expected" in found.rows[3]
    assert "(80 to 100)" in found.rows[3]
    assert "&lt;u&gt;" in html
    assert "Nothing was expected yet." in charts.ledger(ledger("mail", []))


def test_table_of_runs_marks_the_best_and_the_figure_that_is_plotted() -> None:
    found = read(charts.runs_table(RUNS, measure="outcome"))
    assert found.rows[0].split() == ["Run", "outcome", "B", "k", "Cost"]
    assert "best so far" in found.row("v3")
    assert "best so far" not in found.row("v1")
    assert "60%" in found.row("v3")
    assert "(50% to 70%, n 40)".replace("%", "") in found.row("v3").replace("%", "")
    bare = replace(RUNS, rows=(replace(RUNS.rows[0], estimates={}, cost=0.0),))
    assert "–" in read(charts.runs_table(bare, measure="outcome")).row("v1")
    assert "No run is done yet." in charts.runs_table(replace(RUNS, rows=()), measure="outcome")


def places(html: str) -> list[float]:
    return [float(attributes["cx"] or 0) for tag, attributes in read(html).tags if tag == "circle"]


def test_numbers_of_a_knob_stand_to_scale_and_words_side_by_side() -> None:
    x = places(charts.scatter(RUNS, knob="stages.B.with.k", measure="outcome"))
    assert abs((x[1] - x[0]) / (x[2] - x[0]) - 2 / 7) < 0.01
    words = replace(RUNS, rows=tuple(point(f"v{i}", word, 0.5) for i, word in enumerate(("bm25", "tfidf", "bm25"))))
    y = places(charts.scatter(words, knob="stages.B.with.k", measure="outcome"))
    assert y[2] - y[0] == 12, "side by side, so that none hides the other"
    assert y[1] > y[2]
    crowd = replace(RUNS, rows=tuple(point(f"v{i}", str(i % 2), 0.5) for i in range(200)))
    drawn = places(charts.scatter(crowd, knob="stages.B.with.k", measure="outcome"))
    assert 'class="thin"' in charts.scatter(crowd, knob="stages.B.with.k", measure="outcome")
    assert "thin" not in charts.best_so_far(RUNS)
    assert 60 < min(drawn) < max(drawn[::2]) < min(drawn[1::2]) < max(drawn) < 640
    one = charts.scatter(replace(RUNS, rows=RUNS.rows[:1]), knob="stages.B.with.k", measure="outcome")
    assert len(places(one)) == 1
    assert "v1: 40% (30 to 50), n 40" in one
    long = replace(RUNS, rows=(point("v1", "x" * 40, 0.5),))
    assert "x" * 17 + "…" in charts.scatter(long, knob="stages.B.with.k", measure="outcome")
    assert "No run has recall." in charts.scatter(RUNS, knob="stages.B.with.k", measure="recall")


def test_line_of_the_best_so_far_never_falls() -> None:
    html = charts.best_so_far(RUNS)
    path = next(attributes["d"] or "" for tag, attributes in read(html).tags if tag == "path")
    assert len(places(html)) == 3
    assert path.count("V") == 2
    assert float(path.split("V")[1].split("H")[0]) == float(path.split()[1].split("H")[0])
    assert float(path.split("V")[2]) < float(path.split("V")[1].split("H")[0])
    assert "No run has an outcome yet." in charts.best_so_far(replace(RUNS, rows=()))
