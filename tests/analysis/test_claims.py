from __future__ import annotations

import math

import numpy as np
import pytest

from stagegap.analysis.changes import Claim, claim_sentence, claims, no_change, not_claimed
from stagegap.model.estimate import Estimate, unmeasured
from stagegap.stats.resample import resample
from stagegap.stats.spread import clusters
from stagegap.tables.figures import interval


def made(**columns: list[float]) -> dict[str, Claim]:
    arrays = {name: np.array(values) for name, values in columns.items()}
    n = len(next(iter(arrays.values())))
    drawn = resample(arrays, clusters(range(n)), rng=np.random.default_rng(0), resamples=500)
    return claims(drawn, {name: name for name in arrays})


def moved(fixed: int, broken: int, n: int = 100) -> list[float]:
    return [1.0] * fixed + [-1.0] * broken + [0.0] * (n - fixed - broken)


def test_holm_counts_the_claims():
    # McNemar's exact p of 8 against 1 is 20/512 = 0.039; beside two others of no weight it is 0.117.
    alone = made(a=moved(8, 1))["a"]
    assert (alone.verdict, round(alone.p, 4), round(alone.p_adjusted, 4)) == ("improved", 0.0391, 0.0391)
    beside = made(a=moved(8, 1), b=moved(3, 3), c=moved(4, 4))["a"]
    assert (beside.verdict, round(beside.p_adjusted, 4)) == ("tied", 0.1172)


def test_a_claim_needs_four_percent():
    # McNemar's exact p of 13 against 4 is 0.049: the interval leaves out 0, and yet nothing is claimed.
    found = made(a=moved(13, 4))["a"]
    assert found.change.excludes_zero
    assert (found.verdict, round(found.p, 3)) == ("tied", 0.049)


def test_the_sentence_says_that_the_interval_alone_would_claim_more():
    beside = made(a=moved(8, 1), b=moved(3, 3), c=moved(4, 4))["a"]
    assert claim_sentence("a", beside, noun="mail") == (
        "a: no measurable difference (n = 100, 95% interval 1 to 14; its own interval leaves out 0, "
        "p = 0.12 among all claims)"
    )


def test_fewer_than_thirty_records_claim_nothing_and_count_nothing():
    found = made(a=[1.0] * 29, b=[1.0] * 29)
    assert [claim.verdict for claim in found.values()] == ["too few", "too few"]
    assert math.isnan(found["a"].p)
    assert claim_sentence("a", found["a"], noun="mail") == "a: too few to read, 29 of 30 mails"


@pytest.mark.parametrize(
    ("claim", "sentence"),
    [
        (
            Claim(change=Estimate(value=-0.04, low=-0.07, high=-0.01, n=600, method="m"), p=0.01, p_adjusted=0.02,
                  verdict="regressed"),
            "draft: −4 points (95% interval −7 to −1), worse",
        ),
        (
            Claim(change=Estimate(value=0.011, low=0.005, high=0.02, n=600, method="m"), p=0.01, p_adjusted=0.02,
                  verdict="improved"),
            "draft: +1 point (95% interval 1 to 2), better",
        ),
        (
            Claim(change=Estimate(value=0.0, low=-0.01, high=0.01, n=1600, method="m"), p=1, p_adjusted=1,
                  verdict="tied"),
            "draft: no measurable difference (n = 1,600, 95% interval −1 to 1)",
        ),
        (no_change(9, "every output is the same"), "draft: no difference, every output is the same"),
        (not_claimed(unmeasured("not measured: no record has this score")),
         "draft: not measured: no record has this score"),
    ],
)  # fmt: skip
def test_each_claim_has_its_sentence(claim: Claim, sentence: str):
    assert claim_sentence("draft", claim, noun="mail") == sentence


def test_an_interval_has_true_minus_signs():
    assert interval(Estimate(value=0.0, low=-0.5, high=0.25, n=3, method="m")) == "95% interval −50 to 25"
