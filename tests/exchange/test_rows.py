from __future__ import annotations

import gzip
import re
from datetime import datetime
from pathlib import Path

import duckdb
import pytest
from openpyxl import Workbook

from stagegap.errors import InputError
from stagegap.exchange import rows
from stagegap.exchange.rows import read_rows
from stagegap.model.canonical import parse_json

KNOWN = "Known: .jsonl, .json, .csv, .tsv, .xlsx, .parquet."


def written(folder: Path, name: str, content: bytes | str) -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def complaint(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        read_rows(path)
    return str(caught.value).replace(str(path), path.name)


def test_jsonl_rows_keep_their_line_numbers_over_blank_lines(tmp_path: Path) -> None:
    path = written(tmp_path, "a.jsonl", '{"id": "1"}\n\n{"id": "2"}\n')
    assert [(row.line, row.values) for row in read_rows(path)] == [(1, {"id": "1"}), (3, {"id": "2"})]


def test_byte_order_mark_is_no_part_of_the_first_name(tmp_path: Path) -> None:
    assert read_rows(written(tmp_path, "a.csv", b"\xef\xbb\xbfid,x\n1,2\n"))[0].values == {"id": "1", "x": "2"}


def test_gzip_is_read_by_the_ending_before_it(tmp_path: Path) -> None:
    path = written(tmp_path, "a.jsonl.gz", gzip.compress(b'{"id": 1}\n'))
    assert read_rows(path)[0].values == {"id": 1}


def test_parquet_cells_become_json(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    connection = duckdb.connect()
    cells = "1 as n, ['a'] as items, {'k': 1.5} as pair, date '2026-11-20' as day, null as gone"
    connection.execute(f"copy (select {cells}) to '{path}'")
    connection.close()
    expected = {"n": 1, "items": ["a"], "pair": {"k": "1.5"}, "day": "2026-11-20", "gone": None}
    assert read_rows(path)[0].values == expected


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.jsonl", '{"id": 1}\n{"id": 2', "a.jsonl:2: This is no JSON: Expecting ',' delimiter at column 9."),
        ("a.jsonl", '{"id": 1, "id": 2}', "a.jsonl:1: The key 'id' stands twice."),
        ("a.jsonl", '{"x": NaN}', "a.jsonl:1: NaN is no JSON number."),
        ("a.jsonl", "[1]", "a.jsonl:1: A JSON object was expected, found '[1]'."),
        ("a.jsonl", b'{"x": "a"}\n{"x": "\xe4"}', "a.jsonl:2: Byte 18 (0xe4) is not UTF-8. Save it as UTF-8."),
        ("a.jsonl", "x".encode("utf-16"), "a.jsonl: The file is UTF-16. Save it as UTF-8."),
        ("a.jsonl", "{}".encode("utf-32"), "a.jsonl: The file is UTF-32. Save it as UTF-8."),
        ("a.jsonl", "{}".encode("utf-32-be"), "a.jsonl: The file is UTF-32. Save it as UTF-8."),
        ("a.csv", "id,text\n1,a\n".encode("utf-16-be"), "a.csv: The file is UTF-16. Save it as UTF-8."),
        ("a.csv", "a,b\n1,2\n1,2,3\n", "a.csv:3: 2 cells were expected as in the header, found 3."),
        ("a.csv", "a,a\n1,2\n", "a.csv:1: Columns stand twice: a."),
        ("a.csv", "", "a.csv:1: The file has no header."),
        ("a.csv", 'a\n"x', "a.csv:2: This is no CSV: unexpected end of data."),
        (
            "a.xls",
            "",
            "a.xls: The ending '.xls' is no format that can be read. " + KNOWN,
        ),
        ("a.json", "[1]", "a.json:1: A JSON object was expected, found 1."),
        ("a.json", "[{}", "a.json: This is no JSON: Expecting ',' delimiter at column 4."),
        ("a.json", '{"a": [1], "b": []}', "a.json: Its columns have 1, 0 entries: one row each."),
        *(
            (
                "a.json",
                f'{{"columns": {names}, "data": [[1, 2]]}}',
                "a.json: Its columns have one name each, and every row of its data one cell for each of them.",
            )
            for names in ('["a"]', '["a", "a"]')
        ),
        (
            "a.json",
            '{"a": 1}',
            "a.json: The file holds no rows: write a list of objects, or an object with a list a column.",
        ),
        ("a", "", "a: The ending '' is no format that can be read. " + KNOWN),
    ],
)
def test_what_is_odd_is_one_sentence_with_its_place(
    tmp_path: Path, name: str, content: bytes | str, message: str
) -> None:
    assert complaint(written(tmp_path, name, content)) == message


