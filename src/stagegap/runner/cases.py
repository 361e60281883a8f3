"""Records on their way through one cell: what a stage is called with, the key of the call, and answers in its
place.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from itertools import islice
from typing import TypeAlias, cast

from stagegap.attribution.swaps import needed_stages
from stagegap.model.answer import Answer, Output, Status
from stagegap.model.canonical import canonical, digest
from stagegap.model.cascade import Cascade, Kind, Source, Stage
from stagegap.model.record import Json, Record, inner, own_copy
from stagegap.model.run import Carried, Carry, Cell
from stagegap.model.units import Keys, Levels, owner, unit_id
from stagegap.spec.expressions import Condition, ConditionError
from stagegap.stages.corpus import Corpus
from stagegap.stages.protocol import RECORD_INPUT, Recorded, StageCode


def call_key(fingerprint: str, material: Json, repeat: int) -> str:
    """32 hex digits: a hash of the stage's fingerprint, its inputs in canonical form, and the repeat.

    `material` is the inputs, with documents replaced by the hashes of their content.

    >>> call_key("f", {"a": 1, "b": 2}, 0) == call_key("f", {"b": 2, "a": 1}, 0)
    True
    """
    return sha256(canonical([fingerprint, material, repeat])).hexdigest()[:32]


Settled: TypeAlias = Mapping[str, Output]
"""Outputs of a record by stage, as far as they are there."""
_Reader: TypeAlias = Callable[[Output], "tuple[Json, Json]"]
"""Gives what a stage receives, and what stands for it in the key."""


@dataclass(slots=True)
class Call:
    """A stage call that is to be made, unless its key is known."""

    inputs: dict[str, Json]
    key: str


class Wiring:
    """How one stage gets its inputs."""

    def __init__(
        self,
        cascade: Cascade,
        stage: Stage,
        code: StageCode,
        corpora: Mapping[str, Corpus],
        references: Mapping[str, Mapping[str, Answer]] | None = None,
    ) -> None:
        """Wire a stage; `references` are the answers, by stage and record, that a judge may be shown."""
        self.stage = stage
        self.code = code
        self._references = [
            (name, source.name, input_reader(cascade, stage, replace(source, origin="stage"), corpora))
            for name, source in stage.inputs.items()
            if source.origin == "reference"
        ]
        self._given = references or {}
        self._fields = [(name, source.name) for name, source in stage.inputs.items() if source.origin == "record"]
        readers = [
            (name, source.name, input_reader(cascade, stage, source, corpora))
            for name, source in stage.inputs.items()
            if source.origin == "stage"
        ]
        self._values = [(name, source) for name, source, read in readers if read is _read_value]
        self._readers = [reader for reader in readers if reader[2] is not _read_value]
        self._sources = tuple(dict.fromkeys(s.name for s in stage.inputs.values() if s.origin == "stage"))
        self._condition = Condition(stage.when) if stage.when else None
        self._condition_sources = tuple(dict.fromkeys(s.name for s in stage.when_reads if s.origin == "stage"))
        self._recorded = code if isinstance(code, Recorded) else None
        self._fingerprint = code.fingerprint
        self._reads_record = code.reads_record
        self._repeats = stage.repeats

    def prepare(
        self, record: Record, settled: Settled, repeat: int, swapped: frozenset[str] = frozenset()
    ) -> Call | Output:
        """The call to make, or the output that is decided without one: skipped, blocked, a broken condition.

        What was recorded is a fact: no failure before it blocks it, and its condition is asked only where it reads one
        of `swapped`, the stages that a swap may have changed.
        """
        is_fact = self._recorded is not None and self._recorded.holds(record.id)
        if self._condition is not None and not (is_fact and swapped.isdisjoint(self._condition_sources)):
            decided = self._undecided(self._condition, record, settled, repeat)
            if decided is not None and not (is_fact and decided.status is not Status.SKIPPED):
                return decided
        if not is_fact:
            for name in self._sources:
                if _is_failed(settled[name]):
                    return self._blocked(record, settled[name], repeat)
        fields = record.fields
        inputs = {name: own_copy(fields.get(source)) for name, source in self._fields}
        if self._reads_record:
            inputs[RECORD_INPUT] = record.id
        for name, source in self._values:
            inputs[name] = own_copy(settled[source].value)
        material = inputs
        if self._readers or self._references:
            material = inputs.copy()
            for name, source, read in self._readers:
                inputs[name], material[name] = read(settled[source])
            for name, source, read in self._references:
                answer = self._given.get(source, {}).get(record.id)
                if answer is None:
                    return self._output(record, Status.SKIPPED, repeat)
                inputs[name], material[name] = read(given_output(record.id, source, answer))
        return Call(inputs, call_key(self._fingerprint, material, repeat % self._repeats))

    def _undecided(self, condition: Condition, record: Record, settled: Settled, repeat: int) -> Output | None:
        """None when the condition holds, otherwise the output that it decides."""
        read = {name: settled[name] for name in self._condition_sources}
        for output in read.values():
            if _is_failed(output):
                return self._blocked(record, output, repeat)
        values = {name: output.value for name, output in read.items()}
        confidences = {name: output.confidence for name, output in read.items()}
        try:
            if condition.holds(record.fields, values, confidences):
                return None
        except ConditionError as error:
            return self._output(record, Status.UNPARSABLE, repeat, error=f"when: {error}")
        return self._output(record, Status.SKIPPED, repeat)

    def _blocked(self, record: Record, by: Output, repeat: int) -> Output:
        origin = by.because or by.status
        return self._output(record, Status.BLOCKED, repeat, because=origin, error=f"{by.stage} is {by.status}")

    def _output(
        self, record: Record, status: Status, repeat: int, *, because: Status | None = None, error: str = ""
    ) -> Output:
        return Output(
            record=record.id, stage=self.stage.name, status=status, because=because, error=error, repeat=repeat
        )


def identity(cascade: Cascade, stage: Stage, code: StageCode, corpora: Mapping[str, Corpus]) -> str:
    """32 hex digits that stand for what a stage makes of its record and of the stages that it reads.

    Where they are the same in two runs, and what the stage reads is the same too, its calls have the same keys and
    its conditions the same results.
    """
    reads: dict[str, Json] = {}
    for name, source in stage.inputs.items():
        is_documents = source.origin == "stage" and source.part == "value"
        output = cascade.stage(source.name).output if is_documents else None
        corpus = corpora.get(output.of or "") if output is not None and output.kind is Kind.RANKING else None
        reads[name] = [source.origin, source.name, source.part, None if corpus is None else corpus.hash, *source.path]
    condition: list[Json] = [stage.when, [str(source) for source in stage.when_reads]]
    units: list[Json] = [] if stage.each is None else [[str(stage.each), stage.align]]
    return digest([code.fingerprint, code.reads_record, stage.repeats, condition, reads, *units])


def _is_failed(output: Output) -> bool:
    status = output.status
    return status is not Status.OK and status is not Status.REPAIRED and status is not Status.SKIPPED


def given_output(record: str, stage: str, answer: Answer) -> Output:
    """The form in which later stages read a swapped answer; no answer counts as skipped."""
    status = Status.SKIPPED if answer.value is None else Status.OK
    return Output(record=record, stage=stage, status=status, value=answer.given)


def reader(cascade: Cascade, source: Source, corpora: Mapping[str, Corpus]) -> _Reader:
    """The function that reads one part of an earlier stage's output, and what stands for it in a key."""
    output = cascade.stage(source.name).output
    if source.part == "confidence":
        return _read_confidence
    if source.part == "scores":
        return _read_scores
    if source.part == "candidates":
        return _read_candidates
    corpus = corpora.get(output.of or "")
    if source.part == "value" and output.kind is Kind.RANKING and corpus is not None:
        return _document_reader(corpus)
    return _read_value


