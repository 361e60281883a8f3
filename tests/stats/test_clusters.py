from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.regression.linear_model import OLS

from stagegap.stats.clusters import clusters, distinct, effective_n, few_clusters, kish_n


def test_units_get_codes_in_the_order_of_first_appearance():
    found = clusters(["ann", "bob", "ann", "cy"])
    assert (found.codes.tolist(), found.count, found.are_records) == ([0, 1, 0, 2], 3, False)


def test_records_without_clusters_are_units_of_their_own():
    assert clusters(["a", "b"]).are_records


def test_no_record_has_no_cluster():
    assert (clusters([]).count, distinct(clusters([]).codes)) == (0, 0)


def test_few_clusters_are_warned_of():
    assert few_clusters(14) == "; only 14 clusters, the interval may be too narrow"
    assert few_clusters(15) == ""


def test_effective_n_is_n_when_every_record_is_its_own_cluster():
    assert effective_n(np.array([0.0, 1.0, 1.0]), np.array([0, 1, 2])) == 3.0


def test_effective_n_of_perfectly_alike_records_is_about_the_number_of_clusters():
    codes = np.repeat(np.arange(20), 5)
    values = np.repeat(np.tile([0.0, 1.0], 10), 5)
    assert effective_n(values, codes) == pytest.approx(20.0, rel=0.06)


def test_effective_n_never_exceeds_n_when_clusters_balance_themselves():
    codes = np.repeat(np.arange(10), 2)
    assert effective_n(np.tile([0.0, 1.0], 10), codes) == 20.0


def test_effective_n_without_variation_is_the_cautious_kish_number():
    codes = np.array([0, 0, 0, 1])
    assert effective_n(np.ones(4), codes) == kish_n(codes) == pytest.approx(1.6)


def test_effective_n_of_a_single_cluster_is_one():
    assert effective_n(np.array([0.0, 1.0]), np.array([0, 0])) == 1.0


@settings(max_examples=25)
@given(st.integers(0, 2**32 - 1))
def test_effective_n_agrees_with_the_cluster_variance_of_statsmodels(seed: int):
    rng = np.random.default_rng(seed)
    codes = np.repeat(np.arange(30), rng.integers(1, 9, 30))
    values = rng.random(30)[codes] + rng.random(len(codes))
    model = OLS(values, np.ones(len(codes)))
    plain = model.fit().bse[0] ** 2
    together = model.fit(cov_type="cluster", cov_kwds={"groups": codes}).bse[0] ** 2
    wanted = len(codes) * plain / together
    assert effective_n(values, codes) == pytest.approx(min(max(wanted, kish_n(codes)), len(codes)))
