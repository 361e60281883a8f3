from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

import planted
from stagegap.analysis.answers import group_scores
from stagegap.analysis.changes import Comparison, StageChange
from stagegap.analysis.compare import accept, compare, headline, summary
from stagegap.analysis.evidence import Evidence, gather
from stagegap.analysis.paired_records import Side
from stagegap.analysis.scorecard import measured
from stagegap.analysis.views import from_json, to_json
from stagegap.model.answer import Answer, Fact, Label, Output, Status
from stagegap.model.cascade import Cascade, Kind, Outcome, OutputType, Source, Stage
from stagegap.model.record import Record
from versions import Versions, evidence, side

CHAIN = planted.Planted(shape=planted.CHAIN[3], skill={"A": 0.95, "B": 0.7, "C": 0.9}, recovery={"C": 0.2})
BETTER = Versions(base=CHAIN, new={"B": 0.9})
N = 300
RECORDS = planted.records(N)
LUCK = CHAIN.luck(N, np.random.default_rng(5))
OLD = side("v1", evidence(CHAIN, LUCK, RECORDS))
NEW = side("v2", evidence(BETTER.mixed("B"), LUCK, RECORDS))


def made(before: Side, after: Side) -> Comparison:
    return compare(before, after, seed=1, resamples=300)


def rows(view: Comparison) -> dict[str, StageChange]:
    return {row.stage: row for row in (view.outcome, *view.stages)}


def verdicts(view: Comparison) -> dict[str, str]:
    return {name: row.claim.verdict for name, row in rows(view).items()}


def test_the_change_is_found_where_it_was_made_and_at_the_end():
    view = made(OLD, NEW)
    assert verdicts(view) == {"outcome": "improved", "A": "tied", "B": "improved", "C": "improved"}
    assert view.headline == "v2 is better than v1: +11 points (95% interval 8 to 15)"
    assert view.summary.startswith("Paired on 300 records, judged by good records (C.accuracy >= 1). B: +17 points (")
    assert "Nothing changed at A: every output is the same." in view.summary
    partly = replace(view.outcome.claim, change=replace(view.outcome.claim.change, n=200))
    stated = summary(replace(view, outcome=replace(view.outcome, claim=partly)))
    assert stated.startswith("Paired on 300 records, of which 200 have a score at the end, judged by ")
    assert rows(view)["C"].alone.value == 0, "on references the last stage is what it was"
    assert view.claims == 3, "stage A gave the same outputs: nothing to claim"


def test_identical_runs_are_tied_everywhere():
    view = made(OLD, replace(OLD, run=replace(OLD.run, name="v2")))
    assert set(verdicts(view).values()) == {"tied"}
    assert all(row.claim.change.high == 0 == row.claim.change.low for row in rows(view).values())
    assert view.headline == "v2 gives the same answers as v1"
    assert "Nothing changed at A, B and C: every output is the same." in view.summary
    assert all(not found.worse and not found.better and not found.changed_only for found in view.lists)
    assert (view.config, view.claims, view.refusal) == ((), 0, None)


def test_swapping_the_runs_flips_every_sign():
    there, back = made(OLD, NEW), made(NEW, OLD)
    mirrored = {"improved": "regressed", "regressed": "improved", "tied": "tied", "too few": "too few"}
    for name, row in rows(there).items():
        other = rows(back)[name]
        assert other.claim.change.value == -row.claim.change.value
        assert other.claim.change.low == pytest.approx(-row.claim.change.high)
        assert (other.claim.p, other.claim.verdict) == pytest.approx((row.claim.p, mirrored[row.claim.verdict])) or (
            math.isnan(row.claim.p) and other.claim.verdict == "tied"
        )
        assert (other.flips.fixed, other.flips.broken) == (row.flips.broken, row.flips.fixed)


def test_means_flips_and_the_difference_agree():
    for row in rows(made(OLD, NEW)).values():
        flips = row.flips
        n = flips.stayed_right + flips.broken + flips.fixed + flips.stayed_wrong
        assert n == row.before.n == row.after.n == N
        assert row.after.value - row.before.value == pytest.approx(row.claim.change.value)
        assert (flips.fixed - flips.broken) / n == pytest.approx(row.claim.change.value)


def test_the_view_survives_json_and_is_the_same_each_time():
    text = to_json(made(OLD, NEW))
    assert to_json(from_json(Comparison, text)) == text == to_json(made(OLD, NEW))


def test_lists_hold_the_records_that_moved():
    view = made(NEW, OLD)
    found = {lists.stage: lists for lists in view.lists}
    assert list(found) == ["outcome", "A", "B", "C"]
    assert (found["B"].n_worse, found["B"].n_better) == (rows(view)["B"].flips.broken, 0)
    first = found["B"].worse[0]
    assert (first.before, first.after, first.reference) == ("right", "wrong", "right")
    assert (first.score_before, first.score_after, first.flip) == (1.0, 0.0, "broken")
    assert [row.record for row in found["B"].worse] == sorted(row.record for row in found["B"].worse)
    assert first.title.startswith("case ")