def input_reader(cascade: Cascade, stage: Stage, source: Source, corpora: Mapping[str, Corpus]) -> _Reader:
    """The same for an input of a stage: one that is asked item by item gets an id or document, and not a ranking."""
    read = reader(cascade, source, corpora)
    is_item = stage.each is not None and stage.each.origin == "stage" and stage.each.name == source.name
    if is_item and cascade.stage(source.name).output.kind is Kind.RANKING:
        read = _first_of(read)
    return _inside(read, source.path) if source.path else read


def _inside(read: _Reader, path: Sequence[str]) -> _Reader:
    def inside(output: Output) -> tuple[Json, Json]:
        value = inner(read(output)[0], path)
        return own_copy(value), value

    return inside


def _first_of(read: _Reader) -> _Reader:
    def first(output: Output) -> tuple[Json, Json]:
        inputs, material = read(output)
        return cast("Sequence[Json]", inputs)[0], cast("Sequence[Json]", material)[0]

    return first


def _read_value(output: Output) -> tuple[Json, Json]:
    return output.value, output.value


def _read_scores(output: Output) -> tuple[Json, Json]:
    scores = list(output.scores) if output.status.has_value else None
    return scores, scores


def _read_candidates(output: Output) -> tuple[Json, Json]:
    candidates = [output.value, *output.alternatives] if output.status.has_value else None
    return own_copy(candidates), candidates


def _read_confidence(output: Output) -> tuple[Json, Json]:
    return output.confidence, output.confidence


