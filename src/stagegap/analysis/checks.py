"""Hold the line: does a run reach its targets, is no stage worse than the blessed run, can the labels be trusted;
for people and build servers.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, cast

from stagegap.analysis.baseline import Held, HeldPlace
from stagegap.analysis.changes import OUTCOME
from stagegap.analysis.verdict import ENOUGH_RECORDS
from stagegap.analysis.views import Scorecard
from stagegap.model.answer import Label
from stagegap.model.cascade import Cascade, Kind, Stage
from stagegap.model.estimate import Estimate, unmeasured
from stagegap.model.notes import Seen
from stagegap.model.wording import counted, listed, plural
from stagegap.people.card import form_hash
from stagegap.people.histories import is_told, told_since
from stagegap.people.references import latest
from stagegap.tables import figures
from stagegap.tables.figures import Unit
from stagegap.tables.table import Column, Sheet, Table

CheckKind = Literal[
    "infrastructure", "labels", "blindness", "validity", "target", "regression", "watch", "cheaper", "aim"
]
CheckStatus = Literal["passed", "failed", "too few", "not measured"]

LOST_AT_MOST = 0.01
"""Share of records that infrastructure may cost: up to a point can hide in them, which is what figures are shown to."""
SLACK = 1e-9
PASSED, FAILED, UNDECIDED, INFRASTRUCTURE = 0, 1, 5, 6
IN_DOUBT = "kept, but its interval doubts it"
DOUBT = "The value keeps the target, its interval reaches beyond it: more labels would tell."
ON_LABELS_MADE_HERE: tuple[CheckKind, ...] = ("blindness", "validity")
"""Checks of how labels were made. Where all were imported there is nothing to check, and nothing left undecided."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """One thing that was checked."""

    kind: CheckKind
    name: str
    """What was checked, as a stable id: `target outcome at_least`."""
    status: CheckStatus
    message: str
    """One line for people."""
    detail: str = ""
    """What else there is to know, or what to do next."""
    is_doubted: bool = False
    """The value keeps the target, and its interval reaches beyond it."""


def exit_code(results: Sequence[CheckResult]) -> int:
    """The exit code of all checks together: 1 failed, 6 infrastructure, 5 undecided, 0 passed.

    The first that fits. A quality that failed is found, whatever else is missing; lost calls come before "too few",
    because a retry may mend both. Codes 2, 3 and 4 belong to configuration, store and stopped runs.
    """
    failed = {result.kind == "infrastructure" for result in results if result.status == "failed"}
    if False in failed:
        return FAILED
    if failed:
        return INFRASTRUCTURE
    return UNDECIDED if any(is_undecided(result) for result in results) else PASSED


def is_undecided(result: CheckResult) -> bool:
    """True for what was asked and can't be told."""
    return result.status == "too few" or (result.status == "not measured" and result.kind not in ON_LABELS_MADE_HERE)


def check(
    cascade: Cascade,
    card: Scorecard,
    *,
    standing: Held | None,
    labels: Sequence[Label],
    payloads: Mapping[str, str],
    looks: Iterable[Seen] = (),
) -> tuple[CheckResult, ...]:
    """Make every check of a run; `held` is how it stands beside the blessed one, None when none is blessed.

    `payloads` holds what people saw, as JSON text by the hash that labels carry as `seen`, and `looks` who opened which
    record's answers.
    """
    return (
        infrastructure(card),
        *enough_labels(card),
        blindness(labels, payloads, cascade, looks),
        validity(labels, cascade),
        *targets(cascade, card),
        *(regressions(standing) if standing is not None else ()),
    )


def infrastructure(card: Scorecard) -> CheckResult:
    """Check that time-outs and the like cost at most 1% of the records; those lost are in no rate."""
    lost, n = card.n_infrastructure, card.n_records
    summary = f"{lost:,} of {counted(n, card.noun)} lost to infrastructure"
    return CheckResult(
        kind="infrastructure",
        name="infrastructure",
        status="passed" if lost <= LOST_AT_MOST * n else "failed",
        message=summary if lost else f"No {card.noun} lost to infrastructure",
        detail="They are in no rate. `stagegap run --retry` asks again." if lost else "",
    )


def enough_labels(card: Scorecard) -> tuple[CheckResult, ...]:
    """Check that the outcome and each stage are scored on at least 30 records."""
    counts = {OUTCOME: card.n_scored} | {row.stage: row.in_place.n for row in card.stages}
    return tuple(
        CheckResult(
            kind="labels",
            name=f"labels {name}",
            status="passed" if n >= ENOUGH_RECORDS else "too few",
            message=f"{name}: {counted(n, card.noun)} scored"
            + ("" if n >= ENOUGH_RECORDS else f", at least {ENOUGH_RECORDS} are needed"),
            detail=card.verdict.advice if name == OUTCOME else "",
        )
        for name, n in counts.items()
    )


