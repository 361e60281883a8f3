from __future__ import annotations

import io
import time
from collections.abc import Callable

import pytest
from rich.console import Console

from runner.making import LABEL, Build, Memory
from stagegap.model.answer import Output, Status
from stagegap.model.record import Record
from stagegap.model.run import SYSTEM, Cell
from stagegap.runner import CellSummary, Silent, Tally, execute, progress_on
from stagegap.runner.progress import EVERY_S, Lines, LiveTable, table

Records = Callable[..., list[Record]]


def cell(*, total: int = 100, where: Cell = SYSTEM) -> CellSummary:
    return CellSummary(cell=where, tallies={"route": Tally(total=total), "draft": Tally(total=total)}, left_out=0)


def done(n: int, status: Status = Status.OK, **rest: object) -> list[Output]:
    return [Output(record="r", stage="s", status=status, latency_ms=2000.0, **rest) for _ in range(n)]  # type: ignore[arg-type]


def drawn(summary: CellSummary, *, seconds: float, width: int = 100) -> str:
    console = Console(file=io.StringIO(), width=width)
    console.print(table(summary, seconds=seconds))
    return "\n".join(line.rstrip() for line in console.file.getvalue().splitlines())  # type: ignore[attr-defined]


def test_the_table_shows_each_stage_with_what_is_left() -> None:
    summary = cell()
    summary.tallies["route"].add(done(100, cached=True))
    summary.tallies["draft"].add([*done(22, cost=0.05), *done(3, Status.INFRASTRUCTURE)])
    expected = """\
   Stage                       Done  Cached  Errors   Mean   Cost   Left
✓  route  ████████████████  100/100     100       0
•  draft  ████░░░░░░░░░░░░   25/100       0       3  2.0 s  $1.10  3 min
Ctrl-C stops safely; the same command goes on where it stopped."""
    assert drawn(summary, seconds=60) == expected


def test_the_table_of_a_swap_names_it_and_a_stage_without_records_is_done() -> None:
    text = drawn(cell(total=0, where=Cell("reference", ("route",))), seconds=0)
    assert text.startswith("reference:route")
    assert text.count("✓") == 2


def test_the_table_fits_a_narrow_terminal() -> None:
    assert max(map(len, drawn(cell(total=10_000), seconds=1, width=80).splitlines())) <= 80


def test_lines_tell_every_tenth_once_and_where_it_ended() -> None:
    told: list[str] = []
    now = [0.0]
    lines = Lines(told.append, lambda: now[0])
    summary = cell()
    lines.update()
    lines.begin(summary)
    lines.update()
    summary.tallies["route"].add(done(19))
    lines.update()
    assert told == []
    summary.tallies["route"].add(done(1))
    lines.update()
    assert told == [], "a short cell has one line, at its end"
    now[0] += EVERY_S
    lines.update()
    lines.update()
    now[0] += EVERY_S
    summary.tallies["draft"].add([*done(29, cost=0.1), *done(1, Status.REFUSED)])
    lines.update()
    lines.end()
    lines.end()
    assert told == [
        "system, 10% answered: route 20 of 100, draft 0 of 100",
        "system, 20% answered: route 20 of 100, draft 30 of 100, 1 errors, $2.90",
        "system, 25% answered: route 20 of 100, draft 30 of 100, 1 errors, $2.90",
    ]


def test_lines_that_told_the_whole_end_without_another() -> None:
    told: list[str] = []
    lines = Lines(told.append, lambda: 0.0)
    summary = cell(total=1)
    lines.begin(summary)
    for tally in summary.tallies.values():
        tally.add(done(1))
    lines.update()
    lines.end()
    assert told == ["system, 100% answered: route 1 of 1, draft 1 of 1"]
    lines.begin(cell(total=0))
    lines.update()
    lines.end()
    assert len(told) == 1


def test_a_terminal_gets_the_table_and_anything_else_lines(making: Build, records: Records, memory: Memory) -> None:
    making.python("size", "text", "return 'short'", LABEL)
    work = making.work(records("a", "b"))
    for is_terminal, kind, words in ((True, LiveTable, "2/2"), (False, Lines, "2 of 2")):
        console = Console(file=io.StringIO(), force_terminal=is_terminal, width=100)
        progress = progress_on(console, clock=time.perf_counter)
        assert isinstance(progress, kind)
        execute(work, sink=memory, cache=memory, progress=progress)
        assert words in console.file.getvalue()  # type: ignore[attr-defined]


def test_a_table_that_never_began_can_end() -> None:
    progress = LiveTable(Console(file=io.StringIO()), time.perf_counter)
    progress.update()
    progress.end()


def test_silence_says_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    silent = Silent()
    silent.begin(cell())
    silent.update()
    silent.end()
    assert capfd.readouterr() == ("", "")
