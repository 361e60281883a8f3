"""A real project of 120 mails, run once a session and copied: what pages are tested on.

`retrieve` misses the needed article of every third mail, `route` chooses the wrong team for every twentieth, and
`draft` leaves the fact out of every fifteenth. Two people answered everything; they differ on the first three mails.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from stagegap.model.record import Json

COUNT = 120
TEAMS = ("billing", "refund", "delivery", "account", "technical", "other")
PEOPLE = ("first-person", "second-person")
ARTICLES = {
    "KB-014": "Duplicate charges: how we check and refund them",
    "KB-017": "Price changes and how to keep your old plan",
    "KB-022": "Refund when the card is closed or lost",
    "KB-024": "Returns after 30 days",
    "KB-031": "Parcel shows as delivered but is missing",
    "KB-041": "Log-in loop after an update",
    "KB-043": "Merge two accounts",
    "KB-044": "Delete an account",
    "KB-052": "Export stops or closes the app",
    "KB-071": "Refund within 30 days",
}
SECRET = "the-systems-own-answer"
"""Stands in every draft of the system: must reach no browser before a person has answered."""
MALICIOUS = "<img src=http://tracker.invalid/p onerror='window.hacked=1'><script>window.hacked=1</script>![x](http://tracker.invalid/q)"
EVIL_MAIL = "m0009"
"""The mail whose body holds it."""

CASCADE = """\
cascade: support_email
noun: mail
records: {path: mails.jsonl, id: id, slices: [language, topics]}
corpora:
  articles: {path: articles.jsonl, id: id, title: title, text: [text]}
references: {path: references.jsonl}

stages:
  route:
    uses: python
    with: {function: "stages.py:route"}
    inputs: {subject: record.subject, body: record.body}
    output:
      type: label
      values:
        billing: charges, invoices, prices
        refund: money back, returns
        delivery:
        account:
        technical:
        other:
    ask: Which team must answer this mail?
    guideline: guideline.md
  retrieve:
    uses: python
    with: {function: "stages.py:retrieve"}
    inputs: {subject: record.subject, body: record.body, team: route}
    output: {type: ranking, of: articles, k: 3}
    score: recall@3
    ask: Which articles are needed to answer this mail?
    guideline: guideline.md
  draft:
    uses: python
    with: {function: "stages.py:draft"}
    inputs: {subject: record.subject, body: record.body, articles: retrieve}
    output: {type: text}
    score: fact_recall
    ask: Write the reply that you would send.
    guideline: guideline.md

outcome: {score: draft.fact_recall, good: ">= 0.8"}
"""

STAGES = f'''\
"""Answers by the number of the mail, with mistakes at known places."""

TEAMS = {TEAMS!r}
SECRET = {SECRET!r}


def number(subject):
    return int(subject.rpartition("(")[2].rstrip(")"))


def route(subject, body):
    i = number(subject)
    return TEAMS[(i + (i % 20 == 7)) % 6]


def retrieve(subject, body, team):
    i = number(subject)
    return ["KB-071", "KB-052", "KB-044"] if i % 3 == 0 else ["KB-014", "KB-071", "KB-043"]


def draft(subject, body, articles):
    i = number(subject)
    knows = any(article["id"] == "KB-014" for article in articles) and i % SLIP != 4 % SLIP
    return f"{{'We refund within 14 days' if knows else 'We will see'}}, dear customer. {{SECRET}}"
'''

GUIDELINE = "Read the whole mail.\nTwo topics: choose the one that is more urgent.\n"


def write_mails(
    folder: Path,
    *,
    count: int = COUNT,
    people: Sequence[str] = PEOPLE,
    slip: int = 15,
    unlabelled: Mapping[str, int] | None = None,
) -> Path:
    """Make the project, not run yet, and give the folder of its cascade.

    `draft` leaves the fact out of every `slip`-th mail; `unlabelled` says by stage how many of the last mails nobody
    answered.
    """
    made = folder / "pipelines" / "support_email"
    made.mkdir(parents=True)
    (made / "cascade.yaml").write_text(CASCADE)
    (made / "stages.py").write_text(STAGES.replace("SLIP", str(slip)))
    (made / "guideline.md").write_text(GUIDELINE)
    write_rows(
        made / "articles.jsonl",
        [{"id": key, "title": title, "text": f"{title}. Steps, then time limits."} for key, title in ARTICLES.items()],
    )
    write_rows(made / "mails.jsonl", [mail(i) for i in range(count)])
    rows = [(i, row) for i in range(count) for person in people for row in labels(i, person)]
    missing = unlabelled or {}
    write_rows(made / "references.jsonl", [row for i, row in rows if i < count - missing.get(str(row["stage"]), 0)])
    return made


def name(i: int) -> str:
    return f"m{i:04d}"


def mail(i: int) -> dict[str, Json]:
    text = MALICIOUS if name(i) == EVIL_MAIL else "refund within 30 days"
    return {
        "id": name(i),
        "subject": f"{MALICIOUS if name(i) == EVIL_MAIL else 'Please delete my account'} ({i})",
        "body": f"This is mail {name(i)}. {text}",
        "language": ("en", "de", "es")[i % 7 % 3],
        "topics": "two" if i % 6 == 0 else "one",
    }


def labels(i: int, person: str) -> list[dict[str, Json]]:
    """What a person says of a mail at every stage; the second one differs on the first three mails."""
    differs = person == PEOPLE[1] and i < 3
    answers: dict[str, dict[str, Json]] = {
        "route": {"value": TEAMS[(i + 2 * differs) % 6]},
        "retrieve": {"value": ["KB-022"] if differs else ["KB-014"]},
        "draft": {"value": "We refund within 14 days.", "facts": [["order number"] if differs else ["14 days"]]},
    }
    return [{"record": name(i), "stage": stage, "annotator": person, **answer} for stage, answer in answers.items()]


def write_rows(path: Path, rows: Sequence[Mapping[str, Json]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
