"""The past runs of one cascade: listed, tagged, compared, made again; and what people expected of each change."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path

from stagegap.analysis.changes import OUTCOME, Comparison, ConfigChange, WhatChanged
from stagegap.analysis.curves import RunTraining, TrainingView
from stagegap.analysis.ledger import Ledger, LedgerRow, ledger, ledger_row, proposed_outcome, waiting_row
from stagegap.analysis.reproduced import Origin, Reproduction
from stagegap.analysis.runs import History, RunsView, SoFar, Tried, all_settings, runs_view
from stagegap.errors import ConfigurationError, NotFound, near_names
from stagegap.model.run import STORE, Expectation, LiveRun, Provenance, Run, RunStatus, RunTag
from stagegap.runner import Progress, Silent
from stagegap.store import Store
from stagegap.workspace import provenance
from stagegap.workspace.cheaper import Cheaper
from stagegap.workspace.comparison import Versions, history, on_shared_records, versions
from stagegap.workspace.foundation import Foundation, signed_in
from stagegap.workspace.gate import Gate
from stagegap.workspace.kept_views import Kept, changed_since
from stagegap.workspace.person_swaps import PeopleInPlace, people_in_place
from stagegap.workspace.reproduced import reproduce
from stagegap.workspace.run_facts import live_runs, trainings
from stagegap.workspace.runs import Runs
from stagegap.workspace.watch import Watch


@dataclass(frozen=True, slots=True, kw_only=True)
class Hope:
    """What somebody says that they expect at one place."""

    value: float
    """Difference of the mean score, as a share."""
    low: float | None = None
    high: float | None = None


class Past:
    """The past of one cascade."""

    def __init__(self, base: Foundation, cascade: str) -> None:
        self._base = base
        self._store = base.store
        self._runs = Runs(base)
        self._cascade = cascade

    def history(self) -> History:
        """List the runs, newest first."""
        return history(self._base, self._cascade, blessed=Gate(self._base, self._cascade).blessed_run())

    def live(self) -> list[LiveRun]:
        """The runs of this cascade that go on, in whatever process."""
        return [note for note in live_runs(self._store.folder) if note.cascade == self._cascade]

    def so_far(self, live: LiveRun) -> SoFar | None:
        """Say what the finished records of a run that goes on tell of its outcome; None before the first is."""
        return self._runs.attribution(self._cascade, live.name).so_far()

    def newest(self) -> list[str]:
        """The run that was begun last, done or not, in a list; empty without any."""
        return [run.name for run in self._runs.of(self._cascade)[:1]]

    def training(self, *runs: str) -> TrainingView:
        """What the stages of these runs learned, as far as they have come. Raises: NotFound."""
        stored = [self.run(name) for name in runs]
        return TrainingView(
            cascade=self._cascade,
            runs=tuple(RunTraining(run=run.name, stages=trainings(self._store, run)) for run in stored),
        )

    def made_from(self, run: str) -> Provenance:
        """What a run was made from. Raises: NotFound, ConfigurationError for a run that did not keep it."""
        made_from = provenance.read(self._store, self.run(run).id)
        if made_from is None:
            raise ConfigurationError(f"Run {run} is older than the keeping of what runs are made from.")
        return made_from

    def origin(self, run: str) -> Origin:
        """The same, with what stands at the run itself. Raises: as `made_from`."""
        stored = self.run(run)
        return Origin(
            cascade=stored.cascade,
            run=stored.name,
            seed=stored.seed,
            who=stored.who,
            commit=stored.commit,
            order=tuple(json.loads(stored.resolved)["stages"]),
            made_from=self.made_from(run),
        )

    def tag(self, run: str, tag: str, *, is_on: bool = True) -> tuple[str, ...]:
        """Put a tag on a run or take it off; give the tags that it has then. Raises: NotFound, ConfigurationError."""
        stored = self.run(run)
        name = tag.strip()
        if not name:
            raise ConfigurationError("A tag needs a name.")
        tags = self._store.origins.tags(self._cascade).get(stored.id, ())
        if not is_on and name not in tags:
            raise NotFound(f"Run {run} does not carry the tag {name!r}. {near_names(name, tags)}".strip())
        at = self._base.clock()
        self._store.origins.tag(RunTag(run=stored.id, tag=name, who=signed_in(), at=at, is_on=is_on))
        return self._store.origins.tags(self._cascade).get(stored.id, ())

    def comparison(self, before: str, after: str) -> Comparison:
        """Compare two runs. Raises: NotFound, SpecError."""
        return self._runs.compare(self._cascade, before, after)

    def accepted(self, view: Comparison) -> Comparison:
        """Take the offer of a refused comparison, where there is one."""
        return on_shared_records(view)

    def pair(self) -> tuple[str, str] | None:
        """The two runs that are compared unless somebody names others; None with fewer than two.

        The later one is the newest that is done; the earlier one the blessed run, or else the one before.
        """
        done = [run for run in self._runs.of(self._cascade) if run.status is RunStatus.DONE]
        if len(done) < 2:
            return None
        blessed = Gate(self._base, self._cascade).blessed_run()
        before = blessed if blessed is not None and blessed.id != done[0].id else done[1]
        return before.name, done[0].name

    def settings(self, before: str, after: str) -> tuple[ConfigChange, ...]:
        """Every setting of two runs, the equal ones included. Raises: NotFound."""
        return all_settings(self.run(before).resolved, self.run(after).resolved)

    def work_out(self, before: str, after: str, *, use_shared: bool) -> WhatChanged:
        """Say which stages the difference between two runs comes from, as long as that costs nothing.

        Raises: NotFound, ConfigurationError where it would call a paid service.
        """
        with self.versions(before, after, use_shared=use_shared) as versions:
            return versions.changed(progress=Silent())

    def versions(self, before: str, after: str, *, use_shared: bool = False) -> AbstractContextManager[Versions]:
        """Two runs as two versions whose stages can be mixed; a context. Raises: NotFound, ConfigurationError."""
        old, new = self.run(before), self.run(after)
        if old.id == new.id:
            raise ConfigurationError(f"{before} is one run: name two to tell apart.")
        looks = (self._runs.attribution(self._cascade, name) for name in (old.name, new.name))
        return versions(self._base, *looks, use_shared=use_shared)

    def person_swaps(self, run: str | None = None) -> AbstractContextManager[PeopleInPlace]:
        """A run, by default the newest that is done, with people in place of stages; a context."""
        return people_in_place(self._base, self._runs.attribution(self._cascade, run))

    def cheaper(self, run: str | None = None, candidates: Sequence[str] = ()) -> Cheaper:
        """Candidates for cheaper stages beside a base, by default the blessed run; without names every version that ran
        under a margin. Raises: NotFound, ConfigurationError.
        """
        blessed = Gate(self._base, self._cascade).blessed_run()
        return Cheaper(self._base, self._cascade, blessed, run=run, named=candidates)

    def watch(self) -> Watch:
        """New records of this cascade beside the blessed run, or else the newest. Raises: NotFound."""
        return Watch(self._base, self._cascade, Gate(self._base, self._cascade).blessed_run())

    def changed(self, before: str, after: str) -> Kept[WhatChanged] | None:
        """What was worked out of two runs, and whether it is old; None while nobody did. Raises: NotFound."""
        return self._base.views.kept(changed_since(self.run(before), self.run(after)))

    def reproduce(
        self, run: str, *, kept_in: Path | None = None, may_pay: bool = False, progress: Progress
    ) -> Reproduction:
        """Make a run again and say what differs.

        `kept_in` is the project folder, or the store, of whoever made the run: in a clone of the project the run is
        made again from there. Raises: NotFound, ConfigurationError, SpecError, RunStopped.
        """
        with ExitStack() as stack:
            store = self._store if kept_in is None else stack.enter_context(_store_in(kept_in))
            return reproduce(
                store,
                _named(store, self._cascade, run, is_own=kept_in is None),
                path=self._base.files.path_of(self._cascade),
                environment=self._base.environment,
                may_pay=may_pay,
                progress=progress,
            )

    def expect(
        self,
        hopes: Mapping[str, Hope],
        *,
        reason: str = "",
        baseline: str | None = None,
        guess: bool = True,
        who: str = "",
    ) -> tuple[Expectation, ...]:
        """Write down what the next run is expected to bring.

        Where one stage is named and the outcome is not, the outcome is filled in from the stage's swap, unless `guess`
        is False. `who` expects it, by default who is signed in here.

        Raises: NotFound for a place or run that is not there, ConfigurationError for numbers that can't be.
        """
        start = self._base.run(self._cascade, baseline)
        card = self._runs.scorecard(self._cascade, start.name)
        rows = {row.stage: row for row in card.stages} if card else {}
        for place in hopes:
            if place not in (OUTCOME, *rows):
                raise NotFound(f"{place!r} is no stage of run {start.name}. {near_names(place, (OUTCOME, *rows))}")
        who, at = who or signed_in(), self._base.clock()

        def written(place: str, hope: Hope, why: str) -> Expectation:
            try:
                return Expectation(
                    id=uuid.uuid4().hex, place=place, predicted=hope.value, low=hope.low, high=hope.high, reason=why,
                    who=who, at=at, baseline=start.name,
                )  # fmt: skip
            except ValueError as error:
                raise ConfigurationError(f"{place}: {error}.") from None

        expectations = [written(place, hope, reason) for place, hope in hopes.items()]
        named = [place for place in hopes if place != OUTCOME]
        if guess and len(named) == 1 and OUTCOME not in hopes:
            try:
                proposed = proposed_outcome(rows[named[0]], hopes[named[0]].value)
            except ValueError as error:
                raise ConfigurationError(f"{error}.") from None
            if proposed.is_measured:
                hope = Hope(value=proposed.value, low=proposed.low, high=proposed.high)
                expectations.append(written(OUTCOME, hope, proposed.method))
        self._store.origins.expect(self._cascade, expectations)
        return tuple(expectations)

    def expect_points(self, place: str, points: float, *, reason: str, baseline: str) -> tuple[Expectation, ...]:
        """Write down what somebody expects at one place, in points. Raises: as `expect`."""
        return self.expect({place: Hope(value=points / 100)}, reason=reason, baseline=baseline)

    def expectations(self) -> Sequence[Expectation]:
        """All that was expected, in the order in which it was written down."""
        return self._store.origins.expectations(self._cascade)

    def ledger(self) -> Ledger:
        """What was expected beside what came: of the first run after it that is done."""
        expected = self.expectations()
        done = [run for run in reversed(self._runs.of(self._cascade)) if run.status is RunStatus.DONE]
        places: dict[str, int] = {}
        for expectation in expected:
            places[expectation.baseline] = places.get(expectation.baseline, 0) + 1
        return ledger(
            self._cascade,
            [self._held(expectation, done, watched=places[expectation.baseline]) for expectation in expected],
        )

    def compared_runs(self) -> RunsView:
        """Lay all runs that are done beside each other, by knobs and estimates."""
        spent, tags = self._store.spent(self._cascade), self._store.origins.tags(self._cascade)
        tried: list[Tried] = []
        for run in self._runs.of(self._cascade):
            kept = self._runs.kept_scorecard(self._cascade, run.name) if run.status is RunStatus.DONE else None
            if kept is not None:
                tried.append(
                    Tried(
                        run=run,
                        card=kept.view,
                        is_old=kept.is_old,
                        cost=spent.get(run.id, 0.0),
                        tags=tags.get(run.id, ()),
                        made_from=provenance.read(self._store, run.id),
                    )
                )
        return runs_view(self._cascade, tried)

    def run(self, name: str) -> Run:
        """The run of that name. Raises: NotFound."""
        return self._base.run(self._cascade, name)

    def _held(self, expected: Expectation, done: list[Run], *, watched: int) -> LedgerRow:
        known = {run.name for run in done}
        after = next((run for run in done if run.started_at >= expected.at and run.name != expected.baseline), None)
        if after is None or expected.baseline not in known:
            return waiting_row(expected)
        return ledger_row(expected, self.comparison(expected.baseline, after.name), watched=watched)


def _store_in(folder: Path) -> Store:
    """Open the store of a project folder, or of the folder itself. Raises: NotFound."""
    inside = folder / STORE
    return Store.open(inside if inside.is_dir() else folder, create=False)


def _named(store: Store, cascade: str, name: str, *, is_own: bool) -> Run:
    """A run of a store. Raises: NotFound."""
    stored = store.run(cascade, name)
    if stored is not None:
        return stored
    known = [run.name for run in store.runs(cascade)]
    if known or not is_own:
        where = f"Cascade {cascade!r} has" if is_own else f"The store in {store.folder} holds {cascade!r} with"
        raise NotFound(f"{where} no run {name!r}. {near_names(name, known)}".strip())
    raise NotFound(
        f"This store has no run of {cascade!r}: it is a clone of the project, or nothing was run here yet. "
        f"`stagegap tools reproduce {name} --from FOLDER` takes the run from the project folder, or a copy of the "
        f"folder {STORE}, of whoever made it."
    )
