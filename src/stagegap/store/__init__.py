"""The only SQL. What other packages may import of it stands here; each name is imported when it is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stagegap.faces import handed_out

if TYPE_CHECKING:
    from stagegap.store.backup import Archive, back_up, restore
    from stagegap.store.care import Finding, Rebuilt, RecordsImport, Waiting
    from stagegap.store.columns import RunReader, StageTable, answers_of
    from stagegap.store.excerpt import Excerpt, Wanted
    from stagegap.store.screen_columns import PeopleTable, SampledTexts
    from stagegap.store.store import Store
    from stagegap.store.views import Marks, StoredView

__all__ = [
    "Archive",
    "Excerpt",
    "Finding",
    "Marks",
    "PeopleTable",
    "Rebuilt",
    "RecordsImport",
    "RunReader",
    "SampledTexts",
    "StageTable",
    "Store",
    "StoredView",
    "Waiting",
    "Wanted",
    "answers_of",
    "back_up",
    "restore",
]

_HOMES = {
    "stagegap.store.backup": (
        "Archive",
        "back_up",
        "restore",
    ),
    "stagegap.store.care": (
        "Finding",
        "Rebuilt",
        "RecordsImport",
        "Waiting",
    ),
    "stagegap.store.columns": (
        "RunReader",
        "StageTable",
        "answers_of",
    ),
    "stagegap.store.excerpt": (
        "Excerpt",
        "Wanted",
    ),
    "stagegap.store.screen_columns": (
        "PeopleTable",
        "SampledTexts",
    ),
    "stagegap.store.store": ("Store",),
    "stagegap.store.views": (
        "Marks",
        "StoredView",
    ),
}
__getattr__ = handed_out(__name__, _HOMES)
