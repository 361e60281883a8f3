"""New records from a folder beside a reference run: taken in, drawn, asked again; and when there is an alarm."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from conftest import Command
from stagegap.analysis.watch import WatchRow, WatchView
from stagegap.errors import ConfigurationError
from stagegap.library import open_project
from stagegap.workspace import Workspace

CASCADE = """
cascade: tickets
noun: ticket
records: {path: records.jsonl, cluster: who}
references: {path: references.jsonl}
stages:
  route:
    uses: python
    with: {function: "stages.py:route"}
    inputs: {text: record.text}
    output: {type: label, values: [a, b]}
  reply:
    uses: python
    with: {function: "stages.py:reply"}
    inputs: {route: route}
    output: {type: label, values: [ok, bad]}
outcome: {score: reply.accuracy}
"""
STAGES = '''
from pathlib import Path

def route(text):
    """Another model behind the same name where the file says so."""
    is_other = Path(__file__).with_name("other.txt").exists()
    return "b" if is_other and int(text.split()[1]) % 2 else "a"

def reply(route):
    return "ok" if route == "a" else "bad"
'''
OLD = 200


def rows(start: int, count: int, word: str = "ticket") -> list[dict[str, str]]:
    return [{"id": f"t{n}", "text": f"{word} {n}", "who": f"p{n}"} for n in range(start, start + count)]


def lines(rows: list[dict[str, str]]) -> str:
    return "\n".join(json.dumps(row) for row in rows)


def references(names: list[str]) -> str:
    return lines(
        [
            {"record": name, "stage": stage, "annotator": "ann", "value": value}
            for name in names
            for stage, value in (("route", "a"), ("reply", "ok"))
        ]
    )


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with its reference run."""
    tmp_path = tmp_path_factory.mktemp("begun")
    home = tmp_path / "pipelines" / "tickets"
    home.mkdir(parents=True)
    (tmp_path / "incoming").mkdir()
    (home / "cascade.yaml").write_text(CASCADE)
    (home / "stages.py").write_text(STAGES)
    (home / "records.jsonl").write_text(lines(rows(0, OLD)))
    (home / "references.jsonl").write_text(references([row["id"] for row in rows(0, OLD)]))
    with Workspace.open(tmp_path) as opened:
        opened.runs.new(home / "cascade.yaml")
    return tmp_path


@pytest.fixture
def folder(begun: Path, tmp_path: Path) -> Path:
    return shutil.copytree(begun, tmp_path / "project")


def arrive(folder: Path, name: str, start: int, count: int = 40, word: str = "ticket", again: int = 10) -> int:
    """Put a file into the folder, take it in, and answer all that was drawn as it is right."""
    (folder / "incoming" / name).write_text(lines(rows(start, count, word)))
    with Workspace.open(folder) as opened:
        watch = opened.past("tickets").watch()
        new = watch.take_in(folder / "incoming", share=0.5, again=again)
        queues = opened.store.queues("tickets-watch", "reply")
        drawn = [item.record for queue in queues for item in opened.store.queue_items(queue.id, "", limit=10**6)]
        (folder / "answers.jsonl").write_text(references(drawn))
        opened.labels.import_file(folder / "answers.jsonl", watch.path)
    return new


def seen(folder: Path) -> WatchView:
    with Workspace.open(folder) as opened:
        return opened.past("tickets").watch().view()


def row(view: WatchView, kind: str, place: str) -> WatchRow:
    return next(row for row in view.rows if (row.kind, row.place) == (kind, place))


def test_quiet_batches_are_taken_in_once_and_raise_no_alarm(folder: Path) -> None:
    assert seen(folder).headline == "Nothing came in yet"
    assert arrive(folder, "monday.jsonl", 1_000) == 40
    assert arrive(folder, "tuesday.jsonl", 2_000) == 40
    with Workspace.open(folder) as opened:
        assert opened.past("tickets").watch().take_in(folder / "incoming") == 0, "nothing is new"
        assert opened.cascades() == ["tickets", "tickets-watch"], "who names no cascade means the watched one"
    view = seen(folder)
    assert not view.is_alarm
    assert view.exit_code == 0
    assert view.headline == "No alarm after 2 batches, 80 tickets: nothing is proven to have become worse than v1"
    assert [(batch.records, batch.again) for batch in view.batches] == [(40, 10), (40, 10)]
    assert 25 <= sum(batch.drawn for batch in view.batches) <= 55, "about half of 80"
    outcome = row(view, "score", "outcome")
    assert outcome.mean.n == sum(batch.drawn for batch in view.batches)
    assert outcome.mean.value == 1.0
    assert outcome.waiting == 0
    same = row(view, "same input", "route")
    assert (same.mean.n, same.mean.value) == (20, 0.0)


