"""Cheaper versions of stages: the candidates among the runs, and all accepted ones run at once."""

from __future__ import annotations

import math
from collections.abc import Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from stagegap.analysis import evidence as ev
from stagegap.analysis.changed import cell_outcomes
from stagegap.analysis.cheaper import CheaperView, Pace, Trial, cheaper_view, with_joint
from stagegap.analysis.coalitions import needed_part, swap_plan, with_versions
from stagegap.analysis.paired_records import Side, shared
from stagegap.errors import ConfigurationError, RunStopped
from stagegap.model.answer import Output, Status
from stagegap.model.cascade import Cascade
from stagegap.model.run import SYSTEM, Cell, Run, RunStatus
from stagegap.model.units import Levels, record_of
from stagegap.model.wording import listed
from stagegap.runner import Plan, Progress, Silent, Stop, Work, execute, paid_stages, plan
from stagegap.workspace import provenance
from stagegap.workspace.attribution import Attribution
from stagegap.workspace.comparison import Into
from stagegap.workspace.foundation import Foundation
from stagegap.workspace.kept_views import Kept, Question, cheaper_than
from stagegap.workspace.provenance import first_outputs, run_records
from stagegap.workspace.reproduced import Restored, refuse_to_pay
from stagegap.workspace.runs import Runs
from stagegap.workspace.scorecards import counts_alone

Floats = NDArray[np.float64]
TIMED = 5
"""Timed answers at the stage that is scored, at least, before minutes of labelling are told."""
_UNASKED = (Status.SKIPPED, Status.BLOCKED)


@dataclass(frozen=True, kw_only=True)
class Version:
    """A run as a version of the cascade."""

    run: Run
    cascade: Cascade
    prints: Mapping[str, str]
    """Fingerprint of each stage."""
    records: str
    """Digest of all records of its files."""

    @property
    def margin(self) -> float | None:
        """The share that its file allowed the end to lose when it was run; None where it said nothing."""
        target = self.cascade.targets.get("outcome")
        points = target.get("lose_at_most") if isinstance(target, Mapping) else None
        return points / 100 if isinstance(points, int | float) else None

    @cached_property
    def key(self) -> tuple[tuple[str, str, str, str | None], ...]:
        """What decides its outcome, by stage: two versions with the same key give the same answers."""
        leading = (stage for stage in self.cascade.stages if stage.name in self.cascade.leading)
        return tuple((stage.name, self.prints[stage.name], repr(stage.inputs), stage.when) for stage in leading)


def version_of(base: Foundation, run: Run) -> Version | None:
    """A run as a version; None where it did not keep what it was made from."""
    made_from = provenance.read(base.store, run.id)
    if made_from is None:
        return None
    prints = {name: origin.fingerprint for name, origin in made_from.stages.items()}
    return Version(run=run, cascade=base.files.of_run(run).cascade, prints=prints, records=made_from.records_digest)


def versions_of(base: Foundation, cascade: str) -> list[Version]:
    """Every run of a cascade that kept what it was made from, newest first."""
    versions = (version_of(base, run) for run in base.store.runs(cascade))
    return [version for version in versions if version is not None]


