"""Views that read only what is labelled give what they would give if they read everything."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from stagegap.analysis.agree import agree_view
from stagegap.analysis.blame import blame
from stagegap.analysis.faults import faults_view
from stagegap.analysis.need import need_view
from stagegap.analysis.scorecard import measured
from stagegap.workspace import Workspace

FIELDS = "{path: records.jsonl, id: id, slices: [language], difficulty: level, split: part}"
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
    return kind * (1 + n % 2)
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """90 notes in two splits, every second of which somebody labelled; some calls raise."""
    folder = tmp_path_factory.mktemp("large") / "pipelines"
    folder.mkdir()
    rows = [
        {"id": f"n{i:02}", "n": i, "language": "de" if i % 4 else "en", "part": "train" if i % 9 == 4 else "test",
         **({"level": "hard"} if i % 5 == 3 else {})}
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
    return folder.parent


def test_figures_of_what_is_labelled_are_those_of_everything(project: Path) -> None:
    with Workspace.open(project) as workspace:
        look = workspace.runs.attribution("notes")
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
        look = workspace.runs.attribution("notes")
        assert look.labelled.tallies == look.evidence.tallies
        assert look.labelled.tallies["sort"].odd["errors"].count == 4
        assert look.labelled.troubles == look.evidence.troubles
        card = workspace.runs.scorecard("notes")
        assert card is not None
        assert (card.n_records, card.details[0].declared) == (80, ("difficulty", "language"))
        assert len(need_view(look.labelled).next) == 40
