"""A key that is sent to a provider is nowhere else: not in the store, not in what is printed, not in a report."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

import llm_server
from conftest import Command
from killed_runs import Project
from secret_corpus import corpus
from stagegap.model.answer import Status
from stagegap.model.run import SYSTEM
from stagegap.store import Store

KEY = "sk-canary-7d1f9c"
FAULTS = ["", "refusal", "too_long", "filtered", "500", "half_body", "page"]


@pytest.fixture
def server() -> Iterator[llm_server.LlmServer]:
    with llm_server.running() as found:
        yield found


def test_a_key_is_sent_and_found_nowhere_else(
    tmp_path: Path, server: llm_server.LlmServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODEL_KEY", KEY)
    project = Project(tmp_path, server)
    project.write(len(FAULTS))
    cascade = tmp_path / "pipelines" / "cascade.yaml"
    words = cascade.read_text().replace("model: m", "model: m, api_key: '${MODEL_KEY}'")
    cascade.write_text(words.replace("concurrency: 8", "concurrency: 1\n    timeout: 2"))
    said = ""
    for settings in ({"faults": FAULTS}, {"always": "401"}):
        server.answers(**settings)
        with project.start("--fresh") as process:
            said += "".join(process.communicate())
        assert server.counters()["authorization"] == f"Bearer {KEY}"
    assert "refuses every call" in said
    assert KEY not in said
    with Store.open(tmp_path / ".stagegap") as store:
        assert len(store.runs()) == 2
        store.export(tmp_path / "tables")
    holding = [path for path in tmp_path.rglob("*") if path.is_file() and KEY.encode() in path.read_bytes()]
    assert holding == []
    assert _cells_with(KEY, tmp_path / "tables") == []


def _cells_with(text: str, folder: Path) -> list[str]:
    """Look into the tables themselves: in a file, texts may be compressed."""
    import duckdb

    with duckdb.connect() as db:
        tables = sorted(folder.glob("*.parquet"))
        assert tables
        return [
            table.name
            for table in tables
            if db.execute(f"select count(*) from '{table}' t where contains(t::varchar, ?)", [text]).fetchall()[0][0]
        ]


CASCADE = """
cascade: canaries
noun: case
records: {path: records.jsonl}
references: {path: references.jsonl}
stages:
  raises:
    uses: python
    with: {function: "stages.py:raises"}
    inputs: {n: record.n}
    output: {type: text}
    ask: Which one?
    guideline: guideline.md
    score: [exact, "python:stages.py:score"]
  batch:
    uses: python
    with: {function: "stages.py:batch"}
    inputs: {n: record.n}
    output: {type: text}
    ask: Which one?
  says:
    uses: python
    with: {function: "stages.py:says"}
    inputs: {n: record.n}
    output: {type: object, schema: {type: object}}
    ask: Which one?
  misfits:
    uses: python
    with: {function: "stages.py:misfits"}
    inputs: {n: record.n}
    output: {type: label, values: [a, b]}
    ask: Which one?
  shell:
    uses: command
    with: {command: [PYTHON, tool.py]}
    inputs: {n: record.n}
    output: {type: text}
    ask: Which one?
    batch: 1
  service:
    uses: http
    with: {url: "URL/answer?key=${SERVICE_KEY_X}"}
    inputs: {n: record.n}
    output: {type: text}
    ask: Which one?
  end:
    uses: python
    with: {function: "stages.py:end"}
    inputs: {a: raises, b: batch, c: says, d: misfits, e: shell, f: service, text: record.text}
    output: {type: text}
    score: exact
    ask: Which one?
outcome: {score: end.exact}
"""
STAGES = """
import os, sys
sys.path.insert(0, os.environ["CORPUS"])
from secret_corpus import corpus

ALL = corpus(13)
HELD = [canary for canary in ALL if canary.name]


def raises(n):
    if n < 0:
        return "fine"
    try:
        raise ValueError(ALL[n].text)
    except ValueError as error:
        raise RuntimeError("again: " + ALL[n].text) from error


def batch(n):
    if n < 0:
        return "fine"
    print("tried", HELD[n % len(HELD)].core, file=sys.stderr)
    raise KeyError(ALL[n].text)


def says(n):
    core = HELD[n % len(HELD)].core
    return {"text": "it is " + core, core: [core, {"deep": core}]}


def misfits(n):
    if n < 0:
        return "a"
    return "neither " + HELD[n % len(HELD)].core


def end(a, b, c, d, e, f, text):
    return "fine"


def score(output, reference):
    raise ValueError(ALL[3].text)
"""
TOOL = """
import json, os, sys
sys.path.insert(0, os.environ["CORPUS"])
from secret_corpus import corpus

ALL = corpus(13)
HELD = [canary for canary in ALL if canary.name]
for line in sys.stdin:
    asked = json.loads(line)
    n = asked["inputs"]["n"]
    if n < 0:
        print(json.dumps({"id": asked["id"], "value": "fine"}), flush=True)
    elif n % 100 == 1:
        print(ALL[n].text, file=sys.stderr, flush=True)
        sys.exit(1)
    elif n % 100 == 2:
        print(HELD[n % len(HELD)].core, flush=True)
    else:
        print(json.dumps({"id": asked["id"], "error": ALL[n].text}), flush=True)
