"""What tests of several folders begin with: the command line, and projects that are run once and copied."""

from __future__ import annotations

import json
import os
import random
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cel  # noqa: F401  # Rust can be loaded once a process: pytester would forget that it was
import pytest
from hypothesis import settings

import code_coverage
from mails import write_mails
from sixty import spoil, write_sixty
from stagegap.cli import main
from stagegap.workspace import Workspace
from stagegap.workspace.foundation import write_starter

collect_ignore = [
    "code_coverage.py",
    "store/holder.py",
    "ui/fake_app.py",
]  # scripts that tests start, not modules with examples

# The gate draws the same examples each time: a change that is right can't fail by chance. `thorough` draws new ones.
settings.register_profile("gate", max_examples=50, deadline=None, derandomize=True)
settings.register_profile("thorough", max_examples=1_000, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "gate"))


def pytest_sessionfinish() -> None:
    """Write which lines and branches this process reached."""
    code_coverage.finish()


def free_port() -> int:
    """A port where nobody listens, of those that the machine gives to nobody by itself: none is lost meanwhile."""

    def is_free(port: int) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) != 0

    return next(filter(is_free, random.SystemRandom().sample(range(20_000, 30_000), 100)))


Copied = Callable[[Path], Path]
"""Puts a copy of a project into a folder and gives the folder of its cascade."""


def _copier(project: Path) -> Copied:
    def copied(folder: Path) -> Path:
        shutil.copytree(project, folder, dirs_exist_ok=True)
        return folder / "pipelines" / "first"

    return copied


@pytest.fixture(scope="session")
def starter(tmp_path_factory: pytest.TempPathFactory) -> Copied:
    """The starter's six questions with the run v1."""
    folder = tmp_path_factory.mktemp("starter")
    write_starter(folder)
    with Workspace.open(folder) as workspace:
        workspace.runs.new(None)
        workspace.store.cells(workspace.runs.of("first")[0].id)
    return _copier(folder)


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


def _run_in(folder: Path, *, times: int = 1) -> Path:
    """Run the only cascade of a project; what the journal holds is moved into the file, so that a copy is whole.

    In a thread of its own: Playwright has an event loop in this one.
    """

    def run() -> None:
        with Workspace.open(folder) as workspace:
            for _ in range(times):
                workspace.runs.new(None)
            workspace.store.cells(workspace.runs.of("support_email")[0].id)

    with ThreadPoolExecutor(1) as pool:
        pool.submit(run).result()
    return folder


@pytest.fixture(scope="session")
def mails(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of 120 mails with the runs v1 and v2."""
    folder = tmp_path_factory.mktemp("mails")
    write_mails(folder)
    return _run_in(folder, times=2)


@pytest.fixture(scope="session")
def few_mails(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of 20 mails that one person answered, with the run v1."""
    folder = tmp_path_factory.mktemp("few")
    write_mails(folder, count=20, people=["first-person"])
    return _run_in(folder)


@pytest.fixture(scope="session")
def undecided_mails(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of 60 mails, the last twenty without an answer at two stages that fail alike; with the run v1."""
    folder = tmp_path_factory.mktemp("undecided")
    write_mails(folder, count=60, slip=3, unlabelled={"draft": 20, "retrieve": 20})
    return _run_in(folder)


@pytest.fixture(scope="session")
def dialogues(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The spoken requests of DSTC10 as its cascades read them; only where the data lie beside the checkout."""
    root = Path(__file__).parents[1]
    script, source = root / "pipelines" / "dstc10" / "import_data.py", root.parent / "shared/data/dstc10-track2-task2"
    target = tmp_path_factory.mktemp("dstc10")
    subprocess.run([sys.executable, str(script), str(source), str(target)], check=True, capture_output=True)
    return target


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