def test_a_model_that_changes_behind_the_same_name_is_told_from_other_inputs(folder: Path) -> None:
    (folder / "pipelines" / "tickets" / "other.txt").touch()
    for day in range(2):
        arrive(folder, f"{day}.jsonl", 1_000 * (day + 1), again=30)
    view = seen(folder)
    assert view.exit_code == 1
    assert row(view, "score", "outcome").is_alarm
    assert row(view, "same input", "route").is_alarm
    assert not row(view, "same input", "reply").is_alarm, "what it received differs, so nothing counts against it"
    assert not row(view, "inputs", "inputs").is_alarm
    assert view.headline.startswith("Alarm: outcome fell below 91% since v2 (")
    assert ", and so did route and reply; " in view.headline
    assert view.headline.endswith("; route answers the same inputs worse")


def test_other_inputs_are_told_from_a_stage_that_changed(folder: Path) -> None:
    for day in range(2):
        arrive(folder, f"{day}.jsonl", 1_000 * (day + 1), word="unheard of", again=0)
    view = seen(folder)
    assert [row.place for row in view.rows if row.is_alarm] == ["inputs"]
    assert view.headline == "Alarm: what comes in has changed since v1"


def test_files_that_can_not_be_taken_in_say_why(folder: Path) -> None:
    with Workspace.open(folder) as opened:
        watch = opened.past("tickets").watch()
        assert watch.take_in(folder / "incoming") == 0, "the folder is empty"
        with pytest.raises(ConfigurationError, match="is no folder"):
            watch.take_in(folder / "nowhere")
        with pytest.raises(ConfigurationError, match="The share lies between 0 and 1"):
            watch.take_in(folder / "incoming", share=0)
        with pytest.raises(ConfigurationError, match="lies between 0 and 100 points, not 100"):
            watch.view(lose_at_most=1.0)


def test_a_terminal_exits_by_the_alarm_and_writes_what_ci_reads(
    folder: Path, stagegap: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    (folder / "incoming" / "monday.jsonl").write_text(lines(rows(1_000, 40)))
    done = stagegap(
        "tools", "watch", "incoming", "--share", "0.5", "--again", "0", "--junit", "w.xml", "-o", "w.json", "--json"
    )
    assert done.code == 0
    assert json.loads((folder / "w.json").read_text()) == done.json
    assert 'classname="stagegap.watch"' in (folder / "w.xml").read_text()
    printed = stagegap("show", "watch", "--exit-code", "--junit", "shown.xml")
    assert printed.code == 0
    assert (folder / "shown.xml").read_text() == (folder / "w.xml").read_text()
    assert "Drawn and not yet answered" in printed.out
    with open_project(folder) as project:
        assert project.watch().headline == project.watch(folder / "incoming").headline


def spans(start: int, count: int) -> str:
    """What a system that was instrumented sent of its answers: one span a trace, as OpenTelemetry writes it."""
    sent = [
        {
            "traceId": f"{n:032x}", "spanId": f"{n:016x}", "name": "answer",
            "startTimeUnixNano": "1", "endTimeUnixNano": "2",
            "attributes": [
                {"key": "input.value", "value": {"stringValue": json.dumps({"text": f"ticket {n}", "who": f"p{n}"})}},
                {"key": "input.mime_type", "value": {"stringValue": "application/json"}},
                {"key": "output.value", "value": {"stringValue": "ok"}},
            ],
        }
        for n in range(start, start + count)
    ]  # fmt: skip
    return json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": sent}]}]})


def test_traces_come_in_as_what_went_into_them(folder: Path) -> None:
    (folder / "incoming" / "monday.json").write_text(spans(1_000, 30))
    with Workspace.open(folder) as opened:
        watch = opened.past("tickets").watch()
        assert watch.take_in(folder / "incoming", share=0.5, again=0) == 30
        assert watch.take_in(folder / "incoming", share=0.5, again=0) == 0, "they are known"
        record = opened.store.records("tickets-watch", ids=[f"{1_000:032x}"])[0]
        assert (record.fields["text"], record.fields["who"]) == ("ticket 1000", "p1000")
        assert watch.view().headline.startswith("No alarm after 1 batch, 30 tickets")


def test_later_traces_of_an_imported_cascade_bring_their_answers(tmp_path: Path) -> None:
    (tmp_path / "old.json").write_text(spans(0, 30))
    incoming = tmp_path / "incoming"
    incoming.mkdir()
    (incoming / "monday.json").write_text(spans(500, 20))
    with Workspace.open(tmp_path) as opened:
        imported = opened.runs.import_traces([tmp_path / "old.json"], name="bot")
        opened.runs.new(imported.cascade)
        watch = opened.past("bot").watch()
        assert watch.take_in(incoming, share=1.0, again=0) == 20
        assert watch.take_in(incoming, share=1.0, again=0) == 0
        view = watch.view()
        assert [(batch.records, batch.drawn) for batch in view.batches] == [(20, 20)]
        assert len(opened.past("bot").watch().view().rows) == len(view.rows)
