"""The frame of the app: title, top bar, and which page the URL asks for."""

from __future__ import annotations

from importlib.resources import as_file, files

import streamlit

from stagegap.ui import gap_page, label_page
from stagegap.ui.protocol import Workspace


def show(workspace: Workspace, *, only_label: bool = False) -> None:
    """Draw the page that the URL asks for; with `only_label` no other page exists."""
    with as_file(files("stagegap.ui").joinpath("static", "favicon.png")) as icon:
        streamlit.set_page_config(page_title=f"{workspace.folder.name} · stagegap", page_icon=str(icon), layout="wide")

    def gap() -> None:
        gap_page.draw(workspace)

    def label() -> None:
        label_page.draw(workspace)

    labelling = streamlit.Page(label, title="Label", url_path="label", default=only_label)
    pages = [labelling]
    if not only_label:
        pages = [streamlit.Page(gap, title="Gap", url_path="gap", default=True), labelling]
    streamlit.navigation(pages, position="hidden" if only_label else "top").run()
