"""Professional error coding (WMT MQM, TED talks, English to German): counts, agreement and what is unseen.

The data lie outside the repository; without them these tests are skipped.
"""

from __future__ import annotations

import csv
import gzip
from collections import Counter
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from stagegap.analysis.codes import codes_view, read_run
from stagegap.model.notes import CodeEvent, Reading
from stagegap.people.codebook import codebook
from stagegap.people.readings import in_force
from stagegap.stats.sample_size import unseen_share
from stagegap.stats.spread import clusters

SOURCE = Path(__file__).parents[3] / "shared" / "data" / "wmt-mqm" / "ted-en-de.tsv.gz"
pytestmark = pytest.mark.skipif(not SOURCE.is_file(), reason=f"the error coding of WMT is not at {SOURCE}")

NO_ERROR = "No-error"


@cache
def rows() -> list[dict[str, str]]:
    with gzip.open(SOURCE, "rt", encoding="utf-8") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


@cache
def coded() -> dict[tuple[str, str], set[str]]:
    """The categories of each translation of a segment, by system and segment; those without an error have none."""
    outputs: dict[tuple[str, str], set[str]] = {}
    for row in rows():
        own = outputs.setdefault((row["system"], row["seg_id"]), set())
        own |= {row["category"]} - {NO_ERROR}
    return outputs


def test_file_is_read_whole() -> None:
    assert len({row["system"] for row in rows()}) == 14  # people among them
    assert len({row["rater"] for row in rows()}) == 4
    categories = Counter(row["category"] for row in rows())
    assert len(rows()) == 8_435
    assert (categories[NO_ERROR], len(categories) - 1) == (4_404, 14)
    assert Counter(row["severity"] for row in rows()) == {NO_ERROR: 4_404, "Minor": 2_164, "Major": 1_867}


def test_codes_view_counts_what_the_coders_counted() -> None:
    """Each translation is a record, its segment the cluster; categories are codes at the one stage there is."""
    readings: list[Reading] = []
    marks: list[CodeEvent] = []
    units: dict[str, str] = {}
    places: dict[str, int] = {}
    for place, ((system, segment), categories) in enumerate(coded().items()):
        record = f"{system}/{segment}"
        units[record], places[record] = segment, place
        verdict = "fail" if categories else "pass"
        stage = "translate" if categories else ""
        readings.append(
            Reading(
                id=record, record=record, annotator="coder", run="k", action="read", verdict=verdict, stage=stage,
                queue="q",
            )
        )  # fmt: skip
        marks += [
            CodeEvent(
                id=f"{record} {name}", record=record, annotator="coder", run="k", stage=stage, action="add", tag=name
            )
            for name in sorted(categories)
        ]
    held, book = in_force(readings), codebook(marks)
    read = read_run("ted", held, book, key="k", units=units, places=places)
    view = codes_view(read, (), held, book, key="k", cascade="ted", noun="translation", stages=("translate",), seed=1)
    naive = Counter(name for categories in coded().values() for name in categories)
    assert {row.code: row.count for row in view.rows} == dict(naive)
    assert view.n == len(coded())
    assert view.failing.value == pytest.approx(sum(bool(own) for own in coded().values()) / len(coded()))
    assert view.failing.clusters == len(set(units.values()))
    assert view.rows[0].code == "Style/Awkward"
    assert view.unseen[0].kinds == 14
    assert view.unseen[0].share.value < 0.001


@pytest.mark.parametrize("n", [50, 200])
def test_unseen_categories_are_said_within_three_tenths_of_a_point_on_average(n: int) -> None:
    """Samples of translations with an error: what Good-Turing says against what the others of them bring."""
    failing = [own for own in coded().values() if own]
    rng = np.random.default_rng(n)
    errors, held = [], []
    for _ in range(60):
        order = rng.permutation(len(failing))
        sample = [failing[i] for i in order[:n].tolist()]
        known = set[str]().union(*sample)
        true = float(np.mean([bool(failing[i] - known) for i in order[n:].tolist()]))
        said = unseen_share(sample, clusters(range(n)))
        errors.append(said.value - true)
        held.append(true <= said.high)
    assert abs(float(np.mean(errors))) < (0.003 if n == 200 else 0.01)
    assert np.mean(held) >= 0.95
