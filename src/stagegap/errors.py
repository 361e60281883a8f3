"""Every error that stagegap raises on purpose.

    StagegapError
    ├── ConfigurationError      the user's files or arguments are wrong; exit code 2
    │   ├── SpecError           a cascade file does not load; carries every Problem of the file
    │   ├── InputError          records, references or labels that cannot be taken in
    │   ├── MediaError          a picture, recording or document that can't be used
    │   └── NotFound            no such run, stage, record or workspace
    ├── StoreError              the store cannot be used as it is; exit code 3
    │   ├── StoreBusy           another program holds the file
    │   ├── StoreDamaged        the file is not a store, or fails its checksums
    │   └── StoreVersion        the file was written by another version of the program
    │       ├── StoreOlder      by an older one: opening it brings it up to date
    │       └── StoreNewer      by a newer one: nothing here may change it
    └── RunStopped              a run ended before its last call, and says why; exit code 4

Each message is a full sentence: what is wrong, where, what was found, what would be right.
The command line prints it without a traceback; any other exception is a bug and keeps its traceback.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

MOST_NAMES = 5_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is wrong in a user's file, with the place where it stands."""

    message: str
    path: str
    """File as the user named it."""
    line: int | None = None
    """Counted from 1."""
    hint: str = ""
    """What would be right: the nearest known names, the expected form."""

    def __str__(self) -> str:
        place = f"{self.path}:{self.line}" if self.line is not None else self.path
        return f"{place}: {self.message}" + (f" {self.hint}" if self.hint else "")


class StagegapError(Exception):
    """Any error that is not a bug of stagegap."""

    exit_code = 1


class ConfigurationError(StagegapError):
    """The user's files or arguments are wrong."""

    exit_code = 2


class SpecError(ConfigurationError):
    """A cascade file does not load."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class InputError(ConfigurationError):
    """Records, references or labels that cannot be taken in."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class MediaError(ConfigurationError):
    """A picture, recording or document of the project that can't be used, or that lies outside its folder."""


class NotFound(ConfigurationError):
    """No such run, stage, record or workspace."""


class StoreError(StagegapError):
    """The store cannot be used as it is."""

    exit_code = 3


CLOSED_IN_USE = (
    "was closed while the program worked with it, as code of a stage can do. "
    "What was acknowledged is kept; run it again to go on."
)
"""What is said of a file of the store whose connection is gone, after its path."""


class StoreBusy(StoreError):
    """Another program holds the DuckDB file."""


class StoreDamaged(StoreError):
    """The file is not a store, or fails its checksums."""


class StoreVersion(StoreError):
    """The file was written by another version of the program."""


class StoreOlder(StoreVersion):
    """The file was written by an older program: the next command that opens it brings it up to date."""


class StoreNewer(StoreVersion):
    """The file was written by a newer program, and a rebuild by this one would lose what it knows."""


class RunStopped(StagegapError):
    """A run ended before its last call; what was acknowledged is kept."""

    exit_code = 4


class AnswersLost(StagegapError):
    """A run is done, and more than one answer in a hundred of a stage was lost to infrastructure."""

    exit_code = 6


def require(package: str, what: str, *, extra: str) -> None:
    """Nothing where `package` is installed. Raises: ConfigurationError that names the extra which brings it.

    >>> require("json", "Reading", extra="app")
    """
    from importlib.util import find_spec

    try:
        is_there = find_spec(package) is not None
    except ModuleNotFoundError:  # of a part of a package that is not there
        is_there = False
    if not is_there:
        raise ConfigurationError(
            f"{what} needs {package}, which is not installed: `pip install 'stagegap[{extra}]'` brings it."
        )


def near_names(unknown: str, known: Iterable[str]) -> str:
    """A hint with the known names most like `unknown`, or with all of them when they are few.

    Among more than 5,000 names none is looked for: the search would take longer than the reader.

    >>> near_names("retreive", ["route", "retrieve", "draft"])
    'Did you mean retrieve?'
    >>> near_names("x", ["route", "draft"])
    'Known: draft, route.'
    """
    from difflib import get_close_matches

    names = sorted(set(known))
    if len(names) > MOST_NAMES:
        return ""
    close = get_close_matches(unknown, names, n=2, cutoff=0.6)
    if close:
        return f"Did you mean {' or '.join(close)}?"
    if not names:
        return ""
    first = names[:12]
    return f"Known: {', '.join(first)}{', ...' if len(names) > len(first) else ''}."


def undecodable(error: UnicodeDecodeError) -> tuple[int, str]:
    """The line of a byte that is no UTF-8, and what is wrong with it."""
    content = bytes(error.object)
    return content.count(b"\n", 0, error.start) + 1, f"found the byte {content[error.start]:#04x}, which is no UTF-8."
