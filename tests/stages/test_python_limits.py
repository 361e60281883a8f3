"""What a foreign function may do to a run: never end, raise anything, change what it was given, fork."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from stagegap.errors import ConfigurationError
from stagegap.model.answer import Status
from stagegap.model.cascade import Kind, OutputType, Stage
from stagegap.stages import AsyncStage, BatchStage, Reply, build
from stagegap.stages.guards import belongings_kept
from stagegap.stages.protocol import warm

TEXT = OutputType(kind=Kind.TEXT)
MakeStage = Callable[..., Stage]


@pytest.fixture
def quick(tmp_path: Path, make_stage: MakeStage) -> Callable[..., BatchStage]:
    """A python stage; where nothing is to be late, its calls have the time that a busy machine takes."""

    def make(code: str, output: OutputType = TEXT, *, timeout_s: float = 30.0, **parameters: str) -> BatchStage:
        (tmp_path / "stages.py").write_text(code)
        stage = make_stage("python", output, function="stages.py:draft", **parameters)
        return build(replace(stage, timeout_s=timeout_s), folder=tmp_path, corpora={}, environment={})  # type: ignore[return-value]

    return make


def ask(stage: BatchStage, *texts: str) -> list[Reply]:
    return list(stage.answer_batch([{"text": text} for text in texts]))


SOON = 1.0
"""Seconds after which a call is late, and within which a busy machine answers the calls beside it."""
LATE = "draft gave no answer within 1 s"


def test_python_code_that_never_ends_is_stopped_and_the_others_are_answered(quick: Callable[..., BatchStage]) -> None:
    code = (
        "def draft(text):\n    while text == 'b':\n        try: pass\n        except Exception: pass\n    return text"
    )
    before = threading.active_count()
    a, b, c = ask(quick(code, timeout_s=SOON), "a", "b", "c")
    assert (a.value, c.value) == ("a", "c")
    assert (b.status, b.error, b.is_reusable) == (Status.INFRASTRUCTURE, LATE, False)
    assert threading.active_count() <= before + 1


def test_code_that_waits_in_a_library_is_left_behind(quick: Callable[..., BatchStage]) -> None:
    code = """
import threading
GATE = threading.Event()
def draft(text):
    if text == "b": GATE.wait(60)
    return text
"""
    stage = quick(code, timeout_s=SOON)
    assert [reply.error for reply in ask(stage, "a", "b", "c")] == ["", LATE, ""]
    assert ask(stage, "d") == [Reply(value="d")]


def test_a_batch_that_takes_too_long_is_halved(quick: Callable[..., BatchStage]) -> None:
    code = "import stagegap\n@stagegap.batch\ndef draft(text):\n    while 'b' in text: pass\n    return text"
    replies = ask(quick(code, timeout_s=SOON), "a", "b", "c", "d")
    assert [reply.value for reply in replies] == ["a", None, "c", "d"]
    assert replies[1].error == LATE


def test_an_async_function_that_never_ends_is_stopped(quick: Callable[..., AsyncStage]) -> None:
    stage = quick("import asyncio\nasync def draft(text):\n    await asyncio.Event().wait()", timeout_s=SOON)
    reply = asyncio.run(stage.answer({"text": "a"}))
    assert (reply.status, reply.error) == (Status.INFRASTRUCTURE, LATE)


def test_an_async_function_that_hides_that_its_time_is_up_is_late_all_the_same(
    quick: Callable[..., AsyncStage],
) -> None:
    code = """
