"""The command line: parse, one call on the workspace, print, exit code.

Exit codes: 0 done; 1 an expectation is not met; 2 configuration or input is wrong; 3 the store can't be used;
4 a run stopped before its end; 5 a check can't be decided; 6 too much was lost to infrastructure; 130 interrupted.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import cache
from typing import NoReturn

__all__ = ["main"]

INTERRUPTED = 130


def main() -> None:
    """Run the command line; errors that are no bugs are printed without a traceback."""
    from typer.exceptions import TyperException

    from stagegap import redaction
    from stagegap.cli.options import mistyped
    from stagegap.errors import StagegapError

    redaction.guard_streams()
    try:
        code = _program()(prog_name="stagegap", standalone_mode=False)
        if code == INTERRUPTED:  # typer made it of Ctrl-C
            raise KeyboardInterrupt
        sys.exit(code)
    except TyperException as error:
        _end(mistyped(error), error.exit_code)
    except StagegapError as error:
        _end(str(error), error.exit_code)
    except OSError as error:
        if error.filename is None:
            raise
        _end(f"{error.filename}: {error.strerror}.", 2)
    except KeyboardInterrupt:
        _end("Stopped. What was acknowledged is kept; the same command goes on where it stopped.", INTERRUPTED)


@cache
def _program() -> Callable[..., int | None]:
    """All commands with their options; made once a process, for reading their signatures takes time."""
    from typer.main import get_command

    from stagegap.cli.commands import application

    return get_command(application)


def _end(sentence: str, code: int) -> NoReturn:
    from stagegap.cli.printed import complain

    complain(sentence)
    sys.exit(code)
