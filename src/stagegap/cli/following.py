"""Reading what people type about past runs, and watching a run from a second terminal."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from rich.console import Group, RenderableType
from rich.live import Live
from rich.text import Text

from stagegap.analysis import codec
from stagegap.analysis.so_far import SoFar
from stagegap.cli import printing
from stagegap.errors import ConfigurationError
from stagegap.model.answer import Status
from stagegap.model.expectation import Expectation
from stagegap.model.live import LiveRun, LiveStage
from stagegap.model.run import Cell
from stagegap.model.values import Json
from stagegap.runner.progress import table
from stagegap.runner.work import CellSummary, Tally
from stagegap.workspace import Hope, Past

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
    return codec.plain(expected)


def follow(past: Past, *, pause: Callable[[float], object]) -> None:
    """Show the runs that go on until none does; lines in place of tables where there is no terminal."""
    out = printing.console()
    seen = past.live()
    if not seen:
        return printing.say("No run goes on.")
    if out.is_terminal:
        looks: dict[str, SoFar | None] = {}  # by a hundredth of a part: a look must cost little beside the run
        with Live(console=out, refresh_per_second=4, transient=True) as live:
            while seen:
                for note in seen:
                    if _place(note) not in looks:
                        looks[_place(note)] = past.so_far(note)
                live.update(Group(*(part for note in seen for part in _drawn(note, looks[_place(note)]))))
                pause(EVERY_S)
                seen = past.live()
    else:
        last_lines: dict[str, str] = {}
        while seen:
            for note in seen:
                line = f"{note.name} {note.cell} {math.floor(10 * note.share) * 10}%"
                if last_lines.get(note.run) != line:
                    last_lines[note.run] = line
                    printing.say(" ".join([f"{line}.", *_so_far(past.so_far(note))]))
            pause(EVERY_S)
            seen = past.live()
    printing.say("No run goes on any more.")
    return printing.advise("stagegap runs", "stagegap show")


def _place(note: LiveRun) -> str:
    return f"{note.run} {note.cell} {math.floor(100 * note.share)}"


def _so_far(progress: SoFar | None) -> tuple[str, ...]:
    return (printing.printable(progress.sentence),) if progress is not None else ()


def _drawn(note: LiveRun, progress: SoFar | None) -> tuple[RenderableType, ...]:
    tallies = {stage.stage: _tally(stage) for stage in note.stages}
    cell = CellSummary(cell=Cell.parse(note.cell), tallies=tallies, left_out=0)
    head = Text(f"Run {note.name}, part {min(note.cells + 1, note.of)} of {note.of}: {note.cell}", style="bold")
    return head, table(cell, seconds=note.seconds), *map(Text, _so_far(progress))


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
