"""A pull request's one comment, written by the real script against an API on this machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from cli.conftest import Command
from sixty import spoil, write_sixty

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / ".github" / "actions" / "check" / "check.sh"
TOKEN = "token-of-the-job"


class Api(ThreadingHTTPServer):
    """What GitHub's API does for the comments of one pull request."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answers)
        self.comments: dict[int, str] = {}
        self.may_write = True

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Answers(BaseHTTPRequestHandler):
    @property
    def api(self) -> Api:
        assert isinstance(self.server, Api)
        return self.server

    def _answer(self, code: int, content: Any) -> None:
        body = json.dumps(content).encode()
        self.send_response(code)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _body(self) -> str:
        return json.loads(self.rfile.read(int(self.headers["Content-Length"])))["body"]

    def do_GET(self) -> None:
        assert self.headers["Authorization"] == f"Bearer {TOKEN}"
        place, _, query = self.path.partition("?")
        assert place == "/repos/team/mails/issues/7/comments"
        page = int(query.rpartition("page=")[2]) - 1
        known = [{"id": key, "body": body} for key, body in self.api.comments.items()]
        self._answer(200, known[page * 2 : page * 2 + 2])

    def do_POST(self) -> None:
        body = self._body()
        if not self.api.may_write:
            return self._answer(403, {"message": "Resource not accessible by integration"})
        key = max(self.api.comments, default=0) + 1
        self.api.comments[key] = body
        return self._answer(201, {"id": key})

    def do_PATCH(self) -> None:
        self.api.comments[int(self.path.rpartition("/")[2])] = self._body()
        self._answer(200, {})

    def log_message(self, format: str, *args: object) -> None:
        """Nothing on the terminal."""


@pytest.fixture
def api() -> Iterator[Api]:
    with Api() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def job(tmp_path: Path, api: Api) -> dict[str, str]:
    """The environment of a job for pull request 7."""
    event = tmp_path / "event.json"
    event.write_text(json.dumps({"pull_request": {"number": 7}}))
    return {
        "GITHUB_API_URL": api.address,
        "GITHUB_REPOSITORY": "team/mails",
        "GITHUB_EVENT_PATH": str(event),
        "GITHUB_TOKEN": TOKEN,
    }


def test_second_push_changes_the_comment_of_the_first(
    stagegap: Command, tmp_path: Path, job: dict[str, str], api: Api
) -> None:
    write_sixty(tmp_path)
    stagegap("run")
    stagegap("tools", "bless", "v1")
    tools = tmp_path / "bin"
    tools.mkdir()
    program = tools / "stagegap"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m stagegap "$@"\n')
    program.chmod(0o755)
    environment = {**os.environ, **job, "PATH": f"{tools}:{os.environ['PATH']}", "STAGEGAP_BUDGET": "500 calls"}
    environment["GITHUB_STEP_SUMMARY"] = str(tmp_path / "summary.md")
    api.comments = {1: "Looks good.", 2: "Thanks!", 3: "And this?"}

    def push() -> subprocess.CompletedProcess[str]:
        command = ["sh", str(SCRIPT)]
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

    spoil(tmp_path / "pipelines" / "first")
    worse = push()
    assert worse.returncode == 1, worse.stderr
    assert len(api.comments) == 4
    lines = api.comments[4].splitlines()
    assert lines[0] == "<!-- stagegap: check -->"
    assert lines[1].startswith("**first v2**: Failed:")
    assert lines[3] == (
        "Against v1 on 60 questions, in points, with 95% intervals: outcome −30 (−43 to −20); reply −30 (−43 to −20); "
        "nothing else moved beyond chance. 18 questions broke."
    )
    assert lines[1] in (tmp_path / "summary.md").read_text()
    output = tmp_path / "stagegap-output"
    assert {path.name for path in output.iterdir()} == {"checks.xml", "checks.md", "report.html"}

    again = push()
    assert again.returncode == 1
    assert api.comments[4].splitlines()[1].startswith("**first v3**: Failed:")
    assert list(api.comments) == [1, 2, 3, 4]


def test_what_a_job_lacks_is_said(stagegap: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GITHUB_TOKEN", "GITHUB_REPOSITORY", "GITHUB_EVENT_PATH"):
        monkeypatch.delenv(name, raising=False)
    text = tmp_path / "checks.md"
    assert "checks.md can't be read: No such file" in stagegap("tools", "comment", "checks.md").error
    text.write_text("**x**: Passed.\n")
    said = stagegap("tools", "comment", "checks.md")
    assert (said.code, said.error) == (
        2,
        "GITHUB_TOKEN and GITHUB_REPOSITORY must be set: a job of GitHub Actions has them.\n",
    )
    monkeypatch.setenv("GITHUB_TOKEN", TOKEN)
    monkeypatch.setenv("GITHUB_REPOSITORY", "team/mails")
    assert "of no pull request; `--number` names one" in stagegap("tools", "comment", "checks.md").error
    monkeypatch.setenv("GITHUB_API_URL", "http://127.0.0.1:9")
    assert "http://127.0.0.1:9 can't be reached" in stagegap("tools", "comment", "checks.md", "--number", "7").error


def test_comment_that_is_too_long_is_cut_and_says_so(
    stagegap: Command, tmp_path: Path, job: dict[str, str], api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in job.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "checks.md").write_text("x" * 70_000)
    assert stagegap("tools", "comment", "checks.md", "--key", "mails").out == "Wrote a comment on pull request 7.\n"
    (body,) = api.comments.values()
    assert len(body) == 65_536
    assert body.startswith("<!-- stagegap: mails -->\nxxx")
    assert body.endswith("it stands in the summary of the job.)\n")
    api.comments.clear()
    monkeypatch.setenv("GITHUB_REPOSITORY", "team/mails")
    api.may_write = False
    assert "needs `permissions: {pull-requests: write}`" in stagegap("tools", "comment", "checks.md").error
