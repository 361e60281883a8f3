"""Views of one run: blame, faults, agree, need, slices, swaps, escalation, what looks strange; and who said what."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stagegap.cli.options import CascadeOption, ExitOption, JsonOption, JUnitOption, PaidOption, RunOption, tools, views
from stagegap.errors import ConfigurationError, NotFound
from stagegap.registry import VIEWS, View

if TYPE_CHECKING:
    from stagegap.oddities.card import Oddity, Screen, Taught
    from stagegap.oddities.screen import Noticed, Noticing
    from stagegap.people.histories import LabelHistory, PastEvent
    from stagegap.tables.table import Sheet, Table
    from stagegap.workspace import Attribution, Workspace


LookOption = Annotated[bool, typer.Option("--look", help="Also where the record still waits for your answer.")]


@views.command(name="swaps")
def person_swaps(
    cascade: CascadeOption = None,
    run: RunOption = None,
    plan: Annotated[bool, typer.Option("--plan", help="Only say what it would call, and what is paid.")] = False,
    paid: PaidOption = False,
    as_json: JsonOption = False,
) -> None:
    """Put people's answers to what a stage received in its place, run the rest, and say what changes at the end."""
    from stagegap.cli import printed
    from stagegap.cli.printed import present
    from stagegap.cli.start import past, workspace

    with workspace() as opened, past(opened, cascade).person_swaps(run) as people:
        if plan:
            return present("plan", people.plan(), as_json=as_json, following=())
        view = people.swapped(may_pay=paid, progress=printed.progress(as_json))
    return present("swaps", view, as_json=as_json)


looking = typer.Typer()