def targets(cascade: Cascade, card: Scorecard) -> tuple[CheckResult, ...]:
    """Check the targets of the cascade file.

    Passed when the value meets the target, failed when its whole interval misses it; a value that misses while the
    interval does not is undecided: nothing passes that misses, and nothing fails without evidence.
    """
    rows = {row.stage: row for row in card.stages}
    checks: list[CheckResult] = []
    for name, target in cascade.targets.items():
        wanted = cast("Mapping[str, float]", target)  # the spec lets nothing but numbers through
        if "at_least" in wanted:
            score = card.system if name == OUTCOME else rows[name].in_place
            checks.append(_at_least(name, score, wanted["at_least"], card.noun))
        if "gap" in wanted:
            gap = rows[name].gap if name in rows else unmeasured("not measured: a gap is measured at stages only")
            checks.append(_gap_at_most(name, gap, wanted["gap"], card.noun))
    return tuple(checks)


def _at_least(name: str, score: Estimate, least: float, noun: str) -> CheckResult:
    wanted = f"wanted at least {figures.share(least)}"
    message = f"{name}: {figures.share(score.value)} ({figures.interval(score)}), {wanted}" if score.is_measured else ""
    meets, may_meet = score.value >= least - SLACK, score.high >= least - SLACK
    is_sure = score.low >= least - SLACK
    return _target(
        f"target {name} at_least", score, message, meets=meets, may_meet=may_meet, is_sure=is_sure, noun=noun
    )


def _gap_at_most(name: str, gap: Estimate, points: float, noun: str) -> CheckResult:
    most = points / 100
    wanted = f"wanted at most {points:g}"
    message = ""
    if gap.is_measured:
        behind = f"{figures.minus(str(figures.percent(gap.value)))} points behind labellers"
        message = f"{name}: {behind} ({figures.interval(gap)}), {wanted}"
    meets, may_meet, is_sure = (x <= most + SLACK for x in (gap.value, gap.low, gap.high))
    return _target(f"target {name} gap", gap, message, meets=meets, may_meet=may_meet, is_sure=is_sure, noun=noun)


def _target(
    name: str, estimate: Estimate, message: str, *, meets: bool, may_meet: bool, is_sure: bool, noun: str
) -> CheckResult:
    status: CheckStatus
    if not estimate.is_measured:
        status, message, detail = "not measured", f"{name.split()[1]}: {estimate.method}", ""
    elif estimate.n < ENOUGH_RECORDS:
        status, detail = "too few", f"{estimate.n} of {ENOUGH_RECORDS} {plural(noun, 2)}"
    elif meets:
        status, detail = "passed", "" if is_sure else DOUBT
    elif may_meet:
        status, detail = "too few", "The value misses the target, its interval does not: more labels would decide."
    else:
        status, detail = "failed", "The whole interval misses the target."
    is_doubted = detail == DOUBT
    words = f"{message}; {IN_DOUBT}" if is_doubted else message
    return CheckResult(kind="target", name=name, status=status, message=words, detail=detail, is_doubted=is_doubted)


def regressions(standing: Held) -> tuple[CheckResult, ...]:
    """Check that neither the outcome nor a stage is worse than in the blessed run.

    What can't be held against it as it is decides nothing. `tied` passes: no loss was shown, and the interval says how
    large one could still be.
    """
    if standing.reasons:
        return (
            CheckResult(
                kind="regression",
                name="regression",
                status="not measured",
                message=f"{standing.after} can't be held against {standing.before} as it is",
                detail=" ".join(
                    filter(None, (*standing.reasons, standing.offer, "`--shared` does." * bool(standing.offer)))
                ),
            ),
        )
    return tuple(_regression(row, standing.noun) for row in standing.places)


def _regression(row: HeldPlace, noun: str) -> CheckResult:
    status: CheckStatus
    detail = ""
    if not row.is_compared or not row.claim.change.is_measured:
        status = "not measured"
    elif row.claim.verdict == "regressed":
        status = "failed"
        detail = f"{counted(row.broken, noun)} went from right to wrong."
    else:
        status = "too few" if row.claim.verdict == "too few" else "passed"
    return CheckResult(
        kind="regression", name=f"regression {row.stage}", status=status, message=row.sentence, detail=detail
    )