def _document_reader(corpus: Corpus) -> _Reader:
    documents, digests = corpus.inputs, corpus.digests

    def ranked(value: Json) -> tuple[Json, Json]:
        if value is None:
            return None, None
        entries = cast("Sequence[Json]", value)
        if not all(isinstance(entry, str) for entry in entries):  # one ranking a unit of the stage, or none
            parts = [ranked(entry) for entry in entries]
            return [part for part, _ in parts], [digest for _, digest in parts]
        ids = corpus.present(cast("Sequence[str]", entries))
        # A copy for each call: what one function changes in a document must not reach the next.
        return [own_copy(documents[name]) for name in ids], [digests[name] for name in ids]

    return lambda output: ranked(output.value)


Units: TypeAlias = Mapping[str, Mapping[Keys, Output]]
"""Outputs of the units of a record, by stage."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """The part of a cascade that one cell touches."""

    runs: tuple[Stage, ...]
    """Stages to call, in cascade order."""
    reads: tuple[str, ...]
    """Swapped stages whose answers the called ones, or the outcome, rest on."""
    swapped: frozenset[str] = frozenset()
    """The swapped stages and all that depend on one."""
    depths: Mapping[str, int] = field(default_factory=dict[str, int])
    """Of `reads`, those that are asked unit by unit: how many lists a unit's name is made of."""


def scope_of(cascade: Cascade, cell: Cell, *, wants: Sequence[str] = ()) -> Scope:
    """The stages of a cell; `wants` are stages whose outputs are wanted beside those that every run needs.

    The system runs every stage, because each is scored. With swaps, only what the wanted outputs depend on runs, cut
    at the swapped stages: what reaches them only through a swapped stage is hidden by it. Wanted are the stages that
    the views of a run need there, or the outcome in a cell that no view knows.
    """
    if not cell.stages:
        return Scope(runs=cascade.stages, reads=())
    needed: set[str] = set()
    open_names = [*_wanted(cascade, cell), *(name for name in wants if name not in cell.stages)]
    while open_names:
        name = open_names.pop()
        if name not in needed:
            needed.add(name)
            if name not in cell.stages:
                open_names.extend(cascade.stage(name).parents)
    levels, reads = Levels.of(cascade), tuple(name for name in cell.stages if name in needed)
    return Scope(
        runs=tuple(stage for stage in cascade.stages if stage.name in needed and stage.name not in cell.stages),
        reads=reads,
        depths={name: depth for name in reads if (depth := levels.depth(name))},
        swapped=frozenset(
            name for name in cascade.names if name in cell.stages or cascade.ancestors(name) & {*cell.stages}
        ),
    )


def _wanted(cascade: Cascade, cell: Cell) -> tuple[str, ...]:
    judges = {judge.stage.name for judge in cascade.judges}
    needed = needed_stages(cascade, cell) if cell.kind == "reference" else ()
    needed = tuple(name for name in needed if name not in judges)
    return needed or (cascade.outcome.stage,)


def repeats_of(cascade: Cascade) -> Mapping[str, int]:
    """How many outputs each stage has for a record: its own repeats, or those of a stage that it rests on."""
    repeats: dict[str, int] = {}
    for stage in cascade.stages:
        repeats[stage.name] = max([stage.repeats, *(repeats[parent] for parent in stage.parents)])
    return repeats


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """The stages that a case still goes through."""

    roots: tuple[str, ...]
    """Where it begins."""
    waits: Mapping[str, int]
    """How many outputs each stage waits for."""
    left: int
    """Stages on the way."""
    carry: Carry | None = None
    """What was taken over from an earlier run: those of its outputs that others read are fetched, not made."""
    swapped: frozenset[str] = frozenset()
    """Stages that the swap of the cell may have changed."""


NEVER = 1 << 30
"""Outputs that a stage waits for which the case does not go through."""


@dataclass(slots=True)
class Case:
    """One record in one repeat, with the outputs that it has so far."""

    record: Record
    repeat: int
    outputs: dict[str, Output]
    waits: dict[str, int]
    """How many outputs each stage still waits for; once it is taken apart there, how many units do."""
    left: int
    """Stages without an output."""
    route: Route
    units: dict[str, dict[Keys, Output]]
    """Outputs of its units, by stage that is asked unit by unit."""
    whole: Case | None = None
    """What it is a unit of; None for a record."""
    keys: Keys = ()
    """Its names there."""


