from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from stagegap.analysis.agree import AgreeView, agree_view
from stagegap.analysis.evidence import Evidence
from stagegap.analysis.scorecard import measured
from stagegap.analysis.views import Scorecard, from_json, to_json
from stagegap.model.answer import Answer, Label
from stagegap.model.cascade import Cascade, Kind, Outcome, OutputType, Stage
from stagegap.model.run import Run, RunStatus
from stagegap.people.agreement import commonest
from views_of_runs import CHAIN, Material, evidence, material, with_people

FIVE = {"bob": 0.95, "cid": 0.9, "dora": 0.95, "eve": 0.9}


def scorecard_of(found: Evidence) -> Scorecard:
    run = Run(id="r", name="v1", cascade="c", fingerprint="", resolved="{}", status=RunStatus.DONE, started_at=0.0)
    return measured(found, run, labels_seq=0).scorecard


def view(found: Material, epsilon: float = 0.15) -> AgreeView:
    return agree_view(evidence(found), resamples=300, epsilon=epsilon)


def test_people_are_held_against_each_other_and_the_system_against_the_same_targets():
    found = view(with_people(material(CHAIN, 200), FIVE, stage="B"))
    row = found.stages[1]
    assert (row.people, row.overlap) == (5, 200)
    assert row.person.value == pytest.approx(0.94, abs=0.03)
    assert row.system.value == pytest.approx(0.66, abs=0.08)
    assert row.gap.value == pytest.approx(row.person.value - row.system.value)
    assert row.gap.low > 0.1
    assert "labellers by jackknife, only 5 of them" in row.gap.method
    assert 0 <= row.person.low <= row.person.high <= 1
    names = [one.name for one in row.coefficients]
    assert names == [
        "Krippendorff's alpha (nominal)",
        "Gwet's AC1",
        "Brennan-Prediger",
        "Fleiss' kappa",
        "Conger's kappa",
        "Best possible against one labeller",
    ]
    alpha, ac1 = row.coefficients[0].value, row.coefficients[1].value
    assert alpha.value < 0.2 < ac1.value, "one answer dominates: chance explains nearly all agreement"
    assert [(one.answer, one.count > 50) for one in row.prevalence] == [("right", True), ("wrong", True)]
    assert sum(one.share for one in row.prevalence) == pytest.approx(1)
    assert from_json(AgreeView, to_json(found)) == found


def test_answers_that_are_as_common_stand_in_one_order():
    found = view(with_people(material(CHAIN, 40), {"bob": 0.5}, stage="B"))
    counts = [(one.count, one.answer) for one in found.stages[1].prevalence]
    assert counts == sorted(counts, key=lambda pair: (-pair[0], pair[1]))
    assert commonest(Counter(["b", "a", "c", "c"])) == commonest(Counter(["c", "a", "c", "b"]))
    assert commonest(Counter(["b", "a", "c", "c"])) == [("c", 2), ("a", 1), ("b", 1)]


def test_one_person_gives_no_ceiling_and_the_view_says_what_would():
    row = view(material(CHAIN, 50)).stages[0]
    assert row.person.method == row.gap.method == "not measured: no record has two labels at A"
    assert (row.coefficients, row.alternative) == ((), None)
    assert row.no_alternative == "too few: 0 of 3 annotators with 30 records that others labelled too"


def test_two_people_have_cohens_kappa_and_an_interval_over_records_only():
    row = view(with_people(material(CHAIN, 80), {"bob": 0.7}, stage="A")).stages[0]
    assert row.coefficients[-2].name == "Cohen's kappa"
    assert "over records only" in row.person.method


def test_a_system_that_is_as_good_as_people_may_stand_in_for_one():
    people = with_people(material(CHAIN, 300), {"bob": 0.9, "cid": 0.9, "dora": 0.9}, stage="A", seed=1)
    good = view(people).stages[0].alternative
    assert good is not None
    assert good.passes
    worse = view(with_people(material(CHAIN, 300), FIVE, stage="B"), epsilon=0.0).stages[1].alternative
    assert worse is not None
    assert not worse.passes


def test_reporting_fields_that_are_missing_are_listed():
    assert "population" in view(material(CHAIN, 40)).missing_baseline_fields


