"""Small drawn things that several pages use: escaped text, days, the lead under a title, charts, the label card."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache, wraps
from html import escape
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast

import streamlit
from streamlit.components.v2 import component

from stagegap import charts
from stagegap.errors import StagegapError
from stagegap.model.run import Run
from stagegap.model.wording import instant
from stagegap.ui import state

if TYPE_CHECKING:
    from stagegap.analysis.curves import TrainingView
    from stagegap.tables.table import Sheet


def dated(run: Run) -> str:
    """The run's name with its day: `v14, 18 Nov`.

    The day is that of UTC, so that two people see the same.
    """
    day = instant(run.started_at)
    return f"{run.name}, {day.day} {day:%b}"


def day(at: float) -> str:
    """A day of UTC: `18 Nov 2026`."""
    moment = instant(at)
    return f"{moment.day} {moment:%b %Y}"


_LINK = "color:light-dark(#0063A6,#7CC0F0)"
"""Of the theme, which `streamlit.html` does not hand on to a link."""
_WRAP = "overflow-wrap:anywhere"
"""Names of stages are as long as somebody likes, and have no blank to break at."""
_MARK = 'style="font-style:normal;font-weight:700;color:light-dark(#B34700,#F58A4B)"'


@cache
def asset(name: str) -> str:
    """The text of a file in `static/`."""
    return files("stagegap.ui").joinpath("static", *name.split("/")).read_text(encoding="utf-8")


@cache
def _module(*parts: str) -> str:
    """Join files of `static/` to one ES module, so that nothing needs a build."""
    return "\n".join(asset(f"{part}.js") for part in parts)


def plain(text: str) -> str:
    r"""Escape a text so that Markdown shows it as it is; a command between backticks is drawn as code.

    >>> print(plain("![x](http://y), `stagegap run`"))
    \!\[x\]\(http\:\/\/y\)\, `stagegap run`
    """
    # ASCII punctuation only: a backslash before more would be seen. Code has no bracket, which would end a note.
    return re.sub(r"`[^`\n\[\]]+`|[!-/:-@\[-`{-~]", lambda m: m[0] if len(m[0]) > 1 else f"\\{m[0]}", text)


Drawn = TypeVar("Drawn", bound=Callable[..., None])


def errors_as_sentences(draw: Drawn) -> Drawn:
    """Let a page say our own errors as what they are: a sentence. Anything else is a bug and goes to the terminal."""

    @wraps(draw)
    def safely(*args: Any) -> None:
        try:
            draw(*args)
        except StagegapError as error:
            streamlit.title("This can't be shown", anchor=False)
            streamlit.markdown(plain(str(error)))

    return cast(Drawn, safely)


def note(text: str, *, width: Literal["stretch", "content"] = "stretch") -> None:
    """Write a small line; `st.caption` has too little contrast."""
    streamlit.markdown(f":small[{plain(text)}]", width=width)


def field(name: str, text: str) -> None:
    """Write a field of a record: its name, and its text as it is, which is never read as Markdown or HTML."""
    with streamlit.container(gap=None):
        note(name)
        streamlit.text(text)


def link(text: str, label: str, page: str) -> None:
    """Write a small line that ends in a link to another page of the app, in the same tab."""
    streamlit.html(
        f'<p style="margin:0;font-size:0.9em;{_WRAP}">{escape(text)} '
        f'<a href="{escape(page)}" target="_self" style="{_LINK}">{escape(label)}</a></p>'
    )


def address(url: str) -> None:
    """Write an address as text, with a button that copies it."""
    streamlit.code(url, language=None, wrap_lines=True)


def lead(*, caution: str, summary: str, stage: str | None, basis: str, advice: str) -> None:
    """Write the sentences under the verdict, what to know before it first, the finding marked."""
    html = charts.emphasised(summary, stage=stage).replace("<em>", f"<em {_MARK}>")
    small = "".join(
        f'<p style="margin:0;font-size:0.9em;opacity:0.9;{_WRAP}">{charts.coded(text)}</p>'
        for text in (basis, advice)
        if text
    )
    first = f'<p style="margin:0 0 0.5rem;{_WRAP}"><b>{escape(caution)}</b></p>' if caution else ""
    streamlit.html(f'{first}<p style="margin:0 0 0.5rem;{_WRAP}">{html}</p>{small}')


def question(text: str) -> None:
    """Write the page's first heading in the size of a second one, so that it fits beside a control."""
    streamlit.html(f'<h1 style="font-size:1.28rem;padding:0;margin:0;{_WRAP}">{escape(text)}</h1>', width="content")


def picker(
    label: str, parameter: str, names: Mapping[str, str], value: str, *, drop: Sequence[str] = (), width: int = 150
) -> None:
    """Let somebody choose by name what goes into the URL by id; the parameters of `drop` go out of it."""
    streamlit.selectbox(
        label,
        list(names),
        key=state.picker_key(parameter, value),
        format_func=lambda key: names[key],
        on_change=state.take_over(parameter, drop=drop),
        width=width,
        label_visibility="collapsed",
    )


