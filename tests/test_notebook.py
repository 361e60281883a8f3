"""The notebook in the documents, run by a real kernel from the first cell to the last."""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import Any

import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # of the notebook's libraries, not of ours
    import nbformat
    from nbclient import NotebookClient

NOTEBOOK = Path(__file__).parents[1] / "docs" / "notebook.ipynb"


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """The outputs of every code cell, in order."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in ("IPYTHONDIR", "JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR"):
            patch.setenv(name, str(home))
        notebook = nbformat.read(NOTEBOOK, as_version=4)
        client = NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(NOTEBOOK.parent)}})
        client.execute()
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def html(cell: Any) -> str:
    return "".join(output["data"].get("text/html", "") for output in cell.outputs if "data" in output)


def test_every_cell_runs_and_says_something(told: list[Any]) -> None:
    silent = [cell.source.splitlines()[0] for cell in told if not cell.outputs]
    assert silent == ["import shutil", "project.close()"]
    assert not [output for cell in told for output in cell.outputs if output.output_type in ("error", "stream")]


def test_views_draw_themselves_without_scripts(told: list[Any]) -> None:
    drawn = {cell.source: html(cell) for cell in told if 'class="stagegap"' in html(cell)}
    assert set(drawn) == {
        "project.run()",
        'project.groups("route")',
        'project.expect("rare words should count more", retrieve=3)',
        'project.compare("v1", "v2")',
        'project.changed("v1", "v2")',
        "project.ledger()",
        "project.compared_runs()",
        "project.oddities()",
        'project.reproduce("v1")',
        "project.check()",
    }
    for text in drawn.values():
        assert not re.search(r"<script|javascript:|\son\w+=|https?://", text)
    assert "holds this system back" in drawn["project.run()"]
    assert re.search(r"\d+% \(\d+ to \d+\)</td>", drawn['project.groups("route")'])
    assert "v1 comes out the same to the byte" in drawn['project.reproduce("v1")']
    assert "Failed: 1 of" in drawn["project.check()"], "the demo does not reach its target"


def test_notebook_is_kept_without_outputs() -> None:
    cells = nbformat.read(NOTEBOOK, as_version=4).cells
    assert [cell for cell in cells if cell.cell_type == "code" and (cell.outputs or cell.execution_count)] == []
