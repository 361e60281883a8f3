"""Ratings beside a run: means, noise, gap to the person, where low ones come from, and whether scores see them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from conftest import Command, Copied
from stagegap.analysis import evidence as ev
from stagegap.analysis.ratings import NO_FAULT, SEVERAL, UNKNOWN, RatingsView, ratings_sheet, ratings_view
from stagegap.analysis.views import from_json, to_json
from stagegap.errors import ConfigurationError
from stagegap.exchange.recorded import read_scale
from stagegap.model.answer import Rating
from views_of_runs import CHAIN, DIAMOND, evidence, material


def rated(found: ev.Evidence, *, noise: float, seed: int = 0, system: str = "ours") -> list[Rating]:
    """Three raters about 4 where the end is right and 2 where it is wrong."""
    rng = np.random.default_rng(seed)
    ends = ev.outcome_scores(found, ev.SYSTEM)
    return [
        Rating(
            system=system,
            record=record.id,
            criterion="help",
            rater=rater,
            value=float(2 + 2 * end + noise * rng.normal()),
        )
        for record, end in zip(found.records, ends.tolist(), strict=True)
        for rater in ("ann", "bob", "cid")
    ]


def test_the_planted_noise_means_and_faults_are_found():
    found = evidence(material(CHAIN, 600, per_cluster=2))
    view = ratings_view(found, rated(found, noise=0.7), resamples=400)
    (row,) = view.systems
    assert row.noise.low <= 0.7 <= row.noise.high
    assert (row.raters, row.mean.n, row.mean.clusters) == (3, 600, 300)
    assert row.agreement.low > 0.3
    means = {place.place: place.mean for place in view.places}
    assert set(means) <= {"A", "B", "C", NO_FAULT, SEVERAL, UNKNOWN}
    assert means["B"].high + 1 < means[NO_FAULT].low, "a fault in a chain reaches the end"
    assert sum(mean.n for mean in means.values()) == 600, "every rated answer stands at one place"
    end = next(each for each in view.metrics if each.score == "outcome").correlations
    start = next(each for each in view.metrics if each.score.startswith("A.")).correlations
    assert end.pearson.low > start.pearson.high, "the end's score goes with ratings of the end"
    assert from_json(RatingsView, to_json(view)) == view


def test_branches_that_went_wrong_together_are_a_place_of_their_own():
    found = evidence(material(DIAMOND, 400))
    places = {place.place: place.mean.n for place in ratings_view(found, rated(found, noise=0.1), resamples=100).places}
    assert places[SEVERAL] == int((np.sum([*found.faults.first.values()], axis=0) > 1).sum()) > 10


def test_a_person_in_the_file_gives_the_gap():
    found = evidence(material(CHAIN, 200))
    human = [replace(each, system="human", value=4.0) for each in rated(found, noise=0)]
    view = ratings_view(
        found, [*rated(found, noise=0), *human], system="ours", person="human", scale=(1, 5), resamples=200
    )
    (gap,) = view.gaps
    share = float(np.nanmean(ev.outcome_scores(found, ev.SYSTEM)))
    assert gap.gap.value == pytest.approx(2 * (1 - share))
    assert gap.gap.low > 0
    assert [row.system for row in view.systems] == ["human", "ours"]
    printed = ratings_sheet(view)
    assert gap.sentence in printed.parts


def test_what_the_run_does_not_score_is_counted_and_one_rater_has_no_noise():
    found = evidence(material(CHAIN, 40))
    one = [each for each in rated(found, noise=0.2) if each.rater == "ann"]
    stray = replace(one[0], record="elsewhere")
    view = ratings_view(found, [*one, stray], resamples=100)
    assert (view.n, view.elsewhere) == (40, 1)
    assert view.systems[0].noise.method == "not measured: no answer has two ratings"
    assert not view.systems[0].agreement.is_measured
    assert "1 of others are left out." in str(ratings_sheet(view).parts[0])
    few = ratings_view(found, one[:9], resamples=100)
    assert any("too few: 9 records have both" in part for part in ratings_sheet(few).parts if isinstance(part, str))
    assert ratings_view(found, [stray], system="ours", resamples=100).systems == ()


def test_a_name_that_the_file_does_not_hold_is_told():
    found = evidence(material(CHAIN, 20))
    several = [*rated(found, noise=0), *rated(found, noise=0, system="theirs")]
    with pytest.raises(ConfigurationError, match=r"no ratings of 'oars'. Did you mean ours"):
        ratings_view(found, several, system="oars")
    with pytest.raises(ConfigurationError, match=r"Name one of ours, theirs."):
        ratings_view(found, several)


@pytest.mark.parametrize(("text", "ends"), [("1-5", (1, 5)), ("-25 to 0", (-25, 0)), ("0..1.5", (0, 1.5))])
def test_a_scale_is_read(text: str, ends: tuple[float, float]):
    assert read_scale(text) == ends


@pytest.mark.parametrize("text", ["5", "5-1", "low-high"])
def test_what_is_no_scale_is_told(text: str):
    with pytest.raises(ConfigurationError, match="the lowest and the highest rating, as 1-5"):
        read_scale(text)


def test_the_command_reads_a_file_of_ratings(once: Copied, stagegap: Command, tmp_path: Path):
    made = once(tmp_path)
    rows = "".join(f"first,q{i:02d},help,{who},{4 - (i % 3)}\n" for i in range(60) for who in ("ann", "bob"))
    (made / "ratings.csv").write_text("system,record,criterion,rater,value\n" + rows)
    printed = stagegap("show", "ratings", str(made / "ratings.csv"), "--scale", "1-5")
    assert (printed.code, printed.error) == (0, "")
    assert "Ratings beside v1 of first" in printed.out
    assert "By where the first fault lies" in printed.out
    refused = stagegap("show", "ratings", str(made / "ratings.csv"), "--scale", "five")
    assert refused.code == 2
