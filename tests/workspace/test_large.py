"""Views that read only what is labelled give what they would give if they read everything."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from stagegap.analysis.agree import agree_view
from stagegap.analysis.blame import blame
from stagegap.analysis.compare import compare
from stagegap.analysis.faults import faults_view
from stagegap.analysis.need import need_view
from stagegap.analysis.paired_records import Side
from stagegap.analysis.scorecard import measured
from stagegap.workspace import Workspace

FIELDS = "{path: records.jsonl, id: id, slices: [language, source], difficulty: level, split: part}"
CASCADE = f"""\
cascade: notes
noun: note
records: {FIELDS}
evaluate: test
references: {{path: references.jsonl}}
stages:
  sort:
    uses: python
    with: {{function: "stages.py:sort"}}
    inputs: {{n: record.n}}
    output: {{type: label, values: [a, b, c]}}
  copy:
    uses: python
    with: {{function: "stages.py:copy"}}
    inputs: {{n: record.n, kind: sort}}
    output: {{type: text}}
    score: exact
outcome: {{score: copy.exact}}
"""
STAGES = """\
def sort(n):
    if n % 17 == 5:
        raise ValueError(f"no letter for {n}")
    return "abc"[n % 3 if n % 7 else 0]


def copy(n, kind):
    return kind * (1 + n % 2) if n % 10 else "long " * 40
"""
LATER = STAGES.replace("n % 7", "n % 5").replace("long", "longer")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """90 notes in two splits, every second of which somebody labelled; some calls raise."""
    folder = tmp_path_factory.mktemp("large") / "pipelines"
    folder.mkdir()
    rows = [
        {"id": f"n{i:02}", "n": i, "language": "de" if i % 4 else "en", "part": "train" if i % 9 == 4 else "test",
         **({"level": "hard"} if i % 5 == 3 else {}), **({"source": "old"} if i % 9 == 4 else {})}
        for i in range(90)
    ]  # fmt: skip
    labels = [
        {"record": f"n{i:02}", "stage": stage, "annotator": who, "value": value}
        for i in range(0, 90, 2)
        for who in ("ann", "ben")
        for stage, value in (("sort", "abc"[(i + (who == "ben" and i % 10 == 0)) % 3]), ("copy", "abc"[i % 3]))
    ]
    for name, lines in (("records", rows), ("references", labels)):
        (folder / f"{name}.jsonl").write_text("\n".join(map(json.dumps, lines)))
    (folder / "notes.yaml").write_text(CASCADE)
    (folder / "stages.py").write_text(STAGES)
    with Workspace.open(folder.parent) as workspace:
        workspace.runs.new(folder / "notes.yaml")
        for line in (1, 40):  # one with a label, one without
            rows[line - 1]["n"] = 91
        (folder / "records.jsonl").write_text("\n".join(map(json.dumps, [*rows[:80], *rows[80::2]])))
        (folder / "stages.py").write_text(LATER)
        workspace.runs.new(folder / "notes.yaml")
    return folder.parent


def test_figures_of_what_is_labelled_are_those_of_everything(project: Path) -> None:
    with Workspace.open(project) as workspace:
        look = workspace.runs.attribution("notes", "v1")
        part, whole = look.labelled, look.evidence
        assert len(part.records) == 40 < len(whole.records) == 80
        ours, theirs = measured(part, look.run, labels_seq=1), measured(whole, look.run, labels_seq=1)
        assert repr(ours.scorecard) == repr(theirs.scorecard)
        assert ours.failures == theirs.failures
        assert repr(blame(part)) == repr(blame(whole))
        assert repr(agree_view(part)) == repr(agree_view(whole))
        assert repr(faults_view(part)) == repr(faults_view(whole))
        assert repr(need_view(part)) == repr(need_view(whole))


def test_what_is_counted_of_all_records_is_what_the_outputs_say(project: Path) -> None:
    with Workspace.open(project) as workspace:
        look = workspace.runs.attribution("notes", "v1")
        assert look.labelled.tallies == look.evidence.tallies
        assert look.labelled.tallies["sort"].odd["errors"].count == 4
        assert look.labelled.troubles == look.evidence.troubles
        card = workspace.runs.scorecard("notes", "v1")
        assert card is not None
        assert (card.n_records, card.details[0].declared) == (80, ("difficulty", "language"))
        assert len(need_view(look.labelled).next) == 40


def test_two_runs_compare_as_if_every_record_was_read(project: Path) -> None:
    with Workspace.open(project) as workspace:
        looks = [workspace.runs.attribution("notes", name) for name in ("v1", "v2")]
        whole = compare(*(Side(run=look.run, evidence=look.evidence) for look in looks), seed=looks[1].run.seed)
        part = workspace.runs.compare("notes", "v1", "v2")
        assert repr(replace(part, config=())) == repr(replace(whole, config=()))
        assert part.refusal is not None
        assert "2 notes have the same id but other content." in part.refusal.reasons
        assert 0 < part.stages[1].same < part.n == part.refusal.shared == 74


def test_a_plan_of_known_records_calls_nothing_and_a_changed_record_is_seen(project: Path, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(project, folder)
    with Workspace.open(folder) as workspace:
        known = workspace.runs.plan(folder / "pipelines" / "notes.yaml")
        sort = known.cells[0].stages[0]
        assert (sort.calls, sort.known) == (3, 73), "what raised is called again"
        file = folder / "pipelines" / "records.jsonl"
        file.write_text(file.read_text().replace('"n": 6,', '"n": 500,'))
        assert workspace.runs.plan(folder / "pipelines" / "notes.yaml").cells[0].stages[0].calls == 4
