"""The wheel and the source archive: what they hold, and that the demo runs from the wheel alone."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.metadata import Metadata

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def archives(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with both, built without an index."""
    folder = tmp_path_factory.mktemp("archives")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)
    return folder


@pytest.fixture(scope="module")
def wheel(archives: Path) -> Path:
    (wheel,) = archives.glob("*.whl")
    return wheel


def test_wheel_holds_all_that_a_clone_has_for_users(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as content:
        names = set(content.namelist())
    sources = {path.relative_to(ROOT / "src").as_posix() for path in (ROOT / "src" / "stagegap").rglob("*.*")}
    assert {name for name in sources if "__pycache__" not in name} <= names
    for part in ("pipelines", "data"):
        for path in (ROOT / part / "support_email").rglob("*.*"):
            if "__pycache__" not in path.parts:
                assert f"stagegap/demo/{path.relative_to(ROOT).as_posix()}" in names
    assert "stagegap/py.typed" in names
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_metadata_is_what_indexes_take(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as content:
        (name,) = (name for name in content.namelist() if name.endswith(".dist-info/METADATA"))
        metadata = Metadata.from_email(content.read(name), validate=True)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert (metadata.name, str(metadata.version)) == ("stagegap", project["version"])
    assert metadata.license_expression == "Apache-2.0"
    assert metadata.description
    assert metadata.metadata_version in {"2.3", "2.4"}  # newer ones are refused by what uploads


def test_source_archive_makes_the_same_wheel_and_holds_the_tests(archives: Path) -> None:
    (archive,) = archives.glob("*.tar.gz")
    with tarfile.open(archive) as content:
        names = {name.split("/", 1)[1] for name in content.getnames()}
    assert {"pyproject.toml", "LICENSE", "README.md", "tests/conftest.py", "docs/guide.md"} <= names
    assert not {name for name in names if name.startswith((".stagegap", ".venv"))}


def test_demo_runs_from_the_wheel_in_an_empty_folder(wheel: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    with zipfile.ZipFile(wheel) as content:
        content.extractall(site)
    start = f"import sys; sys.path.insert(0, {str(site)!r}); from stagegap.cli import main; main()"
    command = [sys.executable, "-P", "-c", start, "demo", "--no-app"]
    folder = tmp_path / "empty"
    folder.mkdir()
    answer = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True, env={"PATH": "/usr/bin"})
    assert "Draft holds this system back." in answer.stdout
    assert (folder / "stagegap-demo" / ".stagegap" / "store.duckdb").is_file()


def test_every_page_of_the_documentation_is_in_the_site() -> None:
    pages = {page.name for page in (ROOT / "docs").glob("*.md")}
    nav = str(tomllib.loads((ROOT / "zensical.toml").read_text("utf-8"))["project"]["nav"])
    assert [page for page in sorted(pages) if f"'{page}'" not in nav] == []
