from __future__ import annotations

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer

from stagegap.analysis.slices import Texts
from stagegap.model.record import Record

TEXTS = [
    "My kettle is broken and leaks",
    "My kettle is new and shiny",
    "Where is my parcel",
    "Where is my refund",
    "Zzz",
]
RECORDS = [Record(id=f"r{i}", fields={"text": text, "count": 3}) for i, text in enumerate(TEXTS)]
FAILED = np.array([1, 0, 0, 1, 1], dtype=float)


def test_each_failing_record_stands_beside_the_passing_one_that_is_most_like_it():
    found = {one.record: one for one in Texts(RECORDS).neighbours(FAILED)}
    assert {record: one.passing for record, one in found.items()} == {"r0": "r1", "r3": "r2"}
    assert found["r0"].only_here == ("broken", "leaks")
    assert found["r0"].only_there == ("new", "shiny")
    assert "r4" not in found, "nothing is like it"


def test_similarity_is_the_tfidf_cosine_of_scikit_learn():
    vectors = TfidfVectorizer(sublinear_tf=True, token_pattern=r"\w+").fit_transform(TEXTS).toarray()
    alike = vectors[FAILED == 1] @ vectors[FAILED == 0].T
    ours = {one.record: one.similarity for one in Texts(RECORDS).neighbours(FAILED)}
    assert [ours["r0"], ours["r3"]] == pytest.approx(alike.max(axis=1)[:2].tolist())


def test_the_closest_pair_comes_first_and_few_are_looked_at():
    found = Texts(RECORDS).neighbours(FAILED)
    assert [one.similarity for one in found] == sorted((one.similarity for one in found), reverse=True)
    assert [one.record for one in Texts(RECORDS).neighbours(FAILED, most=1)] == ["r0"]


def test_without_a_passing_record_there_is_no_neighbour():
    everything = np.ones(5)
    assert Texts(RECORDS).neighbours(everything) == ()
    assert Texts([RECORDS[4], RECORDS[4]]).neighbours(np.array([1.0, 0])) != ()
