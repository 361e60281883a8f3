"""The runbook of docs/team.md with real processes, and the files beside it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import pytest
import yaml

from conftest import Copied, free_port
from stagegap.ui.server import HEADER, HEALTH, HOST, LOG, METRICS, PROXY_TOKEN
from stagegap.workspace import Workspace

TEAM = Path(__file__).parents[2] / "docs" / "team"


def command(project: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "stagegap", *words], check=False, cwd=project, capture_output=True, text=True
    )


@contextmanager
def served(project: Path, log: Path | None = None) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The app as a service starts it, once it says its address; its log goes to a file where one is named."""
    words = ("-m", "stagegap", "app", "--no-browser", "--port", str(free_port()))
    environment = {**os.environ, **({LOG: "json"} if log else {})}
    with log.open("wb") if log else nullcontext() as written:
        app = subprocess.Popen(
            [sys.executable, *words], cwd=project, env=environment, stdout=subprocess.PIPE, stderr=written, text=True
        )
    assert app.stdout is not None
    try:
        url = next(line.split()[-1] for line in app.stdout if "URL:" in line)
        yield app, url.partition("/?")[0]
    finally:
        app.kill()
        app.wait()
        app.stdout.close()


def health(url: str) -> str:
    with urllib.request.urlopen(f"{url}{HEALTH}") as answer:
        return answer.read().decode()


def figures(url: str, token: str) -> set[str]:
    request = urllib.request.Request(f"{url}{METRICS}", headers={"Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(request) as answer:
        return set(answer.read().decode().splitlines())


def test_a_server_is_watched_backed_up_stopped_lost_and_brought_back(tmp_path: Path, once: Copied) -> None:
    project = tmp_path / "project"
    once(project)
    archive, log = tmp_path / "store.tar", tmp_path / "log.jsonl"
    with served(project, log) as (app, url):
        assert health(url) == "ok\n"
        token = (project / ".stagegap" / "access" / "token").read_text().strip()
        with pytest.raises(urllib.error.HTTPError, match="403"):
            figures(url, "no-token")
        assert {'stagegap_requests_total{status="403"} 1', 'stagegap_runs{status="done"} 1'} <= figures(url, token)
        assert {'stagegap_labels{cascade="first"} 120', "stagegap_journal_waiting 0"} <= figures(url, token)
        assert command(project, "tools", "backup", str(archive)).returncode == 0
        assert health(url) == "ok\n"
        app.send_signal(signal.SIGTERM)
        assert app.wait(timeout=30) in (0, -signal.SIGTERM)
    lines = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
    assert [line["event"] for line in lines] == ["started", *["request"] * 3, "stopped"]
    assert [line.get("status") for line in lines] == [None, 403, 200, 200, None]
    assert token not in log.read_text()
    assert archive.stat().st_mode & 0o077 == 0
    with Workspace.open(project) as workspace:
        labels = workspace.store.label_count("first")
    shutil.rmtree(project / ".stagegap")
    assert command(project, "tools", "restore", str(archive)).returncode == 0
    assert command(project, "tools", "doctor").returncode == 0
    with Workspace.open(project) as workspace:
        assert workspace.store.label_count("first") == labels
        assert [run.name for run in workspace.runs.of("first")] == ["v1"]
    with served(project) as (_, url):
        assert health(url) == "ok\n"


def test_the_container_and_the_proxy_say_what_the_app_reads() -> None:
    services = yaml.safe_load((TEAM / "compose.yaml").read_text())["services"]
    app, proxy = services["app"], services["proxy"]
    assert {HEADER, HOST, LOG} == app["environment"].keys()
    assert app["network_mode"] == "service:proxy", "the app listens on 127.0.0.1, and the proxy asks it there"
    assert app["read_only"]
    assert proxy["read_only"]
    assert app["cap_drop"] == ["ALL"]
    settings = (TEAM / "Caddyfile").read_text()
    header = app["environment"][HEADER]
    assert f"header_up {header} {{http.auth.user.id}}" in settings
    assert f"header_up {PROXY_TOKEN.decode()} " in settings.lower().replace("{$token}", "")
    assert settings.count("{$TOKEN}") == settings.count("{$NAME}") == 1
    assert {"NAME", "TOKEN"} == proxy["environment"].keys()
    image = (TEAM / "Containerfile").read_text()
    assert image.index("USER 10001") < image.index("ENTRYPOINT")
    assert f"127.0.0.1:8501{HEALTH}" in image
    assert os.path.normpath(TEAM / app["build"]["context"]) == str(TEAM.parents[1])
