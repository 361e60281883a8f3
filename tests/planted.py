"""Simulated cascades whose true causes are known.

A stage turns inputs that are right into a right output with its own skill, and inputs that are not into a right
output with its chance of recovery. So the truth is known exactly: `Planted.prefix` gives the outcome with references
at the first 0, 1, ... k stages, by enumeration and not by simulation.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stagegap.attribution.swaps import needed_stages, run_cells
from stagegap.model.answer import Answer, Label, Output, Status
from stagegap.model.cascade import Cascade, Kind, Outcome, OutputType, Source, Stage
from stagegap.model.record import Record
from stagegap.model.run import SYSTEM, Cell, Run, RunStatus

RIGHT, WRONG = "right", "wrong"

CHAIN = {1: "A", 2: "A AB", 3: "A AB BC", 4: "A AB BC CD", 5: "A AB BC CD DE", 6: "A AB BC CD DE EF"}
"""Shapes by number of stages; a word per stage: its parents, then itself."""
DIAMOND = "A AB AC BCD"
SKIP = "A AB ABC"


def chain(k: int) -> str:
    """The shape of a chain of 1 to 12 stages."""
    names = "ABCDEFGHIJKL"
    return " ".join(names[max(0, i - 1) : i + 1] for i in range(k))


@dataclass(frozen=True, kw_only=True)
class Planted:
    """A cascade of 0/1 stages with known skills."""

    shape: str
    skill: Mapping[str, float]
    """P(right | every input right)."""
    recovery: Mapping[str, float] = field(default_factory=dict)
    """P(right | some input wrong); 0 unless given."""

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(word[-1] for word in self.shape.split())

    def parents(self, name: str) -> tuple[str, ...]:
        return next(tuple(word[:-1]) for word in self.shape.split() if word[-1] == name)

    def cascade(self) -> Cascade:
        kind = OutputType(kind=Kind.LABEL, values=(RIGHT, WRONG))
        stages = tuple(
            Stage(
                name=name,
                uses="python",
                inputs={"text": Source("record", "text"), **{p: Source("stage", p) for p in self.parents(name)}},
                output=kind,
                metrics=("accuracy",),
            )
            for name in self.names
        )
        return Cascade(
            name="planted", stages=stages, outcome=Outcome(stage=self.names[-1], metric="accuracy", good=1.0)
        )

    def chance(self, name: str, inputs_right: bool) -> float:
        return self.skill[name] if inputs_right else self.recovery.get(name, 0.0)

    def expected(self, swapped: Sequence[str]) -> float:
        """The true P(the last stage is right) with references at the swapped stages."""
        free = [name for name in self.names if name not in swapped]
        total = 0.0
        for outcome in itertools.product((True, False), repeat=len(free)):
            state = dict.fromkeys(swapped, True) | dict(zip(free, outcome, strict=True))
            chance = 1.0
            for name in free:
                p = self.chance(name, all(state[parent] for parent in self.parents(name)))
                chance *= p if state[name] else 1 - p
            total += chance * state[self.names[-1]]
        return total

    def prefix(self) -> list[float]:
        """The true outcome with references at the first 0, 1, ... k stages."""
        return [self.expected(self.names[:count]) for count in range(len(self.names) + 1)]

    def luck(self, n: int, rng: np.random.Generator, *, clusters: NDArray[np.int64] | None = None) -> Luck:
        """Draw what decides each record; with clusters, half of the records share their cluster's draw."""
        draws: dict[str, NDArray[np.float64]] = {}
        for name in self.names:
            own = rng.random(n)
            if clusters is not None:
                shared = rng.random(int(clusters.max()) + 1)[clusters]
                own = np.where(rng.random(n) < 0.5, shared, own)
            draws[name] = own
        return draws

    def right(self, luck: Luck, swapped: Sequence[str]) -> dict[str, NDArray[np.bool_]]:
        """Whether each stage is right on each record; the same luck in every cell, as a cache would give."""
        state: dict[str, NDArray[np.bool_]] = {}
        n = len(next(iter(luck.values())))
        for name in self.names:
            if name in swapped:
                state[name] = np.ones(n, dtype=np.bool_)
                continue
            good = np.ones(n, dtype=np.bool_)
            for parent in self.parents(name):
                good &= state[parent]
            state[name] = luck[name] < np.where(good, self.chance(name, True), self.chance(name, False))
        return state

    def outcomes(self, luck: Luck) -> dict[str, NDArray[np.float64]]:
        """The outcome columns along the ceiling."""
        last = self.names[-1]
        return {
            f"outcome {count}": self.right(luck, self.names[:count])[last].astype(np.float64)
            for count in range(len(self.names) + 1)
        }

    def outputs(self, luck: Luck, ids: Sequence[str]) -> dict[tuple[str, str], dict[str, Output]]:
        """Outputs as a run would: the system's everywhere, and in swap cells only the stages that must run."""
        cascade = self.cascade()
        found = {(str(SYSTEM), name): self._outputs(luck, ids, SYSTEM, name) for name in self.names}
        for cell in run_cells(cascade):
            for name in needed_stages(cascade, cell):
                found[str(cell), name] = self._outputs(luck, ids, cell, name)
        return found

    def _outputs(self, luck: Luck, ids: Sequence[str], cell: Cell, name: str) -> dict[str, Output]:
        state = self.right(luck, cell.stages)[name]
        return {
            record: Output(record=record, stage=name, status=Status.OK, value=RIGHT if ok else WRONG)
            for record, ok in zip(ids, state.tolist(), strict=True)
        }


Luck = dict[str, NDArray[np.float64]]


def records(n: int, *, per_cluster: int = 1, **more: Any) -> tuple[Record, ...]:
    return tuple(
        Record(id=f"r{i:05d}", fields={"text": f"case {i}"}, cluster=f"c{i // per_cluster}", **more) for i in range(n)
    )


def labels(
    ids: Sequence[str], stages: Sequence[str], *, annotator: str = "ann", value: str = RIGHT
) -> tuple[Label, ...]:
    return tuple(
        Label(id=f"{annotator}/{r}/{s}", record=r, stage=s, annotator=annotator, answer=Answer(value=value))
        for r in ids
        for s in stages
    )


def run() -> Run:
    return Run(
        id="0" * 32, name="v1", cascade="planted", fingerprint="", resolved="{}", status=RunStatus.DONE, started_at=0.0
    )
