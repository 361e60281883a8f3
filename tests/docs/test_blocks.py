"""The documentation as somebody types it: every command is one, every block does or is what it says.

docs/tutorial.md is typed in tests/cli/test_tutorial.py, docs/team.md carried out in tests/cli/test_team.py,
docs/systems.md with each framework in tests/slow/test_systems.py.
"""

from __future__ import annotations

import ast
import json
import re
import runpy
import shlex
import shutil
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from jsonschema import Draft202012Validator

from conftest import Command
from sixty import spoil, write_sixty
from stagegap.cli.commands import application

ROOT = Path(__file__).parents[2]
PROGRAM = typer.main.get_command(application)
ELSEWHERE = ("reference.md", "systems.md")
PAGES = (ROOT / "README.md", *sorted(page for page in (ROOT / "docs").glob("*.md") if page.name not in ELSEWHERE))


@dataclass(frozen=True, slots=True)
class Block:
    """Code between two fences."""

    page: str
    line: int
    kind: str
    text: str

    @property
    def commands(self) -> list[str]:
        """What is typed, without the remarks behind it; lines that go on are one."""
        lines = self.text.replace("\\\n", " ").splitlines()
        return [typed for line in lines if (typed := line.partition("  #")[0].partition(" # ")[0].strip())]


def blocks() -> Iterator[Block]:
    for page in PAGES:
        kind, start, inside = "", 0, list[str]()
        for number, line in enumerate(page.read_text("utf-8").splitlines(), start=1):
            if line.startswith("```") and not start:
                kind, start, inside = line[3:].strip(), number, []
            elif line.startswith("```"):
                yield Block(page.name, start, kind, "\n".join(inside) + "\n")
                start = 0
            elif start:
                inside.append(line)
        assert not start, f"{page.name}:{start} has no end"


BLOCKS = list(blocks())


def of_kind(*kinds: str) -> list[Any]:  # Any: pytest's parameters
    return [pytest.param(block, id=f"{block.page}:{block.line}") for block in BLOCKS if block.kind in kinds]


def said_commands() -> Iterator[tuple[str, str]]:
    """Every command that the pages name, in blocks and in sentences, with its page."""
    for block in BLOCKS:
        if block.kind in ("", "sh", "bash"):
            yield from ((block.page, typed) for typed in block.commands)
        elif block.kind == "yaml":
            yield from ((block.page, typed) for typed in re.findall(r"run: (stagegap .+)", block.text))
    for page in (page for page in PAGES if page.name != "decisions.md"):  # it tells of commands that are gone, too
        prose = re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)
        yield from ((page.name, typed) for typed in re.findall(r"`(stagegap [^`\n]+)`", prose))


def parsed(typed: str) -> str:
    """What is wrong with a command by the program's own reading of it; empty where nothing is. Nothing is run."""
    shell = re.sub(r"\$\([^)]*\)|  +#.*", "", typed.split(" > ", maxsplit=1)[0].rsplit(" && ", maxsplit=1)[-1])
    words = shlex.split(re.sub(r"\[[^\]]*\]|\.\.\.|\bVIEW\b", "", shell))
    while words and "=" in words[0] and words[0] != "stagegap":
        words = words[1:]
    if not words or words[0] != "stagegap":
        return ""
    command, context = PROGRAM, None
    arguments = [re.sub(r"^(?:N|K|S|POINTS)$", "1", word) for word in words[1:]]
    while True:
        try:
            context = command.make_context(command.name, list(arguments), parent=context, resilient_parsing=False)
        except BaseException as error:  # noqa: BLE001  # click's own errors and exits
            name = type(error).__name__
            is_fine = name in ("Exit", "MissingParameter", "NoArgsIsHelpError")
            return "" if is_fine else f"{name}: {error}"
        inner = getattr(command, "commands", {})
        rest = [*context._protected_args, *context.args] if inner else []
        if not rest:
            return ""
        if rest[0] not in inner:
            return f"There is no command {rest[0]!r}."
        command, arguments = inner[rest[0]], rest[1:]


def test_every_command_that_the_pages_name_is_one() -> None:
    wrong = {f"{page}: {typed}": what for page, typed in said_commands() if (what := parsed(typed))}
    assert wrong == {}
    assert parsed("stagegap shwo") != ""
    assert parsed("stagegap show need --labels") != ""


@pytest.mark.parametrize("block", of_kind("yaml"))
def test_yaml_of_the_pages_is_what_the_schema_takes(block: Block) -> None:
    content = yaml.safe_load(block.text)
    if not isinstance(content, dict) or not TOP & content.keys():
        assert content is None or isinstance(content, list) or {"matrix", "permissions"} & content.keys()
        return
    stages = {"draft": {"uses": "python", "with": {"function": "a.py:f"}, "inputs": {}, "output": {"type": "text"}}}
    for stage in content.get("stages", {}).values():
        for key, value in stages["draft"].items():
            stage.setdefault(key, value)
    whole = {"cascade": "c", "records": {"path": "r"}, "stages": stages, "outcome": {"score": "draft.exact"}, **content}
    whole["records"].setdefault("path", "r")
    assert [error.message for error in SCHEMA.iter_errors(whole)] == []


