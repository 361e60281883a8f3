"""The right side of a page about one run: which cascade, which run, and Share."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit

from stagegap.analysis.views import Scorecard
from stagegap.ui import days, elements, share
from stagegap.ui.protocol import Workspace


def draw(
    workspace: Workspace,
    scorecard: Scorecard,
    offer: Callable[[], share.Offer],
    *,
    cascades: Sequence[str] = (),
    drop: Sequence[str] = (),
) -> None:
    """Draw the pickers and Share; another run takes the parameters of `drop` out of the address."""
    with streamlit.container(horizontal=True, horizontal_alignment="right", vertical_alignment="center"):
        if len(cascades) > 1:
            elements.picker("Cascade", "cascade", dict(zip(cascades, cascades, strict=True)), scorecard.cascade)
        runs = {run.name: days.dated(run) for run in workspace.runs(scorecard.cascade)}
        elements.picker("Run", "run", runs, scorecard.run, drop=drop)
        share.button(offer, run=scorecard.run)