import asyncio
async def draft(text):
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        return "as if nothing had been"
"""
    assert asyncio.run(quick(code, timeout_s=SOON).answer({"text": "a"})).error == LATE


async def all_of(stage: AsyncStage, *texts: str) -> list[Reply]:
    return await asyncio.wait_for(asyncio.gather(*(stage.answer({"text": text}) for text in texts)), 30)


@pytest.mark.parametrize(
    "odd",
    [
        "time.sleep(60)",
        "while True: pass",
        "while True:\n            try: await asyncio.sleep(60)\n            except asyncio.CancelledError: pass",
    ],
)
def test_an_async_function_that_blocks_is_late_and_those_beside_it_are_answered(
    quick: Callable[..., AsyncStage], odd: str
) -> None:
    code = (
        "import asyncio, time\nasync def draft(text):\n    if text == 'b':\n        "
        + odd
        + ("\n    await asyncio.sleep(0.01)\n    return text")
    )
    a, b, c = asyncio.run(all_of(quick(code, timeout_s=3.0), "a", "b", "c"))
    assert (a.value, c.value) == ("a", "c")
    assert b.status is Status.INFRASTRUCTURE
    assert "3 s" in b.error


@pytest.mark.parametrize(
    "odd",
    [
        "asyncio.current_task().cancel()",
        "[task.cancel() for task in asyncio.all_tasks()]",
        "asyncio.get_running_loop().stop()",
    ],
)
def test_an_async_function_that_ends_tasks_or_its_loop_ends_no_run(quick: Callable[..., AsyncStage], odd: str) -> None:
    code = (
        "import asyncio\nasync def draft(text):\n    if text == 'b':\n        "
        + odd
        + ("\n    await asyncio.sleep(0)\n    return text")
    )
    [b] = asyncio.run(all_of(quick(code), "b"))
    assert (b.value, b.error) in ((None, "draft raised CancelledError (stages.py:5)"), ("b", ""))
    [a] = asyncio.run(all_of(quick(code), "a"))
    assert a.value == "a"


def test_an_async_function_that_forks_leaves_no_second_run(quick: Callable[..., AsyncStage]) -> None:
    stage = quick("import os\nasync def draft(text):\n    return str(os.fork())")
    [reply] = asyncio.run(all_of(stage, "a"))
    assert int(str(reply.value)) > 0
    assert os.waitpid(int(str(reply.value)), 0)[1] == 0


RAISED = (
    "asyncio.CancelledError()",
    "KeyboardInterrupt()",
    "GeneratorExit()",
    "SystemExit(3)",
    "BaseException('odd')",
    "StopIteration()",
    "MemoryError()",
)


@pytest.mark.parametrize("raised", RAISED)
@pytest.mark.parametrize("form", ["def", "async def"])
def test_whatever_a_function_raises_is_that_records_failure(
    quick: Callable[..., BatchStage], raised: str, form: str
) -> None:
    code = f"import asyncio\n{form} draft(text):\n    if text == 'b': raise {raised}\n    return text"
    stage = quick(code)
    if isinstance(stage, AsyncStage):
        replies = [asyncio.run(stage.answer({"text": text})) for text in "abc"]
    else:
        replies = ask(stage, "a", "b", "c")
    assert [reply.value for reply in replies] == ["a", None, "c"]
    assert replies[1].status is Status.ERROR
    assert replies[1].error.startswith("draft raised ")


def test_an_async_function_that_the_run_gives_up_is_given_up(quick: Callable[..., AsyncStage]) -> None:
    stage = quick("import asyncio\nasync def draft(text):\n    await asyncio.Event().wait()")

    async def give_up() -> None:
        task = asyncio.create_task(stage.answer({"text": "a"}))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(give_up())


def test_an_exception_without_a_text_and_a_value_without_a_form_are_named(quick: Callable[..., BatchStage]) -> None:
    code = """
class Odd(Exception):
    def __str__(self): raise RuntimeError("no")
class Value:
    def __repr__(self): raise RuntimeError("no")
def draft(text):
    if text == "a": raise Odd()
    return Value()
"""
    error, value = ask(quick(code), "a", "b")
    assert error.error == "draft raised Odd: its text can't be had, RuntimeError came instead (stages.py:7)"
    assert value.error == "draft gave: A text was expected, found a Value that can't be shown (RuntimeError)."


@pytest.mark.parametrize("number", ["10**400", "2**64", "-2**63 - 1", "float('nan')", "float('inf')"])
def test_numbers_that_can_not_be_kept_are_that_records_failure(quick: Callable[..., BatchStage], number: str) -> None:
    for kind, value in ((Kind.NUMBER, number), (Kind.OBJECT, f"{{'a': [{number}]}}")):
        output = OutputType(kind=kind, schema="{}" if kind is Kind.OBJECT else None)
        [reply] = ask(quick(f"def draft(text): return {value}", output), "a")
        assert reply.status is Status.UNPARSABLE
        assert "more than 64 bits" in reply.error or number.partition("'")[2][:3] in reply.error


def test_a_function_that_forks_leaves_no_second_run_behind(quick: Callable[..., BatchStage], tmp_path: Path) -> None:
    code = """
import os, warnings
def draft(text):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        child = os.fork()
    if child:
        os.waitpid(child, 0)
    return text