SCHEMA = Draft202012Validator(json.loads((ROOT / "src/stagegap/spec/cascade.schema.json").read_text("utf-8")))
TOP = frozenset({"stages", "records", "outcome", "targets", "references", "corpora"})


@pytest.mark.parametrize("block", of_kind("python", "json", "toml"))
def test_python_and_json_of_the_pages_can_be_read(block: Block) -> None:
    if block.kind == "python":
        ast.parse(block.text)
    elif block.kind == "toml":
        tomllib.loads(block.text)
    else:
        json.loads(block.text)


def test_every_block_is_of_a_kind_that_is_tested() -> None:
    kinds = {block.kind for block in BLOCKS}
    assert kinds <= {
        "",
        "sh",
        "bash",
        "text",
        "yaml",
        "python",
        "json",
        "toml",
        "js",
    }  # Mermaid would ask another host for a script
    assert {block.page for block in BLOCKS if block.kind == "text"} == {"tutorial.md"}


SERVES = ("stagegap app", "stagegap demo", "stagegap mcp")
"""What goes on until it is stopped: started in test_team.py, test_package.py and tests/library."""
ENDS = {"stagegap check": (0, 1, 5), "stagegap tools watch": (0, 1)}
"""Exit codes that are an answer; all else ends with 0."""


def typed_through(stagegap: Command, typed: str) -> None:
    """Type a command in this folder; what would serve a page only says its link."""
    if typed.startswith(SERVES):
        return
    words = shlex.split(typed)[1:] + (["--no-serve"] if typed.startswith("stagegap label") else [])
    answer = stagegap(*words)
    allowed = next((codes for start, codes in ENDS.items() if typed.startswith(start)), (0,))
    assert answer.code in allowed, f"{typed}\n{answer.out}{answer.error}"


def test_the_readme_takes_a_newcomer_from_an_empty_folder_to_a_report(stagegap: Command, tmp_path: Path) -> None:
    (block,) = (block for block in BLOCKS if block.page == "README.md" and "stagegap init" in block.text)
    for typed in block.commands:
        typed_through(stagegap, typed)
    assert (tmp_path / "first-v2.html").is_file()


@pytest.mark.slow  # tests/acceptance/test_day.py goes the same way in the gate
def test_the_loop_is_typed_on_sixty_questions(stagegap: Command, tmp_path: Path) -> None:
    made = write_sixty(tmp_path)
    assert stagegap("run").code == 0
    (block,) = (block for block in BLOCKS if block.page == "loop.md" and "tools bless" in block.text)
    for typed in block.commands:
        if typed.startswith("stagegap compare"):
            spoil(made)
            assert stagegap("run").code == 0
        typed_through(stagegap, typed.replace("retrieve", "reply").replace("v3", "v1").replace("v4", "v2"))


@pytest.mark.slow
@pytest.mark.parametrize("page", ["people.md", "loop.md"])
def test_pages_are_typed_on_mails(stagegap: Command, tmp_path: Path, mails: Path, page: str) -> None:
    shutil.copytree(mails, tmp_path, dirs_exist_ok=True)
    for block in BLOCKS:
        for typed in block.commands if block.page == page and block.kind == "" else ():
            if typed.startswith("stagegap ") and not any(word in typed for word in NEEDS_MORE):
                here = re.sub(r"\bann\b", "first-person", typed.replace("v3", "v1").replace("v4", "v2"))
                typed_through(stagegap, here.replace(" v7 v9 --base v2", ""))


NEEDS_MORE = (
    "label-studio",
    "--into",
    "--every",
    "--host",
    "--revoke",
    "tickets-watch",
    "night",
    "incoming",
    "assign",
    "excuse",
    "--held-out",
)
"""Lines that rest on files or people of the reader's own; each has its test in tests/cli."""


def test_reference_is_made_from_what_the_program_says() -> None:
    made = runpy.run_path(str(ROOT / ".ci" / "reference.py"))
    page, overview = made["reference"](), made["overview"]()
    for heading in (
        "### `stagegap show changed`",
        "### `stagegap tools backup`",
        "### LlmWith",
        "### `project.gap(run)`",
    ):
        assert f"\n{heading}\n" in page
    assert "| `--budget` | Hard stop: 200 calls, 5 min, $3. |" in page
    assert "| `criterion` | " in page
    assert "- [A server for a team](team.md)\n" in overview
    assert [
        line for line in page.splitlines() if line.startswith("|") and line.count(" | ") != 1 and "---" not in line
    ] == []
