"""The only place that touches the session: what is chosen stands in the URL, what is not stands here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import streamlit

from stagegap.model.values import Json

_ACKNOWLEDGED = "acknowledged "
_TROUBLES = "troubles "
_CHART = "chart "


def chosen(name: str, allowed: Sequence[str], default: str | None) -> tuple[str | None, bool]:
    """Give the value of a URL parameter, or the default; and whether the URL asked for something unknown."""
    wanted = asked(name)
    if wanted in allowed:
        return wanted, False
    return default, wanted is not None


def asked(name: str) -> str | None:
    """Give the value of a URL parameter as it stands there, None when it is empty."""
    return (streamlit.query_params.get(name) or "").strip() or None


def choose(name: str, value: str | None) -> None:
    """Put a choice into the URL; None takes it out."""
    if value is None:
        streamlit.query_params.pop(name, None)
    else:
        streamlit.query_params[name] = value


def picker_key(name: str, value: str | None) -> str:
    """Set the control of a URL parameter to the value that the page shows, and give the control's key."""
    key = f"pick {name}"
    streamlit.session_state[key] = value
    return key


def take_over(name: str) -> Callable[[], None]:
    """Give the callback by which a control writes its value into the URL."""

    def callback() -> None:
        choose(name, (streamlit.session_state[f"pick {name}"] or "").strip() or None)

    return callback


def chart_key(chart: str) -> str:
    """Give the key of a chart's component."""
    return _CHART + chart


def take_pick(chart: str, name: str) -> Callable[[], None]:
    """Give the callback by which a clicked chart row writes its value into the URL."""

    def callback() -> None:
        picked = streamlit.session_state[chart_key(chart)].get("pick")
        if isinstance(picked, str):
            choose(name, picked)

    return callback


def outbox(card: str) -> list[Mapping[str, Json]]:
    """Give the events that the card holds and that are not acknowledged yet."""
    sent = streamlit.session_state[card].get("outbox")
    return list(sent["events"]) if sent else []


def settle(card: str, *, stored: Sequence[str], troubles: Sequence[str]) -> None:
    """Remember what became of the events sent last: ids that are stored, and why others are not."""
    streamlit.session_state[_ACKNOWLEDGED + card] = list(stored)
    streamlit.session_state[_TROUBLES + card] = list(troubles)


def acknowledged(card: str) -> list[str]:
    """Give the ids that were stored last; the card drops them."""
    return streamlit.session_state.get(_ACKNOWLEDGED + card, [])


def troubles(card: str) -> list[str]:
    """Give the reasons why events could not be stored."""
    return streamlit.session_state.get(_TROUBLES + card, [])
