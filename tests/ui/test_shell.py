"""The frame, on the real workspace of an empty folder and on one that can't be opened."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import streamlit
from streamlit.testing.v1 import AppTest

from stagegap.ui import server


def app():
    import importlib
    import sys

    sys.modules.pop("stagegap.ui.script", None)  # the app runs it anew for every visit
    importlib.import_module("stagegap.ui.script")


def test_app_on_an_empty_folder_says_how_to_begin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pipelines").mkdir()
    monkeypatch.setenv(server.FOLDER, str(tmp_path))
    monkeypatch.setenv(server.PAGES, "all")

    test = AppTest.from_function(app, default_timeout=60).run()
    assert not test.exception
    assert test.title[0].value == "No cascade yet"


def test_label_mode_opens_on_the_label_page(tmp_path: Path, mails: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(mails, tmp_path / "project")
    monkeypatch.setenv(server.FOLDER, str(tmp_path / "project"))
    monkeypatch.setenv(server.PAGES, "label")
    test = AppTest.from_function(app, default_timeout=60).run()
    assert not test.exception
    assert test.text_input(key="pick who").label == "Your initials"


def test_workspace_that_cannot_be_opened_is_a_sentence(tmp_path: Path) -> None:
    def page(folder):
        from stagegap.errors import StoreVersion
        from stagegap.ui import shell

        def opener(_):
            raise StoreVersion("The store was written by a newer program.")

        shell.show(opener, folder)

    test = AppTest.from_function(page, kwargs={"folder": tmp_path}, default_timeout=60).run()
    assert test.title[0].value == "The workspace can't be opened"
    assert "newer program" in test.markdown[0].value


def test_team_file_that_cannot_be_read_is_a_sentence_and_lets_nobody_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pipelines").mkdir()
    (tmp_path / "team.toml").write_text("admins = [")
    monkeypatch.setenv(server.FOLDER, str(tmp_path))
    monkeypatch.setenv(server.PAGES, "all")
    monkeypatch.setattr(streamlit, "user", {"is_logged_in": True, "email": "ab@example.org"})
    test = AppTest.from_function(app, default_timeout=60).run()
    assert test.title[0].value == "Nobody can be let in"
    assert len(test.title) == 1


@pytest.mark.parametrize(("role", "pages"), [("labellers", 2), ("engineers", 10), ("nobody", 0)])
def test_role_decides_which_pages_there_are(
    tmp_path: Path, mails: Path, monkeypatch: pytest.MonkeyPatch, role: str, pages: int
) -> None:
    shutil.copytree(mails, tmp_path / "project")
    (tmp_path / "project" / "team.toml").write_text(f"{role} = ['ab@example.org']\n" if pages else "admins = []\n")
    monkeypatch.setenv(server.FOLDER, str(tmp_path / "project"))
    monkeypatch.setenv(server.PAGES, "all")
    monkeypatch.setattr(streamlit, "user", {"is_logged_in": True, "email": "ab@example.org"})
    drawn: list[int] = []
    real = streamlit.navigation
    monkeypatch.setattr(streamlit, "navigation", lambda given, **more: drawn.append(len(given)) or real(given, **more))
    test = AppTest.from_function(app, default_timeout=60).run()
    assert not test.exception
    assert drawn == ([pages] if pages else [])
    if not pages:
        assert "does not let you in" in test.markdown[0].value.replace("\\", "")
