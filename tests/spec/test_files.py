import os

import pytest

from stagegap.spec import load
from stagegap.spec.files import check_file, check_function, located
from stagegap.spec.nodes import Findings, Mark

SOURCE = """
from os.path import join as joined, split
import sys
first = second = None
first.attribute = 1
try:
    def tried(): ...
except ImportError:
    pass
if sys:
    async def waited(): ...
class Called: ...
"\\d"
"""


def found(where):
    findings = Findings()
    check_function(where, Mark("f", 3), findings)
    return [str(p) for p in findings.problems]


@pytest.mark.parametrize("name", ["joined", "split", "first", "second", "tried", "waited", "Called"])
def test_a_function_is_found_without_running_the_file(tmp_path, name):
    (tmp_path / "a.py").write_text(SOURCE + "raise SystemExit\n")
    assert found(f"{tmp_path}/a.py:{name}") == []


def test_a_function_that_is_not_there_gets_near_names(tmp_path):
    (tmp_path / "a.py").write_text(SOURCE)
    assert found(f"{tmp_path}/a.py:tryed") == [f"f:3: {tmp_path}/a.py has no function 'tryed'. Did you mean tried?"]


@pytest.mark.parametrize("where", ["a.py", ":f", "a.py:", "a.py:f()", ""])
def test_what_names_no_function_is_said(where):
    assert found(where) == [f"f:3: {where!r} names no function. Write `file.py:function`."]


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (b"def f(:\n", ":1 is no Python: invalid syntax."),
        (b"x = " + b"-" * 100_000 + b"1\n", " is no Python: it is nested too deeply."),
        (b"x = 1\n" + b"(" * 500, ":2 is no Python: too many nested parentheses."),
        (b"\0", " is no Python: source code string cannot contain null bytes."),
        (b"#" * 1_000_001, " is larger than 1,000,000 bytes. Put the function into a file of its own."),
    ],
)
def test_a_file_that_is_no_python_is_named_with_its_line(tmp_path, source, reason):
    (tmp_path / "a.py").write_bytes(source)
    assert found(f"{tmp_path}/a.py:f") == [f"f:3: {tmp_path}/a.py{reason}"]


def test_deep_python_is_no_crash(tmp_path):
    (tmp_path / "a.py").write_text("x = " + "-" * 100_000 + "1\n")
    assert "is no Python" in found(f"{tmp_path}/a.py:f")[0]


def test_a_python_file_that_is_not_there_is_named(tmp_path):
    assert found(f"{tmp_path}/a.py:f") == [f"f:3: the Python file '{tmp_path}/a.py' is not there."]


def test_a_path_that_can_not_be_says_why():
    findings = Findings()
    assert not check_file("a\0b", "the prompt", Mark("f", 1), findings)
    assert not check_file("x" * 5000, "the prompt", Mark("f", 2), findings)
    assert [str(p).rpartition(" can't be read: ")[2] for p in findings.problems] == [
        "embedded null byte.",
        "File name too long.",
    ]


def test_a_pipe_is_no_file_and_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    findings = Findings()
    assert not check_file(f"{tmp_path}/pipe", "the prompt", Mark("f", 1), findings)
    assert [str(p) for p in findings.problems] == [f"f:1: the prompt '{tmp_path}/pipe' is not a file."]


def test_a_pattern_names_the_files_that_it_finds_and_itself_where_it_finds_none(tmp_path):
    for name in ("b.jsonl", "a.jsonl", "[c].jsonl"):
        (tmp_path / name).write_text("{}")
    (tmp_path / "d.jsonl").mkdir()
    place = str(tmp_path)
    assert located([f"{place}/*.jsonl", f"{place}/a.jsonl"]) == (
        f"{place}/[c].jsonl",
        f"{place}/a.jsonl",
        f"{place}/b.jsonl",
    )
    assert located(f"{place}/[c].jsonl") == (f"{place}/[c].jsonl",)
    assert located([f"{place}/*.csv", "a\0*"]) == (f"{place}/*.csv", "a\0*")


def test_records_of_a_pattern_are_those_of_all_its_files(tmp_path):
    (tmp_path / "m1.jsonl").write_text('{"id": 1, "body": "a"}\n')
    (tmp_path / "m2.jsonl").write_text('{"id": 2, "body": "b"}\n')
    (tmp_path / "c.yaml").write_text(
        "cascade: c\nrecords: {path: 'm*.jsonl'}\nstages:\n  s:\n    uses: recorded\n"
        "    with: {path: m1.jsonl, value: body}\n    inputs: {b: record.body}\n    output: {type: number}\n"
        "outcome: {score: s.exact}\n"
    )
    assert [os.path.basename(path) for path in load(tmp_path / "c.yaml", environment={}).records.paths] == [
        "m1.jsonl",
        "m2.jsonl",
    ]
