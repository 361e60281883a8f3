"""Outputs that another system has written down: facts that nothing blocks, throws away or guesses at."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas
import pytest

from stagegap.analysis.views import Scorecard
from stagegap.errors import InputError
from stagegap.model.answer import Output
from stagegap.model.run import SYSTEM
from stagegap.workspace import Workspace

CASCADE = """\
cascade: facts
records: {path: records.jsonl, id: id}
corpora:
  shelf: {path: shelf.jsonl, id: id, title: title, text: [body]}
references: {path: references.jsonl}
stages:
  select:
    uses: recorded
    with: {path: outputs.jsonl%(fields)s}
    inputs: {}
    output: {type: ranking, of: shelf, k: 3}
    score: recall@1
  draft:
    uses: recorded
    with: {path: outputs.jsonl%(fields)s}
    inputs: {documents: select}
    output: {type: text}
    score: exact
outcome: {score: draft.exact, good: ">= 1"}
"""
RECORDS = [f"r{i:02d}" for i in range(40)]


def lines(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")


def project(folder: Path, outputs: Sequence[Mapping[str, Any]], *, cascade: str = CASCADE, fields: str = "") -> Path:
    """A cascade of recorded outputs with references: `d0` is right at select, `yes` at draft."""
    lines(folder / "records.jsonl", [{"id": record} for record in RECORDS])
    lines(folder / "shelf.jsonl", [{"id": f"d{i}", "title": f"D{i}", "body": "text"} for i in range(3)])
    rights = (("select", ["d0"]), ("draft", "yes"))
    lines(
        folder / "references.jsonl",
        [
            {"record": record, "stage": stage, "annotator": "ann", "value": value}
            for record in RECORDS
            for stage, value in rights
        ],
    )
    lines(folder / "outputs.jsonl", outputs)
    path = folder / "facts.yaml"
    path.write_text(cascade % {"fields": fields}, encoding="utf-8")
    return path


def ran(folder: Path, path: Path) -> tuple[Scorecard, dict[str, dict[str, Output]]]:
    with Workspace.open(folder) as workspace:
        run, _ = workspace.runs.new(path)
        card = workspace.runs.scorecard(run.cascade, run.name)
        assert card is not None
        outputs = {
            stage.stage: {one.record: one for one in workspace.store.outputs(run.id, SYSTEM, stage.stage)}
            for stage in card.stages
        }
    return card, outputs


def recorded(odd: object, *, records: Sequence[str] = RECORDS[:10]) -> list[dict[str, Any]]:
    """Select is right on all but the odd records, draft on all."""
    return [
        {"record": record, "stage": stage, "value": value}
        for record in RECORDS
        for stage, value in (("select", odd if record in records else ["d0"]), ("draft", "yes"))
    ]


def test_a_recorded_draft_counts_whatever_was_recorded_before_it(tmp_path: Path):
    for name, odd in (("repeats", ["d0", "d1", "d1"]), ("unknown", ["nowhere"]), ("no list", 7)):
        folder = tmp_path / name
        folder.mkdir()
        card, outputs = ran(folder, project(folder, recorded(odd)))
        assert card.system.value == 1.0, name
        assert {output.status.value for output in outputs["draft"].values()} == {"ok"}, name


def test_a_recorded_draft_counts_where_an_earlier_stage_has_no_row(tmp_path: Path):
    rows = [row for row in recorded(["d0"]) if row["stage"] == "draft" or row["record"] > "r10"]
    card, outputs = ran(tmp_path, project(tmp_path, rows))
    assert (card.system.value, card.system.n) == (1.0, 40)
    assert sum(output.status == "infrastructure" for output in outputs["select"].values()) == 11


def test_a_repeat_in_a_recorded_ranking_is_kept_and_counted_aloud(tmp_path: Path):
    card, outputs = ran(tmp_path, project(tmp_path, recorded(["d0", "d1", "d1"])))
    assert outputs["select"]["r00"].value == ["d0", "d1", "d1"]
    assert card.stages[0].in_place.value == 1.0
    assert card.troubles[0].sentence == "select: 10 of 40 recorded outputs name an id twice, for example r00: d1."


def test_outputs_that_do_not_fit_are_said_first_with_how_many_and_an_example(tmp_path: Path):
    card, _ = ran(tmp_path, project(tmp_path, recorded(["nowhere"])))
    assert card.troubles[0].sentence == (
        "select: 10 of 40 recorded outputs do not fit their type, for example r00: "
        "The corpus 'shelf' has no document 'nowhere'."
    )


def test_a_condition_that_a_recorded_output_contradicts_does_not_throw_it_away(tmp_path: Path):
    gate = """\
  gate:
    uses: recorded
    with: {path: outputs.jsonl}
    inputs: {}
    output: {type: boolean}
    score: accuracy
