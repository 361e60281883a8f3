"""What a run's records have in common with those that the system could learn from."""

from __future__ import annotations

from importlib import import_module

# scikit-learn ships no types.
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stagegap.analysis.oddities.columns import Leaks, StageColumns
from stagegap.analysis.oddities.leaks import telling_hits
from stagegap.analysis.oddities.neighbourhood import near_copies
from stagegap.model.cascade import Cascade, Kind
from stagegap.stats.clusters import Clusters, clusters
from stagegap.store.leaking import SampledTexts
from stagegap.store.screening import RunReader

Floats = NDArray[np.float64]
EACH_SIDE = 600
"""Texts of each kind that a classifier is asked to tell apart."""
FEWEST = 60


def leaks_of(reader: RunReader, cascade: Cascade, stages: dict[str, StageColumns], *, seed: int) -> Leaks | None:
    """Look at the splits that stages learn from, otherwise at all splits that are not evaluated; None without any."""
    trained = {s.name: str(s.parameters["train"]) for s in cascade.stages if s.parameters.get("train")}
    splits = sorted(set(trained.values())) or [split for split in reader.splits() if split != cascade.evaluate]
    names = sorted({s.name for stage in cascade.stages for s in stage.inputs.values() if s.origin == "record"})
    others = reader.others(splits) if splits and (trained or cascade.evaluate) else None
    if not names:
        return None
    holds = {s.name: reader.holding(s, _read(cascade, s.name)) for s in cascade.stages if s.output.kind is Kind.TEXT}
    telling = {
        (s.name, name): telling_hits(codes, stages[s.name].reference)
        for s in cascade.stages
        if s.output.kind in (Kind.LABEL, Kind.BOOLEAN)
        for name, codes in reader.field_codes(_read(cascade, s.name)).items()
    }
    nothing = np.full(reader.n, np.nan)
    if others is None or not others.count:
        return Leaks(split="", copies=nothing, shares_group=nothing, older=nothing, holds_answer=holds, telling=telling)
    ours, theirs = others.texts(names)
    near = others.exact_copies(names)
    sampled = near_copies(ours.texts, theirs.texts)
    at = np.array(ours.positions, dtype=np.int64)
    near[at] = np.maximum(near[at], sampled)
    score, kind, units = told_apart(ours, theirs, rng=np.random.default_rng(seed))
    return Leaks(
        split=" and ".join(splits),
        copies=near,
        shares_group=others.shared_groups(),
        older=others.older(),
        holds_answer=holds,
        telling=telling,
        trained=frozenset(trained),
        told_apart=score,
        is_scored=kind,
        apart_units=units,
    )


def _read(cascade: Cascade, stage: str) -> list[str]:
    return sorted({s.name for s in cascade.stage(stage).inputs.values() if s.origin == "record"})


def told_apart(
    ours: SampledTexts, theirs: SampledTexts, *, rng: np.random.Generator
) -> tuple[Floats, Floats, Clusters]:
    """Teach a classifier half of the clusters which texts are scored, and give what it says of the other half."""
    pairs = [(text, unit, 1.0) for text, unit in zip(ours.texts, ours.units, strict=True)][:EACH_SIDE]
    pairs += [(text, unit, 0.0) for text, unit in zip(theirs.texts, theirs.units, strict=True)][:EACH_SIDE]
    units = clusters(unit for _, unit, _ in pairs)
    kind = np.array([side for _, _, side in pairs])
    held_out = (rng.permutation(units.count) < units.count / 2)[units.codes]
    sides = [kind[held_out], kind[~held_out]]
    empty = np.zeros(0)
    if len(pairs) < FEWEST or any(not 0 < side.sum() < len(side) for side in sides):
        return empty, empty, Clusters(codes=np.zeros(0, dtype=np.int64), count=0)
    texts = [text for text, _, _ in pairs]
    vectorizer: Any = import_module("sklearn.feature_extraction.text").TfidfVectorizer(sublinear_tf=True)
    estimator: Any = import_module("sklearn.linear_model").LogisticRegression(max_iter=200)
    model: Any = import_module("sklearn.pipeline").make_pipeline(vectorizer, estimator)
    try:
        model.fit([text for text, out in zip(texts, held_out, strict=True) if not out], kind[~held_out])
    except ValueError:  # no word is left of any text
        return empty, empty, Clusters(codes=np.zeros(0, dtype=np.int64), count=0)
    score = np.asarray(model.decision_function([text for text, out in zip(texts, held_out, strict=True) if out]))
    _, codes = np.unique(units.codes[held_out], return_inverse=True)
    return score, kind[held_out], Clusters(codes=codes.astype(np.int64), count=int(codes.max()) + 1)
