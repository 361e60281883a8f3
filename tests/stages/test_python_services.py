"""Functions that need a service, that wait in threads, and whatever else can be called."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from stagegap.errors import ConfigurationError
from stagegap.model.answer import Status
from stagegap.model.cascade import Kind, OutputType, Stage
from stagegap.stages import AsyncStage, Reply, StageCode, build
from stagegap.stages.protocol import BatchStage

TEXT = OutputType(kind=Kind.TEXT)
PARTIAL = "from functools import partial\n"
NOW = "from stagegap import Unavailable\naway = []\n"


@pytest.fixture
def built(tmp_path: Path, make_stage: Callable[..., Stage]) -> Callable[..., StageCode]:
    def make(code: str, name: str = "draft", **changes: Any) -> StageCode:
        (tmp_path / "stages.py").write_text(code)
        stage = replace(make_stage("python", TEXT, function=f"stages.py:{name}"), **changes)
        return build(stage, folder=tmp_path, corpora={}, environment={})

    return make


def ask(code: StageCode, *texts: str) -> list[Reply]:
    inputs: list[Mapping[str, Any]] = [{"text": text} for text in texts]
    if isinstance(code, BatchStage):
        return list(code.answer_batch(inputs))

    async def together(stage: AsyncStage) -> list[Reply]:
        try:
            return await asyncio.gather(*map(stage.answer, inputs))
        finally:
            await stage.close()

    return asyncio.run(together(code))


FORMS = {
    "plain": "def draft(text):\n    return at(text)\n",
    "async": "async def draft(text):\n    return at(text)\n",
    "batch": "import stagegap\n@stagegap.batch\ndef draft(text):\n    return [at(one) for one in text]\n",
}


@pytest.mark.parametrize("form", FORMS)
def test_a_service_that_comes_back_is_asked_again_and_the_attempts_are_kept(
    built: Callable[..., StageCode], form: str
) -> None:
    at = (
        "def at(text):\n    if len(away) < 2:\n        away.append(1)\n        raise Unavailable('x', after_s=0)\n"
        "    return text\n"
    )
    [reply] = ask(built(NOW + at + FORMS[form]), "a")
    assert (reply.status, reply.value) == (Status.OK, "a")
    statuses = [attempt.status for attempt in reply.attempts]
    assert form == "batch" or statuses == [Status.INFRASTRUCTURE, Status.INFRASTRUCTURE, Status.OK]


@pytest.mark.parametrize("form", FORMS)
def test_a_service_that_stays_away_is_infrastructure_and_no_wrong_answer(
    built: Callable[..., StageCode], form: str
) -> None:
    at = "def at(text):\n    away.append(text)\n    raise Unavailable('the index is down', after_s=0)\n"
    code = built(NOW + at + FORMS[form])
    replies = [reply for text in "abcde" for reply in ask(code, text)]
    assert {reply.status for reply in replies} == {Status.INFRASTRUCTURE}
    assert replies[0].error.startswith("draft raised Unavailable: the index is down")
    assert not replies[0].is_reusable
    # After three records nobody waits for it any more.
    assert [len(reply.attempts) for reply in replies] == [4, 4, 4, 1, 1]


def test_a_list_whose_service_is_away_is_not_called_record_by_record(built: Callable[..., StageCode]) -> None:
    at = "def at(text):\n    away.append(text)\n    raise Unavailable('down', after_s=0) if len(away) < 99 else 5\n"
    replies = ask(built(NOW + at + FORMS["batch"]), "a", "b", "c")
    assert [len(reply.attempts) for reply in replies] == [4, 4, 4]


@pytest.mark.parametrize(
    "raises",
    [
        "raise ConnectionResetError('reset')",
        "raise TimeoutError()",
        "import socket; raise socket.gaierror('no such host')",
        "import aiohttp; raise aiohttp.ServerDisconnectedError()",
        "import httpx2; raise httpx2.ConnectError('refused')",
        "raise RuntimeError('the model failed') from ConnectionRefusedError()",
        "import io, urllib.error as e; raise e.HTTPError('http://x', 503, 'busy', {}, io.BytesIO())",
        "import urllib.error as e; raise e.URLError('no route')",
    ],
)
def test_errors_of_the_network_are_infrastructure(
    built: Callable[..., StageCode], raises: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stagegap.stages.python.WAITS_S", ())
    [reply] = ask(built(f"def draft(text):\n    {raises}\n"), "a")
    assert reply.status is Status.INFRASTRUCTURE


@pytest.mark.parametrize(
    "raises",
    [
        "raise FileNotFoundError('model.bin')",
        "raise ValueError('no order')",
        "import io, urllib.error as e; raise e.HTTPError('http://x', 404, 'none', {}, io.BytesIO())",
        "raise ValueError('a') from ValueError('b')",
    ],
)
def test_other_errors_are_the_functions_own(built: Callable[..., StageCode], raises: str) -> None:
    [reply] = ask(built(f"def draft(text):\n    {raises}\n"), "a")
    assert reply.status is Status.ERROR


def test_a_function_tells_what_a_call_took(built: Callable[..., StageCode]) -> None:
    given = "cost=0.01, tokens_in=7, tokens_out=2, raw='<b>x</b>', confidence=0.5"
    [reply] = ask(built(f"from stagegap import Answered\ndef draft(text):\n    return Answered('x', {given})\n"), "a")
    assert (reply.cost, reply.tokens_in, reply.tokens_out, reply.raw) == (0.01, 7, 2, "<b>x</b>")


@pytest.mark.parametrize(
    ("given", "reason"),
    [("cost=-1", "A cost is a number"), ("tokens_in=1.5", "Tokens are a whole number"), ("cost='x'", "could not")],
)
def test_what_can_be_no_cost_is_named(built: Callable[..., StageCode], given: str, reason: str) -> None:
    [reply] = ask(built(f"from stagegap import Answered\ndef draft(text):\n    return Answered('x', {given})\n"), "a")
    assert reply.status is Status.UNPARSABLE
    assert reason in reply.error


def test_plain_functions_are_called_at_once_where_the_file_says_how_many(built: Callable[..., StageCode]) -> None:
    # Each call waits for two others: one after the other none would come back.
    code = (
        "import threading\nmeet = threading.Barrier(3, timeout=20)\n"
        "def draft(text):\n    meet.wait()\n    return text\n"
    )
    stage = built(code, concurrency=3, is_concurrent=True)
    assert [reply.value for reply in ask(stage, *"abcdef")] == list("abcdef")
    assert [reply.value for reply in ask(stage, *"abc")] == list("abc")


def test_a_call_in_a_thread_that_takes_too_long_leaves_the_others_alone(built: Callable[..., StageCode]) -> None:
    code = "import time\ndef draft(text):\n    while text == 'b':\n        time.sleep(0.01)\n    return text\n"
    replies = ask(built(code, concurrency=2, is_concurrent=True, timeout_s=2.0), "a", "b", "c")
    assert [reply.status for reply in replies] == [Status.OK, Status.INFRASTRUCTURE, Status.OK]


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("class Draft:\n    def __call__(self, text):\n        return text + '!'\ndraft = Draft()\n", "draft"),
        ("class Draft:\n    async def __call__(self, text):\n        return text + '!'\ndraft = Draft()\n", "draft"),
        ("class Draft:\n    def run(self, text):\n        return text + '!'\ndraft = Draft()\n", "draft.run"),
        ("class Draft:\n    @staticmethod\n    def run(text):\n        return text + '!'\n", "Draft.run"),
        (f"{PARTIAL}def f(text, end):\n    return text + end\ndraft = partial(f, end='!')\n", "draft"),
        ("async def draft(text):\n    yield text\n    yield '!'\n", "draft"),
        (f"{PARTIAL}async def f(text, end):\n    return text + end\ndraft = partial(f, end='!')\n", "draft"),
    ],
)
def test_whatever_can_be_called_is_a_stage(built: Callable[..., StageCode], code: str, name: str) -> None:
    [reply] = ask(built(code, name), "a")
    assert (reply.status, reply.value) == (Status.OK, "a!")


def test_pieces_of_a_stream_are_texts(built: Callable[..., StageCode]) -> None:
    [reply] = ask(built("async def draft(text):\n    yield 5\n"), "a")
    assert (reply.status, "pieces of a text, found 5" in reply.error) == (Status.ERROR, True)


def test_a_member_that_is_not_there_is_named(built: Callable[..., StageCode]) -> None:
    with pytest.raises(ConfigurationError, match=r"'stages\.py:draft\.run' does not stand in"):
        built("def draft(text):\n    return text\n", "draft.run")


def test_the_projects_own_package_is_imported_without_a_path_of_the_environment(
    built: Callable[..., StageCode], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "pyproject.toml").write_text("")
    (tmp_path / "src" / "shop_of_a_test").mkdir(parents=True)
    (tmp_path / "src" / "shop_of_a_test" / "__init__.py").write_text("SIGN = '!'\n")
    (tmp_path / "src" / "shop_of_a_test" / "later.py").write_text("SIGN = '?'\n")
    code = (
        "from shop_of_a_test import SIGN\n"
        "def draft(text):\n    from shop_of_a_test import later\n    return text + SIGN + later.SIGN\n"
    )
    before = len(sys.path)
    for _ in range(2):
        [reply] = ask(built(code), "a")
        assert reply.value == "a!?"
    assert len(sys.path) == before + 2
