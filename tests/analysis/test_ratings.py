"""Ratings beside a run: means, noise, gap to the person, where low ones come from, and whether scores see them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from conftest import Command, Copied
from stagegap import registry
from stagegap.analysis import evidence as ev
from stagegap.analysis.blame import blame
from stagegap.analysis.evidence import outcome_name
from stagegap.analysis.faults import faults_view
from stagegap.analysis.need import need_view
from stagegap.analysis.ratings import NO_FAULT, SEVERAL, UNKNOWN, RatingsView, ratings_sheet, ratings_view
from stagegap.analysis.slices import slices_view
from stagegap.analysis.views import Scorecard, from_json, to_json
from stagegap.attribution.swaps import alone_cells, run_cells
from stagegap.errors import ConfigurationError
from stagegap.exchange.recorded import read_scale
from stagegap.model.answer import Rating
from stagegap.tables.table import Rests
from views_of_runs import CHAIN, DIAMOND, evidence, material


def rated(found: ev.Evidence, *, noise: float, seed: int = 0, system: str = "ours") -> list[Rating]:
    """Three raters about 4 where the end is right and 2 where it is wrong."""
    rng = np.random.default_rng(seed)
    ends = ev.outcome_scores(found, ev.SYSTEM)
    return [
        Rating(
            system=system,
            record=record.id,
            criterion="help",
            rater=rater,
            value=float(2 + 2 * end + noise * rng.normal()),
        )
        for record, end in zip(found.records, ends.tolist(), strict=True)
        for rater in ("ann", "bob", "cid")
    ]


def test_the_planted_noise_means_and_faults_are_found():
    found = evidence(material(CHAIN, 600, per_cluster=2))
    view = ratings_view(found, rated(found, noise=0.7), resamples=400)
    (row,) = view.systems
    assert row.noise.low <= 0.7 <= row.noise.high
    assert (row.raters, row.mean.n, row.mean.clusters) == (3, 600, 300)
    assert row.agreement.low > 0.3
    means = {place.place: place.mean for place in view.places}
    assert set(means) <= {"A", "B", "C", NO_FAULT, SEVERAL, UNKNOWN}
    assert means["B"].high + 1 < means[NO_FAULT].low, "a fault in a chain reaches the end"
    assert sum(mean.n for mean in means.values()) == 600, "every rated answer stands at one place"
    end = next(each for each in view.metrics if each.score == "outcome").correlations
    start = next(each for each in view.metrics if each.score.startswith("A.")).correlations
    assert end.pearson.low > start.pearson.high, "the end's score goes with ratings of the end"
    assert from_json(RatingsView, to_json(view)) == view


def test_branches_that_went_wrong_together_are_a_place_of_their_own():
    found = evidence(material(DIAMOND, 400))
    places = {place.place: place.mean.n for place in ratings_view(found, rated(found, noise=0.1), resamples=100).places}
    assert places[SEVERAL] == int((np.sum([*found.faults.first.values()], axis=0) > 1).sum()) > 10


def test_a_person_in_the_file_gives_the_gap():
    found = evidence(material(CHAIN, 200))
    human = [replace(each, system="human", value=4.0) for each in rated(found, noise=0)]
    view = ratings_view(
        found, [*rated(found, noise=0), *human], system="ours", person="human", scale=(1, 5), resamples=200
    )
    (gap,) = view.gaps
    share = float(np.nanmean(ev.outcome_scores(found, ev.SYSTEM)))
    assert gap.gap.value == pytest.approx(2 * (1 - share))
    assert gap.gap.low > 0
    assert [row.system for row in view.systems] == ["human", "ours"]
    printed = ratings_sheet(view)
    assert gap.sentence in printed.parts


def test_what_the_run_does_not_score_is_counted_and_one_rater_has_no_noise():
    found = evidence(material(CHAIN, 40))
    one = [each for each in rated(found, noise=0.2) if each.rater == "ann"]
    stray = replace(one[0], record="elsewhere")
    view = ratings_view(found, [*one, stray], resamples=100)
    assert (view.n, view.elsewhere) == (40, 1)
    assert view.systems[0].noise.method == "not measured: no answer has two ratings"
    assert not view.systems[0].agreement.is_measured
    assert "1 of others are left out." in str(ratings_sheet(view).parts[0])
    few = ratings_view(found, one[:9], resamples=100)
    assert any("too few: 9 records have both" in part for part in ratings_sheet(few).parts if isinstance(part, str))
    assert ratings_view(found, [stray], system="ours", resamples=100).systems == ()


def test_a_name_that_the_file_does_not_hold_is_told():
    found = evidence(material(CHAIN, 20))
    several = [*rated(found, noise=0), *rated(found, noise=0, system="theirs")]
    with pytest.raises(ConfigurationError, match=r"no ratings of 'oars'. Did you mean ours"):
        ratings_view(found, several, system="oars")
    with pytest.raises(ConfigurationError, match=r"Name one of ours, theirs."):
        ratings_view(found, several)


@pytest.mark.parametrize(("text", "ends"), [("1-5", (1, 5)), ("-25 to 0", (-25, 0)), ("0..1.5", (0, 1.5))])
def test_a_scale_is_read(text: str, ends: tuple[float, float]):
    assert read_scale(text) == ends


@pytest.mark.parametrize("text", ["5", "5-1", "low-high"])
def test_what_is_no_scale_is_told(text: str):
    with pytest.raises(ConfigurationError, match="the lowest and the highest rating, as 1-5"):
        read_scale(text)


def test_the_command_reads_a_file_of_ratings(once: Copied, stagegap: Command, tmp_path: Path):
    made = once(tmp_path)
    rows = "".join(f"first,q{i:02d},help,{who},{4 - (i % 3)}\n" for i in range(60) for who in ("ann", "bob"))
    (made / "ratings.csv").write_text("system,record,criterion,rater,value\n" + rows)
    printed = stagegap("show", "ratings", str(made / "ratings.csv"), "--scale", "1-5")
    assert (printed.code, printed.error) == (0, "")
    assert "Ratings beside v1 of first" in printed.out
    assert "By where the first fault lies" in printed.out
    refused = stagegap("show", "ratings", str(made / "ratings.csv"), "--scale", "five")
    assert refused.code == 2


FILE = """\
cascade: judged
records: {path: records.jsonl, id: id, cluster: who}
references: {path: references.jsonl}
ratings: {path: ratings.jsonl, scale: [1, 5], person: human}
stages:
  route:
    uses: python
    with: {function: "stages.py:route"}
    inputs: {n: record.n}
    output: {type: label, values: [odd, even]}
  draft:
    uses: python
    with: {function: "stages.py:draft"}
    inputs: {n: record.n, route: route}
    output: {type: text}
    score: exact
