from __future__ import annotations

import json
from pathlib import Path

import duckdb
import pytest

from drawn_files import draw_picture, write_pdf, write_tone
from stagegap.errors import InputError
from stagegap.exchange.records import read_records
from stagegap.model.cascade import RecordsSource
from stagegap.model.media import FieldKind, media_of
from stagegap.model.record import Json


def source(folder: Path, rows: list[dict[str, Json]], **kinds: str) -> RecordsSource:
    path = folder / "records.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    fields = {name: FieldKind(kind) for name, kind in kinds.items()}
    return RecordsSource(paths=(str(path),), kinds=fields, media=str(folder))


def test_files_become_values_with_their_digest_and_other_fields_stay(tmp_path: Path) -> None:
    draw_picture(tmp_path / "one.png")
    write_tone(tmp_path / "one.wav")
    write_pdf(tmp_path / "one.pdf")
    row: dict[str, Json] = {"id": "r1", "photo": "one.png", "call": "one.wav", "bill": "one.pdf", "text": "one.png"}
    record, bare = read_records(
        source(tmp_path, [row, {"id": "r2", "photo": None, "call": ""}], photo="image", call="audio", bill="pdf")
    )
    kinds = {name: media.kind for name, value in record.fields.items() if (media := media_of(value))}
    assert kinds == {"photo": FieldKind.IMAGE, "call": FieldKind.AUDIO, "bill": FieldKind.PDF}
    assert record.fields["text"] == "one.png"
    assert (bare.fields["photo"], bare.fields["call"]) == (None, "")


def test_value_that_this_program_wrote_is_read_again_with_the_content_as_it_is_now(tmp_path: Path) -> None:
    draw_picture(tmp_path / "one.png", "before")
    [record] = read_records(source(tmp_path, [{"id": "r1", "photo": "one.png"}], photo="image"))
    draw_picture(tmp_path / "one.png", "after")
    [again] = read_records(source(tmp_path, [{"id": "r1", "photo": record.fields["photo"]}], photo="image"))
    before, after = (media_of(one.fields["photo"]) for one in (record, again))
    assert before is not None
    assert after is not None
    assert before.path == after.path
    assert before.digest != after.digest


def test_every_problem_of_every_row_is_told_with_its_line(tmp_path: Path) -> None:
    draw_picture(tmp_path / "good.png")
    (tmp_path / "empty.png").touch()
    rows: list[dict[str, Json]] = [
        {"id": "a", "photo": "good.png", "page": "<p>x</p>", "prices": [{"a": 1}, [2]], "thread": []},
        {"id": "b", "photo": "../good.png", "page": 3, "prices": "a;b", "thread": [{"role": "user"}]},
        {"id": "c", "photo": 7, "prices": ["a"], "thread": [{"role": "user", "content": "x"}, "y"]},
        {"id": "d", "photo": "empty.png", "thread": "hello"},
    ]
    with pytest.raises(InputError) as caught:
        read_records(source(tmp_path, rows, photo="image", page="html", prices="table", thread="chat"))
    told = str(caught.value).replace(str(tmp_path), "ROOT").splitlines()
    assert told == [
        "ROOT/records.jsonl:2: The field 'photo': '../good.png' leaves the folder 'ROOT': a path holds no `..`.",
        "ROOT/records.jsonl:2: The field 'page': HTML is a text, found '3'.",
        "ROOT/records.jsonl:2: The field 'prices': a table is a list of objects or of lists, found 'a;b'.",
        "ROOT/records.jsonl:2: The field 'thread': a chat is a list of objects with `role` and `content`, "
        "found \"[{'role': 'user'}]\".",
        "ROOT/records.jsonl:3: The field 'photo': a path was expected, found '7'.",
        "ROOT/records.jsonl:3: The field 'prices': a table is a list of objects or of lists, found \"['a']\".",
        "ROOT/records.jsonl:3: The field 'thread': a chat is a list of objects with `role` and `content`, "
        "found \"[{'role': 'user', 'content': 'x'}, 'y']\".",
        "ROOT/records.jsonl:4: The field 'photo': 'empty.png' is empty: it holds zero bytes.",
        "ROOT/records.jsonl:4: The field 'thread': a chat is a list of objects with `role` and `content`, "
        "found 'hello'.",
    ]


def test_field_inside_another_one_is_of_no_kind(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"The field 'meta\.photo' lies in another one"):
        read_records(source(tmp_path, [{"id": "a", "meta": {"photo": "one.png"}}], **{"meta.photo": "image"}))


def test_field_that_no_row_has_is_told_with_what_is_near(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"No row has the field 'foto'\. Did you mean photo\?"):
        read_records(source(tmp_path, [{"id": "a", "photo": "one.png"}], foto="image"))


def test_bytes_in_parquet_become_files_under_their_digest_and_paths_stay_paths(tmp_path: Path) -> None:
    content = draw_picture(tmp_path / "one.png").read_bytes()
    relation = duckdb.sql(
        "select * from (values ('a', $content::blob, {'bytes': $content::blob, 'path': 'x.png'}), "
        "('b', 'one.png'::blob, {'bytes': null, 'path': 'one.png'}), ('c', null, null)) as rows(id, photo, page)",
        params={"content": content},
    )
    assert relation is not None
    relation.write_parquet(str(tmp_path / "records.parquet"))
    kinds: dict[str, FieldKind] = {"photo": FieldKind.IMAGE, "page": FieldKind.IMAGE}
    rows = RecordsSource(paths=(str(tmp_path / "records.parquet"),), kinds=kinds, media=str(tmp_path))
    records = read_records(rows)
    made = media_of(records[0].fields["photo"])
    assert made is not None
    assert (made.path, made.type) == (f".stagegap-media/{made.digest}.png", "image/png")
    assert (tmp_path / made.path).read_bytes() == content
    assert records[0].fields["page"] == records[0].fields["photo"]
    assert [file.path for value in records[1].fields.values() if (file := media_of(value))] == ["one.png"] * 2
    assert [records[2].fields[name] for name in kinds] == [None, None]
    assert read_records(rows) == records
    assert len(list((tmp_path / ".stagegap-media").iterdir())) == 2


def test_bytes_in_parquet_that_are_no_picture_are_told_by_row_and_a_link_is_not_followed(tmp_path: Path) -> None:
    home, outside = tmp_path / "home", tmp_path / "outside"
    home.mkdir()
    outside.mkdir()
    relation = duckdb.sql(
        "select * from (values ('a', '\\xFF\\x00no picture'::blob), ('b', ''::blob)) as rows(id, photo)"
    )
    assert relation is not None
    relation.write_parquet(str(home / "records.parquet"))
    rows = RecordsSource(paths=(str(home / "records.parquet"),), kinds={"photo": FieldKind.IMAGE}, media=str(home))
    with pytest.raises(InputError, match=r"records\.parquet:1: The field 'photo': .* is no picture that can be read"):
        read_records(rows)
    assert [path.name for path in (home / ".stagegap-media").iterdir()] == [".gitignore"]
    (home / ".stagegap-media" / ".gitignore").unlink()
    (home / ".stagegap-media").rmdir()
    (home / ".stagegap-media").symlink_to(outside)
    with pytest.raises(InputError, match=r"'\.stagegap-media' is a link out of the folder"):
        read_records(rows)
    assert list(outside.iterdir()) == []
