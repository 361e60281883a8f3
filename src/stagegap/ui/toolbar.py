"""The right side of a page about one run: which cascade, which run, and Share."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit

from stagegap.ui import days, elements, share
from stagegap.ui.opening import Opening


def draw(opened: Opening, offer: Callable[[], share.Offer], *, run: str, drop: Sequence[str] = ()) -> None:
    """Draw the pickers and Share; another run takes the parameters of `drop` out of the address."""
    with streamlit.container(horizontal=True, horizontal_alignment="right", vertical_alignment="center"):
        cascade_picker(opened.cascades, opened.cascade, drop=drop)
        elements.picker("Run", "run", {listed.name: days.dated(listed) for listed in opened.runs}, run, drop=drop)
        share.button(offer, run=run)


def widths(opened: Opening) -> tuple[float, float]:
    """How the width of a page is shared between its title and the toolbar."""
    return (4, 1.6) if len(opened.cascades) == 1 else (4, 2.6)


def cascade_picker(cascades: Sequence[str], cascade: str, *, drop: Sequence[str] = ()) -> None:
    """Draw the picker of cascades where there are several; another one has other stages and runs."""
    if len(cascades) > 1:
        names = dict(zip(cascades, cascades, strict=True))
        elements.picker("Cascade", "cascade", names, cascade, drop=("run", "stage", "why", *drop))
