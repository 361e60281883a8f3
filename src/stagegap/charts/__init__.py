"""Views as pictures: each chart is an HTML table whose marks are placed by per cent.

A screen reader reads its rows and numbers, Ctrl-F finds them, a printer prints them, and app and report show the same
string. No function here computes a statistic; every value that comes from outside is escaped.
"""

from stagegap.charts.ceiling import ceiling
from stagegap.charts.failures import answers, failures
from stagegap.charts.faults import first_faults, steps, together
from stagegap.charts.gap import gap
from stagegap.charts.groups import groups
from stagegap.charts.marks import style
from stagegap.charts.sentences import (
    failures_sentence,
    first_fault_sentence,
    groups_note,
    lost_anyway,
    method,
    notices,
)
from stagegap.charts.words import emphasised, percent, points, span

__all__ = [
    "answers",
    "ceiling",
    "emphasised",
    "failures",
    "failures_sentence",
    "first_fault_sentence",
    "first_faults",
    "gap",
    "groups",
    "groups_note",
    "lost_anyway",
    "method",
    "notices",
    "percent",
    "points",
    "span",
    "steps",
    "style",
    "together",
]
