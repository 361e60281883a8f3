from __future__ import annotations

import gzip
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from exchange.spans.spans import mail_trace, otlp_span, phoenix_span, resource, rows, write
from exchange.spans.test_formats import LANGFUSE, SAMPLE
from exchange.spans.test_written import PROMPTFOO
from stagegap.errors import ConfigurationError, InputError
from stagegap.exchange.foreign.protocol import Leftovers
from stagegap.exchange.spans import TRACE_FORMATS, items_of
from stagegap.exchange.spans.files import import_traces
from stagegap.exchange.spans.values import CHUNK, values_of
from stagegap.spec import load

FEEDBACK = Path(__file__).parent / "written" / "langsmith-0.15-feedback.jsonl"


def _archive(**files: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in files.items():
            archive.writestr(name.replace("__", "."), content)
    return packed.getvalue()


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


def test_cut_archive_gives_the_samples_before_the_cut(tmp_path: Path) -> None:
    path = tmp_path / "log.eval"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("_journal/start.json", json.dumps({"version": 2}))
        for n in range(5):
            archive.writestr(f"samples/{n}_epoch_1.json", json.dumps(SAMPLE | {"id": n}))
    whole = path.read_bytes()
    path.write_bytes(whole[: whole.index(b"samples/4_epoch_1.json") + 100])
    imported = import_traces([path], tmp_path, name="x")
    assert imported.traces == 4
    left = {part.reason for part in imported.unmapped}
    assert "The archive is cut or damaged: what stands before the cut was read." in left
    path.write_bytes(b"PK\x03\x04" + b"x" * 100)
    with pytest.raises(ConfigurationError, match=r"no JSON object that can be read \(The archive is cut or damaged"):
        import_traces([path], tmp_path, name="x")


@pytest.mark.parametrize("is_list", [True, False])
def test_cut_json_is_read_up_to_the_cut(tmp_path: Path, is_list: bool) -> None:
    parts = [json.dumps(resource(mail_trace(n))) for n in range(3)]
    text = "[" + ", ".join(parts) if is_list else "\n".join(parts)
    (tmp_path / "cut.json").write_text(text[:-20])
    assert reasons(tmp_path / "cut.json", tmp_path) == {
        "The file is cut in the middle of an entry: those before it were read.": 1
    }
    assert len(rows(tmp_path / "data/x/records.jsonl")) == 3
    assert rows(tmp_path / "data/x/book.jsonl")[-1]["status"] == "skipped"


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


@pytest.mark.parametrize("bad", ["soon", "-5", True, {"$date": 1}])
@pytest.mark.parametrize("nothing", [None, "", 0])
def test_measures_that_cannot_be_read_are_counted_and_those_that_are_not_there_are_not(
    tmp_path: Path, bad: object, nothing: object
) -> None:
    both = [
        {
            **LANGFUSE["observations"][0],
            "id": own,
            "endTime": value,
            "usageDetails": {"input": value},
            "totalCost": value,
        }
        for own, value in (("a", bad), ("b", nothing))
    ]
    source = write(tmp_path / "a.json", LANGFUSE | {"observations": both})
    assert reasons(source, tmp_path) == {
        f"{what} can't be read: it is not known.": 1 for what in ("A time", "A cost", "A number of tokens")
    }
    for row in rows(tmp_path / "data/x/reply.jsonl"):
        assert not {"latency_ms", "tokens_in"} & row.keys() or row["tokens_in"] == 0
        assert not row.get("cost")


@pytest.mark.parametrize("at", ["soon", -1, "1969-01-01T00:00:00Z", "0001-01-01T00:00:00Z", None])
def test_times_before_1970_are_none_and_year_1_is_nothing(tmp_path: Path, at: object) -> None:
    source = write(tmp_path / "a.json", LANGFUSE | {"timestamp": at})
    is_nothing = at in (None, "0001-01-01T00:00:00Z")
    assert reasons(source, tmp_path) == ({} if is_nothing else {"A time can't be read: it is not known.": 1})


@pytest.mark.parametrize(
    "entry",
    [
        {"id": 1, "draft_output": "a", "draft_latency_ms": "quick"},
        {"id": 1, "draft_output": "a", "draft_seconds": -1},
        PROMPTFOO | {"latencyMs": "quick"},
    ],
)
def test_durations_that_cannot_be_read_are_counted(tmp_path: Path, entry: dict[str, Any]) -> None:
    assert reasons(write(tmp_path / "a.jsonl", entry), tmp_path) == {"A time can't be read: it is not known.": 1}


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "The file is empty"),
        (b"\xff\xfe{\x00", "UTF-16"),
        (b"{\x00}\x00", "UTF-16"),
        (b"{\x00\x00\x00", "UTF-32"),
        (gzip.compress(gzip.compress(b"{}", mtime=0), mtime=0), "packed by gzip twice"),
        (b"{}", "begins with an empty object"),
        (_archive(a__jsonl__gz="x"), r"neither .json nor .jsonl was not read. a.jsonl.gz"),
        (b"[1, 2]", "no JSON object that can be read"),
        (b'{"resourceLogs": []}', "begins with 'resourceLogs'"),
        (b'{"resourceSpans": []}', "no trace can be read"),
        (FEEDBACK.read_bytes(), "It holds what was said of [0-9]+: name the file of the traces, too"),
    ],
)
def test_file_without_a_trace_says_so_in_one_sentence(tmp_path: Path, content: bytes, sentence: str) -> None:
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(ConfigurationError, match=sentence):
        import_traces([tmp_path / "a.json"], tmp_path, name="x")
    with pytest.raises(InputError, match=r"It is a folder. Name its files, as .*/\*.jsonl"):
        import_traces([tmp_path], tmp_path, name="x")
    with pytest.raises(InputError, match="no such file"):
        import_traces([tmp_path / "none.json"], tmp_path, name="x")


