"""Where people differ and nobody has decided: what figures accept, and what they are under the strict rule."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np
import pytest

import planted
from sheets_of import rows_of, sheet_of
from stagegap.analysis import evidence as ev
from stagegap.analysis.human_level import human_level
from stagegap.analysis.scorecard import scorecard
from stagegap.analysis.views import Scorecard, from_json, to_json
from stagegap.charts import notices
from stagegap.model.answer import Answer, Label, Output, Status
from stagegap.model.cascade import Cascade, Kind, Outcome, OutputType, Source, Stage
from stagegap.model.record import Json, Record
from stagegap.model.run import SYSTEM

CHAIN = planted.Planted(shape=planted.CHAIN[2], skill={"A": 0.95, "B": 0.8})
LETTERS = tuple("abcdef")
RNG = np.random.default_rng


def one_stage(kind: Kind, metric: str, **more: object) -> Cascade:
    stage = Stage(
        name="s",
        uses="python",
        inputs={"text": Source("record", "text")},
        output=OutputType(kind=kind, **more),  # type: ignore[arg-type]  # fields by name
        metrics=(metric,),
    )
    return Cascade(name="c", stages=(stage,), outcome=Outcome(stage="s", metric=metric))


def inputs(
    system: Sequence[Json], people: Mapping[str, Sequence[Json]]
) -> tuple[tuple[Record, ...], dict[tuple[str, str], dict[str, Output]], list[Label]]:
    """Records, the system's answers and the labels of a cascade of one stage."""
    rows = planted.records(len(system))
    outputs = {
        row.id: Output(record=row.id, stage="s", status=Status.OK, value=value)
        for row, value in zip(rows, system, strict=True)
    }
    given = [
        Label(id=f"{who}/{row.id}", record=row.id, stage="s", annotator=who, answer=Answer(value=value))
        for who, values in people.items()
        for row, value in zip(rows, values, strict=True)
    ]
    return rows, {(str(SYSTEM), "s"): outputs}, given


def view_of(
    cascade: Cascade, system: Sequence[Json], people: Mapping[str, Sequence[Json]], *, more: Sequence[Label] = ()
) -> Scorecard:
    rows, outputs, labels = inputs(system, people)
    return scorecard(cascade, planted.run(), rows, outputs, [*labels, *more], seed=1, resamples=200)


def test_one_careless_label_takes_nothing_from_the_system_and_the_strict_rule_says_what_it_could() -> None:
    alike = [["K1"], ["K2"], ["K3"]]
    people = {"ann": [["K8"], *alike], "kim": [["K8", "K1", "K9"], *alike]}
    view = view_of(one_stage(Kind.RANKING, "recall@3", of="docs"), [["K8"], *alike], people)
    assert view.system.value == 1.0
    assert view.strict is not None
    assert (view.strict.records, view.strict.at_outcome) == (1, 1)
    assert view.strict.system.value == pytest.approx((3 + 1 / 3) / 4)


def differing(n: int = 200, *, careless: int = 60) -> Scorecard:
    rows = planted.records(n)
    ids = [row.id for row in rows]
    labels = [
        *planted.labels(ids, CHAIN.names),
        *planted.labels(ids[careless:], CHAIN.names, annotator="bob"),
        *planted.labels(ids[:careless], ["A"], annotator="bob"),
        *planted.labels(ids[:careless], ["B"], annotator="bob", value=planted.WRONG),
    ]
    outputs = CHAIN.outputs(CHAIN.luck(n, RNG(5)), ids)
    return scorecard(CHAIN.cascade(), planted.run(), rows, outputs, labels, seed=1, resamples=200)


def test_every_figure_has_its_strict_one_beside_it() -> None:
    view = differing()
    assert view.strict is not None
    a, b = view.strict.stages
    assert (view.strict.records, view.strict.at_outcome, a.records, b.records) == (60, 60, 0, 60)
    assert a.in_place == view.stages[0].in_place, "nobody differs there"
    assert b.in_place.value == pytest.approx(view.stages[1].in_place.value - 0.3), "no answer meets both"
    assert view.strict.ceiling.value == pytest.approx(0.7), "one person's answer does not meet the other's"
    assert view.strict.system.value + a.gain.value + b.gain.value == pytest.approx(0.7)
    assert b.gap.value == pytest.approx(view.stages[1].gap.value), "of two people each is held to the other alone"


def test_screens_say_how_many_records_are_undecided_and_what_the_strict_figure_is() -> None:
    view = differing()
    assert view.strict is not None
    (sentence,) = (said for said in notices(view) if "nobody has decided" in said)
    assert sentence in sheet_of(view).sentences
    assert sentence.startswith(
        "On 60 records people differ and nobody has decided (60 at B): each of their answers counts as right. Where "
        "nobody's answer alone is enough, the outcome is "
    )
    assert sentence.endswith(f"and not {round(100 * view.system.value)}%, 70% with every stage corrected.")
    same = replace(view, strict=replace(view.strict, system=view.system))
    (unchanged,) = (said for said in notices(same) if "nobody has decided" in said)
    assert f"the outcome stays {round(100 * view.system.value)}% (" in unchanged
    assert "and not" not in unchanged
    strict = {(row["stage"], row["figure"]) for row in rows_of(view) if str(row["figure"]).startswith("strict")}
    assert ("B", "strict_in_place") in strict
    assert ("", "strict_ceiling") in strict
    assert from_json(Scorecard, to_json(view)) == view


