"""Runs from the terminal: progress, the verdict, watching from a second one, and a night of variants."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Group, RenderableType
from rich.live import Live
from rich.text import Text

from stagegap import registry, report
from stagegap.analysis import views
from stagegap.analysis.runs import SoFar
from stagegap.analysis.variants import VariantsView
from stagegap.cli import printed
from stagegap.cli.printed import draw_sheet
from stagegap.cli.reports import write_file
from stagegap.errors import AnswersLost, ConfigurationError, RunStopped
from stagegap.model.answer import Status
from stagegap.model.record import Json
from stagegap.model.run import Cell, Expectation, LiveRun, LiveStage, Run, RunStatus
from stagegap.model.wording import counted
from stagegap.runner import Budget, CellSummary, RunOptions, Silent, Summary, Tally, progress_on, table
from stagegap.tables import figures
from stagegap.tables.table import literal, sheet_markdown
from stagegap.workspace import Hope, Past, Workspace


def options_of(
    limit: int | None,
    filter: str,
    sample: int | None,
    seed: int,
    repeat: int | None = None,
    fresh: bool = False,
    fresh_stages: list[str] | None = None,
    retry: bool = False,
    jobs: int | None = None,
    budget: str | None = None,
    orders: int | None = None,
    engine: str = "",
) -> RunOptions:
    """The options of a run from those of a command. Raises: ConfigurationError."""
    return RunOptions(
        limit=limit,
        filter=filter,
        sample=sample,
        seed=seed,
        repeats=repeat,
        fresh=fresh,
        fresh_stages=tuple(fresh_stages or ()),
        retry=retry,
        jobs=jobs,
        budget=Budget.parse(budget) if budget is not None else None,
        orders=orders,
        engine=engine,
    )


def plan_and_show(opened: Workspace, file: Path | None, options: RunOptions, *, as_json: bool) -> None:
    """Print what a run would call."""
    printed.present("plan", opened.runs.plan(file, options), as_json=as_json)


def run_and_show(opened: Workspace, file: Path | None, options: RunOptions | None = None, *, as_json: bool) -> None:
    """Run a cascade and print its verdict. Raises: RunStopped when it ended early."""
    progress = Silent() if as_json else progress_on(printed.console(), clock=time.monotonic)
    for ending in () if as_json else opened.runs.endings():
        printed.say(ending)
    run, summary = opened.runs.new(file, options, progress=progress)
    if run.status is not RunStatus.DONE:
        raise RunStopped(f"Run {run.name} stopped: {summary.error} What was answered is kept; run it again to go on.")
    card = opened.runs.scorecard(run.cascade, run.name)
    assert card is not None, "a finished run has a scorecard"
    if as_json:
        printed.print_view(card)
        return refuse_losses(run, summary)
    most = "at most " if run.bounded_by else ""  # tokens from the provider's cache count in full
    cost = f", {most}{figures.money(summary.cost)}" if summary.cost else ""
    took = figures.seconds(summary.seconds)
    begins = f"Run {run.name}: {run.records:,} records, {summary.calls:,} calls{cost}, {took}.\n"
    if summary.references:
        begins += f"{summary.references}\n"
    sheet = registry.view("gap").sheet(card)
    if card.verdict.kind != "errors":
        draw_sheet(sheet, begins=begins)
    else:
        draw_sheet(sheet)
        printed.say(begins)
    return refuse_losses(run, summary)


def refuse_losses(run: Run, summary: Summary) -> None:
    """End with a sentence and an exit code where a stage lost more than 1% of its answers. Raises: AnswersLost.

    What a recorded stage has no answer to can't be asked for again.
    """
    lost: dict[str, tuple[int, int]] = {}
    for cell in summary.cells:
        for name, tally in cell.tallies.items():
            if name in run.recorded:
                continue
            missing, done = lost.get(name, (0, 0))
            lost[name] = missing + tally.by_status.get(Status.INFRASTRUCTURE, 0), done + tally.done
    named = [f"{name} {missing:,} of {done:,}" for name, (missing, done) in lost.items() if 100 * missing > done]
    if named:
        raise AnswersLost(
            f"Run {run.name} is done, but answers were lost to infrastructure, which is nobody's mistake: "
            f"{', '.join(named)}. `stagegap run --retry` asks for them again."
        )


EVERY_S = 0.5
_AGO = re.compile(r"(?P<number>\d+)(?P<unit>[dh])")
_SECONDS = {"d": 86_400.0, "h": 3_600.0}


def since(text: str, *, now: float) -> float:
    """Read a day, or so many days or hours ago, as seconds since 1970, UTC. Raises: ConfigurationError.

    >>> since("2026-11-20", now=0.0), since("2h", now=10_000.0)
    (1795132800.0, 2800.0)
    """
    ago = _AGO.fullmatch(text.strip())
    if ago:
        return now - int(ago["number"]) * _SECONDS[ago["unit"]]
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise ConfigurationError(f"--since takes a day such as 2026-11-20, or 3d or 12h ago, found {text!r}.") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def hopes(texts: Sequence[str]) -> dict[str, Hope]:
    """Read `PLACE=POINTS` or `PLACE=POINTS,LOW,HIGH`; points are hundredths of the score. Raises: ConfigurationError.

    >>> hopes(["retrieve=+5", "outcome=3,1,6"])["outcome"]
    Hope(value=0.03, low=0.01, high=0.06)
    """
    hopes: dict[str, Hope] = {}
    for text in texts:
        place, equals, numbers = text.partition("=")
        try:
            values = [float(part.replace("−", "-")) / 100 for part in numbers.split(",")]
        except ValueError:
            values = []
        if not place or not equals or len(values) not in (1, 3) or not all(map(math.isfinite, values)):
            raise ConfigurationError(f"Write what you expect as retrieve=+5 or retrieve=5,2,8, found {text!r}.")
        if place in hopes:
            raise ConfigurationError(f"{place} stands twice.")
        hopes[place] = (
            Hope(value=values[0]) if len(values) == 1 else Hope(value=values[0], low=values[1], high=values[2])
        )
    return hopes


def as_json(expected: Expectation) -> Json:
    """An expectation as a JSON value."""
    return views.plain(expected)


def follow(past: Past, *, pause: Callable[[float], object]) -> None:
    """Show the runs that go on until none does; lines in place of tables where there is no terminal."""
    out = printed.console()
    seen = past.live()
    if not seen:
        return printed.say("No run goes on.")
    if out.is_terminal:
        looks: dict[str, SoFar | None] = {}  # by a hundredth of a part: a look must cost little beside the run
        with Live(console=out, refresh_per_second=4, transient=True) as live:
            while seen:
                for note in seen:
                    if _place(note) not in looks:
                        looks[_place(note)] = past.so_far(note)
                live.update(Group(*(part for note in seen for part in _drawn(past, note, looks[_place(note)]))))
                pause(EVERY_S)
                seen = past.live()
    else:
        last_lines: dict[str, str] = {}
        while seen:
            for note in seen:
                line = f"{note.name} {note.cell}, {math.floor(10 * note.share) * 10}% answered"
                line = ". ".join([line, *_learning(past, note)])
                if last_lines.get(note.run) != line:
                    last_lines[note.run] = line
                    printed.say(" ".join([f"{line.removesuffix('.')}.", *_so_far(past.so_far(note))]))
            pause(EVERY_S)
            seen = past.live()
    printed.say("No run goes on any more.")
    return printed.advise("stagegap show runs", "stagegap show")


def _place(note: LiveRun) -> str:
    return f"{note.run} {note.cell} {math.floor(100 * note.share)}"


def _so_far(progress: SoFar | None) -> tuple[str, ...]:
    return (printed.printable(progress.sentence),) if progress is not None else ()


def _learning(past: Past, note: LiveRun) -> tuple[str, ...]:
    """What the stages that still learn have logged."""
    stages = (stage for run in past.training(note.name).runs for stage in run.stages)
    return tuple(printed.printable(stage.sentence) for stage in stages if stage.seconds is None and stage.records)


def _drawn(past: Past, note: LiveRun, progress: SoFar | None) -> tuple[RenderableType, ...]:
    tallies = {stage.stage: _tally(stage) for stage in note.stages}
    cell = CellSummary(cell=Cell.parse(note.cell), tallies=tallies, left_out=0)
    head = Text(f"Run {note.name}, part {min(note.cells + 1, note.of)} of {note.of}: {note.cell}", style="bold")
    return head, table(cell, seconds=note.seconds), *map(Text, (*_learning(past, note), *_so_far(progress)))


def _tally(stage: LiveStage) -> Tally:
    without_call = stage.done - stage.cached - stage.calls
    by_status = {
        Status.OK: stage.done - stage.errors - without_call,
        Status.INFRASTRUCTURE: stage.errors,
        Status.SKIPPED: without_call,
    }
    return Tally(
        total=stage.total,
        done=stage.done,
        cached=stage.cached,
        by_status=by_status,
        cost=stage.cost,
        latency_ms=stage.latency_ms,
    )


class Told:
    """Says on the terminal how the night goes."""

    def going_on(self, variant: str, records: int) -> None:
        """Name the variant that goes on."""
        printed.say(f"{variant}: {records:,} more records")

    def so_far(self, view: VariantsView) -> None:
        """The verdict on the records that all variants have answered."""
        printed.say(f"After {counted(view.records, view.noun)}: {view.headline}.")


class Untold:
    """Says nothing."""

    def going_on(self, variant: str, records: int) -> None:
        """Do nothing."""

    def so_far(self, view: VariantsView) -> None:
        """Do nothing."""


def overnight_and_show(
    opened: Workspace, file: Path, options: RunOptions, *, output: Path | None, as_json: bool
) -> None:
    """Run all variants and print their table. Raises: RunStopped when one of them ended early."""
    progress = Silent() if as_json else progress_on(printed.console(), clock=time.monotonic)
    view = opened.runs.overnight(file, options, listener=Untold() if as_json else Told(), progress=progress)
    if output is not None:
        write_file(output, _as_file(view, output.suffix))
    if as_json:
        printed.print_view(view)
    else:
        draw_sheet(registry.view("overnight").sheet(view))
    stopped = [row for row in view.rows if row.error]
    if stopped:
        raise RunStopped(
            "\n".join(f"Variant {row.variant} stopped: {row.error}" for row in stopped)
            + "\nWhat was answered is kept; run it again to go on."
        )


def _as_file(view: VariantsView, ending: str) -> str:
    """The ranking in the form that a file's ending says: .html, .json, anything else is Markdown."""
    if ending == ".html":
        return report.variants_html(view)
    return views.to_json(view) if ending == ".json" else variants_markdown(view)


def variants_markdown(view: VariantsView) -> str:
    """The table of the morning as a Markdown file."""
    return f"# Variants of {literal(view.cascade)}\n\n{sheet_markdown(registry.view('overnight').sheet(view))}"