"""
    assert ask(quick(code), "a") == [Reply(value="a")]
    (tmp_path / str(os.getpid())).touch()
    assert [path.name for path in tmp_path.iterdir() if path.name.isdecimal()] == [str(os.getpid())]


@pytest.mark.parametrize("form", ["def", "async def"])
def test_a_function_that_lowers_the_limit_of_nested_calls_takes_none_from_the_run(
    quick: Callable[..., BatchStage], form: str
) -> None:
    code = f"import sys\n{form} draft(text):\n    sys.setrecursionlimit(50)\n    return text"
    limit = sys.getrecursionlimit()
    stage = quick(code)
    try:
        replies = asyncio.run(all_of(stage, "a")) if isinstance(stage, AsyncStage) else ask(stage, "a")
        assert [reply.value for reply in replies] == ["a"]
        assert sys.getrecursionlimit() >= 1_000
    finally:
        sys.setrecursionlimit(limit)


@pytest.mark.parametrize("form", ["def", "async def"])
def test_calls_that_nest_without_end_through_c_at_a_raised_limit_are_that_records_failure(
    quick: Callable[..., BatchStage], form: str
) -> None:
    code = f"import sys\ndef deep(n):\n    return min([n, n], key=deep)\n{form} draft(text):\n"
    code += "    sys.setrecursionlimit(10**7)\n    return deep(1)"
    limit = sys.getrecursionlimit()
    stage = quick(code)
    try:
        [reply] = asyncio.run(all_of(stage, "a")) if isinstance(stage, AsyncStage) else ask(stage, "a")
        assert "RecursionError" in reply.error
    finally:
        sys.setrecursionlimit(limit)


ENDS = "would end the whole program, which a stage can't"
LIMIT = "resource.getrlimit(resource.RLIMIT_NOFILE)"


@pytest.mark.parametrize(
    ("odd", "sentence"),
    [
        ("os._exit(3)", f"_exit {ENDS}"),
        ("ctypes.CDLL(None)._exit(0)", f"_exit {ENDS}"),
        ("ctypes.pythonapi['Py_Exit'](0)", f"Py_Exit {ENDS}"),
        ("os.execlp('true', 'true')", f"execv {ENDS}"),
        ("os.kill(os.getpid(), 9)", f"signal 9 {ENDS}"),
        ("os.killpg(os.getpgrp(), 9)", f"signal 9 {ENDS}"),
        ("signal.raise_signal(10)", f"signal 10 {ENDS}"),
        ("signal.alarm(1)", f"alarm {ENDS}"),
        ("os.close(1)", "file 1 is the program's own and can't be closed by a stage"),
        ("open(1)", "file 1 is the program's own and can't be closed by a stage"),
        ("socket.close(1)", "file 1 is the program's own and can't be closed by a stage"),
        ("os.closerange(3, 256)", "files 3 to 256 may be the program's own and can't be closed by a stage"),
        (f"resource.setrlimit(resource.RLIMIT_NOFILE, (5, {LIMIT}[1]))", "a limit of the whole program can't be low"),
        ("threading.setprofile(print)", "all threads of the program can't be watched by a stage"),
    ],
)
def test_a_function_can_not_end_its_program_or_take_what_it_needs(
    quick: Callable[..., BatchStage], odd: str, sentence: str
) -> None:
    code = f"import ctypes, os, resource, signal, socket, threading\ndef draft(text):\n    {odd}"
    [reply] = ask(quick(code), "a")
    assert reply.status is Status.ERROR
    assert sentence in reply.error
    assert "(stages.py:3)" in reply.error


def test_a_function_may_do_to_its_own_files_and_processes_what_it_likes(quick: Callable[..., BatchStage]) -> None:
    code = f"""
