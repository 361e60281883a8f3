"""Cascades whose stages run here - mails, requests, receipts -, worked out twice and equal to 1e-9."""

from __future__ import annotations

import json
import shutil
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from oracles import naive_cascade as naive
from oracles import naive_views as views
from oracles.sameness import (
    DATA,
    ROOT,
    assert_compared,
    assert_faults,
    assert_same,
    assert_scorecard,
    assert_views,
    card_of,
    case_of,
    lines,
    module_of,
    needs,
    slices_of,
    written,
)
from stagegap.model.run import SYSTEM
from stagegap.workspace import Workspace

SLICES = ("language", "kind", "channel", "difficulty")


@pytest.mark.slow  # random cascades and receipts go through the same oracle in the gate
def test_the_shipped_mails(tmp_path: Path):
    """Customers as clusters, three people, facts, an outcome with a bar, a condition; then another query."""
    shutil.copytree(ROOT / "pipelines" / "support_email", tmp_path / "pipelines" / "support_email")
    source = tmp_path / "data" / "support_email"
    shutil.copytree(ROOT / "data" / "support_email", source)
    mails = [mail for mail in lines(source / "emails.jsonl") if mail["split"] == "test"]
    file = tmp_path / "pipelines" / "support_email" / "cascade.yaml"
    with Workspace(tmp_path, environment={}, clock=time.time) as workspace:
        workspace.runs.new(file)
        case = partial(
            case_of,
            workspace,
            "support-email",
            stages=(
                naive.Stage("route", (), "label", naive.equal, 1.0),
                naive.Stage("retrieve", ("route",), "ranking", naive.recall_at(3), 1.0),
                naive.Stage("draft", ("route", "retrieve"), "text", naive.facts_stated, 0.8),
            ),
            records=[{"id": mail["email_id"], "cluster": mail["customer_id"]} for mail in mails],
            rows=lines(source / "references.jsonl"),
            outcome=("draft", naive.facts_stated, 0.8),
        )
        first = case(run_name="v1")
        other = assert_scorecard(card_of(workspace, "support-email"), first)
        assert_faults(workspace, "support-email", other)
        assert_views(workspace, "support-email", first, other, [slices_of(mail, *SLICES) for mail in mails])
        file.write_text(file.read_text().replace("query: [subject, body]", "query: [subject]"))
        workspace.runs.new(file)
        changed = assert_compared(workspace.runs.compare("support-email", "v1", "v2"), first, case(run_name="v2"))
    assert changed["retrieve"].p_adj <= 0.04
    assert len(other.gains) == 3
    assert other.bad > 20


CLINC = '''
"""Naive Bayes over words: which of ten domains, then which intent of that domain."""
import json, math
from collections import Counter
from pathlib import Path

HERE = Path(__file__).parent
DOMAIN = {i: d for d, names in json.loads((HERE / "domains.json").read_text()).items() for i in names}
COUNTS, TOTALS = {}, Counter()
for row in map(json.loads, (HERE / "train.jsonl").read_text().splitlines()):
    COUNTS.setdefault(row["intent"], Counter()).update(row["text"].split())
    TOTALS[row["intent"]] += 1


def fit(text, intent):
    counts = COUNTS[intent]
    below = sum(counts.values()) + 5000
    return sum(math.log((counts[word] + 1) / below) for word in text.split())


def domain(text):
    return DOMAIN[max(sorted(COUNTS), key=lambda intent: fit(text, intent))]


def intent(text, domain):
    return max((i for i in sorted(COUNTS) if DOMAIN[i] == domain), key=lambda intent: fit(text, intent))
'''


LENGTHS = ("few", "some", "many")
Rows = list[dict[str, Any]]  # Any: JSON of the data


