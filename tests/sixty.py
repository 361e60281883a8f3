"""The starter cascade with sixty questions: enough to tell a change from chance. 54 of them get a good reply."""

from __future__ import annotations

import json
from pathlib import Path

from stagegap.workspace.foundation import write_starter

TEXTS = ("Do you open on Saturday, {}?", "Can I park at place {}?", "Have you a room for circle {}?")
TOPICS = ("opening", "parking", "other")
FACTS = ("10 to 14", "12 places", "call you back")
NEVER = "a fact that no reply has"
RIGHT, WRONG = "12 places behind", "some places behind"
"""What `spoil` changes in the reply about parking: twenty questions of sixty."""


def write_sixty(folder: Path) -> Path:
    """Make the project and give the folder of its cascade."""
    write_starter(folder)
    made = folder / "pipelines" / "first"
    questions, labels = [], []
    for i in range(60):
        record, kind = f"q{i:02d}", i % 3
        fact = NEVER if i % 10 == 0 else FACTS[kind]
        questions.append({"id": record, "text": TEXTS[kind].format(i), "length": "short"})
        labels.append({"record": record, "stage": "topic", "annotator": "ab", "value": TOPICS[kind]})
        labels.append({"record": record, "stage": "reply", "annotator": "ab", "value": fact, "facts": [[fact]]})
    for name, rows in (("questions", questions), ("references", labels)):
        (made / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return made


def spoil(made: Path) -> None:
    """Take the fact out of the reply about parking."""
    replace_in(made / "stages.py", RIGHT, WRONG)


def mend(made: Path) -> None:
    """Put it back."""
    replace_in(made / "stages.py", WRONG, RIGHT)


def replace_in(path: Path, found: str, by: str) -> None:
    text = path.read_text()
    assert found in text
    path.write_text(text.replace(found, by, 1))
