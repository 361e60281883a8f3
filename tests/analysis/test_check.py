from __future__ import annotations

import json
from dataclasses import replace
from xml.etree.ElementTree import fromstring

import numpy as np
import pytest

import planted
from stagegap.analysis.baseline import held_by
from stagegap.analysis.changes import Comparison
from stagegap.analysis.checks import (
    CheckResult,
    CheckStatus,
    blindness,
    check,
    enough_labels,
    exit_code,
    infrastructure,
    junit,
    leak,
    markdown,
    regressions,
    targets,
    validity,
    verdict_line,
)
from stagegap.analysis.compare import accept, compare
from stagegap.analysis.scorecard import scorecard
from stagegap.analysis.views import Scorecard
from stagegap.model.answer import Label
from stagegap.model.cascade import Cascade, Kind, OutputType
from stagegap.model.estimate import Estimate, unmeasured
from stagegap.model.notes import Seen
from stagegap.people.card import form_hash, payload
from versions import Versions, evidence, side

BASE = planted.Planted(shape=planted.CHAIN[3], skill={"A": 0.95, "B": 0.7, "C": 0.9})
CASCADE = BASE.cascade()
WORSE = Versions(base=BASE, new={"B": 0.6}).mixed("B")
PLAIN = CheckResult(kind="target", name="target outcome at_least", status="passed", message="outcome: 84%")


def card(n: int = 300) -> Scorecard:
    records = planted.records(n)
    ids = [record.id for record in records]
    outputs = BASE.outputs(BASE.luck(n, np.random.default_rng(0)), ids)
    labels = planted.labels(ids, BASE.names) + planted.labels(ids[:80], BASE.names, annotator="bob")
    return scorecard(CASCADE, planted.run(), records, outputs, labels, seed=1, resamples=200)


CARD = card()


def comparison(made: planted.Planted, n: int = 300) -> Comparison:
    luck, records = BASE.luck(n, np.random.default_rng(5)), planted.records(n)
    return compare(
        side("v1", evidence(BASE, luck, records)), side("v2", evidence(made, luck, records)), seed=1, resamples=200
    )


def aimed(**wanted: dict[str, float]) -> Cascade:
    return replace(CASCADE, targets=wanted)


# Targets


@pytest.mark.parametrize(
    ("least", "status", "message"),
    [
        (0.50, "passed", "outcome: 61% (95% interval 56 to 67), wanted at least 50%"),
        (0.60, "passed", "outcome: 61% (95% interval 56 to 67), wanted at least 60%; kept, but its interval doubts it"),
        (0.63, "too few", "outcome: 61% (95% interval 56 to 67), wanted at least 63%"),
        (0.80, "failed", "outcome: 61% (95% interval 56 to 67), wanted at least 80%"),
    ],
)
def test_an_outcome_is_held_to_its_target(least: float, status: CheckStatus, message: str):
    (found,) = targets(aimed(outcome={"at_least": least}), CARD)
    assert (found.name, found.status, found.message) == ("target outcome at_least", status, message)


def test_what_is_met_within_the_interval_says_so():
    sure, barely = (targets(aimed(outcome={"at_least": x}), CARD)[0].detail for x in (0.5, 0.6))
    assert (sure, barely) == ("", "The value keeps the target, its interval reaches beyond it: more labels would tell.")


@pytest.mark.parametrize(("points", "status"), [(45, "passed"), (32, "passed"), (25, "too few"), (3, "failed")])
def test_a_stage_is_held_to_its_gap(points: float, status: CheckStatus):
    (found,) = targets(aimed(B={"gap": points}), CARD)
    assert (found.name, found.status) == ("target B gap", status)
    doubt = "; kept, but its interval doubts it" if points == 32 else ""
    assert found.message == f"B: 31 points behind labellers (95% interval 22 to 42), wanted at most {points}{doubt}"


def test_both_targets_of_a_stage_are_checked():
    assert [found.name for found in targets(aimed(B={"gap": 3, "at_least": 0.5}), CARD)] == [
        "target B at_least",
        "target B gap",
    ]


