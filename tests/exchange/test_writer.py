from __future__ import annotations

import csv
import tempfile
from pathlib import Path

import duckdb
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from exchange.material import CASCADE, KNOWN, labels
from stagegap.errors import ConfigurationError, InputError
from stagegap.exchange.label_files import Known, read_labels, write_labels, write_references
from stagegap.model.answer import Answer, Fact, Label, Reference

FORMATS = ["a.jsonl", "a.jsonl.gz", "a.csv", "a.csv.gz", "a.parquet"]
FORMULA = Label(
    id="=1",
    record="=m2",
    stage="draft",
    annotator="@ab",
    answer=Answer(value="'=cmd|' /C calc'!A0", facts=(Fact(("+1", "-1")),)),
    note="\tx",
)
SKIP = Label(id="s", record="m1", stage="draft", annotator="ab", answer=None, action="skip")
EMPTY = Label(id="e", record="m1", stage="draft", annotator="ab", answer=Answer(value=""))
NONE = Label(id="n", record="m1", stage="draft", annotator="ab", answer=Answer(value=None))


def reread(name: str, written: list[Label], *, raw: bool = False) -> list[Label]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, name)
        assert write_labels(path, written, cascade="mail", raw=raw) == len(written)
        assert [p.name for p in Path(folder).iterdir()] == [name]
        return read_labels(path, KNOWN)


@pytest.mark.parametrize("raw", [False, True])
@pytest.mark.parametrize("name", FORMATS)
@given(written=st.lists(labels(), max_size=3, unique_by=lambda label: label.id))
@example(written=[FORMULA, SKIP, EMPTY, NONE])
@settings(max_examples=40, deadline=None)
def test_label_that_was_written_and_read_is_the_same_label(name: str, raw: bool, written: list[Label]) -> None:
    read = reread(name, written, raw=raw)
    assert read == written
    assert repr(read) == repr(written), "1, 1.0 and true are equal, and not the same"


@pytest.mark.parametrize("name", FORMATS)
def test_same_labels_give_the_same_bytes(tmp_path: Path, name: str) -> None:
    paths = [tmp_path / place / name for place in ("first", "second")]
    for path in paths:
        path.parent.mkdir()
        write_labels(path, [FORMULA, SKIP, EMPTY, NONE] * 500, cascade="mail")
    assert paths[0].read_bytes() == paths[1].read_bytes()


@pytest.mark.parametrize("name", FORMATS)
def test_lone_surrogates_are_written_as_the_store_writes_them(name: str) -> None:
    broken = Label(id="x", record="m1", stage="draft", annotator="ab", answer=Answer(value="a\ud800"), note="\udfff")
    (read,) = reread(name, [broken])
    assert (read.answer, read.note) == (Answer(value="a\\ud800"), "\\udfff")


