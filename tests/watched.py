"""Streams of records with a known change, drawn at random, and whether the watch raises an alarm."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from stagegap.analysis.watch import Batch, Stream, level_of_reference, unlike, watch_view
from stagegap.stats.intervals import wilson

BATCHES, A_BATCH, PLACES = 40, 6, ("outcome", "route", "reply")
RATE = 0.9


@dataclass(frozen=True, kw_only=True)
class Setup:
    title: str
    drop: float = 0.0
    """By how much every score falls after half of the batches."""
    stage_loses: float = 0.0
    """What a stage loses on the same inputs from then on."""
    other_words: float = 0.0
    """Share of the new records that are of another kind from then on."""
    is_promised: bool = False
    """The floor is the true rate itself, so that not a point lies between quiet and fallen."""
    margin: float = 0.05


SETUPS = (
    Setup(title="quiet, floor at the true rate", is_promised=True, margin=0.0),
    Setup(title="quiet, beside 200 labels", margin=0.0),
    Setup(title="quiet, beside 200 labels, 5 points allowed"),
    Setup(title="scores fall by 20 points", drop=0.2),
    Setup(title="scores fall by 40 points", drop=0.4),
    Setup(title="scores fall by 20 points, 90% promised", drop=0.2, is_promised=True),
    Setup(title="a stage loses 30 points on the same inputs", stage_loses=0.3),
    Setup(title="a third of what comes is of another kind", other_words=1 / 3),
)


@dataclass(frozen=True, kw_only=True)
class Heard:
    """Shares of the simulated streams."""

    ever: float
    """An alarm was raised at some look."""
    before: float
    """It was raised before anything changed."""
    score: float
    same_input: float
    inputs: float
    """Which kinds raised one."""


def words(kind: int, rng: np.random.Generator) -> frozenset[str]:
    return frozenset(f"w{kind}{i}" for i in rng.integers(0, 30, size=6)) | {
        f"c{i}" for i in rng.integers(0, 30, size=6)
    }


def heard(setup: Setup, simulations: int) -> Heard:
    counts = np.zeros(5)
    half = BATCHES // 2
    batches = [Batch(run=f"v{i}", at=float(i), records=60, drawn=A_BATCH, again=A_BATCH) for i in range(BATCHES)]
    for seed in range(simulations):
        rng = np.random.default_rng([seed, 5])
        at = np.repeat(np.arange(BATCHES), A_BATCH)
        late = at >= half
        streams: list[Stream] = []
        for place in PLACES:
            values = (rng.random(len(at)) < np.where(late, RATE - setup.drop, RATE)).astype(float)
            share = float((rng.random(200) < RATE).mean())
            reference = wilson(share, n=200, level=level_of_reference(len(PLACES)))
            promised = RATE if setup.is_promised else None
            streams.append(Stream(kind="score", place=place, values=values, batches=at, reference=reference,
                                  promised=promised))  # fmt: skip
        for place in PLACES[1:]:
            then, now = (rng.random((2, len(at))) < RATE).astype(float)
            now = np.where(late & (rng.random(len(at)) < setup.stage_loses), 0.0, now)
            streams.append(Stream(kind="same input", place=place, values=now - then, batches=at))
        old = [words(0, rng) for _ in range(400)]
        new = [
            [words(int(i >= half and rng.random() < setup.other_words), rng) for _ in range(8)] for i in range(BATCHES)
        ]
        payoffs, places = unlike(old, new)
        streams.append(Stream(kind="inputs", place="inputs", values=payoffs, batches=places))
        view = watch_view(streams, batches, cascade="c", base="v0", noun="record", lose_at_most=setup.margin)
        alarms = {row.kind for row in view.rows if row.is_alarm}
        early = watch_view(
            [_until(stream, half) for stream in streams], batches[:half], cascade="c", base="v0", noun="record",
            lose_at_most=setup.margin,
        )  # fmt: skip
        counts += [bool(alarms), early.is_alarm, *(kind in alarms for kind in ("score", "same input", "inputs"))]
    ever, before, score, same_input, inputs = (counts / simulations).tolist()
    return Heard(ever=ever, before=before, score=score, same_input=same_input, inputs=inputs)


def _until(stream: Stream, batch: int) -> Stream:
    early = stream.batches < batch
    return Stream(
        kind=stream.kind, place=stream.place, values=stream.values[early], batches=stream.batches[early],
        reference=stream.reference, promised=stream.promised,
    )  # fmt: skip


def table(rows: Sequence[tuple[Setup, Heard]]) -> str:
    """The table of docs/method-changes.md."""
    lines = ["| what happens | ever an alarm | before it | by score | by the same input | by what comes |"]
    lines.append("|---|---|---|---|---|---|")
    for setup, row in rows:
        shares = (row.ever, row.before, row.score, row.same_input, row.inputs)
        lines.append(f"| {setup.title} | {' | '.join(f'{100 * share:.1f}%' for share in shares)} |")
    return "\n".join(lines)
