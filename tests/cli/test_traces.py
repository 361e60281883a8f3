from __future__ import annotations

import json
from pathlib import Path

import stagegap as library
from cli.conftest import Command
from exchange.spans.spans import mail_trace, resource, write


def test_one_command_from_a_file_to_something_to_read(tmp_path: Path, stagegap: Command) -> None:
    rows = [resource(mail_trace(n)) for n in range(12)]
    write(tmp_path / "mails.jsonl", *rows, {"resourceLogs": []})
    said = stagegap("import", "mails.jsonl")
    assert said.code == 0
    assert "12 traces of 60 spans, read as otlp" in said.out
    assert "1 left over: resourceLogs hold no spans." in said.out
    assert "Where is my parcel 3?" in stagegap("record", "t3", "--as", "me").out
    assert "$0.012" in stagegap("show", "runs").out
    write(tmp_path / "more.jsonl", resource(mail_trace(12)))
    again = stagegap("import", "more.jsonl", "--name", "mails", "--no-run", "--json").json
    assert (again["traces"], again["is_new"], again["stages"][0]["name"]) == (1, False, "route")


def test_import_that_fails_says_what_the_file_holds(tmp_path: Path, stagegap: Command) -> None:
    (tmp_path / "x.json").write_text(json.dumps({"annotations": [], "data": {}}))
    said = stagegap("import", "x.json")
    assert said.code == 2
    assert "begins with 'annotations', 'data'" in said.error


def test_project_imports_traces_and_then_means_their_cascade(tmp_path: Path) -> None:
    path = write(tmp_path / "mails.jsonl", *(resource(mail_trace(n)) for n in range(6)))
    with library.open(tmp_path) as project:
        assert project.import_traces(path, name="post").traces == 6
        assert project.cascade == "post"
        assert project.gap().view.run == "v1"


def test_a_file_of_labels_is_sent_to_the_command_that_takes_labels(stagegap: Command, tmp_path: Path) -> None:
    (tmp_path / "labels.json").write_text("[]")
    said = stagegap("import", "labels.json", "--from", "label-studio")
    assert said.code == 2
    assert "`stagegap tools import labels.json --from label-studio` takes them in." in said.error
