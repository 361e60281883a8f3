"""What other packages add, by their entry points: kinds of stages, metrics, formats of files, detectors of oddities.

Nothing is imported before its name is asked for, or before all of a group are needed.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Generic, TypeVar

from stagegap.errors import ConfigurationError

STAGES = "stagegap.stages"
"""Values are `stagegap.stages.kinds.StageKind`; the name is the word behind `uses`."""
METRICS = "stagegap.metrics"
"""Functions of an output's value and one accepted value, which give a score in [0, 1]."""
TRACES = "stagegap.traces"
"""Values are `stagegap.exchange.spans.TraceFormat`."""
LABELS = "stagegap.labels"
"""Values are `stagegap.exchange.foreign.protocol.Format`."""
DETECTORS = "stagegap.detectors"
"""Values are `stagegap.oddities.card.Detector`."""
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plugin(Generic[T]):
    """Something that another package adds."""

    name: str
    value: T
    package: str
    version: str


@cache
def _entries(group: str) -> Mapping[str, EntryPoint]:
    entries = list(entry_points(group=group))
    for entry in entries:
        others = {_package(other) for other in entries if other.name == entry.name}
        if len(others) > 1:
            both = " and ".join(sorted(others))
            raise ConfigurationError(f"The packages {both} both add {entry.name!r} to {group}. Uninstall one of them.")
    return {entry.name: entry for entry in entries}


def _package(entry: EntryPoint) -> str:
    return entry.dist.name if entry.dist else entry.value


def added(group: str, name: str, kind: type[T] | None = None) -> Plugin[T] | None:
    """What a package adds under that name; None where none does.

    Raises: ConfigurationError where it can't be imported, or is no `kind`, or nothing that can be called.
    """
    entry = _entries(group).get(name)
    if entry is None:
        return None
    where = f"{name!r}, which the package {_package(entry)} adds to {group},"
    try:
        value = entry.load()
    except Exception as error:  # a foreign package may raise anything while it is imported
        message = f"{where} can't be imported: {type(error).__name__}: {error}. Mend or uninstall {_package(entry)}."
        raise ConfigurationError(message) from error
    if not (callable(value) if kind is None else isinstance(value, kind)):
        wanted = "a function" if kind is None else f"a {kind.__name__}"
        raise ConfigurationError(f"{where} is no {wanted.removeprefix('a ')}: {entry.value} is {value!r:.80}.")
    version = entry.dist.version if entry.dist else ""
    return Plugin(name=name, value=value, package=_package(entry), version=version)


def names_added(group: str) -> Sequence[str]:
    """The names that packages add to a group, none of which is imported."""
    return sorted(_entries(group))


def all_added(group: str, kind: type[T]) -> Sequence[Plugin[T]]:
    """Everything that packages add to a group, by name. Raises: as `added`."""
    return [plugin for name in names_added(group) if (plugin := added(group, name, kind)) is not None]


def with_added(group: str, kind: type[T], own: Mapping[str, T]) -> Mapping[str, T]:
    """What packages add, by the names of their entry points, then what the program has itself.

    Raises: as `added` and `refuse_taken`.
    """
    refuse_taken(group, own)
    return {**{plugin.name: plugin.value for plugin in all_added(group, kind)}, **own}


def refuse_taken(group: str, own: Container[str]) -> None:
    """Refuse a package that adds what the program has itself: neither silently stands for the other.

    Raises: ConfigurationError.
    """
    for name, entry in _entries(group).items():
        if name in own:
            raise ConfigurationError(
                f"The package {_package(entry)} adds {name!r} to {group}, which is a name of stagegap's own. "
                "Give it another name there, or uninstall it."
            )


def source_of(metric: str) -> str | None:
    """The file of a metric that a package adds; None for other names. Raises: as `added`."""
    plugin: Plugin[Callable[..., object]] | None = added(METRICS, metric)
    return None if plugin is None else inspect.getfile(inspect.unwrap(plugin.value))
