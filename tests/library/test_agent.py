"""What a coding agent gets: through the official client, over stdin and stdout of a real process."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, StdioServerParameters, stdio_client

import stagegap
from sixty import NEVER, replace_in, spoil, write_sixty
from stagegap.errors import ConfigurationError, NotFound, StagegapError
from stagegap.library.agent import VIEWS, Agent
from stagegap.workspace import write_starter

SECRETS = ("on Saturday", "park at place", "room for circle", NEVER)
"""Words of the records and of a reference; those of the replies stand in code, whose difference an agent may read."""


@pytest.fixture
def agent(tmp_path: Path) -> Agent:
    write_sixty(tmp_path)
    return Agent(stagegap.open(tmp_path))


def test_the_official_client_goes_through_a_day(tmp_path: Path) -> None:
    made = write_sixty(tmp_path)

    async def day() -> list[dict[str, Any]]:
        parameters = StdioServerParameters(
            command=sys.executable,
            args=["-m", "stagegap", "mcp"],
            cwd=tmp_path,
            env={"PYTHONPATH": os.environ.get("PYTHONPATH", ""), "PATH": os.environ["PATH"]},
        )
        async with Client(stdio_client(parameters)) as client:

            async def call(name: str, **arguments: Any) -> dict[str, Any]:
                answer = await client.call_tool(name, arguments)
                assert not answer.is_error, answer
                return json.loads(answer.content[0].text)  # type: ignore[union-attr]  # a tool of ours answers in text

            names = {tool.name for tool in (await client.list_tools()).tools}
            assert names == {"views", "show", "plan", "expect", "run", "compare", "changed"}
            answers = [await call("run", budget="500 calls"), await call("show", view="gap")]
            spoil(made)
            answers.append(await call("run", budget="500 calls"))
            answers.append(await call("expect", points={"reply": -20}, because="shorter replies", who="robot"))
            answers.append(await call("run", budget="500 calls"))
            answers.append(await call("compare", before="v1", after="v2"))
            answers.append(await call("show", view="ledger"))
            return answers

    first, shown, refused, expected, second, compared, ledger = asyncio.run(day())
    assert first == shown
    assert "holds this system back" in first["may_be_said"] or "none stands out" in first["may_be_said"]
    assert {"estimate", "low", "high", "n", "method"} <= set(first["figures"][0])
    assert "nobody wrote down what that should bring" in refused["refused"]
    assert expected["may_be_said"] == "Expected, in points, before the run: reply −20."
    assert second["view"] == "gap"
    assert "Worse" in compared["may_be_said"] or "worse" in compared["may_be_said"]
    assert "robot" in json.dumps(ledger)


@pytest.mark.parametrize("view", VIEWS)
def test_no_view_says_a_word_of_a_record(agent: Agent, view: str) -> None:
    agent.run("500 calls")
    told = json.dumps(agent.show(view), ensure_ascii=False)
    assert not [word for word in SECRETS if word in told]
    assert json.loads(told)["may_be_said"].endswith(".")


def test_comparisons_say_no_word_of_a_record(agent: Agent, tmp_path: Path) -> None:
    agent.run("500 calls")
    spoil(tmp_path / "pipelines" / "first")
    agent.expect({"reply": -10}, "shorter")
    agent.run("500 calls")
    for view in (agent.compare("v1", "v2"), agent.changed("v1", "v2"), agent.plan()):
        told = json.dumps(view, ensure_ascii=False)
        assert not [word for word in SECRETS if word in told]


def test_where_there_is_too_little_no_stage_may_be_named(tmp_path: Path) -> None:
    write_starter(tmp_path)
    answer = Agent(stagegap.open(tmp_path)).run("500 calls")
    assert str(answer["may_be_said"]).startswith("Too few to read: 6 of 30 questions")


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (lambda agent: agent.show("answers"), "There is no view 'answers' for agents"),
        (lambda agent: agent.show("record"), "There is no view 'record' for agents"),
        (lambda agent: agent.show("../references.jsonl"), "There is no view"),
        (lambda agent: agent.show("gap", "v9"), "no run 'v9'"),
        (lambda agent: agent.expect({}, "because"), "Say how many points where, and why"),
        (lambda agent: agent.expect({"reply": 5}, " "), "Say how many points where"),
        (lambda agent: agent.expect({"replay": 5}, "typed wrong"), "'replay' is no stage"),
        (lambda agent: agent.compare("v1", "v9"), "v9"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(agent: Agent, ask: Callable[[Agent], object], words: str) -> None:
    agent.run("500 calls")
    with pytest.raises((NotFound, ConfigurationError), match=words):
        ask(agent)


def test_a_run_without_a_change_needs_no_expectation(agent: Agent, tmp_path: Path) -> None:
    first = agent.run("500 calls")
    assert agent.run("500 calls") == first
    replace_in(tmp_path / "pipelines" / "first" / "stages.py", "def reply", "def reply_now")
    with pytest.raises(StagegapError):
        agent.run("500 calls")
