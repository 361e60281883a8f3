"""Ratings of people beside a system - replies of DSTC10, translations of WMT -, worked out twice and equal to 1e-9."""

from __future__ import annotations

import csv
import gzip
from pathlib import Path

import numpy as np
import pytest

from oracles.naive_figures import alpha_interval, draw
from oracles.sameness import DATA, assert_same, lines, needs, written
from stagegap.exchange.recorded import read_ratings
from stagegap.exchange.records import read_records
from stagegap.model.cascade import RecordsSource
from stagegap.people.judgements import rated_gap


@pytest.mark.slow
@needs("dstc10-track2-task2")
@pytest.mark.xdist_group("dstc10")
def test_ratings_of_replies_against_those_of_the_person(dialogues: Path):
    path = dialogues / "recorded" / "records.jsonl"
    ids = [row["record"] for row in lines(path)]
    table = lines(dialogues / "recorded" / "ratings.jsonl")
    system, person = "teamB00/entry0", "human_reference"
    ours = rated_gap(
        read_ratings(dialogues / "recorded" / "ratings.jsonl"),
        read_records(RecordsSource(paths=(str(path),), id="record")),
        system=system,
        person=person,
        criterion="accuracy",
        scale=(1, 5),
        seed=3,
        resamples=2_000,
    )
    place = {record: i for i, record in enumerate(ids)}
    given = {name: np.full((3, len(ids)), np.nan) for name in (person, system)}
    for row in table:
        if row["criterion"] == "accuracy" and row["system"] in given:
            given[row["system"]][int(row["rater"]), place[row["record"]]] = row["value"]
    with np.errstate(invalid="ignore"), pytest.warns(RuntimeWarning):
        human, machine = np.nanmean(given[person], axis=0), np.nanmean(given[system], axis=0)
    both = np.isnan(human) | np.isnan(machine)
    lowest, highest = (np.where(np.isnan(human), np.nan, np.where(np.isnan(machine), end, machine)) for end in (1, 5))
    columns = {
        "person": human,
        "person, both": np.where(both, np.nan, human),
        "system, both": np.where(both, np.nan, machine),
        "lowest": lowest,
        "highest": highest,
    }
    drawn = draw(columns, list(range(len(ids))), seed=3, resamples=2_000)
    assert_same(ours.person, drawn.mean("person"), "person")
    assert_same(ours.system, drawn.mean("system, both"), "system")
    assert_same(ours.gap, drawn.sum_of({"person, both": 1.0, "system, both": -1.0}), "gap")
    assert_same(ours.bounds.worst, drawn.sum_of({"person": 1.0, "highest": -1.0}), "worst")
    assert_same(ours.bounds.best, drawn.sum_of({"person": 1.0, "lowest": -1.0}), "best")
    rng = np.random.default_rng(3)
    agreement = alpha_interval(
        np.hstack([given[person], given[system]]), [*range(len(ids))] * 2, rng=rng, resamples=500
    )
    assert_same(ours.agreement, agreement, "agreement of the raters")


@needs("wmt-mqm")
def test_errors_of_translations_as_professionals_marked_them(tmp_path: Path):
    """No cascade: one rater a translation. What can be compared is the rating that their errors add up to."""
    with gzip.open(DATA / "wmt-mqm" / "ted-en-de.tsv.gz", "rt", encoding="utf-8") as file:
        marks = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    points: dict[tuple[str, str, str], float] = {}
    for mark in marks:
        key = (mark["system"], mark["seg_id"], mark["rater"])
        points[key] = points.get(key, 0.0) + {"Major": -5.0, "Minor": -1.0}.get(mark["severity"], 0.0)
    segments = sorted({segment for _, segment, _ in points}, key=int)
    talks = {mark["seg_id"]: mark["doc"] for mark in marks}
    records = written(tmp_path / "records.jsonl", [{"id": s, "talk": talks[s]} for s in segments])
    rows = [
        {"system": system, "record": segment, "criterion": "mqm", "rater": rater, "value": value}
        for (system, segment, rater), value in points.items()
        if system in ("ref", "Nemo")
    ]
    ours = rated_gap(
        read_ratings(written(tmp_path / "ratings.jsonl", rows)),
        read_records(RecordsSource(paths=(str(records),), id="id", cluster="talk")),
        system="Nemo",
        person="ref",
        criterion="mqm",
        scale=(-25, 0),
        seed=5,
        resamples=500,
    )
    columns = {}
    for name in ("ref", "Nemo"):
        values = {segment: value for (system, segment, _), value in points.items() if system == name}
        columns[name] = np.array([values.get(segment, np.nan) for segment in segments])
    person, system = columns["ref"], columns["Nemo"]
    both, rated = np.isnan(person) | np.isnan(system), ~np.isnan(person)
    order = list(dict.fromkeys(talks[s] for s in segments))
    drawn = draw(
        {
            "person": person,
            "person, both": np.where(both, np.nan, person),
            "system, both": np.where(both, np.nan, system),
            "lowest": np.where(rated, np.where(np.isnan(system), -25, system), np.nan),
            "highest": np.where(rated, np.where(np.isnan(system), 0, system), np.nan),
        },
        [order.index(talks[s]) for s in segments],
        seed=5,
        resamples=500,
    )
    assert_same(ours.person, drawn.mean("person"), "person")
    assert_same(ours.gap, drawn.sum_of({"person, both": 1.0, "system, both": -1.0}), "gap")
