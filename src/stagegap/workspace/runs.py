"""The runs of a project: planned, made, listed, scored, and looked into."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from stagegap.analysis import codec
from stagegap.analysis.views import Scorecard
from stagegap.workspace.foundation import Foundation
from stagegap.workspace.kept_views import OPTIONS, SCORECARD

if TYPE_CHECKING:  # The pages read scorecards: what makes runs and compares them is imported where it is used.
    from stagegap.analysis.answers import PooledScore
    from stagegap.analysis.changes import Comparison
    from stagegap.analysis.variants import VariantsView
    from stagegap.model.run import Run
    from stagegap.runner import Progress, RunOptions, Stop, Summary
    from stagegap.runner.plan import Plan
    from stagegap.workspace.attribution import Attribution
    from stagegap.workspace.night import Listener


@dataclass(frozen=True, slots=True)
class Runs:
    """Runs are named as on screen, `v3`; where none is named, the newest that is done is meant."""

    _base: Foundation

    def plan(self, path: Path | None, options: RunOptions | None = None) -> Plan:
        """Calls that a run would make; none is made and nothing is stored. Raises: ConfigurationError."""
        from stagegap.workspace import execution

        base = self._base
        job = execution.read_job(base.store, base.files.load(path), environment=base.environment, options=options)
        return execution.planned(base.store, execution.mended(base.store, job)[1] if job.options.retry else job)

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
        taken_in = execution.take_in(base.store, base.files.load(path), environment=base.environment, options=options)
        return execution.run(base.store, taken_in, folder=base.folder, clock=base.clock, progress=progress, stop=stop)

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

    def options(self, run: Run) -> RunOptions:
        """What a run was told besides its file."""
        from stagegap.runner import RunOptions

        view = self._base.store.view(run.id, OPTIONS)
        return codec.from_json(RunOptions, view[0]) if view else RunOptions()

    def scorecard(self, cascade: str, run: str | None = None) -> Scorecard | None:
        """Stored scorecard of a run; None when there is none."""
        store = self._base.store
        scored = store.run(cascade, run)
        view = store.view(scored.id, SCORECARD) if scored else None
        return codec.from_json(Scorecard, view[0]) if view else None

    def stale_labels(self, scorecard: Scorecard) -> int:
        """Number of labels that were made since the scorecard was computed."""
        return max(0, self._base.store.label_count(scorecard.cascade) - scorecard.labels_seq)

    def refresh(self, cascade: str, run: str) -> None:
        """Compute a run's scorecard again, from all labels that there are by now. Raises: NotFound."""
        from stagegap.workspace import execution

        base, scored = self._base, self._base.run(cascade, run)
        file = base.files.of_run(scored)
        execution.score(base.store, scored, file, execution.run_records(base.store, scored, file.cascade))

    def pooled(self, cascade: str, run: str | None = None) -> tuple[PooledScore, ...]:
        """Precision, recall and F1 of each stage of a run. Raises: NotFound.

        For stages that should answer some records and leave others alone: their mean score also rewards silence.
        """
        from stagegap.workspace import execution

        scored = self._base.run(cascade, run)
        return execution.pooled(self._base.store, scored, self._base.files.of_run(scored))

    def attribution(self, cascade: str, run: str | None = None) -> Attribution:
        """One run looked into: blame, faults, people, next labels. Raises: NotFound."""
        from stagegap.workspace.attribution import Attribution

        return Attribution(self._base, self._base.run(cascade, run))

    def compare(self, cascade: str, before: str, after: str) -> Comparison:
        """Comparison of two runs, each scored by the cascade that it was made with. Raises: NotFound, SpecError."""
        from stagegap.workspace import comparison

        return comparison.compare(self._base.store, self.attribution(cascade, before), self.attribution(cascade, after))
