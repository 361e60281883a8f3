from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from exchange.spans.spans import mail_trace, otlp_span, resource, write
from stagegap.errors import ConfigurationError, InputError
from stagegap.exchange.foreign.protocol import Leftovers
from stagegap.exchange.spans.files import import_traces
from stagegap.exchange.spans.values import values_of


def reasons(source: Path, folder: Path) -> dict[str, int]:
    imported = import_traces([source], folder, name="x")
    assert imported.traces
    return {part.reason: part.count for part in imported.unmapped}


def test_cut_gzip_gives_what_stands_before_the_cut(tmp_path: Path) -> None:
    whole = gzip.compress("".join(json.dumps(resource(mail_trace(n))) + "\n" for n in range(200)).encode())
    path = tmp_path / "cut.jsonl.gz"
    path.write_bytes(whole[: len(whole) // 2])
    imported = import_traces([path], tmp_path, name="x")
    assert 20 < imported.traces < 200
    assert "The compressed file is cut or damaged: what stands before the cut was read." in {
        part.reason for part in imported.unmapped
    }


def test_cut_archive_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "cut.eval").write_bytes(b"PK\x03\x04" + b"x" * 100)
    with pytest.raises(ConfigurationError, match="is cut or damaged: an archive has its table of contents at the end"):
        import_traces([tmp_path / "cut.eval"], tmp_path, name="x")


@pytest.mark.parametrize("is_list", [True, False])
def test_cut_json_is_read_up_to_the_cut(tmp_path: Path, is_list: bool) -> None:
    parts = [json.dumps(resource(mail_trace(n))) for n in range(3)]
    text = "[" + ", ".join(parts) if is_list else "\n".join(parts)
    (tmp_path / "cut.json").write_text(text[:-20])
    assert reasons(tmp_path / "cut.json", tmp_path) == {"It is no JSON, or cut in the middle.": 1}


def test_several_objects_over_several_lines_are_read_one_by_one(tmp_path: Path) -> None:
    text = "\n".join(json.dumps(resource(mail_trace(n)), indent=1) for n in range(3))
    (tmp_path / "a.json").write_text(text + '\n{"cut')
    assert reasons(tmp_path / "a.json", tmp_path) == {"It is no JSON, or cut in the middle.": 1}


def test_deep_nesting_is_left_over_and_the_rest_comes_in(tmp_path: Path) -> None:
    deep = '{"resourceSpans": ' + "[" * 5000 + "]" * 5000 + "}"
    (tmp_path / "a.jsonl").write_text(
        json.dumps(resource(mail_trace(1))) + f"\n{deep}\n" + '{"a":' * 200 + "1" + "}" * 200
    )
    told = reasons(tmp_path / "a.jsonl", tmp_path)
    assert sum(told.values()) == 2
    assert told["It is nested deeper than 100 levels."] >= 1


def test_circles_lost_parents_doubled_ids_and_clocks_lose_nothing(tmp_path: Path) -> None:
    backwards = otlp_span("t", "c", "gone", "late", 3, output__value="x")
    backwards["endTimeUnixNano"] = "1600000000000000000"
    spans = [
        otlp_span("t", "a", "b", "first", 1, output__value="1"),
        otlp_span("t", "b", "a", "second", 2, output__value="2"),
        backwards,
        otlp_span("t", "d", "", "twin", 4, output__value="3"),
        otlp_span("t", "d", "", "twin", 4, output__value="3"),
        otlp_span("t", "d", "", "other", 5, output__value="4"),
        {"name": "nobody", "spanId": "z"},
    ]
    told = reasons(write(tmp_path / "a.json", resource(spans)), tmp_path)
    assert set(told.values()) == {1}
    assert {reason.split(":")[0] for reason in told} == {
        "Spans are each other's parents",
        "The parent of a span is not in the file",
        "A span stands twice with the same content",
        "Two spans of a trace have one id",
        "A span ends before it begins",
        "A span without trace or span id.",
    }


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "The file is empty"),
        (b"\xff\xfe{\x00", "UTF-16"),
        (b"[1, 2]", "no JSON object that can be read"),
        (b'{"resourceLogs": []}', "begins with 'resourceLogs'"),
        (b'{"resourceSpans": []}', "no trace can be read"),
    ],
)
def test_file_without_a_trace_says_so_in_one_sentence(tmp_path: Path, content: bytes, sentence: str) -> None:
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(ConfigurationError, match=sentence):
        import_traces([tmp_path / "a.json"], tmp_path, name="x")
    with pytest.raises(InputError, match="no such file"):
        import_traces([tmp_path / "none.json"], tmp_path, name="x")


def test_lists_are_cut_into_entries_whatever_their_texts_hold(tmp_path: Path) -> None:
    entries = [{"a": 'quote " and \\ and ] } , ['}, {"b": [{}, [1]]}, {"c": "\u00e9" * 700_000}, {"d": float("nan")}]
    (tmp_path / "a.json").write_text(json.dumps(entries))
    read = [value for _, value in values_of(tmp_path / "a.json", Leftovers())]
    assert read == [*entries[:3], {"d": None}]
