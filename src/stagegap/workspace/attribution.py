"""One run, looked into: which stage is to blame, where records go wrong, planted faults, and what to label next."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from stagegap.analysis import evidence as ev
from stagegap.analysis.agree import EPSILON, AgreeView, JudgedOutcome, agree_view, judged_outcome
from stagegap.analysis.aim import AimView
from stagegap.analysis.answers import PooledScore, pooled_scores
from stagegap.analysis.attempts import AttemptsView, attempts_view
from stagegap.analysis.blame import Blame, blame
from stagegap.analysis.codes import CodesView
from stagegap.analysis.escalation import EscalationView, escalation
from stagegap.analysis.evidence import Evidence
from stagegap.analysis.evidence import gather as gather_evidence
from stagegap.analysis.faults import FaultsView, faults_view
from stagegap.analysis.judges import JudgesView
from stagegap.analysis.marks import MarksView, marks_view
from stagegap.analysis.need import NeedView, need_view
from stagegap.analysis.planted import Selfcheck, given_answers, planted, planted_cells, wrong_answers
from stagegap.analysis.ratings import RatingsView, ratings_view
from stagegap.analysis.runs import MOST, SoFar, so_far
from stagegap.analysis.slices import SlicesView, slices_view
from stagegap.analysis.unit_view import UnitsView, units_view
from stagegap.analysis.verdicts import VerdictsView
from stagegap.attribution.selfcheck import Recovery, recover
from stagegap.errors import ConfigurationError
from stagegap.exchange.recorded import read_first_faults, read_marks, read_ratings, read_scale
from stagegap.exchange.run_files import Sent
from stagegap.exchange.tables import Frame
from stagegap.model.answer import Answer, Label, Output
from stagegap.model.cascade import Cascade
from stagegap.model.run import SYSTEM, Cell, Run, RunStatus
from stagegap.model.wording import listed
from stagegap.people.judgements import judging_of, without_queue
from stagegap.people.references import Settled
from stagegap.runner import CellWork, Silent, Work, custom_metrics, execute, plan
from stagegap.store import Store
from stagegap.workspace.exchange import export_for, export_outputs, outputs_frame
from stagegap.workspace.foundation import Foundation
from stagegap.workspace.judges import JudgedRun, judge_rows, verdict_rows
from stagegap.workspace.kept_views import Now, View, need_of, of_run
from stagegap.workspace.provenance import own_outputs, run_records
from stagegap.workspace.provenance import read as read_provenance
from stagegap.workspace.reproduced import refuse_to_pay
from stagegap.workspace.run_facts import options
from stagegap.workspace.scorecards import file_ratings, labelled_evidence, rated_as, run_ratings

if TYPE_CHECKING:
    from stagegap.workspace.aim import Optimiser

MOST_RECORDS = 200
RATE = 0.2
SIMULATIONS = 200
"""Planted data sets drawn for each stage."""


class Kept:
    """Keeps outputs in memory: planted faults must not stand in the store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self.outputs: dict[tuple[str, str], dict[str, Output]] = {}

    def append_outputs(self, _run: str, cell: Cell, outputs: Sequence[Output], /) -> None:
        """Keep the first repeat of each output."""
        with self._lock:
            for output in outputs:
                if output.repeat == 0:
                    self.outputs.setdefault((str(cell), output.stage), {})[output.record] = output

    def cached(self, keys: Sequence[str]) -> Mapping[str, Output]:
        """What the store knows, so that only inputs that a fault changed are called."""
        return self._store.cached(keys)


def selfcheck(
    store: Store, run: Run, evidence: ev.Evidence, work: Work, *, rate: float, may_pay: bool, simulations: int
) -> Selfcheck:
    """Plant faults at every stage of the cascade, one stage after the other.

    Raises: ConfigurationError when that would call a paid service without leave, or when the run has no ceiling.
    """
    cascade = evidence.cascade
    clean, reason = ev.prefix_outcomes(evidence)
    if not clean:
        raise ConfigurationError(f"The methods can't be checked on run {run.name}: {reason}.")
    rng = np.random.default_rng(run.seed)
    wrong = {name: wrong_answers(evidence, name, rng=rng) for name in cascade.names}
    outputs, calls = _outputs(store, evidence, work, wrong, may_pay=may_pay)
    rows: list[Recovery] = []
    left_out: list[str] = []
    for name in cascade.names:
        planted_world = planted(evidence, name, wrong[name], outputs, clean)
        recoveries = recover(
            planted_world, evidence.units, evidence.ancestors, rate=rate, rng=rng, simulations=simulations
        )
        rows.extend(recoveries)
        if not recoveries:
            left_out.append(f"{name}: no record with references everywhere could be given a wrong answer")
    return Selfcheck(
        cascade=cascade.name,
        run=run.name,
        noun=cascade.noun,
        n=len(evidence.records),
        calls=calls,
        rows=tuple(rows),
        left_out=tuple(left_out),
    )


