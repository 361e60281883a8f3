from __future__ import annotations

import json
from pathlib import Path

import pytest

from stagegap.errors import InputError
from stagegap.exchange.recorded import read_first_faults, read_printed, read_ratings
from stagegap.model.answer import FirstFault, Rating

GOOD = {"system": "a", "record": 7, "criterion": "accuracy", "rater": 0, "value": 4}


def written(folder: Path, *rows: dict[str, object]) -> Path:
    path = folder / "ratings.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_a_rating_keeps_who_what_and_how_good(tmp_path: Path):
    assert read_ratings(written(tmp_path, GOOD)) == [
        Rating(system="a", record="7", criterion="accuracy", rater="0", value=4.0)
    ]


def test_numbers_in_a_csv_file_are_numbers(tmp_path: Path):
    path = tmp_path / "ratings.csv"
    path.write_text("system,record,criterion,rater,value\na,7,accuracy,0,4.5\n")
    assert read_ratings(path)[0].value == 4.5


def test_every_problem_is_told_with_its_line(tmp_path: Path):
    rows = [
        GOOD,
        {**GOOD, "value": "four"},  # no number
        {**GOOD, "rater": 1, "value": True},  # true is no number either
        {**GOOD, "rater": 1, "value": [4]},
        {"system": "a", "record": 7, "criterium": "accuracy", "rater": 2, "value": 4},  # a field misspelt
        GOOD,  # the same rater again
    ]
    with pytest.raises(InputError) as told:
        read_ratings(written(tmp_path, *rows))
    name = tmp_path / "ratings.jsonl"
    assert str(told.value).splitlines() == [
        f"{name}:2: A rating is a number, found 'four'.",
        f"{name}:3: A rating is a number, found True.",
        f"{name}:4: A rating is a number, found [4].",
        f"{name}:5: The field 'criterion' is missing. Did you mean criterium?",
        f"{name}:6: The rater '0' rated this answer on line 1 already.",
    ]


def test_printed_scores_are_read_strictly(tmp_path: Path) -> None:
    good = tmp_path / "good.csv"
    good.write_text("name,value,n,runs\na,12.50%,126,\nb,0.5,10,3\n")
    assert [(s.name, s.printed, s.n, s.runs) for s in read_printed(good)] == [
        ("a", "12.50%", 126, 1),
        ("b", "0.5", 10, 3),
    ]
    bad = tmp_path / "bad.csv"
    bad.write_text("name,value,n\na,lots,3\nb,50,many\nc,,3\nd,120,5\n")
    with pytest.raises(InputError) as error:
        read_printed(bad)
    said = str(error.value)
    assert "A printed score is a share or a percentage, found 'lots'." in said
    assert "n and runs are whole numbers above 0, found 'many' and 1." in said
    assert "The field 'value' is missing." in said
    assert "found '120'" in said


def test_first_faults_are_positions_or_none_and_all_problems_are_told(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [
        {"record": 1, "annotator": "ann", "position": 3.0, "role": "Web"},
        {"record": "2", "annotator": "ann", "position": None},
    ]
    assert read_first_faults(written(tmp_path, *rows)) == [
        FirstFault(record="1", annotator="ann", position=3, role="Web"),
        FirstFault(record="2", annotator="ann", position=None),
    ]
    worse: list[dict[str, object]] = [
        {"record": "2", "annotator": "ann", "position": 1},
        {"record": "3", "annotator": "", "position": 1},
        {"record": "3", "annotator": "ann"},
        {"record": "4", "annotator": "ann", "position": -1},
        {"record": "5", "annotator": "ann", "position": True},
    ]
    with pytest.raises(InputError) as error:
        read_first_faults(written(tmp_path, *rows, *worse))
    said = str(error.value)
    assert "The annotator 'ann' marked this record on line 2 already." in said
    assert "The field 'annotator' is missing." in said
    assert "The field 'position' is missing." in said
    assert "A position is a number from 0 on, or null; found -1." in said
    assert "found True." in said
