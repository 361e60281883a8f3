from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from cli.conftest import Command


def test_a_run_takes_its_options(stagegap: Command) -> None:
    stagegap("init")
    assert "Run v1: 2 records" in stagegap("run", "--sample", "3", "--seed", "2", "--limit", "2").out
    assert "Run v2: 6 records" in stagegap("run", "--fresh", "--jobs", "2", "--repeat", "2").out
    assert "14 calls" in stagegap("run", "--fresh").out
    wrong = stagegap("run", "--fresh-stage", "topik")
    assert (wrong.code, wrong.error) == (2, "The cascade has no stage 'topik' to call afresh. Did you mean topic?\n")


def test_run_with_plan_is_a_plan(stagegap: Command) -> None:
    stagegap("init")
    dry = stagegap("run", "--plan", "--limit", "1")
    assert dry.out == stagegap("plan", "--limit", "1").out
    assert stagegap("show").code == 2


def test_a_budget_ends_the_run_with_exit_code_4(stagegap: Command) -> None:
    stagegap("init")
    stopped = stagegap("run", "--budget", "3 calls")
    assert stopped.code == 4
    assert stopped.error == (
        "Run v1 stopped: The budget of 3 calls is used up. What was answered is kept; run it again to go on.\n"
    )
    assert stagegap("run", "--budget", "much").code == 2


DEEDS = (
    "sys.modules.clear()",
    "[sys.modules.pop(name) for name in list(sys.modules) if name.startswith('stagegap')]",
    "sys.path.clear(), sys.meta_path.clear(), sys.path_hooks.clear()",
    "sys.__stdout__.detach(), sys.__stderr__.close()",
    "setattr(threading, 'excepthook', None), setattr(sys, 'excepthook', None)",
    "setattr(sys, 'stdout', None), setattr(sys, 'stderr', None)",
    "[closed(number) for number in range(3, 64)]",
    "os.environ.clear()",
    "os.chdir('/')",
    "threading.Thread(target=exit).start()",
)


def test_whatever_a_stage_takes_from_its_program_the_run_ends_with_its_verdict(
    stagegap: Command, tmp_path: Path
) -> None:
    stagegap("init")
    folder = tmp_path / "pipelines" / "first"
    rows = ({"id": f"r{place}", "text": deed} for place, deed in enumerate(DEEDS))
    (folder / "records.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "cascade.yaml").write_text("""
cascade: first
records: {path: records.jsonl}
stages:
  do:
    uses: python
    with: {function: "stages.py:do"}
    inputs: {text: record.text}
    output: {type: text}
    score: exact
    batch: 1
outcome: {score: do.exact}
""")
    (folder / "stages.py").write_text("""
import contextlib, os, sys, threading
def closed(number):
    with contextlib.suppress(OSError):
        os.close(number)
def do(text):
    eval(text)
    return text
""")
    words = [sys.executable, "-m", "stagegap", "run"]
    ended = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert "Traceback" not in ended.stderr
    assert f"Run v1: {len(DEEDS)} records, {len(DEEDS)} calls" in ended.stdout
    stagegap("tools", "export", "all.jsonl", "--outputs")
    kept = [json.loads(line) for line in (tmp_path / "all.jsonl").read_text().splitlines()]
    assert sorted(row["value"] for row in kept) == sorted(DEEDS)


def test_a_metric_that_fails_leaves_a_run_that_is_scored_once_it_is_mended(stagegap: Command, tmp_path: Path) -> None:
    stagegap("init")
    cascade, stages = (tmp_path / "pipelines" / "first" / name for name in ("cascade.yaml", "stages.py"))
    text = cascade.read_text().replace("score: fact_recall", 'score: "python:stages.py:odd"')
    cascade.write_text(text.replace("reply.fact_recall", "reply.odd"))
    code = stages.read_text()
    stages.write_text(code + "\n\ndef odd(value, wanted):\n    raise SystemExit(0)\n")
    failed = stagegap("run")
    assert failed.code == 2
    assert "odd' raised SystemExit: 0 in line" in failed.error
    stages.write_text(code + "\n\ndef odd(value, wanted):\n    return 1\n")
    assert "100%" in stagegap("show").out


def test_a_filter_says_what_it_can_not_read(stagegap: Command) -> None:
    stagegap("init")
    wrong = stagegap("run", "--filter", "record.txt == 'a'")
    assert (wrong.code, wrong.error) == (2, "No record has the field 'txt'. Did you mean text?\n")
    assert "Run v1: 1 records" in stagegap("run", "--filter", "record.text.contains('park')").out


def test_a_plan_says_what_a_run_will_take(stagegap: Command) -> None:
    stagegap("init")
    assert "Time unknown (stage topic: no earlier calls)." in stagegap("plan").out
    stagegap("run")
    again = stagegap("plan", "--fresh").out
    assert "Time about " in again
    assert "Cost" not in again
    assert "Time about" not in stagegap("plan").out


def test_a_plan_names_the_money_that_it_can_not_know(stagegap: Command, tmp_path: Path) -> None:
    stagegap("init")
    folder = tmp_path / "pipelines" / "first"
    cascade = (folder / "cascade.yaml").read_text()
    llm = "uses: llm\n    with: {model: m, prompt: p.j2, base_url: 'http://127.0.0.1:9/v1'}"
    (folder / "p.j2").write_text("{{ question }}")
    (folder / "cascade.yaml").write_text(cascade.replace('uses: python\n    with: {function: "stages.py:topic"}', llm))
    planned = stagegap("plan")
    heads = next(line.split() for line in planned.out.splitlines() if line.startswith("Stage"))
    assert heads == ["Stage", "Calls", "Known", "Skipped", "Tokens", "Cost", "Time"]
    assert "Cost unknown (stage topic: price unknown), time unknown (stage topic: no earlier calls)." in planned.out


def test_a_run_goes_on_when_nobody_reads_what_it_prints(stagegap: Command, tmp_path: Path) -> None:
    stagegap("init")
    command = [sys.executable, "-c", "from stagegap.cli import main; main()", "run"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert "Traceback" not in process.stderr.read()
    assert "6 questions" in stagegap("show").out
