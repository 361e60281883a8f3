"""A project for coding agents, over the Model Context Protocol on stdin and stdout: `stagegap mcp`.

An answer carries the sentence that may be said, and every figure with its interval and its n. No text of a record, an
output or a reference leaves by this way, so that who labels stays blind and nobody learns the references by heart. A
change is run only after an `expect`, what measures may not change with it, and the ledger scores an agent's
predictions as a person's.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from functools import wraps
from pathlib import Path
from typing import Any

from stagegap import redaction, registry
from stagegap.errors import (
    ConfigurationError,
    InputError,
    NotFound,
    RunStopped,
    StagegapError,
    near_names,
    require,
)
from stagegap.exchange.spans.survey import strings
from stagegap.library.project import Project, open_project
from stagegap.model.record import Json
from stagegap.model.run import SYSTEM, RunStatus
from stagegap.model.wording import counted
from stagegap.runner import RunOptions
from stagegap.tables.figures import Unit, printed
from stagegap.tables.table import Sheet
from stagegap.workspace import Hope

SKILL = Path(__file__).with_name("SKILL.md")
"""How an agent spends a day, as a file for its folder of skills."""
AGENT = "agent"
"""Who predicted, in the ledger, where the agent gives no name of its own."""
INSTRUCTIONS = (
    "stagegap says which stage of a cascade holds the system back, against people. Say nothing about a stage beyond "
    "`may_be_said`; a figure goes with its interval and n. Where it says that none stands out, name none. "
    "The day: show gap, look at blame and need, change one stage, expect, run, compare, and tell what came."
)
SEALED = "[sealed: words of a record or a reference]"
"""What stands in place of a sentence or cell that would have said some."""
_WORD = re.compile(r"\w+")
LONGEST_RUN = 3
"""So many words of a text in a row give it away; shorter texts are looked for as a whole."""
SMALLEST_GROUP = 5
"""Records that share a slice's value, from which on it may be named."""
_FOREIGN = re.compile(r", for example .*|(?<= raised )(\w+):.*", re.DOTALL)
"""Where a sentence goes over to a record, and to what code or data say in words of their own."""
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

        Where anything changed since the newest run, an `expect` has to be written first; what measures stays as it was.
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

    def answered(self, tool: Callable[..., dict[str, Json]]) -> Callable[..., Json]:
        """A tool as agents have it: an error of ours is a sentence, and no answer says words of a record."""

        @wraps(tool)
        def answered(*args: Any, **kwargs: Any) -> Json:  # whatever the agent sends; the tool's types check it
            try:
                self._refuse_other_measures()
                answer = tool(*args, **kwargs)
            except StagegapError as error:
                answer: dict[str, Json] = {"refused": refusal(error)}
            return sealed(answer, self._given_away(answer))

        return answered

    def _refuse_other_measures(self) -> None:
        """Raises: ConfigurationError where stages are held to something else than at the newest run."""
        if measures := self._project.workspace.runs.changed_measures(self._project.path):
            raise ConfigurationError(
                f"What measures is not what it was at the newest run ({', '.join(measures)}). An agent changes stages; "
                "people change what they are held to, by `stagegap run`."
            )

    def _given_away(self, answer: Json) -> frozenset[tuple[str, ...]]:
        """What an answer says of records and references, in the words of neither the cascade file nor its groups."""
        store, files = self._project.workspace.store, self._project.workspace.files.by_name()
        secrets: set[tuple[str, ...]] = set()
        for cascade in self._project.workspace.cascades():
            records = store.records(cascade)
            groups = Counter(value for record in records for value in record.slices.values())
            known = [value for value, count in groups.items() if count >= SMALLEST_GROUP]
            known += [Path(files[cascade]).read_text("utf-8")] if cascade in files else []
            texts = [text for record in records for text in strings(dict(record.fields))]
            for label in store.labels(cascade):
                if label.answer is not None:
                    texts += strings([label.answer.value, *(list(fact.wordings) for fact in label.answer.facts)])
            secrets |= given_away(answer, texts, "\n".join(known))
        return frozenset(secrets)

    def _is_unexpected(self) -> bool:
        """The system would answer anew, there is a run that is done, and nobody expects anything of what comes next.

        Calls of swaps alone are those that labels bring which people added.
        """
        workspace, cascade = self._project.workspace, self._project.cascade
        done = [run for run in workspace.runs.of(cascade) if run.status is RunStatus.DONE]
        cells = workspace.runs.plan(self._project.path, RunOptions()).cells if done else ()
        if not any(stage.calls for planned in cells if planned.cell == SYSTEM for stage in planned.stages):
            return False
        newest = max(run.started_at for run in done)
        return not any(expectation.at > newest for expectation in workspace.past(cascade).expectations())


