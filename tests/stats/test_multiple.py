from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import false_discovery_control
from statsmodels.stats.multitest import multipletests

from stagegap.stats.significance import benjamini_hochberg, benjamini_yekutieli, bonferroni, holm

METHODS = {"bonferroni": bonferroni, "fdr_bh": benjamini_hochberg, "fdr_by": benjamini_yekutieli}


@pytest.mark.parametrize("name", METHODS)
@given(p=st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_adjusted_p_values_agree_with_statsmodels(name: str, p: list[float]):
    assert METHODS[name](np.array(p)) == pytest.approx(multipletests(p, method=name)[1], abs=1e-12)


@pytest.mark.parametrize("p", [[0.01, 0.04, 0.03, 0.005], [0.2], [0.5, 0.5, 0.0, 1.0, 0.011, 0.012]])
def test_holm_agrees_with_statsmodels(p: list[float]):  # few: it collects garbage at each call
    assert holm(np.array(p)) == pytest.approx(multipletests(p, method="holm")[1], abs=1e-12)


@given(p=st.lists(st.floats(0, 1), min_size=1, max_size=6))
def test_holm_is_closed_testing_with_bonferroni(p: list[float]):
    together = [set(s) for n in range(1, len(p) + 1) for s in combinations(range(len(p)), n)]
    closed = [max(min(1.0, len(s) * min(p[j] for j in s)) for s in together if i in s) for i in range(len(p))]
    assert holm(np.array(p)) == pytest.approx(closed, abs=1e-12)


@pytest.mark.parametrize("adjust", [*METHODS.values(), holm])
def test_no_claim_needs_no_adjustment(adjust):
    assert adjust(np.array([])).tolist() == []


@given(p=st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_benjamini_hochberg_is_scipys_to_the_last_digit(p: list[float]):
    assert benjamini_hochberg(np.array(p)).tolist() == false_discovery_control(p).tolist()