def test_a_gap_without_people_is_not_measured():
    rows = tuple(replace(row, gap=unmeasured("not measured: nobody")) for row in CARD.stages)
    (found,) = targets(aimed(B={"gap": 3}), replace(CARD, stages=rows))
    assert (found.status, found.message) == ("not measured", "B: not measured: nobody")
    (outcome,) = targets(aimed(outcome={"gap": 3}), CARD)
    assert outcome.message == "outcome: not measured: a gap is measured at stages only"


def test_a_target_is_not_read_from_a_handful_of_records():
    few = replace(CARD, system=Estimate(value=0.9, low=0.7, high=1.0, n=12, method="m"))
    (found,) = targets(aimed(outcome={"at_least": 0.5}), few)
    assert (found.status, found.detail) == ("too few", "12 of 30 records")


# Regressions


def test_a_planted_regression_fails_and_its_fix_passes():
    found = {r.name: r.status for r in regressions(held_by(comparison(WORSE)))}
    assert found == {
        "regression outcome": "failed",
        "regression A": "passed",
        "regression B": "failed",
        "regression C": "failed",
    }
    assert exit_code(regressions(held_by(comparison(WORSE)))) == 1
    assert exit_code(regressions(held_by(comparison(BASE)))) == 0
    broken = next(r for r in regressions(held_by(comparison(WORSE))) if r.name == "regression B")
    assert broken.message.endswith("worse")
    assert broken.detail.endswith("records went from right to wrong.")


def test_few_records_decide_nothing():
    assert {r.status for r in regressions(held_by(comparison(WORSE, 25)))} == {"too few", "passed"}


def test_a_refused_comparison_decides_nothing_until_it_is_accepted():
    luck, records = BASE.luck(300, np.random.default_rng(5)), planted.records(300)
    old = evidence(BASE, luck, records)
    cut = {place: dict(list(found.items())[:200]) for place, found in old.outputs.items()}
    view = compare(
        side("v1", replace(old, outputs=cut)), side("v2", evidence(WORSE, luck, records)), seed=1, resamples=50
    )
    (found,) = regressions(held_by(view))
    assert (found.status, exit_code([found])) == ("not measured", 5)
    assert found.detail == (
        "v1 saw 200 of the 300 records of v2. Compare the 200 records that are the same in both? `--shared` does."
    )
    assert exit_code(regressions(held_by(accept(view)))) == 1


def test_a_stage_of_one_run_only_is_not_measured():
    view = comparison(BASE)
    row = replace(view.stages[0], is_compared=False)
    assert regressions(held_by(replace(view, stages=(row,))))[1].status == "not measured"


# Labels


def test_labels_are_counted_at_every_stage_and_at_the_end():
    assert {found.status for found in enough_labels(CARD)} == {"passed"}
    few = replace(CARD, n_scored=12)
    assert enough_labels(few)[0].message == "outcome: 12 records scored, at least 30 are needed"
    assert enough_labels(few)[0].status == "too few"


def label(seen: str = "", *, stage: str = "B", form: str = "", **more: object) -> Label:
    (made,) = planted.labels(["r1"], [stage])
    return replace(made, seen=seen, form=form, **more)


def shown(stage: str = "B", **inputs: str) -> str:
    return json.dumps(payload(CASCADE.stage(stage), "r1", inputs or {"text": "case 1"}, {}, ()))


def test_labels_made_from_the_inputs_are_blind():
    found = blindness([label("h"), label()], {"h": shown(text="case 1", A="right")}, CASCADE)
    assert (found.status, found.message) == ("passed", "1 label made blind")
    assert found.detail == "1 label without a stored payload can't be checked."


def test_a_label_made_with_the_output_in_sight_fails():
    payloads = {"h": json.dumps({**json.loads(shown()), "output": "right"})}
    found = blindness([label("h"), label("h", annotator="bob")], payloads, CASCADE)
    assert (found.status, found.message) == ("failed", "2 labels not made blind")
    assert found.detail == "ann at r1, B: showed 'output', which B does not read."