def test_all_problems_of_a_file_are_told_at_once_and_the_rest_is_counted(tmp_path: Path) -> None:
    lines = complaint(written(tmp_path, "a.jsonl", "x\n" * 60)).splitlines()
    assert len(lines) == rows.MAX_PROBLEMS + 1
    assert lines[-1] == "a.jsonl: 10 more problems of this kind."


def test_missing_file_names_the_files_most_like_it(tmp_path: Path) -> None:
    written(tmp_path, "emails.jsonl", "{}")
    message = complaint(tmp_path / "email.jsonl")
    assert message == "email.jsonl: There is no such file. Did you mean emails.jsonl?"


def test_missing_file_in_a_missing_folder_has_no_hint(tmp_path: Path) -> None:
    assert complaint(tmp_path / "none" / "a.jsonl").endswith("There is no such file.")


def test_folder_is_not_a_regular_file(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").mkdir()
    assert complaint(tmp_path / "a.jsonl") == "a.jsonl: This is not a regular file."


def test_gzip_that_is_broken_in_its_middle_is_one_sentence(tmp_path: Path) -> None:
    packed = bytearray(gzip.compress(bytes(range(32, 127)) * 200, mtime=0))
    packed[12] ^= 0xFF
    assert "The file can't be decompressed" in complaint(written(tmp_path, "odd.jsonl.gz", bytes(packed)))


def test_broken_gzip_is_named(tmp_path: Path) -> None:
    assert "can't be decompressed" in complaint(written(tmp_path, "a.jsonl.gz", b"no gzip"))


def test_file_that_is_not_parquet_is_named(tmp_path: Path) -> None:
    assert "This is no Parquet file that can be read" in complaint(written(tmp_path, "a.parquet", b"no parquet"))


def test_gzip_bomb_ends_at_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "MAX_BYTES", 1000)
    assert "more than" in complaint(written(tmp_path, "a.jsonl.gz", gzip.compress(b" " * 2000)))


def test_too_long_lines_and_too_many_columns_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "MAX_LINE", 10)
    monkeypatch.setattr(rows, "MAX_COLUMNS", 2)
    assert "at most 10 are read" in complaint(written(tmp_path, "a.jsonl", '{"id": "0123456789"}'))
    assert "at most 2 are read" in complaint(written(tmp_path, "a.csv", "a,b,c\n"))


def test_blank_line_in_a_csv_is_no_row(tmp_path: Path) -> None:
    assert len(read_rows(written(tmp_path, "a.csv", "a\n1\n\n2\n"))) == 2


@pytest.mark.parametrize("text", ["[" * 101 + "]" * 101, '{"a":' * 150 + "1" + "}" * 150, "[" * 100_000])
def test_deep_nesting_is_refused_without_a_crash(text: str) -> None:
    with pytest.raises(ValueError, match=r"nested deeper|no JSON"):
        parse_json(text)


def test_nesting_up_to_the_limit_is_read() -> None:
    assert parse_json("[" * 100 + "]" * 100) is not None


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"n": 123456789012345678901234567890}', "The field 'n': a number of 30 digits has more than 64 bits."),
        ('{"a": [{"n": 18446744073709551616}]}', "The field 'a.0.n': 18446744073709551616 has more than 64 bits."),
        ('{"n": -' + "9" * 5_000 + "}", "The field 'n': a number of 5,000 digits has more than 64 bits."),
        ('{"n": 1e999}', "The field 'n': 1e999 is larger than a number can be."),
    ],
)
def test_a_number_that_can_not_be_kept_is_named_with_its_field(tmp_path: Path, line: str, message: str) -> None:
    path = tmp_path / "r.jsonl"
    path.write_text('{"n": 18446744073709551615}\n' + line)
    with pytest.raises(InputError) as caught:
        read_rows(path)
    assert str(caught.value) == f"{path}:2: {message}"


def parquet(path: Path, columns: str) -> Path:
    duckdb.sql(f"copy (select {columns}) to '{path}' (format parquet)")
    return path


def test_nan_in_parquet_is_a_cell_without_a_value(tmp_path: Path) -> None:
    [row] = read_rows(parquet(tmp_path / "r.parquet", "1 as id, 'nan'::double as a, ['nan'::double, 2] as b"))
    assert row.values == {"id": 1, "a": None, "b": [None, 2.0]}


