"""The list of commands that `stagegap --help` prints: by what somebody is about to do."""

from __future__ import annotations

from typing import Any

from typer.core import TyperGroup

SECTIONS = {
    "Begin": ("demo", "init", "validate", "schema", "traces", "doctor"),
    "Run": ("plan", "run", "overnight", "runs", "reproduce"),
    "Label": ("label", "history", "import", "export"),
    "Read": (
        "app",
        "show",
        "report",
        "blame",
        "swaps",
        "faults",
        "slices",
        "odd",
        "escalation",
        "agree",
        "need",
        "selfcheck",
    ),
    "Change": ("expect", "compare", "changed", "ledger"),
    "Hold the line": ("bless", "check"),
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
