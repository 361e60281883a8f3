"""The only place that touches the session: what is chosen stands in the URL, what is not stands here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

import streamlit

from stagegap.model.record import Json

_ACKNOWLEDGED = "acknowledged "
_TROUBLES = "troubles "
_LEAVING = "leaving "
_CHART = "chart "
_TURNS = "turns"
_PICK = "pick "
_SHOWN = "shown "
_LAST = "last "
_PAGE = "page"
_DIALOG = "dialog"


def chosen(name: str, allowed: Sequence[str], default: str | None) -> tuple[str | None, bool]:
    """The value of a URL parameter, or the default; and whether the URL asked for something unknown."""
    wanted = asked(name)
    if wanted in allowed:
        return wanted, False
    return default, wanted is not None


def asked(name: str) -> str | None:
    """The value of a URL parameter as it stands there, None when it is empty."""
    return (streamlit.query_params.get(name) or "").strip() or None


def carry_over(page: str, *names: str) -> None:
    """A page that the top bar leads to, whose address is bare, what the page before had chosen of `names`."""
    is_arriving = streamlit.session_state.get(_PAGE) not in (None, page)
    streamlit.session_state[_PAGE] = page
    for name in names:
        last = streamlit.session_state.get(_LAST + name)
        if is_arriving and last is not None and asked(name) is None:
            streamlit.query_params[name] = last
        elif (value := asked(name)) is not None:
            streamlit.session_state[_LAST + name] = value


def dialog(*, is_open: bool) -> None:
    """Remember whether a dialog is open, which a page that is drawn anew closes."""
    streamlit.session_state[_DIALOG] = is_open


def has_dialog() -> bool:
    """True while a dialog is open, as far as this side knows."""
    return bool(streamlit.session_state.get(_DIALOG))


def choose(name: str, value: str | None) -> None:
    """Put a choice into the URL; None takes it out."""
    streamlit.session_state[_TURNS] = streamlit.session_state.get(_TURNS, 0) + 1
    _write(name, value)


def _write(name: str, value: str | None) -> None:
    streamlit.session_state[_LAST + name] = value
    if value is None:
        streamlit.query_params.pop(name, None)
    else:
        streamlit.query_params[name] = value


def link(**fixed: str) -> str:
    """The address of the page as it is shown, with some parameters written out that are left to a default.

    Who looks is not in it: whoever opens the link is somebody else.
    """
    query = {name: value for name, value in streamlit.query_params.to_dict().items() if name != "who"}
    return f"{streamlit.context.url or ''}?{urlencode({**query, **fixed})}"


def picker_key(name: str, value: str | bool | None) -> str:
    """Set the control of a URL parameter to the value that the page shows, and give the control's key."""
    key = _PICK + name
    streamlit.session_state[key] = streamlit.session_state[_SHOWN + name] = value
    return key


def take_over(name: str, *, drop: Sequence[str] = (), off: str | None = None) -> Callable[[], None]:
    """The callback by which a control writes its value into the URL and takes others out of it.

    A box that is ticked writes `1`, or nothing where `off` is what an empty one writes. Streamlit also calls it for a
    control whose page was interrupted while it was drawn: one that holds what the page set changes nothing.
    """

    def callback() -> None:
        value = streamlit.session_state[_PICK + name]
        if (value or None) == (streamlit.session_state[_SHOWN + name] or None):
            return
        if isinstance(value, bool):
            value = off if not value else None if off else "1"
        choose_several(**{name: (value or "").strip() or None}, **dict.fromkeys(drop))

    return callback


def choose_several(**values: str | None) -> None:
    """Put several choices into the URL at once; None takes one out."""
    for name, value in values.items():
        choose(name, value)


def flag_key(name: str, *, off: str | None = None) -> str:
    """Set the box of a URL parameter to what the page shows, and give the box's key."""
    return picker_key(name, asked(name) != off if off else asked(name) == "1")


def take_move(component: str) -> Callable[[], None]:
    """The callback by which a list writes the record, or the place after which its page begins, into the URL."""

    def callback() -> None:
        move = _last_move(component)
        record, after = move.get("record"), move.get("after")
        if isinstance(record, str) or isinstance(after, int):
            _write("record", record if isinstance(record, str) else None)
        if isinstance(after, int):
            _write("after", str(after) if after else None)

    return callback


def moves(component: str) -> tuple[int, int]:
    """The number of the last move that the URL has in it, and how often something else chose since the start.

    A component that is ahead of the server tells by them whether what it is given is older than its own last move.
    """
    at = _last_move(component).get("at")
    return at if isinstance(at, int) else 0, streamlit.session_state.get(_TURNS, 0)


def _last_move(component: str) -> Mapping[str, Json]:
    sent = streamlit.session_state.get(component)
    return (sent.get("move") or {}) if sent else {}


def chart_key(chart: str) -> str:
    """The key of a chart's component."""
    return _CHART + chart


def take_pick(chart: str, name: str) -> Callable[[], None]:
    """The callback by which a clicked chart row writes its value into the URL."""

    def callback() -> None:
        picked = streamlit.session_state[chart_key(chart)].get("pick")
        if isinstance(picked, str):
            choose(name, picked)

    return callback


def outbox(card: str) -> list[Mapping[str, Json]]:
    """The events that the card holds and that are not acknowledged yet."""
    sent = streamlit.session_state[card].get("outbox")
    return list(sent["events"]) if sent else []


def take_step(card: str) -> Callable[[], None]:
    """The callback by which the label card leads to another stage."""

    def callback() -> None:
        step = streamlit.session_state[card].get("go")
        if step:
            choose_several(stage=str(step["stage"]), queue=step.get("queue") or None, record=None)
            streamlit.session_state[_LEAVING + card] = True

    return callback


def record_to_show(reader: str) -> str | None:
    """The record that somebody decided to see although they are to label it."""
    sent = streamlit.session_state[reader].get("show")
    return str(sent["record"]) if sent else None


def is_leaving(card: str) -> bool:
    """Say once that the person goes on from a card, so that the page around it must be drawn anew."""
    return bool(streamlit.session_state.pop(_LEAVING + card, False))


def settle(card: str, *, stored: Sequence[str], troubles: Sequence[str]) -> None:
    """Remember what became of the events sent last: ids that are stored, and why others are not."""
    streamlit.session_state[_ACKNOWLEDGED + card] = list(stored)
    streamlit.session_state[_TROUBLES + card] = list(troubles)


def acknowledged(card: str) -> list[str]:
    """The ids that were stored last; the card drops them."""
    return streamlit.session_state.get(_ACKNOWLEDGED + card, [])


def troubles(card: str) -> list[str]:
    """The reasons why events could not be stored."""
    return streamlit.session_state.get(_TROUBLES + card, [])


_GIVEN = "given to "


def keep_given(card: str, data: dict[str, Any]) -> None:  # Any: JSON for the browser, never read here
    """Keep what the card was given last."""
    streamlit.session_state[_GIVEN + card] = data


def given(card: str) -> dict[str, Any] | None:  # Any: as above
    """What the card was given last; None for one that is new."""
    return streamlit.session_state.get(_GIVEN + card)


_OUTCOME = "outcome of a click"


def put_outcome(sentence: str) -> None:
    """Keep what came of a click until the page is drawn again."""
    streamlit.session_state[_OUTCOME] = sentence


def outcome() -> str:
    """What came of the last click, once; empty where nothing was clicked since."""
    return streamlit.session_state.pop(_OUTCOME, "")
