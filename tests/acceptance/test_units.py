"""Published funnels through lists in lists, and the lines of scanned receipts; skipped where the data is not there.

The claims of Factcheck-GPT themselves are not in the data: their published counts are (Wang et al. 2023), and recorded
outputs that have these counts must come out of the run and its view as the same funnel.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest

from stagegap.model.record import Json
from stagegap.workspace import Workspace

SHARED = Path(__file__).parents[3] / "shared"
TABLES = SHARED / "acceptance" / "published-tables-2.json"
RECEIPTS = SHARED / "data" / "receipts" / "human.jsonl"
TRIED = 40
"""Receipts that are looked at."""

FACTCHECK = """\
cascade: factcheck
noun: response
records: {path: responses.jsonl}
stages:
  sentences: {uses: recorded, with: {path: sentences.jsonl}, inputs: {}, output: {type: list}}
  claims: {uses: recorded, with: {path: claims.jsonl}, each: sentences, inputs: {}, output: {type: list}}
  factual: {uses: recorded, with: {path: factual.jsonl}, each: claims, inputs: {}, output: {type: boolean}}
  evidence:
    uses: recorded
    with: {path: evidence.jsonl}
    each: claims
    when: factual
    inputs: {}
    output: {type: list}
  stance:
    uses: recorded
    with: {path: stance.jsonl}
    each: evidence
    inputs: {}
    output: {type: label, values: [irrelevant, completely-support, partially-support, refute]}
  verdict:
    uses: recorded
    with: {path: verdict.jsonl}
    each: claims
    inputs: {stances: stance}
    output: {type: label, values: ["true", "false", unknown]}
  right: {uses: join, with: {by: all, holds: ["true", unknown]}, inputs: {claims: verdict}, output: {type: boolean}}
outcome: {score: right.accuracy}
"""


def published(name: str) -> dict[str, Any]:
    """A table of the published ones. Any: tables have shapes of their own."""
    if not TABLES.exists():
        pytest.skip("the published tables are not here")
    return next(row["expected"] for row in json.loads(TABLES.read_text())["tests"] if row["id"] == name)


def dealt(many: int, among: int) -> list[int]:
    """So many things dealt to so many places, as evenly as can be."""
    return [many // among + (place < many % among) for place in range(among)]


def written(path: Path, rows: Iterable[Mapping[str, Json]]) -> None:
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))


def values(counts: Mapping[str, int]) -> Iterator[str]:
    return (value for value, times in counts.items() for _ in range(times))


def test_the_published_funnel_of_a_fact_checker_comes_out_of_lists_in_lists(tmp_path: Path) -> None:
    counts = published("factcheck-gpt-counts")
    folder = tmp_path / "pipelines" / "factcheck"
    folder.mkdir(parents=True)
    (folder / "cascade.yaml").write_text(FACTCHECK)
    responses = [f"r{n}" for n in range(counts["responses"])]
    of_response = dealt(counts["sentences"], len(responses))
    sentences = [f"{name}#{n}" for name, many in zip(responses, of_response, strict=True) for n in range(many)]
    of_sentence = dealt(counts["claims"], len(sentences))
    claims = [f"{name}#{n}" for name, many in zip(sentences, of_sentence, strict=True) for n in range(many)]
    factual = claims[: counts["factual"]]
    of_claim = dealt(sum(counts["stance"].values()), len(factual))
    pieces = [f"{name}#{n}" for name, many in zip(factual, of_claim, strict=True) for n in range(many)]
    written(folder / "responses.jsonl", ({"id": name} for name in responses))
    for stage, names, sizes in (
        ("sentences", responses, of_response), ("claims", sentences, of_sentence), ("evidence", factual, of_claim),
    ):  # fmt: skip
        rows = zip(names, sizes, strict=True)
        written(
            folder / f"{stage}.jsonl", ({"record": name, "value": [str(n) for n in range(many)]} for name, many in rows)
        )
    written(folder / "factual.jsonl", ({"record": name, "value": name in {*factual}} for name in claims))
    written(
        folder / "stance.jsonl",
        ({"record": name, "value": value} for name, value in zip(pieces, values(counts["stance"]), strict=True)),
    )
    verdicts = {"true": counts["claim_true"], "false": counts["claim_false"], "unknown": counts["unknown"]}
    written(
        folder / "verdict.jsonl",
        ({"record": name, "value": value} for name, value in zip(claims, values(verdicts), strict=True)),
    )
    with Workspace.open(tmp_path) as project:
        project.runs.new(None)
        view = project.runs.attribution("factcheck", "v1").units()
    rows = {row.stage: row for row in (*view.funnel, *(row for level in view.levels for row in level.funnel))}
    assert view.records == rows["sentences"].answered == counts["responses"]
    assert [(level.source, level.units, level.records) for level in view.levels] == [
        ("sentences", counts["sentences"], counts["responses"]),
        ("sentences > claims", counts["claims"], counts["responses"]),
        ("sentences > claims > evidence", len(pieces), len({name.partition("#")[0] for name in factual})),
    ]
    assert dict(rows["factual"].values) == {
        "true": counts["factual"], "false": counts["claims"] - counts["factual"],
    }  # fmt: skip
    assert (rows["evidence"].answered, rows["evidence"].skipped) == (
        counts["factual"], counts["claims"] - counts["factual"],
    )  # fmt: skip
    assert dict(rows["stance"].values) == counts["stance"]
    assert dict(rows["verdict"].values) == verdicts
    assert all(row.failed == 0 for row in rows.values())


LINES = """\
cascade: receipts
noun: receipt
records: {path: receipts.jsonl, id: receipt_id}
references: {path: references.jsonl}
stages:
  amount:
    uses: python
    with: {function: "stages.py:amount"}
    each: record.lines
    inputs: {line: record.lines}
    output: {type: boolean}
  has_amount: {uses: join, with: {by: any}, inputs: {lines: amount}, output: {type: boolean}}
