"""What tests of several folders begin with: the command line, and projects that are run once and copied."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from sixty import spoil, write_sixty
from stagegap.cli import main
from stagegap.workspace import Workspace

Copied = Callable[[Path], Path]
"""Puts a copy of a project into a folder and gives the folder of its cascade."""


def _copier(project: Path) -> Copied:
    def copied(folder: Path) -> Path:
        shutil.copytree(project, folder, dirs_exist_ok=True)
        return folder / "pipelines" / "first"

    return copied


@pytest.fixture(scope="session")
def once(tmp_path_factory: pytest.TempPathFactory) -> Copied:
    """Sixty questions with the run v1."""
    folder = tmp_path_factory.mktemp("once")
    made = write_sixty(folder)
    with Workspace.open(made) as workspace:
        workspace.runs.new(None)
        workspace.store.cells(workspace.runs.of("first")[0].id)  # moves everything from the journal into the file
    return _copier(folder)


@pytest.fixture(scope="session")
def twice(tmp_path_factory: pytest.TempPathFactory, once: Copied) -> Copied:
    """Sixty questions with the run v1, and v2, which lost a fact; they have been compared."""
    folder = tmp_path_factory.mktemp("twice")
    made = once(folder)
    spoil(made)
    with Workspace.open(made) as workspace:
        workspace.runs.new(None)
        workspace.past("first").comparison("v1", "v2")
    return _copier(folder)


@dataclass(frozen=True, slots=True)
class Said:
    """What a command printed, and how it ended."""

    out: str
    error: str
    code: int

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Command = Callable[..., Said]


@pytest.fixture
def stagegap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Run a command in an empty folder, as a terminal that is no terminal."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")

    def command(*words: str) -> Said:
        monkeypatch.setattr("sys.argv", ["stagegap", *words])
        code = 0
        try:
            main()
        except SystemExit as end:
            code = int(end.code or 0)
        captured = capsys.readouterr()
        return Said(captured.out, captured.err, code)

    return command