def test_too_few_records_say_so():
    few = [replace(s, evidence=replace(s.evidence, records=RECORDS[28:50])) for s in (OLD, NEW)]
    view = made(*few)
    assert view.headline == "Too few to read: 22 of 30 records"
    assert "Too few to read at B and C." in view.summary


def test_no_labels_no_scores():
    bare = [side(n, evidence(m, LUCK, RECORDS, labels=())) for n, m in (("v1", CHAIN), ("v2", BETTER.mixed("B")))]
    assert made(*bare).headline == "Not measured: no record has this score"


def test_stages_that_moved_are_named_though_the_outcome_did_not():
    # C no longer cares whether B is right, so the end stays as it is while B gets worse.
    deaf = planted.Planted(shape=planted.CHAIN[3], skill=CHAIN.skill, recovery={"C": 0.9})
    worse = replace(deaf, skill={**CHAIN.skill, "B": 0.5})
    view = made(side("v1", evidence(deaf, LUCK, RECORDS)), side("v2", evidence(worse, LUCK, RECORDS)))
    assert view.headline == "v2 gives the same answers as v1, but B is worse"
    noisy = {**LUCK, "C": LUCK["C"][::-1]}
    moved = made(side("v1", evidence(deaf, LUCK, RECORDS)), side("v2", evidence(worse, noisy, RECORDS)))
    assert moved.headline == "No measurable difference between v1 and v2 (n = 300), but B is worse"


def test_infrastructure_is_counted_and_in_no_figure():
    outputs = dict(NEW.evidence.outputs)
    outputs["system", "C"] = {
        record: replace(output, status=Status.INFRASTRUCTURE, value=None) if record < "r00020" else output
        for record, output in outputs["system", "C"].items()
    }
    view = made(OLD, replace(NEW, evidence=replace(NEW.evidence, outputs=outputs)))
    row = rows(view)["C"]
    assert (row.infrastructure_before, row.infrastructure_after) == (0, 20)
    assert row.before.n == row.claim.change.n == view.outcome.claim.change.n == N - 20
    assert view.refusal is None


# Refusals


def without(found: Evidence, ids: Sequence[str]) -> Evidence:
    kept = {
        place: {record: output for record, output in outputs.items() if record not in ids}
        for place, outputs in found.outputs.items()
    }
    return replace(found, outputs=kept)


def test_other_records_are_refused_and_the_shared_ones_are_offered():
    lost = [record.id for record in RECORDS[:50]]
    view = made(replace(OLD, evidence=without(OLD.evidence, lost)), NEW)
    assert view.refusal is not None
    assert view.refusal.reasons == ("v1 saw 250 of the 300 records of v2.",)
    assert view.refusal.offer == "Compare the 250 records that are the same in both?"
    assert (view.headline, view.summary, view.n, view.is_accepted) == ("", "", 250, False)
    taken = accept(view)
    assert taken.is_accepted
    assert taken.headline.startswith("v2 is better than v1: +12 points")
    other_way = made(NEW, replace(OLD, evidence=without(OLD.evidence, lost)))
    assert other_way.refusal is not None
    assert other_way.refusal.reasons == ("v1 saw 250 of the 300 records of v2.",)


def test_nothing_shared_offers_nothing():
    ids = [record.id for record in RECORDS]
    half = [replace(s, evidence=without(s.evidence, part)) for s, part in ((OLD, ids[:150]), (NEW, ids[150:]))]
    view = made(*half)
    assert view.refusal is not None
    assert (view.refusal.offer, view.refusal.shared) == ("", 0)
    assert len(view.refusal.reasons) == 2
    with pytest.raises(ValueError, match="offers no smaller one"):
        accept(view)
    with pytest.raises(ValueError, match="offers no smaller one"):
        accept(made(OLD, NEW))


def test_the_same_id_with_other_content_is_another_record():
    edited = (replace(RECORDS[0], fields={"text": "something else"}), *RECORDS[1:])
    view = made(OLD, replace(NEW, evidence=replace(NEW.evidence, records=edited)))
    assert view.refusal is not None
    assert view.refusal.reasons == ("1 record has the same id but other content.",)
    assert view.refusal.shared == N - 1


def test_other_references_are_refused():
    references = dict(NEW.evidence.references)
    for record in ("r00000", "r00001"):
        references[record, "B"] = replace(references[record, "B"], accepted=(Answer(value="wrong"),))
    view = made(OLD, replace(NEW, evidence=replace(NEW.evidence, references=references)))
    assert view.refusal is not None
    assert view.refusal.reasons == ("2 records have other references.",)
    assert view.refusal.offer == "Compare the 298 records that are the same in both?"


