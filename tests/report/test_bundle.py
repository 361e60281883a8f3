"""A report as a folder: a page for each failure, and what it gives away said plainly."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from stagegap import report
from stagegap.analysis.record_view import RecordView, StageBlock
from ui import views

MALICIOUS = "<script>hacked=1</script>"


def record(name: str) -> RecordView:
    block = StageBlock(
        stage="retrieve",
        badge="first fault",
        score=0.5,
        saw=(("body", "record.body"),),
        system="KB-071",
        reference="KB-014",
        also=(),
        facts=(),
        people="eve, one answer",
        difference=None,
        kind="text",
    )
    return RecordView(record=name, fields=(("body", f"The text of {name}. {MALICIOUS}"),), blocks=(block,))


def made(*, left_out: str = "") -> dict[str, str]:
    return report.bundle(views.scorecard(), [record(f"m{i:04d}") for i in range(3)], left_out=left_out)


def test_first_page_links_to_a_page_for_each_record_and_every_link_leads_somewhere() -> None:
    files = made()
    assert list(files) == ["index.html", "records/0001.html", "records/0002.html", "records/0003.html"]
    for name, text in files.items():
        for link in re.findall(r'href="([^"]*)"', text):
            target = (Path("/") / name).parent / link
            assert str(target.resolve())[1:] in files, (name, link)
    assert "retrieve: 3 failures of 222, most typical first" in files["index.html"]
    assert "Previous" not in files["records/0001.html"]
    assert "Next" not in files["records/0003.html"]


def test_texts_stand_on_the_pages_of_records_escaped_and_nowhere_else() -> None:
    files = made()
    assert "The text of" not in files["index.html"]
    assert "The text of m0001. &lt;script&gt;hacked=1&lt;/script&gt;" in files["records/0002.html"]
    assert all("<script" not in text for text in files.values())
    assert all("Content-Security-Policy" in text for text in files.values())


def test_no_person_is_named() -> None:
    assert not [name for name, text in made().items() if "one answer" in text or ">eve" in text]


def test_what_it_reveals_and_what_is_left_out_is_said() -> None:
    told = (
        "Shows the texts of 3 mails, what the system answered at each stage, and what is right. No answer carries a "
        "name. 7 mails left out: ann is still to answer them."
    )
    assert told in made(left_out="7 mails left out: ann is still to answer them.")["index.html"]
    assert "left out" not in made()["index.html"]


def test_stage_without_a_page_has_its_count() -> None:
    card = views.scorecard()
    few = replace(card, details=tuple(replace(detail, rows=()) for detail in card.details))
    index = report.bundle(few, [], left_out="")["index.html"]
    assert "<h2>retrieve: 222 failures</h2>" in index
