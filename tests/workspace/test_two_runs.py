"""Two processes run one cascade at the same moment: no call is made twice, and both have all answers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

from stagegap.model.run import SYSTEM
from stagegap.workspace import Workspace

CASCADE = """
cascade: both
records: {path: records.jsonl, id: id}
stages:
  plain:
    uses: python
    with: {function: "stages.py:plain"}
    inputs: {text: record.text}
    output: {type: text}
  awaited:
    uses: python
    with: {function: "stages.py:awaited"}
    inputs: {text: plain}
    output: {type: text}
    concurrency: 4
references: {path: references.jsonl}
outcome: {score: awaited.fact_recall}
"""
STAGES = """
import asyncio, os, time
from pathlib import Path

door = os.environ.pop("DOOR", "")
if door:  # whoever comes first waits here until the other process is there
    try:
        os.close(os.open(door + ".first", os.O_CREAT | os.O_EXCL))
        os.close(os.open(door, os.O_RDONLY))
    except FileExistsError:
        os.close(os.open(door, os.O_WRONLY))

def noted(name, text):
    file = os.open(Path(__file__).with_name("calls.txt"), os.O_CREAT | os.O_APPEND | os.O_WRONLY)
    os.write(file, f"{name} {text} {os.getpid()}\\n".encode())
    os.close(file)

def plain(text):
    noted("plain", text)
    time.sleep(0.004)
    if text == "broken":
        raise ValueError("broken")
    return text + "!"

async def awaited(text):
    noted("awaited", text)
    await asyncio.sleep(0.01)
    return text + "?"
"""
RECORDS = 240


def write(tmp_path: Path) -> Path:
    folder = tmp_path / "pipelines" / "both"
    folder.mkdir(parents=True)
    (folder / "cascade.yaml").write_text(CASCADE)
    (folder / "stages.py").write_text(STAGES)
    texts = [f"t{n % 200}" for n in range(RECORDS)]
    rows = [json.dumps({"id": str(n), "text": text}) for n, text in enumerate(texts)]
    (folder / "records.jsonl").write_text("\n".join(rows))
    references = [
        json.dumps({"record": str(n), "stage": "awaited", "value": f"t{n % 7}", "annotator": "a"})
        for n in range(RECORDS)
    ]
    (folder / "references.jsonl").write_text("\n".join(references))
    return folder


def at_once(folder: Path, *commands: list[str], other: Path | None = None) -> None:
    """Run the commands in processes of their own, the second one in another folder where one is named.

    Neither makes a call before the other has loaded the stages: they are at work at the same time.
    """
    door = folder / "door"
    os.mkfifo(door)
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "stagegap", *words],
            cwd=(folder, other or folder)[number],
            env={**os.environ, "DOOR": str(door)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number, words in enumerate(commands)
    ]
    errors = [process.communicate(timeout=120)[1] for process in processes]
    assert [process.returncode for process in processes] == [0] * len(commands), errors


def calls_of(folder: Path) -> list[list[str]]:
    """The calls of a clone; none where the other one, which came first, made them all."""
    noted = folder / "calls.txt"
    return [line.split() for line in noted.read_text().splitlines()] if noted.exists() else []


def test_two_runs_at_once_make_no_call_twice_and_both_have_every_answer(tmp_path: Path) -> None:
    folder = write(tmp_path)
    at_once(tmp_path, ["run", "--json"], ["run", "--json"])
    calls = calls_of(folder)
    assert {call: n for call, n in Counter((name, text) for name, text, _ in calls).items() if n > 1} == {}
    assert len(calls) == 400
    with Workspace.open(tmp_path) as opened:
        for run in opened.runs.of("both"):
            for cell in opened.store.cells(run.id):
                assert len(opened.store.outputs(run.id, cell, "awaited")) == RECORDS


def test_two_clones_on_one_store_make_no_call_twice(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    folders = [write(first), write(second)]
    (first / ".stagegap").mkdir()
    (second / ".stagegap").symlink_to(first / ".stagegap")
    at_once(first, ["run", "--json"], ["run", "--json"], other=second)
    calls = [call[:2] for folder in folders for call in calls_of(folder)]
    assert len(calls) == 400
    assert len({tuple(call) for call in calls}) == 400
    with Workspace.open(second) as opened:
        assert [len(opened.store.outputs(run.id, SYSTEM, "awaited")) for run in opened.runs.of("both")] == [RECORDS] * 2


def test_two_who_ask_what_changed_at_once_make_no_call_of_the_mixtures_twice(tmp_path: Path) -> None:
    folder = write(tmp_path)
    with Workspace.open(tmp_path) as opened:
        opened.runs.new(folder / "cascade.yaml")
        for old in ("!", "?"):
            (folder / "stages.py").write_text((folder / "stages.py").read_text().replace(f'"{old}"', f'"{old * 2}"'))
        opened.runs.new(folder / "cascade.yaml")
    (folder / "calls.txt").unlink()
    at_once(tmp_path, *([["show", "changed", "v1", "v2"]] * 2))
    calls = calls_of(folder)
    assert {call: n for call, n in Counter((name, text) for name, text, _ in calls).items() if n > 1} == {}
    assert len(calls) == 200