outcome: {score: has_amount.accuracy}
"""
CODE = """\
import re


def amount(line):
    return bool(re.fullmatch(r"(RM|\\\\$)?\\\\s*\\\\d+\\\\.\\\\d\\\\d", line["text"].strip()))
"""


def test_lines_of_receipts_are_scored_as_lines_and_as_receipts(tmp_path: Path) -> None:
    if not RECEIPTS.exists():
        pytest.skip("the receipts are not here")
    receipts = [json.loads(line) for line in RECEIPTS.read_text().splitlines()[:TRIED]]
    folder = tmp_path / "pipelines" / "receipts"
    folder.mkdir(parents=True)
    (folder / "cascade.yaml").write_text(LINES)
    (folder / "stages.py").write_text(CODE.replace("\\\\", "\\"))
    written(folder / "receipts.jsonl", receipts)
    right = {
        receipt["receipt_id"]: [receipt["fields"].get("total", "-") in line["text"] for line in receipt["lines"]]
        for receipt in receipts
    }
    rows: list[dict[str, Json]] = []
    for name, lines in right.items():
        rows += [{"record": name, "unit": n, "stage": "amount", "value": value} for n, value in enumerate(lines)]
        rows.append({"record": name, "stage": "has_amount", "value": any(lines)})
    written(folder / "references.jsonl", ({**row, "annotator": "people"} for row in rows))
    with Workspace.open(tmp_path) as project:
        project.runs.new(None)
        card = project.runs.scorecard("receipts")
        level = project.runs.attribution("receipts", "v1").units().levels[0]
    namespace: dict[str, Any] = {}
    exec((folder / "stages.py").read_text(), namespace)
    scores = {
        receipt["receipt_id"]: [
            float(namespace["amount"](line) == wanted)
            for line, wanted in zip(receipt["lines"], right[receipt["receipt_id"]], strict=True)
        ]
        for receipt in receipts
    }
    every = [score for of_receipt in scores.values() for score in of_receipt]
    lines = level.scorecard.stages[0].in_place
    assert (level.units, level.records, level.known) == (len(every), TRIED, len(every))
    assert (lines.n, lines.clusters) == (len(every), TRIED)
    assert lines.value == pytest.approx(fmean(every), abs=1e-9)
    assert card is not None
    whole = card.stages[0].in_place
    assert (whole.n, whole.value) == (TRIED, pytest.approx(fmean(map(fmean, scores.values())), abs=1e-9))
    wrong = level.faults.stages[0].first_faults
    assert wrong == len(every) - sum(every)
