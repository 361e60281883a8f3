"""What every part of a workspace stands on: its folder, store, cascade files, environment and clock."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from stagegap.errors import NotFound, near_names
from stagegap.store import Store
from stagegap.workspace.files import CascadeFiles

if TYPE_CHECKING:  # The pages open a workspace to read: what makes runs again is imported where it is used.
    from stagegap.metrics import Compared
    from stagegap.model.run import Run
    from stagegap.workspace.kept_views import KeptViews
    from stagegap.workspace.reproduced import Restored

STORE = ".stagegap"
"""Folder of the store inside a workspace."""


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

    def run(self, cascade: str, name: str | None = None) -> Run:
        """Run of that name, by default the newest that is done. Raises: NotFound."""
        run = self.store.run(cascade, name)
        if run is not None:
            return run
        known = [other.name for other in self.store.runs(cascade)]
        wanted = "run that is done" if name is None else f"run {name!r}"
        hints = f"{near_names(name, known) if name else ''} `stagegap run` makes one.".strip()
        raise NotFound(f"Cascade {cascade!r} has no {wanted}. {hints}")

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
