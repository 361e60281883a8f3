from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import llm_server
from killed_runs import AT_ONCE, Project, torment
from stagegap.errors import NotFound, RunStopped, StoreBusy
from stagegap.model.run import KILLED, RunStatus
from stagegap.runner import RunOptions
from stagegap.workspace import Workspace

TRIES = 3
"""Each is a process and a look into the store; `make slow` makes fifty."""


@pytest.fixture
def server() -> Iterator[llm_server.LlmServer]:
    with llm_server.running() as found:
        yield found


def interrupt(process: subprocess.Popen[str]) -> None:
    """Send Ctrl-C, and wait until it was delivered: two that wait together would be one."""
    process.send_signal(signal.SIGINT)
    status, pending = Path(f"/proc/{process.pid}/status"), True
    while pending:
        lines = dict(line.split(":\t", 1) for line in status.read_text().splitlines() if ":\t" in line)
        pending = any(int(lines[name], 16) >> (signal.SIGINT - 1) & 1 for name in ("SigPnd", "ShdPnd"))


def test_killed_runs_lose_nothing_and_pay_only_for_what_was_under_way(
    tmp_path: Path, server: llm_server.LlmServer
) -> None:
    told = torment(tmp_path, server, records=120, kills=TRIES, seed=3)
    assert (told.lost, told.paid_again) == (set(), {})
    # Under way, and answered in the fiftieth of a second before: at most a round of calls each.
    assert told.extra <= TRIES * 2 * AT_ONCE
    assert told.is_same
    assert len(told.killed) == TRIES
    assert {run.status for run in told.killed} == {RunStatus.STOPPED}
    assert {run.error.startswith(KILLED) for run in told.killed} == {True}


def test_ctrl_c_twice_ends_a_hung_run_at_once_and_the_next_goes_on(
    tmp_path: Path, server: llm_server.LlmServer
) -> None:
    server.answers(faults=["", "", ""], always="hang")
    project = Project(tmp_path, server)
    project.write(30)
    with project.start() as process:
        server.counters(calls=3 + AT_ONCE)
        interrupt(process)
        interrupt(process)
        _, error = process.communicate()
    assert process.returncode == 4
    assert error == "Run v1 stopped: It was interrupted. What was answered is kept; run it again to go on.\n"
    assert [run.status for run in project.runs()] == [RunStatus.STOPPED]
    done = len(project.acknowledged())
    assert done == 3
    server.answers()
    with project.start() as process:
        process.communicate()
    assert server.counters()["calls"] == 30 - done


def test_two_processes_never_work_on_the_same_run(tmp_path: Path, server: llm_server.LlmServer) -> None:
    project = Project(tmp_path, server)
    project.write(2)
    with Workspace.open(tmp_path) as opened:
        run, _ = opened.runs.new(None)
        with opened.store.leasing(run):
            with project.start("--retry") as other:
                _, error = other.communicate()
            with pytest.raises(StoreBusy, match="Run v1 is under way in another process"):
                opened.runs.new(None, RunOptions(retry=True))
        assert opened.runs.new(None, RunOptions(retry=True))[0].id == run.id
    assert other.returncode == 3
    assert error == "Run v1 is under way in another process; wait until it has ended, or stop it there.\n"
    assert not list((tmp_path / ".stagegap").glob("lock.run.*"))


def test_a_run_that_is_under_way_is_not_taken_for_killed(tmp_path: Path, server: llm_server.LlmServer) -> None:
    project = Project(tmp_path, server)
    project.write(2)
    server.answers(always="hang")
    with project.start() as first, Workspace.open(tmp_path) as opened:
        server.counters(calls=2)
        assert opened.store.end_killed("killed", now=0.0) == []
        first.kill()
        first.wait()
        [left] = opened.runs.of("killed")
        assert (left.status, left.is_gone) == (RunStatus.STOPPED, True)
        assert left.error == f"{KILLED} while it was at 'draft' (r0 to r1)."
        [ended] = opened.store.end_killed("killed", now=5.0)
        assert ended == replace(left, finished_at=5.0)
        assert opened.runs.of("killed") == [ended]
        assert opened.runs.endings() == []


def test_a_budget_stops_hard_and_never_begins_a_call_beyond_it(tmp_path: Path, server: llm_server.LlmServer) -> None:
    project = Project(tmp_path, server)
    project.write(40)
    with project.start("--budget", "11 calls") as process:
        _, error = process.communicate()
    assert process.returncode == 4
    assert "The budget of 11 calls is used up." in error
    assert server.counters()["calls"] == 11 == len(project.acknowledged())
    # 15 tokens at 1 dollar a million: four calls fit.
    with project.start("--budget", "$0.00006") as process:
        process.communicate()
    assert server.counters()["calls"] == 11 + 4


ENDS_IN_C = {
    "crashes": ("ctypes.string_at(0)", -signal.SIGSEGV),
    "leaves": ("ctypes.CFUNCTYPE(None, ctypes.c_int)(('exit', ctypes.CDLL(None)))(0)", RunStopped.exit_code),
    "closes all files": (
        "[o.close() for o in gc.get_objects() if hasattr(o, 'fileno') and hasattr(o, 'close')]",
        RunStopped.exit_code,
    ),
}


@pytest.mark.parametrize("way", ENDS_IN_C)
def test_a_run_that_code_in_c_ends_is_told_by_stage_and_records_and_the_next_goes_on(
    tmp_path: Path, server: llm_server.LlmServer, way: str
) -> None:
    code, exit_code = ENDS_IN_C[way]
    project = Project(tmp_path, server)
    project.write(12)
    stages = tmp_path / "pipelines" / "stages.py"
    stages.write_text(
        f"import ctypes, gc, stagegap\n\n@stagegap.batch\ndef words(text):\n    if 'to 9 reply' in text: {code}\n"
        "    return text\n"
    )
    cascade = tmp_path / "pipelines" / "cascade.yaml"
    cascade.write_text(cascade.read_text().replace("uses: python", "uses: python\n    batch: 4"))
    with project.start() as process:
        _, said = process.communicate()
    assert process.returncode == exit_code
    assert ("The run stopped, because code of a stage " in said) == (exit_code == RunStopped.exit_code)
    with Workspace.open(tmp_path) as opened:
        [run] = opened.runs.of("killed")
        assert f"{KILLED} while it was at " in run.error
        assert "'words' (r8 to r11)" in run.error
        assert "If code of 'words' ended it: `stagegap run --engine processes:2` loses one record" in run.error
        [row] = opened.past("killed").history().rows
        assert row.status == "stopped"
        assert run.ending in opened.past("killed").history().notes
        with pytest.raises(NotFound, match=r"no run that is done\. Run v1 stopped: Its process ended"):
            opened.runs.attribution("killed")
    durable = len(project.acknowledged())
    stages.write_text(stages.read_text().replace(code, "pass"))
    before = server.counters()["calls"]
    with Workspace.open(tmp_path) as opened:
        ended, _ = opened.runs.new(None)
        assert (ended.name, ended.status) == ("v2", RunStatus.DONE)
        assert [run.finished_at is not None for run in opened.runs.of("killed")] == [True, True]
    assert server.counters()["calls"] - before == 12 - durable
