"""The list of commands that `stagegap --help` prints: by what somebody is about to do."""

from __future__ import annotations

from typing import Any

from typer.core import TyperGroup

from stagegap.registry import VIEWS

_OTHERS = {
    "Begin": ("demo", "init", "validate", "schema", "traces", "doctor"),
    "Run": ("plan", "run"),
    "Label": ("label", "history", "import", "export"),
    "Read": ("app", "report"),
    "Change": ("expect",),
    "Hold the line": ("bless",),
}
"""Commands that print no view; those that do are in the registry."""
SECTIONS = {
    heading: (*names, *(view.command for view in VIEWS if view.command and view.section == heading))
    for heading, names in _OTHERS.items()
}
LONGEST = 120
"""Characters of the sentence beside a command."""
LAST = "More"
"""Where a command stands that no section names."""


class Sections(TyperGroup):
    """A group that lists its commands in sections."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write one table a section, all with the same first column."""
        named = {name for names in SECTIONS.values() for name in names}
        rest = tuple(name for name in self.list_commands(ctx) if name not in named)
        width = max(map(len, self.commands))
        for heading, names in {**SECTIONS, LAST: rest}.items():
            rows = [
                (name.ljust(width), command.get_short_help_str(LONGEST))
                for name in names
                if (command := self.commands.get(name)) is not None and not command.hidden
            ]
            if rows:
                with formatter.section(heading):
                    formatter.write_dl(rows)