"""
    cascade = CASCADE.replace("stages:\n", f"stages:\n{gate}").replace(
        "    inputs: {documents: select}\n", "    inputs: {documents: select}\n    when: gate\n"
    )
    rows = [*recorded(["d0"]), *({"record": r, "stage": "gate", "value": r >= "r05"} for r in RECORDS)]
    card, outputs = ran(tmp_path, project(tmp_path, rows, cascade=cascade))
    assert {output.status.value for output in outputs["draft"].values()} == {"ok"}
    assert card.system.value == 1.0


def test_the_words_for_a_status_that_others_use_are_read(tmp_path: Path):
    words = ["success", "error", "timeout", "refused", "skipped", "rate_limited", "invalid_json", "repaired"]
    rows = [
        {**row, "state": words[i // 2] if i // 2 < len(words) and row["stage"] == "draft" else "ok"}
        for i, row in enumerate(recorded(["d0"]))
    ]
    path = project(tmp_path, rows, fields=", status: state")
    _, outputs = ran(tmp_path, path)
    assert [outputs["draft"][record].status.value for record in RECORDS[: len(words)]] == [
        "ok", "error", "infrastructure", "refused", "skipped", "infrastructure", "unparsable", "repaired"
    ]  # fmt: skip


def test_a_word_for_a_status_that_nobody_knows_is_refused_with_the_known_ones(tmp_path: Path):
    rows = [{**row, "state": "fnord"} for row in recorded(["d0"])]
    path = project(tmp_path, rows, fields=", status: state")
    with (
        pytest.raises(InputError, match="The status 'fnord' is none that is known"),
        Workspace.open(tmp_path) as opened,
    ):
        opened.runs.new(path)


def test_latency_tokens_cost_raw_text_error_and_time_of_each_output_are_taken_over(tmp_path: Path):
    more = {"ms": 120.5, "in": 30, "out": 7, "usd": 0.002, "text": "YES!", "why": "", "when": "2026-01-02T03:04:05Z"}
    rows = [{**row, **more} for row in recorded(["d0"])]
    named = ", latency_ms: ms, tokens_in: in, tokens_out: out, cost: usd, raw: text, error: why, at: when"
    _, outputs = ran(tmp_path, project(tmp_path, rows, fields=named))
    one = outputs["draft"]["r07"]
    assert (one.latency_ms, one.tokens_in, one.tokens_out, one.cost, one.raw) == (120.5, 30, 7, 0.002, "YES!")
    assert one.at == 1767323045.0


KINDS = {
    "label": ("{type: label, values: [a, b]}", "accuracy", "a", "a"),
    "labels": ("{type: labels, values: [a, b]}", "exact", ["a", "b"], '["a", "b"]'),
    "ranking": ("{type: ranking, of: shelf, k: 3}", "mrr", ["d0", "d1"], '["d0", "d1"]'),
    "number": ("{type: number}", "exact", 3.5, "3.5"),
    "boolean": ("{type: boolean}", "accuracy", True, "True"),
    "object": ("{type: object, schema: {type: object}}", "exact", {"a": 1}, '{"a": 1}'),
    "text": ("{type: text}", "exact", "12", "12"),
    "labels as pandas writes them": ("{type: labels, values: [a, b]}", "exact", ["a", "b"], "['a', 'b']"),
    "object as pandas writes it": ("{type: object, schema: {type: object}}", "exact", {"a": None}, "{'a': None}"),
    "boolean as a number": ("{type: boolean}", "accuracy", True, "1"),
}


@pytest.mark.parametrize(
    ("kind", "ending"),
    [(kind, "csv") for kind in KINDS]
    + [(kind, ending) for ending in ("tsv", "xlsx", "parquet") for kind in ("labels", "boolean", "text")],
)
def test_cells_of_a_table_are_read_by_the_declared_type(tmp_path: Path, kind: str, ending: str):
    declared, metric, value, cell = KINDS[kind]
    cascade = f"""\
