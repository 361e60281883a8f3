"""The style sheet: nothing is drawn without a rule, and a file that is sent around carries the rules that it uses."""

from __future__ import annotations

import re

from stagegap import charts
from stagegap.analysis.record_view import Difference, Mark, RecordView, StageBlock
from ui import changes, views

WORDS_OF_MEANING = {"few", "ls", "ch", "va", "gap", "same"}
"""Classes that other rules build on, or that tests and scripts look for."""


def block(kind: str) -> StageBlock:
    marks = (Mark("same", "a"), Mark("extra", "b"))
    return StageBlock(
        stage=kind,
        badge="first fault",
        score=0.0,
        saw=(("text", "record.text"),),
        system="a b",
        reference="a c",
        also=("d",),
        facts=(Mark("missing", "c"),),
        people="ab",
        difference=Difference(system=marks, reference=(Mark("same", "a"), Mark("missing", "c"))),
        kind=kind,  # type: ignore[arg-type]
    )


def test_every_class_that_is_drawn_has_a_rule() -> None:
    record = RecordView(record="m1", fields=(), blocks=(block("items"), block("text")))
    card, comparison = views.scorecard(), changes.comparison()
    drawn = (
        charts.record_blocks(record),
        charts.gap(card),
        charts.ceiling(card),
        charts.together(card),
        charts.steps(card),
        charts.first_faults(card),
        charts.groups(card.details[0]),
        charts.changes(comparison),
        charts.flips(comparison),
        charts.settings(comparison.config, comparison),
        charts.variants(changes.variants_view()),
    )
    used = {name for html in drawn for found in re.findall(r'class="([^"]*)"', html) for name in found.split()}
    ruled = set(re.findall(r"\.([A-Za-z][\w-]*)", charts.style()))
    assert used - ruled - WORDS_OF_MEANING == set()


def test_rules_of_a_file_are_those_that_it_uses() -> None:
    sheet = charts.style_of('<div class="bc"><table class="an"></table></div>')
    assert ".bc .an th,.bc .an td{" in sheet
    assert "@media print {" in sheet
    assert ".gap" not in sheet
    assert ".badge" not in sheet
    assert sheet.count("{") == sheet.count("}")
    assert len(sheet) < len(charts.style()) / 3
