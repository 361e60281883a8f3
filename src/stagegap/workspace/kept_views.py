"""Views of runs that are computed once and kept until something they rest on changes."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from functools import cached_property
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import TypeVar

from stagegap.analysis import codec
from stagegap.errors import StoreError
from stagegap.model.run import Run
from stagegap.model.sources import CascadeFile
from stagegap.store import Store

SCORECARD = "scorecard"
NEED = "need"
"""Which labels to make next."""
OPTIONS = "options"
"""What a run was told besides its file."""
BASIS = "basis"
"""What its outputs rest on, so that a later run knows which of them still stand."""
PERSON_SWAPS = "person swaps"
"""What people in place of stages would change."""


View = TypeVar("View")
CUSTOM = "python:"
_FORM = 1
"""Raised when a view is computed in another way, so that no kept one of before is shown."""


class Keeper:
    """Keeps the views of one run, as it stands when it is first asked."""

    def __init__(self, store: Store, run: Run, file: CascadeFile) -> None:
        self._store = store
        self._run = run
        self._file = file

    def view(self, name: str, kind: type[View], make: Callable[[], View]) -> View:
        """The kept view where what it rests on is the same, else one made anew and kept.

        It rests on the run's outputs, the cascade's records and labels, the code of the user's own metrics, and the
        program itself. A view that can't be kept, because the file is busy or full, is given all the same.
        """
        name = f"kept {name}"
        stored = self._store.view(self._run.id, name)
        view = _read(kind, stored[0], self._rests_on) if stored else None
        if view is not None:
            return view
        # What the view rests on is noted before it is made: what comes in meanwhile makes it old, never wrong.
        rests_on = self._rests_on
        view = make()
        body = {"rests_on": rests_on, "view": codec.plain(view)}
        with suppress(StoreError):
            count = self._store.label_count(self._run.cascade)
            self._store.put_view(self._run.id, name, json.dumps(body, ensure_ascii=False), count)
        return view

    @cached_property
    def _rests_on(self) -> str:
        code = sha256()
        for stage in self._file.cascade.stages:
            for metric in stage.metrics:
                path = Path(self._file.folder) / metric.removeprefix(CUSTOM).rpartition(":")[0]
                if metric.startswith(CUSTOM) and path.is_file():
                    code.update(path.read_bytes())
        return f"{version('stagegap')}/{_FORM}/{self._store.mark(self._run)}/{code.hexdigest()[:16]}"


def _read(kind: type[View], body: str, rests_on: str) -> View | None:
    """The view of a kept text; None for one that rests on something else, or of another form."""
    try:
        stored = json.loads(body)
        if stored["rests_on"] != rests_on:
            return None
        return codec.from_json(kind, json.dumps(stored["view"]))
    except (KeyError, TypeError, ValueError):
        return None
