"""A small cascade to change: what `stagegap init` writes."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from stagegap.errors import ConfigurationError

FILES = ("cascade.yaml", "stages.py", "questions.jsonl", "references.jsonl")


def write_starter(folder: Path) -> list[Path]:
    """Write a cascade of two stages with six records into `folder`/pipelines/first. Give the files.

    Raises: ConfigurationError when one of them is there already; then nothing is written.
    """
    target = folder / "pipelines" / "first"
    paths = [target / name for name in FILES]
    existing = [path for path in paths if path.exists()]
    if existing:
        raise ConfigurationError(f"{existing[0]} is there already, and nothing was written. Choose another folder.")
    target.mkdir(parents=True, exist_ok=True)
    source = files("stagegap.workspace").joinpath("starter_files")
    for path in paths:
        path.write_bytes(source.joinpath(path.name).read_bytes())
    return paths