def blindness(
    labels: Sequence[Label], payloads: Mapping[str, str], cascade: Cascade, looks: Iterable[Seen] = ()
) -> CheckResult:
    """Check that nobody saw more than what the stage reads, and candidates where it ranks, nor answers before.

    A label in force must not have been made, or corrected, after its author saw what others answered there.

    Labels whose payload is not there (imported ones have none) can't be checked and are counted.
    """
    answered = [label for label in labels if label.action == "label" and label.stage in cascade.names]
    seen = [label for label in answered if label.seen in payloads]
    leaks = {
        (payload, stage): leak(payloads[payload], cascade.stage(stage))
        for payload, stage in {(label.seen, label.stage) for label in seen}
    }
    bad = [label for label in seen if leaks[label.seen, label.stage]]
    unknown = len(answered) - len(seen)
    rest = f"{counted(unknown, 'label')} without a stored payload can't be checked." if unknown else ""
    if bad:
        first = bad[0]
        example = f"{first.annotator} at {first.record}, {first.stage}: {leaks[first.seen, first.stage]}."
        return _labels(
            "blindness", "failed", f"{counted(len(bad), 'label')} not made blind", f"{example} {rest}".strip()
        )
    disclosures = told_since(labels, looks, cascade)
    in_force = [label for people in latest(labels).values() for label in people.values()]
    late = [label for label in in_force if label.seen in payloads and is_told(label, disclosures)]
    if late:
        first = late[0]
        example = (
            f"{first.annotator} at {first.record}, {first.stage}. `stagegap tools history` says when; Z takes it back."
        )
        message = f"{counted(len(late), 'label')} made after the author saw answers"
        return _labels("blindness", "failed", message, f"{example} {rest}".strip())
    if not seen:
        return _labels("blindness", "not measured", "No label has a stored payload", rest)
    return _labels("blindness", "passed", f"{counted(len(seen), 'label')} made blind", rest)


def leak(payload: str, stage: Stage) -> str:
    """Say what a payload shows beyond the stage's inputs; empty when nothing."""
    try:
        content = json.loads(payload)
        inputs = [str(entry["label"]) for entry in content["inputs"]]
        extra = [key for key in content if key not in ("id", "inputs", "options")]
        offers = bool(content["options"])
    except (KeyError, TypeError, ValueError):
        return "what was shown can't be read"
    extra += [label for label in inputs if label not in stage.inputs]
    if extra:
        return f"showed {listed([repr(key) for key in extra])}, which {stage.name} does not read"
    return (
        "offered answers, but only a ranking has candidates" if offers and stage.output.kind is not Kind.RANKING else ""
    )


def validity(labels: Sequence[Label], cascade: Cascade) -> CheckResult:
    """Check that no label was made with a form for another output type than the stage's; imported ones have no form."""
    forms = {stage.name: form_hash(stage) for stage in cascade.stages}
    answered = [label for label in labels if label.action == "label" and label.form and label.stage in forms]
    stale = Counter(label.stage for label in answered if label.form != forms[label.stage])
    if stale:
        where = listed([f"{n:,} at {stage}" for stage, n in sorted(stale.items())])
        return _labels(
            "validity",
            "failed",
            f"{counted(stale.total(), 'label')} made with another form: {where}",
            "The output type changed since. Label these records again, or take the change back.",
        )
    if not answered:
        return _labels("validity", "not measured", "No label was made with a form")
    return _labels("validity", "passed", f"{counted(len(answered), 'label')} fit the form they were made with")


def _labels(kind: CheckKind, status: CheckStatus, message: str, detail: str = "") -> CheckResult:
    return CheckResult(kind=kind, name=kind, status=status, message=message, detail=detail)


_NO_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_MARKS = re.compile(r"([\\&`*_{}\[\]<>|#~@])")
SYMBOLS = {"passed": "✓", "failed": "✗", "too few": "!", "not measured": "!"}


def verdict_line(results: Sequence[CheckResult]) -> str:
    """Say in one line how it stands: what failed, or what can't be told, or that all is well."""
    n = len(results)
    failed = [result for result in results if result.status == "failed"]
    open_ = [result for result in results if is_undecided(result)]
    unasked = sum(result.status == "not measured" for result in results)
    code = exit_code(results)
    doubted = [result.name.split()[1] for result in results if result.is_doubted]
    doubt = f" In doubt: the {plural('target', len(doubted))} of {listed(doubted)}." if doubted else ""
    if code == PASSED and unasked:
        return f"Passed: {n - unasked} of {n} checks, {unasked} not measured.{doubt}"
    if code == PASSED:
        return f"Passed: all {n} checks.{doubt}" if n else "Passed: nothing to check."
    if code in (FAILED, INFRASTRUCTURE):
        first = next((r for r in failed if r.kind != "infrastructure"), failed[0])
        return f"Failed: {len(failed)} of {n} checks. {first.message}."
    return f"Undecided: {len(open_)} of {n} checks. {open_[0].message}."


