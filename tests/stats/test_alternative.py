from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import ttest_1samp

from stagegap.stats.raters import agreeing, alternative_test, closeness


def simulated(judge_care: float, *, n: int = 120, seed: int = 0):
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 3, n)

    def given(care: float) -> dict[int, int]:
        return {i: int(t) if rng.random() < care else int(rng.integers(0, 3)) for i, t in enumerate(truth)}

    return given(judge_care), {name: given(0.8) for name in ("ann", "bob", "cy", "dee")}


def test_a_careful_judge_passes_and_a_guessing_one_does_not():
    judge, people = simulated(0.95)
    found = alternative_test(judge, people, epsilon=0.15, alignment=agreeing)
    assert (found.passes, found.winning_rate, found.problem) == (True, 1.0, "")
    judge, people = simulated(0.1)
    found = alternative_test(judge, people, epsilon=0.15, alignment=agreeing)
    assert (found.passes, found.winning_rate) == (False, 0.0)
    assert found.advantage < 0.7


def test_the_p_values_are_those_of_the_one_sided_t_test():
    judge, people = simulated(0.8)
    row = alternative_test(judge, people, epsilon=0.1, alignment=agreeing).annotators[0]
    others = [people[name] for name in ("bob", "cy", "dee")]
    machine = np.array([agreeing(judge[i], [o[i] for o in others]) for i in range(120)])
    person = np.array([agreeing(people["ann"][i], [o[i] for o in others]) for i in range(120)])
    difference = (person >= machine).astype(float) - (machine >= person)
    assert row.p == pytest.approx(ttest_1samp(difference, 0.1, alternative="less").pvalue)  # pyright: ignore[reportAttributeAccessIssue]  # missing in scipy's stubs
    assert (row.judge_wins, row.annotator_wins) == (np.mean(machine >= person), np.mean(person >= machine))


def test_a_judge_who_copies_everybody_wins_without_a_spread():
    people = {name: dict.fromkeys(range(40), "a") for name in ("ann", "bob", "cy")}
    found = alternative_test(dict.fromkeys(range(40), "a"), people, epsilon=0.1, alignment=agreeing)
    assert (found.winning_rate, found.annotators[0].p) == (1.0, 0.5**40), "the sign test's"
    found = alternative_test(dict.fromkeys(range(40), "b"), people, epsilon=0.1, alignment=agreeing)
    assert (found.winning_rate, found.annotators[0].p) == (0.0, 1.0)


def test_items_of_one_cluster_are_no_independent_witnesses():
    judge, people = simulated(0.8)
    alone = alternative_test(judge, people, epsilon=0.15, alignment=agreeing)
    copies = {name: {(i, copy): given[i] for i in given for copy in range(3)} for name, given in people.items()}
    judged = {(i, copy): judge[i] for i in judge for copy in range(3)}
    found = alternative_test(judged, copies, epsilon=0.15, alignment=agreeing, unit=lambda item: item[0])
    assert [row.p for row in found.annotators] == pytest.approx([row.p for row in alone.annotators], rel=0.1)
    together = alternative_test(judged, copies, epsilon=0.15, alignment=agreeing)
    assert all(row.p < own.p for row, own in zip(together.annotators, alone.annotators, strict=True))
    one = alternative_test(judge, people, epsilon=0.15, alignment=agreeing, unit=lambda _: "the same")
    assert (one.left_out, one.problem) == (4, "too few: 0 of 3 annotators")


def test_too_little_data_is_named():
    two = {name: dict.fromkeys(range(40), "a") for name in ("ann", "bob")}
    assert alternative_test(two["ann"], two, epsilon=0.1, alignment=agreeing).problem == "too few: 2 of 3 annotators"
    few = {name: dict.fromkeys(range(10), "a") for name in ("ann", "bob", "cy")}
    found = alternative_test(few["ann"], few, epsilon=0.1, alignment=agreeing)
    assert (found.problem, found.left_out, found.annotators) == ("too few: 0 of 3 annotators", 3, ())
    found = alternative_test(few["ann"], few, epsilon=0.1, alignment=agreeing, fewest_items=10)
    assert (found.problem, found.left_out, found.passes) == ("", 0, True)
    none = alternative_test({}, few, epsilon=0.1, alignment=agreeing)
    assert (none.passes, none.annotators) == (False, ())


def test_closeness_is_larger_for_nearer_ratings():
    assert closeness(3, [3, 4]) > closeness(1, [3, 4])
    assert closeness(2, [5]) == -3
