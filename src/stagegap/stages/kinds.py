"""Kinds of stages: what each says about itself, and where it is found by the word behind `uses`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from pkgutil import iter_modules
from typing import TYPE_CHECKING, TypeVar

from stagegap.errors import ConfigurationError, near_names
from stagegap.model.canonical import digest
from stagegap.model.cascade import OutputType, Stage
from stagegap.model.record import Json
from stagegap.plugins import STAGES, Plugin, added, names_added, refuse_taken
from stagegap.stages.corpus import Corpus
from stagegap.stages.pace import Providers
from stagegap.stages.protocol import Inputs, Reply, StageCode
from stagegap.stages.settings import Block, Parameters, Points, Problem, Remark, pointers

if TYPE_CHECKING:
    from stagegap.stages.fitted import Shelf

PACKAGE = "stagegap.stages"
"""A module of it that holds `KIND` is a kind of stage, called as the module is."""
S = TypeVar("S", bound=Block)


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a stage is built in."""

    folder: Path
    """Where relative paths start."""
    corpora: Mapping[str, Corpus]
    environment: Mapping[str, str]
    """Where secrets are looked up, at the first call."""
    providers: Providers
    """Shared by the stages of a cascade."""
    examples: Sequence[tuple[Inputs, Json]] = ()
    """Inputs and references of the split that the stage learns from."""
    recorded: Mapping[str, Reply] = field(default_factory=dict[str, Reply])
    """What was written down, by record id; values are as they stand in the file."""
    media: Path | None = None
    """Folder of the records' pictures, recordings and documents; None where they have none."""
    shelf: Shelf | None = None
    """Where it is kept what stages make when they are trained; None where nothing is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A stage as it stands in a cascade file, with what its checks need to know of the rest."""

    settings: Block
    inputs: Mapping[str, str]
    output: OutputType
    corpora: Mapping[str, tuple[str, ...]]
    """Fields of the documents that each corpus shows: id, title and text."""
    has_references: bool
    has_split: bool
    """True when the records say which split they belong to."""
    evaluates: str | None
    """The split that is scored."""

    def of(self, settings: type[S]) -> S:
        """The settings as those of a kind."""
        assert isinstance(self.settings, settings), "a kind is handed settings of its own"
        return self.settings


def _never(_: Parameters, /) -> bool:
    return False


def _nothing(_: Parameters, /) -> str | None:
    return None


def _no_problem(_: Draft, /) -> Iterator[Problem]:
    return iter(())


def _no_remark(_: Draft, _environment: Mapping[str, str], /) -> Iterator[Remark]:
    return iter(())


@dataclass(frozen=True, slots=True, kw_only=True)
class StageKind:
    """All that the rest of the program asks about a kind of stage."""

    summary: str
    """One sentence for the schema: how it answers."""
    settings: type[Block] | None
    """What may stand under `with`; None for a kind that no cascade file can name."""
    build: Callable[[Stage, Surroundings], StageCode]
    """The code that answers; nothing is trained, indexed or called yet. Raises: ConfigurationError."""
    check: Callable[[Draft], Iterator[Problem]] = _no_problem
    """What does not fit between its settings and the rest of the file."""
    study: Callable[[Draft, Mapping[str, str]], Iterator[Remark]] = _no_remark
    """What does not fit between its inputs and the files that it names, which are read and never run, and which
    variables of the environment it lacks."""
    is_paid: Callable[[Parameters], bool] = _never
    """Whether a call asks a provider, which may cost money and has limits."""
    learns_from: Callable[[Parameters], str | None] = _nothing
    """The split whose references it is trained on."""
    draws: bool = False
    """True when the same inputs may get another answer."""
    is_recorded: bool = False
    """True when its outputs were written down: it reads no inputs, and can't answer others."""
    takes_files: bool = False
    """True when pictures, recordings and documents may be among its inputs."""
    is_one_by_one: bool = False
    """True when it answers one call at a time, whatever its concurrency."""

    @property
    def pointers(self) -> Mapping[str, Points]:
        """Which settings name files."""
        return pointers(self.settings) if self.settings else {}


def kind_of(stage: Stage) -> StageKind:
    """The kind of a stage. Raises: ConfigurationError for one that is not known."""
    kind = named(stage.uses)
    if kind is None:
        raise ConfigurationError(
            f"Stage {stage.name!r} uses the unknown kind {stage.uses!r}. {near_names(stage.uses, kinds())}"
        )
    return kind


@cache
def named(name: str) -> StageKind | None:
    """The kind of that name; None where there is none."""
    home = f"{PACKAGE}.{name}"
    if not name.isidentifier() or find_spec(home) is None:
        plugin = added(STAGES, name, StageKind)
        return plugin and replace(plugin.value, build=partial(_built, plugin))
    refuse_taken(STAGES, (name,))
    kind: object = getattr(import_module(home), "KIND", None)
    return kind if isinstance(kind, StageKind) else None


def _built(plugin: Plugin[StageKind], stage: Stage, around: Surroundings) -> StageCode:
    """The code of a kind that a package adds; another version of the package is other code."""
    code = plugin.value.build(stage, around)
    code.fingerprint = digest([plugin.name, plugin.package, plugin.version, code.fingerprint])
    return code


@cache
def kinds() -> Mapping[str, StageKind]:
    """Every kind that a cascade file can name, in alphabetical order, then those of other packages."""
    modules = sorted(module.name for module in iter_modules(import_module(PACKAGE).__path__))
    by_name = {name: named(name) for name in (*modules, *names_added(STAGES))}
    return {name: kind for name, kind in by_name.items() if kind is not None and kind.settings is not None}
