"""From replies to outputs, and on to the store in groups."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

from stagegap import redaction
from stagegap.model.answer import Output, Status
from stagegap.model.canonical import canonical
from stagegap.model.cascade import PLACES
from stagegap.model.frozen import maker
from stagegap.model.record import inner
from stagegap.model.run import Carry, Cell
from stagegap.runner.cases import Call, Case, Wiring
from stagegap.runner.work import Cache, Carrier, Claims, Sink
from stagegap.stages.places import misplaced
from stagegap.stages.protocol import Reply

GROUP = 4_096
"""Outputs that are written at once."""
BACKLOG = 2 * GROUP
"""Outputs that may wait before the run waits for the store."""
GROUP_WEIGHT = 8_000_000
"""Characters of outputs that are written at once, however few they are."""
BACKLOG_WEIGHT = 4 * GROUP_WEIGHT
"""Characters that may wait: long outputs fill the memory before they are many."""
DELAY_S = 0.2
"""How long an output may wait for company: with what is being written, all that a crash can lose."""
PAID_DELAY_S = 0.02
"""The same for an output that was paid for: a crash makes somebody pay again."""


class Writer:
    """Collects the outputs of one cell and hands them to the sink, one group at a time."""

    def __init__(self, sink: Sink, *, run: str, cell: Cell) -> None:
        self._sink = sink
        self._run = run
        self._cell = cell
        self._waiting: list[Output] = []
        self._weight = 0
        self._failure: Exception | None = None
        self._is_closed = False
        self._came = asyncio.Event()
        self._is_full = asyncio.Event()
        self._has_room = asyncio.Event()
        self._has_room.set()
        self._hurry: asyncio.TimerHandle | None = None

    def put(self, outputs: Sequence[Output], *, is_paid: bool = False) -> None:
        """Take outputs; returns at once. Raises: what the sink raised earlier."""
        if self._failure is not None:
            raise self._failure
        if not outputs:
            return
        self._waiting.extend(outputs)
        self._weight += sum([output.weight for output in outputs])
        self._came.set()
        if is_paid and self._hurry is None:
            self._hurry = asyncio.get_running_loop().call_later(PAID_DELAY_S, self._is_full.set)
        if len(self._waiting) >= GROUP or self._weight >= GROUP_WEIGHT:
            self._is_full.set()
        if len(self._waiting) >= BACKLOG or self._weight >= BACKLOG_WEIGHT:
            self._has_room.clear()

    async def room(self) -> None:
        """Wait until the store has caught up."""
        await self._has_room.wait()

    def close(self) -> None:
        """Say that nothing more comes: the rest is written and `run` ends."""
        self._is_closed = True
        self._came.set()
        self._is_full.set()

    async def run(self) -> None:
        """Write until closed. Raises: what the sink raises."""
        loop = asyncio.get_running_loop()
        with ThreadPoolExecutor(1, thread_name_prefix="stagegap-writer") as thread:
            while True:
                await self._came.wait()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._is_full.wait(), DELAY_S)
                group, self._waiting, self._weight = self._waiting, [], 0
                if self._hurry is not None:
                    self._hurry.cancel()
                    self._hurry = None
                if not self._is_closed:
                    self._came.clear()
                    self._is_full.clear()
                elif not group:
                    return
                self._has_room.set()
                try:
                    await loop.run_in_executor(thread, self._sink.append_outputs, self._run, self._cell, group)
                except Exception as error:
                    self._failure = error
                    self._has_room.set()
                    raise


REMEMBERED = 2 * BACKLOG
"""Answers of a stage that are kept in memory: at least those that are not written yet and so not in the cache."""
REMEMBERED_WEIGHT = 64_000_000
"""Characters of them: more than may wait to be written."""
LONGEST = 64_000_000
"""Characters of one answer: a longer one would not fit into memory beside others, and is that record's failure."""
_made = maker(Output)


