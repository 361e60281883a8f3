"""The one rule for views that are kept: what is asked, what the answer rests on, and whether it is old."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any, Generic, TypeVar, cast

from stagegap.analysis import views as codec
from stagegap.analysis.changes import Comparison, WhatChanged
from stagegap.analysis.cheaper import CheaperView
from stagegap.analysis.need import NeedView
from stagegap.analysis.person_swaps import PersonSwaps
from stagegap.analysis.views import Scorecard
from stagegap.errors import StoreError
from stagegap.metrics import Compared
from stagegap.model.canonical import digest
from stagegap.model.estimate import Estimate
from stagegap.model.frozen import rare_collections
from stagegap.model.record import Json
from stagegap.model.run import Run
from stagegap.oddities.card import Screen
from stagegap.plugins import source_of
from stagegap.store import Marks, Store, StoredView

View = TypeVar("View")
CUSTOM = "python:"
"""Begin of the name of a metric that is a user's function."""
MOST_CODES = 8
"""Versions of metrics whose comparisons are held in memory."""
FORM = 2
"""Raised when views are computed in another way, so that no kept one of before passes for new."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question(Generic[View]):
    """What is asked, and of what: two questions with the same name, run and cascade have the same answer."""

    kind: type[View]
    name: str
    """Kind and parameters: `blame`, `agree 0.2`, `compared with v1`."""
    cascade: str
    run: Run | None
    """At which the view is kept; None for a view of the cascade."""
    beside: tuple[Run, ...] = ()
    """Further runs whose outputs it reads."""
    reads_judgements: bool = False
    also: str = ""
    """What else it rests on, as a short text."""

    @property
    def runs(self) -> tuple[Run, ...]:
        """All runs involved."""
        return (*([self.run] if self.run else []), *self.beside)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept(Generic[View]):
    """A view as it was made."""

    view: View
    is_old: bool
    """Something that it rests on has changed since."""
    labels: int
    """Labels that there were when it was made."""


@dataclass(frozen=True, slots=True)
class Now:
    """What views of a cascade rest on at one moment."""

    marks: Marks
    code: str
    """Of the metrics of the user's own, and of what that code imports from the project."""


class KeptViews:
    """Keeps every view that is kept. It is old when anything it rests on has changed.

    That is: outputs of a run involved, records, labels, judgements where it reads them, code of the user's metrics,
    the program, the form of the view itself.
    """

    def __init__(
        self,
        store: Store,
        path_of: Callable[[str], Path],
        environment: Mapping[str, str],
        comparisons: dict[str, Compared] | None = None,
    ) -> None:
        """`path_of` says where a cascade's file stands; files that it names lie beside it.

        `comparisons` is what was compared already, by the code of the metrics.
        """
        self._comparisons = {} if comparisons is None else comparisons
        self._store = store
        self._path_of = path_of
        self._environment = environment

    def now(self, cascade: str, runs: Sequence[Run]) -> Now:
        """What views of these runs rest on; asked before a view is made, so that what comes meanwhile makes it old."""
        return Now(self._store.views.marks(cascade), self._code(cascade, runs))

    def compared(self, now: Now) -> Compared:
        """What views have compared already with the same code: an output meets a reference once."""
        if now.code not in self._comparisons and len(self._comparisons) >= MOST_CODES:
            self._comparisons.clear()
        return self._comparisons.setdefault(now.code, Compared())

    def kept(self, question: Question[View], *, now: Now | None = None) -> Kept[View] | None:
        """The view as it is kept; None where none is, or what is kept can't be read."""
        stored = self._store.views.find(question.cascade, question.run.id if question.run else None, question.name)
        return None if stored is None else self._read(question, stored, now or self._now(question))

    def kept_of_runs(self, kind: type[View], name: str, cascade: str, runs: Sequence[Run]) -> dict[str, Kept[View]]:
        """The views of one name of many runs, by id of the run; none of them rests on further runs."""
        stored, marks = self._store.views.of_runs(cascade, name), self._store.views.marks(cascade)
        codes: dict[object, str] = {}
        views: dict[str, Kept[View]] = {}
        for run in runs:
            if run.id in stored:
                own = own_metrics(run)
                if own not in codes:
                    codes[own] = self._code(cascade, [run])
                question = Question(kind=kind, name=name, cascade=cascade, run=run)
                view = self._read(question, stored[run.id], Now(marks, codes[own]))
                if view is not None:
                    views[run.id] = view
        return views

    def keep(self, question: Question[View], view: View, *, now: Now) -> None:
        """Keep a view that was made from what there was at `now`. Raises: StoreError."""
        made = StoredView(body=codec.to_json(view), rests_on=_rests_on(question, now), labels=now.marks.labels)
        self._store.views.put(question.cascade, question.run.id if question.run else None, question.name, made)

    def current(self, question: Question[View], make: Callable[[], View], *, now: Now | None = None) -> View:
        """The kept view where it is not old, else a new one, which is kept.

        One that can't be kept, because the file is busy or full, is given all the same.
        """
        now = now or self._now(question)
        known = self.kept(question, now=now)
        if known is not None and not known.is_old:
            return known.view
        with rare_collections():
            view = make()
        with suppress(StoreError):
            self.keep(question, view, now=now)
        return view

    def _now(self, question: Question[Any]) -> Now:  # Any: of whatever view
        return self.now(question.cascade, question.runs)

    def _read(self, question: Question[View], stored: StoredView, now: Now) -> Kept[View] | None:
        with suppress(ValueError):
            view = codec.from_json(question.kind, stored.body)
            return Kept(view=view, is_old=stored.rests_on != _rests_on(question, now), labels=stored.labels)
        return None

    def _code(self, cascade: str, runs: Sequence[Run]) -> str:
        own = sorted({metrics for run in runs for metrics in own_metrics(run)})
        if not own:
            return ""
        from stagegap.stages.foundation import named_digest

        folder = self._path_of(cascade).parent
        parts: list[Json] = [
            [list(files), [_code_of(folder / file) for file in files],
             named_digest(named, folder=folder, environment=self._environment)]
            for files, named in own
        ]  # fmt: skip
        return digest(parts)


