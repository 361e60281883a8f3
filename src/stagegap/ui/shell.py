"""The frame of the app: title, top bar, and which page the URL asks for."""

from __future__ import annotations

import atexit
from collections.abc import Callable
from importlib.resources import as_file, files
from pathlib import Path

import streamlit
from streamlit.navigation.page import StreamlitPage

from stagegap.errors import StagegapError
from stagegap.ui import (
    after_page,
    agree_page,
    compare_page,
    elements,
    failures_page,
    gap_page,
    identity,
    label_page,
    odd_page,
    people_page,
    read_page,
    state,
)
from stagegap.ui.access import Role
from stagegap.workspace import Workspace

CHOSEN_ONCE = ("who", "cascade", "run")
"""What somebody who goes on to another page means there, too; the Compare page has two runs of its own."""


def show(opener: Callable[[Path], Workspace], folder: Path, *, only_label: bool = False) -> None:
    """Draw the page that the URL asks for on the workspace in `folder`; with `only_label` no other page exists.

    For labellers neither; who is not let in sees why.

    `opener` is called once for all visitors of this process.
    """
    with as_file(files("stagegap.ui").joinpath("static", "favicon.png")) as icon:
        streamlit.set_page_config(page_title=f"{folder.resolve().name} · stagegap", page_icon=str(icon), layout="wide")
    try:
        workspace = _opened(opener, folder)
    except StagegapError as error:
        streamlit.title("The workspace can't be opened", anchor=False)
        streamlit.markdown(elements.plain(str(error)))
        return

    identity.come_back()
    try:
        visit = identity.visitor()
    except StagegapError as error:
        streamlit.title("Nobody can be let in", anchor=False)
        streamlit.markdown(elements.plain(str(error)))
        return
    if visit is None:
        identity.door()
        return
    only_label = only_label or visit.role is Role.LABELLER

    pages = _pages(workspace, only_label=only_label)
    page = streamlit.navigation(pages, position="hidden" if only_label else "top")
    state.carry_over(page.url_path, *(CHOSEN_ONCE if page.title != "Compare" else CHOSEN_ONCE[:2]))
    page.run()


def _pages(workspace: Workspace, *, only_label: bool) -> list[StreamlitPage]:
    """The pages that the top bar leads to; with `only_label` that of labelling alone."""

    def gap() -> None:
        gap_page.draw(workspace)

    def failures() -> None:
        failures_page.draw(workspace)

    def read() -> None:
        read_page.draw(workspace)

    def label() -> None:
        label_page.draw(workspace)

    def agree() -> None:
        agree_page.draw(workspace)

    def compare() -> None:
        compare_page.draw(workspace)

    def after() -> None:
        after_page.draw(workspace)

    def odd() -> None:
        odd_page.draw(workspace)

    def people() -> None:
        people_page.draw(workspace)

    def start() -> None:
        label_page.draw(workspace)

    def named_gap() -> None:
        streamlit.switch_page(first, query_params=streamlit.query_params.to_dict())

    pages = [streamlit.Page(label, title="Label", url_path="label")]
    if only_label:  # the first page has no address of its own, and links name another one
        pages.append(streamlit.Page(start, title="Label", default=True))
    else:
        first = streamlit.Page(gap, title="Gap", url_path="start", default=True)
        pages.insert(0, first)
        pages.append(streamlit.Page(named_gap, title="Gap", url_path="gap", visibility="hidden"))
        pages.insert(1, streamlit.Page(failures, title="Failures", url_path="failures"))
        pages.insert(2, streamlit.Page(read, title="Read", url_path="read"))
        pages.append(streamlit.Page(agree, title="Agree", url_path="agree"))
        pages.append(streamlit.Page(compare, title="Compare", url_path="compare"))
        pages.append(streamlit.Page(after, title="After", url_path="after"))
        pages.append(streamlit.Page(odd, title="Oddities", url_path="odd"))
        pages.append(streamlit.Page(people, title="Labellers", url_path="people"))
    return pages


@streamlit.cache_resource(show_spinner=False)
def _opened(_opener: Callable[[Path], Workspace], folder: Path) -> Workspace:
    workspace = _opener(folder)
    atexit.register(workspace.close)
    return workspace
