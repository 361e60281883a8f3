"""A function of the user's own, found by the name of its file and loaded as it is now."""

from __future__ import annotations

import importlib.util
import inspect
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from types import ModuleType

from stagegap.errors import ConfigurationError, near_names
from stagegap.stages.code import Code, code_of, forget_changed, mark_loaded, project_first, without_bytecode
from stagegap.stages.guards import FOREIGN, guard


@dataclass(frozen=True, slots=True, kw_only=True)
class UserFunction:
    """A function of the user's own, with the code that it rests on."""

    path: Path
    call: Callable[..., object]
    code: Code


def function_at(where: str, folder: Path, *, start: str) -> UserFunction:
    """The function that `file.py:function` names, loaded afresh when its file or a module that it imports changed.

    `start` begins the sentence of the error. Raises: ConfigurationError when the file or the function can't be had.
    """
    file, _, name = where.rpartition(":")
    path = folder / file
    if not file or not path.is_file():
        raise ConfigurationError(
            f"{start} can't be loaded, because {str(path)!r} is no file. Write `file.py:function`."
        )
    code = code_of(path)
    module = _module(path, code, start)
    if code.missing:  # what the file itself did to the search path shows where they are
        code = code_of(path)
        mark_loaded(code)
        sys.modules[_name(path, code)] = module
    function: object = module
    for part in name.split("."):
        function = getattr(function, part, None)
    if not callable(function):
        own = [key for key, value in vars(module).items() if inspect.isfunction(value)]
        raise ConfigurationError(f"{start} does not stand in {path}. {near_names(name, own)}")
    return UserFunction(path=path, call=function, code=code)


def _name(path: Path, code: Code) -> str:
    return f"{FOREIGN}{sha256(str(path).encode()).hexdigest()[:8]}_{code.digest[:8]}"


def _module(path: Path, code: Code, start: str) -> ModuleType:
    """The file, run as a module of its own under a private name."""
    name = _name(path, code)
    known = sys.modules.get(name)
    if known is not None:
        return known
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ConfigurationError(f"{start} can't be loaded, because {str(path)!r} is no Python file.")
    module = importlib.util.module_from_spec(without_bytecode(spec))
    forget_changed(code)
    guard()
    # Dataclasses and the like look their module up by name while it runs.
    sys.modules[name] = module
    try:
        with project_first(path, code):
            spec.loader.exec_module(module)
    except BaseException as error:  # a foreign file may raise anything while it is loaded
        del sys.modules[name]
        lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
        line = error.lineno if isinstance(error, SyntaxError) else lines[-1] if lines else None
        place = f"{path}:{line}" if line else str(path)
        raise ConfigurationError(f"{start} can't be loaded: {place} raised {error_text(error)}.") from error
    mark_loaded(code)
    return module


def error_text(error: BaseException) -> str:
    """Type and text of an exception on one line; an exception of foreign code may have no text that can be had."""
    try:
        text = " ".join(str(error).split())
    except BaseException as odd:  # noqa: BLE001  # `__str__` is foreign code too
        text = f"its text can't be had, {type(odd).__name__} came instead"
    return f"{type(error).__name__}: {text}".strip(": ")
