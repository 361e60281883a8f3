"""Scorecards: what is known of a run from all labels, kept with its scores, failures and the labels it needs next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from stagegap.analysis.views import Scorecard
from stagegap.model.estimate import Estimate
from stagegap.model.run import SYSTEM, Run, RunStatus
from stagegap.store import Store
from stagegap.workspace.foundation import Foundation
from stagegap.workspace.kept_views import OUTCOME, Kept, KeptViews, need_of, outcome_of, scorecard_of

if TYPE_CHECKING:  # The pages open a workspace to read: what runs and loads cascades is imported where it is used.
    from stagegap.model.cascade import CascadeFile
    from stagegap.model.record import Record


class Scorecards:
    """The scorecards of a workspace."""

    def __init__(self, base: Foundation) -> None:
        self._base = base
        self._views = base.views

    def kept(self, run: Run) -> Kept[Scorecard] | None:
        """The scorecard as it was made last, and whether it is old; None before the first."""
        return self._views.kept(scorecard_of(run))

    def current(self, run: Run) -> Scorecard | None:
        """The scorecard of what there is by now; None for a run that is not done and has none."""
        known = self.kept(run)
        if known is None and run.status is not RunStatus.DONE:
            return None
        return known.view if known is not None and not known.is_old else self.refresh(run)

    def outcomes(self, cascade: str, runs: Sequence[Run]) -> dict[str, Kept[Estimate]]:
        """The outcomes of scorecards as they were made last, by id of the run."""
        return self._views.kept_of_runs(Estimate, OUTCOME, cascade, runs)

    def refresh(self, run: Run) -> Scorecard:
        """Compute the scorecard of a run again, from all labels that there are by now."""
        from stagegap.workspace.provenance import run_records

        store, file = self._base.store, self._base.files.of_run(run)
        return score(store, run, file, run_records(store, run, file.cascade), views=self._views)


def score(store: Store, run: Run, file: CascadeFile, records: Sequence[Record], *, views: KeptViews) -> Scorecard:
    """Compute and keep what is known of a run from all labels: scorecard, scores, failures, which labels come next."""
    from stagegap.analysis.evidence import gather
    from stagegap.analysis.need import need_view
    from stagegap.analysis.repeats import passes, repeat_noise
    from stagegap.analysis.scorecard import measured
    from stagegap.runner import custom_metrics, repeats_of
    from stagegap.workspace.provenance import own_outputs

    cascade = file.cascade
    now = views.now(cascade.name, [run])
    labels = store.labels(cascade.name)
    evidence = gather(
        cascade,
        records,
        own_outputs(store, run, cascade),
        labels,
        custom=custom_metrics(file),
        compared=views.compared(now),
        run=run.name,
        seed=run.seed,
    )
    measures = measured(evidence, run, labels_seq=len(labels))
    need = need_view(evidence)
    several = [name for name, count in repeats_of(cascade).items() if count > 1]
    repeated = {name: store.outputs(run.id, SYSTEM, name) for name in several}
    noise = [repeat_noise(evidence, name, outputs) for name, outputs in repeated.items()]
    card = replace(
        measures.scorecard,
        repeats=tuple(noisy for noisy in noise if noisy is not None),
        passes=passes(evidence, repeated),
    )
    for stage in cascade.stages:
        store.put_scores(run.id, SYSTEM, stage.name, stage.metrics[0], measures.scores[stage.name])
    store.failing.put(run.id, measures.failures)
    views.keep(need_of(run), need, now=now)
    views.keep(outcome_of(run), card.system, now=now)
    views.keep(scorecard_of(run), card, now=now)
    return card
