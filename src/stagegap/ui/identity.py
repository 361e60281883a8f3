"""Who is labelling: the signed-in e-mail, or initials that nobody has checked."""

from __future__ import annotations

import streamlit

from stagegap.ui import state


def annotator() -> tuple[str | None, bool]:
    """Give the annotator, and whether the identity was checked; None until somebody says who they are."""
    email = streamlit.user.get("email") if streamlit.user.get("is_logged_in") is True else None
    if isinstance(email, str) and email:
        streamlit.text(email)
        return email, True
    streamlit.text_input(
        "Your initials",
        key=state.picker_key("who", state.asked("who")),
        on_change=state.take_over("who"),
        placeholder="Your initials",
        label_visibility="collapsed",
        max_chars=40,
    )
    return state.asked("who"), False
