from __future__ import annotations

from pathlib import Path

import pytest

from stagegap.errors import InputError
from stagegap.exchange.records import read_documents, read_records
from stagegap.model.cascade import CorpusSource, RecordsSource

MAILS = """{"mail": 7, "customer": "c1", "lang": "de", "level": "hard", "part": "test", "text": "Hallo"}
{"mail": "m2", "customer": null, "lang": null, "text": "Hi"}
"""


def source(path: Path, **fields: object) -> RecordsSource:
    return RecordsSource(paths=(str(path),), id="mail", **fields)  # type: ignore[arg-type]


def test_record_carries_what_groups_it(tmp_path: Path) -> None:
    path = tmp_path / "mails.jsonl"
    path.write_text(MAILS)
    first, second = read_records(source(path, cluster="customer", split="part", difficulty="level", slices=("lang",)))
    assert (first.id, first.unit, first.split, first.difficulty, first.slices) == (
        "7",
        "c1",
        "test",
        "hard",
        {"lang": "de"},
    )
    assert (second.id, second.unit, second.split, second.difficulty, second.slices) == ("m2", "m2", None, None, {})
    assert first.fields["text"] == "Hallo"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"mail": 1}\n{"mail": "1"}', "mails.jsonl:2: The id '1' stands on line 1 already."),
        ('{"mail": 1}\n{"mail": ""}', "mails.jsonl:2: The id 'mail' must be a text that is not empty, found ''."),
        ('{"mail": 1}\n{"mail": true}', "mails.jsonl:2: The id 'mail' must be a text that is not empty, found True."),
        ('{"mial": 1}', "mails.jsonl:1: No row has the field 'mail'. Did you mean mial?"),
        ("", "mails.jsonl: The file holds no rows."),
    ],
)
def test_ids_must_be_there_and_unique(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "mails.jsonl"
    path.write_text(content)
    with pytest.raises(InputError) as caught:
        read_records(source(path))
    assert str(caught.value).replace(str(path), path.name) == message


def test_unicode_forms_of_one_id_are_one_id(tmp_path: Path) -> None:
    path = tmp_path / "mails.jsonl"
    path.write_text('{"mail": "caf\\u00e9"}\n{"mail": "cafe\\u0301"}')
    with pytest.raises(InputError, match="stands on line 1 already"):
        read_records(source(path))


def test_documents_keep_title_text_and_other_fields(tmp_path: Path) -> None:
    path = tmp_path / "docs.jsonl"
    path.write_text(
        '{"id": "d1", "title": "T", "a": "one", "b": null, "price": 3}\n{"id": "d2", "title": null, "a": "x", "b": "y"}'
    )
    corpus = read_documents(CorpusSource(name="shop", paths=(str(path),), text=("a", "b")))
    assert corpus["d1"].as_input() == {"id": "d1", "title": "T", "text": "one", "price": 3}
    assert (corpus["d2"].title, corpus["d2"].text) == ("", "x\ny")


def test_document_id_in_two_files_is_refused(tmp_path: Path) -> None:
    for name in ("a.jsonl", "b.jsonl"):
        (tmp_path / name).write_text('{"id": "d1", "title": "T", "text": "x"}')
    paths = (str(tmp_path / "a.jsonl"), str(tmp_path / "b.jsonl"))
    with pytest.raises(InputError, match=r"b\.jsonl:1: The id 'd1' stands in an earlier file of corpus 'shop' too\."):
        read_documents(CorpusSource(name="shop", paths=paths))


def test_an_id_that_stands_in_two_files_is_named_with_both(tmp_path: Path) -> None:
    first, second = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
    first.write_text('{"mail": 1}\n{"mail": 2}')
    second.write_text('{"mail": 3}\n{"mail": "2"}')
    with pytest.raises(InputError, match=r"b\.jsonl:2: The id '2' stands in .*a\.jsonl already\."):
        read_records(RecordsSource(paths=(str(first), str(second)), id="mail"))


def test_rows_without_anything_like_an_id_are_numbered(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("text;label\nHi;x\nHo;y\n")
    (tmp_path / "b.json").write_text('[{"text": "Hu"}]')
    one = read_records(RecordsSource(paths=(str(tmp_path / "a.csv"),)))
    assert [(record.id, record.fields["id"], record.fields["text"]) for record in one] == [
        ("1", "1", "Hi"), ("2", "2", "Ho"),
    ]  # fmt: skip
    both = read_records(RecordsSource(paths=tuple(str(tmp_path / name) for name in ("a.csv", "b.json"))))
    assert [record.id for record in both] == ["a:1", "a:2", "b:1"]
    (tmp_path / "c.csv").write_text("mail_id,text\n1,Hi\n")
    with pytest.raises(InputError, match="No row has the field 'id'"):
        read_records(RecordsSource(paths=(str(tmp_path / "c.csv"),)))


def test_ids_and_groups_stand_inside_other_fields(tmp_path: Path) -> None:
    first_row = '{"meta": {"id": 1, "who": "c1", "lang": "de"}, "body": {"t": "Hi"}}'
    (tmp_path / "a.jsonl").write_text(first_row + '\n{"meta": {"id": 2.0}, "body": {"t": "Ho"}}\n')
    source = RecordsSource(paths=(str(tmp_path / "a.jsonl"),), id="meta.id", cluster="meta.who", slices=("meta.lang",))
    first, second = read_records(source)
    assert (first.id, first.unit, first.slices, second.id) == ("1", "c1", {"meta.lang": "de"}, "2")
    corpus = CorpusSource(name="c", paths=source.paths, id="meta.id", title="meta.who", text=("body.t",))
    assert [(d.id, d.title, d.text) for d in read_documents(corpus).values()] == [("1", "c1", "Hi"), ("2", "", "Ho")]
    with pytest.raises(InputError, match=r"No row has the field 'meta\.key'"):
        read_records(RecordsSource(paths=source.paths, id="meta.key"))
    (tmp_path / "b.jsonl").write_text('{"id": 1.5}')
    with pytest.raises(InputError, match=r"must be a text that is not empty, found 1\.5"):
        read_records(RecordsSource(paths=(str(tmp_path / "b.jsonl"),)))
