"""Whole runs whose calls are made by worker processes."""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import llm_server
from killed_runs import AT_ONCE, LONG_S, Project
from stagegap.errors import ConfigurationError, StagegapError
from stagegap.model.run import RunStatus
from stagegap.runner import RunOptions, WorkerRecipe, read_materials
from stagegap.spec import load
from stagegap.workspace import Workspace
from stagegap.workspace.foundation import write_starter


@pytest.fixture
def server() -> Iterator[llm_server.LlmServer]:
    with llm_server.running() as found:
        yield found


def test_worker_processes_change_no_verdict_and_no_key(tmp_path: Path) -> None:
    write_starter(tmp_path)
    with Workspace(tmp_path, environment={}, clock=lambda: 0.0) as opened:
        options = RunOptions(engine="processes:2")
        run, summary = opened.runs.new(None, options)
        assert (run.status, opened.runs.options(run)) == (RunStatus.DONE, options)
        again, repeated = opened.runs.new(None)
        assert (summary.calls, repeated.calls) == (14, 0)
        first, second = (opened.runs.scorecard("first", one.name) for one in (run, again))
        assert first is not None
        assert second is not None
        assert first.stages == second.stages
        assert opened.runs.plan(None, options).calls == 0


def test_script_without_a_guard_begins_once_whatever_its_workers(tmp_path: Path) -> None:
    write_starter(tmp_path)
    script = tmp_path / "script.py"
    script.write_text(
        "from pathlib import Path\nfrom stagegap.runner.options import RunOptions\n"
        "from stagegap.workspace import Workspace\nprint('begun')\n"
        "with Workspace.open(Path('.')) as opened:\n"
        "    print(opened.runs.new(None, RunOptions(engine='processes:2'))[1].calls)\n"
    )
    done = subprocess.run([sys.executable, str(script)], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["begun", "14"]


TRAVELLING = """
cascade: travelling
records: {path: ../data/records.jsonl}
stages:
  words:
    uses: python
    with: {function: "stages.py:words"}
    rests_on: [lists/stop.txt]
    inputs: {text: record.text}
    output: {type: text}
  draft:
    uses: llm
    with: {model: m, prompt: prompts/draft.j2, base_url: "http://127.0.0.1:9"}
    inputs: {text: words}
    output: {type: text}
    score: token_f1
outcome: {score: draft.token_f1}
"""


def test_a_copy_of_the_project_in_another_folder_makes_the_same_code(tmp_path: Path) -> None:
    here, copy = tmp_path / "here", tmp_path / "copy"
    files = {
        ".stagegap/note": "",
        "pipelines/cascade.yaml": TRAVELLING,
        "pipelines/stages.py": "import own\n\ndef words(text):\n    return own.sort(text)\n",
        "pipelines/own.py": "def sort(text):\n    return text\n",
        "pipelines/lists/stop.txt": "the\n",
        "pipelines/prompts/draft.j2": "{{ text }}",
        "data/records.jsonl": '{"id": "a", "text": "b"}\n',
    }
    for name, text in files.items():
        (here / name).parent.mkdir(parents=True, exist_ok=True)
        (here / name).write_text(text)
    file = load(here / "pipelines" / "cascade.yaml", environment={})
    recipe = WorkerRecipe.of(file, read_materials(file), [])
    fingerprints = {name: code.fingerprint for name, code in recipe().items()}
    assert recipe.root == str(here)
    assert recipe.left_out == (str(here / "data" / "records.jsonl"),)
    travelled = pickle.loads(pickle.dumps(recipe))
    here.rename(copy)
    with pytest.raises(StagegapError):
        travelled()
    assert {name: code.fingerprint for name, code in travelled.moved(str(copy))().items()} == fingerprints


def test_an_engine_that_is_none_is_refused_at_once() -> None:
    with pytest.raises(ConfigurationError, match="'threads:2' is no engine"):
        RunOptions(engine="threads:2")


def test_a_killed_driver_takes_its_workers_along_and_the_next_run_completes(
    tmp_path: Path, server: llm_server.LlmServer
) -> None:
    server.answers(latency_s=LONG_S)
    project = Project(tmp_path, server)
    project.write(80)
    with project.start("--engine", "processes:2") as process:
        server.counters(calls=30)
        assert len(living(tmp_path)) >= 3
        process.kill()
    while living(tmp_path):
        server.counters()  # what was under way is answered, and its worker finds nobody to tell
    acknowledged = project.acknowledged()
    before = server.counters()["asked"]
    with project.start("--engine", "processes:2") as process:
        out, error = process.communicate()
    assert process.returncode == 0, out + error
    after = server.counters()["asked"]
    assert len(project.acknowledged()) == 80
    assert not {prompt for prompt in acknowledged if after[prompt] > before[prompt]}
    assert sum(after.values()) <= 80 + 3 * AT_ONCE


def living(folder: Path) -> list[str]:
    """The processes that work in a folder."""
    found: list[str] = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "cwd").resolve() == folder and "Z" not in (process / "stat").read_text().split()[2]:
                found.append(process.name)
        except OSError:
            continue  # it has ended meanwhile
    return found
