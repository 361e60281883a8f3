"""The filter row of the Failures page: every choice stands in the URL."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit

from stagegap.model.failure import Wanted
from stagegap.ui import elements, state

_PLACE = ("record", "after")
"""What a new filter takes out of the URL: the place in the list that it was for."""
ALL = ""


def draw(*, stage: str, groups: Sequence[str], tags: Sequence[str]) -> tuple[Wanted, str | None, list[str]]:
    """Draw the filters; give what is wanted, the tag, and a sentence for each value that is not known."""
    problems: list[str] = []
    group = _known("group", groups, f"The group in the link is none that {stage} is compared by.", problems)
    tag = _known("tag", tags, "The tag in the link is none of yours at this stage.", problems)
    with streamlit.container(horizontal=True, vertical_alignment="center", gap="small"):
        streamlit.text_input(
            "Search",
            key=state.picker_key("text", state.asked("text")),
            on_change=state.take_over("text", drop=_PLACE),
            placeholder="Search the texts",
            label_visibility="collapsed",
            width=220,
        )
        _select("Group", "group", groups, group, "All groups")
        _select("Tag", "tag", tags, tag, "All tags")
        for label, name in (("First faults only", "first"), ("People disagree", "people")):
            key = state.flag_key(name)
            streamlit.checkbox(label, key=key, on_change=state.take_over(name, drop=_PLACE))
    wanted = Wanted(
        stage=stage,
        only_first_faults=state.asked("first") == "1",
        only_disagreements=state.asked("people") == "1",
        group=group,
        text=state.asked("text"),
    )
    return wanted, tag, problems


def stage_switch(stages: Sequence[str], stage: str) -> None:
    """Draw the switch between stages; filters of another stage go."""
    streamlit.segmented_control(
        "Stage",
        stages,
        required=True,
        key=state.picker_key("stage", stage),
        on_change=state.take_over("stage", drop=(*_PLACE, "group", "tag")),
        label_visibility="collapsed",
    )


def _known(name: str, allowed: Sequence[str], problem: str, problems: list[str]) -> str | None:
    value, unknown = state.chosen(name, allowed, None)
    if unknown:
        problems.append(problem)
    return value


def _select(label: str, name: str, options: Sequence[str], value: str | None, everything: str) -> None:
    streamlit.selectbox(
        label,
        [ALL, *options],
        key=state.picker_key(name, value or ALL),
        format_func=lambda option: option or everything,
        on_change=state.take_over(name, drop=_PLACE),
        label_visibility="collapsed",
        width=190,
    )


def describe(problems: Sequence[str]) -> None:
    """Write what the link asked for in vain."""
    for problem in problems:
        elements.note(problem)
