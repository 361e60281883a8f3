"""From replies to outputs, and what is known without calling."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from stagegap.model.answer import Output
from stagegap.runner.cases import Case
from stagegap.runner.inputs import Call, Wiring
from stagegap.runner.work import Cache
from stagegap.runner.writing import BACKLOG
from stagegap.stages.protocol import Reply

REMEMBERED = 2 * BACKLOG
"""Answers of a stage that are kept in memory: at least those that are not written yet and so not in the cache."""


@dataclass(slots=True)
class Sorted:
    """Cases of a batch by what is to be done with them."""

    decided: list[tuple[Case, Output]] = field(default_factory=list[tuple[Case, Output]])
    """Skipped, blocked or known: no call is needed."""
    open: dict[str, list[Case]] = field(default_factory=dict[str, list[Case]])
    """Cases that wait for the same call, by its key."""
    calls: list[Call] = field(default_factory=list[Call])
    """The calls of `open`, in its order."""


class Known:
    """Answers to the calls of one stage: of this run from memory, of earlier ones from the cache."""

    def __init__(self, wiring: Wiring, cache: Cache) -> None:
        self.wiring = wiring
        self._cache = cache
        self._recent: dict[str, Output] = {}

    def sort(self, cases: Iterable[Case]) -> Sorted:
        """Say for each case what is to be done; the cache is asked once."""
        found = Sorted()
        decided, waiting, prepare = found.decided, found.open, self.wiring.prepare
        calls: dict[str, Call] = {}
        for case in cases:
            prepared = prepare(case.record, case.outputs, case.repeat)
            if isinstance(prepared, Output):
                decided.append((case, prepared))
            elif prepared.key in waiting:
                waiting[prepared.key].append(case)
            else:
                waiting[prepared.key] = [case]
                calls[prepared.key] = prepared
        for key, output in self._lookup(list(calls)).items():
            del calls[key]
            decided.extend((case, self.shared(output, case)) for case in waiting.pop(key))
        found.calls.extend(calls.values())
        return found

    def recent(self, key: str) -> Output | None:
        """Give the answer to a call of this run, if it is remembered."""
        return self._recent.get(key)

    def remember(self, outputs: Iterable[Output]) -> None:
        """Keep the outputs that may be used again, and forget the oldest."""
        recent = self._recent
        for output in outputs:
            if output.key:
                recent[output.key] = output
        while len(recent) > REMEMBERED:
            del recent[next(iter(recent))]

    def _lookup(self, keys: Sequence[str]) -> Mapping[str, Output]:
        recent = self._recent
        found = {key: recent[key] for key in keys if key in recent}
        missing = [key for key in keys if key not in found]
        if missing:
            found.update(self._cache.cached(missing))
        return found

    def outputs(self, key: str, reply: Reply, cases: Sequence[Case], *, latency_ms: float) -> list[Output]:
        """Give the output of each case that waited for the same call: the first made it, the others share it."""
        first = cases[0]
        output = Output(
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
        )
        return [output] if len(cases) == 1 else [output, *(self.shared(output, case) for case in cases[1:])]

    def shared(self, output: Output, case: Case) -> Output:
        """Give the same answer for another case, marked as cached."""
        return Output(
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
        )
