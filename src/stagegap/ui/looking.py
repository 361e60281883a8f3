"""Who may see the answers to a record: people who said who they are and are not still to label it."""

from __future__ import annotations

import streamlit

from stagegap.analysis.wording import listed
from stagegap.ui import elements, identity
from stagegap.workspace import Workspace


def may_see(workspace: Workspace, cascade: str, run: str, record: str, *, who: str | None, noun: str) -> bool:
    """Say whether the page may draw the answers, and draw what stands in their place where it may not.

    Nobody sees them without a name: who sees them is noted, so that no queue offers them the record afterwards.
    """
    if who is None:
        elements.note(
            f"{identity.invitation()} to see the answers. Who saw them is not asked to label this {noun} afterwards."
        )
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
