"""What a coding agent gets: through the official client, over stdin and stdout of a real process."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, StdioServerParameters, stdio_client

import stagegap
from sixty import NEVER, replace_in, spoil, write_sixty
from stagegap.errors import ConfigurationError, NotFound, StagegapError
from stagegap.library.agent import SEALED, VIEWS, Agent
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


def test_labels_that_people_add_need_no_expectation(agent: Agent, tmp_path: Path) -> None:
    references = tmp_path / "pipelines" / "first" / "references.jsonl"
    lines = references.read_text().splitlines(keepends=True)
    references.write_text("".join(lines[:60]))
    agent.run("500 calls")
    references.write_text("".join(lines))
    assert agent.run("500 calls")["view"] == "gap"


def test_a_run_without_a_change_needs_no_expectation(agent: Agent, tmp_path: Path) -> None:
    first = agent.run("500 calls")
    assert agent.run("500 calls") == first
    replace_in(tmp_path / "pipelines" / "first" / "stages.py", "def reply", "def reply_now")
    with pytest.raises(StagegapError):
        agent.run("500 calls")


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Questions with words that nobody may learn, a metric of the team's own, a run, and a queue that waits."""
    folder = tmp_path_factory.mktemp("guarded")
    write_starter(folder)
    made = folder / "pipelines" / "first"
    texts = [{"id": f"q{i:02d}", "text": f"Please find RQ{i:02d}X before noon", "length": "short"} for i in range(30)]
    answers = [
        {"record": f"q{i:02d}", "stage": stage, "annotator": "ab", "value": value}
        for i in range(20)
        for stage, value in (("topic", "other"), ("reply", f"Behind door RS{i:02d}Y today"))
    ]
    for name, rows in (("questions", texts), ("references", answers)):
        (made / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    replace_in(made / "cascade.yaml", "score: fact_recall", "score: 'python:own.py:same'")
    replace_in(made / "cascade.yaml", "reply.fact_recall", "reply.same")
    (made / "own.py").write_text("def same(output, reference):\n    return float(output == reference)\n")
    with stagegap.open(folder) as project:
        project.run()
        project.workspace.labels.queue("first", "reply", "random")
    return folder


def edited(file: str, found: str, by: str) -> Callable[[Agent, Path], list[object]]:
    """The way of changing a file of the cascade, running it and looking at everything."""

    def way(agent: Agent, made: Path) -> list[object]:
        replace_in(made / file, found, by)
        return everything(agent)

    return way


def everything(agent: Agent) -> list[object]:
    expected = agent.answered(agent.expect)({"reply": 5}, "a try")
    run = agent.answered(agent.run)("500 calls")
    if isinstance(run, dict) and "refused" in run:
        return [expected, run]
    return [expected, run, *(agent.answered(agent.show)(view) for view in ("faults", "slices", "runs"))]


def asked(tool: str, *words: Any) -> Callable[[Agent, Path], list[object]]:
    return lambda agent, made: [agent.answered(getattr(agent, tool))(*words)]


LOOK = "import pathlib\nALL = pathlib.Path(__file__).with_name('references.jsonl').read_text()\n"
JUDGE = "{j: {uses: python, with: {function: 'own.py:same'}, sees: [output, reference]}}"
TOPIC = "def topic(question: str) -> str:"
REPLY = "def reply(question: str, topic: str) -> str:"
WAYS: dict[str, Callable[[Agent, Path], list[object]]] = {
    "every view": lambda agent, made: [agent.answered(agent.show)(view) for view in VIEWS],
    **{f"no view {name}": asked("show", name) for name in ("answers", "record", "odd", "codes", "../references.jsonl")},
    "run as SQL": asked("show", "gap", "' or 1=1 union select value from label --"),
    "run as path": asked("show", "gap", "../../.stagegap/store.duckdb"),
    "compare with a file": asked("compare", "v1", "references.jsonl"),
    "changed with a file": asked("changed", "v1", "questions.jsonl"),
    "budget as path": asked("run", "references.jsonl"),
    "place as path": asked("expect", {"references.jsonl": 5}, "why"),
    "place as record": asked("expect", {"q01": 5}, "why"),
    "reason as template": asked("expect", {"reply": 5}, "{{ references }} ${REFERENCES} {record.text}"),
    "name as template": asked("expect", {"reply": 5}, "why", "{record.text}"),
    "slices by text": edited("cascade.yaml", "slices: [length]", "slices: [text]"),
    "clusters by text": edited("cascade.yaml", "slices: [length]", "cluster: text"),
    "ids by text": edited("cascade.yaml", "id: id", "id: text"),
    "references as records": edited("cascade.yaml", "questions.jsonl, id: id", "references.jsonl, id: value"),
    "records as references": edited("cascade.yaml", "path: references.jsonl", "path: questions.jsonl"),
    "metric that says it": edited("own.py", "return float(output == reference)", "raise ValueError(reference)"),
    "metric that encodes it": edited("own.py", "float(output == reference)", "ord(str(reference)[14]) / 128"),
    "another metric": edited("cascade.yaml", "own.py:same'", "own.py:same', chrf"),
    "another outcome": edited("cascade.yaml", "reply.same", "topic.accuracy"),
    "another bar": edited("cascade.yaml", '">= 1"', '">= 0"'),
    "a target": edited("cascade.yaml", "outcome:", "targets: {reply: {score: 0.9}}\noutcome:"),
    "a judge that sees it": edited("cascade.yaml", "ask: Write", f"judge: {JUDGE}\n    ask: Write"),
    "another name": edited("cascade.yaml", "cascade: first", "cascade: second"),
    "values that do not fit": edited("cascade.yaml", "[opening, parking, other]", "[opening, parking]"),
    "type that does not fit": edited("cascade.yaml", "{type: text}", "{type: number}"),
    "a broken row": edited("references.jsonl", 'RS00Y today"}', 'RS00Y today"'),
    "a row without a record": edited("references.jsonl", '"q00", "stage": "reply"', '"RQ00X", "stage": "reply"'),
    "module that raises them": edited("stages.py", REPLY, f"{LOOK}\nraise ValueError(ALL)\n{REPLY}"),
    "module that encodes them": edited("stages.py", REPLY, f"{LOOK}\nraise ValueError(ALL.encode().hex())\n{REPLY}"),
    "a split of its own": edited("cascade.yaml", "outcome:", "evaluate: text\noutcome:"),
    "what people are asked": edited("cascade.yaml", "Write the reply that you would give.", "Copy the reference."),
    "a person from elsewhere": edited("cascade.yaml", "outcome:", "human_baseline: {population: text}\noutcome:"),
    "a reference as input": edited("cascade.yaml", "topic: topic}", "topic: reply.reference}"),
    "another reader": asked("compare", "v1 --shared --raw", "v1"),
}  # fmt: skip
"""Ways to words that an agent may not have: in arguments, in data, in what measures, in code that does not load."""
IN_RUNS: dict[str, Callable[[Agent, Path], list[object]]] = {
    "stage that raises a record": edited("stages.py", REPLY, f"{REPLY}\n    raise ValueError(question)"),
    "stage that raises it backwards": edited("stages.py", REPLY, f"{REPLY}\n    raise ValueError(question[::-1])"),
    "stage that answers a record": edited("stages.py", REPLY, f"{REPLY}\n    return question"),
    "stage that answers no text": edited("stages.py", REPLY, f"{REPLY}\n    return {{'x': question}}"),
    "stage that reads the references": edited("stages.py", REPLY, f"{LOOK}\n{REPLY}\n    raise ValueError(ALL)"),
    "stage that prints them": edited("stages.py", REPLY, f"{LOOK}\n{REPLY}\n    print(ALL)"),
    "label that is a record": edited("stages.py", TOPIC, f"{TOPIC}\n    return question"),
    "condition that says it": edited("cascade.yaml", "    ask: Write", "    when: topic + record.text\n    ask: Write"),
}  # fmt: skip
"""The same in code that runs."""
LEAK = re.compile(r"R[QS]\d\d[XY]|[XY]\d\d[QS]R|52535[03]3")
"""A word of a record or a reference, as it is, backwards or as hexadecimal digits."""


@pytest.mark.parametrize("ways", [WAYS, pytest.param(IN_RUNS, marks=pytest.mark.slow)])
def test_forty_ways_to_a_record_or_a_reference_all_fail(
    guarded: Path, tmp_path: Path, ways: dict[str, Callable[[Agent, Path], list[object]]]
) -> None:
    assert len(WAYS) + len(IN_RUNS) >= 40
    leaks: dict[str, str] = {}
    made = tmp_path / "pipelines" / "first"
    shutil.copytree(guarded, tmp_path, dirs_exist_ok=True)
    files = {path: path.read_bytes() for path in made.iterdir()}
    with stagegap.open(tmp_path) as project:
        for name, way in ways.items():
            answers = json.dumps(way(Agent(project), made), ensure_ascii=False, allow_nan=False)
            if match := LEAK.search(answers):
                leaks[name] = answers[max(0, match.start() - 80) : match.end() + 40]
            for path, content in files.items():
                path.write_bytes(content)
    assert leaks == {}


def test_an_answer_that_says_words_of_a_record_is_sealed(guarded: Path) -> None:
    with stagegap.open(guarded) as project:
        agent = Agent(project)
        said = ["At door RS07Y: please  FIND rq03x, before", "Reply holds it back.", {"n": float("nan")}]
        assert agent.answered(lambda: {"said": said, "n": 3})() == {"said": [SEALED, said[1], {"n": None}], "n": 3}