def test_numbers_have_alpha_on_the_interval_scale():
    stage = Stage(name="sum", uses="python", inputs={}, output=OutputType(kind=Kind.NUMBER), metrics=("within@1",))
    cascade = Cascade(name="c", stages=(stage,), outcome=Outcome(stage="sum", metric="within@1"))
    _, rows, _, _ = material(CHAIN, 30)
    labels = [
        Label(id=f"{who}{i}", record=row.id, stage="sum", annotator=who, answer=Answer(value=i + off))
        for who, off in (("ann", 0.0), ("bob", 0.5))
        for i, row in enumerate(rows)
    ]
    row = agree_view(evidence((cascade, rows, {}, tuple(labels))), resamples=100).stages[0]
    assert [one.name for one in row.coefficients] == ["Krippendorff's alpha (interval)"]
    assert row.coefficients[0].value.value > 0.99
    assert row.prevalence == ()
    silent = [replace(label, answer=Answer(value=None)) for label in labels]
    assert agree_view(evidence((cascade, rows, {}, tuple(silent))), resamples=100).stages[0].coefficients == ()


def rated(table: list[list[float | None]], kind: OutputType) -> AgreeView:
    """The view of ratings, raters x records; None where a rater saw nothing of a record."""
    stage = Stage(name="s", uses="python", inputs={}, output=kind, metrics=("accuracy",))
    cascade = Cascade(name="c", stages=(stage,), outcome=Outcome(stage="s", metric="accuracy"))
    _, rows, _, _ = material(CHAIN, len(table[0]))
    labels = [
        Label(
            id=f"{rater}/{row.id}",
            record=row.id,
            stage="s",
            annotator=f"rater {rater}",
            answer=Answer(value=value if kind.kind is Kind.NUMBER else f"{value:g}"),
        )
        for rater, ratings in enumerate(table)
        for row, value in zip(rows, ratings, strict=True)
        if value is not None
    ]
    return agree_view(evidence((cascade, rows, {}, tuple(labels))), resamples=100)


GWET = [
    [1, 2, 3, 3, 2, 1, 4, 1, 2, None, None, None],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, None, 3],
    [None, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, None],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, None],
]


def test_a_record_that_one_person_labelled_tells_how_common_its_answer_is():
    row = rated(GWET, OutputType(kind=Kind.LABEL, values=("1", "2", "3", "4", "5"))).stages[0]
    values = {one.name: round(one.value.value, 5) for one in row.coefficients}
    assert values == {
        "Krippendorff's alpha (nominal)": 0.74342,
        "Gwet's AC1": 0.77544,
        "Brennan-Prediger": 0.77273,
        "Fleiss' kappa": 0.76117,
        "Conger's kappa": 0.76207,
        "Best possible against one labeller": 0.88636,
    }
    assert {one.value.n for one in row.coefficients} == {11}, "records that two or more people labelled"


def test_ratings_on_a_scale_of_few_steps_have_weighted_coefficients():
    row = rated(GWET, OutputType(kind=Kind.NUMBER)).stages[0]
    values = {one.name: round(one.value.value, 5) for one in row.coefficients}
    assert values == {
        "Krippendorff's alpha (interval)": 0.84911,
        "Gwet's AC2 (quadratic)": 0.91400,
        "Conger's kappa (quadratic)": 0.85717,
    }


def test_no_answer_is_a_category_of_its_own_where_somebody_gave_it():
    kind = OutputType(kind=Kind.LABEL, values=("a", "b", "c"))
    stage = Stage(name="s", uses="python", inputs={}, output=kind, metrics=("accuracy",))
    cascade = Cascade(name="c", stages=(stage,), outcome=Outcome(stage="s", metric="accuracy"))
    _, rows, _, _ = material(CHAIN, 40)
    given = [("a", "b", None, "a")[i % 4] for i in range(40)]
    labels = [
        Label(id=f"{who}{i}", record=row.id, stage="s", annotator=who, answer=Answer(value=given[i + shift - 40]))
        for who, shift in (("ann", 0), ("bob", 1))
        for i, row in enumerate(rows)
    ]
    found = agree_view(evidence((cascade, rows, {}, tuple(labels))), resamples=100).stages[0].coefficients
    ac1 = next(one.value.value for one in found if one.name == "Gwet's AC1")
    # Shares 1/2, 1/4, 1/4 and 0 over four answers; they agree on one of four records.
    chance = (1 / 4 + 2 * 3 / 16) / 3
    assert ac1 == pytest.approx((1 / 4 - chance) / (1 - chance))


def test_the_same_agreement_has_the_same_limits_in_show_and_in_agree():
    found = evidence(with_people(material(CHAIN, 60), {"bob": 0.8, "cid": 0.7}, stage="B"))
    row, shown = agree_view(found).stages[1], scorecard_of(found).stages[1]
    assert row.agreement == shown.agreement
    assert row.coefficients[0].value == shown.alpha
    turned = replace(found, records=found.records[::-1], seed=5)
    assert scorecard_of(turned).stages[1].alpha == shown.alpha, "whoever asks, in whatever order"
