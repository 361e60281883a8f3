"""The checks as other programs read them: JUnit XML for the build server, Markdown for a pull request."""

from __future__ import annotations

import re
from collections.abc import Sequence

from stagegap.analysis.changes.check import FAILED, INFRASTRUCTURE, PASSED, CheckResult, exit_code, is_undecided

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
    if code == PASSED and unasked:
        return f"Passed: {n - unasked} of {n} checks, {unasked} not measured."
    if code == PASSED:
        return f"Passed: all {n} checks." if n else "Passed: nothing to check."
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
            SubElement(case, "system-out").text = _clean(result.message)
    indent(root)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{tostring(root, encoding="unicode")}\n'


def _outcome(result: CheckResult) -> str:
    if result.status == "passed":
        return ""
    if result.status != "failed":
        return "skipped"
    return "error" if result.kind == "infrastructure" else "failure"


def markdown(results: Sequence[CheckResult], *, title: str) -> str:
    """The checks as a comment: the verdict first, then what is not in order, then the rest folded away.

    Nothing in it is taken as Markdown, HTML or a mention, whatever a stage or a record is called.
    """
    lines = [f"**{_escaped(title)}**: {_escaped(verdict_line(results))}", ""]
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