def _outputs(
    store: Store,
    evidence: ev.Evidence,
    work: Work,
    wrong: Mapping[str, Mapping[str, Answer]],
    *,
    may_pay: bool,
) -> tuple[Mapping[tuple[str, str], Mapping[str, Output]], int]:
    """Run what comes after the planted faults, stage after stage, and give its outputs by cell."""
    outputs: dict[tuple[str, str], Mapping[str, Output]] = {}
    calls = 0
    for name, answers in wrong.items():
        cells = [
            CellWork(cell=cell, given=given_answers(evidence, cell, name, answers))
            for cell in planted_cells(evidence.cascade, name)
        ]
        todo = replace(work, records=evidence.records, cells=cells)
        refuse_to_pay(
            plan(todo, cache=store),
            may_pay=may_pay,
            what=f"A self-check of {name}",
            ways="`--paid` allows them, `--records` takes fewer records.",
        )
        sink = Kept(store)
        calls += execute(todo, sink=sink, cache=sink, progress=Silent()).calls
        # The planted stage is the last of its cells' stages, so no two stages share a cell.
        outputs |= sink.outputs
    return outputs, calls


class Attribution:
    """A run with its outputs and all labels that there are, read once when first asked; each method gives one view.

    A view is kept with the run until something it rests on changes, so that a second look costs nothing.
    """

    def __init__(self, base: Foundation, run: Run) -> None:
        self.run = run
        self._base = base
        self._store = base.store
        self._file = base.files.of_run(run)
        self._views = base.views

    @property
    def cascade(self) -> Cascade:
        """The cascade as it was when the run was made."""
        return self._file.cascade

    @cached_property
    def _now(self) -> Now:
        """What its views rest on: asked before anything is read, so that what comes meanwhile makes them old."""
        return self._views.now(self.run.cascade, [self.run])

    @cached_property
    def settled(self) -> Settled:
        """All labels of the cascade that there are, and what they settle."""
        assert self._now, "what views rest on is noted first"
        return self._store.settled(self.cascade)

    @property
    def labels(self) -> Sequence[Label]:
        """All labels of the cascade that there are."""
        return self.settled.labels

    @cached_property
    def labelled(self) -> Evidence:
        """What the run and the labels say about the records that somebody labelled: all that figures rest on."""
        return labelled_evidence(self._store, self.run, self._file, self.settled, self._now, self._views)

    @cached_property
    def evidence(self) -> Evidence:
        """The same of every record that is scored, for views that list records."""
        store, run, cascade = self._store, self.run, self.cascade
        settled = self.settled  # first: what comes while outputs are read makes the view old
        return gather_evidence(
            cascade,
            run_records(store, run, cascade),
            own_outputs(store, run, cascade),
            settled,
            custom=custom_metrics(self._file),
            compared=self._views.compared(self._now),
            run=run.name,
            seed=run.seed,
            ratings=run_ratings(store, run, self._file),
        )

    def so_far(self) -> SoFar | None:
        """Say what the first records tell of the outcome while the run goes on; None before the first is finished."""
        made_from = read_provenance(self._store, self.run.id)
        if made_from is None:
            return None
        cascade, stage = self.cascade, self.cascade.outcome.stage
        records = options(self._store, self.run).chosen(
            [
                record
                for record in self._store.origins.records(made_from.records_digest)
                if cascade.evaluate in (None, record.split)
            ]
        )
        ids = [record.id for record in records[:MOST]]
        outputs = {
            output.record: output
            for output in self._store.outputs(self.run.id, SYSTEM, stage, records=ids)
            if output.repeat == 0
        }
        first = tuple(takewhile(lambda record: record.id in outputs, records[:MOST]))
        if not first:
            return None
        evidence = gather_evidence(
            cascade,
            first,
            {(str(SYSTEM), stage): outputs},
            self._store.labels(cascade.name, stage=stage),
            custom=custom_metrics(self._file),
            seed=self.run.seed,
        )
        return so_far(evidence, of=len(records))

    def blame(self) -> Blame:
        """Put the methods of attribution side by side."""
        return self._current(Blame, "blame", lambda: blame(self.labelled))

    def faults(self) -> FaultsView:
        """Account for faults per stage and for the causes of each bad record."""
        return self._current(FaultsView, "faults", lambda: faults_view(self.labelled))

    def agree(self, *, epsilon: float = EPSILON) -> AgreeView:
        """Compare people with each other and with the system; epsilon is the price of a person in the test."""

        def make() -> AgreeView:
            judgements = self._store.labels(self.cascade.name, task="judge")
            return replace(agree_view(self.labelled, epsilon=epsilon), judged=self._judged(judgements))

        return self._current(AgreeView, f"agree {epsilon!r}", make, reads_judgements=True)

    def judges(self, *, against: str | None = None) -> JudgesView:
        """Measure the run's judges, and take their errors off what they say; `against` names an earlier run.

        By default the newest one that was done before. Raises: NotFound.
        """
        before = self._before(against)

        def make() -> JudgesView:
            earlier = Attribution(self._base, before) if before else None
            return JudgesView(
                cascade=self.cascade.name,
                run=self.run.name,
                noun=self.cascade.noun,
                rows=judge_rows(
                    self._store,
                    JudgedRun(run=self.run, evidence=self.labelled),
                    JudgedRun(run=earlier.run, evidence=earlier.labelled) if earlier else None,
                ),
            )

        if before is None:
            return self._current(JudgesView, "judges", make, reads_judgements=True)
        question = of_run(JudgesView, f"judges since {before.name}", self.run, reads_judgements=True)
        return self._views.current(replace(question, beside=(before,)), make)

    def _before(self, against: str | None) -> Run | None:
        """The run that this one is held against. Raises: NotFound."""
        if against is not None:
            return self._base.run(self.cascade.name, against)
        if not self.cascade.judges:
            return None
        done = [run for run in self._store.runs(self.cascade.name) if run.status is RunStatus.DONE]
        return max((r for r in done if r.started_at < self.run.started_at), key=lambda r: r.started_at, default=None)

    def ratings(self, file: Path | None, *, system: str = "", person: str = "", scale: str = "") -> RatingsView:
        """Put the ratings of a file beside the run, by default those that the cascade's file names.

        Nothing is kept, because the file may change. `scale` is `1-5`: the lowest and the highest rating that can be
        given. Raises: InputError, ConfigurationError.
        """
        ends, source = read_scale(scale) if scale else None, self._file.ratings
        if file is not None:
            return ratings_view(self.evidence, read_ratings(file), system=system, person=person, scale=ends)
        if source is None:
            raise ConfigurationError(
                f"The file of {self.cascade.name} has no key ratings, so none are known. Name a file of ratings."
            )
        ratings, stage = file_ratings(source), self.cascade.outcome.stage
        own = system or rated_as(self._store, self.run, self._file, stage, ratings)
        if not own:
            raise ConfigurationError(
                f"Nobody rated what {stage} answered in {self.run.name}: no rating in {listed(source.paths)} is of "
                f"{self.run.name!r}, or of a run that gave the same answers."
            )
        return ratings_view(
            self.evidence, ratings, system=own, person=person or source.person, scale=ends or source.scale
        )

    def marks(self, file: Path) -> MarksView:
        """Put faults and root causes that people marked beside those by scores. Raises: InputError."""
        return marks_view(self.evidence, read_marks(file, self.cascade.names))

    def attempts(self, file: Path) -> AttemptsView:
        """Count first wrong attempts that people marked per attempt at risk. Raises: InputError, ConfigurationError."""
        return attempts_view(self.evidence, read_first_faults(file))

    def export_outputs(self, path: Path, *, raw: bool = False) -> int:
        """Write every output of the run, uncut, with its score. Raises: ConfigurationError."""
        return export_outputs(self._store, self.run, self.cascade, path, self._scores(), raw=raw)

    def outputs_frame(self) -> Frame:
        """Every output of the run, uncut, with its score, as a data frame. Raises: ConfigurationError."""
        return outputs_frame(self._store, self.run, self.cascade, self._scores())

    def _scores(self) -> dict[tuple[str, str], float]:
        evidence, scores = self.evidence, dict[tuple[str, str], float]()
        for stage in self.cascade.names:
            pairs = zip(evidence.records, ev.stage_scores(evidence, stage, SYSTEM).tolist(), strict=True)
            scores |= {(stage, record.id): value for record, value in pairs if not math.isnan(value)}
        return scores

    def export_for(self, program: str, path: Path, *, with_answers: bool = False) -> Sent:
        """Write labels, or the run, as another program takes them. Raises: ConfigurationError."""
        return export_for(self._store, self.run, self.cascade, path, program=program, with_answers=with_answers)

    def _judged(self, judgements: Sequence[Label]) -> tuple[JudgedOutcome, ...]:
        """What people who judged this run's answers say of all of them."""
        if not judgements:
            return ()
        queues = self._store.queues(self.cascade.name)
        outcomes = [
            judged_outcome(
                self.labelled,
                queue.stage,
                judging_of(queue),
                [label for label in judgements if label.queue == queue.id],
            )
            for queue in queues
            if queue.purpose == "judge" and queue.run == self.run.id
        ]
        ids = {queue.id for queue in queues}
        others = [run for run in self._store.runs(self.cascade.name) if run.id != self.run.id]
        for stage in self.cascade.names:
            at = [label for label in judgements if label.stage == stage]
            foreign = without_queue(at, ids, others)
            outcomes += [judged_outcome(self.labelled, stage, judging, own) for judging, own in foreign.items()]
        return tuple(outcome for outcome in outcomes if outcome is not None)

    def escalation(self, cheap: str = "", strong: str = "") -> EscalationView:
        """Say what asking a stronger stage about more records would buy and cost. Raises: ConfigurationError."""
        name = f"escalation {cheap} {strong}"
        return self._current(EscalationView, name, lambda: escalation(self.labelled, cheap, strong))

    def need(self) -> NeedView:
        """Plan the labels that decide which stage is worst."""
        return self._views.current(need_of(self.run), lambda: need_view(self.labelled), now=self._now)

    def pooled(self) -> tuple[PooledScore, ...]:
        """Precision, recall and F1 of every stage and metric."""
        return pooled_scores(self.labelled, seed=self.run.seed, custom=custom_metrics(self._file))

    def units(self) -> UnitsView:
        """Say what became of the units that records are taken apart into."""
        return self._current(UnitsView, "units", lambda: units_view(self.evidence, self.run))

    def slices(self) -> SlicesView:
        """Look for the bottleneck of each group of records."""
        return self._current(SlicesView, "slices", lambda: slices_view(self.labelled))

    def codes(self) -> CodesView:
        """Count what people read of the run by code and first wrong stage; not kept, a reading would make it old."""
        from stagegap.workspace.readings import codes_of_run

        return codes_of_run(self._base, self.run, self.cascade)

    def aim(self) -> AimView:
        """Say where an optimiser should work; not kept, another run or a reading would make it old."""
        from stagegap.workspace.aim import aim_of

        return aim_of(self._base, self)

    def optimiser(self, *, may_pay: bool, worth: float) -> Optimiser:
        """What a prompt optimiser asks of the run; `worth` is a share. Raises: ConfigurationError without a prompt."""
        from stagegap.workspace.aim import Optimiser

        return Optimiser(self._base, self, may_pay=may_pay, worth=worth)

    def verdicts(self) -> VerdictsView:
        """What people say of outputs and records that they saw; not kept, a reading would make it old."""
        return VerdictsView(
            cascade=self.cascade.name,
            run=self.run.name,
            noun=self.cascade.noun,
            rows=verdict_rows(self._store, self.run, self.labelled, with_readings=True),
        )

    def _current(
        self, kind: type[View], name: str, make: Callable[[], View], *, reads_judgements: bool = False
    ) -> View:
        question = of_run(kind, name, self.run, reads_judgements=reads_judgements)
        return self._views.current(question, make, now=self._now)

    def selfcheck(
        self,
        *,
        rate: float = RATE,
        records: int = MOST_RECORDS,
        may_pay: bool = False,
        simulations: int = SIMULATIONS,
    ) -> Selfcheck:
        """Plant faults at each stage and report what the methods recover; only what the faults change is called.

        `rate` is the share of records that get a fault, `records` how many records are used, drawn at random, and
        `simulations` how many planted data sets each stage is checked on. Raises: ConfigurationError.
        """
        if not 0 < rate <= 1 or records < 1:
            raise ConfigurationError(
                f"The rate must lie between 0 and 1 and records above 0, not {rate} and {records}."
            )
        scored = self.evidence.records
        order: list[int] = np.random.default_rng(self.run.seed).permutation(len(scored)).tolist()
        chosen = tuple(scored[i] for i in sorted(order[:records]))
        with self._base.restored(self.run) as then:
            return selfcheck(
                self._store,
                self.run,
                replace(self.evidence, records=chosen),
                then.work(chosen),
                rate=rate,
                may_pay=may_pay,
                simulations=simulations,
            )
