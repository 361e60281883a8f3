"""The verbs. Each reads its arguments, makes one call on the workspace, prints, and names the next command."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

application = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Which stage of the cascade holds you back, against people?",
)

CascadeArgument = Annotated[
    Path | None, typer.Argument(help="Cascade file; the only one under pipelines/ where there is one.", show_default=False)
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
RunOption = Annotated[str | None, typer.Option("--run", help="Name of the run, for example v3; the newest by default.")]
