"""What an import costs: nothing that is not used."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("numpy", "scipy", "pandas", "duckdb", "pydantic", "sklearn", "openai", "aiohttp", "streamlit", "asyncio")


def loaded(code: str) -> set[str]:
    """The modules that are loaded after running the code in a fresh interpreter."""
    said = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys; print(*sys.modules)"], capture_output=True, text=True, check=True
    )
    return set(said.stdout.split())


def test_import_of_the_package_loads_nothing_else() -> None:
    ours = {name for name in loaded("import stagegap") if name.startswith("stagegap")}
    assert ours == {"stagegap"}
    assert not loaded("import stagegap").intersection(HEAVY)


def test_front_door_for_readers_loads_neither_runner_nor_reader_of_cascade_files() -> None:
    found = loaded(
        "import stagegap.workspace.scorecards, stagegap.cli.printed, stagegap.cli.start; from stagegap import Workspace"
    )
    assert not [name for name in found if name.startswith(("stagegap.runner", "stagegap.spec", "stagegap.stages."))]
    assert not found.intersection({"scipy", "pandas", "pydantic", "sklearn", "openai", "aiohttp", "streamlit"})


def test_help_loads_no_part_that_works() -> None:
    found = loaded("from stagegap.cli.commands import application")
    assert not found.intersection(HEAVY)
    assert not [name for name in found if name.startswith(("stagegap.analysis", "stagegap.runner", "stagegap.store"))]


def test_name_that_is_not_there_is_an_attribute_error() -> None:
    import stagegap

    with pytest.raises(AttributeError, match="no attribute 'Workspaces'"):
        _ = stagegap.Workspaces  # type: ignore[attr-defined]