def test_lists_are_cut_into_entries_whatever_their_texts_hold(tmp_path: Path) -> None:
    entries = [{"a": 'quote " and \\ and ] } , ['}, {"b": [{}, [1]]}, {"c": "\u00e9" * 700_000}, {"d": float("nan")}]
    (tmp_path / "a.json").write_text(json.dumps(entries))
    read = [value for _, value in values_of(tmp_path / "a.json", Leftovers())]
    assert read == [*entries[:3], {"d": None}]


@pytest.mark.parametrize(
    ("name", "whole"),
    [
        ("phoenix", {"data": [phoenix_span(f"t{n}", "s", None, "n", "LLM", output__value="a") for n in range(4)]}),
        ("langfuse", {"data": [LANGFUSE | {"id": f"t{n}"} for n in range(4)]}),
        ("inspect", {"version": 2, "status": "x", "eval": {}, "samples": [SAMPLE | {"id": n} for n in range(4)]}),
        ("promptfoo", {"results": {"version": 3, "results": [PROMPTFOO | {"testIdx": n} for n in range(4)]}}),
    ],
)  # fmt: skip
def test_one_object_that_is_cut_gives_its_whole_entries(tmp_path: Path, name: str, whole: object) -> None:
    text = json.dumps(whole, indent=1)
    (tmp_path / "a.json").write_text(text[: int(0.9 * len(text))])
    imported = import_traces([tmp_path / "a.json"], tmp_path, name="x")
    assert (imported.formats, imported.traces) == ((name,), 3)
    assert [part.count for part in imported.unmapped if "is cut in the middle" in part.reason] == [1]


def _resources(n: int) -> dict[str, Any]:
    """Resources of one scope each, with attributes behind their lists: what stands there is none of the spans'."""
    filler = 'a "quote", a ] and a }' * 300
    whole = {"resourceSpans": [resource(mail_trace(i))["resourceSpans"][0] | {"schemaUrl": ""} for i in range(n)]}
    spans = [otlp_span("big", f"s{i}", "", "draft", i, output__value=f"{i} {filler}") for i in range(n)]
    return {"resourceSpans": [*whole["resourceSpans"], resource(spans)["resourceSpans"][0]]}


