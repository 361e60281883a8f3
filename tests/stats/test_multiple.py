from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from stagegap.stats.multiple import benjamini_hochberg, benjamini_yekutieli, bonferroni, holm

METHODS = {"bonferroni": bonferroni, "holm": holm, "fdr_bh": benjamini_hochberg, "fdr_by": benjamini_yekutieli}


@pytest.mark.parametrize("name", METHODS)
@given(p=st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_adjusted_p_values_agree_with_statsmodels(name: str, p: list[float]):
    assert METHODS[name](np.array(p)) == pytest.approx(multipletests(p, method=name)[1], abs=1e-12)


@pytest.mark.parametrize("adjust", METHODS.values())
def test_no_claim_needs_no_adjustment(adjust):
    assert adjust(np.array([])).tolist() == []
