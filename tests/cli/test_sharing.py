"""Files to send around, from the terminal."""

from __future__ import annotations

import json
import re
from io import BytesIO
from pathlib import Path
from urllib.parse import unquote_to_bytes

import pytest
from PIL import Image

from cli.conftest import Command
from conftest import Copied
from drawn_files import draw_picture
from stagegap.workspace import Workspace


@pytest.fixture
def made(tmp_path: Path, twice: Copied) -> Path:
    """Sixty questions, run, spoiled, and run again."""
    return twice(tmp_path)


def begin_labelling(folder: Path, *, labelled: int) -> list[str]:
    """Let somebody label so many records of the random queue; give the records that wait for that person."""
    with Workspace.open(folder) as workspace:
        queue = workspace.labels.queue("first", "topic")
        for _ in range(labelled):
            item = workspace.labels.queue_items(queue, "cd", 1)[0]
            event = {"id": f"e-{item.record}", "record": item.record, "action": "label", "values": {"value": "other"}}
            workspace.labels.save_labels(queue, [event], "cd")
        return [item.record for item in workspace.labels.queue_items(queue, "cd", 100)]


def test_report_of_a_run_in_every_form(stagegap: Command, made: Path, tmp_path: Path) -> None:
    said = stagegap("report")
    assert said.out.startswith("first-v2.html  ")
    assert "Texts of records: 24 shown (--no-records leaves them out)." in said.out
    assert said.out.splitlines()[-1] == "Next:  open first-v2.html   or   stagegap report --no-records"
    bare = stagegap("report", "--no-records", "-o", "a/bare.html", "--json").json
    assert (bare["path"], bare["records"]) == ("a/bare.html", 0)
    assert bare["bytes"] == (tmp_path / "a" / "bare.html").stat().st_size < 30_000
    before = (tmp_path / "first-v2.html").read_bytes()
    stagegap("report")
    assert (tmp_path / "first-v2.html").read_bytes() == before
    stagegap("report", "--form", "md", "--run", "v1")
    stagegap("report", "--form", "json", "--run", "v1")
    assert (tmp_path / "first-v1.md").read_text().startswith("## ")
    assert "### Nothing strange found" in (tmp_path / "first-v1.md").read_text()
    assert "<h2>What looks strange?</h2>" in (tmp_path / "first-v2.html").read_text()
    assert '"oddities":{"screen":' in (tmp_path / "first-v1.json").read_text()
    assert (tmp_path / "first-v1.json").read_text().startswith('{"cascade":"first","run":"v1"')
    assert '"record":"q' in (tmp_path / "first-v1.json").read_text()
    stagegap("report", "--form", "json", "--run", "v1", "--no-records")
    assert '"record":"q' not in (tmp_path / "first-v1.json").read_text()


def test_report_of_a_comparison_in_every_form(stagegap: Command, made: Path, tmp_path: Path) -> None:
    said = stagegap("report", "--compare", "v1")
    assert said.out.startswith("first-v1-v2.html  ")
    assert "Texts of records: 18 shown" in said.out
    assert "v2 is worse than v1: −30 points" in (tmp_path / "first-v1-v2.html").read_text()
    assert stagegap("report", "--compare", "v1", "--no-records", "--json").json["records"] == 0
    stagegap("report", "--compare", "v1", "--run", "v2", "--form", "md", "-o", "c.md")
    assert (tmp_path / "c.md").read_text().startswith("## v2 is worse than v1")
    stagegap("report", "--compare", "v1", "--form", "json", "-o", "c.json")
    assert '"before":"v1"' in (tmp_path / "c.json").read_text()
    assert '"record":"q' in (tmp_path / "c.json").read_text()
    stagegap("report", "--compare", "v1", "--form", "json", "--no-records", "-o", "c.json")
    assert '"record":"q' not in (tmp_path / "c.json").read_text()


PICTURES = """
cascade: slips
noun: slip
records: {path: slips.jsonl, fields: {photo: image}}
references: {path: references.jsonl}
stages:
  total:
    uses: python
    with: {function: "stages.py:total"}
    inputs: {photo: record.photo}
    output: {type: label, values: [low, high]}
outcome: {score: total.accuracy, good: ">= 1"}
"""


