"""Starting the app: settings, port, and what is said at the end."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import streamlit

from stagegap.errors import ConfigurationError
from stagegap.ui import server

ROOT = Path(__file__).parents[2]


def test_settings_keep_everything_on_this_machine() -> None:
    found = server.settings()
    assert found["server.address"] == "127.0.0.1"
    assert found["browser.gatherUsageStats"] is False
    assert found["server.allowedHosts"] == ["localhost", "127.0.0.1"]
    assert found["client.showErrorDetails"] == "none"
    assert found["theme.light.primaryColor"] == "#0063A6"


def test_streamlit_run_reads_the_same_settings() -> None:
    link = ROOT / ".streamlit" / "config.toml"
    packaged = ROOT / "src" / "stagegap" / "ui" / "settings.toml"
    assert link.read_text(encoding="utf-8") == packaged.read_text(encoding="utf-8")


class Interrupted:
    """Stands in for Streamlit's server: remembers how it was started, and is interrupted at once."""

    started: dict[str, Any]

    def __init__(self, script: Path, middleware: Sequence[Any]) -> None:
        Interrupted.started = {"script": script, "hosts": middleware[0].kwargs["hosts"]}

    def run(self, *, config: dict[str, Any]) -> None:
        Interrupted.started["config"] = config
        raise KeyboardInterrupt


def test_name_and_header_of_a_proxy_and_the_projects_secrets_become_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert server._identity(tmp_path) == {}
    monkeypatch.setenv(server.HEADER, "X-Forwarded-Email")
    monkeypatch.setenv(server.HOST, "labels.example.org")
    (tmp_path / ".streamlit").mkdir()
    secrets = tmp_path / ".streamlit" / "secrets.toml"
    secrets.write_text("[auth]\n")
    found = server._identity(tmp_path)
    assert found.pop("secrets.files")[-1] == str(secrets)
    assert found == {
        "server.trustedUserHeaders": {"X-Forwarded-Email": "email"},
        "server.allowedHosts": ["localhost", "127.0.0.1", "labels.example.org"],
        "browser.serverAddress": "labels.example.org",
    }


def test_serve_hands_folder_and_pages_to_the_script(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(streamlit, "App", Interrupted)
    monkeypatch.setenv(server.FOLDER, "")
    monkeypatch.setenv(server.PAGES, "")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server.serve(tmp_path, port=port, open_browser=True, pages="label")
    assert (os.environ[server.FOLDER], os.environ[server.PAGES]) == (str(tmp_path.resolve()), "label")
    assert Interrupted.started["script"].name == "script.py"
    assert Interrupted.started["hosts"] == {"localhost", "127.0.0.1"}
    quiet = {"server.headless": False, "logger.hideWelcomeMessage": True}
    assert Interrupted.started["config"] == {**server.settings(), "server.port": port, **quiet}
    said = capsys.readouterr().out
    assert said == f"\n  URL: http://127.0.0.1:{port}\n\n  Stopped. Your labels are saved.\n"
    server.serve(tmp_path, port=port, pages="label", announce=False)
    assert capsys.readouterr().out == "\n  Stopped. Your labels are saved.\n"


def test_port_that_is_taken_is_named(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ConfigurationError, match=f"Port {port} on 127.0.0.1 is taken"):
            server.serve(tmp_path, port=port)
