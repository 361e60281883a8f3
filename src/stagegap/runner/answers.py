"""From replies to outputs, and what is known without calling."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from stagegap.model.answer import Output
from stagegap.model.frozen import maker
from stagegap.model.run import Carry
from stagegap.runner.cases import Case
from stagegap.runner.inputs import Call, Wiring
from stagegap.runner.work import Cache, Carrier
from stagegap.runner.writer import BACKLOG
from stagegap.stages.protocol import Reply

REMEMBERED = 2 * BACKLOG
"""Answers of a stage that are kept in memory: at least those that are not written yet and so not in the cache."""
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


class Known:
    """Answers to the calls of one stage: of this run from memory, of earlier ones from the cache."""

    def __init__(self, wiring: Wiring, cache: Cache, carrier: Carrier | None = None) -> None:
        self.wiring = wiring
        self._cache = cache
        self._carrier = carrier
        # Two generations: taking single old entries off the front of a dict gets slower with each one taken.
        self._recent: dict[str, Output] = {}
        self._older: dict[str, Output] = {}

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
        if len(recent) >= REMEMBERED:
            self._recent, self._older = {}, recent

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
        )
        return [output] if len(cases) == 1 else [output, *(self.shared(output, case) for case in cases[1:])]

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
        )
