"""Every published number that the code can compute, from the shared table of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from stagegap.attribution.ceiling import increments
from stagegap.stats.intervals import wilson
from stagegap.stats.paired import mcnemar

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
