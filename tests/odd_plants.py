"""One oddity at a time, planted into a simulated run: the smallest that its detector promises to find."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from odd_runs import ablation, alpha_of, curve, difference
from stagegap.model.answer import Status
from stagegap.model.curves import Curve, Training
from stagegap.oddities.columns import STATUSES, Codes, Floats, RunColumns

Plant = Callable[[RunColumns, np.random.Generator], RunColumns]


def on(run: RunColumns, name: str, **columns: Any) -> RunColumns:
    """Change columns of one stage."""
    return replace(run, stages={**run.stages, name: replace(run.stages[name], **columns)})


def some(rng: np.random.Generator, n: int, share: float) -> NDArray[np.bool_]:
    """So many of n, drawn."""
    chosen = np.zeros(n, dtype=np.bool_)
    chosen[rng.choice(n, round(n * share), replace=False)] = True
    return chosen


def put(column: Floats | Codes, where: NDArray[np.bool_], value: float) -> Floats:
    return np.where(where, value, column)


def ended(status: Status, share: float) -> Plant:
    def plant(run: RunColumns, rng: np.random.Generator) -> RunColumns:
        places = put(run.stages["draft"].status, some(rng, run.n, share), STATUSES.index(status)).astype(np.int64)
        return on(run, "draft", status=places)

    return plant


def marked(stage: str, column: str, share: float, value: float = 1.0) -> Plant:
    def plant(run: RunColumns, rng: np.random.Generator) -> RunColumns:
        old = getattr(run.stages[stage], column)
        return on(run, stage, **{column: put(old, some(rng, run.n, share), value)})

    return plant


def shapes(run: RunColumns, rng: np.random.Generator) -> RunColumns:
    return on(run, "draft", shape=some(rng, run.n, 0.06).astype(np.int64), shapes=("plain text", "opening words"))


def drift(run: RunColumns, rng: np.random.Generator) -> RunColumns:
    return ended(Status.REPAIRED, 0.06)(run, rng)


def masked(run: RunColumns, rng: np.random.Generator) -> RunColumns:
    draft, found = run.stages["draft"], run.stages["find"]
    good = np.where((found.good == 0) & (rng.random(run.n) < 0.5), 1.0, draft.good)
    return on(run, "draft", good=good, score=good)


def against_all(run: RunColumns, rng: np.random.Generator) -> RunColumns:
    from stagegap.oddities.between import unanimous

    agreed = (unanimous(run, "route") == 1) & (rng.random(run.n) < 0.6)
    good = np.where(agreed, 0.0, np.where(rng.random(run.n) < 0.1, 0.0, 1.0))
    return on(run, "route", good=good, score=good)


def same_input(run: RunColumns, rng: np.random.Generator) -> RunColumns:
    value = run.stages["find"].value.copy()
    value[1] += 1
    return on(run, "find", value=value)


def shift(run: RunColumns, rng: np.random.Generator) -> RunColumns:
    assert run.fields is not None
    size = {"text": rng.normal(380, 60, 100).round()}
    return replace(run, fields=replace(run.fields, size=size))


def easier(run: RunColumns, rng: np.random.Generator) -> RunColumns:
    good = (rng.random(run.n) < 0.65 + 0.15 * run.difficulty).astype(float)
    return on(run, "route", good=good, score=good)


def easier_in_group(run: RunColumns, rng: np.random.Generator) -> RunColumns:
    inside = np.zeros(run.n, dtype=np.bool_)
    inside[run.groups["channel: web"]] = True
    good = np.where(inside, rng.random(run.n) < 0.55 + 0.2 * run.difficulty, run.stages["route"].good).astype(float)
    return on(run, "route", good=good, score=good)


def easier_agreed(run: RunColumns, rng: np.random.Generator) -> RunColumns:
    from stagegap.oddities.between import unanimous

    good = (rng.random(run.n) < np.where(unanimous(run, "route") == 1, 0.55, 0.95)).astype(float)
    return on(run, "route", good=good, score=good)


def easier_quick(run: RunColumns, rng: np.random.Generator) -> RunColumns:
    from stagegap.oddities.expected import seconds

    pace = np.nan_to_num(seconds(run, "route"))
    good = (rng.random(run.n) < np.clip(0.7 + 0.6 * pace, 0.05, 1)).astype(float)
    return on(run, "route", good=good, score=good)


def sure_and_wrong(run: RunColumns, rng: np.random.Generator) -> RunColumns:
    from stagegap.oddities.between import unanimous

    route = run.stages["route"]
    easy = unanimous(run, "route") == 1
    good = np.where(easy & (rng.random(run.n) < 0.3), 0.0, route.good)
    return on(run, "route", confidence=np.where(easy, 0.97, route.confidence), good=good, score=good)


def below_prior(run: RunColumns, rng: np.random.Generator) -> RunColumns:
    good = (rng.random(run.n) < 0.2).astype(float)
    return on(run, "route", good=good, score=good)


def overconfident(run: RunColumns, rng: np.random.Generator) -> RunColumns:
    return on(run, "find", confidence=np.clip(run.stages["find"].confidence + 0.2, 0, 1))


def backwards(run: RunColumns, rng: np.random.Generator) -> RunColumns:
    good = run.stages["find"].good
    return on(run, "find", confidence=np.clip(rng.normal(0.75, 0.1, run.n) - 0.1 * (good - 0.5), 0, 1))


def noisy_confidence(run: RunColumns, rng: np.random.Generator) -> RunColumns:
    return on(run, "find", confidence=rng.random(run.n))


def sure_of_all(run: RunColumns, rng: np.random.Generator) -> RunColumns:
    good = (rng.random(run.n) < 0.6).astype(float)
    return on(run, "route", good=good, score=good, confidence=np.full(run.n, 0.98))


def foreseen(run: RunColumns, rng: np.random.Generator) -> RunColumns:
    return on(above_noise(run, rng), "route", confidence=np.full(run.n, 0.97))


def flagged(run: RunColumns, rng: np.random.Generator) -> RunColumns:
    hits = run.flagged["route"].copy()
    hits[rng.integers(run.n // 2)] = 1
    return replace(run, flagged={**run.flagged, "route": hits})


def moved(run: RunColumns, rng: np.random.Generator) -> RunColumns:
    good = put(run.stages["find"].good, some(rng, run.n, 0.2), 0.0)
    return on(run, "find", good=good, score=good)


def above_people(run: RunColumns, rng: np.random.Generator) -> RunColumns:
    gap = difference(int(rng.binomial(100, 0.02)), int(rng.binomial(100, 0.25)), 100)
    return replace(run, rows=(replace(run.rows[0], gap=gap), *run.rows[1:]))


def right_hurts(run: RunColumns, rng: np.random.Generator) -> RunColumns:
    fixed, broken = int(rng.binomial(200, 0.04)), int(rng.binomial(200, 0.2))
    changed = replace(run.rows[1], gain=difference(fixed, broken, 200), fixed=fixed, broken=broken)
    return replace(run, rows=(run.rows[0], changed, run.rows[2]))


def above_noise(run: RunColumns, rng: np.random.Generator) -> RunColumns:
    people = run.people["route"]
    slip = rng.random(len(people.record)) < 0.3
    answer = np.where(slip, 99 + people.person, people.answer).astype(np.uint64)
    good = (rng.random(run.n) < 0.98).astype(float)
    labelled = replace(run, people={**run.people, "route": replace(people, answer=answer)})
    return on(labelled, "route", good=good, score=good)


def weak(run: RunColumns, rng: np.random.Generator) -> RunColumns:
    people = run.people["route"]
    answer = rng.integers(1, 4, len(people.record)).astype(np.uint64)
    by_dice = replace(people, answer=answer)
    rows = (replace(run.rows[0], alpha=alpha_of(by_dice)), *run.rows[1:])
    return replace(run, people={**run.people, "route": by_dice}, rows=rows)


def hasty(run: RunColumns, rng: np.random.Generator) -> RunColumns:
    people = run.people["draft"]
    quick = (people.person == 2) & (rng.random(len(people.record)) < 0.12)
    times = np.where(quick, 1_500.0, people.active_ms)
    return replace(run, people={**run.people, "draft": replace(people, active_ms=times)})


def wavering(run: RunColumns, rng: np.random.Generator) -> RunColumns:
    people = run.people["draft"]
    changed = (rng.random(len(people.changed)) < 0.35).astype(float)
    return replace(run, people={**run.people, "draft": replace(people, changed=changed)})


def sure_where_split(run: RunColumns, rng: np.random.Generator) -> RunColumns:
    from stagegap.oddities.expected import best_share

    split = best_share(run, "route") < 1
    good = np.where(split, (rng.random(run.n) < 0.35).astype(float), run.stages["route"].good)
    return on(run, "route", confidence=np.where(split, 0.97, run.stages["route"].confidence), good=good, score=good)


def contradicted(run: RunColumns, rng: np.random.Generator) -> RunColumns:
    wrong = some(rng, run.n, 0.08)
    other = rng.integers(1, 1 << 62, run.n).astype(np.uint64)
    systems = [
        replace(one, value=np.where(wrong, other, one.value), good=put(one.good, wrong, 0.0))
        for one in run.others["route"]
    ]
    return replace(run, others={**run.others, "route": systems})


def leaking(column: str, share: float) -> Plant:
    def plant(run: RunColumns, rng: np.random.Generator) -> RunColumns:
        assert run.leaks is not None
        hits = some(rng, run.n, share).astype(float)
        return replace(run, leaks=replace(run.leaks, **{column: hits}))

    return plant


def answer_inside(run: RunColumns, rng: np.random.Generator) -> RunColumns:
    assert run.leaks is not None
    return replace(run, leaks=replace(run.leaks, holds_answer={"draft": some(rng, run.n, 0.01).astype(float)}))


def one_field(run: RunColumns, rng: np.random.Generator) -> RunColumns:
    assert run.leaks is not None
    return replace(run, leaks=replace(run.leaks, telling={("route", "code"): np.r_[0.0, np.ones(run.n - 1)]}))


def told_apart(run: RunColumns, rng: np.random.Generator) -> RunColumns:
    assert run.leaks is not None
    return replace(run, leaks=replace(run.leaks, told_apart=rng.normal(0.9 * run.leaks.is_scored, 1)))


def curved(**odd) -> Plant:
    return lambda run, rng: replace(run, curves=(curve(rng, run.n, **odd),))


def logged(**curves: tuple[float, ...]) -> Plant:
    def plant(run: RunColumns, _: np.random.Generator) -> RunColumns:
        own = tuple(
            Curve(name=name, steps=tuple(map(float, range(len(values)))), values=values)
            for name, values in curves.items()
        )
        training = Training(stage="route", key="k", records=200, prior=1.0, curves=own, seconds=1.0)
        return replace(run, trainings=(training,))

    return plant


def hurting(run: RunColumns, rng: np.random.Generator) -> RunColumns:
    return replace(run, ablations=(ablation(rng, run.n, better=0.14, worse=0.03),))


def pictured(share: float, **values: float) -> Plant:
    def plant(run: RunColumns, rng: np.random.Generator) -> RunColumns:
        (file,), where = run.files, some(rng, run.n, share)
        columns = {name: np.where(where, value, getattr(file, name)) for name, value in values.items()}
        return replace(run, files=(replace(file, **columns),))

    return plant


def same_file(run: RunColumns, rng: np.random.Generator) -> RunColumns:
    (file,), digest = run.files, run.files[0].digest.copy()
    digest[rng.integers(1, run.n)] = digest[0]
    return replace(run, files=(replace(file, digest=digest),))


PLANTS: dict[str, Plant] = {
    "same-file": same_file,
    "turned": pictured(0.02, width=800, height=600),
    "tiny": pictured(0.01, width=20, height=20),
    "blank": pictured(0.01, blank=1),
    "cut-file": pictured(0.01, cut=1),
    "curve-rises": curved(rise=0.45),
    "train-worse": curved(train=0.2),
    "plateau": curved(level=0.42, sizes=(16, 64, 256, 1024, 4096, 16384)),
    "jump": curved(jump=0.25),
    "training-apart": logged(loss=(1.0, 0.5, 0.2, 0.25, 0.31)),
    "training-flat": logged(loss=(1.0, 1.0, 1.0, 0.99, 0.99)),
    "training-guess": logged(log_loss=(1.4, 1.2, 1.1)),
    "training-held-out": logged(score=(0.5, 0.6, 0.7, 0.8, 0.9, 0.9), held_out_score=(0.5, 0.6, 0.7, 0.9, 1.0, 1.0)),
    "helper-hurts": hurting,
    "copies": leaking("copies", 0.01),
    "shared-group": leaking("shares_group", 0.01),
    "time-order": leaking("older", 0.01),
    "answer-inside": answer_inside,
    "one-field": one_field,
    "told-apart": told_apart,
    "weak-agreement": weak,
    "hasty": hasty,
    "wavering": wavering,
    "flagged": flagged,
    "sure-where-split": sure_where_split,
    "contradicted": contradicted,
    "masked": masked,
    "against-all": against_all,
    "same-input": same_input,
    "doubled": marked("find", "doubled", 0.01),
    "slow": marked("draft", "latency", 0.01, 60_000.0),
    "dear": marked("draft", "cost", 0.01, 2.0),
    "shift": shift,
    "easier-given": easier,
    "easier-agreed": easier_agreed,
    "easier-quick": easier_quick,
    "sure-and-wrong": sure_and_wrong,
    "below-prior": below_prior,
    "calibration": overconfident,
    "backwards": backwards,
    "loss": noisy_confidence,
    "loss-prior": sure_of_all,
    "loss-floor": foreseen,
    "moved": moved,
    "right-hurts": right_hurts,
    "above-people": above_people,
    "above-noise": above_noise,
    "unparsable": ended(Status.UNPARSABLE, 0.05),
    "repaired": ended(Status.REPAIRED, 0.05),
    "refused": ended(Status.REFUSED, 0.05),
    "empty": marked("draft", "size", 0.05, 0.0),
    "cut": marked("draft", "cut", 0.05),
    "shapes": shapes,
    "outside": marked("route", "outside", 0.01),
    "foreign": marked("draft", "foreign", 0.08),
    "unstable": marked("find", "unstable", 0.15),
    "drift": drift,
}
"""The smallest oddity that each detector promises to find in 300 records, nine times of ten."""
