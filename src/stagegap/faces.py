"""How a package hands out its names: each is imported when somebody asks for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence


def handed_out(package: str, homes: Mapping[str, Sequence[str]]) -> Callable[[str], object]:
    """The `__getattr__` of a package whose names stand in the modules of `homes`: module -> names.

    A page or a command needs one part or two, so none is imported before. Raises, when called: AttributeError.
    """

    def attribute(name: str) -> object:
        from importlib import import_module

        home = next((module for module, names in homes.items() if name in names), None)
        if home is None:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(home), name)

    return attribute