def switch(label: str, parameter: str, options: Sequence[str], value: str | None, *, drop: Sequence[str] = ()) -> None:
    """Let somebody choose one of a few for the URL; the parameters of `drop` go out of it."""
    streamlit.segmented_control(
        label,
        options,
        required=True,
        key=state.picker_key(parameter, value),
        on_change=state.take_over(parameter, drop=drop),
        label_visibility="collapsed",
    )


def way_back(*, leaving: bool) -> None:
    """Remember where somebody is who leaves to sign in, or go there once they are back."""
    render = component("stagegap.return", html="<span></span>", js=asset("return.js"))
    render(key="way back", data={"leaving": leaving}, height=0)


def chart(name: str, html: str, *, picks: str | None = None) -> None:
    """Draw a chart; a click on one of its rows puts the row's value into the URL parameter `picks`."""
    render = component(
        "stagegap.chart", html='<div id="chart"></div>', css=charts.style(), js=_module("media", "chart")
    )
    if picks is None:
        render(key=state.chart_key(name), data={"html": html})
    else:
        render(key=state.chart_key(name), data={"html": html}, on_pick_change=state.take_pick(name, picks))


def learning(view: TrainingView) -> None:
    """Draw what stages learn, or have learned; nothing where none does."""
    for run in view.runs:
        for stage in run.stages:
            note(f"{run.run}: {stage.sentence}")
    html = charts.training(view)
    if html:
        chart(f"training {' '.join(run.run for run in view.runs)}", html)


def sheet(name: str, view: Sheet) -> None:
    """Draw the tables of a sheet, where there are any, then its sentences."""
    if any(table.is_visible for table in view.tables):
        chart(name, charts.tables_html(view))
    for sentence in view.sentences:
        note(sentence)


def subheading(text: str) -> None:
    """Write a heading of the second level in the size of a third."""
    streamlit.html(f'<h2 style="font-size:1.1rem;padding:0;margin:0;{_WRAP}">{escape(text)}</h2>')


def failure_list(stage: str, html: str, *, record: str | None, before: int, next_after: int | None) -> None:
    """Draw the list of failures; rows and keys write the record or the page into the URL."""
    script = _module("presence", "failures/list")
    render = component("stagegap.failures", html='<div id="list"></div>', css=charts.style(), js=script)
    key = f"failures {stage}"
    at, turn = state.moves(key)
    render(
        key=key,
        data={"html": html, "record": record, "before": before, "next": next_after, "at": at, "turn": turn},
        on_move_change=state.take_move(key),
    )


def tags(key: str, data: Mapping[str, Any], *, on_outbox: Callable[[], None]) -> None:
    """Draw a person's tags; `on_outbox` runs before the page is drawn again with what the rail sent."""
    script = _module("presence", "element", "card/kept", "failures/tags")
    render = component("stagegap.tags", html='<div id="tags"></div>', css=asset("failures/tags.css"), js=script)
    render(key=key, data=dict(data), on_outbox_change=on_outbox)


def _card_style() -> str:
    return asset("card/style.css") + charts.packaged("content.css")


def card(
    key: str, data: Mapping[str, Any], *, on_outbox: Callable[[], None], on_go: Callable[[], None] | None = None
) -> None:
    """Draw the label card; `on_outbox` runs before the page is drawn again with what the card sent, `on_go` when the
    person goes on to another stage.
    """
    parts = (
        "presence",
        "card/kept",
        "card/guideline",
        "media",
        "card/drawn",
        "card/answers",
        "card/keys",
        "card/places",
        "card/view",
        "card/card",
    )
    render = component("stagegap.card", html='<div id="card"></div>', css=_card_style(), js=_module(*parts))
    render(key=key, data=dict(data), on_outbox_change=on_outbox, on_go_change=on_go or (lambda: None))


def reader(key: str, data: Mapping[str, Any], *, on_outbox: Callable[[], None], on_show: Callable[[], None]) -> None:
    """Draw whole records and what is asked of each; `on_outbox` runs before the page is drawn again with what the
    reader sent, `on_show` when the person decides to see a record that they are to label.
    """
    script = _module("presence", "element", "media", "card/kept", "card/keys", "read/read")
    css = charts.style() + asset("read/style.css")
    render = component("stagegap.read", html='<div id="read"></div>', css=css, js=script)
    render(key=key, data=dict(data), on_outbox_change=on_outbox, on_show_change=on_show)


def focus(label: str) -> None:
    """Put the cursor into the box of that label, unless it is elsewhere already."""
    render = component("stagegap.focus", html="<span></span>", js=asset("focus.js"))
    render(key=f"focus {label}", data={"label": label}, height=0)