"""


class _Refuses(BaseHTTPRequestHandler):
    asked: ClassVar[list[str]] = []

    def do_POST(self) -> None:
        _Refuses.asked.append(self.path)
        n = json.loads(self.rfile.read(int(self.headers["content-length"])))["n"]
        body = corpus(13)[n].text.encode() if n >= 0 else b'"fine"'
        self.send_response(400 if n >= 0 else 200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: the log would hold the key."""


@pytest.fixture
def refusing() -> Iterator[str]:
    """A service that refuses every input and repeats a secret."""
    _Refuses.asked.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), _Refuses) as service:
        thread = threading.Thread(target=service.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{service.server_address[1]}"
        service.shutdown()
        thread.join()


def test_none_of_200_secrets_in_20_places_is_found_in_any_byte_that_leaves_the_process(
    tmp_path: Path, stagegap: Command, refusing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    canaries = corpus(13)
    held = [canary for canary in canaries if canary.name]
    for canary in held:
        monkeypatch.setenv(canary.name, canary.core)
    monkeypatch.setenv("CORPUS", str(Path(__file__).parents[1]))
    monkeypatch.setenv("SERVICE_KEY_X", held[0].core)
    place = tmp_path / "pipelines"
    place.mkdir()
    words = CASCADE.replace("URL", refusing).replace("PYTHON", json.dumps(sys.executable))
    (place / "cascade.yaml").write_text(words)
    (place / "stages.py").write_text(STAGES)
    (place / "tool.py").write_text(TOOL)
    (place / "guideline.md").write_text(f"Never write {held[1].core} down.\n")
    rows = [{"id": f"r{n}", "n": n, "text": f"text with {held[n % len(held)].core}"} for n in range(-10, len(canaries))]
    (place / "records.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    people = [
        {"record": f"r{n}", "stage": stage, "annotator": held[2].core, "value": f"not {held[3].core}"}
        for n in range(-10, 2)
        for stage in ("end",)
    ]
    (place / "references.jsonl").write_text("".join(json.dumps(person) + "\n" for person in people))
    for arguments in (
        ("init", "-q"),
        ("add", "."),
        ("-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "x"),
    ):
        subprocess.run(["git", *arguments], cwd=tmp_path, check=True, capture_output=True)
    (place / "tool.py").write_text(TOOL + "".join(f"# {line}\n" for c in canaries for line in c.text.splitlines()))

    said = [stagegap("validate"), stagegap("run")]
    assert set(_Refuses.asked) == {f"/answer?key={held[0].core}"}, "its service is sent the value"
    said += [stagegap(*command) for command in COMMANDS]
    assert not [one.error for one in said if "No such command" in one.error or "Usage:" in one.error]
    assert "RuntimeError" in "".join(one.out for one in said)
    with Store.open(tmp_path / ".stagegap") as store:
        (run,) = store.runs()
        assert "SERVICE_KEY_X" in run.resolved
        assert {output.status for output in store.outputs(run.id, SYSTEM, "raises")} == {Status.ERROR, Status.OK}
        store.export(tmp_path / "tables")
    theirs = {"tool.py", "records.jsonl", "references.jsonl", "guideline.md"}
    files = [path for path in tmp_path.rglob("*") if path.is_file() and ".git" not in path.parts]
    bodies = {str(path): path.read_bytes() for path in files if path.name not in theirs}
    bodies |= {f"stdout {n}": one.out.encode() for n, one in enumerate(said)}
    bodies |= {f"stderr {n}": one.error.encode() for n, one in enumerate(said)}
    cells = _all_cells(tmp_path / "tables")
    bodies |= {name: text.encode() for name, text in cells.items()}
    leaks = {
        (name, canary.core)
        for canary in canaries
        for form in {canary.core, json.dumps(canary.core)[1:-1], escape(canary.core)}
        for name, body in bodies.items()
        if form.encode() in body
    }
    assert leaks == set()


COMMANDS = [
    ("show",), ("show", "--json"), ("show", "runs"), ("show", "faults"), ("show", "origin"), ("report",),
    ("report", "--form", "md"), ("report", "--form", "json"), ("tools", "export", "labels.jsonl"),
    ("tools", "export", "labels.csv"), ("tools", "history", "raises", "r1", "--as", "eve"), ("tools", "doctor"),
    ("record", "r1", "--as", "zz"),
]  # fmt: skip


def _all_cells(folder: Path) -> dict[str, str]:
    """Every table as text: in a file, texts may be compressed."""
    import duckdb

    with duckdb.connect() as db:
        return {
            table.name: "\n".join(row[0] or "" for row in db.execute(f"select t::varchar from '{table}' t").fetchall())
            for table in sorted(folder.glob("*.parquet"))
        }
