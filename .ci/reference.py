"""Writes docs/reference.md and docs/llms.txt from what the program says of itself: commands, keys, docstrings.

`make docs` writes them before it builds the site; they are not kept, so they can't be old.
"""

from __future__ import annotations

import inspect
import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

import stagegap
from stagegap.cli.commands import application
from stagegap.library import Project

ROOT = Path(__file__).parents[1]
ADDRESS = re.compile(r"^# (.+)$", re.MULTILINE)


def commands() -> Iterator[str]:
    """Each command with what it does and its options."""
    yield "## Commands"
    yield from _command(typer.main.get_command(application), "stagegap")


def _command(command: Any, name: str) -> Iterator[str]:  # Any: typer's own click
    if inner := getattr(command, "commands", {}):
        for word, part in inner.items():
            yield from _command(part, f"{name} {word}")
        return
    yield f"### `{name}`"
    yield _cell(command.help)
    rows = [
        (" ".join((*option.opts, *option.secondary_opts)), option.help or "")
        if option.param_type_name == "option"
        else (option.metavar or option.name.upper(), getattr(option, "help", "") or "")
        for option in command.params
        if not getattr(option, "hidden", False)
    ]
    if rows:
        yield "\n".join(["| option | what |", "|---|---|", *(f"| `{_cell(a)}` | {_cell(b)} |" for a, b in rows)])


def keys() -> Iterator[str]:
    """Each key of a cascade file with what it means, by the part of the file in which it stands."""
    yield "## Keys of a cascade file"
    schema = json.loads((ROOT / "src/stagegap/spec/cascade.schema.json").read_text("utf-8"))
    for name, part in schema["$defs"].items():
        described = {key: value.get("description", "") for key, value in part.get("properties", {}).items()}
        if name.endswith("Variant") or not any(described.values()):
            continue
        yield f"### {name}"
        yield _cell(part.get("description", ""))
        yield "\n".join(
            ["| key | what |", "|---|---|", *(f"| `{key}` | {_cell(text)} |" for key, text in described.items())]
        )


def library() -> Iterator[str]:
    """Each method of a project with its docstring."""
    yield "## The library"
    yield f"`stagegap.open(folder, cascade=None)`: {_cell(inspect.getdoc(stagegap.open))}"
    for name, method in vars(Project).items():
        if not name.startswith("_") and inspect.isfunction(method):
            given = ", ".join(
                str(value).partition(":")[0] for value in list(inspect.signature(method).parameters.values())[1:]
            )
            yield f"### `project.{name}({given})`"
            yield _cell(inspect.getdoc(method))


def _cell(text: str | None) -> str:
    return " ".join((text or "").split()).replace("|", "\\|").replace("<", "&lt;")


def reference() -> str:
    """The page."""
    head = "# Reference\n\nMade from the program itself by `make docs`; [guide.md](guide.md) tells it in words."
    return "\n\n".join((head, *commands(), *keys(), *library())) + "\n"


def overview() -> str:
    """The site for language models: its pages, each with its title, as https://llmstxt.org has it."""
    site = tomllib.loads((ROOT / "zensical.toml").read_text("utf-8"))["project"]
    lines = [f"# {site['site_name']}", "", f"> {site['site_description']}", ""]
    for part in site["nav"]:
        ((title, content),) = part.items()
        pages = [page for entry in content for page in entry.values()] if isinstance(content, list) else [content]
        lines += [f"## {title}", ""]
        for page in pages:
            made = page in PAGES  # it is not there yet in a fresh clone
            heading = ADDRESS.search(PAGES[page]() if made else (ROOT / "docs" / page).read_text("utf-8"))
            lines.append(f"- [{heading[1] if heading else page}]({page})")
        lines.append("")
    return "\n".join(lines)


PAGES = {"reference.md": reference, "llms.txt": overview}

if __name__ == "__main__":
    for name, write in PAGES.items():
        (ROOT / "docs" / name).write_text(write(), "utf-8")