class Cases:
    """Makes the cases of a cell, a few at a time, so that memory does not grow with the records."""

    def __init__(
        self,
        scope: Scope,
        *,
        records: Sequence[Record],
        given: Mapping[str, Mapping[str, Answer]],
        repeats: int,
        carries: Sequence[Carry] = (),
    ) -> None:
        self.carries = carries
        self._routes = (_route(scope), *(_route(scope, carry) for carry in carries))
        self._given = {name: given.get(name, {}) for name in scope.reads}
        self.taken_in = records
        if self._given:
            self.taken_in = [
                record for record in records if all(record.id in answers for answers in self._given.values())
            ]
        self._given_units = {name: _by_record(self._given[name], depth) for name, depth in scope.depths.items()}
        self.left_out = len(records) - len(self.taken_in)
        self.carried_by = bytearray(len(self.taken_in))
        """For each record the number of the carry that took its outputs over, counted from 1; 0 for none."""
        self._order = self._in_order(repeats)

    def _in_order(self, repeats: int) -> Iterator[Case]:
        for repeat in range(repeats):
            for record, number in zip(self.taken_in, self.carried_by, strict=True):
                route = self._routes[number]
                if route.left:
                    given = {
                        name: given_output(record.id, name, answers[record.id]) for name, answers in self._given.items()
                    }
                    units = {
                        name: {
                            keys: given_output(unit_id(record.id, keys), name, answer)
                            for keys, answer in answers.get(record.id, {}).items()
                        }
                        for name, answers in self._given_units.items()
                    }
                    yield Case(record, repeat, given, dict(route.waits), route.left, route, units)

    def untaken(self, carry: Carry, size: int) -> Iterator[Mapping[int, str]]:
        """Place and id of the records that nobody has taken over yet and that have not changed, in parts."""
        for start in range(0, len(self.taken_in), size):
            part = enumerate(self.taken_in[start : start + size], start)
            chunk = {n: record.id for n, record in part if not self.carried_by[n] and record.id not in carry.without}
            if chunk:
                yield chunk

    def note(self, part: Mapping[int, str], carried: Carried, number: int) -> None:
        """Note of a part of `untaken` which records were taken over, by the carry of that number."""
        for place, record in enumerate(part):
            if place not in carried.left:
                self.carried_by[record] = number

    def take(self, limit: int) -> list[Case]:
        """The next cases, at most `limit`; none when all were given."""
        return list(islice(self._order, limit))

    def beginnings(self, cases: Sequence[Case]) -> Iterator[tuple[str, Sequence[Case]]]:
        """Each stage at which some of these cases begin, with those cases."""
        for route in self._routes:
            cases_here = cases if len(self._routes) == 1 else [case for case in cases if case.route is route]
            for root in route.roots if cases_here else ():
                yield root, cases_here


def _by_record(answers: Mapping[str, Answer], depth: int) -> dict[str, dict[Keys, Answer]]:
    """Answers to units by their record and their names in it."""
    by_record: dict[str, dict[Keys, Answer]] = {}
    for name, answer in answers.items():
        place = owner(name, depth)
        if place is not None:
            by_record.setdefault(place[0], {})[place[1]] = answer
    return by_record


def _route(scope: Scope, carry: Carry | None = None) -> Route:
    """The way of a case; where its outputs at some stages are there, through the others, and what they read."""
    carried = carry.repeats if carry else ()
    others = [stage for stage in scope.runs if stage.name not in carried]
    read = {parent for stage in others for parent in stage.parents if parent in carried}
    on_the_way = {stage.name for stage in others} | read
    waits = {stage.name: NEVER for stage in scope.runs} | dict.fromkeys(read, 0)
    waits |= {stage.name: sum(parent in on_the_way for parent in stage.parents) for stage in others}
    return Route(roots=_roots(waits), waits=waits, left=len(on_the_way), carry=carry, swapped=scope.swapped)


def _roots(waits: Mapping[str, int]) -> tuple[str, ...]:
    return tuple(name for name, count in waits.items() if not count)


class Ready:
    """Cases that wait for one stage."""

    def __init__(self) -> None:
        self._cases: deque[Case] = deque()
        self._changed = asyncio.Event()
        self.is_closed = False
        """True when no more is to be taken: all is done, or the run ends early."""

    def put(self, cases: Iterable[Case]) -> None:
        """Add cases; once closed they are dropped, for nobody would take them."""
        if not self.is_closed:
            self._cases.extend(cases)
            self._changed.set()

    def close(self) -> None:
        """Say that no more is to be taken."""
        self.is_closed = True
        self._cases.clear()
        self._changed.set()

    async def take(self, limit: int) -> list[Case]:
        """Wait for a case and give all that are there, at most `limit`; none once closed."""
        while not self._cases and not self.is_closed:
            self._changed.clear()
            await self._changed.wait()
        return [self._cases.popleft() for _ in range(min(limit, len(self._cases)))]
