"""All main figures of every data set that can be run as a cascade, worked out twice and equal to 1e-9.

The other computation stands in `naive_cascade` and `naive_figures`, which use numpy and scipy alone. The data lie
outside the repository, but for the shipped mails; nothing of them is written but to a temporary folder.
"""

from __future__ import annotations

import csv
import gzip
import importlib.util
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from oracles import naive_cascade as naive
from oracles.naive_figures import Figure, alpha_interval, draw
from stagegap.analysis.views import Scorecard
from stagegap.exchange.recorded import read_ratings
from stagegap.exchange.records import read_records
from stagegap.model.cascade import RecordsSource
from stagegap.model.estimate import Estimate
from stagegap.model.run import Cell
from stagegap.people.judgements import rated_gap
from stagegap.workspace import Workspace

ROOT = Path(__file__).parents[2]
DATA = ROOT.parent / "shared" / "data"


def needs(name: str) -> pytest.MarkDecorator:
    place = DATA / name
    return pytest.mark.skipif(not place.is_dir(), reason=f"the data set {name} is not at {place}")


def lines(path: Path) -> list[Any]:
    text = gzip.decompress(path.read_bytes()).decode() if path.suffix == ".gz" else path.read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def written(path: Path, rows: Iterable[Mapping[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


Unknown = Callable[[frozenset[str], str, str], bool]


def case_of(
    workspace: Workspace,
    cascade: str,
    *,
    stages: Sequence[naive.Stage],
    records: Sequence[Mapping[str, Any]],
    rows: Sequence[Mapping[str, Any]],
    outcome: tuple[str, naive.Metric, float | None],
    unknown: Unknown | None = None,
) -> naive.Case:
    """The outputs that a run has stored, in the words of the oracle."""
    run = workspace.store.run(cascade)
    assert run is not None
    names = [stage.name for stage in stages]
    stored: dict[tuple[frozenset[str], str], dict[str, tuple[str, str, Any]]] = {}

    def outputs(swapped: frozenset[str], stage: str) -> dict[str, tuple[str, str, Any]]:
        if (swapped, stage) not in stored:
            listed = tuple(name for name in names if name in swapped)
            cell = Cell("reference", listed) if listed else Cell()
            stored[swapped, stage] = {
                output.record: (output.status.value, output.because.value if output.because else "", output.value)
                for output in workspace.store.outputs(run.id, cell, stage)
            }
        return stored[swapped, stage]

    return naive.Case(
        stages=tuple(stages),
        outcome=outcome[0],
        outcome_metric=outcome[1],
        good=outcome[2],
        records=tuple(str(record["id"]) for record in records),
        units=tuple(str(record.get("cluster") or record["id"]) for record in records),
        rows=tuple(dict(row) for row in rows),
        outputs=outputs,
        **({} if unknown is None else {"unknown": unknown}),
    )


def assert_same(ours: Estimate, other: Figure, what: str) -> None:
    if not ours.is_measured:
        assert np.isnan(other.value), f"{what}: {ours.method}, and {other.value} by the oracle"
        return
    mine = (ours.value, ours.low, ours.high)
    assert mine == pytest.approx((other.value, other.low, other.high), abs=1e-9), what
    assert ours.n == other.n, what


def assert_scorecard(card: Scorecard, case: naive.Case, *, are_alone: bool = True) -> naive.Figures:
    """Stage scores, gaps, agreement, gains and the ends of the staircase."""
    other = naive.figures(case, seed=card.seed, resamples=card.resamples)
    for row in card.stages:
        name = row.stage
        assert_same(row.in_place, other.draws.mean(f"in place {name}"), f"{name} in place")
        if are_alone:
            assert_same(row.alone, other.draws.mean(f"alone {name}"), f"{name} alone")
        assert_same(row.person, other.draws.mean(f"person {name}"), f"people at {name}")
        assert_same(row.agreement, other.agreement[name], f"agreement at {name}")
        if row.person.is_measured:
            assert_same(row.system, other.draws.mean(f"system {name}"), f"system beside people at {name}")
            gap = other.draws.sum_of({f"person {name}": 1.0, f"system {name}": -1.0})
            assert_same(row.gap, gap, f"gap at {name}")
        assert row.gain.is_measured == (name in other.gains)
        if row.gain.is_measured:
            assert_same(row.gain, other.gains[name], f"gain of {name}")
        assert row.first_faults == other.faults[name].first
    assert_same(card.system, other.draws.mean("outcome 0"), "outcome")
    if card.ceiling.is_measured:
        assert other.ceiling is not None
        assert card.ceiling.value == pytest.approx(other.ceiling.value, abs=1e-9)
    assert_same(card.person, other.draws.mean("outcome person"), "people at the end")
    return other


def assert_faults(workspace: Workspace, cascade: str, other: naive.Figures) -> None:
    view = workspace.runs.attribution(cascade).faults()
    assert (view.bad, view.unexplained, view.unknown) == (other.bad, other.unexplained, other.not_known)
    for row in view.stages:
        own = other.faults[row.stage]
        counts = (row.first_faults, row.masked, row.reached, row.unknown)
        assert counts == (own.first, own.masked, own.reached, own.unknown), row.stage


def card_of(workspace: Workspace, cascade: str) -> Scorecard:
    card = workspace.runs.scorecard(cascade)
    assert card is not None
    return card


def test_the_shipped_mails(tmp_path: Path):
    """Customers as clusters, three people, facts, an outcome with a bar, a condition."""
    shutil.copytree(ROOT / "pipelines" / "support_email", tmp_path / "pipelines" / "support_email")
    source = tmp_path / "data" / "support_email"
    shutil.copytree(ROOT / "data" / "support_email", source)
    mails = [mail for mail in lines(source / "emails.jsonl") if mail["split"] == "test"]
    with Workspace(tmp_path, environment={}, clock=time.time) as workspace:
        workspace.runs.new(tmp_path / "pipelines" / "support_email" / "cascade.yaml")
        case = case_of(
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
        other = assert_scorecard(card_of(workspace, "support-email"), case)
        assert_faults(workspace, "support-email", other)
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


@pytest.mark.slow
@needs("clinc150")
def test_requests_of_a_hundred_and_fifty_intents(tmp_path: Path):
    """A chain of two live stages; a third of the requests, trained on a tenth."""
    rows = lines(DATA / "clinc150" / "data_full.jsonl.gz")
    domains = json.loads((DATA / "clinc150" / "domains.json").read_text())
    of = {intent: domain for domain, intents in domains.items() for intent in intents}
    test = [row for row in rows if row["split"] == "test"][::3]
    shutil.copy(DATA / "clinc150" / "domains.json", tmp_path / "domains.json")
    written(tmp_path / "train.jsonl", [row for row in rows if row["split"] == "train"][::10])
    records = [{"id": f"c{i:04d}", "text": row["text"]} for i, row in enumerate(test)]
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
records: {{path: records.jsonl, id: id}}
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
    with Workspace(tmp_path, environment={}, clock=time.time) as workspace:
        workspace.runs.new(tmp_path / "cascade.yaml")
        case = case_of(
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
        other = assert_scorecard(card_of(workspace, "requests"), case)
        assert_faults(workspace, "requests", other)
        # The stored swap is what the oracle gets when it runs the function itself.
        stages = _module(tmp_path / "stages.py")
        swapped = case.outputs(frozenset({"domain"}), "intent")
        for record, row in list(zip(records, test, strict=True))[:200]:
            assert swapped[record["id"]][2] == stages.intent(record["text"], of[row["intent"]])
    assert len(test) == 1_500
    assert other.gains["domain"].low > 0


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
    records = [{"id": row["receipt_id"], "lines": [line["text"] for line in row["lines"]]} for row in humans]
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
records: {path: records.jsonl, id: id}
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
        case = case_of(
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
        other = assert_scorecard(card_of(workspace, "receipts"), case)
        assert_faults(workspace, "receipts", other)
    assert other.gains["date"].value > 0 < other.gains["total"].value


def steps_cascade(folder: Path, traces: Sequence[Mapping[str, Any]], most: int) -> list[dict[str, Any]]:
    """Each step a recorded stage, right as far as people marked it; then the answer. Gives the reference rows."""
    outputs, references = [], []
    for trace in traces:
        for at in range(most):
            place = {"record": trace["id"], "stage": f"step_{at}"}
            exists = at < trace["steps"]
            outputs.append({**place, "value": at != trace["mistake"] if exists else None})
            # After the first wrong step nobody looked on.
            if trace["mistake"] is None or at <= trace["mistake"]:
                references.append({**place, "annotator": "people", "value": True if exists else None})
        place = {"record": trace["id"], "stage": "answer"}
        outputs.append({**place, "value": trace["answer"]})
        references.append({**place, "annotator": "people", "value": trace["target"]})
    written(folder / "outputs.jsonl", outputs)
    written(folder / "references.jsonl", references)
    written(folder / "records.jsonl", [{"id": trace["id"]} for trace in traces])
    stages = "".join(
        f"""\
  step_{at}:
    uses: recorded
    with: {{path: outputs.jsonl}}
    inputs: {{{f"before: step_{at - 1}" if at else ""}}}
    output: {{type: boolean}}
    ask: Is this step right?
"""
        for at in range(most)
    )
    (folder / "cascade.yaml").write_text(
        f"""\
cascade: steps
noun: trace
records: {{path: records.jsonl, id: id}}
references: {{path: references.jsonl}}
stages:
{stages}  answer:
    uses: recorded
    with: {{path: outputs.jsonl}}
    inputs: {{last: step_{most - 1}}}
    output: {{type: text}}
    score: exact
    ask: What is the answer?
outcome: {{score: answer.exact}}
"""
    )
    return references


def check_steps(folder: Path, traces: Sequence[Mapping[str, Any]]) -> naive.Figures:
    most = max(trace["steps"] for trace in traces)
    references = steps_cascade(folder, traces, most)
    names = [*(f"step_{at}" for at in range(most)), "answer"]
    with Workspace(folder, environment={}, clock=time.time) as workspace:
        workspace.runs.new(folder / "cascade.yaml")
        case = case_of(
            workspace,
            "steps",
            stages=[
                naive.Stage(name, tuple(names[at - 1 : at]) if at else (), "text", naive.equal, 1.0)
                for at, name in enumerate(names)
            ],
            records=[{"id": trace["id"]} for trace in traces],
            rows=references,
            outcome=("answer", naive.equal, None),
            unknown=lambda swapped, stage, _record: bool(swapped) and stage not in swapped,
        )
        card = card_of(workspace, "steps")
        other = naive.figures(case, seed=card.seed, resamples=20)
        for row in card.stages:
            assert_same(row.in_place, other.draws.mean(f"in place {row.stage}"), row.stage)
            assert not row.gain.is_measured
        assert_faults(workspace, "steps", other)
    return other


@pytest.mark.slow
@needs("bigbench-mistake")
@pytest.mark.parametrize(
    ("task", "masked", "unmarked"), [("tracking_shuffled_objects", 12, 7), ("multistep_arithmetic", 1, 18)]
)
def test_chains_of_thought_whose_first_wrong_step_people_marked(tmp_path: Path, task: str, masked: int, unmarked: int):
    rows = [row for row in lines(DATA / "bigbench-mistake" / "traces.jsonl.gz") if row["task"] == task]
    traces = [
        {
            "id": row["record_id"],
            "steps": len(row["steps"]),
            "mistake": row["mistake_index"],
            "answer": row["answer"] or "",
            "target": row["target"],
        }
        for row in rows
    ]
    other = check_steps(tmp_path, traces)
    # As the notes of the data count them, but that an answer with a blank before it is the same answer: right answers
    # after a wrong step, and wrong ones without any.
    assert sum(each.masked for each in other.faults.values()) - other.faults["answer"].masked == masked
    assert other.faults["answer"].first == unmarked
    assert other.not_known == 0


@pytest.mark.slow
@needs("who-and-when")
def test_failed_traces_of_agents_whose_decisive_step_people_marked(tmp_path: Path):
    rows = [row for row in lines(DATA / "who-and-when" / "traces.jsonl.gz") if row["system_kind"].startswith("alg")]
    traces = [
        {
            "id": row["trace_id"],
            "steps": len(row["history"]),
            "mistake": int(row["mistake_step"]),
            "answer": "failed",
            "target": "done",
        }
        for row in rows
    ]
    other = check_steps(tmp_path, traces)
    assert (other.bad, other.unexplained, other.not_known) == (126, 0, 0)
    assert [other.faults[f"step_{at}"].first for at in range(10)] == [20, 34, 11, 13, 11, 14, 6, 4, 12, 1]


@pytest.fixture(scope="module")
def dialogues(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("dstc10")
    script = ROOT / "pipelines" / "dstc10" / "import_data.py"
    source = DATA / "dstc10-track2-task2"
    subprocess.run([sys.executable, str(script), str(source), str(target)], check=True, capture_output=True)
    return target


def _module(path: Path) -> Any:
    made = importlib.util.spec_from_file_location(f"oracle_{path.parent.name}".replace("-", "_"), path)
    assert made is not None
    assert made.loader is not None
    module = importlib.util.module_from_spec(made)
    made.loader.exec_module(module)
    return module


def _stages(said: Callable[[object, object], float], *, first: naive.Metric, bar: float = 1.0) -> list[naive.Stage]:
    return [
        naive.Stage("detect", (), "boolean", naive.equal, 1.0),
        naive.Stage("select", ("detect",), "ranking", first, bar),
        naive.Stage("draft", ("detect", "select"), "text", lambda value, row: said(value, row["value"]), 0.5),
    ]


@pytest.mark.slow
@needs("dstc10-track2-task2")
@pytest.mark.xdist_group("dstc10")
def test_spoken_requests_with_stages_that_run(dialogues: Path, tmp_path: Path):
    """Dialogues as clusters, a condition, a metric of the user, references that say "no answer"."""
    shutil.copytree(ROOT / "pipelines" / "dstc10", tmp_path / "pipelines" / "dstc10")
    folder = tmp_path / "pipelines" / "dstc10"
    said = _module(folder / "stages.py").said
    stages = _stages(said, first=naive.recall_at(1))
    turns = lines(dialogues / "live" / "records.jsonl")
    with Workspace(tmp_path, environment={"DSTC10": str(dialogues)}, clock=time.time) as workspace:
        workspace.runs.new(folder / "live.yaml")
        case = case_of(
            workspace,
            "dstc10-live",
            stages=stages,
            records=[{"id": turn["record"], "cluster": turn["dialogue"]} for turn in turns],
            rows=lines(dialogues / "live" / "references.jsonl"),
            outcome=("draft", stages[2].metric, 0.5),
        )
        other = assert_scorecard(card_of(workspace, "dstc10-live"), case)
        assert_faults(workspace, "dstc10-live", other)
    assert len(other.gains) == 3


@pytest.mark.slow
@needs("dstc10-track2-task2")
@pytest.mark.xdist_group("dstc10")
@pytest.mark.parametrize("system", ["teamB00-entry0", "teamB05-entry0"])
def test_spoken_requests_as_one_system_answered_them(dialogues: Path, tmp_path: Path, system: str):
    """Recorded outputs: what a swap would change there nobody knows."""
    shutil.copytree(ROOT / "pipelines" / "dstc10", tmp_path / "pipelines" / "dstc10")
    folder = tmp_path / "pipelines" / "dstc10"
    said = _module(folder / "stages.py").said
    stages = _stages(said, first=naive.reciprocal_rank, bar=0.5)
    rows = lines(dialogues / "recorded" / "references.jsonl")
    wanted = {(row["record"], row["stage"]): row["value"] for row in rows}
    own = {
        (row["record"], row["stage"]): row["value"]
        for row in lines(dialogues / "recorded" / "outputs" / f"{system}.jsonl")
    }

    def unknown(swapped: frozenset[str], stage: str, record: str) -> bool:
        if not swapped or stage in swapped:
            return False
        needs_answer = wanted[record, "detect"] if "detect" in swapped else own[record, "detect"]
        if not needs_answer:
            return False  # a skip
        if stage == "select" or "select" not in swapped:
            return not own[record, "detect"]
        return (record, "select") not in own or own[record, "select"] != wanted.get((record, "select"))

    turns = lines(dialogues / "recorded" / "records.jsonl")
    with Workspace(tmp_path, environment={"DSTC10": str(dialogues), "SYSTEM": system}, clock=time.time) as workspace:
        workspace.runs.new(folder / "recorded.yaml")
        case = case_of(
            workspace,
            "dstc10-recorded",
            stages=stages,
            records=[{"id": turn["record"]} for turn in turns],
            rows=rows,
            outcome=("draft", stages[2].metric, 0.5),
            unknown=unknown,
        )
        card = card_of(workspace, "dstc10-recorded")
        assert card.bounds is not None
        other = assert_scorecard(card, case, are_alone=False)
        assert_faults(workspace, "dstc10-recorded", other)
    assert other.bad == other.unexplained + other.not_known + sum(each.first for each in other.faults.values())


@pytest.mark.slow
@needs("dstc10-track2-task2")
@pytest.mark.xdist_group("dstc10")
def test_ratings_of_replies_against_those_of_the_person(dialogues: Path):
    path = dialogues / "recorded" / "records.jsonl"
    ids = [row["record"] for row in lines(path)]
    table = lines(dialogues / "recorded" / "ratings.jsonl")
    system, person = "teamB00/entry0", "human_reference"
    ours = rated_gap(
        read_ratings(dialogues / "recorded" / "ratings.jsonl"),
        read_records(RecordsSource(paths=(str(path),), id="record")),
        system=system,
        person=person,
        criterion="accuracy",
        scale=(1, 5),
        seed=3,
        resamples=2_000,
    )
    place = {record: i for i, record in enumerate(ids)}
    given = {name: np.full((3, len(ids)), np.nan) for name in (person, system)}
    for row in table:
        if row["criterion"] == "accuracy" and row["system"] in given:
            given[row["system"]][int(row["rater"]), place[row["record"]]] = row["value"]
    with np.errstate(invalid="ignore"), pytest.warns(RuntimeWarning):
        human, machine = np.nanmean(given[person], axis=0), np.nanmean(given[system], axis=0)
    both = np.isnan(human) | np.isnan(machine)
    lowest, highest = (np.where(np.isnan(human), np.nan, np.where(np.isnan(machine), end, machine)) for end in (1, 5))
    columns = {
        "person": human,
        "person, both": np.where(both, np.nan, human),
        "system, both": np.where(both, np.nan, machine),
        "lowest": lowest,
        "highest": highest,
    }
    drawn = draw(columns, list(range(len(ids))), seed=3, resamples=2_000)
    assert_same(ours.person, drawn.mean("person"), "person")
    assert_same(ours.system, drawn.mean("system, both"), "system")
    assert_same(ours.gap, drawn.sum_of({"person, both": 1.0, "system, both": -1.0}), "gap")
    assert_same(ours.bounds.worst, drawn.sum_of({"person": 1.0, "highest": -1.0}), "worst")
    assert_same(ours.bounds.best, drawn.sum_of({"person": 1.0, "lowest": -1.0}), "best")
    rng = np.random.default_rng(3)
    rng.bit_generator.state = drawn.state
    agreement = alpha_interval(
        np.hstack([given[person], given[system]]), [*range(len(ids))] * 2, rng=rng, resamples=500
    )
    assert_same(ours.agreement, agreement, "agreement of the raters")


@needs("wmt-mqm")
def test_errors_of_translations_as_professionals_marked_them(tmp_path: Path):
    """No cascade: one rater a translation. What can be compared is the rating that their errors add up to."""
    with gzip.open(DATA / "wmt-mqm" / "ted-en-de.tsv.gz", "rt", encoding="utf-8") as file:
        marks = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    points: dict[tuple[str, str, str], float] = {}
    for mark in marks:
        key = (mark["system"], mark["seg_id"], mark["rater"])
        points[key] = points.get(key, 0.0) + {"Major": -5.0, "Minor": -1.0}.get(mark["severity"], 0.0)
    segments = sorted({segment for _, segment, _ in points}, key=int)
    talks = {mark["seg_id"]: mark["doc"] for mark in marks}
    records = written(tmp_path / "records.jsonl", [{"id": s, "talk": talks[s]} for s in segments])
    rows = [
        {"system": system, "record": segment, "criterion": "mqm", "rater": rater, "value": value}
        for (system, segment, rater), value in points.items()
        if system in ("ref", "Nemo")
    ]
    ours = rated_gap(
        read_ratings(written(tmp_path / "ratings.jsonl", rows)),
        read_records(RecordsSource(paths=(str(records),), id="id", cluster="talk")),
        system="Nemo",
        person="ref",
        criterion="mqm",
        scale=(-25, 0),
        seed=5,
        resamples=500,
    )
    columns = {}
    for name in ("ref", "Nemo"):
        values = {segment: value for (system, segment, _), value in points.items() if system == name}
        columns[name] = np.array([values.get(segment, np.nan) for segment in segments])
    person, system = columns["ref"], columns["Nemo"]
    both, rated = np.isnan(person) | np.isnan(system), ~np.isnan(person)
    order = list(dict.fromkeys(talks[s] for s in segments))
    drawn = draw(
        {
            "person": person,
            "person, both": np.where(both, np.nan, person),
            "system, both": np.where(both, np.nan, system),
            "lowest": np.where(rated, np.where(np.isnan(system), -25, system), np.nan),
            "highest": np.where(rated, np.where(np.isnan(system), 0, system), np.nan),
        },
        [order.index(talks[s]) for s in segments],
        seed=5,
        resamples=500,
    )
    assert_same(ours.person, drawn.mean("person"), "person")
    assert_same(ours.gap, drawn.sum_of({"person, both": 1.0, "system, both": -1.0}), "gap")