def cells(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_csv_holds_no_cell_that_a_spreadsheet_runs(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    write_labels(path, [FORMULA], cascade="=mail")
    assert not [text for text in cells(path)[0].values() if text[:1] in tuple("=+-@\t\r")]
    write_labels(path, [FORMULA], cascade="mail", raw=True)
    assert (cells(path)[0]["id"], cells(path)[0]["annotator"]) == ("=1", "@ab")


def test_numbers_in_csv_are_numbers(tmp_path: Path) -> None:
    label = Label(id="x", record="m1", stage="price", annotator="ab", answer=Answer(value=-5), at=-1.5, active_ms=7)
    path = tmp_path / "a.csv"
    write_labels(path, [label], cascade="mail")
    (row,) = cells(path)
    assert [row[name] for name in ("value", "at", "active_ms", "unsure", "probability", "facts", "no_answer")] == [
        "-5", "-1.5", "7", "false", "", "", "",
    ]  # fmt: skip


def test_parquet_columns_have_their_types(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    write_labels(path, [FORMULA, NONE], cascade="mail")
    relation = duckdb.connect().read_parquet(str(path))
    types = dict(zip(relation.columns, map(str, relation.types), strict=True))
    assert [types[n] for n in ("value", "facts", "at", "active_ms", "odd", "probability")] == [
        "VARCHAR", "VARCHAR[][]", "DOUBLE", "BIGINT", "BOOLEAN", "DOUBLE",
    ]  # fmt: skip


def test_row_longer_than_a_json_reader_likes_goes_to_parquet(tmp_path: Path) -> None:
    long = Label(id="x", record="m1", stage="draft", annotator="ab", answer=Answer(value="x" * (17 * 1024**2)))
    path = tmp_path / "a.parquet"
    write_labels(path, [long], cascade="mail")
    assert read_labels(path, KNOWN) == [long]


def test_label_of_another_cascade_gets_an_id_of_its_own_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    write_labels(path, [NONE], cascade="other")
    (first,), (again,) = read_labels(path, KNOWN), read_labels(path, KNOWN)
    assert first.id == again.id != NONE.id
    assert first.answer == NONE.answer


REFERENCES = [
    Reference(
        record="=m2",
        stage="draft",
        accepted=(Answer(value="=1", facts=(Fact(("a", "b")),)), Answer(value=None)),
        annotators=("@ab", "cd"),
        settled="consensus",
    ),
    Reference(record="m1", stage="tags", accepted=(Answer(value=["new"]),), annotators=("ab",)),
]


def test_references_are_one_accepted_answer_a_row_the_first_first(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    assert write_references(path, REFERENCES, cascade="mail") == 3
    assert path.read_text() == (
        '{"record": "=m2", "stage": "draft", "place": 1, "value": "=1", "facts": [["a", "b"]], '
        '"annotators": ["@ab", "cd"], "settled": "consensus", "seen": false, "cascade": "mail"}\n'
        '{"record": "=m2", "stage": "draft", "place": 2, "value": null, "facts": [], '
        '"annotators": ["@ab", "cd"], "settled": "consensus", "seen": false, "cascade": "mail"}\n'
        '{"record": "m1", "stage": "tags", "place": 1, "value": ["new"], "facts": [], '
        '"annotators": ["ab"], "settled": "single", "seen": false, "cascade": "mail"}\n'
    )


def test_references_in_tables_hold_the_same(tmp_path: Path) -> None:
    write_references(tmp_path / "r.csv", REFERENCES, cascade="mail")
    first, second, third = cells(tmp_path / "r.csv")
    assert (first["value"], first["facts"], first["annotators"]) == ("'=1", '[["a", "b"]]', '["@ab", "cd"]')
    assert (second["value"], second["no_answer"], third["value"]) == ("", "true", '["new"]')
    write_references(tmp_path / "r.parquet", REFERENCES, cascade="mail")
    rows = duckdb.connect().read_parquet(str(tmp_path / "r.parquet")).fetchall()
    assert [row[2:6] for row in rows] == [
        (1, "=1", [["a", "b"]], ["@ab", "cd"]),
        (2, None, [], ["@ab", "cd"]),
        (1, '["new"]', [], ["ab"]),
    ]


@pytest.mark.parametrize("name", ["r.jsonl", "r.csv", "r.parquet"])
def test_settled_references_are_not_taken_for_labels(tmp_path: Path, name: str) -> None:
    write_references(tmp_path / name, REFERENCES, cascade="mail")
    with pytest.raises(InputError, match=r"holds settled references, which are made from labels\. Export without"):
        read_labels(tmp_path / name, KNOWN)


@pytest.mark.parametrize("name", ["labels", "labels.xlsx", "labels.parquet.gz", "labels.gz"])
def test_ending_that_is_no_format_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigurationError, match=r"does not say a format that can be written\. Known endings"):
        write_labels(tmp_path / name, [], cascade="mail")


def test_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"There is no folder .*nowhere\. Make it first"):
        write_labels(tmp_path / "nowhere" / "a.csv", [], cascade="mail")


@pytest.mark.parametrize("name", FORMATS)
def test_file_that_could_not_be_finished_leaves_the_old_one(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(b"old")

    def half():
        yield NONE
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="the disk is full"):
        write_labels(path, half(), cascade="mail")
    assert [p.name for p in tmp_path.iterdir()] == [name]
    assert path.read_bytes() == b"old"


def test_known_has_a_stage_of_every_type() -> None:
    assert isinstance(KNOWN, Known)
    assert len({stage.output.kind for stage in CASCADE.stages}) == 7
