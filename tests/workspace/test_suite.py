"""One run for a whole test session, whatever becomes of it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

import llm_server
from sixty import replace_in, write_sixty
from stagegap.analysis.answers import OUTCOME, ScoredAnswer
from stagegap.errors import ConfigurationError, NotFound, RunStopped
from stagegap.workspace import Workspace
from stagegap.workspace.gate import case_names, cases, one_run, wanted

INTERRUPTING = "import signal\n\ndef reply(question, topic):\n    signal.raise_signal(signal.SIGINT)\n"


@pytest.fixture
def made(tmp_path: Path) -> Path:
    return write_sixty(tmp_path)


@pytest.fixture
def workspace(made: Path) -> Iterator[Workspace]:
    with Workspace.open(made) as opened:
        yield opened


def test_cases_are_named_before_anything_runs(workspace: Workspace) -> None:
    assert case_names(workspace, wanted("first", "topic", limit=2)) == ("q00", "q01")
    assert case_names(workspace, wanted("first", "topic", by="slice")) == ("length: short",)
    assert case_names(workspace, wanted("first", by="stage")) == ("all records",)
    assert workspace.runs.of("first") == []


def test_outcome_is_right_or_wrong_and_a_stage_has_its_score(workspace: Workspace, tmp_path: Path) -> None:
    asked = wanted("first", filter="record.id in ['q00', 'q01']")
    assert asked.stage == OUTCOME
    found = cases(workspace, asked, one_run(workspace, asked, shared=tmp_path, offline=False))
    assert {name: (case.score, case.is_good) for name, case in found.items() if isinstance(case, ScoredAnswer)} == {
        "q00": (0.0, False),
        "q01": (1.0, True),
    }
    with pytest.raises(NotFound, match="has no stage 'x'"):
        cases(workspace, wanted("first", "x"), "v1")
    with pytest.raises(NotFound, match=r"no run 'v7'"):
        cases(workspace, asked, "v7")
    with pytest.raises(ConfigurationError, match="by='all' is none of"):
        wanted("first", by="all")  # type: ignore[arg-type]


def test_run_that_a_provider_refuses_is_the_same_error_for_all(made: Path, workspace: Workspace) -> None:
    with llm_server.running() as server:
        (made / "p.md").write_text("{{ question }}")
        ours = '    uses: python\n    with: {function: "stages.py:reply"}\n'
        replace_in(
            made / "cascade.yaml",
            ours,
            f"    uses: llm\n    with: {{model: m, prompt: p.md, base_url: '{server.base_url}'}}\n",
        )
        server.answers(always="401")
        for _ in range(2):
            with pytest.raises(RunStopped, match=r"Run v1: Stage 'reply': .* refuses every call"):
                one_run(workspace, wanted("first"), shared=made, offline=False)
    assert [run.name for run in workspace.runs.of("first")] == ["v1"]


def test_interrupt_ends_the_run_and_the_session(made: Path, workspace: Workspace) -> None:
    path = made / "stages.py"
    path.write_text(path.read_text().partition("def reply")[0] + INTERRUPTING)
    with pytest.raises(KeyboardInterrupt):
        one_run(workspace, wanted("first"), shared=made, offline=False)
    assert [run.status.value for run in workspace.runs.of("first")] == ["stopped"]


def test_tests_may_have_an_event_loop_of_their_own(made: Path, workspace: Workspace) -> None:
    async def ask() -> str:
        return one_run(workspace, wanted("first", limit=3), shared=made, offline=False)

    assert asyncio.run(ask()) == "v1"
