from __future__ import annotations

import math

import numpy as np
import pytest

import planted
from stagegap.model.answer import Rating
from stagegap.people.judgements import RatedGap, rated_gap
from stagegap.tables.figures import Unit, between, interval, number

RECORDS = planted.records(120)


def ratings(*, harder: float = 0.5, rated: int = 90, seed: int = 4) -> list[Rating]:
    """Three raters; the system is rated on the first records only, and lower by `harder` on average."""
    rng = np.random.default_rng(seed)
    found: list[Rating] = []
    for place, record in enumerate(RECORDS):
        level = rng.normal(4, 0.6)
        for system, mean in (("person", level), ("system", level - harder)):
            for rater in range(3):
                value = float(np.clip(round(rng.normal(mean, 0.4)), 1, 5))
                if system == "person" or place < rated:
                    found.append(
                        Rating(system=system, record=record.id, criterion="accuracy", rater=str(rater), value=value)
                    )
    return found


def gap(found: list[Rating]) -> RatedGap:
    return rated_gap(
        found,
        RECORDS,
        system="system",
        person="person",
        criterion="accuracy",
        scale=(1, 5),
        seed=1,
        resamples=1000,
    )


def test_the_gap_is_paired_on_the_records_with_ratings_of_both():
    found = ratings()
    view = gap(found)
    by = {name: np.array([r.value for r in found if r.system == name]) for name in ("person", "system")}
    both = by["person"][: 90 * 3].mean() - by["system"].mean()
    assert view.gap.value == pytest.approx(both)
    assert (view.gap.n, view.person.n, view.system.n, view.raters) == (90, 120, 90, 3.0)
    assert view.person.value == pytest.approx(by["person"].mean())
    assert view.gap.low > 0


def test_unrated_answers_are_bounded_and_not_filled_in():
    found = ratings()
    view = gap(found)
    people = np.array([r.value for r in found if r.system == "person"]).reshape(120, 3).mean(axis=1)
    system = np.array([r.value for r in found if r.system == "system"]).reshape(90, 3).mean(axis=1)
    best = (people.sum() - system.sum() - 30 * 5) / 120
    assert view.bounds.unknown == 30
    assert view.bounds.worst.value == pytest.approx(best)
    assert view.bounds.best.value == pytest.approx(best + 30 * 4 / 120)
    assert view.bounds.worst.value < view.gap.value < view.bounds.best.value
    assert view.sentence == (
        f"Labeller minus system is {number(view.gap.value)} ({interval(view.gap, Unit.NUMBER)}) on the "
        "90 records with ratings of both: labellers are rated higher. On 30 records the system gave no answer to rate: "
        f"over all 120 the gap lies between {number(view.bounds.worst.value)} (each of them rated best) and "
        f"{number(view.bounds.best.value)} (each rated worst), with 95% intervals from "
        f"{between(view.bounds.worst.low, view.bounds.best.high, Unit.NUMBER)}."
    )


def test_the_words_follow_the_interval():
    assert gap(ratings(harder=-0.6, rated=120)).sentence.endswith("ratings of both: labellers are rated lower.")
    assert gap(ratings(harder=0.0, rated=120)).sentence.endswith("ratings of both: no difference can be told.")


def test_agreement_of_the_raters_comes_with_the_gap():
    view = gap(ratings())
    assert view.agreement.low < view.agreement.value < view.agreement.high
    noise = [
        Rating(system=r.system, record=r.record, criterion="accuracy", rater=r.rater, value=float(1 + i * 7 % 5))
        for i, r in enumerate(ratings())
    ]
    assert gap(noise).agreement.value < 0.2 < view.agreement.value


def test_ratings_of_other_criteria_systems_and_records_do_not_count():
    own = ratings()
    others = [
        Rating(system="system", record="r00000", criterion="style", rater="0", value=1),
        Rating(system="third", record="r00000", criterion="accuracy", rater="0", value=1),
        Rating(system="system", record="elsewhere", criterion="accuracy", rater="0", value=1),
    ]
    assert gap(own + others).gap == gap(own).gap


def test_without_ratings_of_both_there_is_no_gap():
    view = gap([r for r in ratings() if r.system == "person"])
    assert math.isnan(view.gap.value)
    assert view.sentence == "The gap is not measured: no record has this score."
    assert gap([]).raters == 0
