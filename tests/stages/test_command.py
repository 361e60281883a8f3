from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from stagegap.errors import ConfigurationError, RunStopped
from stagegap.model.answer import Status
from stagegap.model.cascade import Kind, OutputType, Stage
from stagegap.model.record import Json
from stagegap.stages import AsyncStage, Reply, build
from stagegap.stages.command import STARTS, CommandStage

TEXT = OutputType(kind=Kind.TEXT)
RANKING = OutputType(kind=Kind.LABELS, values=("a", "b"))
Inputs = Mapping[str, Json]
HEAD = """\
import json, os, sys, time
with open("starts", "a") as starts:
    starts.write("x")
for line in sys.stdin:
    call = json.loads(line)
    text = call["inputs"]["text"]
    def say(**answer):
        print(json.dumps({"id": call["id"], **answer}), flush=True)
"""


class Program:
    """A Python program in a folder of its own, and stages that talk to it."""

    def __init__(self, folder: Path, make_stage: Callable[..., Stage]) -> None:
        self.folder = folder
        self.make_stage = make_stage

    def write(self, body: str) -> None:
        (self.folder / "worker.py").write_text(HEAD + "".join(f"    {line}\n" for line in body.splitlines()))

    @property
    def starts(self) -> int:
        path = self.folder / "starts"
        return len(path.read_text()) if path.exists() else 0

    def stage(
        self, output: OutputType = TEXT, *words: str, timeout_s: float = 20.0, files: list[str] | None = None
    ) -> CommandStage:
        command = list(words) or [sys.executable, "worker.py"]
        described = self.make_stage("command", output, command=command, **({"files": files} if files else {}))
        built = build(replace(described, timeout_s=timeout_s), folder=self.folder, corpora={}, environment={})
        assert isinstance(built, CommandStage)
        return built

    def ask(self, *texts: Json, stage: CommandStage | None = None, output: OutputType = TEXT) -> list[Reply]:
        """Ask for all texts at the same time."""
        asked = stage or self.stage(output)

        async def together() -> list[Reply]:
            try:
                return await asyncio.gather(*(asked.answer({"text": text}) for text in texts))
            finally:
                await asked.close()

        return [replace(reply, latency_ms=None) for reply in asyncio.run(together())]


@pytest.fixture
def program(tmp_path: Path, make_stage: Callable[..., Stage]) -> Program:
    return Program(tmp_path, make_stage)


def test_one_process_answers_all_calls(program: Program) -> None:
    program.write("say(value=text.upper())")
    assert program.ask("a", "b", "é\n") == [Reply(value="A"), Reply(value="B"), Reply(value="É\n")]
    assert program.starts == 1


def test_an_answer_may_carry_what_else_is_known(program: Program) -> None:
    program.write("say(value=['b', 'a'], confidence=0.5, alternatives=[['a']], scores=[1, 0.5])")
    assert program.ask("a", output=RANKING) == [
        Reply(value=["a", "b"], confidence=0.5, alternatives=(["a"],), scores=(1.0, 0.5))
    ]


def test_the_time_of_a_call_is_the_programs_own(program: Program) -> None:
    program.write("say(value=text)")
    stage = program.stage()

    async def ask() -> Reply:
        try:
            return await stage.answer({"text": "a"})
        finally:
            await stage.close()

    assert (asyncio.run(ask()).latency_ms or 0) > 0


@pytest.mark.parametrize(
    ("body", "error", "status"),
    [
        ("say(error='no such thing')", "no such thing", Status.ERROR),
        ("say(value=3)", "A text was expected, found 3.", Status.UNPARSABLE),
        ("say(value=text, confidence=3)", "A confidence lies in [0, 1], found 3.0.", Status.UNPARSABLE),
    ],
)
def test_after_an_answer_that_is_none_the_process_goes_on(
    program: Program, body: str, error: str, status: Status
) -> None:
    program.write(f"if text == 'bad':\n    {body}\nelse:\n    say(value=text)")
    first, second = program.ask("bad", "good")
    assert (first.status, first.error) == (status, error)
    assert second.value == "good"
    assert program.starts == 1


@pytest.mark.parametrize(
    "line",
    [
        "print('debug', flush=True)",
        'print(\'{"id": 99, "value": 1}\', flush=True)',
        "print('[1]', flush=True)",
        "say()",
    ],
)
def test_a_line_that_answers_something_else_never_reaches_another_record(program: Program, line: str) -> None:
    program.write(f"if text == 'bad':\n    {line}\nsay(value=text)")
    first, second = program.ask("bad", "good")
    assert (first.status, first.is_reusable, second.value) == (Status.UNPARSABLE, False, "good")
    assert first.error.endswith('on standard output is no answer: {"id": 1, "value": ...} was expected')
    assert program.starts == 2


def test_a_crash_is_tried_again_in_a_new_process(program: Program) -> None:
    program.write("if not os.path.exists('died'):\n    open('died', 'w').close()\n    sys.exit(3)\nsay(value=text)")
    assert program.ask("a", "b") == [Reply(value="a"), Reply(value="b")]
    assert program.starts == 2