class Cheaper:
    """Candidates for cheaper stages of one cascade beside one base run."""

    def __init__(self, base: Foundation, cascade: str, blessed: Run | None, *, run: str | None, named: Sequence[str]):
        """`run` is the base, by default the blessed run, or else the oldest whose file holds the margin.

        `named` are candidates, by default all versions whose file holds it. Raises: NotFound, ConfigurationError.
        """
        self._base = base
        self._store = base.store
        self._cascade = cascade
        if run is not None and run in named:
            raise ConfigurationError(f"{run} can't be a candidate beside itself.")
        self._named = [base.run(cascade, name) for name in named]
        self._start = self._started_from(base.run(cascade, run) if run is not None else blessed)

    def _started_from(self, base: Run | None) -> Version:
        start = version_of(self._base, base) if base is not None else None
        if base is not None and start is None:
            raise ConfigurationError(f"Run {base.name} is older than the keeping of what runs are made from.")
        named = {run.id for run in self._named}
        others = [version for version in reversed(self._done) if version.run.id not in named]
        oldest = next((version for version in others if version.margin is not None), None)
        start = start or oldest or next(iter(others), None)
        if start is None:
            raise ConfigurationError(f"Cascade {self._cascade!r} has no run that is done. `stagegap run` makes one.")
        return start

    @cached_property
    def _versions(self) -> list[Version]:
        """Every run that kept what it was made from, newest first."""
        return versions_of(self._base, self._cascade)

    @property
    def _done(self) -> list[Version]:
        return [version for version in self._versions if version.run.status is RunStatus.DONE]

    @cached_property
    def candidates(self) -> tuple[tuple[Version, tuple[str, ...]], ...]:
        """Each other version with the stages that it swaps, oldest first; of equal versions the newest run."""
        named = {run.id for run in self._named}
        offered = [version for version in self._done if version.run.id in named or (not named and version.margin)]
        by_key: dict[object, tuple[Version, tuple[str, ...]]] = {self._start.key: (self._start, ())}
        for version in offered:
            swaps = swap_plan(self._start.cascade, version.cascade, self._start.prints, version.prints)
            if not swaps.problem and swaps.players:
                by_key.setdefault(version.key, (version, swaps.players))
        return tuple(candidate for candidate in reversed(by_key.values()) if candidate[1])

    @cached_property
    def problems(self) -> tuple[str, ...]:
        """Why named runs are no candidates."""
        candidates = {version.run.id for version, _ in self.candidates}
        sentences: list[str] = []
        for run in self._named:
            version = next((version for version in self._done if version.run.id == run.id), None)
            if run.id in candidates:
                continue
            if version is None:
                sentences.append(f"{run.name} is left out: it is {run.status.value}, or kept too little.")
                continue
            swaps = swap_plan(self._start.cascade, version.cascade, self._start.prints, version.prints)
            why = swaps.problem or f"No stage that reaches the outcome differs from {self._start.run.name}."
            sentences.append(f"{run.name} is left out. {why}")
        return tuple(sentences)

    @property
    def question(self) -> Question[CheaperView]:
        """What is asked, for what is kept."""
        return cheaper_than(self._start.run, [version.run for version, _ in self.candidates])

    def kept(self) -> Kept[CheaperView] | None:
        """What was worked out of these runs, and whether it is old; None while nobody did."""
        return self._base.views.kept(self.question)

    def plan(self) -> Plan:
        """Calls that all accepted swaps at once would need; none where fewer than two are accepted."""
        view = self.single()
        if len(view.together) < 2:
            return Plan(cells=())
        with self._joined(view) as (work, _):
            return plan(work, cache=self._store)

    def view(self, *, may_pay: bool = False, progress: Progress | None = None, stop: Stop | None = None) -> CheaperView:
        """Hold every candidate to the margin, then run all accepted ones at once, and keep the view.

        Raises: ConfigurationError when that would call a paid service without leave, RunStopped, StoreError.
        """
        now = self._base.views.now(self._cascade, self.question.runs)
        view = self.single()
        if len(view.together) > 1:
            with self._joined(view) as (work, cell):
                refuse_to_pay(
                    plan(work, cache=self._store),
                    may_pay=may_pay,
                    what="Running all accepted versions at once",
                    ways="`--plan` says what they cost, `--paid` allows them.",
                )
                summary = execute(
                    work,
                    sink=Into(self._store, cell),
                    cache=self._store,
                    progress=progress or Silent(),
                    stop=stop or Stop(),
                )
                if summary.status is not RunStatus.DONE:
                    raise RunStopped(f"{summary.error} What was answered is kept; the same command goes on.")
                view = with_joint(view, self._joint_trial(view, work, cell), self._evidence.units)
        self._base.views.keep(self.question, view, now=now)
        return view

    @cached_property
    def _evidence(self) -> ev.Evidence:
        return _read(self._look(self._start.run))

    def _look(self, run: Run) -> Attribution:
        return Runs(self._base).attribution(self._cascade, run.name)

    @property
    def _margin(self) -> tuple[float | None, str]:
        """The smallest margin that a candidate was run under, and the first run whose file holds it."""
        margins = [version.margin for version, _ in self.candidates if version.margin is not None]
        if not margins:
            return None, ""
        margin = min(margins)
        return margin, next(version.run.name for version in reversed(self._versions) if version.margin == margin)

    @cached_property
    def _trials(self) -> tuple[Trial, ...]:
        return tuple(self._trial(version, stages) for version, stages in self.candidates)

    def single(self) -> CheaperView:
        """Each candidate alone, which calls nothing."""
        margin, since = self._margin
        cascade = self._evidence.cascade
        return cheaper_view(
            self._trials,
            self._evidence.units,
            cascade=self._cascade,
            base=self._start.run.name,
            noun=cascade.noun,
            outcome_name=ev.outcome_name(cascade),
            margin=margin,
            margin_since=since,
            problems=self.problems,
            pace=self._pace,
        )

    @cached_property
    def _pace(self) -> Pace | None:
        """How long a person takes for an answer at the outcome's stage, from the labels that were timed."""
        stage = self._evidence.cascade.outcome.stage
        labels = (label for own in self._evidence.labels.values() for label in own.values())
        times = [label.active_ms for label in labels if label.stage == stage and label.active_ms]
        if len(times) < TIMED:
            return None
        return Pace(stage=stage, minutes=float(np.median(times)) / 60_000, n=len(times))

    def _trial(self, version: Version, stages: tuple[str, ...]) -> Trial:
        look = self._look(self._start.run), self._look(version.run)
        both = shared(_side(look[0]), _side(look[1]))
        places = {record.id: place for place, record in enumerate(self._evidence.records)}
        at = np.array([places[record.id] for record in both.after.evidence.records], dtype=np.int64)
        before, after = (
            self._placed(at, ev.outcome_scores(one_side.evidence, SYSTEM)) for one_side in (both.before, both.after)
        )
        early = self._known_before(version)
        is_early = np.array([record.id in early for record in self._evidence.records], dtype=np.bool_)
        known = is_early & ~np.isnan(before) & ~np.isnan(after)
        return Trial(
            run=version.run.name,
            stages=stages,
            before=before,
            after=np.where(is_early, math.nan, after),
            costs=self._costs(self._spent(self._start), self._spent(version), (before, after)),
            known_before=int(known.sum()),
        )

    def _placed(self, at: NDArray[np.int64], values: Floats) -> Floats:
        column = np.full(len(self._evidence.records), math.nan)
        column[at] = values
        return column

    def _known_before(self, candidate: Version) -> frozenset[str]:
        """Records that the same version had answered before its file held this margin."""
        margin, _ = self._margin
        if margin is None:
            return frozenset()
        early = [
            version
            for version in self._versions
            if version.key == candidate.key and (version.margin is None or version.margin < margin)
        ]
        return frozenset(
            record.id for version in early for record in run_records(self._store, version.run, version.cascade)
        )

    def _spent(self, version: Version) -> Mapping[str, Floats]:
        cascade = version.cascade
        outputs = {name: first_outputs(self._store, version.run, SYSTEM, name) for name in cascade.names}
        return self._spent_on(cascade, outputs)

    def _spent_on(self, cascade: Cascade, outputs: Mapping[str, Mapping[str, Output]]) -> Mapping[str, Floats]:
        return spending(cascade, outputs, [record.id for record in self._evidence.records])

    def _costs(
        self, before: Mapping[str, Floats], after: Mapping[str, Floats], outcomes: tuple[Floats, Floats]
    ) -> dict[str, tuple[Floats, Floats]]:
        """By kind; a record that is not fully right at the end costs a person the time of one answer."""
        costs = {kind: (before[kind], after[kind]) for kind in before}
        if self._pace is not None:
            minutes = self._pace.minutes
            a, b = (np.where(np.isnan(scores), math.nan, minutes * (scores < 1)) for scores in outcomes)
            costs["minutes"] = (a, b)
        return costs

    @contextmanager
    def _joined(self, view: CheaperView) -> Generator[tuple[Work, Cell]]:
        """The work of all accepted versions at once, and the cell that its outputs are kept in."""
        chosen = [(version, stages) for version, stages in self.candidates if version.run.name in view.together]
        with ExitStack() as stack:
            start = stack.enter_context(self._base.restored(self._start.run))
            cascade, codes, corpora = start.asked_once, dict(start.job.codes), dict(start.job.materials.corpora)
            for version, stages in chosen:
                restored: Restored = stack.enter_context(self._base.restored(version.run))
                cascade = with_versions(cascade, restored.asked_once, stages)
                codes |= {name: restored.job.codes[name] for name in stages}
                for name, corpus in restored.job.materials.corpora.items():
                    if corpora.setdefault(name, corpus).hash != corpus.hash:
                        raise ConfigurationError(
                            f"The corpus {name} is another one in {version.run.name}, so it can't be run beside the "
                            "others."
                        )
            cascade = needed_part(replace(cascade, targets=self._start.cascade.targets))
            others = "+".join(version.run.name for version, _ in chosen[:-1])
            last, stages = chosen[-1]
            work = Work(
                run=last.run.id,
                cascade=cascade,
                codes={name: codes[name] for name in cascade.names},
                corpora=corpora,
                records=self._evidence.records,
            )
            yield work, Cell("version", stages, f"{self._start.run.name}+{others}")

    def _joint_trial(self, view: CheaperView, work: Work, cell: Cell) -> Trial:
        chosen = [trial for trial in self._trials if trial.run in view.together]
        run = next(version.run for version, _ in self.candidates if version.run.id == work.run)
        outputs = {name: first_outputs(self._store, run, cell, name) for name in work.cascade.names}
        after = cell_outcomes(self._evidence, outputs[self._evidence.cascade.outcome.stage])
        before = ev.outcome_scores(self._evidence, SYSTEM)
        left_out = np.any([np.isnan(trial.after) for trial in chosen], axis=0)
        return Trial(
            run=listed(view.together),
            stages=tuple(
                name for name in self._evidence.cascade.names if any(name in trial.stages for trial in chosen)
            ),
            before=before,
            after=np.where(left_out, math.nan, after),
            costs=self._costs(self._spent(self._start), self._spent_on(work.cascade, outputs), (before, after)),
            known_before=max(trial.known_before for trial in chosen),
        )


