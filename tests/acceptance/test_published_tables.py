"""Every published number that the code can compute, from the shared table of them."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stagegap.attribution.ceiling import increments
from stagegap.attribution.faults import category_ceiling
from stagegap.attribution.shapley import (
    banzhaf_matrix,
    interaction_matrix,
    mask_of,
    shapley_matrix,
)
from stagegap.attribution.swaps import lattice, weights
from stagegap.stats.agreement import Scale, agreement_beyond_chance, krippendorff_alpha
from stagegap.stats.intervals import wilson
from stagegap.stats.judge import rogan_gladen_point
from stagegap.stats.paired import mcnemar
from stagegap.stats.raters import dawid_skene
from stagegap.stats.sample_size import errors_to_separate_shares, records_for_mean_difference
from stagegap.stats.significance import benjamini_hochberg, benjamini_yekutieli, bonferroni, e_value, holm
from stats.textbook_agreement import cohen_kappa, fleiss_kappa, pair_of, ratings_of, raw_agreement

TABLES = Path(__file__).parents[2].parent / "shared" / "acceptance" / "published-tables.json"


@pytest.fixture
def entry(request: pytest.FixtureRequest) -> dict[str, Any]:
    if not TABLES.exists():
        pytest.skip(f"the published tables are not at {TABLES}")
    found = {test["id"]: test for test in json.loads(TABLES.read_text())["tests"]}
    return found[request.param]


def published(name: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("entry", [name], indirect=True)


@published("ng-ocr-ceiling")
def test_ceiling_analysis_of_the_photo_ocr_lecture(entry: dict[str, Any]):
    steps, shares = increments(entry["input"]["accuracy_after_prefix_fixed"])
    assert list(steps) == entry["expected"]["increment"]
    assert shares == pytest.approx(entry["expected"]["share_of_headroom"], abs=entry["tolerance"])
    assert entry["input"]["order"][steps.index(max(steps))] == entry["expected"]["work_on_first"]


@published("mly-two-stage")
def test_share_and_interval_of_the_cat_detector(entry: dict[str, Any]):
    found = wilson(entry["input"]["detector"] / entry["input"]["misclassified"], n=entry["input"]["misclassified"])
    assert found.value == entry["expected"]["share"]["detector"]
    assert (found.low, found.high) == pytest.approx(entry["expected"]["wilson95_detector"], abs=entry["tolerance"])


@published("mcnemar-wikipedia")
def test_mcnemar(entry: dict[str, Any]):
    (_, fixed), (broken, _) = entry["input"]["table"]
    found, wanted = mcnemar(fixed, broken), entry["expected"]
    assert found.chi2 == pytest.approx(wanted["chi2"], abs=entry["tolerance"])
    assert (found.p_chi2, found.p) == pytest.approx((wanted["p"], wanted["exact_p"]), rel=1e-3)


@published("mcnemar-wikipedia")
def test_evidence_that_allows_peeking(entry: dict[str, Any]):
    (_, fixed), (broken, _) = entry["input"]["table"]
    assert e_value(fixed, broken) == pytest.approx(entry["expected"]["anytime_e_value"], rel=entry["tolerance"])


@published("chain-shapley-is-airport")
def test_why_unrestricted_shapley_is_wrong_advice_for_references_in_a_chain(entry: dict[str, Any]):
    a = entry["input"]["a"]
    k = len(a) - 1
    names = [f"{i}" for i in range(k)]
    parents = {name: names[i - 1 : i] if i else [] for i, name in enumerate(names)}
    v = np.array([a[mask.bit_length()] for mask in range(2**k)], dtype=float)
    wanted, tolerance = entry["expected"], entry["tolerance"]
    assert shapley_matrix(k) @ v == pytest.approx(wanted["unrestricted_shapley"], abs=tolerance)
    sets = lattice(names, parents)
    assert sets is not None
    allowed = sum(v[mask] * weight for mask, weight in weights(sets).items())
    assert allowed == pytest.approx(wanted["precedence_constrained_shapley"], abs=tolerance)


@published("glove")
def test_gloves(entry: dict[str, Any]):
    names = entry["input"]["players"]
    v = np.array([float(bool(mask & 4) and bool(mask & 3)) for mask in range(8)])
    wanted, tolerance = entry["expected"], entry["tolerance"]
    assert shapley_matrix(3) @ v == pytest.approx(wanted["shapley"], abs=tolerance)
    assert banzhaf_matrix(3) @ v == pytest.approx(wanted["banzhaf"], abs=tolerance)
    pairs = interaction_matrix(3)
    found = {f"{names[i]},{names[j]}": x for (i, j), x in zip(pairs.pairs, pairs.matrix @ v, strict=True)}
    assert found == pytest.approx(wanted["shapley_interaction"], abs=tolerance)


@published("voting-4-321")
def test_weighted_voting(entry: dict[str, Any]):
    votes, quota = entry["input"]["weights"], entry["input"]["quota"]
    v = np.array([float(sum(w for i, w in enumerate(votes) if mask >> i & 1) >= quota) for mask in range(8)])
    wanted, tolerance = entry["expected"], entry["tolerance"]
    assert shapley_matrix(3) @ v == pytest.approx(wanted["shapley"], abs=tolerance)
    raw = banzhaf_matrix(3) @ v
    assert raw == pytest.approx(wanted["banzhaf_raw"], abs=tolerance)
    assert raw / raw.sum() == pytest.approx(wanted["banzhaf_normalised"], abs=tolerance)


@published("three-stage-entangled")
def test_entangled_stages(entry: dict[str, Any]):
    names = ["A", "B", "C"]
    v = np.zeros(8)
    for swapped, value in entry["input"]["v"].items():
        v[mask_of(names, list(swapped))] = value
    wanted, tolerance = entry["expected"], entry["tolerance"]

    def named(values: Any) -> dict[str, float]:
        return dict(zip(names, values, strict=True))

    assert named(shapley_matrix(3) @ v) == pytest.approx(wanted["shapley"], abs=tolerance)
    assert named(banzhaf_matrix(3) @ v) == pytest.approx(wanted["banzhaf"], abs=tolerance)
    pairs = interaction_matrix(3)
    found = {names[i] + names[j]: x for (i, j), x in zip(pairs.pairs, pairs.matrix @ v, strict=True)}
    assert found == pytest.approx(wanted["sii"], abs=tolerance)
    for order in ("ABC", "CBA"):
        steps, _ = increments([float(v[mask_of(names, list(order[:i]))]) for i in range(4)])
        assert dict(zip(order, steps, strict=True)) == pytest.approx(wanted[f"cumulative_{order}"], abs=tolerance)
    lowered = [name for name in names if v[mask_of(names, [name])] < v[0]]
    assert [f"fixing {name} alone lowers the end score" for name in lowered] == wanted["warnings"]


@published("mly-cat-table")
def test_overlapping_error_categories(entry: dict[str, Any]):
    given = entry["input"]
    found = category_ceiling(given["errors"], given["columns"], error_rate=given["dev_error"])
    assert found == pytest.approx(entry["expected"]["ceiling_gain_abs"], abs=entry["tolerance"])
    assert (sum(found.values()) > given["dev_error"]) is entry["expected"]["sum_may_exceed_100"]


@published("krippendorff-4x12")
@pytest.mark.parametrize("scale", ["nominal", "ordinal", "interval", "ratio"])
def test_krippendorff(entry: dict[str, Any], scale: Scale):
    ratings = np.array([[math.nan if x is None else x for x in row] for row in entry["input"]["ratings"]])
    assert krippendorff_alpha(ratings, scale=scale) == pytest.approx(entry["expected"][scale], abs=entry["tolerance"])


@published("fleiss-10x14")
def test_fleiss(entry: dict[str, Any]):
    counts = np.array(entry["input"]["counts"], dtype=float)
    wanted, tolerance = entry["expected"], entry["tolerance"]
    assert fleiss_kappa(counts) == pytest.approx(wanted["kappa"], abs=tolerance)
    coefficient = agreement_beyond_chance(ratings_of(counts), chance="fleiss")
    assert coefficient.value == pytest.approx(wanted["kappa"], abs=tolerance)
    assert raw_agreement(counts) == pytest.approx(wanted["Pbar"], abs=tolerance)


@published("cohen-20-5-10-15")
def test_cohen(entry: dict[str, Any]):
    table = np.array(entry["input"]["table"], dtype=float)
    wanted = pytest.approx(entry["expected"]["kappa"], abs=entry["tolerance"])
    assert cohen_kappa(table) == wanted
    assert agreement_beyond_chance(pair_of(table), chance="conger").value == wanted


@published("bh-1995")
def test_fifteen_hypotheses(entry: dict[str, Any]):
    p, alpha = np.array(entry["input"]["p"]), entry["input"]["alpha"]
    methods = {
        "bonferroni": bonferroni,
        "holm": holm,
        "benjamini_hochberg": benjamini_hochberg,
        "benjamini_yekutieli": benjamini_yekutieli,
    }
    found = {name: int((adjust(p) <= alpha).sum()) for name, adjust in methods.items()}
    assert found == entry["expected"]["rejected"]


@published("rogan-gladen")
def test_rogan_gladen(entry: dict[str, Any]):
    given = entry["input"]
    found = rogan_gladen_point(given["passed"] / given["n"], given["tpr"], given["tnr"])
    assert found == pytest.approx(entry["expected"]["theta"], abs=entry["tolerance"])


@published("miller-power")
def test_questions_needed(entry: dict[str, Any]):
    given = entry["input"]
    found = records_for_mean_difference(
        given["delta"],
        variance=given["omega2"],
        noise_a=given["sigma2_A"],
        noise_b=given["sigma2_B"],
        alpha=given["alpha"],
        power=given["power"],
    )
    assert found == pytest.approx(entry["expected"]["n"], abs=entry["tolerance"])


@published("share-difference-n")
def test_errors_to_label(entry: dict[str, Any]):
    given = entry["input"]
    found = errors_to_separate_shares(given["p1"], given["p2"], alpha=given["alpha"], power=given["power"])
    assert found == pytest.approx(entry["expected"]["n"], abs=entry["tolerance"])


@published("dawid-skene")
def test_the_anaesthetists(entry: dict[str, Any]):
    with (TABLES.parent / "dawid-skene-1979.csv").open() as file:
        rows = [(int(row["observer"]), int(row["patient"]), int(row["rating"])) for row in csv.DictReader(file)]
    counts = np.zeros((5, 45, 4))
    for observer, patient, rating in rows:
        counts[observer - 1, patient - 1, rating - 1] += 1
    fit = dawid_skene(counts, smoothing=0)
    wanted, tolerance = entry["expected"], entry["tolerance"]
    assert fit.shares == pytest.approx(wanted["marginals"], abs=tolerance)
    assert fit.log_likelihood == pytest.approx(wanted["loglik"], abs=tolerance)
    votes = counts.sum(axis=0)
    chosen = fit.chances.argmax(axis=1)
    overturned = {
        str(patient + 1): int(chosen[patient]) + 1
        for patient in range(45)
        if votes[patient, chosen[patient]] < votes[patient].max()
    }
    assert overturned == wanted["differs_from_plurality"]