def answer(name: str, sheet: Sheet) -> dict[str, Json]:
    """A sheet without words of records: the sentence that may be said, what stands behind it, figures."""
    headline = sheet.headline or next(iter(sheet.sentences), "There is nothing to say yet")
    figures: list[Json] = [dict(row) for row in sheet.without_records.rows()]
    return {
        "view": name,
        "may_be_said": f"{headline.rstrip('.')}.",
        "before_it": [text for text in (sheet.caution, *sheet.first) if text],
        "behind_it": [part for part in sheet.parts if isinstance(part, str) and part],
        "figures": figures,
    }


def sealed(value: Json, secrets: frozenset[tuple[str, ...]]) -> Json:
    """The value without each of its texts that says one of the secrets, in words one after another."""
    if isinstance(value, str):
        return SEALED if _runs_of_words(value) & secrets else redaction.words(_FOREIGN.sub(r"\1", value))
    if isinstance(value, float) and not math.isfinite(value):
        return None  # no number in JSON
    if isinstance(value, list):
        return [sealed(part, secrets) for part in value]
    return {key: sealed(part, secrets) for key, part in value.items()} if isinstance(value, dict) else value


def given_away(answer: Json, texts: Iterable[str], known: str) -> frozenset[tuple[str, ...]]:
    """Words of `texts` that an answer says: three in a row, or a shorter text as a whole unless `known` has it.

    A single word counts only where it can't be one of ours: with a capital, or letters and digits.

    >>> sorted(given_away({"said": "Failed at: can I park at place 7"}, ["Park at place 7?", "Paris"], ""))
    [('at', 'place', '7'), ('park', 'at', 'place')]
    """
    spoken = frozenset[tuple[str, ...]]().union(*map(_runs_of_words, strings(answer)))
    ours = _runs_of_words(known)
    secrets: set[tuple[str, ...]] = set()
    for text in texts:
        words = _words(text)
        if len(words) >= LONGEST_RUN:
            secrets.update(zip(*(words[at:] for at in range(LONGEST_RUN)), strict=False))
        elif words and words not in ours and (len(words) > 1 or not (text.islower() or text.strip(" .,%-").isdigit())):
            secrets.add(words)
        secrets &= spoken
    return frozenset(secrets)


def _words(text: str) -> tuple[str, ...]:
    return tuple(_WORD.findall(text.casefold()))


def _runs_of_words(text: str) -> frozenset[tuple[str, ...]]:
    words = _words(text)
    return frozenset(words[at : at + n] for n in range(1, LONGEST_RUN + 1) for at in range(len(words) - n + 1))


def refusal(error: StagegapError) -> str:
    """What is wrong, without the words of data or of a stage's own errors."""
    if isinstance(error, InputError):
        files = ", ".join(dict.fromkeys(problem.path for problem in error.problems))
        what = counted(len(error.problems), "problem")
        return f"{what} in the data of {files}. `stagegap validate` says each to whoever may read them."
    return str(error).partition(": ")[0] + "." if isinstance(error, RunStopped) else str(error)


def server(project: Project) -> Any:  # an MCPServer; its package is an extra
    """A server of the project's tools. Raises: ConfigurationError without the package mcp."""
    require("mcp", "The server for agents", extra="agent")
    from mcp.server.mcpserver import MCPServer

    agent = Agent(project)
    mcp = MCPServer("stagegap", instructions=INSTRUCTIONS, log_level="WARNING")
    for tool in (agent.views, agent.show, agent.plan, agent.expect, agent.run, agent.compare, agent.changed):
        mcp.add_tool(agent.answered(tool), structured_output=False)
    return mcp


def serve(folder: Path) -> None:
    """Serve the project in `folder` on stdin and stdout until the agent hangs up; nothing listens on a port."""
    with open_project(folder) as project:
        server(project).run("stdio")
