"""Scorecards: what is known of a run from all labels, kept with its scores, failures and the labels it needs next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from stagegap.analysis.views import Scorecard
from stagegap.errors import ConfigurationError, near_names
from stagegap.model.estimate import Estimate
from stagegap.model.frozen import rare_collections
from stagegap.model.run import SYSTEM, Run, RunStatus
from stagegap.model.wording import listed
from stagegap.store import Store
from stagegap.workspace.foundation import Foundation
from stagegap.workspace.kept_views import OUTCOME, Kept, KeptViews, Now, need_of, outcome_of, scorecard_of

if TYPE_CHECKING:  # The pages open a workspace to read: what runs and loads cascades is imported where it is used.
    from stagegap.analysis.evidence import Evidence, Ratings
    from stagegap.model.answer import Rating
    from stagegap.model.cascade import Cascade, CascadeFile, RatingsSource
    from stagegap.people.references import Settled
    from stagegap.store import Wanted


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
        return score(self._base.store, run, self._base.files.of_run(run), views=self._views)


def labelled_evidence(
    store: Store, run: Run, file: CascadeFile, settled: Settled, now: Now, views: KeptViews
) -> Evidence:
    """What is known of the records of a run that somebody labelled, with counts of all others: no label, no figure.

    All records where SQL can't count the others.
    """
    from stagegap.analysis.evidence import gather
    from stagegap.runner import custom_metrics
    from stagegap.workspace.provenance import own_outputs, run_records

    cascade = file.cascade
    ratings = run_ratings(store, run, file)
    gathered = partial(
        gather, cascade, labels=settled, custom=custom_metrics(file), compared=views.compared(now), run=run.name,
        seed=run.seed, ratings=ratings,
    )  # fmt: skip
    if not counts_alone(cascade):
        return gathered(run_records(store, run, cascade), own_outputs(store, run, cascade))
    known = [*(label.record for label in settled.labels), *(record for rows in ratings.values() for record in rows)]
    part = store.excerpt(wanted_of(store, run, cascade), list(dict.fromkeys(known)))
    return gathered(part.records, part.outputs, population=part.population)


def run_ratings(store: Store, run: Run, file: CascadeFile) -> Ratings:
    """How people rated the answers of a run, by the outcomes that are ratings and by record.

    Raises: InputError, ConfigurationError.
    """
    from stagegap.people.judgements import rating_shares

    rated = [judged.outcome for judged in file.cascade.by_outcome if judged.outcome.criterion is not None]
    if file.ratings is None or not rated:
        return {}
    ratings = file_ratings(file.ratings, [outcome.criterion for outcome in rated if outcome.criterion])
    return {
        outcome.metric: rating_shares(
            ratings,
            system=rated_as(store, run, file, outcome.stage, ratings),
            criterion=outcome.criterion or "",
            scale=file.ratings.scale,
        )
        for outcome in rated
    }


def rated_as(store: Store, run: Run, file: CascadeFile, stage: str, ratings: Sequence[Rating]) -> str:
    """The name under which what a stage answered in a run is rated; empty where nobody rated it.

    A recorded stage answers the same in every run: the name stands in the cascade's file, or is the only one that there
    is. One that is called is rated under the run's name, or under another run's that gave the very same answers to all
    that was rated.
    """
    from stagegap.workspace.provenance import first_outputs

    source = file.ratings
    rated: dict[str, set[str]] = {}
    for rating in ratings:
        if source is None or rating.system != source.person:
            rated.setdefault(rating.system, set()).add(rating.record)
    if file.cascade.stage(stage).is_recorded:
        named = (source.system if source else "", next(iter(rated)) if len(rated) == 1 else "", run.cascade, run.name)
        return next((name for name in named if name in rated), "")
    if run.name in rated:
        return run.name

    def answers(of: Run) -> dict[str, tuple[object, ...]]:
        outputs = first_outputs(store, of, SYSTEM, stage)
        return {record: (output.status, output.because, output.value) for record, output in outputs.items()}

    own = answers(run)
    for other in store.runs(run.cascade):
        if other.name in rated:
            given = answers(other)
            if all(own.get(record) == given.get(record) for record in rated[other.name]):
                return other.name
    return ""


def file_ratings(source: RatingsSource, criteria: Sequence[str] = ()) -> list[Rating]:
    """All ratings that a cascade's file names.

    Raises: InputError; ConfigurationError where they hold nothing of a name or criterion, or numbers outside the scale.
    """
    from stagegap.exchange.recorded import read_ratings

    ratings = [rating for path in source.paths for rating in read_ratings(Path(path))]
    systems, known = {rating.system for rating in ratings}, {rating.criterion for rating in ratings}
    problems = [
        f"No rating in {listed(source.paths)} is {what} {name!r}. {near_names(name, names)}".strip()
        for what, name, names in (
            *(("by the criterion", criterion, known) for criterion in criteria),
            *(("of", name, systems) for name in (source.system, source.person) if name),
        )
        if name not in names
    ]
    low, high = source.scale
    outside = next((rating for rating in ratings if not low <= rating.value <= high), None)
    if outside is not None:
        problems.append(
            f"The rating {outside.value:g} of {outside.record!r} lies outside the scale from {low:g} to {high:g}."
        )
    if problems:
        raise ConfigurationError("\n".join(problems))
    return ratings


def counts_alone(cascade: Cascade) -> bool:
    """SQL can count what the records are that nobody labelled.

    It can't where units are known by the outputs alone, nor where a stage that is called stands behind a recorded one:
    whether its output in a swap is known depends on what the recorded stage was given.
    """
    from stagegap.model.units import Levels

    ends = {judged.outcome.stage for judged in cascade.by_outcome}
    recorded = [stage.name for stage in cascade.stages if stage.is_recorded]
    return Levels.of(cascade).is_flat and (not recorded or ends <= set(recorded))


def outcome_cells(cascade: Cascade) -> tuple[str, ...]:
    """The cells in which the outcome of a record can be lost to infrastructure.

    A recorded outcome on another input than its own is unknown, not lost; on its own it ends as in the system's cell.
    """
    from stagegap.attribution.swaps import prefix_cells

    if cascade.stage(cascade.outcome.stage).is_recorded:
        return (str(SYSTEM),)
    return tuple(str(cell) for cell in prefix_cells(cascade))


def wanted_of(store: Store, run: Run, cascade: Cascade) -> Wanted:
    """What is read of a run for views that look into labelled records alone."""
    from stagegap.model.cascade import Kind
    from stagegap.model.units import Levels
    from stagegap.store import Wanted
    from stagegap.workspace.provenance import read

    made_from = read(store, run.id)
    return Wanted(
        run=run.id,
        records=made_from.records_digest if made_from else None,
        first=Levels.of(cascade).whole or cascade.stages[0].name,
        stages=cascade.names,
        split=cascade.evaluate,
        rankings=tuple(
            stage.name for stage in cascade.stages if stage.is_recorded and stage.output.kind is Kind.RANKING
        ),
        ends={judged.outcome.stage: outcome_cells(judged) for judged in cascade.by_outcome},
    )


@rare_collections()
def score(store: Store, run: Run, file: CascadeFile, *, views: KeptViews) -> Scorecard:
    """Compute and keep what is known of a run from all labels: scorecard, scores, failures, which labels come next."""
    from stagegap.analysis.need import need_view
    from stagegap.analysis.repeats import passes, repeat_noise
    from stagegap.analysis.scorecard import measured
    from stagegap.analysis.unit_view import unit_outcomes
    from stagegap.runner import repeats_of
    from stagegap.workspace.judges import JudgedRun, judge_rows, verdict_rows

    cascade = file.cascade
    now = views.now(cascade.name, [run])
    settled = store.settled(cascade)
    evidence = labelled_evidence(store, run, file, settled, now, views)
    measures = measured(evidence, run, labels_seq=len(settled.labels))
    need = need_view(evidence)
    several = [name for name, count in repeats_of(cascade).items() if count > 1]
    ids = [record.id for record in evidence.records]
    repeated = {name: store.outputs(run.id, SYSTEM, name, records=ids) for name in several}
    noise = [repeat_noise(evidence, name, outputs) for name, outputs in repeated.items()]
    card = replace(
        measures.scorecard,
        others=(*measures.scorecard.others, *unit_outcomes(evidence)),
        repeats=tuple(noisy for noisy in noise if noisy is not None),
        passes=passes(evidence, repeated),
        judges=judge_rows(store, JudgedRun(run=run, evidence=evidence)),
        verdicts=verdict_rows(store, run, evidence),
    )
    with store.together():
        store.put_scores(run.id, SYSTEM, {(s.name, s.metrics[0]): measures.scores[s.name] for s in cascade.stages})
        store.failing.put(run.id, measures.failures)
        views.keep(need_of(run), need, now=now)
        views.keep(outcome_of(run), card.system, now=now)
        views.keep(scorecard_of(run), card, now=now)
    return card
