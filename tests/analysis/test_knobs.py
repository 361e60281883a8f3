from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace

from stagegap.analysis.runs import Tried, runs_view
from stagegap.analysis.scorecard import scorecard
from stagegap.analysis.views import from_json, to_json
from stagegap.model.estimate import Estimate, unmeasured
from stagegap.model.run import Environment, Provenance, Run, RunStatus, Source
from views_of_runs import CHAIN, material

RUN = Run(id="1" * 32, name="v1", cascade="mail", fingerprint="f", resolved="{}", status=RunStatus.DONE, started_at=1.0)
CASCADE, RECORDS, OUTPUTS, LABELS = material(CHAIN, 40)
CARD = scorecard(CASCADE, RUN, RECORDS, OUTPUTS, LABELS, seed=0, resamples=100)


def tried(
    name: str, knobs: Mapping[str, object], outcome: float, *, records: int = 40, digest: str = "a", code: str = "c"
) -> Tried:
    share = Estimate(value=outcome, low=outcome - 0.1, high=outcome + 0.1, n=40, method="wilson")
    here = Environment(program="0", python="3", platform="x", packages={})
    source = Source(role="code", path="stages.py", digest=code * 64, size=1, kept="text")
    made_from = Provenance(
        environment=here, records=40, records_digest=digest, labels=0, labels_digest="", corpora={}, stages={},
        sources=(source,),
    )  # fmt: skip
    run = replace(RUN, name=name, resolved=json.dumps(knobs), started_at=float(name[1:]), records=records)
    return Tried(run=run, card=replace(CARD, run=name, system=share), cost=0.5, tags=("x",), made_from=made_from)


def test_only_what_differs_among_the_runs_is_a_knob() -> None:
    view = runs_view(
        "mail",
        [
            tried("v3", {"k": 5, "m": "bm25", "same": 1}, 0.5, code="d"),
            tried("v1", {"k": 3, "m": "bm25", "same": 1}, 0.4),
            tried("v2", {"k": 3, "m": "tfidf", "same": 1, "new": "x"}, 0.3),
        ],
    )
    assert view.knobs == ("k", "m", "new", "file stages.py")
    assert [row.run for row in view.rows] == ["v1", "v2", "v3"]
    assert view.rows[1].knobs == {"k": "3", "m": "tfidf", "new": "x", "file stages.py": "as in v1"}
    assert view.rows[2].knobs == {"k": "5", "m": "bm25", "new": "", "file stages.py": "as in v3"}
    assert view.measures == ("outcome", "A", "B", "C")
    assert from_json(type(view), to_json(view)) == view


def test_best_so_far_is_what_rises_above_all_earlier_runs() -> None:
    rows = [tried(f"v{i}", {}, value) for i, value in enumerate((0.4, 0.3, 0.6, 0.6), start=1)]
    view = runs_view("mail", rows)
    assert [row.is_best_so_far for row in view.rows] == [True, False, True, False]
    assert view.headline == "v3 is the best of 4 runs so far: 60% (50 to 70)"
    assert view.warning == ""


def test_runs_on_other_records_draw_a_warning() -> None:
    fewer = runs_view("mail", [tried("v1", {}, 0.4), tried("v2", {}, 0.4, records=10)])
    assert fewer.warning == "The runs saw between 10 and 40 records: compare two of them to be fair."
    other = runs_view("mail", [tried("v1", {}, 0.4), tried("v2", {}, 0.4, digest="b")])
    assert other.warning == "The records of some runs had other contents: compare two of them to be fair."


def test_no_runs_and_runs_without_an_outcome_have_a_sentence() -> None:
    assert runs_view("mail", []).headline == "No run has an outcome yet"
    one = tried("v1", {}, 0.4)
    bare = replace(one, card=replace(one.card, system=unmeasured("not measured")), made_from=None)
    view = runs_view("mail", [bare, replace(bare, run=replace(bare.run, name="v2"))])
    assert (view.headline, view.rows[0].is_best_so_far, view.knobs) == ("No run has an outcome yet", False, ())
