"""Share: the link of a page, what it shows as a file, and its numbers; texts of records only when asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import streamlit

from stagegap.ui import elements, state

ICON = ":material/ios_share:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What a page gives away."""

    name: str
    """Of the files, without ending."""
    report: Callable[[bool], str]
    """Gives one HTML document, with or without texts of records."""
    json: str
    csv: str
    markdown: str = ""
    """Empty where the page has no such form."""
    texts: str = ""
    """What the report shows of records when it is asked for them, as `10 failures: ...`; empty where it has none."""
    left_out: str = ""
    """Says which records are left out, because people are still to label them."""
    lacks: str = ""
    """Says what the files lack for now."""


def button(offer: Callable[[], Offer], **link: str) -> None:
    """Draw the button that opens the dialog; `link` has parameters of the address that are left to a default."""
    if streamlit.button("Share", icon=ICON):
        _dialog(offer, link)


def link_button(why: str) -> None:
    """Draw the button for a page that gives its link away and nothing else; `why` says why."""
    with streamlit.container(horizontal=True, horizontal_alignment="right"):
        if streamlit.button("Share", icon=ICON):
            _link(why)


@streamlit.dialog("Share")
def _link(why: str) -> None:
    _address({})
    elements.note(why)


@streamlit.dialog("Share")
def _dialog(offer: Callable[[], Offer], link: dict[str, str]) -> None:
    """Offer a link, the report and the numbers; texts of records leave the machine only when asked for."""
    _address(link)
    offered = offer()
    if offered.lacks:
        elements.note(offered.lacks)
    with_records = bool(offered.texts) and streamlit.checkbox(f"With the texts of {offered.texts}")
    if offered.left_out:
        elements.note(offered.left_out)
    _download("Download report", offered.report(with_records), f"{offered.name}.html", "text/html")
    elements.note("One file for any browser and for paper: no script, nothing loaded from outside.")
    with streamlit.container(horizontal=True):
        _download("Numbers (JSON)", offered.json, f"{offered.name}.json", "application/json")
        _download("Numbers (CSV)", offered.csv, f"{offered.name}.csv", "text/csv")
        if offered.markdown:
            _download("Markdown", offered.markdown, f"{offered.name}.md", "text/markdown")
    elements.note("These hold no text of a record.")


def _address(link: dict[str, str]) -> None:
    elements.note("The link of this page, for who can reach this app:")
    elements.address(state.link(**link))


def _download(label: str, text: str, name: str, kind: str) -> None:
    streamlit.download_button(label, text, file_name=name, mime=kind, icon=":material/download:", on_click="ignore")
