"""People's work from the terminal: queues, links, labels in, who answers what until when, and the codebook."""

from __future__ import annotations

import math
from collections.abc import Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlencode

import typer

from stagegap.cli.options import CascadeOption, Group, JsonOption, tools
from stagegap.errors import ConfigurationError, near_names

if TYPE_CHECKING:
    from stagegap.model.queue import Progress
    from stagegap.model.record import Json
    from stagegap.workspace import Foreign, ImportReport


def foreign(source: str | None, stages: Sequence[str], record_id: str | None, annotator: str = "") -> Foreign:
    """Read the options of an import. Raises: ConfigurationError for a stage without its foreign name."""
    pairs = [stage.partition("=") for stage in stages]
    for name, sign, other in pairs:
        if not name or not other:
            raise ConfigurationError(
                f"--stage takes the stage and the question's name in the other program, as in --stage route=topic; "
                f"found {name + sign + other!r}."
            )
    from stagegap.workspace import Foreign

    named = tuple((name, other) for name, _, other in pairs)
    return Foreign(source=source, stages=named, record_id=record_id, annotator=annotator)


def as_json(report: ImportReport) -> Json:
    """The report for programs."""
    return {
        "added": report.added,
        "known": report.known,
        "from": report.source,
        "unvouched": report.unvouched,
        "unmapped": [
            {"reason": part.reason, "count": part.count, "examples": list(part.examples)} for part in report.unmapped
        ],
    }


def draw_import(report: ImportReport) -> None:
    """Print what is new, and everything that was left over."""
    from stagegap.cli import printed

    known = f" {report.known:,} were there already." if report.known else ""
    read = f" (read as {report.source})" if report.source else ""
    printed.say(f"{report.added:,} labels are new{read}.{known}")
    if report.unvouched:
        printed.say(
            f"{report.unvouched:,} say that somebody's identity was checked: a file can't vouch for that, so they are "
            "not verified."
        )
    for part in report.unmapped:
        printed.say(f"{part.count:,} left over: {part.reason}")
        for example in part.examples:
            printed.say(f"    {example}")


class Judge(StrEnum):
    """Ways to judge answers."""

    RATE = "rate"
    PREFER = "prefer"