def test_a_record_that_kills_every_process_ends_alone(program: Program) -> None:
    program.write("if text == 'bad':\n    print('out of memory', file=sys.stderr)\n    sys.exit(3)\nsay(value=text)")
    first, second, third = program.ask("good", "bad", "fine")
    assert (first.value, third.value) == ("good", "fine")
    assert (second.status, second.is_reusable) == (Status.INFRASTRUCTURE, False)
    assert second.error == f"the program ended with exit code 3: out of memory ({STARTS} times)"


def test_a_process_that_is_killed_names_the_signal(program: Program) -> None:
    program.write("if text == 'bad':\n    os.kill(os.getpid(), 9)\nsay(value=text)")
    assert program.ask("good", "bad")[1].error == f"the program ended with signal SIGKILL ({STARTS} times)"


def test_a_program_that_never_answers_stops_the_run(program: Program) -> None:
    (program.folder / "worker.py").write_text("import nothing_of_that_name")
    with pytest.raises(RunStopped) as stop:
        program.ask("a")
    assert str(stop.value).startswith("Stage 'draft': the program ended with exit code 1: Traceback")
    assert "No module named 'nothing_of_that_name', 3 times before its first answer." in str(stop.value)


def test_a_program_that_is_not_there_is_named(program: Program) -> None:
    with pytest.raises(ConfigurationError, match=r"Stage 'draft': the command 'no-such-program' can't be started: "):
        program.ask("a", stage=program.stage(TEXT, "no-such-program"))


def test_a_call_that_hangs_is_killed_and_the_next_one_answered(program: Program) -> None:
    program.write(
        "if text == 'bad':\n    print('thinking', file=sys.stderr, flush=True)\n    time.sleep(99)\nsay(value=text)"
    )
    stage = program.stage(timeout_s=6.0)
    first, second = program.ask("bad", "good", stage=stage)
    assert (first.status, first.is_reusable) == (Status.INFRASTRUCTURE, False)
    assert first.error == "no answer within 6 s: thinking"
    assert second.value == "good"


def test_a_start_that_takes_too_long_is_given_up(program: Program) -> None:
    program.write("say(value=text)")
    [reply] = program.ask("a", stage=program.stage(timeout_s=1e-9))
    assert (reply.status, reply.error) == (Status.INFRASTRUCTURE, "no answer within 1e-09 s")


def test_what_was_written_and_never_read_is_thrown_away(program: Program) -> None:
    program.write("say(value=text)\nprint('x' * 100_000, flush=True)")
    assert program.ask("a") == [Reply(value="a")]
    gc.collect()


def test_what_the_program_started_ends_with_it(program: Program) -> None:
    program.write("import subprocess\nsubprocess.Popen(['sleep', '99'])\nsay(value=text)")
    assert program.ask("a") == [Reply(value="a")]


def test_a_line_without_end_is_given_up(program: Program) -> None:
    program.write("say(value=text * 11_000_000 if text == 'b' else text)")
    first, second = program.ask("a", "b")
    assert first.value == "a"
    assert second.status is Status.INFRASTRUCTURE
    assert second.error.startswith("the program can't be talked to: ")


def test_much_on_standard_error_holds_nothing_up(program: Program) -> None:
    program.write("sys.stderr.write('x' * 1_000_000)\nsay(value=text)")
    assert program.ask("a") == [Reply(value="a")]


def test_a_program_may_be_deaf(program: Program) -> None:
    """It closes its input and output, and goes on: only the end of it can be waited for."""
    program.write("if text == 'bad':\n    os.close(0)\n    os.close(1)\n    time.sleep(99)\nsay(value=text)")
    first, second, third = program.ask("a", "bad", "b")
    assert (first.value, third.value) == ("a", "b")
    assert second.error == f"the program ended with signal SIGKILL ({STARTS} times)"


def test_the_fingerprint_holds_the_command_and_the_content_of_its_files(program: Program) -> None:
    program.write("say(value=text)")
    (program.folder / "model.bin").write_text("1")
    first, listed = program.stage().fingerprint, program.stage(files=["model.bin"]).fingerprint
    (program.folder / "model.bin").write_text("2")
    assert program.stage().fingerprint == first
    assert program.stage(files=["model.bin"]).fingerprint != listed
    program.write("say(value=text + '!')")
    others = {program.stage().fingerprint, program.stage(RANKING).fingerprint, program.stage(TEXT, "cat").fingerprint}
    assert len({first, listed, *others}) == 5


def test_a_listed_file_that_is_not_there_is_named(program: Program) -> None:
    with pytest.raises(ConfigurationError, match=r"Stage 'draft': '.*model\.bin' is no file"):
        program.stage(files=["model.bin"])


def test_build_makes_the_same_stage(program: Program) -> None:
    described = program.make_stage("command", TEXT, command=["cat"])
    stage = build(described, folder=program.folder, corpora={}, environment={})
    assert isinstance(stage, AsyncStage)
    assert stage.fingerprint == program.stage(TEXT, "cat").fingerprint
    assert not stage.reads_record
    asyncio.run(stage.close())