@looking.command()
def record(
    id: Annotated[str, typer.Argument(help="Id of the record.")],
    who: Annotated[str, typer.Option("--as", help="Your initials: it is noted that you saw the answers.")],
    look: LookOption = False,
    cascade: CascadeOption = None,
    run: RunOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print one record stage by stage: what was sent, what came back, what is right, tokens, seconds, cost."""
    from stagegap.cli.printed import present
    from stagegap.cli.start import cascade_name, newest, workspace

    with workspace() as opened:
        name, run_name = cascade_name(opened, cascade), newest(opened, cascade, run)
        view = opened.failures.record(name, run_name, id)
        if view is None:
            raise NotFound(f"Record {id} is not in run {run_name}.")
        _see(opened, name, id, who, run=run_name, look=look)
    present("record", view, as_json=as_json)


def _see(opened: Workspace, cascade: str, record: str, who: str, *, run: str, look: bool) -> None:
    """Note that somebody sees the answers to a record. Raises: ConfigurationError where that would end blindness."""
    waiting = opened.failures.waiting(cascade, record, who)
    if waiting and not look:
        raise ConfigurationError(
            f"{record} still waits for your answer at {', '.join(waiting)}. --look shows the answers all the same, "
            "and takes it out of your queue, because you would not be blind to them."
        )
    opened.failures.look(cascade, run, record, who)


@tools.command()
def history(
    stage: Annotated[str, typer.Argument(help="Stage of the answers.")],
    record: Annotated[str, typer.Argument(help="Id of the record.")],
    who: Annotated[str, typer.Option("--as", help="Your initials: it is noted that you saw the answers.")],
    look: LookOption = False,
    cascade: CascadeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print who said what about a record, when, having seen what, and how it was settled."""
    from stagegap.cli import printed
    from stagegap.cli.start import cascade_name, workspace

    with workspace() as opened:
        name = cascade_name(opened, cascade)
        past = opened.people.history(name, stage, record)
        _see(opened, name, record, who, run="", look=look)
    if as_json:
        return printed.print_view(past)
    for line in lines(past):
        printed.say(line)
    return printed.advise("stagegap app", f"stagegap label {stage} --as {who}")


def lines(history: LabelHistory) -> list[str]:
    """A history as lines of text."""
    right = [f"Held to be right: {text}" for text in history.accepted]
    how = [history.settled or "No reference yet."]
    return [
        f"{history.record} at {history.stage}",
        *right,
        *how,
        *(line for event in history.events for line in _event(event)),
    ]


def _event(event: PastEvent) -> list[str]:
    from stagegap.people.histories import when

    checked = "" if event.did == "saw the answers" else f" ({'verified' if event.verified else 'not verified'})"
    words = f": {event.said}" if event.said else ""
    took = "" if event.active_ms is None else f", {max(1, round(event.active_ms / 1000)):,} s"
    by = f", guideline {event.guideline}" if event.guideline else ""
    return [
        f"{when(event.at)}  {event.who}{checked} {event.did}{words}",
        *(f"    {remark}" for remark in event.remarks),
        f"    {event.saw}{took}{by}",
    ]


@views.command()
def escalation(
    cheap: Annotated[str, typer.Argument(help="Stage that is asked first; by default the one that is unsure.")] = "",
    strong: Annotated[str, typer.Argument(help="Stage that is asked where the first is unsure.")] = "",
    cascade: CascadeOption = None,
    run: RunOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say what asking the stronger stage about 10% more records would buy and cost, threshold by threshold."""
    from stagegap.cli.start import show_run

    show_run("escalation", lambda looked: looked.escalation(cheap, strong), cascade, run, as_json=as_json)


def _command(entry: View, look: Callable[[Attribution], object]) -> Callable[..., None]:
    """The command of a view that is computed from one run."""

    def command(cascade: CascadeOption = None, run: RunOption = None, as_json: JsonOption = False) -> None:
        from stagegap.cli.start import show_run

        show_run(entry.name, look, cascade, run, as_json=as_json)

    def decided(
        cascade: CascadeOption = None,
        run: RunOption = None,
        junit: JUnitOption = None,
        exit_code: ExitOption = False,
        as_json: JsonOption = False,
    ) -> None:
        from stagegap.cli.start import show_run

        show_run(entry.name, look, cascade, run, as_json=as_json, junit=junit, is_decided=exit_code)

    return decided if entry.results else command


for _entry in VIEWS:
    if _entry.look is not None:
        views.command(name=_entry.command, help=_entry.says)(_command(_entry, _entry.look))


@views.command()
def judges(
    cascade: CascadeOption = None,
    run: RunOption = None,
    against: Annotated[
        str | None, typer.Option("--against", help="Earlier run; the one before when not given.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Say how good the judges are beside people, and what they say of all outputs with their errors taken off."""
    from stagegap.cli.start import show_run

    show_run("judges", lambda looked: looked.judges(against=against), cascade, run, as_json=as_json)


@views.command()
def agree(
    cascade: CascadeOption = None,
    run: RunOption = None,
    epsilon: Annotated[
        float, typer.Option("--epsilon", help="Price of a person: 0.2 experts, 0.15 skilled, 0.1 crowd.")
    ] = 0.15,
    as_json: JsonOption = False,
) -> None:
    """Say how far people agree, how good they are against each other, and whether the system could be one of them."""
    from stagegap.cli.start import show_run

    show_run("agree", lambda looked: looked.agree(epsilon=epsilon), cascade, run, as_json=as_json)


@views.command()
def marks(
    file: Annotated[Path, typer.Argument(help="JSONL, CSV or Parquet with record, annotator, faults, root_cause.")],
    cascade: CascadeOption = None,
    run: RunOption = None,
    as_json: JsonOption = False,
) -> None:
    """Put faults and root causes that people marked in records beside those that the scores show."""
    from stagegap.cli.start import show_run

    show_run("marks", lambda looked: looked.marks(file), cascade, run, as_json=as_json)


@views.command()
def attempts(
    file: Annotated[Path, typer.Argument(help="Rows with record, annotator, position of the first wrong attempt.")],
    cascade: CascadeOption = None,
    run: RunOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say how likely an agent's next attempt is the first wrong one, by role, tool and position."""
    from stagegap.cli.start import show_run

    show_run("attempts", lambda looked: looked.attempts(file), cascade, run, as_json=as_json)


@views.command()
def ratings(
    file: Annotated[
        Path | None,
        typer.Argument(
            help="JSONL, CSV or Parquet with system, record, criterion, rater, value; the cascade's own if not given."
        ),
    ] = None,
    system: Annotated[str, typer.Option("--system", help="Name of the run's answers in the file.")] = "",
    person: Annotated[str, typer.Option("--person", help="Whose answers the system is held against.")] = "",
    scale: Annotated[str, typer.Option("--scale", metavar="LOW-HIGH", help="Ratings that can be given: 1-5.")] = "",
    cascade: CascadeOption = None,
    run: RunOption = None,
    as_json: JsonOption = False,
) -> None:
    """Put ratings of whole answers beside a run: by first fault, rater noise, correlation with the scores."""
    from stagegap.cli.start import show_run

    show_run(
        "ratings",
        lambda looked: looked.ratings(file, system=system, person=person, scale=scale),
        cascade,
        run,
        as_json=as_json,
    )


@views.command()
def selfcheck(
    cascade: CascadeOption = None,
    run: RunOption = None,
    rate: Annotated[float, typer.Option("--rate", help="Share of the records that get a fault.")] = 0.2,
    records: Annotated[int, typer.Option("--records", help="So many records at most, drawn at random.")] = 200,
    paid: Annotated[bool, typer.Option("--paid", help="Allow calls to a paid service.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Plant faults at every stage of your own cascade, and report what each method recovers of them."""
    from stagegap.cli.start import show_run

    show_run(
        "selfcheck",
        lambda looked: looked.selfcheck(rate=rate, records=records, may_pay=paid),
        cascade,
        run,
        as_json=as_json,
    )


UNTAUGHT = (
    "No stage can be taught with less: one with `uses: sklearn` needs 32 records to learn from, a prompt 4 examples."
)
FEW = 5
"""Records that a card names on a terminal."""


@views.command()
def odd(
    cascade: CascadeOption = None,
    run: Annotated[
        list[str] | None, typer.Option("--run", help="Name of a run, such as v3; several are screened together.")
    ] = None,
    rules: Annotated[bool, typer.Option("--rules", help="List every check with its rule and how much it saw.")] = False,
    dismiss: Annotated[
        str | None,
        typer.Option("--dismiss", metavar="KEY", help="A card is not odd; needs --because and --as."),
    ] = None,
    because: Annotated[str, typer.Option("--because", help="Why it is not odd; kept with it.")] = "",
    who: Annotated[str, typer.Option("--as", help="Your initials.")] = "",
    without: Annotated[
        bool, typer.Option("--without", help="First try the stages without each input, prompt block, document, stage.")
    ] = False,
    learn: Annotated[bool, typer.Option("--learn", help="First teach trained stages and prompts with less.")] = False,
    paid: Annotated[bool, typer.Option("--paid", help="Allow these tries to call a paid service.")] = False,
    scores: Annotated[
        Path | None, typer.Option("--scores", help="Screen a table of printed scores instead: name, value, n, runs.")
    ] = None,
    ratings: Annotated[
        Path | None, typer.Option("--ratings", help="Screen a file of ratings instead: do the raters agree?")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Notice what looks strange in a run: a screen with false alarms held to 5%, never a verdict."""
    from stagegap.cli import printed
    from stagegap.cli.start import cascade_name, workspace
    from stagegap.oddities.screen import noticed
    from stagegap.workspace import printed_scores, rated

    if scores is not None or ratings is not None:
        view = printed_scores(scores) if scores is not None else rated(ratings or Path())
        return printed.print_view(view) if as_json else draw_screen(noticed(view, ()), rules=rules)
    with workspace() as opened:
        name = cascade_name(opened, cascade)
        for tried in (run or [None]) if without or learn else ():
            attempted = opened.oddities.attempt(name, tried, without=without, learn=learn, may_pay=paid)
            if learn and not attempted.curves and not as_json:
                printed.say(UNTAUGHT)
        noticing = opened.oddities.seen(name, run or ())
        if dismiss is not None:
            opened.oddities.say(noticing.screen, dismiss, "dismiss", who=who, reason=because)
            return printed.say(f"{dismiss} is kept away. The Oddities page shows it again.")
    if as_json:
        return printed.print_view(noticing)
    draw_screen(noticing, rules=rules)
    first = next((row.card.key for row in noticing.open), None)
    away = (
        [f"stagegap show odd --dismiss {first} --because REASON --as YOU"] if first else ["stagegap show odd --rules"]
    )
    return printed.advise("stagegap app", *away)


def draw_screen(noticing: Noticing, *, rules: bool) -> None:
    """Print one paragraph a card, and with `rules` one line a check."""
    from stagegap.cli.printed import draw_sheet

    draw_sheet(screen_sheet(noticing, rules=rules))


def screen_sheet(noticing: Noticing, *, rules: bool) -> Sheet:
    """The screen as a terminal has room for it: cards as paragraphs, curves as tables, what was tried line by line."""
    from stagegap import charts
    from stagegap.tables.table import Sheet

    view = noticing.screen
    tried = [
        f"  {cut.what}, {charts.judged(cut)}: {charts.change(cut)}, {cut.better:,} better, {cut.worse:,} worse"
        for cut in view.tried
    ]
    checks = [
        f"{check.title}: {check.rule}. "
        + (f"{check.looked} looked at, up to {check.n:,} records" if check.looked else "nothing to look at")
        for check in view.checks
    ]
    return Sheet(
        headline=noticing.headline,
        parts=(
            *("\n  ".join([f"\n{card.title}  {where(card, view)}", *card_lines(card)]) for card in _cards(noticing)),
            *(part for curve in view.curves for part in _curve(curve)),
            "\n".join(["\nWithout something: points of the score, better, worse", *tried]) if tried else "",
            "\n".join(["", *checks]) if rules else "",
            *(_dismissed(row) for row in noticing.dismissed),
            f"\n{view.basis}",
        ),
    )


def _cards(noticing: Noticing) -> list[Oddity]:
    return [row.card for row in noticing.open]


def _curve(curve: Taught) -> tuple[str | Table, ...]:
    from stagegap.tables.figures import Unit
    from stagegap.tables.table import Column, Table

    name = Column(name="", unit=Unit.TEXT)
    columns = (name, Column(name=curve.plot.y_name, unit=Unit.SHARE))
    rows = tuple((mark.name, mark.y) for mark in curve.plot.marks)
    return f"\nLearning curve  {curve.stage}\n  {curve.sentence}", Table(columns=columns, rows=rows)


def _dismissed(row: Noticed) -> str:
    why = f"\n  “{row.dismissed.reason}” ({row.dismissed.annotator})" if row.dismissed is not None else ""
    return f"\nNot odd: {row.card.title} ({row.card.key}){why}"


def where(card: Oddity, view: Screen) -> str:
    """Say where and how it was found: `draft, q = 0.003` or `draft, found by rule`."""
    parts = [card.stage, *([card.run] if len(view.runs) > 1 else [])]
    certainty = "found by rule" if card.kind == "found" else f"q {'< 0.001' if card.q < 0.001 else f'= {card.q:.3f}'}"
    return ", ".join([*(part for part in parts if part), certainty])


def card_lines(card: Oddity) -> list[str]:
    """What a card says, line by line."""
    card_lines = [card.sentence, card.why]
    if card.records:
        more = f" and {card.count - FEW:,} more" if card.count > FEW else ""
        card_lines.append(f"Records: {', '.join(card.records[:FEW])}{more}")
    if card.example:
        card_lines.append(f"Such as: {card.example}")
    return card_lines
