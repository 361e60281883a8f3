"""Planted runs with people's labels, as the views of attribution take them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

import planted
from stagegap.analysis.evidence import Evidence, gather
from stagegap.model.answer import Label, Output
from stagegap.model.cascade import Cascade
from stagegap.model.record import Record

Material = tuple[Cascade, tuple[Record, ...], Mapping[tuple[str, str], Mapping[str, Output]], tuple[Label, ...]]

CHAIN = planted.Planted(shape=planted.CHAIN[3], skill={"A": 0.95, "B": 0.7, "C": 0.9})
DIAMOND = planted.Planted(shape=planted.DIAMOND, skill={"A": 0.95, "B": 0.7, "C": 0.75, "D": 0.95})


def material(made: planted.Planted, n: int, *, seed: int = 0, per_cluster: int = 1) -> Material:
    rows = planted.records(n, per_cluster=per_cluster)
    ids = [row.id for row in rows]
    outputs = made.outputs(made.luck(n, np.random.default_rng(seed)), ids)
    return made.cascade(), rows, outputs, planted.labels(ids, made.names)


def evidence(found: Material) -> Evidence:
    """Gather what the views take."""
    return gather(*found, custom={}, run="v1")


def with_people(found: Material, people: Mapping[str, float], *, stage: str, seed: int = 0) -> Material:
    """Let more people label every record at a stage, each right with their own chance."""
    cascade, rows, outputs, labels = found
    rng = np.random.default_rng(seed)
    more: list[Label] = []
    for name, care in people.items():
        for row, is_right in zip(rows, (rng.random(len(rows)) < care).tolist(), strict=True):
            more += planted.labels([row.id], [stage], annotator=name, value="right" if is_right else "wrong")
    return cascade, rows, outputs, (*labels, *more)


def timed(found: Material, milliseconds: int) -> Material:
    cascade, rows, outputs, labels = found
    return cascade, rows, outputs, tuple(replace(label, active_ms=milliseconds) for label in labels)
