"""A project whose runs are killed again and again, and what is true of it afterwards."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

from llm_server import LlmServer
from stagegap.model.run import SYSTEM, Run, RunStatus
from stagegap.workspace import Workspace

PIDS = "KILLED_RUNS_PIDS"
"""The variable with the folder in which processes that answer leave their number, so that they can be killed."""
CASCADE = """
cascade: killed
records: {{path: records.jsonl}}
stages:
  words:
    uses: python
    with: {{function: "stages.py:words"}}
    inputs: {{text: record.text}}
    output: {{type: text}}
  draft:
    uses: llm
    with: {{model: m, prompt: prompt.j2, base_url: "{url}", price: {{input: 1, output: 1}}}}
    inputs: {{text: words}}
    output: {{type: text}}
    score: token_f1
    concurrency: {at_once}
outcome: {{score: draft.token_f1}}
"""
STAGES = f"""
import os, pathlib, time

def words(text):
    if "{PIDS}" in os.environ:
        (pathlib.Path(os.environ["{PIDS}"]) / str(os.getpid())).touch()
        time.sleep(0.02)
    return " ".join(sorted(text.split()))
"""
AT_ONCE = 8
LATENCY_S = 0.03
LONG_S = 0.15
"""An answer takes so long where calls are counted that were answered and not yet durable: many times the fiftieth of a
second after which they are written, so that a slow disk does not count as lost calls."""


@dataclass
class Project:
    """A folder with one cascade whose last stage asks the server."""

    folder: Path
    server: LlmServer

    def write(self, records: int) -> None:
        pipelines = self.folder / "pipelines"
        pipelines.mkdir(parents=True)
        (pipelines / "cascade.yaml").write_text(CASCADE.format(url=self.server.base_url, at_once=AT_ONCE))
        (pipelines / "stages.py").write_text(STAGES)
        (pipelines / "prompt.j2").write_text("{{ text }}")
        rows = ({"id": f"r{n}", "text": f"to {n} reply"} for n in range(records))
        (pipelines / "records.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))

    def start(self, *words: str, said: int | IO[str] = subprocess.PIPE) -> subprocess.Popen[str]:
        """Begin a run in a process of its own; a pipe that nobody reads would stop one that says much."""
        return subprocess.Popen(
            [sys.executable, "-m", "stagegap", "run", *words],
            cwd=self.folder,
            stdout=said,
            stderr=said,
            text=True,
            env={**os.environ, "OPENAI_API_KEY": ""},
        )

    def runs(self) -> list[Run]:
        with Workspace.open(self.folder) as opened:
            return opened.runs.of("killed")

    def acknowledged(self) -> set[str]:
        """The prompts whose answers are durable."""
        with Workspace.open(self.folder) as opened:
            return {
                str(output.value)
                for run in opened.runs.of("killed")
                for output in opened.store.outputs(run.id, SYSTEM, "draft")
                if output.key
            }

    def result(self) -> bytes:
        """The newest finished run as bytes: outputs in order and the scorecard, without clocks and run names."""
        with Workspace.open(self.folder) as opened:
            run = opened.store.run("killed")
            card = opened.runs.scorecard("killed")
            assert run is not None
            assert card is not None
            outputs = [
                str(replace(output, latency_ms=None, cached=False))
                for stage in ("words", "draft")
                for output in opened.store.outputs(run.id, SYSTEM, stage)
            ]
            plain = replace(card, run="", started_at=0.0)
            return "\n".join([*outputs, str(plain)]).encode()


@dataclass(frozen=True)
class Told:
    """What came of the kills."""

    kills: int
    lost: set[str]
    """Answers that were durable once and are no more."""
    paid_again: Mapping[str, int]
    """Calls beyond the first for answers that were durable when the process was killed."""
    extra: int
    """Calls beyond one a record: what was under way in the kills."""
    is_same: bool
    """True when the run in the end has the bytes of an undisturbed one."""
    killed: list[Run]


@dataclass(frozen=True)
class Besieged:
    """What came of one run whose workers were killed while it went on."""

    kills: int
    code: int
    answered: int
    asked: Mapping[str, int]
    """Paid calls by what was asked."""
    silence_s: float
    """The longest time between a kill and the next paid call: the clock of this machine, so no test asks for it."""
    said: str


def besieged(project: Project, *, records: int, kills: int, engine: str, kill: Callable[[], bool]) -> Besieged:
    """One run during which `kill` is called again and again; it says whether it killed."""
    server = project.server
    server.answers(latency_s=LATENCY_S)
    project.write(records)
    silences: list[float] = []
    output = project.folder / "said.txt"
    with output.open("w") as said, project.start("--engine", engine, said=said) as process:
        calls = 0
        while process.poll() is None and len(silences) < kills:
            calls = server.counters(calls=min(records, calls + AT_ONCE))["calls"]
            if calls >= records - AT_ONCE:
                break
            if kill():
                start = time.monotonic()
                server.counters(calls=calls + 1)
                silences.append(time.monotonic() - start)
        process.wait()
    return Besieged(
        kills=len(silences),
        code=process.returncode,
        answered=len(project.acknowledged()),
        asked=server.counters()["asked"],
        silence_s=max(silences, default=0.0),
        said=output.read_text(),
    )


def living(pids: Path) -> list[int]:
    """The processes that left their number and have not ended."""
    return sorted(int(path.name) for path in pids.iterdir() if Path("/proc", path.name).exists())


def kill_one(pids: Path, draw: random.Random) -> bool:
    """Kill one of the processes that left their number."""
    chosen = draw.choice(living(pids))
    (pids / str(chosen)).unlink()
    with contextlib.suppress(ProcessLookupError):
        os.kill(chosen, signal.SIGKILL)
    return True


def torment(folder: Path, server: LlmServer, *, records: int, kills: int, seed: int, words: Sequence[str] = ()) -> Told:
    """Kill runs after a random number of further calls, then let one go to its end; `words` are told to each."""
    draw = random.Random(seed)
    server.answers(latency_s=LONG_S)
    project = Project(folder / "killed", server)
    project.write(records)
    durable: dict[str, int] = {}
    lost: set[str] = set()
    calls = 0
    for _ in range(kills):
        with project.start(*words) as process:
            server.counters(calls=calls + draw.randint(1, AT_ONCE))
            process.kill()
        counters = server.counters()
        calls = counters["calls"]
        now = project.acknowledged()
        lost |= durable.keys() - now
        durable |= {prompt: counters["asked"][prompt] for prompt in now - durable.keys()}
    with project.start(*words) as process:
        out, error = process.communicate()
        assert process.returncode == 0, out + error
    asked = server.counters()["asked"]
    undisturbed = Project(folder / "undisturbed", server)
    undisturbed.write(records)
    with undisturbed.start() as process:
        process.communicate()
    return Told(
        kills=kills,
        lost=lost | (durable.keys() - project.acknowledged()),
        paid_again={prompt: asked[prompt] - then for prompt, then in durable.items() if asked[prompt] > then},
        extra=sum(asked.values()) - records,
        is_same=project.result() == undisturbed.result(),
        killed=[run for run in project.runs() if run.status is not RunStatus.DONE],
    )