def test_a_label_made_or_corrected_after_its_author_saw_the_answers_fails():
    look = Seen(id="s", record="r1", annotator="ann", at=5.0)
    first, later = label("h", at=4.0), label("h", at=6.0)
    payloads = {"h": shown(text="case 1", A="right")}
    assert blindness([first], payloads, CASCADE, [look]).status == "passed"
    found = blindness([first, replace(later, id="2")], payloads, CASCADE, [look])
    assert (found.status, found.message) == ("failed", "1 label made after the author saw answers")
    assert found.detail == "ann at r1, B. `stagegap tools history` says when; Z takes it back."
    taken_back = replace(later, id="3", at=7.0, action="undo", answer=None)
    assert blindness([first, replace(later, id="2"), taken_back], payloads, CASCADE, [look]).status == "passed"
    imported = [replace(later, seen="")]
    assert blindness([first, *imported], payloads, CASCADE, [look]).status == "passed", "nobody knows what it rests on"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (shown(), ""),
        (json.dumps({"id": "r1", "inputs": [{"label": "C"}], "options": {}}), "showed 'C', which B does not read"),
        (
            json.dumps({"id": "r1", "inputs": [], "options": {"value": [{"value": "right"}]}}),
            "offered answers, but only a ranking has candidates",
        ),
        ("[]", "what was shown can't be read"),
        ("{", "what was shown can't be read"),
        ('{"inputs": []}', "what was shown can't be read"),
    ],
)
def test_what_a_payload_gives_away_is_named(text: str, sentence: str):
    assert leak(text, CASCADE.stage("B")) == sentence


def test_a_ranking_may_offer_candidates():
    ranked = replace(CASCADE.stage("B"), output=OutputType(kind=Kind.RANKING, of="docs", k=3))
    assert leak(json.dumps({"id": "r1", "inputs": [], "options": {"value": [{"value": "d1"}]}}), ranked) == ""


def test_imported_labels_can_not_be_checked():
    labels = [label(), label(action="skip", answer=None, seen="h"), label(stage="gone", seen="h")]
    assert blindness(labels, {"h": "{}"}, CASCADE).status == "not measured"
    assert validity(labels, CASCADE).status == "not measured"


def test_labels_of_another_form_fail():
    right = form_hash(CASCADE.stage("B"))
    assert validity([label(form=right)], CASCADE).message == "1 label fit the form they were made with"
    found = validity([label(form=right), label(form="old"), label(stage="A", form="old")], CASCADE)
    assert (found.status, found.message) == ("failed", "2 labels made with another form: 1 at A and 1 at B")


# Infrastructure, all together


@pytest.mark.parametrize(("lost", "status"), [(0, "passed"), (3, "passed"), (4, "failed")])
def test_infrastructure_may_cost_one_percent(lost: int, status: CheckStatus):
    assert infrastructure(replace(CARD, n_infrastructure=lost)).status == status


def result(status: CheckStatus, kind: str = "target") -> CheckResult:
    return replace(PLAIN, status=status, kind=kind)


@pytest.mark.parametrize(
    ("results", "code"),
    [
        ([], 0),
        ([result("passed")], 0),
        ([result("passed"), result("too few")], 5),
        ([result("not measured")], 5),
        ([result("not measured", "regression")], 5),
        ([result("passed"), result("not measured", "blindness"), result("not measured", "validity")], 0),
        ([result("too few"), result("failed", "infrastructure")], 6),
        ([result("failed"), result("failed", "infrastructure"), result("too few")], 1),
    ],
)
def test_the_exit_code_is_that_of_the_worst(results: list[CheckResult], code: int):
    assert exit_code(results) == code


