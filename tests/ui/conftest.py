"""Small real projects for the pages: a test gets a copy of the folder of one that was run once."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from stagegap.ui import background
from stagegap.workspace import Workspace


@pytest.fixture
def copied(tmp_path: Path) -> Iterator[Callable[[Path], Workspace]]:
    """Opens a copy of a project's folder."""
    opened: list[Workspace] = []

    def copy(project: Path) -> Workspace:
        folder = tmp_path / f"project-{len(opened)}"
        shutil.copytree(project, folder)
        opened.append(Workspace.open(folder))
        return opened[-1]

    yield copy
    background.wait()
    for workspace in opened:
        workspace.close()


@pytest.fixture
def workspace(mails: Path, copied: Callable[[Path], Workspace]) -> Workspace:
    """120 mails with the runs v1 and v2, to change as one likes."""
    return copied(mails)