def test_bytes_in_parquet_are_the_text_that_they_hold_or_named(tmp_path: Path) -> None:
    [row] = read_rows(parquet(tmp_path / "r.parquet", "'a'::blob as id, {'x': [encode('é')]} as s"))
    assert row.values == {"id": "a", "s": {"x": ["é"]}}
    odd = parquet(tmp_path / "o.parquet", "1 as id, '\\xFF'::blob as text")
    assert complaint(odd) == "o.parquet:1: A cell holds bytes that are no text in UTF-8."


def test_columns_of_parquet_are_called_as_in_the_file(tmp_path: Path) -> None:
    pyarrow, parquet_files = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "r.parquet"
    inside = pyarrow.array([{"text": [1]}])
    columns = [pyarrow.array(["a"]), inside, pyarrow.array(["x"]), pyarrow.array(["y"])]
    parquet_files.write_table(pyarrow.table(columns, names=["id", "in", "text", "Text"]), path)
    assert read_rows(path)[0].values == {"id": "a", "in": {"text": [1]}, "text": "x", "Text": "y"}
    parquet_files.write_table(pyarrow.table(columns, names=["id", "in", "text", "text"]), path)
    assert complaint(path) == "r.parquet:1: Columns stand twice: text."


def test_an_infinite_number_in_parquet_is_named_with_its_row_and_field(tmp_path: Path) -> None:
    path = parquet(tmp_path / "r.parquet", "1 as id, {'x': 'infinity'::double} as a")
    with pytest.raises(InputError, match=r"r\.parquet:1: The field 'a\.x': inf is no number that can be stored\."):
        read_rows(path)


@pytest.mark.parametrize("kind", ["timestamptz", "timestamptz_ns"])
def test_times_with_a_zone_in_parquet_are_texts_in_utc(tmp_path: Path, kind: str) -> None:
    at = f"'2026-01-02 03:04:05+02'::{kind}"
    [row] = read_rows(parquet(tmp_path / "r.parquet", f"""{at} as "at ""it", {{'t': {at}}} as s, [{at}] as l"""))
    text = "2026-01-02 01:04:05+00"
    assert row.values == {'at "it': text, "s": {"t": text}, "l": [text]}


@pytest.mark.parametrize("unit", ["s", "ns"])
def test_durations_in_parquet_are_refused_at_any_depth(tmp_path: Path, unit: str) -> None:
    pyarrow, parquet_files = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    took, path = pyarrow.duration(unit), tmp_path / "r.parquet"
    inside = pyarrow.struct([("é", pyarrow.string()), ("d", took)])
    kinds = {"id": pyarrow.string(), "x": took, "in": inside, "all": pyarrow.list_(took)}
    parquet_files.write_table(pyarrow.Table.from_pylist([{"id": "a"}], pyarrow.schema(kinds)), path)
    with pytest.raises(InputError) as caught:
        read_rows(path)
    named = re.findall(r"The field '([\w.]+)' is a duration. Write it as a number, its unit", str(caught.value))
    assert [name.partition(".")[0] for name in named] == ["x", "in", "all"]
    plain = pyarrow.table([["a"], [5]], names=["id", "x"])
    for note in (b"", b"AAAA", b"/////wAB", b"no base 64"):
        noted = plain.replace_schema_metadata({"ARROW:schema": note})
        parquet_files.write_table(noted, path, store_schema=False)
        assert read_rows(path)[0].values == {"id": "a", "x": 5}


def test_intervals_in_parquet_are_texts_that_know_months(tmp_path: Path) -> None:
    [row] = read_rows(parquet(tmp_path / "r.parquet", "interval '1 month' as a, [interval '3 days'] as l"))
    assert row.values == {"a": "1 month", "l": ["3 days"]}