def test_all_checks_in_their_order():
    found = check(aimed(outcome={"at_least": 0.5}), CARD, standing=held_by(comparison(BASE)), labels=[], payloads={})
    kinds = [one.kind for one in found]
    assert list(dict.fromkeys(kinds)) == ["infrastructure", "labels", "blindness", "validity", "target", "regression"]
    assert len({one.name for one in found}) == len(found), "names are ids"
    without = check(CASCADE, CARD, standing=None, labels=[], payloads={})
    assert "regression" not in {one.kind for one in without}


# Output


MIXED = [
    result("passed"),
    CheckResult(kind="regression", name="regression B", status="failed", message="B: −4 points, worse", detail="31."),
    CheckResult(kind="infrastructure", name="infrastructure", status="failed", message="40 of 300 lost"),
    CheckResult(kind="blindness", name="blindness", status="not measured", message="No label has a stored payload"),
]


def test_junit_tells_quality_from_infrastructure():
    root = fromstring(junit(MIXED, suite="mail"))
    counts = {key: root.get(key) for key in ("name", "tests", "failures", "errors", "skipped")}
    assert counts == {"name": "mail", "tests": "4", "failures": "1", "errors": "1", "skipped": "1"}
    cases = {case.get("name"): case for case in root}
    failure = cases["regression B"].find("failure")
    assert failure is not None
    assert (failure.get("message"), failure.get("type"), failure.text) == ("B: −4 points, worse", "regression", "31.")
    assert cases["infrastructure"].find("error") is not None
    assert cases["blindness"].find("skipped") is not None
    assert cases["target outcome at_least"].findtext("system-out") == "outcome: 84%"
    assert cases["regression B"].get("classname") == "stagegap.regression"


def test_junit_survives_what_a_record_may_hold():
    odd = replace(MIXED[1], message='a "b" <c> & \x00\x1b[31m \ud800 ]]>', detail="\x0b")
    told = fromstring(junit([odd], suite="<&>"))[0][0]
    assert told.get("message") == 'a "b" <c> & \ufffd\ufffd[31m \ufffd ]]>'
    assert told.text == "\ufffd"


def test_markdown_begins_with_the_verdict():
    assert markdown(MIXED, title="support_email v14") == (
        "**support\\_email v14**: Failed: 2 of 4 checks. B: −4 points, worse.\n"
        "\n"
        "| | check | |\n"
        "|---|---|---|\n"
        "| ✗ failed | regression B | B: −4 points, worse. 31. |\n"
        "| ✗ failed | infrastructure | 40 of 300 lost. |\n"
        "| ! not measured | blindness | No label has a stored payload. |\n"
        "\n"
        "<details><summary>1 passed</summary>\n"
        "\n"
        "| | check | |\n"
        "|---|---|---|\n"
        "| ✓ passed | target outcome at\\_least | outcome: 84%. |\n"
        "\n"
        "</details>\n"
    )


def test_markdown_takes_nothing_as_markup():
    odd = replace(MIXED[1], message="<img src=x> [a](b) @team | `c` &amp;\nnext")
    text = markdown([odd], title="t")
    assert "\\<img src=x\\> \\[a\\](b) @\u200dteam \\| \\`c\\` \\&amp; next" in text
    assert "details" not in text
    assert markdown([PLAIN], title="t").startswith("**t**: Passed: all 1 checks.\n\n<details>")


@pytest.mark.parametrize(
    ("results", "line"),
    [
        ([], "Passed: nothing to check."),
        ([PLAIN, PLAIN], "Passed: all 2 checks."),
        ([PLAIN, MIXED[3]], "Passed: 1 of 2 checks, 1 not measured."),
        ([replace(PLAIN, status="too few"), MIXED[3]], "Undecided: 1 of 2 checks. outcome: 84%."),
        ([MIXED[2], PLAIN], "Failed: 1 of 2 checks. 40 of 300 lost."),
        ([MIXED[2], MIXED[1]], "Failed: 2 of 2 checks. B: −4 points, worse."),
    ],
)
def test_one_line_says_how_it_stands(results: list[CheckResult], line: str):
    assert verdict_line(results) == line