def test_without_a_score_the_count_stands_alone() -> None:
    cascade = one_stage(Kind.LABEL, "accuracy", values=LETTERS)
    rows = planted.records(1)
    labels = [
        *planted.labels([rows[0].id], ["s"], value="a"),
        *planted.labels([rows[0].id], ["s"], annotator="bob", value="b"),
    ]
    view = scorecard(cascade, planted.run(), rows, {}, labels, seed=1, resamples=50)
    assert [said for said in notices(view) if "differ" in said] == [
        "On 1 record people differ and nobody has decided (1 at s): each of their answers counts as right."
    ]


def test_nothing_is_said_where_all_is_decided_or_nobody_differs() -> None:
    cascade = one_stage(Kind.LABEL, "accuracy", values=LETTERS)
    decided = Label(
        id="eve", record="r00000", stage="s", annotator="eve", answer=Answer(value="b"), action="adjudicate", at=9.0
    )
    view = view_of(cascade, ["a"] * 4, {"ann": "aaaa", "bob": "baaa"}, more=[decided])
    assert view.strict is None
    assert not any("nobody has decided" in said for said in notices(view))
    assert view_of(cascade, ["a"] * 4, {"ann": "aaba", "bob": "aaba"}).strict is None


def test_texts_that_say_the_same_by_the_metric_are_no_difference() -> None:
    view = view_of(one_stage(Kind.TEXT, "token_f1"), ["Hello."] * 3, {"ann": ["Hello."] * 3, "bob": ["hello"] * 3})
    assert view.strict is None


class World:
    """Labels of people and of the system where the truth is known: one answer is right, or both are."""

    def __init__(self, *, seed: int, n: int = 150, care: float, is_ambiguous: bool, people: int = 2) -> None:
        rng = RNG(seed)
        self.right = [rng.permutation(LETTERS)[: 2 if is_ambiguous else 1].tolist() for _ in range(n)]
        self.people = {
            who: [self.answer(rng, right, care) for right in self.right] for who in ("ann", "bob", "kim")[:people]
        }
        self.system = [self.answer(rng, right, 0.8) for right in self.right]

    @staticmethod
    def answer(rng: np.random.Generator, right: list[str], care: float) -> str:
        wrong = [letter for letter in LETTERS if letter not in right]
        return str(rng.choice(right if rng.random() < care else wrong))

    @cached_property
    def evidence(self) -> ev.Evidence:
        cascade = one_stage(Kind.LABEL, "accuracy", values=LETTERS)
        return ev.gather(cascade, *inputs(self.system, self.people), custom={})

    @cached_property
    def accepted(self) -> float:
        return float(ev.outcome_scores(self.evidence, SYSTEM).mean())

    @cached_property
    def strict(self) -> float:
        return float(ev.outcome_scores(ev.strict(self.evidence), SYSTEM).mean())

    @property
    def gap(self) -> float:
        return human_level(self.evidence, resamples=10).stages["s"].gap.value

    @property
    def truth(self) -> float:
        return float(np.mean([answer in right for answer, right in zip(self.system, self.right, strict=True)]))

    @property
    def decided(self) -> float:
        """The outcome once somebody who knows has chosen, of two different answers, the one that is right, or ann's."""
        scores: list[bool] = []
        for right, answer, ann, bob in zip(self.right, self.system, *self.people.values(), strict=True):
            known = {ann, bob}.intersection(right)
            scores.append(answer in (known or {ann}))
        return float(np.mean(scores))


@pytest.mark.parametrize("is_ambiguous", [True, False])
def test_what_a_decision_would_give_lies_between_strict_and_accepted(is_ambiguous: bool) -> None:
    for seed in range(12):
        world = World(seed=seed, care=0.85, is_ambiguous=is_ambiguous)
        assert world.strict <= world.decided <= world.accepted


def test_where_both_answers_are_right_accepting_both_is_what_a_decision_gives_and_strict_falls_short() -> None:
    worlds = [World(seed=seed, care=1.0, is_ambiguous=True) for seed in range(12)]
    assert [world.accepted for world in worlds] == [world.decided for world in worlds]
    # Half of the records are undecided, and of those the system has 0.8 right.
    assert np.mean([world.accepted - world.strict for world in worlds]) == pytest.approx(0.4, abs=0.03)


def test_where_one_answer_is_right_accepting_both_flatters_by_shared_slips_only() -> None:
    worlds = [World(seed=seed, care=0.8, is_ambiguous=False) for seed in range(12)]
    # ann or bob slips (0.32) and the system slips (0.2) to the same of five wrong letters.
    flattery = np.mean([world.accepted - world.decided for world in worlds])
    assert flattery == pytest.approx(0.32 * 0.2 / 5, abs=0.009)
    # Strict counts these records as lost, also those that the system has right (0.8 of 0.32).
    assert np.mean([world.decided - world.strict for world in worlds]) == pytest.approx(0.32 * 0.8, abs=0.03)


@pytest.mark.parametrize("people", [2, 3])
@pytest.mark.parametrize("is_ambiguous", [False, True])
def test_gap_to_people_as_good_as_the_system_is_none_whoever_differs(people: int, is_ambiguous: bool) -> None:
    gaps = np.array([World(seed=seed, care=0.8, is_ambiguous=is_ambiguous, people=people).gap for seed in range(20)])
    assert abs(gaps.mean()) < 3 * gaps.std(ddof=1) / np.sqrt(len(gaps))