def request(name: str, text: str) -> dict[str, Any]:
    """A record of the cascade of requests."""
    return {"id": name, "text": text, "words": LENGTHS[min(2, len(text.split()) // 6)]}


def write_requests(tmp_path: Path) -> tuple[Rows, Rows, Rows, dict[str, str]]:
    """A cascade of two live stages on a third of the requests, trained on a tenth; its rows, and domains by intent."""
    rows = lines(DATA / "clinc150" / "data_full.jsonl.gz")
    domains = json.loads((DATA / "clinc150" / "domains.json").read_text())
    of = {intent: domain for domain, intents in domains.items() for intent in intents}
    test = [row for row in rows if row["split"] == "test"][::3]
    shutil.copy(DATA / "clinc150" / "domains.json", tmp_path / "domains.json")
    written(tmp_path / "train.jsonl", [row for row in rows if row["split"] == "train"][::10])
    records = [request(f"c{i:04d}", row["text"]) for i, row in enumerate(test)]
    written(tmp_path / "records.jsonl", records)
    references = [
        {"record": f"c{i:04d}", "stage": stage, "annotator": "crowd", "value": value}
        for i, row in enumerate(test)
        for stage, value in (("domain", of[row["intent"]]), ("intent", row["intent"]))
    ]
    written(tmp_path / "references.jsonl", references)
    (tmp_path / "stages.py").write_text(CLINC)
    (tmp_path / "cascade.yaml").write_text(
        f"""\
cascade: requests
noun: request
records: {{path: records.jsonl, id: id, slices: [words]}}
references: {{path: references.jsonl}}
stages:
  domain:
    uses: python
    with: {{function: "stages.py:domain"}}
    inputs: {{text: record.text}}
    output: {{type: label, values: [{", ".join(domains)}]}}
    ask: Which domain?
  intent:
    uses: python
    with: {{function: "stages.py:intent"}}
    inputs: {{text: record.text, domain: domain}}
    output: {{type: label, values: [{", ".join(json.dumps(intent) for intent in of)}]}}
    ask: Which intent?
outcome: {{score: intent.accuracy}}
"""
    )
    return test, records, references, of


@pytest.mark.slow
@needs("clinc150")
def test_requests_of_a_hundred_and_fifty_intents(tmp_path: Path):
    test, records, references, of = write_requests(tmp_path)
    with Workspace(tmp_path, environment={}, clock=time.time) as workspace:
        workspace.runs.new(tmp_path / "cascade.yaml")
        case = partial(
            case_of,
            workspace,
            "requests",
            stages=(
                naive.Stage("domain", (), "label", naive.equal, 1.0),
                naive.Stage("intent", ("domain",), "label", naive.equal, 1.0),
            ),
            records=records,
            rows=references,
            outcome=("intent", naive.equal, None),
        )
        first = case(run_name="v1")
        other = assert_scorecard(card_of(workspace, "requests"), first)
        assert_faults(workspace, "requests", other)
        assert_views(workspace, "requests", first, other, [slices_of(record, "words") for record in records])
        # The stored swap is what the oracle gets when it runs the function itself.
        stages = module_of(tmp_path / "stages.py")
        swapped = first.outputs(frozenset({"domain"}), "intent")
        for record, row in list(zip(records, test, strict=True))[:200]:
            assert swapped[record["id"]][2] == stages.intent(record["text"], of[row["intent"]])
        (tmp_path / "stages.py").write_text(CLINC.replace("+ 5000", "+ 50"))
        workspace.runs.new(tmp_path / "cascade.yaml")
        assert_compared(workspace.runs.compare("requests", "v1", "v2"), first, case(run_name="v2"))
    assert len(test) == 1_500
    assert other.gains["domain"].low > 0


JUDGE = '''

def sure(text, domain, output):
    """Whether the answer is clearly likelier than any other of its domain."""
    fits = sorted((fit(text, intent) for intent in COUNTS if DOMAIN[intent] == domain), reverse=True)
    return bool(fits[0] - fits[1] > 1.5)
'''


@pytest.mark.slow
@needs("clinc150")
@pytest.mark.parametrize("cluster", ["", ", cluster: words"], ids=["alone", "in clusters"])
def test_a_judge_of_requests_with_its_errors_taken_off(tmp_path: Path, cluster: str):
    _, records, references, _ = write_requests(tmp_path)
    labelled = {f"c{i:04d}" for i in range(0, len(records), 5)}
    written(tmp_path / "references.jsonl", [row for row in references if row["record"] in labelled])
    if cluster:
        written(tmp_path / "records.jsonl", [{**row, "words": f"w{i % 97}"} for i, row in enumerate(records)])
    (tmp_path / "stages.py").write_text(CLINC + JUDGE)
    file = tmp_path / "cascade.yaml"
    judge = "    judge: {sure: {uses: python, with: {function: 'stages.py:sure'}}}\n"
    text = file.read_text().replace("outcome:", f"{judge}outcome:").replace(", slices: [words]", cluster)
    file.write_text(text)
    right = {row["record"]: row["value"] for row in references if row["stage"] == "intent"}
    with Workspace(tmp_path, environment={}, clock=time.time) as workspace:
        run, _ = workspace.runs.new(file)
        said, given = (
            {output.record: output.value for output in workspace.store.outputs(run.id, SYSTEM, stage)}
            for stage in ("intent.judge.sure", "intent")
        )
        row = workspace.runs.attribution("requests").judges().rows[0]
    ids = [record["id"] for record in records]
    other = views.judged(
        np.array([float(bool(said[name])) for name in ids]),
        np.array([float(given[name] == right[name]) if name in labelled else np.nan for name in ids]),
        [i % 97 if cluster else i for i in range(len(ids))],
    )
    for name in ("sensitivity", "specificity", "alone", "people"):
        assert_same(getattr(row, name), getattr(other, name), name)
    for name in ("informedness", "corrected", "rogan_gladen"):
        ours, wanted = getattr(row, name), getattr(other, name)
        if wanted is None:
            assert ours.method.startswith("not measured: it takes records as independent")
            continue
        assert (ours.value, ours.low, ours.high) == pytest.approx(wanted, abs=1e-9), name
    assert row.labels == len(labelled) == 300


RECEIPTS = r'''
"""Date and total by pattern, and both on one line."""
import re


def date(lines):
    for line in lines:
        if match := re.search(r"\d{1,2}[/-]\d{1,2}[/-]\d{2,4}", line):
            return match[0]
    return ""


def total(lines):
    for place, line in enumerate(lines):
        if "TOTAL" in line.upper() and "SUB" not in line.upper():
            for near in lines[place : place + 3]:
                if match := re.search(r"\d+\.\d\d", near):
                    return match[0]
    return ""


def entry(date, total):
    return f"{date} {total}"
'''


@needs("receipts")
def test_receipts_whose_date_and_total_are_read_beside_each_other(tmp_path: Path):
    """Two branches and what joins them: the mean over both orders."""
    humans = lines(DATA / "receipts" / "human.jsonl")
    records = [
        {
            "id": row["receipt_id"],
            "lines": [line["text"] for line in row["lines"]],
            "length": LENGTHS[min(2, len(row["lines"]) // 30)],
        }
        for row in humans
    ]
    written(tmp_path / "records.jsonl", records)
    references = [
        {"record": row["receipt_id"], "stage": stage, "annotator": "person", "value": value}
        for row in humans
        for stage, value in (
            ("date", row["fields"].get("date", "")),
            ("total", row["fields"].get("total", "")),
            ("entry", f"{row['fields'].get('date', '')} {row['fields'].get('total', '')}"),
        )
    ]
    written(tmp_path / "references.jsonl", references)
    (tmp_path / "stages.py").write_text(RECEIPTS)
    (tmp_path / "cascade.yaml").write_text(
        """\
cascade: receipts
noun: receipt
records: {path: records.jsonl, id: id, slices: [length]}
references: {path: references.jsonl}
stages:
  total:
    uses: python
    with: {function: "stages.py:total"}
    inputs: {lines: record.lines}
    output: {type: text}
    score: exact
    ask: What is the total?
  date:
    uses: python
    with: {function: "stages.py:date"}
    inputs: {lines: record.lines}
    output: {type: text}
    score: exact
    ask: What is the date?
  entry:
    uses: python
    with: {function: "stages.py:entry"}
    inputs: {date: date, total: total}
    output: {type: text}
    score: exact
    ask: What is entered?
outcome: {score: entry.exact}
"""
    )
    with Workspace(tmp_path, environment={}, clock=time.time) as workspace:
        workspace.runs.new(tmp_path / "cascade.yaml")
        case = partial(
            case_of,
            workspace,
            "receipts",
            stages=(
                naive.Stage("total", (), "text", naive.equal, 1.0),
                naive.Stage("date", (), "text", naive.equal, 1.0),
                naive.Stage("entry", ("date", "total"), "text", naive.equal, 1.0),
            ),
            records=records,
            rows=references,
            outcome=("entry", naive.equal, None),
        )
        first = case(run_name="v1")
        other = assert_scorecard(card_of(workspace, "receipts"), first)
        assert_faults(workspace, "receipts", other)
        assert_views(workspace, "receipts", first, other, [slices_of(record, "length") for record in records])
        (tmp_path / "stages.py").write_text(RECEIPTS.replace("place : place + 3", "place : place + 1"))
        workspace.runs.new(tmp_path / "cascade.yaml")
        assert_compared(workspace.runs.compare("receipts", "v1", "v2"), first, case(run_name="v2"))
    assert other.gains["date"].value > 0 < other.gains["total"].value
