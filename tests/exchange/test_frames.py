from __future__ import annotations

import sys
from pathlib import Path

import numpy
import pandas
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exchange.material import KNOWN, labels
from stagegap.errors import ConfigurationError
from stagegap.exchange.label_files import LABEL_COLUMNS, label_frame_rows, labels_of_rows, write_labels
from stagegap.exchange.rows import Problems
from stagegap.exchange.tables import frame, frame_rows
from stagegap.model.answer import Answer, Fact, Label

LABELS = [
    Label(id="a", record="m1", stage="tags", annotator="ab", answer=Answer(value=["new"]), at=1.5, active_ms=7),
    Label(
        id="b",
        record="m1",
        stage="draft",
        annotator="ab",
        answer=Answer(value="=1", facts=(Fact(("x", "y")),)),
        probability=0.5,
    ),
    Label(id="c", record="m1", stage="draft", annotator="ab", answer=None, action="skip"),
]


def made(written: list[Label]) -> pandas.DataFrame:
    return frame(LABEL_COLUMNS, label_frame_rows(written, cascade="mail"))


def reread(given_frame: pandas.DataFrame) -> list[Label]:
    problems = Problems(Path("data frame"))
    found = labels_of_rows(frame_rows(given_frame, problems), KNOWN, problems, tabular=True)
    problems.raise_if_any()
    return found


TEXT = "str" if int(pandas.__version__.partition(".")[0]) >= 3 else "object"
"""The type of texts; before its version 3, pandas has none of their own."""


def test_columns_of_a_frame_have_their_types() -> None:
    found = made(LABELS)
    assert list(found.columns) == list(LABEL_COLUMNS)
    types = {name: str(kind) for name, kind in found.dtypes.items()}
    assert [types[n] for n in ("record", "value", "facts", "at", "active_ms", "odd", "probability")] == [
        TEXT, "object", "object", "float64", "Int64", "bool", "float64",
    ]  # fmt: skip
    assert found["value"].tolist() == [["new"], "=1", None]


@given(written=st.lists(labels(), max_size=3, unique_by=lambda label: label.id))
@settings(max_examples=40, deadline=None)
def test_frame_gives_the_same_labels_back(written: list[Label]) -> None:
    assert reread(made(written)) == written


def test_parquet_that_pandas_has_read_gives_the_same_labels(tmp_path: Path) -> None:
    write_labels(tmp_path / "a.parquet", LABELS, cascade="mail")
    assert reread(pandas.read_parquet(tmp_path / "a.parquet")) == LABELS


def test_numbers_of_numpy_are_numbers() -> None:
    given_frame = pandas.DataFrame(
        {"record": ["m1"], "stage": ["price"], "annotator": ["ab"], "value": [numpy.float32(0.5)], "note": [pandas.NA]}
    )
    (label,) = reread(given_frame)
    assert (label.answer, label.note) == (Answer(value=0.5), "")


def test_what_is_no_json_is_a_problem_with_its_row() -> None:
    given_frame = pandas.DataFrame(
        {"record": ["m1", "m1"], "stage": ["draft"] * 2, "annotator": ["ab"] * 2, "value": ["x", {1: 2}]}
    )
    problems = Problems(Path("data frame"))
    assert len(frame_rows(given_frame, problems)) == 1
    with pytest.raises(ConfigurationError, match=r"data frame:2: The key 1 is no text\."):
        problems.raise_if_any()


def test_without_pandas_one_sentence_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ConfigurationError, match=r"^A data frame needs pandas, which is not installed: `pip install"):
        made(LABELS)