def _code_of(path: Path) -> str:
    """The digest of a file's code and of what it imports from the project; nothing is run."""
    from stagegap.stages.code import code_of

    try:
        return code_of(path).digest
    except OSError:
        return "missing"


def own_metrics(run: Run) -> tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]:
    """What scores rest on besides the program: files of functions, what the cascade's file names, and ratings."""
    resolved = cast("dict[str, dict[str, Any]]", json.loads(run.resolved))  # Any: JSON of any shape
    stages = cast("dict[str, dict[str, Any]]", resolved.get("stages") or {})  # Any: JSON of any shape
    rests: list[tuple[tuple[str, ...], tuple[str, ...]]] = []
    for stage in stages.values():
        scores = _texts(stage, "score")
        files = {name.removeprefix(CUSTOM).rpartition(":")[0] for name in scores if CUSTOM in name}
        files |= {path for name in scores if (path := source_of(name))}
        if files or stage.get("score_rests_on"):
            rests.append((tuple(sorted(files)), _texts(stage, "score_rests_on")))
    if ratings := _texts(resolved.get("ratings") or {}, "path"):
        rests.append(((), ratings))
    return tuple(rests)


def _texts(stage: Mapping[str, Any], key: str) -> tuple[str, ...]:  # Any: JSON of any shape
    value = stage.get(key) or ()
    return (value,) if isinstance(value, str) else tuple(map(str, value))


@cache
def _program() -> str:
    """Read once: a list of 500 runs asks for each of its figures."""
    return version("stagegap")


def _rests_on(question: Question[Any], now: Now) -> str:  # Any: of whatever view
    parts = (
        f"stagegap {_program()} {FORM} {codec.shape(question.kind)}",
        *(f"{run.id} {now.marks.runs.get(run.id, '')}" for run in question.runs),
        f"records {now.marks.records}",
        f"labels {now.marks.labels}",
        f"judgements {now.marks.judgements}" if question.reads_judgements else "",
        f"code {now.code}",
        question.also,
    )
    return sha256("\n".join(parts).encode()).hexdigest()[:32]


OUTCOME = "outcome"
"""The outcome alone: a scorecard has hundreds of rows that a list of runs does not show."""


def of_run(kind: type[View], name: str, run: Run, *, reads_judgements: bool = False) -> Question[View]:
    """A question that one run answers."""
    return Question(kind=kind, name=name, cascade=run.cascade, run=run, reads_judgements=reads_judgements)


def scorecard_of(run: Run) -> Question[Scorecard]:
    """How far is each stage from a person, and what would correcting it buy?"""
    return of_run(Scorecard, "scorecard", run, reads_judgements=True)


def outcome_of(run: Run) -> Question[Estimate]:
    """How good is the whole?"""
    return of_run(Estimate, OUTCOME, run)


def need_of(run: Run) -> Question[NeedView]:
    """Which labels decide what stage is worst?"""
    return of_run(NeedView, "need", run)


def swaps_of(run: Run) -> Question[PersonSwaps]:
    """What would people in place of stages change?"""
    return of_run(PersonSwaps, "person swaps", run)


def compared_with(before: Run, after: Run, *, held_out: bool = False) -> Question[Comparison]:
    """What became better or worse between two runs? Kept at the later one."""
    part = " on held-out records" if held_out else ""
    return Question(
        kind=Comparison, name=f"compared with {before.name}{part}", cascade=after.cascade, run=after, beside=(before,)
    )


def changed_since(before: Run, after: Run) -> Question[WhatChanged]:
    """Which stages made the difference between two runs? Kept at the later one."""
    return Question(
        kind=WhatChanged, name=f"changed since {before.name}", cascade=after.cascade, run=after, beside=(before,)
    )


def cheaper_than(base: Run, candidates: Sequence[Run]) -> Question[CheaperView]:
    """Which stages of a run may be in the versions of others? Kept at that run."""
    names = " ".join(run.name for run in candidates)
    return Question(kind=CheaperView, name=f"cheaper {names}", cascade=base.cascade, run=base, beside=tuple(candidates))


def oddities_of(run: Run, others: Sequence[Run], *, also: str) -> Question[Screen]:
    """What looks strange in a run, beside others on its records? `also` is what was tried, and which checks look."""
    return Question(kind=Screen, name="oddities", cascade=run.cascade, run=run, beside=tuple(others), also=also)
