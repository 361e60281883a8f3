"""What every part of a workspace stands on: its folder, store, cascade files, environment and clock."""

from __future__ import annotations

import getpass
import os
import re
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from shutil import copytree, ignore_patterns
from typing import TYPE_CHECKING

from stagegap.errors import ConfigurationError, NotFound, near_names
from stagegap.store import Store

if TYPE_CHECKING:
    from stagegap.metrics import Compared
    from stagegap.model.cascade import CascadeFile
    from stagegap.model.run import Run
    from stagegap.workspace.kept_views import KeptViews
    from stagegap.workspace.reproduced import Restored


_NAME = re.compile(r"""^cascade:\s*["']?([\w.-]+)""", re.MULTILINE)
_ASKED = re.compile(r"(?<!\$)\$\{(\w+)\}")
"""A variable without a default."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CascadeFiles:
    """What lies under `pipelines/`. The reader of cascade files is loaded with the first file, and not before."""

    folder: Path
    """Of the workspace."""
    environment: Mapping[str, str]

    def by_name(self) -> dict[str, Path]:
        """The cascade files by the name of their cascade, those called cascade.yaml first."""
        by_cascade: dict[str, Path] = {}
        for path in self._paths():
            named = _NAME.search(path.read_text(encoding="utf-8", errors="replace"))
            if named:
                by_cascade.setdefault(named[1], path)
        return by_cascade

    def _paths(self) -> list[Path]:
        paths = (self.folder / "pipelines").rglob("*.y*ml")
        return sorted(paths, key=lambda path: (path.stem != "cascade", path))

    def that_could_run(self) -> list[str]:
        """The cascades whose files ask for no variable that the environment does not have."""
        return [name for name, path in self.by_name().items() if self._has_all(path)]

    def load(self, path: Path | None) -> CascadeFile:
        """Load a file, or the first there is. Raises: SpecError with all its problems, NotFound."""
        from stagegap import spec

        return spec.load(self.chosen(path), environment=self.environment)

    def chosen(self, path: Path | None) -> Path:
        """The file of that path or of the cascade of that name; without one, the first there is. Raises: NotFound."""
        if path is not None and path.is_file():
            return path
        files = self.by_name()
        if path is None and files:
            return next(iter(files.values()))
        if path is None and (nameless := self._paths()):
            return nameless[0]  # whoever loads it says what is wrong with it
        if not files:
            nothing = f"There is no cascade file under {self.folder / 'pipelines'}."
            raise NotFound(f"{nothing} `stagegap init` makes one.")
        if str(path) not in files:
            known = [os.path.relpath(file) for file in files.values()]
            raise NotFound(f"There is no cascade file {str(path)!r}. {near_names(str(path), known)}".strip())
        return files[str(path)]

    def named(self, cascade: str) -> Path:
        """The file that holds a cascade. Raises: NotFound."""
        files = self.by_name()
        if cascade not in files:
            hint = near_names(cascade, files)
            raise NotFound(f"No file under pipelines/ holds the cascade {cascade!r}. {hint}".strip())
        return files[cascade]

    def load_named(self, cascade: str) -> CascadeFile:
        """Load the file that holds a cascade. Raises: SpecError with all its problems, NotFound."""
        return self.load(self.named(cascade))

    def path_of(self, cascade: str) -> Path:
        """Where a cascade's file stands, or would stand were it not gone."""
        return self.by_name().get(cascade, self.folder / "cascade.yaml")

    def of_run(self, run: Run) -> CascadeFile:
        """The file as it was when the run was made."""
        from stagegap import spec

        return spec.restore(run.resolved, path=self.path_of(run.cascade))

    def _has_all(self, path: Path) -> bool:
        asked = _ASKED.findall(path.read_text(encoding="utf-8", errors="replace"))
        return all(name in self.environment for name in asked)


FILES = ("cascade.yaml", "stages.py", "questions.jsonl", "references.jsonl")


def signed_in() -> str:
    """The account that this process runs under; in a container its number may have no name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # what Python raises before and from 3.13 on
        return f"uid-{os.getuid()}"


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


def write_demo(folder: Path) -> bool:
    """Copy the demo's cascade and its data into `folder`; False where they are there already.

    A wheel carries the demo beside the package, a clone at its root.
    """
    if (folder / "pipelines" / "support_email").exists():
        return False
    packaged = Path(str(files("stagegap"))) / "demo"
    source = packaged if packaged.is_dir() else packaged.parents[2]
    for part in ("pipelines", "data"):
        copytree(
            source / part / "support_email", folder / part / "support_email", ignore=ignore_patterns("__pycache__")
        )
    return True


WATCHED = "-watch"
"""How the name of the cascade ends that new records of another one come into."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Foundation:
    """Handed to each part of a workspace; what two parts need besides stands here."""

    store: Store
    files: CascadeFiles
    clock: Callable[[], float]
    """Gives seconds since 1970, UTC."""
    comparisons: dict[str, Compared] = field(default_factory=dict[str, "Compared"], repr=False, compare=False)
    """What was compared already, by the code of the metrics."""

    @property
    def folder(self) -> Path:
        """Folder of the project."""
        return self.files.folder

    @property
    def environment(self) -> Mapping[str, str]:
        """What `${NAME}` and secrets are looked up in."""
        return self.files.environment

    def chosen(self, path: Path | None) -> Path:
        """The cascade file that is named, or that of the cascade that ran last, or the first. Raises: NotFound."""
        if path is None:
            files = self.files.by_name()
            path = next((files[run.cascade] for run in self.store.runs() if run.cascade in files), None)
        return self.files.chosen(path)

    def load(self, path: Path | None) -> CascadeFile:
        """Load that file. Raises: SpecError with all its problems, NotFound."""
        return self.files.load(self.chosen(path))

    def run(self, cascade: str, name: str | None = None) -> Run:
        """Run of that name, by default the newest that is done. Raises: NotFound."""
        run = self.store.run(cascade, name)
        if run is not None:
            return run
        known = [other.name for other in self.store.runs(cascade)]
        wanted = "run that is done" if name is None else f"run {name!r}"
        hints = (near_names(name, known) if name else self.ended_early(cascade), "`stagegap run` makes one.")
        raise NotFound(f"Cascade {cascade!r} has no {wanted}. {' '.join(hint for hint in hints if hint)}")

    def ended_early(self, cascade: str) -> str:
        """How the newest run of a cascade ended before its time, in sentences; empty where it did not."""
        return next((run.ending for run in self.store.runs(cascade)), "")

    @property
    def views(self) -> KeptViews:
        """Every view that is kept, by one rule."""
        from stagegap.workspace.kept_views import KeptViews

        return KeptViews(self.store, self.files.path_of, self.environment, self.comparisons)

    def restored(self, run: Run) -> AbstractContextManager[Restored]:
        """Job that made a run, as it was then; a context, because code of then stands in a folder meanwhile.

        Raises: ConfigurationError for a run that kept too little, SpecError.
        """
        from stagegap.workspace.reproduced import restored

        return restored(self.store, run, path=self.files.path_of(run.cascade), environment=self.environment)
