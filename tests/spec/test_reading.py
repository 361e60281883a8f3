import os
from pathlib import Path

import pytest

from stagegap.spec.files import LARGEST, read_text, siblings
from stagegap.spec.nodes import Findings


def read(path):
    findings = Findings()
    return read_text(path, "f", findings), [str(p) for p in findings.problems]


def test_text_is_read_as_utf_8_with_or_without_a_mark(tmp_path):
    (tmp_path / "a").write_bytes(b"\xef\xbb\xbfgr\xc3\xbcn")
    assert read(tmp_path / "a") == ("grün", [])


def test_a_byte_that_is_no_utf_8_is_named_with_its_line(tmp_path):
    (tmp_path / "a").write_bytes(b"a: 1\nb: gr\xfcn")
    assert read(tmp_path / "a") == (None, ["f:2: found the byte 0xfc, which is no UTF-8. Save it as UTF-8."])


def test_a_file_has_a_largest_size(tmp_path):
    (tmp_path / "a").write_bytes(b" " * LARGEST)
    assert read(tmp_path / "a")[1] == []
    (tmp_path / "a").write_bytes(b" " * (LARGEST + 1))
    assert read(tmp_path / "a") == (None, ["f: the file is larger than 1,000,000 bytes; a cascade file is small."])


def test_what_is_no_file_is_never_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe", Path("/dev/zero")):
        assert read(path) == (None, ["f: this is not a file. Give the path of a cascade file."])


def test_a_file_that_is_not_there_gets_near_names(tmp_path):
    (tmp_path / "cascade.yaml").write_text("")
    assert read(tmp_path / "casade.yaml") == (None, ["f: there is no such file. Did you mean cascade.yaml?"])
    assert read(tmp_path / "no" / "x") == (None, ["f: there is no such file."])
    assert siblings(tmp_path / "no" / "x") == []


@pytest.mark.parametrize(("name", "reason"), [("a\0b", "embedded null byte"), ("x" * 5000, "File name too long")])
def test_a_path_that_can_not_be_is_a_problem(tmp_path, name, reason):
    assert read(tmp_path / name) == (None, [f"f: the file can't be read: {reason}."])
