"""The code that a user's function rests on: its file, the project's modules that it imports, installed packages."""

from __future__ import annotations

import ast
import contextlib
import importlib.util
import sys
import warnings
from collections.abc import Collection, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from importlib import metadata
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import TypeAlias

from stagegap.errors import near_names
from stagegap.model.canonical import digest
from stagegap.model.record import Json
from stagegap.model.run import STORE
from stagegap.stages.settings import Remark

OURS = "stagegap"
"""Our own package: a function that marks itself with `batch` keeps its answers when stagegap is updated."""
INSTALLED = ("site-packages", "dist-packages")
"""Folders of installed packages; modules that lie elsewhere are the project's own, editable installs among them."""
LOADED = "__stagegap_loaded__"
"""Attribute of a loaded module with the hash of what its file held."""
PROJECT_MARKS = (STORE, "pyproject.toml", ".git")
"""A folder that holds one of them is where a project begins."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """What decides what a user's function does, as far as reading can tell."""

    digest: str
    """Equal for equal code; the hash of the file's bytes where it imports nothing but the standard library."""
    modules: Mapping[str, tuple[Path, ...]]
    """The project's modules that it imports, directly or through each other: name -> file, or all that it may be."""
    packages: Mapping[str, str]
    """Version of each installed package that the project's files import, by name of the import."""
    unseen: tuple[str, ...]
    """Imports that can't be followed, as `stages.py:12`: their names are made while the code runs."""
    missing: tuple[str, ...]
    """Imports that are found nowhere, optional ones perhaps."""

    @property
    def files(self) -> tuple[Path, ...]:
        """The files of its modules."""
        return tuple(sorted(path for paths in self.modules.values() for path in paths))


def code_of(path: Path) -> Code:
    """Code that a Python file rests on, transitively; the file is read and never run. Raises: OSError.

    A module is looked for beside the file that imports it, in the folders above it up to where the project begins, and
    where Python looks. One that stands in several of these places counts with each: what a file does to `sys.path`
    decides between them.
    """
    source = path.read_bytes()
    walk = _Walk(path)
    walk.follow(source)
    own, missing = sha256(source).hexdigest(), tuple(sorted(walk.missing))
    is_alone = not walk.contents and not walk.packages and not missing
    contents: Json = {name: sorted(files.values()) for name, files in walk.contents.items()}
    return Code(
        digest=own if is_alone else digest([own, contents, walk.packages, missing]),
        modules={name: tuple(files) for name, files in sorted(walk.contents.items())},
        packages=dict(sorted(walk.packages.items())),
        unseen=tuple(walk.unseen),
        missing=missing,
    )


Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef
_LOOKS_AT_ALL = frozenset({"locals", "vars", "eval", "exec"})
"""A function that calls one of them may use any of its arguments."""


def call_remarks(where: str, inputs: Collection[str], *, first: bool = False) -> Iterator[Remark]:
    """What does not fit where `file.py:function` is called with the inputs by name; the file is read and never run.

    `first` says that something stands before them, by its place.
    """
    file, _, name = where.rpartition(":")
    function = written_function(Path(file), name)
    if function is None:
        return
    positional, named, needed = _parameters(function)
    start = f"the function {name}"
    if first and (positional or named):
        taken = (positional or named)[0]
        positional, named = positional[1:], [argument for argument in named if argument != taken]
        needed = [argument for argument in needed if argument != taken]
    for argument in positional:
        yield Remark(
            f"{start} takes {argument!r} by its place, and is called by name.",
            "Remove the `/`.",
            path=file,
            line=function.lineno,
        )
    for argument in inputs:
        if function.args.kwarg is None and argument not in (*named, *positional):
            message = f"{start} ({file}:{function.lineno}) has no argument {argument!r}."
            yield Remark(message, near_names(argument, named), keys=("inputs", argument))
    for argument in needed:
        if argument not in inputs:
            yield Remark(
                f"{start} needs the argument {argument!r}, which is no input of the stage.",
                near_names(argument, inputs),
                path=file,
                line=function.lineno,
            )
    used = {node.id for node in ast.walk(function) if isinstance(node, ast.Name)}
    for argument in named:
        if argument in inputs and argument not in used and not used & _LOOKS_AT_ALL:
            message = f"{start} ({file}:{function.lineno}) never uses the input {argument!r}."
            yield Remark(message, keys=("inputs", argument), is_hint=True)


