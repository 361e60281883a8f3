from __future__ import annotations

import subprocess
import sys
from itertools import count
from pathlib import Path

from stagegap.model.answer import Output, Status
from stagegap.model.run import SYSTEM, Run, RunStatus
from stagegap.runner import CellSummary, Silent, Tally
from stagegap.workspace import Workspace
from stagegap.workspace.foundation import write_starter
from stagegap.workspace.run_facts import NOTES, live_runs, noted

RUN = Run(
    id="5" * 32, name="v3", cascade="mail", fingerprint="f", resolved="{}", status=RunStatus.RUNNING, started_at=1.0
)


def cell() -> CellSummary:
    return CellSummary(cell=SYSTEM, tallies={"route": Tally(total=4)}, left_out=0)


def outputs(n: int, status: Status = Status.OK) -> list[Output]:
    return [Output(record=f"r{i}", stage="route", status=status, latency_ms=5.0, cost=0.5) for i in range(n)]


def test_run_that_goes_on_is_seen_from_outside_and_gone_at_its_end(tmp_path: Path) -> None:
    ticks = count(100)
    with noted(Silent(), tmp_path, RUN, cells=2, clock=lambda: float(next(ticks))) as progress:
        assert live_runs(tmp_path) == []
        summary = cell()
        progress.begin(summary)
        summary.tallies["route"].add([*outputs(2), *outputs(1, Status.REFUSED)])
        progress.update()
        (seen,) = live_runs(tmp_path)
        assert (seen.name, seen.cell, seen.cells, seen.of, seen.share) == ("v3", "system", 0, 2, 0.75)
        (stage,) = seen.stages
        assert (stage.done, stage.total, stage.errors, stage.calls, stage.cost) == (3, 4, 1, 3, 1.5)
        progress.end()
        assert live_runs(tmp_path)[0].cells == 1
    assert live_runs(tmp_path) == []
    assert list((tmp_path / NOTES).iterdir()) == []


def test_notes_are_not_written_more_often_than_people_read(tmp_path: Path) -> None:
    times = iter([10.0, 10.1, 10.6])
    with noted(Silent(), tmp_path, RUN, cells=1, clock=lambda: next(times)) as progress:
        summary = cell()
        progress.begin(summary)
        summary.tallies["route"].add(outputs(1))
        progress.update()
        assert live_runs(tmp_path)[0].stages[0].done == 0
        progress.update()
        assert live_runs(tmp_path)[0].stages[0].done == 1


def test_note_of_a_dead_process_and_what_is_no_note_are_left_out(tmp_path: Path) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    with noted(Silent(), tmp_path, RUN, cells=1, clock=lambda: 1.0) as progress:
        progress.begin(cell())
        path = next((tmp_path / NOTES).iterdir())
        path.write_text(path.read_text().replace(f'"pid":{_pid(path)}', f'"pid":{dead.pid}'))
        (tmp_path / NOTES / "odd.json").write_text("{")
        assert live_runs(tmp_path) == []


def test_note_of_somebody_else_s_process_counts(tmp_path: Path, monkeypatch) -> None:
    def foreign(pid: int, signal: int) -> None:
        raise PermissionError

    with noted(Silent(), tmp_path, RUN, cells=1, clock=lambda: 1.0) as progress:
        progress.begin(cell())
        monkeypatch.setattr("os.kill", foreign)
        assert [note.name for note in live_runs(tmp_path)] == ["v3"]


def _pid(path: Path) -> int:
    import json

    return json.loads(path.read_text())["pid"]


def test_run_notes_how_far_it_is_while_it_goes_on(tmp_path: Path) -> None:
    write_starter(tmp_path)
    seen, told = [], []

    class Watching(Silent):
        def begin(self, cell: CellSummary) -> None:
            told.append(past.so_far(past.live()[0]))

        def end(self) -> None:
            seen.extend(past.live())
            told.append(past.so_far(seen[-1]))

    with Workspace.open(tmp_path) as workspace:
        past = workspace.past("first")
        workspace.runs.new(None, progress=Watching())
        assert told[0] is None
        assert told[1] == told[-1]
        assert (told[1].finished, told[1].of, told[1].estimate.n, told[1].is_safe) == (6, 6, 6, True)
        assert told[1].sentence.startswith("Good questions (reply.fact_recall >= 1) so far: 50% (95% interval ")
        assert [(note.cell, note.cells, note.of, note.share) for note in seen] == [
            ("system", 1, 3, 1.0), ("reference:topic", 2, 3, 1.0), ("reference:reply", 3, 3, 1.0),
        ]  # fmt: skip
        assert past.live() == []
