"""Who is there: an identity that was checked or initials, and whose answers they may see."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import streamlit

from stagegap.model.wording import listed
from stagegap.ui import elements, state
from stagegap.workspace import Workspace

WIDTH = 150
"""Pixels of the box for initials, as wide as the picker of runs above it."""


def known() -> tuple[str | None, bool]:
    """The annotator, and whether the identity was checked; None until somebody says who they are. Draws nothing."""
    email = streamlit.user.get("email")
    checked = streamlit.user.get("is_logged_in") is True or _trusts_a_proxy()
    if checked and isinstance(email, str) and email.strip():
        return email.strip(), True
    return (None if _trusts_a_proxy() or "is_logged_in" in streamlit.user else state.asked("who")), False


def annotator() -> tuple[str | None, bool]:
    """The annotator as `known`, and in the corner of the page who it is, or how to say so."""
    with streamlit.container(horizontal=True, horizontal_alignment="right", vertical_alignment="center"):
        _draw(width=WIDTH)
    return known()


def ask(why: str) -> None:
    """Ask in the middle of the page who is there, the cursor in the box; `why` says what that is for."""
    streamlit.space("large")
    with streamlit.columns([1, 2, 1])[1], streamlit.container(border=True):
        elements.subheading("Who are you?")
        _draw(width="stretch")
        if not (_trusts_a_proxy() or "is_logged_in" in streamlit.user):
            streamlit.button("Begin", type="primary")  # leaving the box takes over what stands in it
        elements.note(why)
        elements.focus(BOX)


BOX = "Your initials"


def _draw(*, width: int | Literal["stretch"]) -> None:
    who, is_checked = known()
    is_proxied = _trusts_a_proxy()
    if is_checked:
        streamlit.text(who)
        if not is_proxied:
            streamlit.button("Sign out", on_click=streamlit.logout, type="tertiary")
    elif is_proxied:
        elements.note("The proxy before this page did not say who you are. Nothing can be labelled.")
    elif "is_logged_in" in streamlit.user:
        for provider in _providers():
            name = f"Sign in with {provider}" if provider else "Sign in"
            streamlit.button(name, on_click=streamlit.login, args=(provider,))
        elements.way_back(leaving=True)
    else:
        _ask_for_initials(width=width)


def _ask_for_initials(*, width: int | Literal["stretch"]) -> None:
    streamlit.text_input(
        BOX,
        key=state.picker_key("who", state.asked("who")),
        on_change=state.take_over("who"),
        placeholder=BOX,
        label_visibility="collapsed",
        max_chars=40,
        width=width,
    )


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
