"""On the Compare page: which stage made the difference, by mixing the versions of two runs."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import streamlit

from stagegap import charts
from stagegap.analysis.changes.views import Comparison
from stagegap.ui import background, elements, empty

if TYPE_CHECKING:
    from stagegap.workspace import Past
from stagegap.ui.elements import note


def draw(past: Past, view: Comparison) -> None:
    """Draw the contributions where they are worked out; else offer to, as long as that costs nothing."""
    streamlit.header("Which stage made the difference?", anchor=False)
    changed = past.changed(view.before, view.after)
    if changed is not None:
        streamlit.markdown(elements.plain(f"{changed.headline}."))
        elements.chart("contributions", charts.contributions(changed))
        return note(charts.contributions_note(changed))
    key = ("changed", view.cascade, view.before, view.after)
    if background.is_working(key):
        note("Mixing the versions. This part fills itself.")
        return empty.wait(lambda: not background.is_working(key))
    failed = background.failure(key)
    if failed:
        streamlit.markdown(elements.plain(failed))
    note(
        "Each stage's new version is tried with the old versions of the others and the other way round; "
        "answers that are known are not asked for again."
    )
    work = partial(past.work_out, view.before, view.after, use_shared=view.is_accepted)
    streamlit.button("Work it out", on_click=background.start, args=(key, work))
    note(f"In the terminal: stagegap changed {view.before} {view.after}. It says the price first, with --plan.")
    return None