def label(
    stage: Annotated[str, typer.Argument(metavar="STAGE", help="Stage to answer for.", show_default=False)] = "",
    who: Annotated[str, typer.Option("--as", help="Your initials; every label carries them.", show_default=False)] = "",
    cascade: CascadeOption = None,
    overlap: Annotated[bool, typer.Option("--overlap", help="The records that everybody labels.")] = False,
    size: Annotated[
        int | None, typer.Option("--size", min=1, help="Draw a new overlap of so many records, not of a fifth.")
    ] = None,
    swap: Annotated[bool, typer.Option("--swap", help="The inputs that the stage received in the newest run.")] = False,
    following: Annotated[bool, typer.Option("--next", help="The records that decide which stage is worst.")] = False,
    hunt: Annotated[str, typer.Option("--hunt", help="Draw a hunt: records where this CEL is true. In no rate.")] = "",
    unsure: Annotated[
        int | None, typer.Option("--unsure", help="Draw a hunt: about so many records, the unsure ones more often.")
    ] = None,
    judge: Annotated[
        Judge | None, typer.Option("--judge", help="Judge answers: the system's beside a labeller's, names hidden.")
    ] = None,
    verdict: Annotated[
        bool, typer.Option("--verdict", help="Accept, correct or reject the newest run's outputs; a tenth is blind.")
    ] = False,
    criterion: Annotated[str, typer.Option("--criterion", help="What --judge goes by.")] = "quality",
    host: Annotated[
        str, typer.Option("--host", help="Invite --as: this machine's address, or the https:// one of a proxy.")
    ] = "",
    port: Annotated[int, typer.Option("--port", help="Port on 127.0.0.1, or on --host.")] = 8501,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open a browser.")] = False,
    serve_page: Annotated[bool, typer.Option("--serve/--no-serve", help="Serve the label page.")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for programs, and serve nothing.")] = False,
) -> None:
    """Answer a stage's question yourself, blind, or judge its answers: serves the label page and no other."""
    from stagegap.cli import printed
    from stagegap.cli.start import cascade_name, workspace
    from stagegap.people.judgements import Judging
    from stagegap.runner import Hunt
    from stagegap.ui import ADDRESS, Access, serve

    who = who.strip()
    asked = [option for option in (overlap or size, swap, following, hunt, unsure, judge, verdict) if option]
    if len(asked) > 1:
        raise ConfigurationError("Choose one queue: --overlap, --swap, --next, --hunt, --unsure, --judge or --verdict.")
    with workspace() as opened:
        name, desk = cascade_name(opened, cascade), opened.labels
        stages = {each.stage for each in desk.label_stages(name)}
        if stage not in stages:
            unknown = f"Nobody can be asked about a stage {stage!r}." if stage else "Name the stage to answer for."
            raise ConfigurationError(f"{unknown} {near_names(stage, stages)}".strip())
        if not who:
            raise ConfigurationError(
                f"A label says who made it: give your initials, as in `stagegap label {stage} --as ab`."
            )
        if hunt or unsure is not None:
            queue = desk.hunt(name, stage, Hunt(where=hunt, unsure=unsure))
        elif judge is not None:
            queue = desk.judge(name, stage, Judging(mode=judge.value, criterion=criterion))
        elif size is not None:
            queue = desk.overlap(name, stage, size)
        else:
            queue = desk.queue(name, stage, _fair(overlap=overlap, swap=swap, following=following, verdict=verdict))
        progress = desk.progress_of(queue, who)
        folder = opened.folder
    asks = {"cascade": name} if cascade else {}
    if queue.purpose != "random":
        asks["queue"] = queue.id if queue.purpose in ("hunting", "judge") else queue.purpose
    access = Access(folder)
    if host:
        invitation, token = access.invite(who)
        query = {"stage": stage, **asks, "token": token}
    else:
        invitation, query = None, {"stage": stage, "who": who, **asks, "token": access.token}
    place = host.rstrip("/") if "://" in host else f"http://{host or ADDRESS}:{port}"
    link = f"{place}/label?{urlencode(query)}"
    if as_json:
        return printed.print_json(
            {"link": link, "queue": queue.id, "purpose": queue.purpose, "done": progress.done, "left": progress.left}
        )
    doing = {"judge": "Judging", "verdict": "Giving verdicts on"}.get(queue.purpose, "Labelling")
    how = "with a tenth of the records blind" if queue.purpose == "verdict" else "blind"
    printed.say(f"{doing} {stage} as {who}, {how}. {left(progress)}")
    if invitation is not None:
        printed.say(
            f"Invitation {invitation.id}, for {who} alone. "
            f"`stagegap tools invitations --revoke {invitation.id}` ends it."
        )
        if "://" not in host:
            printed.say("Without a proxy (docs/people.md) others on the same network can read what is sent.")
    printed.say(f"Open {link}   Ctrl-C stops; every label is already saved.")
    if serve_page and "://" not in host:
        serve(folder, port=port, open_browser=browser, pages="label", address=host or ADDRESS, link=link)
    return None


def invitations(
    revoke: Annotated[str, typer.Option("--revoke", help="Take one back by its id, or all of a person.")] = "",
    as_json: JsonOption = False,
) -> None:
    """List the links that `stagegap label --host` gave away, or take one back."""
    from stagegap.cli import printed
    from stagegap.cli.start import folder
    from stagegap.people.roster import day
    from stagegap.ui import Access

    access = Access(folder())
    ended = {entry.id for entry in access.revoke(revoke)} if revoke else set[str]()
    rows = access.invitations()
    if as_json:
        fields = ("id", "who", "made_at", "revoked_at")
        return printed.print_json([{name: getattr(row, name) for name in fields} for row in rows])
    for row in rows:
        state = "holds" if row.revoked_at is None else f"taken back {day(row.revoked_at)}"
        printed.say(f"{row.id}  {row.who}  made {day(row.made_at)}, {state}{' (now)' if row.id in ended else ''}")
    if not rows:
        printed.say("Nobody is invited.")
    return printed.advise("stagegap label STAGE --as WHO --host ADDRESS")


def _fair(*, overlap: bool, swap: bool, following: bool, verdict: bool) -> str:
    """The name of the queue that an option asks for, the random one without any."""
    asked = {"overlap": overlap, "swap": swap, "next": following, "verdict": verdict}
    return next((name for name, is_asked in asked.items() if is_asked), "random")


def left(progress: Progress) -> str:
    """Say what is left of a queue, and how long it takes at the person's own pace.

    >>> from stagegap.model.queue import Progress
    >>> left(Progress(done=37, skipped=0, total=120, median_ms=17_000.0))
    '83 of 120 left, about 24 min at your pace (17 s each).'
    """
    if not progress.left:
        return f"Nothing is left of {progress.total:,}."
    rest = f"{progress.left:,} of {progress.total:,} left"
    if progress.median_ms is None:
        return f"{rest}; your pace is known after the first label."
    seconds = progress.median_ms / 1000
    minutes = math.ceil(progress.left * seconds / 60)
    return f"{rest}, about {minutes} min at your pace ({max(1, round(seconds))} s each)."


people = typer.Typer(cls=Group, help="Say who answers, what is left of whom, and who has stopped.")

PersonArgument = Annotated[str, typer.Argument(metavar="NAME", help="The person, as their labels have it.")]
StageArgument = Annotated[str, typer.Argument(help="Stage to answer for.")]
ByOption = Annotated[str, typer.Option("--as", help="Your initials: who says so.")]
QueueOption = Annotated[
    str, typer.Option("--queue", help="random, overlap, next, swap, judge, or the id of a queue, as of a hunt.")
]


@people.callback(invoke_without_command=True)
def everybody(context: typer.Context, cascade: CascadeOption = None, as_json: JsonOption = False) -> None:
    """List who answers, what is left of whom until when, and who has stopped."""
    from stagegap.cli.printed import present
    from stagegap.cli.start import cascade_name, workspace

    if context.invoked_subcommand is None:
        with workspace() as opened:
            view = opened.people.roster(cascade_name(opened, cascade))
        present("people", view, as_json=as_json)


@people.command()
def retire(name: PersonArgument, by: ByOption = "", cascade: CascadeOption = None) -> None:
    """Say that somebody has stopped: reports leave nothing out for them, and their labels stay."""
    from stagegap.cli import printed
    from stagegap.cli.start import cascade_name, workspace

    with workspace() as opened:
        opened.people.retire(cascade_name(opened, cascade), name, by=by)
    printed.say(f"{name} has stopped. Their labels stay as they are, and reports leave out nothing for them.")
    printed.advise(f"stagegap people bring-back {name}", "stagegap report")


@people.command(name="bring-back")
def bring_back(name: PersonArgument, by: ByOption = "", cascade: CascadeOption = None) -> None:
    """Say that somebody who had stopped goes on."""
    from stagegap.cli import printed
    from stagegap.cli.start import cascade_name, workspace

    with workspace() as opened:
        opened.people.bring_back(cascade_name(opened, cascade), name, by=by)
    printed.say(f"{name} goes on. Reports leave out again what they have yet to answer.")
    printed.advise("stagegap people")


@people.command()
def assign(
    name: PersonArgument,
    stage: StageArgument,
    queue: QueueOption = "random",
    due: Annotated[str, typer.Option("--due", help="The last day, as 2026-12-05.")] = "",
    by: ByOption = "",
    cascade: CascadeOption = None,
) -> None:
    """Ask somebody to answer a queue, until a day where you name one; asked again, the later day holds."""
    from stagegap.cli import printed
    from stagegap.cli.start import cascade_name, workspace

    with workspace() as opened:
        work = opened.people.assign(cascade_name(opened, cascade), name, stage, queue, due=due, by=by)
    until = f" until {work.due}" if work.due else ""
    printed.say(f"{name} is asked to answer the {work.purpose} queue of {stage}{until}. {left(work.progress)}")
    flag = "" if work.purpose == "random" else f" --{work.purpose}"
    printed.advise(f"stagegap label {stage}{flag} --as {name}", "stagegap people")


@people.command()
def excuse(
    name: PersonArgument,
    stage: StageArgument,
    queue: QueueOption = "random",
    by: ByOption = "",
    cascade: CascadeOption = None,
) -> None:
    """Take back that somebody was asked to answer a queue."""
    from stagegap.cli import printed
    from stagegap.cli.start import cascade_name, workspace

    with workspace() as opened:
        work = opened.people.excuse(cascade_name(opened, cascade), name, stage, queue, by=by)
    printed.say(f"{name} is no longer asked to answer the {work.purpose} queue of {stage}.")
    printed.advise("stagegap people")


CodeArgument = Annotated[str, typer.Argument(metavar="[CODE]", help="The code to change; without one, print the book.")]
MeansOption = Annotated[str | None, typer.Option("--means", help="When the code is right.")]
ExampleOption = Annotated[str | None, typer.Option("--example", help="A case of it: words, or the id of a record.")]
SeverityOption = Annotated[str | None, typer.Option("--severity", help="minor, major or critical.")]
CostsOption = Annotated[str | None, typer.Option("--costs", help="What mending it takes, as '2 days'.")]
IntoOption = Annotated[
    str, typer.Option("--into", help="Its other name; one that is there already merges the two. With --record: a part.")
]
RecordOption = Annotated[list[str] | None, typer.Option("--record", help="Only this record goes --into; repeatable.")]
RetireOption = Annotated[bool, typer.Option("--retire", help="Take it out of the book.")]


@tools.command()
def code(
    name: CodeArgument = "",
    by: ByOption = "",
    means: MeansOption = None,
    example: ExampleOption = None,
    severity: SeverityOption = None,
    costs: CostsOption = None,
    into: IntoOption = "",
    record: RecordOption = None,
    retire: RetireOption = False,
    cascade: CascadeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print the codebook, or change one of its codes for everybody: its meaning, its name, some of its records."""
    from stagegap.cli import printed
    from stagegap.cli.start import cascade_name, workspace
    from stagegap.people.codebook import codebook_sheet

    meaning = {"definition": means, "example": example, "severity": severity, "cost": costs}
    meanings = {key: text for key, text in meaning.items() if text is not None}
    if bool(name) != bool(meanings or into or retire) or (name and not by) or bool(meanings) + bool(into) + retire > 1:
        raise ConfigurationError(
            "A CODE is changed by --as and one of: what it means (--means, --example, --severity, --costs), --into, "
            "--retire. Without a CODE the book is printed."
        )
    with workspace() as opened:
        cascade = cascade_name(opened, cascade)
        if meanings:
            opened.readings.define(cascade, by, name, meanings)
        elif retire:
            opened.readings.change(cascade, by, action="retire", tag=name)
        elif into:
            opened.readings.move(cascade, by, name, into, records=record or ())
        book = opened.readings.book(cascade)
    if as_json:
        return printed.print_view(book)
    printed.draw_sheet(codebook_sheet(book))
    return printed.advise("stagegap show codes")
