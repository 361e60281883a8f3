"""Who is there: an identity that was checked or initials, and whose answers they may see."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit

from stagegap.model.wording import listed
from stagegap.ui import elements, state
from stagegap.workspace import Workspace

WIDTH = 150
"""Pixels of the box for initials, as wide as the picker of runs above it."""


def annotator() -> tuple[str | None, bool]:
    """The annotator, and whether the identity was checked; None until somebody says who they are."""
    with streamlit.container(horizontal=True, horizontal_alignment="right", vertical_alignment="center"):
        return _annotator()


def _annotator() -> tuple[str | None, bool]:
    email = streamlit.user.get("email")
    signs_in, is_proxied = "is_logged_in" in streamlit.user, _trusts_a_proxy()
    checked = streamlit.user.get("is_logged_in") is True or is_proxied
    if checked and isinstance(email, str) and email.strip():
        streamlit.text(email.strip())
        if not is_proxied:
            streamlit.button("Sign out", on_click=streamlit.logout, type="tertiary")
        return email.strip(), True
    if is_proxied:
        elements.note("The proxy before this page did not say who you are. Nothing can be labelled.")
        return None, False
    if signs_in:
        for provider in _providers():
            name = f"Sign in with {provider}" if provider else "Sign in"
            streamlit.button(name, on_click=streamlit.login, args=(provider,))
        elements.way_back(leaving=True)
        return None, False
    streamlit.text_input(
        "Your initials",
        key=state.picker_key("who", state.asked("who")),
        on_change=state.take_over("who"),
        placeholder="Your initials",
        label_visibility="collapsed",
        max_chars=40,
        width=WIDTH,
    )
    if state.asked("who") is not None:
        elements.note("not verified", width="content")
    return state.asked("who"), False


def invitation() -> str:
    """The words that ask somebody to say who they are."""
    return "Sign in above" if "is_logged_in" in streamlit.user else "Write your initials above"


def come_back() -> None:
    """Lead somebody who has just signed in to the page that they came from."""
    if streamlit.user.get("is_logged_in") is True:
        elements.way_back(leaving=False)


def _providers() -> list[str | None]:
    """The providers that are configured by name; None is the one that has no name."""
    auth = streamlit.secrets.get("auth", {})
    return [name for name, section in auth.items() if isinstance(section, Mapping)] or [None]


def _trusts_a_proxy() -> bool:
    """Say whether the server takes the e-mail from a header."""
    headers = streamlit.get_option("server.trustedUserHeaders")
    return isinstance(headers, dict) and "email" in headers.values()


def may_see(workspace: Workspace, cascade: str, run: str, record: str, *, who: str | None, noun: str) -> bool:
    """Say whether the page may draw the answers, and draw what stands in their place where it may not.

    Nobody sees them without a name: who sees them is noted, so that no queue offers them the record afterwards.
    """
    if who is None:
        elements.note(f"{invitation()} to see the answers. Who saw them is not asked to label this {noun} afterwards.")
        return False
    waiting = workspace.failures.waiting(cascade, record, who)
    if waiting:
        streamlit.markdown(
            elements.plain(
                f"This {noun} still waits for your answer at {listed(waiting)}. "
                "Looking at the answers takes it out of your queue, because you would not be blind to them."
            )
        )
        streamlit.button("Show the answers", on_click=workspace.failures.look, args=(cascade, run, record, who))
        return False
    workspace.failures.look(cascade, run, record, who)
    return True