@pytest.mark.parametrize(
    ("name", "whole"),
    [
        ("otlp", _resources(500)),
        ("phoenix", {"data": [phoenix_span(f"t{n}", "s", None, "n", "LLM", output__value="a" * 9000)
                              for n in range(400)], "next_cursor": None}),
        ("inspect", {"version": 2, "status": "success", "eval": {"task": "a"},
                     "samples": [SAMPLE | {"id": n, "metadata": {"long": "b" * 9000}} for n in range(400)]}),
        ("promptfoo", {"results": {"version": 3, "prompts": [{"raw": "p"}],
                                   "results": [PROMPTFOO | {"testIdx": n, "more": "c" * 9000} for n in range(400)]}}),
    ],
)  # fmt: skip
def test_one_large_object_is_read_in_pieces_and_gives_what_it_gives_whole(
    tmp_path: Path, name: str, whole: dict[str, Any]
) -> None:
    source, left, other = write(tmp_path / "a.json", whole), Leftovers(), Leftovers()
    sizes = [len(json.dumps(value)) for _, value in values_of(source, left)]
    assert len(sizes) > 2
    assert max(sizes) < 2 * CHUNK < sum(sizes)
    items = [item for form, item in items_of([source], left) if form == name]
    assert items == list(TRACE_FORMATS[name].read((("whole", value) for value in whole.get("data", [whole])), other))
    assert left.all() == other.all()


def test_lines_of_a_log_before_between_and_in_front_of_objects_lose_none(tmp_path: Path) -> None:
    lines = [json.dumps({"id": n, "question": "q", "answer": "a"}) for n in range(3)]
    for begin in ('"answer": "cut"}', "[INFO] export begins", "INFO: {not JSON"):
        left = Leftovers()
        (tmp_path / "a.jsonl").write_text("\n".join([begin, lines[0], "", "done 50%", *lines[1:]]))
        values = [value for _, value in values_of(tmp_path / "a.jsonl", left)]
        assert [value["id"] for value in values] == [0, 1, 2]
        assert {part.reason: part.count for part in left.all()} == {"It is no JSON, or cut in the middle.": 2}
    (tmp_path / "b.json").write_text(f"[{lines[0]}]\n[{lines[1]}, 7, [{lines[2]}]]")
    left = Leftovers()
    assert len(list(values_of(tmp_path / "b.json", left))) == 3
    assert [part.examples for part in left.all()] == [("entry 3: 7",)]


