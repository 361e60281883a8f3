"""Agreement beyond chance by type of answer: numbers by distance, sets whole, texts not at all."""

from __future__ import annotations

import numpy as np

from stagegap.model.answer import Answer, Label
from stagegap.model.cascade import Kind, OutputType
from stagegap.model.estimate import Estimate
from stagegap.model.record import Json
from stagegap.people.agreement import alpha, chance_corrected, is_weak, weak_sentence

N = 40
IDS = [f"r{i}" for i in range(N)]


def said(**people: list[Json]) -> dict[str, dict[str, Label]]:
    return {
        who: {
            record: Label(id=f"{who}{record}", record=record, stage="s", annotator=who, answer=Answer(value=value))
            for record, value in zip(IDS, values, strict=True)
        }
        for who, values in people.items()
    }


def test_numbers_that_are_close_agree_though_none_are_the_same() -> None:
    answers = said(ann=[float(i) for i in range(N)], bob=[i + 0.1 for i in range(N)])
    (found,) = chance_corrected(answers, IDS, OutputType(kind=Kind.NUMBER), np.arange(N))
    assert found.name == "Krippendorff's alpha (interval)"
    assert found.value.low > 0.99


def test_sets_are_the_same_in_any_order() -> None:
    sets: list[Json] = [["a", "b"] if i % 2 else ["c"] for i in range(N)]
    turned: list[Json] = [["b", "a"] if i % 2 else ["c"] for i in range(N)]
    (found,) = chance_corrected(said(ann=sets, bob=turned), IDS, OutputType(kind=Kind.LABELS), np.arange(N))
    assert found.name == "Krippendorff's alpha (nominal, whole sets)"
    assert found.value.method == "too few: every resample gives the same value"  # all agree everywhere


def test_texts_and_a_person_alone_have_none() -> None:
    both: list[Json] = ["x"] * N
    assert alpha(said(ann=both, bob=both), IDS, OutputType(kind=Kind.TEXT), np.arange(N)) is None
    assert alpha(said(ann=both), IDS, OutputType(kind=Kind.LABEL), np.arange(N)) is None


def test_weak_is_what_lies_wholly_below_on_enough_records() -> None:
    found = Estimate(value=0.1, low=0.0, high=0.39, n=30, method="x")
    assert is_weak(found)
    assert weak_sentence(found, "mail", place="at route") == (
        "Labellers hardly agree at route: Krippendorff's alpha 0.10 (0.00 to 0.39) on 30 mails, where 1 is full "
        "agreement and 0 what chance gives. A gap measured with these labels is mostly noise."
    )
    assert not is_weak(Estimate(value=0.1, low=0.0, high=0.41, n=30, method="x"))
    assert not is_weak(Estimate(value=0.1, low=0.0, high=0.39, n=29, method="x"))
