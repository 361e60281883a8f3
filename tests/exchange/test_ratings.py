from __future__ import annotations

import json
from pathlib import Path

import pytest

from stagegap.errors import InputError
from stagegap.exchange.recorded import read_ratings
from stagegap.model.answer import Rating

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