def test_small_pictures_stand_in_reports_as_they_are_and_outlive_the_gate_for_secrets(
    stagegap: Command, tmp_path: Path
) -> None:
    home = tmp_path / "pipelines" / "slips"
    for name in ("a", "b"):
        draw_picture(home / f"{name}.png", name, size=(640, 320))
    rows = [{"id": name, "photo": f"{name}.png"} for name in ("a", "b")]
    right = [{"record": name, "stage": "total", "annotator": "cd", "value": "high"} for name in ("a", "b")]
    (home / "slips.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (home / "references.jsonl").write_text("".join(json.dumps(row) + "\n" for row in right))
    (home / "stages.py").write_text("def total(photo):\n    return 'low'\n")
    (home / "cascade.yaml").write_text(PICTURES)
    stagegap("run")
    stagegap("report", "-o", "r.html")
    html = (tmp_path / "r.html").read_text()
    pictures = re.findall(r'<img class="tn" src="data:image/jpeg,([%0-9A-F]+)"', html)
    assert [Image.open(BytesIO(unquote_to_bytes(picture))).size for picture in pictures] == [(160, 80), (160, 80)]
    assert "img-src data:" in html
    stagegap("report", "-o", "bare.html", "--no-media")
    assert "data:" not in (tmp_path / "bare.html").read_text()
    stagegap("report", "-o", "textless.html", "--no-records")
    assert "data:" not in (tmp_path / "textless.html").read_text()
    (home / "b.png").write_bytes(b"<svg onload=alert(1)>")
    stagegap("report", "--bundle", "out")
    first, second = ((tmp_path / "out" / "records" / f"000{n}.html").read_text() for n in (1, 2))
    assert "data:image/jpeg,%FF%D8" in first
    assert "image a.png (640 × 320)" in first
    assert "data:" not in second
    assert "image b.png (640 × 320)" in second
    stagegap("report", "--bundle", "plain", "--no-media")
    assert "data:" not in (tmp_path / "plain" / "records" / "0001.html").read_text()


def test_folder_has_a_page_for_each_failure_and_says_what_it_gives_away(
    stagegap: Command, made: Path, tmp_path: Path
) -> None:
    said = stagegap("report", "--bundle", "out")
    assert "Shows the texts of 24 questions, what the system answered at each stage" in said.out
    assert "No answer carries a name." in said.out
    assert said.out.splitlines()[-1].startswith("Next:  open out/index.html")
    assert len(list((tmp_path / "out" / "records").iterdir())) == 24


def test_records_that_somebody_is_still_to_label_are_in_no_file(stagegap: Command, made: Path, tmp_path: Path) -> None:
    waiting = begin_labelling(tmp_path, labelled=5)
    assert len(waiting) == 55
    files = {
        "report.html": ("report", "-o", "report.html"),
        "report.json": ("report", "--form", "json", "-o", "report.json"),
        "compared.json": ("report", "--compare", "v1", "--form", "json", "-o", "compared.json"),
        "compared.html": ("report", "--compare", "v1", "-o", "compared.html"),
        "out/index.html": ("report", "--bundle", "out"),
    }
    for name, words in files.items():
        said = stagegap(*words)
        assert "left out: cd is still to answer them." in said.out, name
        text = (tmp_path / name).read_text()
        assert [record for record in waiting if f">{record}<" in text or f'"{record}"' in text] == [], name
    pages = "".join(page.read_text() for page in (tmp_path / "out").rglob("*.html"))
    assert not [record for record in waiting if f"question {record}<" in pages]


def test_open_records_are_shown_on_demand_and_whoever_was_blind_to_them_is_not_asked_any_more(
    stagegap: Command, made: Path, tmp_path: Path
) -> None:
    waiting = set(begin_labelling(tmp_path, labelled=5))
    assert "left out: cd is still to answer them." in stagegap("report", "--compare", "v1").out
    assert "cd has stopped." in stagegap("people", "retire", "cd").out
    assert "left out" not in stagegap("report", "--compare", "v1").out, "nothing waits for somebody who has stopped"
    assert "cd goes on." in stagegap("people", "bring-back", "cd").out
    for file, words in {"c.html": ["--compare", "v1", "-o", "c.html"], "out/index.html": ["--bundle", "out"]}.items():
        said = stagegap("report", *words, "--with-open-records").out
        seen = seen_by(tmp_path, waiting)
        assert f"cd ({len(seen)} questions) is no longer blind to what is shown here" in said
        assert "left out:" not in said
        assert "no longer blind" in (tmp_path / file).read_text()
        assert seen
        waiting -= seen
        assert "no longer blind" not in stagegap("report", *words, "--with-open-records").out, "said once"
    assert "left out" not in stagegap("report").out, "what failed has been seen by now"


def seen_by(folder: Path, waiting: set[str]) -> set[str]:
    """Those of the records that `cd` is not asked about any more."""
    with Workspace.open(folder) as workspace:
        queue = workspace.labels.queue("first", "topic")
        left = {item.record for item in workspace.labels.queue_items(queue, "cd", 100)}
        assert workspace.store.failing.seen("first", "cd") >= waiting - left
    return waiting - left


def test_what_was_seen_anyway_and_what_is_labelled_may_be_sent(tmp_path: Path, made: Path) -> None:
    waiting = begin_labelling(tmp_path, labelled=5)
    with Workspace.open(tmp_path) as workspace:
        reading = workspace.failures
        assert reading.open_records("first", waiting).people == {"cd": frozenset(waiting)}
        reading.look("first", "v2", waiting[0], "cd")
        everything = [f"q{i:02d}" for i in range(60)]
        assert reading.open_records("first", everything).records == set(waiting[1:])


def test_night_goes_into_a_file_of_the_form_that_its_name_says(stagegap: Command, made: Path, tmp_path: Path) -> None:
    (made / "night.yaml").write_text("matrix:\n  base: cascade.yaml\n  variants:\n    one:\n    two:\n")
    for name, begin in {"n.html": "<!doctype html>", "n.json": '{"cascade"', "n.md": "# Variants of first"}.items():
        assert stagegap("tools", "overnight", "pipelines/first/night.yaml", "-o", name).code == 0
        assert (tmp_path / name).read_text().startswith(begin)


def test_place_that_can_not_be_written_is_named(stagegap: Command, made: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    said = stagegap("report", "-o", "file/report.html")
    assert said.code == 2
    assert "file/report.html can't be written: " in said.error