@pytest.mark.parametrize(
    "content",
    [
        '[{"id": 1, "text": "a"}, {"id": 2, "text": "b"}]',
        '{"version": 1, "data": [{"id": 1, "text": "a"}, {"id": 2, "text": "b"}]}',
        '{"id": [1, 2], "text": ["a", "b"]}',
        '{"id": {"0": 1, "1": 2}, "text": {"0": "a", "1": "b"}}',
    ],
)
def test_json_holds_rows_as_a_list_or_as_columns(tmp_path: Path, content: str) -> None:
    read = read_rows(written(tmp_path, "a.json", content))
    assert [(row.line, row.values) for row in read] == [(1, {"id": 1, "text": "a"}), (2, {"id": 2, "text": "b"})]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.tsv", "id\ttext\n1\ta, b; c\n"),
        ("a.csv", 'id;text\n1;"a, b; c"\n'),
        ("a.csv", "id\ttext\n1\ta, b; c\n"),
        ("a.csv", 'id,text\n1,"a, b; c"\n'),
        ("a.csv", 'id,text\r1,"a, b; c"\r'),
        ("a.csv", 'sep=;\r\nid;text\r\n1;"a, b; c"\r\n'),
        ("a.tsv.gz", gzip.compress(b"id\ttext\n1\ta, b; c\n", mtime=0)),
    ],
)
def test_cells_are_separated_as_the_header_is(tmp_path: Path, name: str, content: str | bytes) -> None:
    assert read_rows(written(tmp_path, name, content))[0].values == {"id": "1", "text": "a, b; c"}


def workbook(path: Path, **sheets: list[list[object]]) -> Path:
    book = Workbook()
    for sheet in book.worksheets:
        book.remove(sheet)
    for title, cells in sheets.items():
        sheet = book.create_sheet(title)
        for row in cells:
            sheet.append(row)
    book.save(path)
    return path


def test_sheet_has_rows_with_the_types_of_its_cells(tmp_path: Path) -> None:
    when = datetime(2026, 1, 2, 3, 4, 5)
    cells: list[list[object]] = [["id", "text", "when"], [1, "a", when], [None, None, None], [2.5, None]]
    read = read_rows(workbook(tmp_path / "a.xlsx", one=cells, empty=[]))
    assert [(row.line, row.values) for row in read] == [
        (2, {"id": 1, "text": "a", "when": "2026-01-02 03:04:05"}),
        (4, {"id": 2.5, "text": None, "when": None}),
    ]


@pytest.mark.parametrize(
    ("sheets", "message"),
    [
        ({"a": [["id"], [1]], "b": [["id"], [2]]}, "One sheet with rows is read, and there are: a, b. Save the"),
        ({"a": []}, "One sheet with rows is read, and there are: none."),
        ({"a": [["id", "id"], [1, 2]]}, "a.xlsx:1: Columns stand twice: id."),
        ({"a": [["id"], [1, 2]]}, "a.xlsx:2: 1 cells were expected as in the header, and there are more."),
        ({"a": [["id"], ["#REF!"]]}, "a.xlsx:2: A cell holds an error: #REF!."),
        ({"a": [["id", "b"], [1, "=1+1"]]}, "a.xlsx:2: The formula in B2 has no stored value. Open the file in"),
        ({"a": [["id"], [1], ["=A2+1"]]}, "a.xlsx:3: The formula in A3 has no stored value."),
        ({"a": [["id", "=A1"], [1, 2]]}, "a.xlsx:1: The formula in B1 has no stored value."),
        ({"a": [["id", None, "b"], [1, "x", None]]}, "a.xlsx:1: Column 2 has no name, and columns behind it have one."),
    ],
)
def test_sheet_that_is_odd_is_a_problem(tmp_path: Path, sheets: dict[str, list[list[object]]], message: str) -> None:
    assert message in complaint(workbook(tmp_path / "a.xlsx", **sheets))


def test_what_is_no_workbook_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "no Excel file that can be read" in complaint(written(tmp_path, "a.xlsx", b"PK"))
    path = workbook(tmp_path / "b.xlsx", one=[["id"], [1]])
    monkeypatch.setattr(rows, "MAX_BYTES", 10)
    assert "b.xlsx: The file holds more than" in complaint(path)


@pytest.mark.parametrize(
    ("number", "message"),
    [
        ("1e-400", "1e-400 is smaller than a number can be"),
        ("-0.0e5", ""),
        ("9007199254740993.0", "9007199254740993.0 can't be kept exactly: write it without a point"),
        ("9007199254740992.0", ""),
    ],
)
def test_a_number_that_would_become_another_one_is_named_with_its_field(number: str, message: str) -> None:
    text = f'{{"a": [0.5, {number}]}}'
    if not message:
        assert parse_json(text) == {"a": [0.5, float(number)]}
        return
    with pytest.raises(ValueError, match=r"^The field 'a\.1': ") as raised:
        parse_json(text)
    assert message in str(raised.value)


def test_what_stands_behind_a_json_value_is_no_json() -> None:
    with pytest.raises(ValueError, match=r"Extra data at column 5"):
        parse_json(" {} []")