cascade: cells
records: {{path: records.jsonl, id: id}}
corpora:
  shelf: {{path: shelf.jsonl, id: id, title: title, text: [body]}}
references: {{path: references.jsonl}}
stages:
  only:
    uses: recorded
    with: {{path: outputs.{ending}}}
    inputs: {{}}
    output: {declared}
    score: {metric}
outcome: {{score: only.{metric}}}
"""
    path = project(tmp_path, [], cascade=cascade.replace("%", "%%"))
    lines(
        tmp_path / "references.jsonl",
        [{"record": record, "stage": "only", "annotator": "ann", "value": value} for record in RECORDS],
    )
    with (tmp_path / "outputs.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["record", "value"])
        writer.writerows([[record, cell] for record in RECORDS])
    table = pandas.read_csv(tmp_path / "outputs.csv", dtype=str)
    match ending:
        case "tsv":
            table.to_csv(tmp_path / "outputs.tsv", sep="\t", index=False)
        case "xlsx":
            table.to_excel(tmp_path / "outputs.xlsx", index=False)
        case "parquet":
            table.to_parquet(tmp_path / "outputs.parquet")
        case _:
            pass
    card, outputs = ran(tmp_path, path)
    assert {output.status.value for output in outputs["only"].values()} == {"ok"}
    assert card.system.value == 1.0


@pytest.mark.parametrize(
    ("declared", "cell", "value"),
    [
        ("{type: label, values: ['7', '8']}, score: accuracy", 7, "7"),
        ("{type: text}, score: exact", 12, "12"),
        ("{type: boolean}, score: accuracy", 1, True),
    ],
)
def test_a_number_in_a_sheet_is_the_text_or_boolean_that_is_declared(
    tmp_path: Path, declared: str, cell: int, value: str | bool
):
    cascade = f"""\
cascade: cells
records: {{path: records.jsonl, id: id}}
stages:
  only: {{uses: recorded, with: {{path: outputs.xlsx}}, inputs: {{}}, output: {declared}}}
outcome: {{score: only.{declared.rsplit(maxsplit=1)[-1]}}}
"""
    path = project(tmp_path, [], cascade=cascade.replace("%", "%%"))
    pandas.DataFrame({"record": RECORDS, "value": cell}).to_excel(tmp_path / "outputs.xlsx", index=False)
    assert {(one.status.value, one.value) for one in ran(tmp_path, path)[1]["only"].values()} == {("ok", value)}


def test_a_cell_that_is_not_of_the_type_is_unparsable_and_not_a_crash(tmp_path: Path):
    path = project(tmp_path, [], cascade=CASCADE.replace("outputs.jsonl", "outputs.csv"))
    with (tmp_path / "outputs.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["record", "stage", "value"])
        for record in RECORDS:
            writer.writerows([[record, "select", "d0; d1"], [record, "draft", "yes"]])
    card, outputs = ran(tmp_path, path)
    assert {output.status.value for output in outputs["select"].values()} == {"unparsable"}
    assert outputs["select"]["r00"].raw == "d0; d1"
    assert card.system.value == 1.0
