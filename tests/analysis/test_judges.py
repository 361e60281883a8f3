"""Judges with planted errors: measured, taken off, and refused where they tell nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from stagegap.analysis.judges import (
    EarlierColumns,
    JudgeColumns,
    JudgeRow,
    JudgesView,
    consensus,
    judge_row,
    judges_sheet,
)
from stagegap.stats.spread import Clusters
from stagegap.tables.table import Sheet


def planted(
    *,
    n: int = 1200,
    labelled: int = 150,
    good: float = 0.7,
    sensitivity: float = 0.9,
    specificity: float = 0.8,
    longer: float = 0.0,
    seed: int = 0,
    clusters: int | None = None,
) -> JudgeColumns:
    """Columns of a judge; `longer` is the chance that it calls a bad output good because it is long."""
    rng = np.random.default_rng(seed)
    truth = rng.random(n) < good
    lengths = rng.integers(10, 500, n).astype(float)
    says = np.where(truth, rng.random(n) < sensitivity, rng.random(n) > specificity)
    says |= (lengths > 250) & (rng.random(n) < longer)
    labels = np.full(n, np.nan)
    labels[:labelled] = truth[:labelled]
    codes = np.arange(n) if clusters is None else np.arange(n) % clusters
    return JudgeColumns(
        stage="reply",
        judge="strict",
        criterion="right",
        is_graded=False,
        against="answers",
        sees_reference=False,
        units=Clusters(codes=codes, count=clusters or n),
        marks=says.astype(float),
        is_output=np.ones(n, dtype=np.bool_),
        is_failed=np.zeros(n, dtype=np.bool_),
        is_taught=np.zeros(n, dtype=np.bool_),
        labels=labels,
        lengths=lengths,
        agreeing_repeats=np.full(n, np.nan),
    )


def measured(columns: JudgeColumns, earlier: EarlierColumns | None = None) -> JudgeRow:
    return judge_row(columns, earlier, seed=0, noun="question")


def sheet_of(*rows: JudgeRow) -> Sheet:
    return judges_sheet(JudgesView(cascade="replies", run="v1", noun="question", rows=rows))


def test_planted_errors_are_recovered_and_taken_off() -> None:
    row = measured(planted(n=4000, labelled=800))
    assert row.sensitivity.low <= 0.9 <= row.sensitivity.high
    assert row.specificity.low <= 0.8 <= row.specificity.high
    assert row.alone.high < 0.72
    assert row.corrected.low <= 0.7 <= row.corrected.high
    assert row.rogan_gladen.low <= 0.7 <= row.rogan_gladen.high
    assert row.corrected.high - row.corrected.low < row.people.high - row.people.low
    assert row.is_measured
    assert row.would_do is None
    assert not row.length_bias.excludes_zero
    assert 0.4 < row.agreement.value < 0.9


@pytest.mark.parametrize("sensitivity", [0.6, 0.85, 0.99])
def test_rate_is_covered_whatever_the_judge_and_its_bias_to_longer_outputs(sensitivity: float) -> None:
    covered, refused = [], 0
    for seed in range(150):
        columns = planted(n=800, labelled=120, sensitivity=sensitivity, specificity=0.8, longer=0.25, seed=seed)
        row = measured(replace(columns, lengths=np.full(800, np.nan)))
        if row.corrected.is_measured:
            covered.append(row.corrected.low <= 0.7 <= row.corrected.high)
        else:
            refused += 1
    assert np.mean(covered) >= 0.9
    assert len(covered) + refused == 150


def test_bias_to_longer_outputs_is_measured() -> None:
    row = measured(planted(n=3000, labelled=1000, longer=0.4))
    assert row.length_bias.low > 0.05


def test_judge_that_is_a_coin_decides_nothing() -> None:
    row = measured(planted(sensitivity=0.7, specificity=0.3, seed=3))
    assert not row.is_measured
    assert not row.corrected.is_measured
    assert not row.rogan_gladen.is_measured
    assert row.corrected.method.startswith("not measured: the judge can't be told from a coin; ")
    assert row.people.is_measured, "what people say alone still stands"


def test_judge_that_is_worse_than_a_coin_needs_another_judge_and_not_more_labels() -> None:
    row = measured(planted(sensitivity=0.3, specificity=0.3))
    assert row.would_do is None
    assert row.corrected.method.endswith("a better judge is needed, and no number of labels")


def test_too_few_labels_say_how_many_would_do() -> None:
    row = measured(planted(labelled=20))
    assert row.would_do is not None
    assert row.would_do > 20
    assert f"about {row.would_do} labelled questions in all would do" in row.corrected.method


def test_labels_of_one_kind_say_that_both_are_needed() -> None:
    columns = planted(labelled=30)
    row = measured(replace(columns, labels=np.where(np.isnan(columns.labels), np.nan, 1.0)))
    assert row.would_do is None
    assert row.corrected.method.endswith("labels of good and of bad outputs would tell whether it is worth asking")


def test_no_label_at_all_is_said() -> None:
    row = measured(planted(labelled=0))
    assert (row.labels, row.corrected.is_measured, row.agreement.is_measured) == (0, False, False)
    assert "0 labelled questions" in sheet_of(row).sentences[0]


def test_records_that_teach_the_judge_are_in_no_figure() -> None:
    columns = planted()
    is_taught = np.zeros(1200, dtype=np.bool_)
    is_taught[:50] = True
    row = measured(replace(columns, is_taught=is_taught))
    assert (row.outputs, row.labels, row.taught) == (1150, 100, 50)
    assert "50 questions that teach it left out" in sheet_of(row).sentences[0]


def test_failed_outputs_count_as_bad_and_outputs_without_a_mark_say_nothing() -> None:
    columns = planted()
    failed, labels, marks = np.zeros(1200, dtype=np.bool_), columns.labels.copy(), columns.marks.copy()
    failed[:30] = failed[-90:] = True
    labels[:30] = 0.0
    marks[failed] = np.nan
    marks[200:220] = np.nan
    row = measured(replace(columns, is_failed=failed, labels=labels, marks=marks))
    assert (row.outputs, row.unjudged) == (1200, 20)
    assert row.corrected.value < measured(columns).corrected.value
    assert row.sensitivity.n + row.specificity.n == 120
    assert row.rogan_gladen.method == "not measured: some outputs failed, and it knows of judged ones alone"
    assert "it gave no mark of 20" in sheet_of(row).sentences[0]


def test_clusters_widen_the_interval_and_leave_rogan_gladen_out() -> None:
    row = measured(planted(clusters=60))
    assert row.corrected.clusters == 60
    assert row.rogan_gladen.method == "not measured: it takes records as independent, and these come in clusters"


def test_graded_judge_is_measured_by_correlation() -> None:
    columns = planted()
    rng = np.random.default_rng(1)
    marks = np.clip(columns.marks * 0.5 + rng.random(1200) * 0.5, 0, 1)
    row = measured(replace(columns, is_graded=True, marks=marks))
    assert row.informedness.method.startswith("Pearson")
    assert row.corrected.low <= 0.7 <= row.corrected.high
    assert row.rogan_gladen.method == "not measured: it corrects a judge that says good or not"
    assert "the mean score of 1,200 outputs is " in sheet_of(row).sentences[0]


def test_repeats_tell_how_often_it_says_the_same_again() -> None:
    row = measured(replace(planted(), agreeing_repeats=np.tile([1.0, 1.0, 1.0, 0.0], 300)))
    assert row.consistency.value == 0.75


def earlier_of(columns: JudgeColumns, *, better: float, seed: int = 4) -> tuple[JudgeColumns, EarlierColumns, float]:
    """A later run in which some bad outputs became good, the run before, and the true difference."""
    rng = np.random.default_rng(seed)
    n = len(columns.marks)
    truth = rng.random(n) < 0.6
    after = truth | (rng.random(n) < better)
    labelled = ~np.isnan(columns.labels)
    chance = rng.random(n)

    def marks(good: np.ndarray) -> np.ndarray:
        return np.where(good, chance < 0.9, chance > 0.8).astype(float)

    now = replace(columns, marks=marks(after), labels=np.where(labelled, after, np.nan))
    then = EarlierColumns(
        run="v1",
        marks=marks(truth),
        labels=np.where(labelled, truth, np.nan),
        is_output=columns.is_output,
        is_failed=columns.is_failed,
        is_same=truth == after,
    )
    return now, then, 0.4 * better


def test_difference_of_two_runs_holds_the_judges_error() -> None:
    covered, columns = 0, planted(n=600, labelled=150)
    for seed in range(100):
        now, then, true = earlier_of(columns, better=0.3, seed=seed)
        difference = measured(now, then).difference
        covered += difference.low <= true <= difference.high
    assert covered >= 90
    row = measured(*earlier_of(columns, better=0.3)[:2])
    assert (row.earlier, row.difference.method.startswith("PPI++")) == ("v1", True)
    assert " Since v1: +" in sheet_of(row).sentences[0]


def test_difference_is_not_measured_where_few_labelled_outputs_changed() -> None:
    now, then, _ = earlier_of(planted(), better=0.02)
    method = measured(now, then).difference.method
    assert method.startswith("too few: ")
    assert method.endswith("labelled outputs changed since v1, and 10 are needed")
    coin = replace(now, marks=np.zeros(1200))
    assert measured(coin, then).difference.method.startswith("not measured: the judge can't be told from a coin")


def test_drift_is_the_share_of_equal_outputs_that_are_marked_otherwise() -> None:
    columns = planted()
    then = EarlierColumns(
        run="v1",
        marks=np.where(np.arange(1200) % 10 == 0, 1 - columns.marks, columns.marks),
        labels=columns.labels,
        is_output=columns.is_output,
        is_failed=columns.is_failed,
        is_same=np.arange(1200) < 600,
    )
    row = measured(columns, then)
    assert (row.drift.value, row.drift.n) == (0.1, 600)
    never = measured(columns, replace(then, is_same=np.zeros(1200, dtype=np.bool_)))
    assert never.drift.method == "not measured: since v1 it was asked about no output again"


def test_alternative_annotator_test_says_whether_it_may_stand_in() -> None:
    columns = planted(labelled=100)
    people = {
        name: {at: columns.labels[at] if (at * 7 + shift) % 9 else 1 - columns.labels[at] for at in range(100)}
        for name, shift in (("ab", 0), ("cd", 1), ("ef", 2))
    }
    row = measured(replace(columns, people=people))
    assert "stand in for a labeller" in row.stand_in
    assert row.stand_in in sheet_of(row).sentences


def test_run_without_a_judge_says_how_one_is_written() -> None:
    assert sheet_of().sentences == ("No stage of the run has a judge: write one under `judge` of a stage.",)


def test_consensus_is_what_more_than_half_say_and_is_measured_and_corrected_as_a_judge_is() -> None:
    alone, rng = planted(n=4000, labelled=800), np.random.default_rng(1)
    truth = planted(n=4000, labelled=4000).labels == 1
    several = [
        replace(alone, judge=name, marks=np.where(truth, rng.random(4000) < 0.8, rng.random(4000) < 0.25).astype(float))
        for name in ("a", "b", "c")
    ]
    row, single = measured(consensus(several)), measured(several[0])
    assert (row.judge, row.criterion) == ("consensus of 3", "more than half of a, b and c say so")
    assert row.sensitivity.low <= 0.8**3 + 3 * 0.8**2 * 0.2 <= row.sensitivity.high
    assert row.specificity.low <= 0.75**3 + 3 * 0.75**2 * 0.25 <= row.specificity.high
    assert row.corrected.low <= 0.7 <= row.corrected.high
    assert row.corrected.high - row.corrected.low < single.corrected.high - single.corrected.low


def test_consensus_says_no_more_than_its_judges() -> None:
    alone = planted(n=6, labelled=6)
    first = replace(alone, judge="a", marks=np.array([1.0, 1, 0, 0, np.nan, 1]))
    second = replace(alone, judge="b", marks=np.array([1.0, 0, 1, 0, 1, 1]), is_taught=np.arange(6) == 5)
    both = consensus([first, second])
    np.testing.assert_array_equal(both.marks, [1, 0, 0, 0, np.nan, 1])
    assert both.is_taught.tolist() == [False] * 5 + [True]
    np.testing.assert_array_equal(consensus([second] * 3).marks, second.marks)