@dataclass(slots=True)
class Sorted:
    """Cases of a batch by what is to be done with them."""

    decided: list[tuple[Case, Output]] = field(default_factory=list[tuple[Case, Output]])
    """Skipped, blocked or known: no call is needed."""
    carried: list[tuple[Case, Output]] = field(default_factory=list[tuple[Case, Output]])
    """Taken over from an earlier run, and stored already."""
    open: dict[str, list[Case]] = field(default_factory=dict[str, list[Case]])
    """Cases that wait for the same call, by its key."""
    calls: list[Call] = field(default_factory=list[Call])
    """The calls of `open`, in its order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """Calls by who makes them, where several runs go on at the same time."""

    ours: Sequence[Call]
    others: Sequence[Call] = ()
    """Another run is making them."""
    answered: Sequence[tuple[Case, Output]] = ()
    """Another run has answered them."""


def without_secrets(replies: Sequence[Reply]) -> list[Reply]:
    """The replies as they may leave the process: into the store, and to the next stage, which may be a service.

    Answers lose the values of this environment's secrets and nothing else; what a stage says of its failure also
    loses what looks like a secret.
    """
    secrets = redaction.secrets()
    return [
        _without_secrets(reply, secrets) if secrets or reply.error or reply.attempts else reply for reply in replies
    ]


def _without_secrets(reply: Reply, secrets: redaction.Secrets) -> Reply:
    value, raw = secrets.known_json(reply.value), secrets.known(reply.raw)
    error = redaction.words(reply.error) if reply.error else ""
    alternatives = tuple(secrets.known_json(entry) for entry in reply.alternatives)
    attempts = tuple(replace(attempt, error=redaction.words(attempt.error)) for attempt in reply.attempts)
    words = (raw, error, alternatives, attempts)
    if value is reply.value and words == (reply.raw, reply.error, tuple(reply.alternatives), reply.attempts):
        return reply
    return replace(reply, value=value, raw=raw, error=error, alternatives=alternatives, attempts=attempts)


class Known:
    """Answers to the calls of one stage: of this run from memory, of earlier ones from the cache."""

    def __init__(
        self, wiring: Wiring, cache: Cache, carrier: Carrier | None = None, claims: Claims | None = None
    ) -> None:
        self.wiring = wiring
        self.claims = claims
        self._cache = cache
        self._carrier = carrier
        # Two generations: taking single old entries off the front of a dict gets slower with each one taken.
        self._recent: dict[str, Output] = {}
        self._older: dict[str, Output] = {}
        self._weight = 0

    def sort(self, cases: Iterable[Case]) -> Sorted:
        """Say for each case what is to be done; the cache is asked once."""
        sorted_cases = Sorted()
        decided, waiting, prepare = sorted_cases.decided, sorted_cases.open, self.wiring.prepare
        name = self.wiring.stage.name
        taken_over: dict[str, tuple[Carry, list[Case]]] = {}
        calls: dict[str, Call] = {}
        for case in cases:
            carry = case.route.carry
            if carry is not None and name in carry.repeats:
                taken_over.setdefault(carry.source, (carry, []))[1].append(case)
                continue
            prepared = prepare(case.record, case.outputs, case.repeat, case.route.swapped)
            if isinstance(prepared, Output):
                decided.append((case, prepared))
            elif prepared.key in waiting:
                waiting[prepared.key].append(case)
            else:
                waiting[prepared.key] = [case]
                calls[prepared.key] = prepared
        for key, output in self._lookup(list(calls)).items():
            del calls[key]
            for case in waiting.pop(key):
                decided.append((case, self.shared(output, case)))
        sorted_cases.calls.extend(calls.values())
        for carry, its_cases in taken_over.values():
            sorted_cases.carried.extend(self._carried(carry, its_cases))
        return sorted_cases

    def _carried(self, carry: Carry, cases: Sequence[Case]) -> Iterator[tuple[Case, Output]]:
        """What an earlier run answered for these cases."""
        if self._carrier is not None:
            names = list(dict.fromkeys(case.record.id for case in cases))
            carried = self._carrier.carried(carry, self.wiring.stage.name, names)
            answers = {(output.record, output.repeat): output for output in carried}
            yield from ((case, answers[case.record.id, case.repeat]) for case in cases)

    def recent(self, key: str) -> Output | None:
        """The answer to a call of this run, if it is remembered."""
        return self._recent.get(key) or self._older.get(key)

    def remember(self, outputs: Iterable[Output]) -> None:
        """Keep the outputs that may be used again, and forget the oldest."""
        recent = self._recent
        for output in outputs:
            if output.key:
                recent[output.key] = output
                self._weight += output.weight
        if len(recent) >= REMEMBERED or self._weight >= REMEMBERED_WEIGHT:
            self._recent, self._older, self._weight = {}, recent, 0

    def answered(
        self, work: Sorted, calls: Sequence[Call], replies: Sequence[Reply], *, latency_ms: float
    ) -> list[tuple[Case, Output]]:
        """The outputs of all cases that waited for these calls, whose answers are remembered."""
        pairs: list[tuple[Case, Output]] = []
        firsts: list[Output] = []
        for call, reply in zip(calls, replies, strict=True):
            waiting = work.open[call.key]
            outputs = self.outputs(call.key, reply, waiting, latency_ms=latency_ms)
            firsts.append(outputs[0])
            pairs.extend(zip(waiting, outputs, strict=True))
        self.remember(firsts)
        return pairs

    def shared_out(self, work: Sorted, calls: Sequence[Call], others: Collection[str]) -> Shared:
        """Look again for calls, some of them others', that may have been answered since they were looked up."""
        outputs = self._lookup([call.key for call in calls])
        if self.claims is not None:
            self.claims.release(outputs)
        pairs = [(case, self.shared(output, case)) for key, output in outputs.items() for case in work.open[key]]
        left = [call for call in calls if call.key not in outputs]
        return Shared(
            ours=[call for call in left if call.key not in others],
            others=[call for call in left if call.key in others],
            answered=pairs,
        )

    def _lookup(self, keys: Sequence[str]) -> Mapping[str, Output]:
        recent, older = self._recent, self._older
        outputs: dict[str, Output] = {}
        missing: list[str] = []
        for key in keys:
            output = recent.get(key) or older.get(key)
            if output is None:
                missing.append(key)
            else:
                outputs[key] = output
        if missing:
            outputs.update(self._cache.cached(missing))
        return outputs

    def outputs(self, key: str, reply: Reply, cases: Sequence[Case], *, latency_ms: float) -> list[Output]:
        """The output of each case that waited for the same call: the first made it, the others share it."""
        first = cases[0]
        if isinstance(reply.value, str) and len(reply.value) > LONGEST:
            reply = Reply(status=Status.UNPARSABLE, error=f"the answer is longer than {LONGEST:,} characters")
        if problem := self._misplaced(reply, first):
            reply = replace(
                reply, status=Status.UNPARSABLE, value=None, error=problem, raw=canonical(reply.value).decode()
            )
        output = _made(
            record=first.record.id,
            stage=self.wiring.stage.name,
            status=reply.status,
            value=reply.value,
            scores=reply.scores,
            confidence=reply.confidence,
            alternatives=reply.alternatives,
            error=reply.error,
            raw=reply.raw,
            latency_ms=latency_ms if reply.latency_ms is None else reply.latency_ms,
            tokens_in=reply.tokens_in,
            tokens_out=reply.tokens_out,
            cost=reply.cost,
            key=key if reply.is_reusable else "",
            repeat=first.repeat,
            at=reply.at,
            attempts=reply.attempts,
        )
        if self.claims is not None and not reply.is_reusable:
            self.claims.release([key])
        return [output] if len(cases) == 1 else [output, *(self.shared(output, case) for case in cases[1:])]

    def _misplaced(self, reply: Reply, case: Case) -> str:
        """Why the places of an answer can't lie in what the stage was given; empty for any other answer."""
        stage = self.wiring.stage
        if stage.output.kind not in PLACES or not reply.status.has_value:
            return ""
        fields = case.record.fields
        inputs = {
            name: fields.get(source.name)
            if source.origin == "record"
            else inner(case.outputs[source.name].value, source.path)
            for name, source in stage.inputs.items()
            if source.origin == "record" or source.name in case.outputs
        }
        return misplaced(stage.output, reply.value, inputs)

    def shared(self, output: Output, case: Case) -> Output:
        """The same answer for another case, marked as cached."""
        return _made(
            record=case.record.id,
            stage=self.wiring.stage.name,
            status=output.status,
            value=output.value,
            scores=output.scores,
            confidence=output.confidence,
            alternatives=output.alternatives,
            error=output.error,
            raw=output.raw,
            latency_ms=output.latency_ms,
            tokens_in=output.tokens_in,
            tokens_out=output.tokens_out,
            cost=output.cost,
            key=output.key,
            cached=True,
            repeat=case.repeat,
            at=output.at,
            attempts=output.attempts,
        )
