from __future__ import annotations

from pathlib import Path

import pytest

from spec.conftest import Problems
from spec.folders import Folder
from stagegap.model.cascade import Kind, Source

UNITS = """\
cascade: answers
records: {path: mails.jsonl}
stages:
  split:
    uses: python
    with: {function: "stages.py:draft"}
    inputs: {subject: record.subject, documents: record.documents}
    output: {type: list}
  check:
    uses: python
    with: {function: "stages.py:draft"}
    each: split
    align: value
    inputs: {subject: split, documents: record.documents}
    output: {type: boolean}
  right:
    uses: join
    with: {by: all}
    inputs: {units: check}
    output: {type: boolean}
outcome: {score: right.accuracy}
"""


def test_a_stage_names_the_list_it_is_asked_about_item_by_item(folder: Folder) -> None:
    cascade = folder.load(UNITS).cascade
    check = cascade.stage("check")
    assert (check.each, check.align, check.parents) == (Source("stage", "split"), "value", ("split",))
    split = cascade.stage("split")
    assert (split.each, split.output.kind, split.output.schema, split.metrics) == (
        None, Kind.LIST, '{"type":"string"}', ("set_f1",),
    )  # fmt: skip


def test_a_list_of_the_record_and_items_of_any_shape_can_be_taken_apart(folder: Folder) -> None:
    text = UNITS.replace("each: split", "each: record.documents").replace(
        "output: {type: list}", "output: {type: list, items: {type: object}}"
    )
    cascade = folder.load(text).cascade
    assert cascade.stage("check").each == Source("record", "documents")
    assert cascade.stage("split").output.schema == '{"type":"object"}'


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("each: split", "each: spilt", "12: unknown source 'spilt'. Did you mean split?"),
        ("each: split", "each: split.ids", "'split.ids' needs a ranking, and 'split' puts out type list. Write split."),
        ("each: split", "each: split.confidence", "'split.confidence' names a part of a stage. Write split."),
        ("each: split", "each: check", "the stage 'check' reads itself. Read an earlier stage."),
        ("output: {type: list}", "output: {type: text}", "'split' puts out type text, which is no list."),
        ("subject: split, ", "subject: split.confidence, ", "an item of 'split' has no confidence. Read split."),
        ("    each: split\n", "", "align is for stages with `each`. Remove it."),
        ("{by: all}", "{by: mean}", "a join by mean gives a number, and not a boolean. Write number."),
        ("{units: check}", "{units: check, more: split}", "a join has one input, found 2. Name the units to join."),
        ("{by: all}", "{by: most}", "stages.right.with.by can't be 'most'."),
    ],
)
def test_what_cannot_be_taken_apart_or_joined_is_said_when_the_file_is_read(
    problems: Problems, old: str, new: str, problem: str
) -> None:
    assert problem in "\n".join(problems(UNITS.replace(old, new)))


def test_stages_that_take_one_list_apart_name_its_items_alike(folder: Folder, problems: Problems) -> None:
    more = UNITS.replace("  right:", """  again:
    uses: python
    with: {function: "stages.py:draft"}
    each: split
    inputs: {subject: split, documents: check}
    output: {type: boolean}
  right:""").replace("units: check", "units: again")  # fmt: skip
    assert problems(more) == [
        "16: 'again' and 'check' take 'split' apart, by position and by value. Write the same for both."
    ]
    assert folder.load(more.replace("    align: value\n", "")).cascade.stage("again").align == "position"
    assert isinstance(folder.path, Path)
