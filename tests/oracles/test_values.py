"""Our numbers beside those of other libraries: `make.py` says how `values.json` was made."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest

from oracles import make
from stagegap.attribution.shapley import (
    banzhaf_interaction_matrix,
    banzhaf_matrix,
    interaction_matrix,
    shapley_matrix,
)
from stagegap.stats.agreement import krippendorff_alpha
from stagegap.stats.distributions import normal_quantile, t_quantile
from stagegap.stats.judge import ppi_mean
from stagegap.stats.raters import dawid_skene

STORED = json.loads(make.VALUES.read_text())


def cases(name: str) -> list[dict[str, Any]]:
    assert STORED[name]["cases"]
    return STORED[name]["cases"]


@pytest.mark.parametrize("case", cases("shapiq"), ids=lambda case: f"{case['k']}_stages")
def test_exact_values_and_interactions_agree_with_shapiq(case: dict[str, Any]):
    k, v = case["k"], np.array(case["v"])
    assert shapley_matrix(k) @ v == pytest.approx(case["SV"], abs=1e-9)
    assert banzhaf_matrix(k) @ v == pytest.approx(case["BV"], abs=1e-9)
    assert interaction_matrix(k).matrix @ v == pytest.approx(case["SII"], abs=1e-9)
    assert banzhaf_interaction_matrix(k).matrix @ v == pytest.approx(case["BII"], abs=1e-9)


@pytest.mark.parametrize("case", cases("ppi"), ids=lambda case: f"{len(case['labels'])}_labels")
def test_judged_means_agree_with_ppi_py(case: dict[str, Any]):
    n = len(case["labels"])
    found = ppi_mean(*(np.array(case[name]) for name in ("labels", "judged", "others")))
    # Theirs divides the covariance by n and not by n - 1, and takes the normal quantile: we are a little wider.
    assert found.value == pytest.approx(case["value"], abs=0.002)
    wider = t_quantile(0.975, n - 1) / normal_quantile(0.975) * math.sqrt(n / (n - 1))
    assert found.high - found.low == pytest.approx((case["high"] - case["low"]) * wider, rel=0.01)


@pytest.mark.parametrize("scale", ["nominal", "ordinal", "interval", "ratio"])
@pytest.mark.parametrize("case", cases("krippendorff"), ids=lambda case: f"{len(case['ratings'])}_raters")
def test_alpha_with_missing_ratings_agrees_with_krippendorff(case: dict[str, Any], scale: Any):
    ratings = np.array(case["ratings"], dtype=np.float64)
    assert krippendorff_alpha(ratings, scale=scale) == pytest.approx(case[scale], abs=1e-9)


@pytest.mark.parametrize("case", cases("crowdkit"), ids=lambda case: f"{case['categories']}_categories")
def test_consensus_agrees_with_crowd_kit(case: dict[str, Any]):
    given = case["given"]
    counts = np.zeros((len(given[0]), len(given), case["categories"]))
    for item, row in enumerate(given):
        for rater, category in enumerate(row):
            if category is not None:
                counts[rater, item, category] = 1
    found = dawid_skene(counts, smoothing=0, most_rounds=20_000, tolerance=1e-12)
    assert found.shares == pytest.approx(case["shares"], abs=1e-4)
    assert found.chances == pytest.approx(np.array(case["chances"]), abs=1e-3)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("name", "module"), [("shapiq", "shapiq"), ("ppi", "ppi_py")])
def test_what_is_stored_is_what_the_library_answers_today(name: str, module: str):
    pytest.importorskip(module, reason=f"{module} is in the dependency group `oracles`, which the gate does not need")
    asked = make.ORACLES[name][1]()
    for case, stored in zip(asked, cases(name), strict=True):
        for key, answer in case.items():
            assert answer == pytest.approx(stored[key], abs=1e-9)
