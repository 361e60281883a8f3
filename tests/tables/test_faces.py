"""Every registered view, on a terminal, as Markdown, HTML, CSV and data frame: the same numbers to the last digit."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import re
from collections.abc import Callable, Iterator
from html import unescape
from pathlib import Path
from typing import Any

import pandas
import pytest

import stagegap
from judged import Planted, write_judged
from project_views import ELSEWHERE, VIEWS_OF_A_PROJECT, write_mails
from sixty import spoil, write_sixty
from stagegap import charts, report
from stagegap.cli.printed import draw_sheet
from stagegap.library import Project, Shown
from stagegap.model.estimate import Estimate
from stagegap.people.verdicts import shows_output
from stagegap.registry import VIEWS
from stagegap.tables.figures import Unit
from stagegap.tables.table import Figure, Rests, Sheet, Table, cell_text, literal, sheet_markdown


@pytest.fixture(scope="module", params=["two runs", "few records", "clusters"])
def project(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A run and a worse one; the same of twelve records, too few to read; the same with customers as clusters."""
    folder = tmp_path_factory.mktemp("faces")
    made = write_sixty(folder)
    if request.param == "few records":
        for file, lines in (("questions", 12), ("references", 24)):
            records = (made / f"{file}.jsonl").read_text().splitlines(keepends=True)
            (made / f"{file}.jsonl").write_text("".join(records[:lines]))
    if request.param == "clusters":
        cascade = (made / "cascade.yaml").read_text()
        (made / "cascade.yaml").write_text(cascade.replace("id: id", "id: id, cluster: customer", 1))
        rows = [json.loads(line) for line in (made / "questions.jsonl").read_text().splitlines()]
        questions = [row | {"customer": f"c{number % 15}"} for number, row in enumerate(rows)]
        (made / "questions.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in questions))
        _labelled_by_a_model(made)
    with stagegap.open(folder, cascade="first") as opened:
        opened.run()
        opened.expect("the fact goes", reply=-30, outcome=20)
        spoil(made)
        opened.run()
        yield opened


def _labelled_by_a_model(made: Path) -> None:
    """A second labeller who differs now and then, and a file that says that neither is one of the people."""
    lines = (made / "references.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    others = [
        row | {"annotator": "cd", "value": "other" if row["stage"] == "topic" and n % 7 == 0 else row["value"]}
        for n, row in enumerate(rows)
    ]
    (made / "references.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in [*rows, *others]))
    with (made / "cascade.yaml").open("a") as file:
        file.write(f"human_baseline: {{population: {MODEL!r}, kinds: {{first: [ab], second: [cd]}}}}\n")


def screen_cells(table: Table) -> list[list[str]]:
    return [list(table.texts(row)) for row in table.on_screen]


def html_cells(html: str) -> list[list[str]]:
    bodies = re.findall(r"<tr[^>]*>((?:<td[^>]*>.*?</td>)+)</tr>", html, re.DOTALL)
    return [[unescape(cell) for cell in re.findall(r"<td[^>]*>(.*?)</td>", body, re.DOTALL)] for body in bodies]


def figure_cells(table: Table) -> list[tuple[Estimate, Unit, str]]:
    found = []
    for row in table.rows:
        for cell, column in zip(row, table.columns, strict=True):
            estimate = cell.estimate if isinstance(cell, Figure) else cell
            if column.key and isinstance(estimate, Estimate):
                unit = (cell.unit if isinstance(cell, Figure) else None) or column.unit
                found.append((estimate, unit, cell_text(estimate, unit)))
    return found


@pytest.fixture(scope="module")
def mails(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A cheap stage beside a careful one, and a matrix of variants."""
    folder = tmp_path_factory.mktemp("mails")
    write_mails(folder / "pipelines")
    with stagegap.open(folder, cascade="mails") as opened:
        opened.run()
        yield opened


def seen_in_a_kernel(look: Callable[[Project], Shown[Any]], project: Project) -> Shown[Any]:
    """What a cell of a notebook shows: an event loop runs around it."""

    async def cell() -> Shown[Any]:
        return look(project)

    return asyncio.run(cell())


@pytest.mark.parametrize("name", list(VIEWS_OF_A_PROJECT))
def test_all_faces_of_a_view_say_the_same_numbers(
    project: Project, name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "2000")
    hold_faces_together(seen_in_a_kernel(VIEWS_OF_A_PROJECT[name], project), capsys)


@pytest.mark.parametrize("name", list(ELSEWHERE))
def test_all_faces_of_the_views_that_need_their_own_project_say_the_same_numbers(
    mails: Project, name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "2000")
    hold_faces_together(seen_in_a_kernel(ELSEWHERE[name], mails), capsys)


def hold_faces_together(shown: Shown[Any], capsys: pytest.CaptureFixture[str]) -> None:
    """Terminal, Markdown, HTML, CSV and frame of one view have the same cells and figures."""
    capsys.readouterr()
    sheet = shown.sheet
    assert says_its_basis(sheet), "a rate says on what it rests"
    draw_sheet(sheet)
    terminal = capsys.readouterr().out
    markdown = sheet_markdown(sheet)
    cells = [row for table in sheet.tables if table.is_visible for row in screen_cells(table)]
    for row in cells:
        assert f"| {' | '.join(map(literal, row))} |" in markdown
        assert all(text in terminal for text in row)
    short = [[text if len(text) <= 120 else f"{text[:119].rstrip()}…" for text in row] for row in cells]
    assert html_cells(charts.sheet_html(sheet.tables)) == short
    printed = [figure for table in sheet.tables for figure in figure_cells(table)]
    lines = list(csv.DictReader(io.StringIO(report.rows_csv(shown.rows))))
    frame = shown.to_frame()
    if not printed:
        assert len(lines) == len(frame) == len(shown.rows)
        return
    assert len(printed) == len(lines) == len(frame)
    for (estimate, unit, text), line, (_, row) in zip(printed, lines, frame.iterrows(), strict=True):
        assert line["unit"] == row["unit"] == unit.value
        if not estimate.is_measured:
            assert line["estimate"] == ""
            assert line["method"] == estimate.method
            continue
        for place in (line, row):
            again = Estimate(
                value=float(place["estimate"]), low=float(place["low"]), high=float(place["high"]), n=int(place["n"]),
                method=place["method"],
            )  # fmt: skip
            assert cell_text(again, unit) == text


def says_its_basis(sheet: Sheet) -> bool:
    """Whether a sheet with a measured share, or a difference of shares, says on what it rests."""
    figures = [figure for table in sheet.tables for figure in figure_cells(table)]
    has_rate = any(estimate.is_measured and unit in (Unit.SHARE, Unit.POINTS) for estimate, unit, _ in figures)
    return not has_rate or any(line in sentence for line in Rests for sentence in sheet.sentences)


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A run with blind answers of two people, verdicts, whole records that somebody read, and two judges."""
    folder = tmp_path_factory.mktemp("judged")
    write_judged(folder, Planted(n=120, labelled=80))
    with stagegap.open(folder, cascade="replies") as opened:
        opened.run()
        # Whom verdicts ask blind hangs on the queue's id: enough answers of a second person are here whatever that is.
        second = [{"record": f"q{n:04d}", "stage": "reply", "annotator": "ben", "value": "right"} for n in range(40)]
        opened.label(pandas.DataFrame([*second[1:], second[0] | {"value": "wrong"}]))
        labels, readings = opened.workspace.labels, opened.workspace.readings
        queue = labels.queue("replies", "reply", "verdict")
        for item in labels.queue_items(queue, "eve", 60):
            verdict = {"verdict": "accept"} if shows_output(item) else {"value": "right"}
            labels.save_labels(
                queue, [{"id": item.record, "record": item.record, "action": "label", "values": verdict}], "eve"
            )
        for item in readings.sitting("replies", None, "kim", ahead=30).items:
            read = {"id": item.record, "what": "reading", "action": "read", "record": item.record, "verdict": "pass"}
            readings.save("replies", None, [read], "kim")
        yield opened


RESTS = {
    "gap": {Rests.REFERENCES, Rests.JUDGES, Rests.VERDICTS},
    "judges": {Rests.JUDGES},
    "verdicts": {Rests.VERDICTS},
    "codes": {Rests.READINGS},
    "agree": {Rests.ANSWERS},
    "selfcheck": {Rests.PLANTED},
}
"""On what the views rest that do not rest on references alone."""


def test_every_rate_says_on_what_it_rests_where_there_are_blind_answers_verdicts_and_judges(
    judged: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    looks = {
        "gap": judged.gap, "blame": judged.blame, "faults": judged.faults,
        "codes": judged.codes, "agree": judged.agree, "need": judged.need, "groups": judged.groups,
        "runs": judged.runs, "judges": judged.judges, "verdicts": judged.verdicts, "aim": judged.aim,
        "selfcheck": lambda: judged.selfcheck(records=20),
    }  # fmt: skip
    for name, look in looks.items():
        shown: Shown[Any] = look()
        assert says_its_basis(shown.sheet), name
        assert shown.sheet.has_rate, f"{name} has a rate here"
        capsys.readouterr()
        draw_sheet(shown.sheet)
        printed = " ".join(capsys.readouterr().out.split())
        for line in RESTS.get(name, {Rests.REFERENCES}):
            assert line in printed, name
            assert charts.coded(line) in shown._repr_html_(), name
    card = judged.gap().view
    assert charts.coded(Rests.JUDGES) in report.html(card, records=False)
    assert Rests.REFERENCES in report.html(card, records=False)


MODEL = "language model"
A_PERSON = re.compile(
    r"\b(?:persons?|people|humans?)\b(?!\\?_baseline| (?:retire|bring-back|assign|excuse)\b)", re.IGNORECASE
)
"""Never said of a language model; but `stagegap people` is a command and `human_baseline` a key of the file."""


def spoken_of_as_people(shown: Shown[Any], capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Words that call somebody a person on terminal, in Markdown, titles of columns or a notebook."""
    capsys.readouterr()
    draw_sheet(shown.sheet)
    titles = " ".join(column.name for table in shown.sheet.tables for column in table.columns)
    words = "\n".join([capsys.readouterr().out, sheet_markdown(shown.sheet), titles, shown._repr_html_(), repr(shown)])
    return _persons(words)


def _persons(text: str) -> list[str]:
    text = re.sub(r'(?s)<style>.*?</style>|<script.*?</script>| class="[^"]*"', "", text)
    return [text[max(0, match.start() - 60) : match.end() + 40] for match in A_PERSON.finditer(text)]


def test_no_view_or_report_calls_a_language_model_a_person(
    project: Project, mails: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    if project.gap().view.labellers.population != MODEL:
        pytest.skip("people labelled here")
    said = {name: spoken_of_as_people(look(project), capsys) for name, look in VIEWS_OF_A_PROJECT.items()}
    said |= {name: spoken_of_as_people(look(mails), capsys) for name, look in ELSEWHERE.items()}
    said["report"] = _persons(report.html(project.gap().view, records=True))
    said["comparison"] = _persons(report.comparison_html(project.compare("v1", "v2").view, records=True))
    assert not {name: words for name, words in said.items() if words}


WITHOUT_FIGURES = {"origin", "plan", "record", "training"}
"""Commands print them; they hold no estimate that two faces could say differently."""


def test_every_registered_view_is_drawn_here_or_named() -> None:
    assert {view.name for view in VIEWS} == set(VIEWS_OF_A_PROJECT) | set(ELSEWHERE) | WITHOUT_FIGURES


def test_what_the_registry_names_is_there() -> None:
    from stagegap.registry import _named

    for view in VIEWS:
        assert callable(_named(view.builder)), view.name
        assert all(callable(_named(f"stagegap.charts:{name}")) for name in view.pictures), view.name


@pytest.fixture(scope="module")
def rated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """Replies with a graded score that three people wrote, in clusters: limits come from resamples and from people."""
    folder = tmp_path_factory.mktemp("rated")
    made = write_sixty(folder)
    cascade = (made / "cascade.yaml").read_text().replace("fact_recall", "token_f1").replace(', good: ">= 1"', "")
    (made / "cascade.yaml").write_text(cascade.replace("id: id", "id: id, cluster: customer", 1))
    rows = [json.loads(line) for line in (made / "questions.jsonl").read_text().splitlines()]
    questions = [row | {"customer": f"c{number % 15}"} for number, row in enumerate(rows)]
    (made / "questions.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in questions))
    labels = [json.loads(line) for line in (made / "references.jsonl").read_text().splitlines()]
    for who, every in (("cd", 2), ("ef", 3)):
        for row in labels[:120]:
            differs = row["stage"] == "reply" and int(row["record"][1:]) % every == 0
            labels.append(row | {"annotator": who, "value": row["value"] + f" by {who}" if differs else row["value"]})
    (made / "references.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in labels))
    with stagegap.open(folder, cascade="first") as opened:
        opened.run()
        yield opened


def people_figures(view: Any) -> list[tuple[str, Estimate, Estimate, Estimate, Estimate]]:
    return [(row.stage, row.agreement, row.person, row.system, row.gap) for row in view.stages]


def test_people_have_the_same_limits_in_show_and_in_agree(project: Project) -> None:
    assert people_figures(project.gap().view) == people_figures(project.agree().view)


def test_people_have_the_same_limits_in_show_and_in_agree_where_resamples_and_people_make_them(rated: Project) -> None:
    shown = people_figures(rated.gap().view)
    assert shown == people_figures(rated.agree().view)
    gap = shown[1][-1]
    assert gap.is_measured
    assert "jackknife, only 3 of them" in gap.method
