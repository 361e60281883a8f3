"""Workers, machines and drivers killed again and again, on every engine: every record answered, nothing paid twice."""

from __future__ import annotations

import importlib.util
import os
import random
import secrets
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import llm_server
from killed_runs import AT_ONCE, PIDS, Project, besieged, kill_one, living, torment

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3_600)]
KILLS = int(os.environ.get("STAGEGAP_KILLS", "50"))
KILLED_MACHINES = int(os.environ.get("STAGEGAP_LOST_MACHINES", "4"))
"""A machine of a cluster takes half a minute to come back where all are this one."""
PER_KILL = {"processes": 150, "ray": 500}
"""Records that are answered until all workers are well again."""
NEEDS_RAY = pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="ray is not installed")
ENGINES = [pytest.param("processes", id="processes"), pytest.param("ray", id="ray", marks=NEEDS_RAY)]


@dataclass(frozen=True)
class Around:
    """Where an engine's workers are, and how one of them, or a whole machine, is killed."""

    engine: str
    kill_worker: Callable[[], bool]
    kill_node: Callable[[], bool]


@pytest.fixture
def around(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Around]:
    workers = 2 if request.param == "processes" else 3
    pids, draw = tmp_path / "pids", random.Random(3)
    pids.mkdir()
    monkeypatch.setenv(PIDS, str(pids))

    def kill_worker() -> bool:
        return len(living(pids)) >= workers and kill_one(pids, draw)

    if request.param == "processes":
        yield Around("processes:2", kill_worker, kill_worker)
        return
    token = secrets.token_hex(32)
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    monkeypatch.setenv("RAY_AUTH_TOKEN", token)
    script = Path(__file__).parents[1] / "ray_cluster.py"
    with subprocess.Popen(
        [sys.executable, str(script), token], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as cluster:
        assert cluster.stdin is not None
        assert cluster.stdout is not None
        told, asked = cluster.stdout, cluster.stdin

        def kill_node() -> bool:
            if len(living(pids)) < workers:
                return False
            asked.write("kill\n")
            asked.flush()
            return line_of(told) == "killed"

        yield Around(f"ray:3@{line_of(told)}", kill_worker, kill_node)
        asked.close()


def line_of(stream: object) -> str:
    """The next line that is an address or an answer; Ray prints others."""
    for line in stream:  # type: ignore[attr-defined]  # a pipe of text
        if line.startswith("killed") or line.strip().rpartition(":")[2].isdecimal():
            return line.strip()
    raise AssertionError("the cluster has ended")


@pytest.mark.parametrize("around", ENGINES, indirect=True)
def test_killed_workers_cost_no_record_and_no_second_payment(around: Around, tmp_path: Path) -> None:
    survive(around, around.kill_worker, tmp_path, kills=KILLS)


@pytest.mark.parametrize("around", ENGINES[1:], indirect=True)
def test_lost_machines_cost_no_record_and_no_second_payment(around: Around, tmp_path: Path) -> None:
    survive(around, around.kill_node, tmp_path, kills=KILLED_MACHINES)


@pytest.mark.parametrize("around", ENGINES, indirect=True)
def test_killed_drivers_lose_nothing_and_pay_only_for_what_was_under_way(around: Around, tmp_path: Path) -> None:
    with llm_server.running() as server:
        told = torment(
            tmp_path, server, records=KILLS * 2 * AT_ONCE, kills=KILLS, seed=11, words=("--engine", around.engine)
        )
    assert (told.lost, told.paid_again) == (set(), {})
    assert told.extra <= KILLS * 2 * AT_ONCE
    assert told.is_same


def survive(around: Around, kill: Callable[[], bool], folder: Path, *, kills: int) -> None:
    with llm_server.running() as server:
        project = Project(folder / "project", server)
        records = PER_KILL[around.engine.partition(":")[0]] * (kills + 4)
        told = besieged(project, records=records, kills=kills, engine=around.engine, kill=kill)
    sys.stdout.write(f"{told.kills} kills, longest silence after one {told.silence_s:.2f} s, {len(told.said)} signs\n")
    assert (told.code, told.answered, told.kills) == (0, records, kills), told.said
    assert set(told.asked.values()) == {1}
    assert "raylet" not in told.said