import os, resource, signal
def draft(text):
    read, write = os.pipe()
    os.close(write), open(read).close(), open(1, closefd=False)
    resource.setrlimit(resource.RLIMIT_NOFILE, {LIMIT})
    os.kill(os.getpid(), 0)
    child = os.fork()
    if not child:
        os.closerange(3, 256)
        os._exit(7)
    return str(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    assert ask(quick(code), "a") == [Reply(value="7")]


def test_a_file_of_the_store_that_was_opened_since_is_the_programs_own(
    quick: Callable[..., BatchStage], tmp_path: Path
) -> None:
    stage = quick("import os\ndef draft(text):\n    os.close(int(text))\n    return text")
    (tmp_path / ".stagegap").mkdir()
    with belongings_kept(), (tmp_path / ".stagegap" / "store.duckdb").open("w") as ours:
        [reply] = ask(stage, str(ours.fileno()))
        ours.write("still open")
    assert "is the program's own and can't be closed by a stage" in reply.error


def test_a_number_that_the_program_gave_back_is_the_stages_own_file(
    quick: Callable[..., BatchStage], tmp_path: Path
) -> None:
    stage = quick("import os\ndef draft(text):\n    os.close(int(text))\n    return text")
    with (tmp_path / "ours").open("w") as ours, (tmp_path / "theirs").open("w") as theirs:
        number = os.dup(ours.fileno())
        with belongings_kept():
            assert f"file {number} is the program's own" in ask(stage, str(number))[0].error
            os.dup2(theirs.fileno(), number)
            assert ask(stage, str(number)) == [Reply(value=str(number))]


def test_getting_ready_and_answering_happen_in_one_thread(quick: Callable[..., BatchStage]) -> None:
    code = """
import threading
MINE = []
def ready(): MINE.append(threading.get_ident())
def draft(text): return str(MINE == [threading.get_ident()])
"""
    stage = quick(code, warm_up="stages.py:ready")
    warm(stage)
    assert ask(stage, "a") == [Reply(value="True")]


def test_what_getting_ready_raises_is_named(quick: Callable[..., BatchStage]) -> None:
    code = "def ready(): raise KeyboardInterrupt('no')\ndef draft(text): return text"
    with pytest.raises(ConfigurationError, match=r"could not get the stage ready: KeyboardInterrupt: no\."):
        warm(quick(code, warm_up="stages.py:ready"))


@pytest.fixture
def aside(tmp_path: Path, make_stage: MakeStage) -> Callable[..., BatchStage]:
    """A python stage whose file says how long a call may take: beside it a busy machine answers the others."""

    def make(code: str, **parameters: str) -> BatchStage:
        (tmp_path / "stages.py").write_text(code)
        stage = make_stage("python", TEXT, function="stages.py:draft", **parameters)
        return build(replace(stage, timeout_s=2.0, is_timed=True), folder=tmp_path, corpora={}, environment={})  # type: ignore[return-value]

    return make


HOLDS = """
import ctypes, os, re, threading
def hold(text):
    if text == "sleep": ctypes.PyDLL(None).sleep(60)
    if text == "pattern": re.match("(a+)+$", "a" * 64 + "b")
    if text == "library": threading.Event().wait(60)
    if text == "exit": os._exit(7)
    if text == "crash": os.kill(os.getpid(), 11)
    if text == "raise": raise ValueError("no")
    if text == "copy" and os.fork() == 0: threading.Event().wait(4)
    return f"{text} {os.getpid()}"
"""


def test_call_that_holds_the_interpreter_is_ended_by_its_time_and_the_others_are_answered(
    aside: Callable[..., BatchStage],
) -> None:
    stage = aside(HOLDS + "draft = hold")
    replies = ask(stage, "a", "sleep", "b", "pattern", "library", "c", "raise")
    late = "hold gave no answer within 2 s"
    assert [reply.error for reply in replies] == [
        "",
        late,
        "",
        late,
        late,
        "",
        "hold raised ValueError: no (stages.py:9)",
    ]
    assert [reply.is_reusable for reply in replies] == [True, False, True, False, False, True, False]
    processes = {str(reply.value).split()[1] for reply in replies if reply.status is Status.OK}
    assert len(processes) == 3, "each that was ended is followed by another"
    assert str(os.getpid()) not in processes


def test_call_that_ends_its_process_is_that_records_failure(aside: Callable[..., BatchStage]) -> None:
    stage = aside(HOLDS + "draft = hold")
    a, left, killed, copied, b = ask(stage, "a", "exit", "crash", "copy", "b")
    assert left.error == "hold gave no answer: its process ended with code 7"
    assert killed.error == "hold gave no answer: its process was ended by SIGSEGV"
    assert (left.status, killed.status) == (Status.ERROR, Status.ERROR)
    assert [str(reply.value).split()[0] for reply in (a, copied, b)] == ["a", "copy", "b"]


def test_list_in_which_one_call_holds_the_interpreter_loses_only_that_one(aside: Callable[..., BatchStage]) -> None:
    code = HOLDS + "import stagegap\n@stagegap.batch\ndef draft(text):\n    return [hold(each) for each in text]\n"
    a, b, sleep, c = ask(aside(code), "a", "b", "sleep", "c")
    assert sleep.error == "draft gave no answer within 2 s"
    assert [str(reply.value).split()[0] for reply in (a, b, c)] == ["a", "b", "c"]


def test_stage_that_cannot_be_had_ready_aside_says_why(aside: Callable[..., BatchStage]) -> None:
    code = "import os\ndef ready(): {}\ndef draft(text): return text"
    with pytest.raises(ConfigurationError, match=r"could not get the stage ready: ValueError: no model\."):
        warm(aside(code.format("raise ValueError('no model')"), warm_up="stages.py:ready"))
    with pytest.raises(ConfigurationError, match=r"can't be had ready: its process ended with code 3\."):
        warm(aside(code.format("os._exit(3)"), warm_up="stages.py:ready"))
    stage = aside(code.format("os.environ['STAGEGAP_WARM'] = 'x'"), warm_up="stages.py:ready")
    warm(stage)
    assert ask(stage, "a")[0].value == "a"
    assert "STAGEGAP_WARM" not in os.environ, "it is got ready there, not here"
