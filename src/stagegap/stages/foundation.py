"""From a stage to the code that answers it, and what its answers rest on besides its inputs: packages, files,
variables.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import file_digest
from pathlib import Path
from typing import TYPE_CHECKING

from stagegap.model.canonical import digest
from stagegap.model.cascade import Stage
from stagegap.model.record import Json
from stagegap.stages.corpus import Corpus
from stagegap.stages.kinds import Surroundings, kind_of
from stagegap.stages.pace import Providers
from stagegap.stages.protocol import Coded, Inputs, Reply, StageCode
from stagegap.stages.settings import texts

if TYPE_CHECKING:
    from stagegap.stages.fitted import Shelf

VARIABLE = "env:"
"""Begin of the name of an environment variable under `rests_on`; anything else there is a path."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Foundation:
    """What a stage rests on, for people to read: a change of any of it makes its calls new ones."""

    files: tuple[str, ...]
    """Prompts, code and what else is named, relative to the cascade file."""
    packages: tuple[str, ...]
    """Installed packages that its code imports, with their versions."""
    variables: tuple[str, ...]
    """Environment variables that are named."""
    unseen: tuple[str, ...]
    """Places where code imports by a name that is made at run time: what comes there is not noticed."""


def foundation_of(stage: Stage, code: StageCode, folder: Path) -> Foundation:
    """What a stage rests on. Raises: ConfigurationError for a kind that is not known."""
    files: dict[str, None] = {}
    for key, points in kind_of(stage).pointers.items():
        for text in texts(stage.parameters.get(key)):
            path = folder / (text.rpartition(":")[0] if points.form == "function" else text)
            if points.form != "word" or path.is_file():
                files[_shown(path, folder)] = None
    own = code.code if isinstance(code, Coded) else None
    named = (folder / name for name in stage.rests_on if not name.startswith(VARIABLE))
    files |= dict.fromkeys(_shown(path, folder) for path in (*(own.files if own else ()), *named))
    return Foundation(
        files=tuple(files),
        packages=tuple(f"{name} {version}".strip() for name, version in own.packages.items()) if own else (),
        variables=tuple(name.removeprefix(VARIABLE) for name in stage.rests_on if name.startswith(VARIABLE)),
        unseen=own.unseen if own else (),
    )


def named_digest(names: Sequence[str], *, folder: Path, environment: Mapping[str, str]) -> str:
    """One hash for the content of what is named: files, folders and patterns, and variables. Empty for no name."""
    contents: dict[str, Json] = {
        name: environment.get(name.removeprefix(VARIABLE))
        if name.startswith(VARIABLE)
        else [[file.name, _content(file)] for file in named_files(name, folder)]
        for name in names
    }
    # A path may be another on each machine: what counts is what stands there.
    return digest(list(contents.values())) if contents else ""


def named_files(name: str, folder: Path) -> list[Path]:
    """The files that a name stands for: itself, all in a folder, or what a pattern finds; hidden ones aside."""
    path = folder / name
    if path.is_file():
        return [path]
    places = [path] if path.is_dir() else [Path(text) for text in sorted(glob.glob(str(path), recursive=True))]
    return [file for place in places for file in ([place] if place.is_file() else _inside(place))]


def _inside(folder: Path) -> Iterator[Path]:
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name != "__pycache__")
        yield from (Path(place, name) for name in sorted(names) if not name.startswith("."))


def _shown(path: Path, folder: Path) -> str:
    return os.path.relpath(path, folder)


def _content(path: Path) -> str:
    status = path.stat()
    return _hash(str(path), status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=4_096)
def _hash(path: str, changed_ns: int, size: int) -> str:
    """Hash of a file that may be a model of many gigabytes: read once while it is as it was."""
    del changed_ns, size
    with open(path, "rb") as file:
        return file_digest(file, "sha256").hexdigest()


def build(
    stage: Stage,
    *,
    folder: Path,
    corpora: Mapping[str, Corpus],
    examples: Sequence[tuple[Inputs, Json]] = (),
    recorded: Mapping[str, Reply] | None = None,
    environment: Mapping[str, str],
    providers: Providers | None = None,
    media: Path | None = None,
    shelf: Shelf | None = None,
) -> StageCode:
    """The code that answers the stage; nothing is trained, indexed or called yet.

    `folder` is where relative paths start. `examples` are inputs and references of the split that a stage learns
    from; `recorded` what was written down of a recorded stage, by record id. `environment` is where
    secrets are looked up, at the first call. `providers` are shared by the stages of a cascade. `media` is the folder
    of the records' files, None where they have none. `shelf` keeps what stages make when they are trained.
    Raises: ConfigurationError when the stage can't work as it stands.
    """
    surroundings = Surroundings(
        folder=folder,
        corpora=corpora,
        environment=environment,
        providers=providers or Providers(),
        examples=examples,
        recorded=recorded or {},
        media=media,
        shelf=shelf,
    )
    code = kind_of(stage).build(stage, surroundings)
    if stage.rests_on:
        named = named_digest(stage.rests_on, folder=folder, environment=environment)
        code.fingerprint = digest([code.fingerprint, named])
    return code
