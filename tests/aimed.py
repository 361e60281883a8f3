"""Optimisers that turn knobs of a real cascade, each with its own choice of the next stage, at equal calls."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from stagegap.analysis import evidence as ev
from stagegap.analysis.aim import AimRow
from stagegap.attribution.swaps import swap_cell
from stagegap.library.project import Quiet
from stagegap.model.estimate import Estimate
from stagegap.model.record import Json
from stagegap.model.run import SYSTEM
from stagegap.stats.intervals import mean_t
from stagegap.workspace import Workspace

Floats = NDArray[np.float64]
Setting = tuple[int, ...]
Chooser = Literal["aim", "round robin", "random"]
MOST_VARIANTS = 48
"""Of one night."""
CHOOSERS: tuple[Chooser, ...] = ("aim", "round robin", "random")


@dataclass(frozen=True, kw_only=True)
class Grid:
    """Every combination of settings of a cascade, run once."""

    stages: tuple[str, ...]
    """Those with knobs, in order."""
    sizes: tuple[int, ...]
    outcomes: Mapping[Setting, Floats]
    """Of each record."""
    right: Mapping[tuple[Setting, str], Floats]
    """The same with references at one stage."""
    held_out: NDArray[np.bool_]
    after: Mapping[str, int]
    """Stages that a change of one calls anew, itself included."""


def grid(folder: Path, base: str, knobs: Mapping[str, Sequence[Mapping[str, Json]]], **environment: str) -> Grid:
    """Run every combination as a night of variants and read what came of it; the file lies in the base's folder."""
    stages, places = tuple(knobs), [range(len(settings)) for settings in knobs.values()]
    names = {"-".join(map(str, setting)): setting for setting in itertools.product(*places)}
    variants = {
        f"v{name}": {"stages": {stage: knobs[stage][i] for stage, i in zip(stages, setting, strict=True)}}
        for name, setting in names.items()
    }
    night = folder / "night.yaml"
    outcomes: dict[Setting, Floats] = {}
    right: dict[tuple[Setting, str], Floats] = {}
    with Workspace(folder.parents[1], environment=environment, clock=lambda: 0.0) as opened:
        runs: dict[str, str] = {}
        for first in range(0, len(variants), MOST_VARIANTS):
            some = dict(list(variants.items())[first : first + MOST_VARIANTS])
            night.write_text(json.dumps({"matrix": {"base": base, "variants": some}}))
            view = opened.runs.overnight(night, listener=Quiet())
            runs |= {row.variant[1:]: row.run for row in view.rows}
        for name, setting in names.items():
            evidence = opened.runs.attribution(view.cascade, runs[name]).evidence
            outcomes[setting] = ev.outcome_scores(evidence, SYSTEM)
            for stage in stages:
                right[setting, stage] = ev.outcome_scores(evidence, swap_cell(evidence.cascade, {stage}))
        cascade = evidence.cascade
        known = ~np.isnan(np.stack([*outcomes.values(), *right.values()])).any(axis=0)
        held_out = np.array([record.is_held_out for record in evidence.records])
    return Grid(
        stages=stages,
        sizes=tuple(map(len, places)),
        outcomes={setting: values[known] for setting, values in outcomes.items()},
        right={key: values[known] for key, values in right.items()},
        held_out=held_out[known],
        after={stage: 1 + sum(stage in cascade.ancestors(other) for other in cascade.names) for stage in stages},
    )


def climbed(of: Grid, chooser: Chooser, *, seed: int, calls: int) -> float:
    """Points gained on the held-out half by turning one random knob after the other, keeping what scores higher.

    All choosers of a seed start from the same settings and try the settings of a stage in the same order. A try calls
    the stage and all after it on each record that may be seen; for `aim` the swaps with references, whenever something
    was kept, are calls too.
    """
    rng = np.random.default_rng(seed)
    start = tuple(int(rng.integers(size)) for size in of.sizes)
    waiting = {
        stage: [int(i) for i in rng.permutation(size) if i != start[place]]
        for place, (stage, size) in enumerate(zip(of.stages, of.sizes, strict=True))
    }
    seen = ~of.held_out
    now, left, turn = start, calls, 0
    tried, rose = dict.fromkeys(of.stages, 0), dict.fromkeys(of.stages, 0)
    is_new = True
    while any(waiting.values()):
        if chooser == "aim" and is_new:
            left -= sum(of.after[stage] - 1 for stage in of.stages)
            is_new = False
        open_ = [stage for stage in of.stages if waiting[stage]]
        if chooser == "aim":
            stage = max(open_, key=lambda s: _row(of, now, s, tried[s], rose[s], seen).worth)
        elif chooser == "random":
            stage = open_[int(rng.integers(len(open_)))]
        else:
            stage = open_[turn % len(open_)]
        turn += 1
        left -= of.after[stage]
        if left < 0:
            break
        place = of.stages.index(stage)
        there = (*now[:place], waiting[stage].pop(0), *now[place + 1 :])
        tried[stage] += 1
        if of.outcomes[there][seen].mean() > of.outcomes[now][seen].mean():
            rose[stage] += 1
            now, is_new = there, True
    return 100 * float((of.outcomes[now] - of.outcomes[start])[of.held_out].mean())


def _row(of: Grid, now: Setting, stage: str, tried: int, rose: int, seen: NDArray[np.bool_]) -> AimRow:
    gain = float((of.right[now, stage] - of.outcomes[now])[seen].mean())
    return AimRow(
        stage=stage,
        gain=Estimate(value=gain, low=gain, high=gain, n=int(seen.sum()), method="mean"),
        tried=tried,
        rose=rose,
    )


@dataclass(frozen=True, kw_only=True)
class Climbs:
    """What the choosers gained with one number of calls, over all seeds."""

    cascade: str
    calls: int
    gained: Mapping[Chooser, Floats]

    def beside(self, other: Chooser) -> Estimate:
        """Points that `aim` gained more, paired by seed."""
        return mean_t(self.gained["aim"] - self.gained[other])

    def cells(self) -> str:
        """A row of the table."""
        means = " | ".join(f"{self.gained[chooser].mean():.1f}" for chooser in CHOOSERS)
        more = (self.beside(other) for other in CHOOSERS[1:])
        differences = " | ".join(f"{of.value:+.1f} ({of.low:+.1f} to {of.high:+.1f})" for of in more)
        return f"| {self.cascade} | {self.calls} | {means} | {differences} |"


def climbs(name: str, of: Grid, *, calls: Sequence[int], seeds: int) -> list[Climbs]:
    """All choosers with each number of calls a record."""
    return [
        Climbs(
            cascade=name,
            calls=most,
            gained={
                chooser: np.array([climbed(of, chooser, seed=seed, calls=most) for seed in range(seeds)])
                for chooser in CHOOSERS
            },
        )
        for most in calls
    ]
