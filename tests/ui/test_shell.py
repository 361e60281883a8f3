"""The frame, on the real workspace of an empty folder and on one that can't be opened."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from stagegap.ui import server

ROOT = Path(__file__).parents[2]


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


def test_streamlit_run_app_py_does_the_same(tmp_path: Path) -> None:
    (tmp_path / "pipelines").mkdir()
    shutil.copy(ROOT / "app.py", tmp_path / "app.py")
    test = AppTest.from_file(str(tmp_path / "app.py"), default_timeout=60).run()
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
