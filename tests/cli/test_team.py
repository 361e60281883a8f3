"""The runbook of docs/team.md with real processes, and the files beside it."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from conftest import Copied
from stagegap.ui.server import HEADER, HEALTH, HOST, PROXY_TOKEN
from stagegap.workspace import Workspace

TEAM = Path(__file__).parents[2] / "docs" / "team"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def command(project: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "stagegap", *words], check=False, cwd=project, capture_output=True, text=True
    )


@contextmanager
def served(project: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The app as a service starts it, once it says its address."""
    words = ("-m", "stagegap", "app", "--no-browser", "--port", str(free_port()))
    app = subprocess.Popen([sys.executable, *words], cwd=project, stdout=subprocess.PIPE, text=True)
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


def test_a_server_is_watched_backed_up_stopped_lost_and_brought_back(tmp_path: Path, once: Copied) -> None:
    project = tmp_path / "project"
    once(project)
    archive = tmp_path / "store.tar"
    with served(project) as (app, url):
        assert health(url) == "ok\n"
        assert command(project, "tools", "backup", str(archive)).returncode == 0
        assert health(url) == "ok\n"
        app.send_signal(signal.SIGTERM)
        assert app.wait(timeout=30) in (0, -signal.SIGTERM)
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
    assert {HEADER, HOST} == app["environment"].keys()
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
    assert image.index("USER stagegap") < image.index("ENTRYPOINT")
    assert f"127.0.0.1:8501{HEALTH}" in image
    assert os.path.normpath(TEAM / app["build"]["context"]) == str(TEAM.parents[1])