def count_remark(where: str, arguments: int, *, what: str) -> Remark | None:
    """What does not fit where `file.py:function` is called with so many arguments by their place."""
    file, _, name = where.rpartition(":")
    function = written_function(Path(file), name)
    if function is None:
        return None
    given = function.args
    places = len(given.posonlyargs) + len(given.args)
    most = places if given.vararg is None else max(places, arguments)
    named = [a.arg for a, value in zip(given.kwonlyargs, given.kw_defaults, strict=True) if value is None]
    if places - len(given.defaults) <= arguments <= most and not named:
        return None
    return Remark(f"the function {name} can't be called with {what}.", path=file, line=function.lineno)


def written_function(path: Path, name: str) -> Function | None:
    """The function as it is written; None where there is no plain one: a class, an import, one that a decorator makes.

    A decorator of ours changes no argument.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            module = ast.parse(path.read_bytes(), str(path))
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    written = [statement for statement in module.body if name in _bound(statement)]
    last = written[-1] if written else None
    if not isinstance(last, Function) or any(_called(mark) != "batch" for mark in last.decorator_list):
        return None
    return last


def _bound(statement: ast.stmt) -> set[str]:
    """The names that a statement at the top of a file binds, as far as reading can tell."""
    names = {node.id for node in ast.walk(statement) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    if isinstance(statement, Function | ast.ClassDef):
        return {statement.name}
    inner = (node for node in ast.walk(statement) if isinstance(node, Function | ast.ClassDef))
    return names | {node.name for node in inner}


def _called(decorator: ast.expr) -> str:
    match decorator:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case _:
            return ""


def _parameters(function: Function) -> tuple[list[str], list[str], list[str]]:
    """Arguments by place only, those by name, and the ones of these that have no default."""
    given = function.args
    plain = [argument.arg for argument in given.args]
    by_name = [argument.arg for argument in given.kwonlyargs]
    without = plain[: max(0, len(plain) - len(given.defaults))]
    named = [a.arg for a, value in zip(given.kwonlyargs, given.kw_defaults, strict=True) if value is None]
    places = given.posonlyargs
    missing = len(places) + len(plain) - len(given.defaults)
    return [argument.arg for argument in places[:missing]], [*plain, *by_name], [*without, *named]


def forget_changed(code: Code) -> None:
    """Let the project's modules be imported afresh where one changed, or may have been loaded for somebody else.

    All of them: those that did not change may hold on to what did.
    """
    loaded = {name: module for name in code.modules if (module := sys.modules.get(name)) is not None}
    is_certain = all(code.modules[name] == (_file(module),) for name, module in loaded.items())
    if not is_certain or any(vars(module).get(LOADED, now) != now for module, now in _with_contents(loaded)):
        importlib.invalidate_caches()
        for name in loaded:
            del sys.modules[name]


def mark_loaded(code: Code) -> None:
    """Note at each of the project's modules what its file held when it was loaded."""
    loaded = {name: module for name in code.modules if (module := sys.modules.get(name)) is not None}
    for module, content in _with_contents(loaded):
        vars(module).setdefault(LOADED, content)


def _with_contents(modules: Mapping[str, ModuleType]) -> Iterator[tuple[ModuleType, str]]:
    for module in modules.values():
        file = _file(module)
        if file is not None and file.is_file():
            yield module, sha256(file.read_bytes()).hexdigest()


def _file(module: ModuleType) -> Path | None:
    return Path(module.__file__).resolve() if module.__file__ else None