def changed_stage(found: Evidence, name: str, **more: object) -> Evidence:
    cascade = found.cascade
    stages = tuple(replace(s, **more) if s.name == name else s for s in cascade.stages)
    return replace(found, cascade=replace(cascade, stages=stages))


def test_another_type_is_refused_and_that_stage_is_not_compared():
    other = changed_stage(NEW.evidence, "B", output=OutputType(kind=Kind.TEXT))
    view = made(OLD, replace(NEW, evidence=other))
    assert view.refusal is not None
    assert view.refusal.reasons == ("The output type of B is another one in v2.",)
    assert not rows(view)["B"].is_compared
    assert rows(view)["B"].sentence == "B: not compared, its type or its metric differs"
    assert accept(view).headline.startswith("v2 is better than v1")


def test_another_metric_is_refused():
    view = made(OLD, replace(NEW, evidence=changed_stage(NEW.evidence, "B", metrics=("exact",))))
    assert view.refusal is not None
    assert view.refusal.reasons == ("B is scored by accuracy in v1 and by exact in v2.",)


def test_another_outcome_leaves_only_the_stages():
    cascade = replace(NEW.evidence.cascade, outcome=Outcome(stage="C", metric="accuracy", good=0.5))
    view = made(OLD, replace(NEW, evidence=replace(NEW.evidence, cascade=cascade)))
    assert view.refusal is not None
    assert view.refusal.reasons == ("The outcome of v2 is another one than that of v1.",)
    assert view.outcome.sentence == "outcome: not compared, the two runs are judged by different outcomes"
    assert accept(view).headline == "The outcomes of v1 and v2 can't be compared, but B and C are better"
    assert [lists.stage for lists in view.lists] == ["A", "B", "C"]


def test_stages_of_one_run_only_are_listed():
    short = planted.Planted(shape="A AC", skill={"A": 0.95, "C": 0.9})
    view = made(OLD, side("v2", evidence(short, LUCK, RECORDS)))
    assert view.refusal is not None
    assert view.refusal.reasons == ("B stands in v1 only.",)
    assert [row.stage for row in view.stages] == ["A", "C", "B"]
    assert rows(view)["B"].sentence == "B: not compared, only v1 has it"
    other_way = made(side("v2", evidence(short, LUCK, RECORDS)), OLD)
    assert rows(other_way)["B"].sentence == "B: not compared, only v1 has it"
    assert other_way.refusal is not None
    assert other_way.refusal.reasons == ("B stands in v1 only.",)


# Scores that are no 0/1, texts, clusters


def text_cascade(good: float | None) -> Cascade:
    stage = Stage(
        name="draft",
        uses="python",
        inputs={"text": Source("record", "text")},
        output=OutputType(kind=Kind.TEXT),
        metrics=("fact_recall",),
    )
    return Cascade(
        name="mail", stages=(stage,), outcome=Outcome(stage="draft", metric="fact_recall", good=good), noun="mail"
    )


def text_side(name: str, texts: Sequence[str], good: float | None = None, *, per_cluster: int = 1) -> Side:
    records = tuple(Record(id=f"m{i:03d}", fields={"text": f"mail {i}"}, cluster=f"c{i // per_cluster}")
                    for i in range(len(texts)))  # fmt: skip
    facts = tuple(Fact((word,)) for word in ("red", "blue", "green", "gold"))
    labels = [
        Label(id=r.id, record=r.id, stage="draft", annotator="ann", answer=Answer(value="all", facts=facts))
        for r in records
    ]
    outputs = {
        ("system", "draft"): {
            r.id: Output(record=r.id, stage="draft", status=Status.OK, value=t)
            for r, t in zip(records, texts, strict=True)
        }
    }
    return side(name, gather(text_cascade(good), records, outputs, labels, custom={}))


def test_scores_between_0_and_1_are_ordered_by_their_drop():
    before = text_side("v1", ["red blue green gold"] * 40)
    after = text_side("v2", ["red blue green"] * 10 + ["none"] * 3 + ["red blue green gold!"] * 27)
    found = made(before, after)
    outcome = found.lists[0]
    assert [row.score_after for row in outcome.worse] == [0.0] * 3 + [0.75] * 10
    assert [row.record for row in outcome.worse[:4]] == ["m010", "m011", "m012", "m000"]
    assert (outcome.n_worse, outcome.n_better, outcome.n_changed_only) == (13, 0, 27)
    assert outcome.changed_only[0].after == "red blue green gold!"
    assert found.outcome.claim.verdict == "regressed"
    assert "bootstrap" in found.outcome.claim.change.method


