"""What views cost at a size: `python benchmarks/large.py build FOLDER [records] [labelled]`, then `... views FOLDER`.

The labelled records are run as they are, twice; the others are copies of them that only the store knows, made by SQL
in a minute, because a million calls of a tiny function say nothing about a view. Each view is asked in a process of
its own with nothing kept; seconds of processor time and peak memory of that process.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import duckdb

from stagegap.workspace import Workspace

LABELS = ("apparel", "electronics", "garden", "spam", "billing")
WORDS = ("the", "parcel", "that", "you", "sent", "to", "me", "is", "not", "here", "and", "would", "like", "money")
PEOPLE = ("ann", "ben", "cid")
CASCADE = """\
cascade: bench
noun: mail
records: {path: records.jsonl, id: id, slices: [language]}
references: {path: references.jsonl}
stages:
  route:
    uses: python
    with: {function: "stages.py:route"}
    inputs: {body: record.body}
    output: {type: label, values: [@LABELS@]}
  extract:
    uses: python
    with: {function: "stages.py:extract"}
    inputs: {body: record.body, team: route}
    output: {type: text}
    score: exact
  decide:
    uses: python
    with: {function: "stages.py:decide"}
    inputs: {name: extract, team: route}
    output: {type: label, values: [yes_, no_]}
outcome: {score: decide.accuracy}
""".replace("@LABELS@", ", ".join(LABELS))
STAGES = """\
LABELS = %r
SLIP = %d


def number(body):
    return int(body.rpartition(" ")[2])


def route(body):
    i = number(body)
    return LABELS[(i + (i %% SLIP == 3)) %% 5]


def extract(body, team):
    return body.split()[number(body) %% 9 + (team == "spam")]


def decide(name, team):
    return "yes_" if len(name) > 3 else "no_"
"""


def truth(i: int) -> dict[str, str]:
    body, team = text(i), LABELS[i % 5]
    name = body.split()[i % 9 + (team == "spam")]
    return {"route": team, "extract": name, "decide": "yes_" if (len(name) > 3) != (i % 11 == 0) else "no_"}


def text(i: int) -> str:
    return " ".join(WORDS[(i * 7 + k * 5) % len(WORDS)] for k in range(12)) + f" {i}"


def build(folder: Path, records: int, labelled: int) -> None:
    """A project with two runs of so many records, the first of which people labelled."""
    folder.mkdir(parents=True)
    with (folder / "records.jsonl").open("w") as rows:
        for i in range(labelled):
            rows.write(json.dumps({"id": f"m{i:07}", "body": text(i), "language": ("de", "en", "fr")[i % 3]}) + "\n")
    with (folder / "references.jsonl").open("w") as rows:
        for i in range(labelled):
            for place, person in enumerate(PEOPLE):
                for stage, value in truth(i).items():
                    slips = stage == "route" and (i + place) % 17 == 0
                    answer = LABELS[(i + 1) % 5] if slips else value
                    row = {"record": f"m{i:07}", "stage": stage, "annotator": person, "value": answer}
                    rows.write(json.dumps(row) + "\n")
    (folder / "pipelines").mkdir()
    for name in ("records.jsonl", "references.jsonl"):
        (folder / name).rename(folder / "pipelines" / name)
    (folder / "pipelines" / "bench.yaml").write_text(CASCADE)
    for slip in (9, 13):
        (folder / "pipelines" / "stages.py").write_text(STAGES % (LABELS, slip))
        with Workspace.open(folder) as workspace:
            run, _ = workspace.runs.new(folder / "pipelines" / "bench.yaml")
        print(run.name, run.status, flush=True)
    clone(folder / ".stagegap" / "store.duckdb", records // labelled, labelled)


def clone(file: Path, times: int, labelled: int) -> None:
    """Copy every record with what the system answered, and forget every view that is kept."""
    with duckdb.connect(str(file)) as session:
        session.execute("set preserve_insertion_order = true; set memory_limit = '4GB'")
        copies = f"cross join (select unnest(range(1, {times}))::uinteger as k) c"
        base = session.execute("select min(id), max(id), count(*) from record").fetchone()
        assert base is not None
        assert base[2] == labelled == base[1] - base[0] + 1, base
        session.execute(f"""
            insert into record select id + k * {labelled}, cascade, name || '-' || k from record {copies}
                order by k, id;
            insert into record_version select record + k * {labelled}, version, position + k * {labelled}, cluster,
                split, difficulty, slices, fields, md5_number(digest::varchar || k)::uuid
                from record_version {copies} order by k, record;
            insert into record_set select digest, place + k * {labelled}, record + k * {labelled}, version
                from record_set {copies} order by digest, k, place;
            insert into output select run, cell, stage, record + k * {labelled}, o.* exclude (run, cell, stage, record)
                from output o {copies} where cell = (select id from cell where name = 'system')
                order by run, stage, k, record;
            update run set records = records * {times};
            delete from kept_view; delete from failure; delete from score;
        """)
        print(session.execute("select count(*) from output").fetchone(), flush=True)


VIEWS = {
    "scorecard": "w.runs.scorecard('bench')",
    "runs": "w.past('bench').history()",
    "slices": "w.runs.attribution('bench').slices()",
    "blame": "w.runs.attribution('bench').blame()",
    "faults": "w.runs.attribution('bench').faults()",
    "need": "w.runs.attribution('bench').need()",
    "agree": "w.runs.attribution('bench').agree()",
    "compare": "w.past('bench').comparison('v1', 'v2')",
    "odd": "w.oddities.screen('bench')",
    "plan": "w.runs.plan(w.folder / 'pipelines' / 'bench.yaml')",
}
_ASK = """
import resource, sys
from pathlib import Path
from stagegap.workspace import Workspace
with Workspace.open(Path(sys.argv[1])) as w:
    view = {ask}
used = resource.getrusage(resource.RUSAGE_SELF)
print(f"{{used.ru_utime + used.ru_stime:.1f}} s {{used.ru_maxrss / 1024:.0f}} MB")
"""


def views(folder: Path, names: list[str]) -> None:
    """Ask each view with nothing kept."""
    for name in names or VIEWS:
        with duckdb.connect(str(folder / ".stagegap" / "store.duckdb")) as session:
            session.execute("delete from kept_view")
        asked = subprocess.run(
            [sys.executable, "-c", _ASK.format(ask=VIEWS[name]), str(folder)],
            capture_output=True,
            text=True,
            env=os.environ,
            check=False,
        )
        last = re.sub(r"\s+", " ", asked.stderr[-300:])
        print(f"{name}: {asked.stdout.strip() or last}", flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "build":
        build(Path(sys.argv[2]), *(int(n.replace("_", "")) for n in sys.argv[3:] or ("1_000_000", "1_000")))
    else:
        views(Path(sys.argv[2]), sys.argv[3:])