class _Walk:
    """Follows imports from file to file, each once."""

    def __init__(self, path: Path) -> None:
        self.contents: dict[str, dict[Path, str]] = {}
        """Module -> its file, or the several that it may be -> hash of the bytes."""
        self.packages: dict[str, str] = {}
        self.unseen: list[str] = []
        self.missing: set[str] = set()
        self._folders = [str(folder) for folder in project_folders(path)]
        self._read = {path.resolve()}
        self._path = path
        self._waiting: list[tuple[Path, bytes, str]] = []
        """Files whose imports are to be followed, with their packages: a list, for one may lead through thousands."""

    def follow(self, source: bytes) -> None:
        """Take in what the first file imports, and what that imports."""
        self._waiting.append((self._path, source, ""))
        while self._waiting:
            self._imported(*self._waiting.pop())

    def _imported(self, path: Path, source: bytes, package: str) -> None:
        """Take in what the file imports. `package` is the one that it belongs to, for relative imports."""
        imports = _imports(source)
        self.unseen += [f"{path.name}:{line}" for line in imports.unseen]
        for name, level, members in imports.names:
            whole = _absolute(name, level, package)
            if whole is not None and whole.partition(".")[0] != OURS and self._module(whole):
                for member in members:
                    self._module(f"{whole}.{member}")

    def _module(self, name: str) -> bool:
        """Take in a module and the packages above it; False where it is not the project's own."""
        top, *rest = name.split(".")
        specs = list(_beside(top, self._folders))
        if top in sys.stdlib_module_names:
            if not specs:
                return False
        elif (known := _known(top)) is not None:
            specs.append(known)
        own = [spec for spec in specs if not _is_installed(spec)]
        if specs and len(own) < len(specs):
            self.packages.setdefault(top, _version(top))
        if not specs:
            self._look_into_loaded(top)
        for spec in own:
            self._take(top, spec)
            self._descend(top, spec, rest)
        return bool(own)

    def _descend(self, name: str, spec: ModuleSpec, rest: Sequence[str]) -> None:
        """Take in the modules inside a package, one below the other."""
        if not rest or spec.submodule_search_locations is None:
            return
        inner = f"{name}.{rest[0]}"
        # By its last word: a folder without `__init__` would look its parent up among the modules that are loaded.
        inner_spec = PathFinder.find_spec(rest[0], list(spec.submodule_search_locations))
        if inner_spec is not None:
            self._take(inner, inner_spec)
            self._descend(inner, inner_spec, rest[1:])

    def _look_into_loaded(self, top: str) -> None:
        """Take in a module that only the running code could find, through a path or a finder of its own."""
        file = getattr(sys.modules.get(top), "__file__", None)
        if isinstance(file, str) and Path(file).is_file():
            self._take(top, importlib.util.spec_from_file_location(top, file))
        else:
            self.missing.add(top)

    def _take(self, name: str, spec: ModuleSpec | None) -> None:
        origin = spec.origin if spec else None
        if spec is None or origin is None or not Path(origin).is_file():
            return  # a namespace package has no code of its own
        path = Path(origin).resolve()
        if path in self._read:
            return
        self._read.add(path)
        source = path.read_bytes()
        self.contents.setdefault(name, {})[path] = sha256(source).hexdigest()
        if path.suffix == ".py":
            is_package = spec.submodule_search_locations is not None
            self._waiting.append((path, source, name if is_package else name.rpartition(".")[0]))


@dataclass(frozen=True, slots=True)
class _Imports:
    names: tuple[tuple[str, int, tuple[str, ...]], ...]
    """Module, level of a relative import, and what is taken from it, which may be modules too."""
    unseen: tuple[int, ...]
    """Lines that import a name made at run time."""


@lru_cache(maxsize=4_096)
def _imports(source: bytes) -> _Imports:
    """All that a file imports, wherever in it; nothing of one that is no Python: loading it says so."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return _Imports((), ())
    names: list[tuple[str, int, tuple[str, ...]]] = []
    unseen: list[int] = []
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=aliases):
                names += [(alias.name, 0, ()) for alias in aliases]
            case ast.ImportFrom(module=module, names=aliases, level=level):
                names.append((module or "", level, tuple(alias.name for alias in aliases if alias.name != "*")))
            case (
                ast.Call(func=ast.Name(id="__import__" | "import_module"), args=[first, *_])
                | ast.Call(func=ast.Attribute(attr="import_module"), args=[first, *_])
            ):
                if isinstance(first, ast.Constant) and isinstance(first.value, str):
                    names.append((first.value.lstrip("."), 0, ()))
                else:
                    unseen.append(node.lineno)
            case _:
                pass
    return _Imports(tuple(names), tuple(unseen))


def _absolute(name: str, level: int, package: str) -> str | None:
    """Name of what is imported; None for a relative import outside of a package."""
    if not level:
        return name or None
    parts = package.split(".") if package else []
    if level > len(parts):
        return None
    return ".".join([*parts[: len(parts) - level + 1], *([name] if name else [])])


def project_folders(path: Path) -> Iterator[Path]:
    """The file's folder and those above it, up to where the project begins; only its own where it has no project."""
    above = path.resolve().parents
    last = next((n for n, folder in enumerate(above) if any((folder / mark).exists() for mark in PROJECT_MARKS)), 0)
    yield from above[: last + 1]
    yield above[last] / "src"


