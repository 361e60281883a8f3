"""Two simulated versions of one cascade whose true differences are known, on top of `planted`."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

import planted
from stagegap.analysis.changed import what_changed
from stagegap.analysis.coalitions import SwapPlan, swap_plan
from stagegap.analysis.evidence import Evidence, gather
from stagegap.analysis.paired_records import Side
from stagegap.model.answer import Label
from stagegap.model.record import Record
from stagegap.model.run import Cell

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Versions:
    """Version A and what B changes: new skills, and what a new stage loses when it works with another new one."""

    base: planted.Planted
    new: Mapping[str, float] = field(default_factory=dict)
    """Skill of the stages that B changes; the same skill is a rewrite without an effect."""
    clash: Mapping[tuple[str, str], float] = field(default_factory=dict)
    """(earlier, later) -> what the new `later` loses in skill beside the new `earlier`."""

    def mixed(self, taken: Collection[str]) -> planted.Planted:
        """The cascade with these stages at their new version."""
        skill = {name: self.new[name] if name in taken and name in self.new else p for name, p in self._old()}
        for (earlier, later), loss in self.clash.items():
            if earlier in taken and later in taken:
                skill[later] -= loss
        return replace(self.base, skill=skill)

    def _old(self) -> list[tuple[str, float]]:
        return list(self.base.skill.items())

    def luck(self, n: int, rng: np.random.Generator, *, noisy: bool = False) -> tuple[planted.Luck, planted.Luck]:
        """Draw the luck of both versions: one and the same, or with `noisy` a new one at each changed stage."""
        old = self.base.luck(n, rng)
        new = {name: rng.random(n) if noisy and name in self.new else values for name, values in old.items()}
        return old, new

    def luck_of(self, lucks: tuple[planted.Luck, planted.Luck], taken: Collection[str]) -> planted.Luck:
        return {name: lucks[name in taken][name] for name in self.base.names}

    def outcome(self, lucks: tuple[planted.Luck, planted.Luck], taken: Collection[str]) -> Floats:
        """The outcome of each record with these stages at their new version."""
        state = self.mixed(taken).right(self.luck_of(lucks, taken), ())
        return state[self.base.names[-1]].astype(np.float64)

    def plan(self) -> SwapPlan:
        cascade = self.base.cascade()
        prints = dict.fromkeys(self.base.names, "old")
        return swap_plan(cascade, cascade, prints, prints | dict.fromkeys(self.new, "new"))

    def outcomes(self, lucks: tuple[planted.Luck, planted.Luck]) -> dict[Cell, Floats]:
        plan = self.plan()
        return {cell: self.outcome(lucks, cell.stages) for cell in (plan.start, *plan.cells, plan.end)}


@dataclass(frozen=True, kw_only=True)
class Told:
    """What a simulated pair of versions was told to be."""

    named: Mapping[str, str]
    """Stages that something was claimed of, with the word."""
    total: str

    @property
    def is_tied(self) -> bool:
        return not self.named and self.total == "tied"


def told(versions: Versions, n: int, *, seed: int, noisy: bool, per_cluster: int = 1, resamples: int = 400) -> Told:
    """Simulate one pair of versions on n records and say what is claimed of it."""
    rng = np.random.default_rng(seed)
    codes = np.arange(n) // per_cluster
    old = versions.base.luck(n, rng, clusters=None if per_cluster == 1 else codes)
    fresh = versions.base.luck(n, rng, clusters=None if per_cluster == 1 else codes)
    lucks = old, {name: fresh[name] if noisy and name in versions.new else old[name] for name in old}
    view = what_changed(
        versions.plan(),
        versions.outcomes(lucks),
        planted.records(n, per_cluster=per_cluster),
        versions.base.cascade(),
        before="v1",
        after="v2",
        seed=seed,
        resamples=resamples,
    )
    claims = {row.stage: row.claim.verdict for row in view.stages}
    return Told(
        named={stage: word for stage, word in claims.items() if word in ("improved", "regressed")},
        total=view.total.verdict,
    )


def evidence(
    made: planted.Planted,
    luck: planted.Luck,
    records: Sequence[Record],
    labels: Sequence[Label] | None = None,
) -> Evidence:
    ids = [record.id for record in records]
    given = planted.labels(ids, made.names) if labels is None else labels
    return gather(made.cascade(), records, made.outputs(luck, ids), given, custom={})


def side(name: str, found: Evidence, **more: object) -> Side:
    return Side(run=replace(planted.run(), name=name, **more), evidence=found)