def junit(results: Sequence[CheckResult], *, suite: str) -> str:
    """The checks as JUnit XML: quality that failed is a failure, infrastructure an error, undecided is skipped."""
    from xml.etree.ElementTree import Element, SubElement, indent, tostring

    outcomes = [_outcome(result) for result in results]
    root = Element(
        "testsuite",
        name=_clean(suite),
        tests=str(len(results)),
        failures=str(outcomes.count("failure")),
        errors=str(outcomes.count("error")),
        skipped=str(outcomes.count("skipped")),
        time="0",
    )
    for result, outcome in zip(results, outcomes, strict=True):
        case = SubElement(root, "testcase", classname=f"stagegap.{result.kind}", name=_clean(result.name), time="0")
        if outcome:
            element = SubElement(case, outcome, message=_clean(result.message))
            if outcome != "skipped":
                element.set("type", result.kind)
            element.text = _clean(result.detail)
        else:
            SubElement(case, "system-out").text = _clean(f"{result.message}. {result.detail}".strip(" ."))
    indent(root)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{tostring(root, encoding="unicode")}\n'


def _outcome(result: CheckResult) -> str:
    if result.status == "passed":
        return ""
    if result.status != "failed":
        return "skipped"
    return "error" if result.kind == "infrastructure" else "failure"


def markdown(results: Sequence[CheckResult], *, title: str, change: str = "") -> str:
    """The checks as a comment: the verdict first, what moved, what is not in order, then the rest folded away.

    Nothing in it is taken as Markdown, HTML or a mention, whatever a stage or a record is called.
    """
    lines = [f"**{_escaped(title)}**: {_escaped(verdict_line(results))}", ""]
    lines += [_escaped(change), ""] if change else []
    wanting = [result for result in results if result.status != "passed"]
    fine = [result for result in results if result.status == "passed"]
    lines += _table(wanting)
    if fine:
        lines += [f"<details><summary>{len(fine)} passed</summary>", "", *_table(fine), "</details>", ""]
    return "\n".join(lines).rstrip("\n") + "\n"


def _table(results: Sequence[CheckResult]) -> list[str]:
    if not results:
        return []
    rows = [
        f"| {SYMBOLS[r.status]} {r.status} | {_escaped(r.name)} | {_escaped(f'{r.message}. {r.detail}'.strip())} |"
        for r in results
    ]
    return ["| | check | |", "|---|---|---|", *rows, ""]


def _clean(text: str) -> str:
    """Leave out what XML 1.0 can't hold."""
    return _NO_XML.sub("\ufffd", text)


def _escaped(text: str) -> str:
    """Text that Markdown shows as it is, in one line; a mention is broken by a zero-width joiner."""
    return _MARKS.sub(r"\\\1", " ".join(text.split())).replace("\\@", "@\u200d")


_COLUMNS = (
    Column(name="Kind", unit=Unit.TEXT, key="kind", is_hidden=True),
    Column(name="Name", unit=Unit.TEXT, key="name", is_hidden=True),
    Column(name="Status", unit=Unit.TEXT, key="status", is_hidden=True),
    Column(name="Check", unit=Unit.TEXT, key="message", is_hidden=True),
    Column(name="Detail", unit=Unit.TEXT, key="detail", is_hidden=True),
)


class Checks(Protocol):
    """All checks of a run and how it stands."""

    @property
    def results(self) -> Sequence[CheckResult]: ...
    @property
    def verdict(self) -> str: ...
    @property
    def exit_code(self) -> int: ...


def checks_sheet(view: Checks) -> Sheet:
    """One line a check, what is not in order with its reason."""
    return Sheet(
        headline=f"{view.verdict} (exit code {view.exit_code})",
        parts=(
            *(line for result in view.results for line in _lines(result)),
            Table(
                columns=_COLUMNS,
                rows=tuple((row.kind, row.name, row.status, row.message, row.detail) for row in view.results),
            ),
        ),
    )


def _lines(result: CheckResult) -> tuple[str, ...]:
    if result.status == "passed":
        return (f"{SYMBOLS[result.status]}   {result.message}",)
    why = (f"    {result.detail}",) if result.detail else ()
    return f"{SYMBOLS[result.status]}   {result.message}  ({result.status})", *why