def _side(look: Attribution) -> Side:
    return Side(run=look.run, evidence=_read(look))


def _read(look: Attribution) -> ev.Evidence:
    return look.labelled if counts_alone(look.cascade) else look.evidence


def spending(
    cascade: Cascade, outputs: Mapping[str, Mapping[str, Output]], records: Sequence[str]
) -> Mapping[str, Floats]:
    """What each record cost at all stages together, as if each version had run alone: dollars, tokens, seconds.

    NaN where it is not known: dollars and tokens of a record that a paid service was asked about without saying them.
    A cascade that asks no paid service costs 0 dollars.
    """
    levels, paid = Levels.of(cascade), paid_stages(cascade)
    totals: dict[str, dict[str, float]] = {
        kind: dict.fromkeys(records, 0.0) for kind in ("dollars", "tokens", "seconds")
    }
    for stage, answers in outputs.items():
        for answer, output in answers.items():
            record = record_of(levels, stage, answer)
            if record not in totals["dollars"] or output.status in _UNASKED:
                continue
            is_asked = stage in paid
            counts = [count for count in (output.tokens_in, output.tokens_out) if count is not None]
            tokens = float(sum(counts)) if counts or not is_asked else math.nan
            dollars = output.cost if output.cost is not None else math.nan if is_asked else 0.0
            totals["dollars"][record] += dollars
            totals["tokens"][record] += tokens
            totals["seconds"][record] += math.nan if output.latency_ms is None else output.latency_ms / 1000
    return {kind: np.array([of[record] for record in records], dtype=np.float64) for kind, of in totals.items()}
