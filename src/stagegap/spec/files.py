"""The files that a cascade names: they must be there, within bounds, and a Python file must hold its function."""

from __future__ import annotations

import ast
import glob
import os
import stat
import warnings
from pathlib import Path

from stagegap.errors import near_names, undecodable
from stagegap.spec.nodes import Findings, Mark, quoted
from stagegap.stages.settings import many

LARGEST = 1_000_000
"""Bytes of a file."""


def read_text(path: Path, named: str, findings: Findings) -> str | None:
    """The text of a file of moderate size; None with a problem where that is not possible."""
    place = Mark(named, None)
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            findings.add(place, "this is not a file.", "Give the path of a cascade file.")
            return None
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except FileNotFoundError:
        findings.add(place, "there is no such file.", near_names(path.name, siblings(path)))
        return None
    except (OSError, ValueError) as error:
        findings.add(place, f"the file can't be read: {getattr(error, 'strerror', None) or error}.")
        return None
    if len(content) > LARGEST:
        findings.add(place, f"the file is larger than {LARGEST:,} bytes; a cascade file is small.")
        return None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line, problem = undecodable(error)
        findings.add(Mark(named, line), problem, "Save it as UTF-8.")
        return None


def siblings(path: Path) -> list[str]:
    """The names that stand in the folder of `path`; none where it can't be listed."""
    try:
        return sorted(entry.name for entry in path.parent.iterdir())
    except OSError:
        return []


def located(paths: str | list[str]) -> tuple[str, ...]:
    """The files that paths name: each as it stands, or all that a pattern finds, in order of their names.

    A pattern that finds none stays, so that it is reported as what is not there.
    """
    files: dict[str, None] = {}
    for path in many(paths):
        is_pattern = glob.has_magic(path) and "\0" not in path and not os.path.exists(path)
        matches = [name for name in sorted(glob.glob(path, recursive=True)) if os.path.isfile(name)]
        files.update(dict.fromkeys(matches if is_pattern and matches else [path]))
    return tuple(files)


def check_file(path: str, what: str, mark: Mark, findings: Findings) -> bool:
    """Report a path that is no readable file."""
    if os.path.isdir(path):
        findings.add(mark, f"{what} {path!r} is a folder.", "Name the file in it.")
        return False
    try:
        # A pipe or a device is refused before opening it could wait for ever.
        if not os.path.exists(path) or stat.S_ISREG(os.stat(path).st_mode):
            os.close(os.open(path, os.O_RDONLY))
            return True
        findings.add(mark, f"{what} {path!r} is not a file.")
    except FileNotFoundError:
        findings.add(mark, f"{what} {path!r} is not there.", near_names(os.path.basename(path), siblings(Path(path))))
    except (OSError, ValueError) as error:
        findings.add(mark, f"{what} {quoted(path)} can't be read: {getattr(error, 'strerror', None) or error}.")
    return False


def check_function(where: str, mark: Mark, findings: Findings) -> None:
    """Report a `file.py:function` whose file or function is not there; the file is read, never run."""
    file, _, name = where.rpartition(":")
    if not file or not name.isidentifier():
        findings.add(mark, f"{where!r} names no function.", "Write `file.py:function`.")
        return
    if not check_file(file, "the Python file", mark, findings):
        return
    names = _names(Path(file), mark, findings)
    if names is not None and name not in names:
        findings.add(mark, f"{file} has no function {name!r}.", near_names(name, names))


def _names(path: Path, mark: Mark, findings: Findings) -> list[str] | None:
    """What a Python file defines at its top level; None with a problem where it is no Python."""
    with path.open("rb") as file:
        source = file.read(LARGEST + 1)
    if len(source) > LARGEST:
        findings.add(mark, f"{path} is larger than {LARGEST:,} bytes.", "Put the function into a file of its own.")
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            module = ast.parse(source, str(path))
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = getattr(error, "lineno", None)
        reason = str(getattr(error, "msg", error)) or "it is nested too deeply"  # MemoryError has no words
        findings.add(mark, f"{path}{f':{line}' if line else ''} is no Python: {reason}.")
        return None
    return [name for statement in module.body for name in _defined(statement)]


def _defined(statement: ast.stmt) -> list[str]:
    match statement:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return [name]
        case ast.Assign(targets=targets):
            return [target.id for target in targets if isinstance(target, ast.Name)]
        case ast.ImportFrom(names=names):
            return [alias.asname or alias.name for alias in names]
        case ast.If(body=body, orelse=orelse) | ast.Try(body=body, orelse=orelse):
            return [name for inner in (*body, *orelse) for name in _defined(inner)]
        case _:
            return []
