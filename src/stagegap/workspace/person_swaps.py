"""People in place of stages: their answers put into a run, what comes after run through the cache, and compared."""

from __future__ import annotations

import threading
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from stagegap.analysis import evidence as ev
from stagegap.analysis.changed import cell_outcomes
from stagegap.analysis.coalitions import sampled_orders, set_masks
from stagegap.analysis.person_swaps import (
    PeopleAt,
    PersonSwaps,
    Unanswered,
    not_swapped,
    person_swaps,
    without_own,
)
from stagegap.attribution.shapley import EXACT_UP_TO
from stagegap.attribution.swaps import named
from stagegap.errors import RunStopped
from stagegap.model.answer import Output, Status
from stagegap.model.cascade import Cascade
from stagegap.model.record import Record
from stagegap.model.run import SYSTEM, Cell, RunStatus
from stagegap.people.references import Place, Respondent, of_their_type, respondents
from stagegap.runner import Plan, Progress, Stop, Work, execute, plan_several, seen_inputs, was_asked
from stagegap.stages.person import ANY_INPUT, PersonStage, inputs_digest, shown_by
from stagegap.stages.protocol import StageCode
from stagegap.store import Store
from stagegap.workspace.attribution import Attribution
from stagegap.workspace.comparison import PAIRS_OF_ORDERS
from stagegap.workspace.foundation import Foundation
from stagegap.workspace.kept_views import KeptViews, Now, swaps_of
from stagegap.workspace.reproduced import Restored, refuse_to_pay

PERSON = "person"
"""Kind of a stage that people answer."""


@contextmanager
def people_in_place(base: Foundation, read: Attribution) -> Generator[PeopleInPlace]:
    """One run with people in place of stages; a context, because code of then stands in a folder meanwhile."""
    with base.restored(read.run) as then:
        now = base.views.now(read.run.cascade, [read.run])
        yield PeopleInPlace(store=base.store, read=read, then=then, views=base.views, now=now)


@dataclass(frozen=True, slots=True)
class _Asked:
    """Inputs that nobody has answered, each under the first set of stages in which it came up."""

    first_set: dict[tuple[str, str, str], tuple[str, ...]] = field(
        default_factory=dict[tuple[str, str, str], tuple[str, ...]]
    )
    lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, stage: str, record: str, what: str, after: tuple[str, ...]) -> None:
        with self.lock:
            self.first_set.setdefault((stage, record, what), after)

    def rows(self, untouched: Mapping[str, Sequence[str]]) -> tuple[Unanswered, ...]:
        """Rows by stage and set; `untouched` are records whose input in the run nobody has answered at all."""
        grouped = {(stage, tuple[str, ...]()): list(records) for stage, records in untouched.items()}
        for (stage, record, _), after in self.first_set.items():
            grouped.setdefault((stage, after), []).append(record)
        return tuple(
            Unanswered(stage=stage, after=after, records=tuple(sorted(set(records))))
            for (stage, after), records in grouped.items()
        )


