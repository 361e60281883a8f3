"""Who is there and what they may do: an identity that was checked or initials, and whose answers they may see."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import streamlit

from stagegap.model.wording import listed
from stagegap.ui import elements, server, state
from stagegap.ui.access import TEAM, Access, Role, Visitor
from stagegap.workspace import Workspace

WIDTH = 150
"""Pixels of the box for initials, as wide as the picker of runs above it."""


CLOSED = "Nobody is let in by this link any more: it was taken back. Ask for a new one."
NAMELESS = "The proxy before this page did not say who you are. Nothing is shown, and nothing can be labelled."


def visitor() -> Visitor | None:
    """Who looks at the page, and what they may do; None for somebody who is not let in (yet).

    Raises: ConfigurationError for a team's file that can't be read.
    """
    email = _checked_email()
    if email is not None:
        role = _access().role(email)
        return None if role is None else Visitor(role=role, name=email, is_checked=True)
    cookies = streamlit.context.cookies
    token = cookies.get(_access().cookie_name) if cookies else None
    if token and not _access().is_owner(token):
        invited = _access().invitation(token)
        return None if invited is None else Visitor(role=Role.LABELLER, name=invited.who, is_checked=True)
    return None if _signs_in() or _trusts_a_proxy() else Visitor(role=Role.ADMIN)


def door() -> None:
    """Draw what stands in the place of every page for somebody who is not let in: why, and what to do."""
    email = _checked_email()
    if email is not None:
        elements.note(f"You are {email}, and {TEAM} of this project does not let you in.")
        _sign_out()
    elif _trusts_a_proxy():
        elements.note(NAMELESS)
    elif _signs_in():
        streamlit.title("Sign in", anchor=False)
        _sign_in()
        elements.note("Sign in above. Every label carries who made it.")
    else:
        elements.note(CLOSED)


def may_label(who: str) -> bool:
    """True as long as somebody is let in under that name: an open page must not outlive its invitation."""
    visit = visitor()
    return visit is not None and visit.name in (None, who)


def known() -> tuple[str | None, bool]:
    """The annotator, and whether the identity was checked; None until somebody says who they are. Draws nothing."""
    visit = visitor()
    if visit is None:
        return None, False
    return (state.asked("who"), False) if visit.name is None else (visit.name, visit.is_checked)


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
        visit = visitor()
        if visit is not None and visit.name is None:
            streamlit.button("Begin", type="primary")  # leaving the box takes over what stands in it
        elements.note(why)
        elements.focus(BOX)


BOX = "Your initials"


def _draw(*, width: int | Literal["stretch"]) -> None:
    visit = visitor()
    if visit is None:
        door()
    elif visit.name is None:
        _ask_for_initials(width=width)
    else:
        streamlit.text(visit.name)
        if _checked_email() is not None:
            _sign_out()


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


def _checked_email() -> str | None:
    """The address that a sign-in or the proxy vouches for."""
    email = streamlit.user.get("email")
    is_checked = streamlit.user.get("is_logged_in") is True or _trusts_a_proxy()
    return email.strip() if is_checked and isinstance(email, str) and email.strip() else None


def _sign_in() -> None:
    for provider in _providers():
        name = f"Sign in with {provider}" if provider else "Sign in"
        streamlit.button(name, on_click=streamlit.login, args=(provider,))
    elements.way_back(leaving=True)


def _sign_out() -> None:
    if not _trusts_a_proxy():
        streamlit.button("Sign out", on_click=streamlit.logout, type="tertiary")


def _signs_in() -> bool:
    return "is_logged_in" in streamlit.user


def _access() -> Access:
    return Access(Path(os.environ.get(server.FOLDER, ".")))


def invitation() -> str:
    """The words that ask somebody to say who they are."""
    return "Sign in above" if _signs_in() else "Write your initials above"


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
