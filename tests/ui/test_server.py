"""Starting the app: settings, port, and what is said at the end."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import webbrowser
from collections.abc import Sequence
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
import streamlit

from conftest import free_port
from stagegap.errors import ConfigurationError
from stagegap.ui import server
from stagegap.ui.access import Access

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
    """Stands in for Streamlit's server: remembers how it was started, and is interrupted once it was announced."""

    started: dict[str, Any]
    port = 0

    def __init__(self, script: Path, routes: Sequence[Any], middleware: Sequence[Any], lifespan: Any) -> None:
        Interrupted.started = {"script": script, **middleware[0].kwargs}
        assert [route.path.split("/")[1] for route in routes] == ["record-media", "record-media"]
        self._lifespan = lifespan

    def run(self, *, config: dict[str, Any]) -> None:
        Interrupted.started["config"] = config

        async def listen() -> None:
            async with self._lifespan(self):
                # As in a server: the lifespan has begun, and nobody can connect before this.
                others = asyncio.all_tasks() - {asyncio.current_task()}
                async with await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", Interrupted.port):
                    await asyncio.gather(*others)

        asyncio.run(listen())
        raise KeyboardInterrupt


def test_name_and_header_of_a_proxy_and_the_projects_secrets_become_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert server._identity(tmp_path, server.ADDRESS) == {}
    monkeypatch.setenv(server.HEADER, "X-Forwarded-Email")
    monkeypatch.setenv(server.HOST, "labels.example.org")
    (tmp_path / ".streamlit").mkdir()
    secrets = tmp_path / ".streamlit" / "secrets.toml"
    secrets.write_text("[auth]\n")
    found = server._identity(tmp_path, "192.0.2.7")
    assert found.pop("secrets.files")[-1] == str(secrets)
    assert found == {
        "server.trustedUserHeaders": {"X-Forwarded-Email": "email"},
        "server.allowedHosts": ["localhost", "127.0.0.1", "labels.example.org", "192.0.2.7"],
        "server.address": "192.0.2.7",
        "browser.serverAddress": "labels.example.org",
    }


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What a browser was opened with."""
    links: list[str] = []
    monkeypatch.setattr(streamlit, "App", Interrupted)
    Interrupted.port = free_port()
    options = {"server.port": Interrupted.port, "server.address": None}
    monkeypatch.setattr(streamlit, "get_option", options.__getitem__)
    monkeypatch.setattr(webbrowser, "open", links.append)
    monkeypatch.setenv(server.FOLDER, "")
    monkeypatch.setenv(server.PAGES, "")
    return links


def test_serve_hands_folder_and_pages_to_the_script_and_says_the_link_with_its_token(
    tmp_path: Path, opened: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    port = free_port()
    server.serve(tmp_path, port=port, open_browser=True, pages="label")
    assert (os.environ[server.FOLDER], os.environ[server.PAGES]) == (str(tmp_path.resolve()), "label")
    assert Interrupted.started["script"].name == "script.py"
    assert Interrupted.started["hosts"] == ["localhost", "127.0.0.1"]
    assert Interrupted.started["asks_for_token"] is True
    assert Interrupted.started["config"] == {**server.settings(), "server.port": port}
    link = f"http://127.0.0.1:{Interrupted.port}/label?token={Access(tmp_path).token}"
    assert opened == [link]
    assert capsys.readouterr().out == f"\n  URL: {link}\n\n\n  Stopped. Your labels are saved.\n"


def test_address_is_said_only_when_somebody_listens_there() -> None:
    async def listen() -> list[str]:
        order: list[str] = []
        port = free_port()
        waiting = asyncio.create_task(server._listens("127.0.0.1", port))
        waiting.add_done_callback(lambda _: order.append("said"))
        with pytest.raises(OSError, match="Connect call failed"):
            await asyncio.open_connection("127.0.0.1", port)
        order.append("nobody listened")
        async with await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", port):
            order.append("listens")
            await waiting
        return order

    assert asyncio.run(listen()) == ["nobody listened", "listens", "said"]


def test_link_that_was_said_already_is_opened_and_not_said_again(
    tmp_path: Path, opened: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    server.serve(tmp_path, port=free_port(), open_browser=True, link="http://127.0.0.1:1/label?token=x")
    assert opened == ["http://127.0.0.1:1/label?token=x"]
    assert "URL" not in capsys.readouterr().out


@pytest.mark.parametrize(("secrets", "is_sign_in"), [("[auth]\n", True), ("[other]\n", False), ("[", False)])
def test_where_people_sign_in_no_token_is_asked_for(
    tmp_path: Path, opened: list[str], capsys: pytest.CaptureFixture[str], secrets: str, is_sign_in: bool
) -> None:
    (tmp_path / ".streamlit").mkdir()
    (tmp_path / ".streamlit" / "secrets.toml").write_text(secrets)
    server.serve(tmp_path, port=free_port())
    assert Interrupted.started["asks_for_token"] is not is_sign_in
    assert ("token=" in capsys.readouterr().out) is not is_sign_in
    assert opened == []


def test_address_that_is_not_of_this_machine_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"'no\.such\.name\.invalid' is no address of this machine"):
        server.serve(tmp_path, port=free_port(), address="no.such.name.invalid")


def handshake(port: int, **headers: str) -> int:
    """The status with which the app answers who asks for a socket."""
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    key = {"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}
    connection.request("GET", "/_stcore/stream", headers=upgrade | key | headers)
    status = connection.getresponse().status
    connection.close()
    return status


def test_streamlit_run_is_guarded_as_the_command_is(tmp_path: Path) -> None:
    """As a process: it prints the link with the token, refuses strangers and other pages, and asks nobody outside."""
    (tmp_path / "pipelines").mkdir()
    (tmp_path / "app.py").write_text((ROOT / "app.py").read_text(encoding="utf-8"), encoding="utf-8")
    port = free_port()
    (tmp_path / ".streamlit").mkdir()
    packaged = ROOT / "src" / "stagegap" / "ui" / "settings.toml"
    (tmp_path / ".streamlit" / "config.toml").write_text(packaged.read_text(encoding="utf-8"), encoding="utf-8")
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port)]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = ""
        while "URL:" not in line:
            line = process.stdout.readline()
            assert line
            assert "External" not in line
        link = line.partition("URL:")[2].strip()
        assert link == f"http://127.0.0.1:{port}/?token={Access(tmp_path).token}"
        statuses: list[int] = []
        cookie = f"{Access(tmp_path).cookie_name}={Access(tmp_path).cookie(Access(tmp_path).token)}"
        for headers in (
            {},
            {"Cookie": cookie},
            {"Cookie": cookie, "Origin": "http://127.0.0.1:1"},
            {"Host": "x.example"},
        ):
            connection = HTTPConnection("127.0.0.1", port, timeout=30)
            connection.request("GET", "/", headers=headers)
            answer = connection.getresponse()
            assert answer.headers["X-Frame-Options"] == "DENY"
            statuses.append(answer.status)
            connection.close()
        own = f"http://127.0.0.1:{port}"
        sockets = [
            handshake(port, Cookie=cookie, Origin=own),
            handshake(port, Cookie=cookie, Origin="http://127.0.0.1:1"),
            handshake(port, Cookie=cookie, Origin=own, Host=f"elsewhere.example:{port}"),
            handshake(port, Cookie=cookie),
            handshake(port, Origin=own),
            handshake(port, Origin=own, Cookie=cookie[:-4]),
        ]
        process.terminate()
    assert statuses == [403, 200, 403, 403]
    assert sockets == [101, 403, 403, 403, 403, 403]


def test_port_that_is_taken_is_named(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ConfigurationError, match=f"Port {port} on 127.0.0.1 is taken"):
            server.serve(tmp_path, port=port)