@dataclass(frozen=True, kw_only=True)
class PeopleInPlace:
    """A restored run with the people who can stand in its stages."""

    store: Store
    read: Attribution
    then: Restored
    views: KeptViews
    now: Now
    """What the view rests on, noted before the evidence was read."""

    @cached_property
    def _evidence(self) -> ev.Evidence:
        return self.read.evidence

    @cached_property
    def _cascade(self) -> Cascade:
        return self.then.asked_once

    @cached_property
    def _actual(self) -> dict[Place, str]:
        """What each stage received in the run, as a text; without the records that it was not asked about."""
        corpora = self.then.job.materials.corpora
        outputs = {name: self._evidence.system(name) for name in self._cascade.names}
        return {
            (record.id, stage.name): inputs_digest(stage, seen_inputs(self._cascade, stage, record, settled, corpora))
            for stage in self._cascade.stages
            for record in self._evidence.records
            if was_asked(stage, record, outputs) and _was_called(outputs[stage.name].get(record.id))
            for settled in [{name: outputs[name][record.id] for name in stage.parents}]
        }

    @cached_property
    def _people(self) -> dict[Place, Respondent]:
        labels = of_their_type(self.read.labels, self._cascade)
        queues: dict[str, set[str]] = {}
        for label in labels:
            if label.queue:
                queues.setdefault(label.queue, set()).add(label.record)
        put = {
            (queue, item.record): shown_by(item.payload)
            for queue, records in queues.items()
            for item in self.store.queue_items_of(queue, sorted(records))
        }
        by_place = respondents(labels, put, self._cascade, self._actual, anything=ANY_INPUT)
        scored = {record.id for record in self._evidence.records}
        return {place: respondent for place, respondent in by_place.items() if place[0] in scored}

    @cached_property
    def _players(self) -> tuple[str, ...]:
        """Stages at which somebody answered and that the outcome can see."""
        end = self._cascade.outcome.stage
        reach = {end, *self._cascade.ancestors(end)}
        answered = {stage for _, stage in self._people}
        return tuple(name for name in self._cascade.names if name in answered & reach)

    @cached_property
    def _orders(self) -> tuple[tuple[int, ...], ...]:
        k = len(self._players)
        rng = np.random.default_rng(self.read.run.seed)
        return sampled_orders(k, PAIRS_OF_ORDERS, rng) if k > EXACT_UP_TO else ()

    @property
    def _sets(self) -> list[tuple[int, tuple[str, ...]]]:
        """The sets of stages to run, by mask; without the empty one, which is the run itself."""
        masks = set_masks(len(self._players), self._orders)
        return [(mask, named(self._players, mask)) for mask in masks if mask]

    def plan(self) -> Plan:
        """Calls that the stages after people's answers need, with what is paid; nothing is called."""
        works = [self._work(stages, _Asked()) for _, stages in self._sets]
        cells = plan_several(works, cache=self.store).cells
        return Plan(
            cells=tuple(
                replace(
                    cell,
                    cell=Cell("person", stages),
                    stages=tuple(stage for stage in cell.stages if stage.stage not in stages),
                )
                for cell, (_, stages) in zip(cells, self._sets, strict=True)
            )
        )

    def swapped(self, *, may_pay: bool = False, progress: Progress, stop: Stop | None = None) -> PersonSwaps:
        """Run what comes after people's answers, compare, and keep the view at the run.

        Raises: ConfigurationError when that would call a paid service without leave, RunStopped, StoreError.
        """
        refuse_to_pay(
            self.plan(),
            may_pay=may_pay,
            what="Running what comes after labellers' answers",
            ways="`--plan` says which, `--paid` allows them.",
        )
        stop = stop or Stop()
        evidence, fair = self._evidence, without_own(self._evidence, self._people)
        outcomes = {0: ev.outcome_scores(evidence, SYSTEM)}
        fairly = {0: ev.outcome_scores(fair, SYSTEM)}
        asked = _Asked()
        for mask, stages in self._sets:
            outputs = self._ran(stages, asked, progress, stop)
            outcomes[mask], fairly[mask] = (cell_outcomes(world, outputs) for world in (evidence, fair))
        answered = {
            name: sum(
                bool({what, ANY_INPUT} & self._people[place].answers.keys())
                for place, what in self._actual.items()
                if place[1] == name and place in self._people
            )
            for name in self._cascade.names
        }
        people = PeopleAt(
            players=self._players,
            masks=tuple(outcomes),
            orders=self._orders,
            respondents=self._people,
            answered=answered,
            unanswered=asked.rows(self._untouched()),
        )
        view = person_swaps(evidence, people, outcomes, fairly)
        self.views.keep(swaps_of(self.read.run), view, now=self.now)
        return view

    def _untouched(self) -> dict[str, list[str]]:
        """The records, by stage, whose input in the run nobody has answered at all."""
        end = self._cascade.outcome.stage
        reach = {name for name in (end, *self._cascade.ancestors(end)) if not not_swapped(self._cascade, name)}
        untouched: dict[str, list[str]] = {}
        for record, stage in self._actual:
            if stage in reach and (record, stage) not in self._people:
                untouched.setdefault(stage, []).append(record)
        return untouched

    def _ran(self, stages: tuple[str, ...], asked: _Asked, progress: Progress, stop: Stop) -> Mapping[str, Output]:
        """Run one set of stages with people there, and give the outputs at the outcome's stage."""
        cell = Cell("person", stages)
        into = _Into(self.store, cell)
        summary = execute(self._work(stages, asked), sink=into, cache=self.store, progress=progress, stop=stop)
        if summary.status is not RunStatus.DONE:
            raise RunStopped(f"{summary.error} What was answered is kept; the same command goes on.")
        return into.outputs.get(self._cascade.outcome.stage, {})

    def _work(self, stages: tuple[str, ...], asked: _Asked) -> Work:
        people = [declared for declared in self._cascade.stages if declared.name in stages]
        codes: dict[str, StageCode] = dict(self.then.job.codes)
        for stage in people:
            after = tuple(name for name in stages if name in self._cascade.ancestors(stage.name))
            given = {
                record: respondent.answers for (record, at), respondent in self._people.items() if at == stage.name
            }

            def note(record: str, what: str, stage: str = stage.name, after: tuple[str, ...] = after) -> None:
                asked.note(stage, record, what, after)

            codes[stage.name] = PersonStage(stage, given, asks=note)
        return Work(
            run=self.read.run.id,
            cascade=replace(
                self._cascade,
                stages=tuple(
                    replace(declared, uses=PERSON, is_recorded=False, limits=None)
                    if declared.name in stages
                    else declared
                    for declared in self._cascade.stages
                ),
            ),
            codes=codes,
            corpora=self.then.job.materials.corpora,
            records=self._with_people(stages),
        )

    def _with_people(self, stages: tuple[str, ...]) -> Sequence[Record]:
        """The records that somebody answered at every one of the stages."""
        return [
            record for record in self._evidence.records if all((record.id, name) in self._people for name in stages)
        ]


def _was_called(output: Output | None) -> bool:
    return output is not None and output.status is not Status.SKIPPED


class _Into:
    """Keeps outputs in the cell of a person swap, so that nothing is paid twice, and hands them on."""

    def __init__(self, store: Store, cell: Cell) -> None:
        self._store = store
        self._cell = cell
        self._lock = threading.Lock()
        self.outputs: dict[str, dict[str, Output]] = {}

    def append_outputs(self, run: str, _cell: Cell, outputs: Sequence[Output], /) -> None:
        """Keep the outputs. Raises: StoreError."""
        self._store.append_outputs(run, self._cell, outputs)
        with self._lock:
            for output in outputs:
                self.outputs.setdefault(output.stage, {})[output.record] = output
