"""The runs of a project: planned, made, listed, scored, and looked into."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from stagegap.errors import ConfigurationError
from stagegap.workspace.foundation import Foundation

if TYPE_CHECKING:  # The pages read scorecards: what makes runs and compares them is imported where it is used.
    from stagegap.analysis.answers import PooledScore
    from stagegap.analysis.changes import Comparison
    from stagegap.analysis.variants import VariantsView
    from stagegap.analysis.views import Scorecard
    from stagegap.exchange.spans.files import ImportedTraces
    from stagegap.model.run import Run
    from stagegap.runner import Plan, Progress, RunOptions, Stop, Summary
    from stagegap.workspace.attribution import Attribution
    from stagegap.workspace.kept_views import Kept
    from stagegap.workspace.night import Listener
    from stagegap.workspace.scorecards import Scorecards
    from stagegap.workspace.validation import Valid


@dataclass(frozen=True, slots=True)
class Runs:
    """Runs are named as on screen, `v3`; where none is named, the newest that is done is meant."""

    _base: Foundation

    def validate(self, path: Path | None) -> Valid:
        """All that a run of a file would refuse, before it runs. Raises: SpecError with all of it, NotFound."""
        from stagegap.workspace.validation import validate

        return validate(self._base, path)

    def plan(self, path: Path | None, options: RunOptions | None = None) -> Plan:
        """Calls that a run would make; none is made and nothing is stored. Raises: ConfigurationError."""
        from stagegap.workspace import execution

        base = self._base
        job = execution.read_job(base.store, base.load(path), environment=base.environment, options=options)
        return execution.planned(base.store, execution.mended(base.store, job)[1] if job.options.retry else job)

    def changed_measures(self, path: Path | None) -> tuple[str, ...]:
        """What a cascade file holds its stages to, where that is not what it was at its newest run that is done: keys
        of the file, and names of the user's own metrics. Raises: SpecError, ConfigurationError.
        """
        from stagegap.workspace.provenance import changed_measures

        file = self._base.files.load(path)
        done = self._base.store.run(file.cascade.name)
        return changed_measures(self._base.store, done, file) if done is not None else ()

    def import_traces(
        self, paths: Sequence[Path], *, name: str | None = None, source: str | None = None
    ) -> ImportedTraces:
        """Make a cascade of files of traces, or add them to the one of that name that an import has made.

        Without a name the first file's is taken. Nothing is run. Raises: ConfigurationError, InputError.
        """
        from stagegap.exchange.spans.files import import_traces
        from stagegap.exchange.spans.steps import stage_name

        if not paths:
            raise ConfigurationError("Name at least one file of traces.")
        own = stage_name(name or paths[0].name.split(".")[0])
        return import_traces(paths, self._base.folder, name=own, source=source)

    def new(
        self,
        path: Path | None,
        options: RunOptions | None = None,
        *,
        progress: Progress | None = None,
        stop: Stop | None = None,
    ) -> tuple[Run, Summary]:
        """Run a cascade and every swap cell that its scorecard needs; compute and store the scorecard.

        Only calls that were never made before are made. Raises: ConfigurationError, StoreError.
        """
        from stagegap.workspace import execution

        base = self._base
        taken_in = execution.take_in(base.store, base.load(path), environment=base.environment, options=options)
        return execution.run(
            base.store,
            taken_in,
            folder=base.folder,
            clock=base.clock,
            progress=progress,
            stop=stop,
            comparisons=base.comparisons,
        )

    def overnight(
        self,
        path: Path,
        options: RunOptions | None = None,
        *,
        listener: Listener,
        progress: Progress | None = None,
        stop: Stop | None = None,
    ) -> VariantsView:
        """Run every variant of a matrix file, each as a run of its own, and rank them.

        A call that two variants have in common is made once. Raises: SpecError, ConfigurationError, StoreError.
        """
        from stagegap.workspace.night import planned_night

        base = self._base
        night = planned_night(
            base.store, path, options, folder=base.folder, environment=base.environment, clock=base.clock
        )
        return night.run(listener, progress, stop)

    def of(self, cascade: str) -> list[Run]:
        """Runs of a cascade, newest first."""
        return self._base.store.runs(cascade)

    def ended_early(self, cascade: str) -> str:
        """How the newest run of a cascade ended before its time, in sentences; empty where it did not."""
        return self._base.ended_early(cascade)

    def endings(self) -> list[str]:
        """What is said of each run whose process is gone without having noted it; the next run notes it."""
        return [run.ending for run in self._base.store.runs() if run.is_gone]

    def options(self, run: Run) -> RunOptions:
        """What a run was told besides its file."""
        from stagegap.workspace import run_facts

        return run_facts.options(self._base.store, run)

    @property
    def cards(self) -> Scorecards:
        """What is known of each run."""
        from stagegap.workspace.scorecards import Scorecards

        return Scorecards(self._base)

    def scorecard(self, cascade: str, run: str | None = None) -> Scorecard | None:
        """Scorecard of a run, of all that there is by now: one that is old is computed again; None without one."""
        scored = self._base.store.run(cascade, run)
        return self.cards.current(scored) if scored else None

    def kept_scorecard(self, cascade: str, run: str | None = None) -> Kept[Scorecard] | None:
        """The same as it was made last, at once, and whether it is old."""
        scored = self._base.store.run(cascade, run)
        return self.cards.kept(scored) if scored else None

    def is_old(self, scorecard: Scorecard) -> bool:
        """True where what the kept scorecard of that run rests on has changed since it was made."""
        kept = self.kept_scorecard(scorecard.cascade, scorecard.run)
        return kept is None or kept.is_old

    def stale_labels(self, scorecard: Scorecard) -> int:
        """Number of labels that were made since the scorecard was computed."""
        return max(0, self._base.store.label_count(scorecard.cascade) - scorecard.labels_seq)

    def refresh(self, cascade: str, run: str) -> None:
        """Compute a run's scorecard again, from all labels that there are by now. Raises: NotFound."""
        self.cards.refresh(self._base.run(cascade, run))

    def pooled(self, cascade: str, run: str | None = None) -> tuple[PooledScore, ...]:
        """Precision, recall and F1 of each stage of a run. Raises: NotFound.

        For stages that should answer some records and leave others alone: their mean score also rewards silence.
        """
        return self.attribution(cascade, run).pooled()

    def attribution(self, cascade: str, run: str | None = None) -> Attribution:
        """One run looked into: blame, faults, people, next labels. Raises: NotFound."""
        from stagegap.workspace.attribution import Attribution

        return Attribution(self._base, self._base.run(cascade, run))

    def compare(self, cascade: str, before: str, after: str, *, held_out: bool = False) -> Comparison:
        """Comparison of two runs, each scored by the cascade that it was made with.

        `held_out` takes the half of the records that an optimiser never saw. Raises: NotFound, SpecError.
        """
        from stagegap.workspace import comparison
        from stagegap.workspace.kept_views import compared_with

        base = self._base
        runs = base.run(cascade, before), base.run(cascade, after)

        def make() -> Comparison:
            looks = (self.attribution(cascade, name) for name in (before, after))
            return comparison.compare(base.store, *looks, held_out=held_out)

        return base.views.current(compared_with(*runs, held_out=held_out), make)