outcome: {score: draft.rating@help, good: ">= 0.6"}
outcomes: [{score: draft.rating@tone}, {score: draft.exact}]
"""
CODE = """\
def route(n):
    return "even" if n % 3 else "odd"


def draft(n, route):
    return f"{n} is {route}"
"""
SHARE = {
    "help": {i: (2 * (2 if i % 3 == 0 else 5 - i % 2) + 3 - 3) / 12 for i in range(50)},
    "tone": {i: (i % 5) / 4 for i in range(50)},
}
"""What the files say of the first fifty of sixty answers, from 0 to 1: three raters of the help, one of the tone."""


def judged(folder: Path) -> Path:
    """A cascade whose outcome is what people say of its answers, in a run that is called v1."""
    made = folder / "pipelines" / "judged"
    made.mkdir(parents=True)
    (made / "cascade.yaml").write_text(FILE)
    (made / "stages.py").write_text(CODE)
    kinds = ["even" if i % 2 == 0 else "odd" for i in range(60)]
    right = [("route", kinds), ("draft", [f"{i} is {kind}" for i, kind in enumerate(kinds)])]
    rows = {
        "records": [{"id": f"r{i}", "n": i, "who": f"w{i // 3}"} for i in range(60)],
        "references": [
            {"record": f"r{i}", "stage": stage, "annotator": "ab", "value": value}
            for stage, values in right
            for i, value in enumerate(values)
        ],
        "ratings": [
            {"system": system, "record": f"r{i}", "criterion": "help", "rater": rater, "value": value}
            for i in range(50)
            for system, first in (("v1", 2 if i % 3 == 0 else 5 - i % 2), ("human", 4))
            for rater, value in (("x", first), ("y", first), ("z", 3))
        ]
        + [
            {"system": "v1", "record": f"r{i}", "criterion": "tone", "rater": "x", "value": 1 + i % 5}
            for i in range(50)
        ],
    }
    for name, lines in rows.items():
        (made / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in lines))
    return made


def test_ratings_are_an_outcome_of_the_run_whose_answers_they_are_of(stagegap: Command, tmp_path: Path):
    made = judged(tmp_path)
    assert stagegap("run").code == 0
    card = from_json(Scorecard, stagegap("show", "--json").out)
    shares = np.array([*SHARE["help"].values()])
    assert (card.outcome_name, card.system.n) == ("good records (draft.rating@help >= 0.6)", 50)
    assert card.system.value == pytest.approx(float((shares >= 0.6).mean()))
    assert card.system.clusters == 17, "of three records each, the last one cut"
    assert (
        card.ceiling.method == "not measured: people rated what draft answered, not what it would answer on references"
    )
    tone, exact = card.others
    assert tone.system.value == pytest.approx(np.mean([*SHARE["tone"].values()]))
    assert (exact.system.value, exact.ceiling.value) == (pytest.approx(0.5), 1), "a score beside it has its gains"
    printed = stagegap("show").out
    assert f"The system gets {card.system.value:.0%} (95% interval" in printed
    blamed = json.loads(stagegap("show", "blame", "--json").out)
    bad = [i for i, share in SHARE["help"].items() if share < 0.6]
    wrong = [i for i in bad if (i % 3 != 0) != (i % 2 == 0)]
    assert (blamed["n"], blamed["bad"]) == (50, len(bad))
    assert blamed["stages"][0]["first_fault"]["value"] == pytest.approx(len(wrong) / len(bad))
    beside = stagegap("show", "ratings").out
    assert "Ratings beside v1 of judged (rated as v1)" in beside
    assert "Labeller minus system is" in beside
    (made / "ratings.jsonl").write_text((made / "ratings.jsonl").read_text().replace('"value": 2}', '"value": 5}'))
    again = from_json(Scorecard, stagegap("show", "--json").out)
    assert again.system.value > card.system.value, "a kept view rests on the ratings too"


def test_ratings_stay_with_the_answers_that_they_are_of(stagegap: Command, tmp_path: Path):
    made = judged(tmp_path)
    stagegap("run")
    (made / "stages.py").write_text(CODE.replace("{n} is", "{n}{' ' * (n % 5 == 0)} is"))
    other = stagegap("run").out
    assert "nobody rated what draft answered in this run" in other
    assert "under the name of the run in the file of ratings" in other
    assert stagegap("show", "ratings").error.startswith("Nobody rated what draft answered in v2: ")
    assert "60 records left out for lack of an outcome" in stagegap("show", "changed").out, (
        "not only those that changed"
    )
    assert stagegap("show", "selfcheck").code == 2
    (made / "stages.py").write_text(CODE + "\n# the same answers\n")
    card = from_json(Scorecard, (stagegap("run"), stagegap("show", "--json"))[1].out)
    assert (card.run, card.system.n) == ("v3", 50), "the very same answers are rated as they were"
    text = (made / "cascade.yaml").read_text()
    (made / "cascade.yaml").write_text(text.replace("rating@tone", "rating@tune"))
    refused = stagegap("run")
    assert refused.code == 2
    assert "is by the criterion 'tune'. Did you mean tone?" in refused.error
    rows = (made / "ratings.jsonl").read_text()
    (made / "ratings.jsonl").write_text(rows.replace('"value": 3}', '"value": 7}', 1))
    assert "The rating 7 of 'r0' lies outside the scale from 1 to 5." in stagegap("show", "--run", "v1").error


def test_recorded_answers_are_rated_under_the_name_of_their_system(stagegap: Command, tmp_path: Path):
    made = judged(tmp_path)
    recorded = FILE.replace("person: human", "person: human, system: v1").replace(
        'uses: python\n    with: {function: "stages.py:draft"}',
        "uses: recorded\n    with: {path: drafts.jsonl, status: status}",
    )
    (made / "cascade.yaml").write_text(recorded)
    drafts = [{"record": f"r{i}", "stage": "draft", "status": "ok", "value": f"about {i}"} for i in range(58)]
    lost = [{"record": f"r{i}", "stage": "draft", "status": "timeout", "value": None} for i in (58, 59)]
    (made / "drafts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in [*drafts, *lost]))
    for run in ("v1", "v2"):
        assert stagegap("run").code == 0, "an answer that was not recorded can't be asked for again"
        card = from_json(Scorecard, stagegap("show", "--json").out)
        assert (card.run, card.system.n) == (run, 50)
        assert card.system.value == pytest.approx(np.mean([share >= 0.6 for share in SHARE["help"].values()]))
    lines = [line for line in FILE.splitlines() if not line.startswith(("ratings", "outcomes"))]
    (made / "cascade.yaml").write_text("\n".join(lines).replace("rating@help", "exact"))
    stagegap("run")
    assert "has no key ratings, so none are known" in stagegap("show", "ratings").error


def test_swapped_or_replaced_answers_have_no_rating():
    cascade, records, outputs, labels = material(CHAIN, 60)
    rated_cascade = replace(cascade, outcome=replace(cascade.outcome, metric="rating@help", good=None))
    assert run_cells(rated_cascade) == alone_cells(cascade), "no swap is paid for whose answers nobody rated"
    shares = {record.id: 0.25 + (i % 3) / 4 for i, record in enumerate(records[:40])}
    found = ev.gather(rated_cascade, records, outputs, labels, custom={}, ratings={"rating@help": shares})
    assert np.nanmean(ev.outcome_scores(found, ev.SYSTEM)) == pytest.approx(np.mean([*shares.values()]))
    assert outcome_name(rated_cascade) == "mean C.rating@help"
    for name, view in (
        ("blame", blame(found, resamples=50)),
        ("faults", faults_view(found)),
        ("slices", slices_view(found, resamples=50)),
        ("need", need_view(found, resamples=50)),
    ):
        assert view.outcome_name == "mean C.rating@help", name
        sheet = registry.view(name).sheet(view)
        assert not sheet.has_rate or Rests.RATINGS in " ".join(sheet.sentences), name
        assert Rests.REFERENCES not in " ".join(sheet.sentences), name
    end = str(ev.SYSTEM), cascade.outcome.stage
    other = {**outputs[end], records[0].id: replace(outputs[end][records[0].id], value="something else")}
    assert np.isnan(ev.outcome_scores(replace(found, outputs={**outputs, end: other}), ev.SYSTEM)).all()
    beyond = {**outputs[end], records[50].id: replace(outputs[end][records[50].id], value="something else")}
    assert (~np.isnan(ev.outcome_scores(replace(found, outputs={**outputs, end: beyond}), ev.SYSTEM))).sum() == 40
    assert np.isnan(ev.outcome_scores(found, ev.closed_cell(rated_cascade, "C"))).all()