@contextlib.contextmanager
def project_first(path: Path, code: Code) -> Generator[None]:
    """Let the project's own modules be imported: before all others meanwhile, and after them from then on."""
    if not code.modules and not code.missing:
        yield
        return
    folders = [str(folder) for folder in project_folders(path) if folder.is_dir()]
    _SOURCES.watch(folders)
    before = list(sys.path)
    sys.path[:0] = folders
    try:
        yield
    finally:
        # What the file itself did to the path stays.
        rest = sys.path[len(folders) :] if sys.path[: len(folders)] == folders else [*sys.path]
        known = {*before, *rest}
        sys.path[:] = [*rest, *(folder for folder in folders if folder not in known)]


class _FileAsItIs(SourceFileLoader):
    """Compiles what stands in the file: Python holds bytecode for fresh by the second and the size of a file alone."""

    def get_code(self, fullname: str) -> CodeType:
        """Code of the module, compiled now."""
        path = self.get_filename(fullname)
        return self.source_to_code(self.get_data(path), path)


def without_bytecode(spec: ModuleSpec) -> ModuleSpec:
    """The same module, compiled from the very file that its key was made of."""
    if type(spec.loader) is SourceFileLoader:
        spec.loader = _FileAsItIs(spec.loader.name, spec.loader.path)
    return spec


class _ProjectSources:
    """Finds modules as Python does; those of projects are compiled from the files that their keys are made of."""

    def __init__(self) -> None:
        self._folders: set[str] = set()

    def watch(self, folders: Sequence[str]) -> None:
        """Modules below these folders are compiled from their files, whenever they are imported."""
        self._folders.update(folders)
        if self not in sys.meta_path:
            at = sys.meta_path.index(PathFinder) if PathFinder in sys.meta_path else len(sys.meta_path)
            sys.meta_path.insert(at, self)

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """What Python itself would find, if it is a module of a project; None for all others."""
        spec = PathFinder.find_spec(name, path, target)
        if spec is None or spec.origin is None:
            return None
        file = Path(spec.origin)
        if "site-packages" in file.parts or not any(file.is_relative_to(folder) for folder in self._folders):
            return None
        return without_bytecode(spec)


_SOURCES = _ProjectSources()


def _beside(top: str, folders: list[str]) -> Iterator[ModuleSpec]:
    for folder in folders:
        spec = PathFinder.find_spec(top, [folder])
        # A folder without code is a namespace package wherever somebody looks for it: only files are certain here.
        if spec is not None and spec.origin is not None:
            yield spec


def _known(top: str) -> ModuleSpec | None:
    """Where Python would find the module now, whatever it has loaded under that name."""
    for finder in sys.meta_path:
        with contextlib.suppress(ImportError, AttributeError, ValueError):
            spec = finder.find_spec(top, None)
            if spec is not None:
                return spec
    return None


def _is_installed(spec: ModuleSpec) -> bool:
    places = [spec.origin] if spec.origin else list(spec.submodule_search_locations or ())
    if any(part in INSTALLED for place in places for part in Path(place).parts):
        return True
    homes = {Path(place).parents[spec.submodule_search_locations is not None and bool(spec.origin)] for place in places}
    return any(spec.name in _tops(home) for home in homes)


@lru_cache(maxsize=64)
def _tops(folder: Path) -> frozenset[str]:
    """What is imported of the packages that lie in a folder with their lists of files, as `pip --target` leaves it."""
    lists = (package.files or () for package in metadata.distributions(path=[str(folder)]))
    return frozenset(file.parts[0].partition(".")[0] for files in lists for file in files)


@lru_cache(maxsize=1_024)
def _version(top: str) -> str:
    """Version of the installed distribution that gives an import; empty where none says that it does."""
    try:
        return metadata.version(top)
    except metadata.PackageNotFoundError:
        names = metadata.packages_distributions().get(top, ())  # reads the lists of all distributions: 100 ms
        return ", ".join(f"{name} {metadata.version(name)}" for name in sorted(set(names)))