def test_bytes_half_letters_and_long_numbers_are_read_as_far_as_they_go(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(
        b'{"id": 1, "answer": "caf\xe9"}\n{"id": 2, "answer": "\\ud800!"}\n{"id": 3, "answer": 123456789012345678901}'
    )
    left = Leftovers()
    assert [value["answer"] for _, value in values_of(tmp_path / "a.jsonl", left)] == [
        "caf\ufffd", "?!", 1.2345678901234568e20,
    ]  # fmt: skip
    assert [(part.reason, part.examples) for part in left.all()] == [
        ("Bytes that are no UTF-8 were read as \ufffd.", ("line 1",))
    ]


def test_what_is_no_object_in_a_list_is_counted_and_steps_keep_their_numbers(tmp_path: Path) -> None:
    whole = resource(mail_trace(1))
    whole["resourceSpans"][0]["scopeSpans"][0]["spans"] += [None, "span"]
    assert reasons(write(tmp_path / "a.json", whole), tmp_path) == {"An entry that is no JSON object.": 2}
    team = {"history": [{"role": "user", "content": "q"}, None, {"role": "Web", "content": "a"},
                        {"role": "Boss", "content": "b"}], "mistake_step": 3}  # fmt: skip
    imported = import_traces([write(tmp_path / "b.json", team)], tmp_path, name="y")
    assert [part.reason for part in imported.unmapped] == ["An entry that is no JSON object."]
    [fault] = rows(tmp_path / "data/y/first_faults.jsonl")
    assert (fault["position"], rows(tmp_path / "data/y/step.jsonl")[fault["position"]]["value"]) == (1, "b")


def test_two_traces_of_one_id_stay_two_and_one_that_stands_twice_is_one(tmp_path: Path) -> None:
    one, other = ({"id": 1, "question": "q", "answer": answer} for answer in ("a", "b"))
    paths = [write(tmp_path / "a.jsonl", one, one), write(tmp_path / "b.jsonl", other)]
    imported = import_traces(paths, tmp_path, name="x")
    assert [(row["record"], row["value"]) for row in rows(tmp_path / "data/x/answer.jsonl")] == [
        ("1", "a"),
        ("1~2", "b"),
    ]
    assert [(part.reason.split(":")[0], part.count) for part in imported.unmapped] == [
        ("A trace stands twice with the same content", 1), ("Two traces have one id", 1),
    ]  # fmt: skip
    later = write(tmp_path / "c.jsonl", {"id": 1, "question": "another", "answer": "a"}, {"id": 1, "question": "q"})
    again = import_traces([later], tmp_path, name="x")
    assert (again.traces, again.known) == (0, 2)
    assert "A record of this id is there already and says something else" in again.unmapped[0].reason


def test_spans_and_observations_without_ids_end_the_import_and_lose_nothing(tmp_path: Path) -> None:
    nameless = {**LANGFUSE["observations"][0], "id": None, "output": "one more"}
    source = write(tmp_path / "a.json", LANGFUSE | {"observations": [nameless, nameless | {"output": "two more"}]})
    assert reasons(source, tmp_path) == {"A span without an id: it was kept under its place.": 2}
    assert rows(tmp_path / "data/x/reply.jsonl")[1]["record"] == "t1#1"
    orphan = LANGFUSE["observations"][0] | {"traceId": None}
    source = write(tmp_path / "b.json", {"data": [orphan, LANGFUSE["observations"][0]]})
    imported = import_traces([source], tmp_path, name="y")
    assert [part.reason for part in imported.unmapped] == ["It does not say of which trace it is."]


def test_names_of_any_script_and_words_of_yaml_become_stages_of_their_own(tmp_path: Path) -> None:
    names = ("\u691c\u7d22", "\u751f\u6210", "yes", "a" * 70, "a" * 69 + "b", "a: {b}\x1b")
    spans = [
        otlp_span("t", "r", "", "root", 0, **{"input.value": '{"null": "q", "x-y": 1, "x_y": 2}', "output.value": "z"})
    ]
    spans += [
        otlp_span("t", f"s{n}", "r", name, n + 1, **{"output.value": json.dumps({"${HOME}\x7f": n, "k" * 2000: 1})})
        for n, name in enumerate(names)
    ]  # fmt: skip
    imported = import_traces([write(tmp_path / "a.json", resource(spans))], tmp_path, name="x")
    assert len({stage.name for stage in imported.stages}) == len(names) + 1
    text = imported.cascade.read_text("utf-8")
    assert "'\u691c\u7d22' in the traces" in text
    assert len(load(imported.cascade, environment={}).cascade.stages) == len(names) + 1
    [record] = rows(tmp_path / "data/x/records.jsonl")
    assert (record["null"], record["x_y"], record["x_y_field"]) == ("q", 1, 2)


def test_outcome_that_an_earlier_stage_reads_makes_no_circle(tmp_path: Path) -> None:
    answer = "a long answer of the whole, again"
    spans = [
        otlp_span("t", "r", "", "root", 0, input__value="q", output__value=answer),
        otlp_span("t", "a", "r", "graph", 1, output__value=answer),
        otlp_span("t", "b", "r", "check", 2, input__value=answer, output__value="fine"),
    ]
    imported = import_traces([write(tmp_path / "a.json", resource(spans))], tmp_path, name="x")
    assert load(imported.cascade, environment={}).cascade.names == ("check", "graph")


def test_attributes_of_any_depth_and_length_are_read(tmp_path: Path) -> None:
    span = otlp_span("t", "s", "", "n", 0, **{".".join("a" * 3000): 1, "9" * 5000: 2, "output.value": "[" * 3000})
    span["attributes"].append({"key": "llm.token_count.prompt", "value": {"intValue": "9" * 5000}})
    unread = {"A number of tokens can't be read: it is not known.": 1}
    assert reasons(write(tmp_path / "a.json", resource([span])), tmp_path) == unread
    team = {"history": [{"role": "Web", "content": "a"}], "mistake_step": "9" * 5000}
    assert list(reasons(write(tmp_path / "b.json", team), tmp_path / "b").values()) == [1]


_MAILS = [json.dumps(resource(mail_trace(n))) for n in (1, 2)]
_OTHER = json.dumps(phoenix_span("p", "s", None, "n", "LLM", output__value="a"))
_CHAT = json.dumps({"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]})
_NAMED = otlp_span("AB" * 16, "0A" * 8, "", "root", 0, input__value="q", output__value="z")
_CHILD = otlp_span("ab" * 16, "0b" * 8, "0a" * 8, "step", 1, output__value="y")


@pytest.mark.parametrize(
    ("content", "formats", "records", "left"),
    [
        ("\n".join([*_MAILS, _OTHER, _CHAT]), ("otlp", "phoenix", "messages"), 4, {}),
        ("[" + ", ".join([_CHAT, _CHAT[:-1] + ', "id": 7}', *_MAILS]) + "]", ("otlp", "messages"), 4, {}),
        ("\n".join([*[_OTHER.replace('"p"', f'"p{n}"') for n in range(30)], _MAILS[0]]), ("phoenix", "otlp"), 31, {}),
        ("\ufeff" + "\n\ufeff".join(_MAILS), ("otlp",), 2, {}),
        (json.dumps(resource([_NAMED, _CHILD])), ("otlp",), 1, {}),
        (json.dumps(resource([{**_CHILD, "traceId": name, "parentSpanId": ""} for name in "aA"])), ("otlp",), 2, {}),
        (json.dumps(resource([{**_NAMED, "attributes": {"output.value": "z"}}, _CHILD])), ("otlp",), 1, {}),
        (json.dumps(resource([{**_NAMED, "attributes": '{"output.value": "z"}'}, _CHILD])), ("otlp",), 1, {}),
        (json.dumps(LANGFUSE | {"observations": json.dumps(LANGFUSE["observations"])}), ("langfuse",), 1, {}),
        (_archive(a__json=_MAILS[0], b__csv="x"), ("otlp",), 1,
         {"A file inside the archive that is neither .json nor .jsonl was not read.": 1}),
    ],
    ids=["four formats", "a list of two", "another one late", "byte order marks", "ids in other cases",
         "ids that differ in case",
         "attributes as an object", "attributes as a text", "observations as a text", "archive with a table"],
)  # fmt: skip
def test_mixed_formats_and_other_ways_to_write_one_lose_no_trace(
    tmp_path: Path, content: str | bytes, formats: tuple[str, ...], records: int, left: dict[str, int]
) -> None:
    source = tmp_path / "a.json"
    source.write_bytes(content if isinstance(content, bytes) else content.encode())
    imported = import_traces([source], tmp_path, name="x")
    assert (set(imported.formats), imported.traces) == (set(formats), records)
    assert {part.reason: part.count for part in imported.unmapped} == left
    assert all(stage.attempts for stage in imported.stages)


@pytest.mark.parametrize("status", [{"code": 2}, "ERROR", "STATUS_CODE_ERROR", 2])
@pytest.mark.parametrize("is_text", [True, False])
def test_what_went_wrong_is_read_however_status_and_events_are_written(
    tmp_path: Path, status: object, is_text: bool
) -> None:
    events = [{"name": "exception", "attributes": {"exception.message": "no desk"}}]
    span = {**_NAMED, "status": status, "events": json.dumps(events) if is_text else events}
    imported = import_traces([write(tmp_path / "a.json", resource([span]))], tmp_path, name="x")
    assert [row["error"] for row in rows(tmp_path / f"data/x/{imported.stages[0].name}.jsonl")] == ["no desk"]


def test_objects_of_another_format_are_left_over_where_the_format_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text("\n".join([*_MAILS, _OTHER]))
    imported = import_traces([tmp_path / "a.jsonl"], tmp_path, name="x", source="otlp")
    assert (imported.formats, imported.traces, [part.count for part in imported.unmapped]) == (("otlp",), 2, [1])
