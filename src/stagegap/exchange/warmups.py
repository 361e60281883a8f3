"""Examples that people answer before they begin, from a file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from stagegap.errors import near_names
from stagegap.exchange.labels import Known, labels_of_rows
from stagegap.exchange.rows import Problems, Row, read_rows
from stagegap.model.queue import WarmUp

FIELDS = ("record", "value", "explanation")


def read_warmup(path: Path, known: Known, *, stage: str) -> list[WarmUp]:
    """The examples of a stage, one a row: record, value and, for texts, facts as in a file of labels, explanation.

    Raises: InputError with every problem: missing fields, unknown records, values outside the declared type.
    """
    problems = Problems(path)
    examples: list[WarmUp] = []
    for row in read_rows(path):
        missing = [name for name in FIELDS if name not in row.values]
        if missing:
            problems.add(row.line, f"The field {missing[0]!r} is missing.", near_names(missing[0], row.values))
            continue
        for label in labels_of_rows([_as_label(row, stage)], known, problems, tabular=path.suffix != ".jsonl"):
            assert label.answer is not None, "a label has an answer"
            text = str(row.values["explanation"])
            examples.append(WarmUp(record=label.record, answer=label.answer, explanation=text))
    problems.raise_if_any()
    return examples


def _as_label(row: Row, stage: str) -> Row:
    values = {name: row.values[name] for name in ("record", "value", "facts") if name in row.values}
    return replace(row, values={**values, "stage": stage, "annotator": "warm-up"})
