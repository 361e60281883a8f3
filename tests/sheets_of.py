"""The sheet of a view by its type, for tests that have a view and no name for it."""

from __future__ import annotations

from typing import Any

from stagegap import registry
from stagegap.tables.table import Sheet

NAMES = {
    "AgreeView": "agree",
    "Blame": "blame",
    "Comparison": "compare",
    "FaultsView": "faults",
    "NeedView": "need",
    "PersonSwaps": "swaps",
    "Scorecard": "gap",
    "Selfcheck": "selfcheck",
    "SlicesView": "slices",
    "WhatChanged": "changed",
}


def sheet_of(view: object) -> Sheet:
    return registry.view(NAMES[type(view).__name__]).sheet(view)


def rows_of(view: object) -> list[Any]:
    return sheet_of(view).rows()
