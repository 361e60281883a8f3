from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import planted
import pytest

from stagegap.analysis.codec import from_json, to_json
from stagegap.analysis.scorecard import scorecard
from stagegap.analysis.views import Scorecard
from stagegap.model.answer import Answer, Status
from stagegap.model.cascade import Outcome

CHAIN = planted.Planted(
    shape=planted.CHAIN[3], skill={"A": 0.95, "B": 0.7, "C": 0.9}, recovery={"B": 0.1}
)


def made(cascade: planted.Planted = CHAIN, *, n: int = 300, both: int = 0, seed: int = 3, **options: object) -> Scorecard:
    rows = planted.records(n)
    ids = [row.id for row in rows]
    luck = cascade.luck(n, np.random.default_rng(seed))
    labels = planted.labels(ids, cascade.names) + planted.labels(ids[:both], cascade.names, annotator="bob")
    return scorecard(
        cascade.cascade(), planted.run(), rows, cascade.outputs(luck, ids), labels, seed=1, resamples=500, **options
    )


def test_the_steps_add_up_to_the_headroom():
    view = made()
    assert view.system.value + sum(row.gain.value for row in view.stages) == pytest.approx(view.ceiling.value)


def test_the_weakest_stage_is_named_with_its_numbers():
    view = made()
    assert view.verdict.kind == "holds back"
    assert view.verdict.stage == "B"
    assert view.verdict.headline == "B holds this system back"


def test_a_view_survives_json_and_its_text_is_stable():
    text = to_json(made(both=50))
    assert to_json(from_json(Scorecard, text)) == text


def test_the_same_input_and_seed_give_the_same_view():
    assert to_json(made()) == to_json(made())