@pytest.mark.parametrize("per_cluster", [1, 4], ids=["records", "clusters"])
def test_a_graded_figure_has_the_same_limits_in_the_scorecard_the_comparison_and_the_groups(per_cluster: int):
    texts = (["red", "red blue", "red blue green", "none", "red blue green gold"] * 12)[:58]
    sides = [
        text_side("v1", texts, per_cluster=per_cluster),
        text_side("v2", [*texts[1:], "gold"], per_cluster=per_cluster),
    ]
    view = compare(sides[0], sides[1], seed=1)
    for at, part in enumerate(sides):
        card = measured(part.evidence, part.run, labels_seq=1).scorecard
        ends = (view.outcome.before, view.outcome.after)[at]
        assert "bootstrap" in ends.method
        assert ends == card.system == card.stages[0].in_place == group_scores(part.evidence, "draft")[0].score


def test_only_the_text_changed_is_tied_and_not_certain():
    view = made(text_side("v1", ["red blue"] * 40), text_side("v2", ["blue, red"] * 40))
    change = view.outcome.claim.change
    assert (view.outcome.same, view.outcome.claim.verdict, change.value) == (0, "tied", 0.0)
    assert change.low < 0 < change.high, "other records might well change their score"
    assert view.headline == "No measurable difference between v1 and v2 (n = 40)"
    claim = replace(view.outcome.claim, change=replace(change, value=0.13, low=0.02, high=0.24), p_adjusted=0.09)
    assert headline(replace(view, outcome=replace(view.outcome, claim=claim))) == (
        "No measurable difference between v1 and v2 (n = 40; its own interval leaves out 0, p = 0.09 among all claims)"
    )


def test_lists_are_by_score_and_flips_by_the_bar():
    view = made(
        text_side("v1", ["red blue green gold"] * 20 + ["red"] * 20, 0.7),
        text_side("v2", ["red blue green"] * 20 + ["red blue"] * 19 + ["red blue green gold"], 0.7),
    )
    outcome = view.lists[0]
    assert (outcome.n_worse, outcome.n_better) == (20, 20)
    assert {row.flip for row in outcome.worse} == {"none"}
    assert [row.flip for row in outcome.better] == ["fixed"] + ["none"] * 19
    flips = view.outcome.flips
    assert (flips.stayed_right, flips.broken, flips.fixed, flips.stayed_wrong) == (20, 0, 1, 19)
    assert rows(view)["draft"].flips == flips, "the stage is judged by the outcome's bar where it is the same score"


def test_lists_end_at_two_hundred_rows_and_texts_at_two_thousand_characters():
    long = "red " * 1000
    outcome = made(text_side("v1", ["red blue"] * 250), text_side("v2", [f"\n{long}\nend"] * 250)).lists[0]
    assert (len(outcome.worse), outcome.n_worse) == (200, 250)
    shown = outcome.worse[0].after
    assert len(shown) <= 2_000
    assert shown.startswith("red red")
    assert shown.endswith("…")


def test_failures_stand_in_the_lists_by_their_name():
    after = text_side("v2", ["red blue"] * 40)
    outputs = {("system", "draft"): {
        record: replace(output, status=Status.REFUSED, value=None, error="not allowed")
        for record, output in after.evidence.outputs["system", "draft"].items()
    }}  # fmt: skip
    view = made(text_side("v1", ["red blue"] * 40), replace(after, evidence=replace(after.evidence, outputs=outputs)))
    assert view.lists[0].worse[0].after == "refused: not allowed"


def test_one_cluster_proves_nothing():
    whole = [text_side(f"v{i}", texts, per_cluster=40) for i, texts in ((1, ["red"] * 40), (2, ["red blue"] * 40))]
    view = made(*whole)
    assert view.outcome.claim.verdict == "too few"
    assert view.headline == "Too few: all 40 records belong to one cluster"


def test_a_longer_ranking_is_a_setting_and_no_other_type():
    three = changed_stage(OLD.evidence, "A", output=OutputType(kind=Kind.RANKING, of="docs", k=3))
    five = changed_stage(OLD.evidence, "A", output=OutputType(kind=Kind.RANKING, of="docs", k=5))
    assert made(replace(OLD, evidence=three), replace(NEW, evidence=five)).refusal is None


def test_the_config_says_what_was_changed():
    old = replace(OLD, run=replace(OLD.run, resolved='{"stages": {"B": {"with": {"k": 3}}}}', commit="abc"))
    new = replace(NEW, run=replace(NEW.run, resolved='{"stages": {"B": {"with": {"k": 5}}}}', commit="abd+"))
    assert [(c.path, c.before, c.after) for c in made(old, new).config] == [
        ("run.commit", "abc", "abd+"),
        ("stages.B.with.k", "3", "5"),
    ]
