"""A project for coding agents, over the Model Context Protocol on stdin and stdout: `stagegap mcp`.

An answer carries the sentence that may be said, and every figure with its interval and its n. No text of a record, an
output or a reference leaves by this way, so that who labels stays blind and nobody learns the references by heart. A
change is run only after an `expect`, and the ledger scores an agent's predictions as a person's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from stagegap import redaction, registry
from stagegap.errors import ConfigurationError, NotFound, StagegapError, near_names, require
from stagegap.library.project import Project, open_project
from stagegap.model.record import Json
from stagegap.model.run import RunStatus
from stagegap.runner import RunOptions
from stagegap.tables.figures import Unit, printed
from stagegap.tables.table import Sheet, Table, figure_rows
from stagegap.workspace import Hope

AGENT = "agent"
"""Who predicted, in the ledger, where the agent gives no name of its own."""
INSTRUCTIONS = (
    "stagegap says which stage of a cascade holds the system back, against people. Say nothing about a stage beyond "
    "`may_be_said`; a figure goes with its interval and n. Where it says that none stands out, name none. "
    "The day: show gap, look at blame and need, change one stage, expect, run, compare, and tell what came."
)
VIEWS: Mapping[str, str] = {
    "gap": "The verdict: gap to people per stage, and what correcting each would buy.",
    "blame": "The methods of attribution side by side, and why they disagree.",
    "faults": "Where records first go wrong, what is inherited, recovered or masked.",
    "need": "How many more labels until the worst stage can be named.",
    "slices": "Groups that fail more than the others.",
    "agree": "How far people agree, which bounds what any gap can mean.",
    "runs": "The runs, newest first.",
    "check": "Targets, and the newest run held against the blessed one.",
    "ledger": "What was expected of each change, and what came.",
}


class Agent:
    """What an agent may do with one project. Every answer is plain JSON; a refusal is a sentence."""

    def __init__(self, project: Project) -> None:
        self._project = project

    def views(self) -> dict[str, Json]:
        """The cascade and every view that `show` has, with what it says."""
        return {"cascade": self._project.cascade, "views": dict(VIEWS)}

    def show(self, view: str, run: str | None = None) -> dict[str, Json]:
        """One view, by default of the newest run: the sentence that may be said, and its figures."""
        if view not in VIEWS:
            raise NotFound(f"There is no view {view!r} for agents. {near_names(view, VIEWS)}")
        if view in ("runs", "ledger"):
            return answer(view, getattr(self._project, view)().sheet)
        return answer(view, getattr(self._project, view)(run).sheet)

    def plan(self) -> dict[str, Json]:
        """The calls that a run would make now, their time and price; nothing is called."""
        workspace = self._project.workspace
        view = workspace.runs.plan(self._project.path, RunOptions())
        return answer("plan", registry.view("plan").sheet(view))

    def expect(self, points: dict[str, float], because: str, who: str = AGENT) -> dict[str, Json]:
        """Write down what the next run should bring, in points by stage or `outcome`: {"retrieve": 5}."""
        if not points or not because.strip():
            raise ConfigurationError('Say how many points where, and why: {"retrieve": 5} because "...".')
        hopes = {place: Hope(value=value / 100) for place, value in points.items()}
        past = self._project.workspace.past(self._project.cascade)
        past.expect(hopes, reason=because, who=who)
        places = ", ".join(f"{place} {printed(value / 100, Unit.POINTS)}" for place, value in points.items())
        return {"may_be_said": f"Expected, in points, before the run: {places}."}

    def run(self, budget: str) -> dict[str, Json]:
        """Run the cascade as its files stand, within a budget ("200 calls", "5 min", "$3"), and give the verdict.

        Where anything changed since the newest run, an `expect` has to be written first.
        """
        if self._is_unexpected():
            raise ConfigurationError(
                "The cascade changed since its newest run, and nobody wrote down what that should bring. "
                "`expect` first, then `run`."
            )
        return answer("gap", self._project.run(budget=budget).sheet)

    def compare(self, before: str, after: str) -> dict[str, Json]:
        """Two runs: better, worse or not to be told apart, stage by stage."""
        return answer("compare", self._project.compare(before, after).sheet)

    def changed(self, before: str, after: str) -> dict[str, Json]:
        """Which stages the difference between two runs comes from; no paid call is made."""
        return answer("changed", self._project.changed(before, after).sheet)

    def _is_unexpected(self) -> bool:
        """The next run would make calls, there is one that is done, and nobody expects anything of what comes next."""
        workspace, cascade = self._project.workspace, self._project.cascade
        done = [run for run in workspace.runs.of(cascade) if run.status is RunStatus.DONE]
        if not done or not workspace.runs.plan(self._project.path, RunOptions()).calls:
            return False
        newest = max(run.started_at for run in done)
        return not any(expectation.at > newest for expectation in workspace.past(cascade).expectations())


def answer(name: str, sheet: Sheet) -> dict[str, Json]:
    """A sheet without words of records: the sentence that may be said, what stands behind it, figures."""
    headline = sheet.headline or next(iter(sheet.sentences), "There is nothing to say yet")
    figures: list[Json] = [dict(row) for table in sheet.tables for row in figure_rows(_without_records(table))]
    return {
        "view": name,
        "may_be_said": f"{headline.rstrip('.')}.",
        "before_it": [text for text in (sheet.caution, *sheet.first) if text],
        "behind_it": [part for part in sheet.parts if isinstance(part, str) and part],
        "figures": figures,
    }


def _without_records(table: Table) -> Table:
    """The table without columns that hold words of records."""
    places = [place for place, column in enumerate(table.columns) if not column.is_record]
    return replace(
        table,
        columns=tuple(table.columns[place] for place in places),
        rows=tuple(tuple(row[place] for place in places) for row in table.rows),
    )


def _without_secrets(value: Json) -> Json:
    if isinstance(value, str):
        return redaction.words(value)
    if isinstance(value, list):
        return [_without_secrets(part) for part in value]
    return {key: _without_secrets(part) for key, part in value.items()} if isinstance(value, dict) else value


def server(project: Project) -> Any:  # an MCPServer; its package is an extra
    """A server of the project's tools. Raises: ConfigurationError without the package mcp."""
    require("mcp", "The server for agents", extra="agent")
    from mcp.server.mcpserver import MCPServer

    agent = Agent(project)
    mcp = MCPServer("stagegap", instructions=INSTRUCTIONS, log_level="WARNING")
    for tool in (agent.views, agent.show, agent.plan, agent.expect, agent.run, agent.compare, agent.changed):
        mcp.add_tool(_in_sentences(tool), structured_output=False)
    return mcp


def serve(folder: Path) -> None:
    """Serve the project in `folder` on stdin and stdout until the agent hangs up; nothing listens on a port."""
    with open_project(folder) as project:
        server(project).run("stdio")


def _in_sentences(tool: Callable[..., dict[str, Json]]) -> Callable[..., dict[str, Json]]:
    """The tool with errors of ours as an answer that says what is wrong, not as a failure of the server."""
    from functools import wraps

    @wraps(tool)
    def answered(*args: Any, **kwargs: Any) -> dict[str, Json]:  # whatever the agent sends; the tool's types check it
        try:
            return {key: _without_secrets(value) for key, value in tool(*args, **kwargs).items()}
        except StagegapError as error:
            return {"refused": redaction.words(str(error))}

    return answered
