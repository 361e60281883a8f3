"""What other packages may import of a package stands in `__all__` of its `__init__`: nobody imports past the face."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import stagegap

SOURCE = Path(stagegap.__file__).parent
FACED = ("store", "runner", "workspace", "library", "ui", "cli")
"""Packages whose users are held to their faces."""


def imports(path: Path) -> Iterator[tuple[str, tuple[str, ...], int]]:
    """Module that each `import ... from` of a file names, with the names taken of it and the line."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module, tuple(alias.name for alias in node.names), node.lineno
        elif isinstance(node, ast.Import):
            yield from ((alias.name, (), node.lineno) for alias in node.names)


def faces() -> dict[str, frozenset[str]]:
    """Names in the `__all__` of each package that has a face, read without importing it."""
    named: dict[str, frozenset[str]] = {}
    for package in FACED:
        tree = ast.parse((SOURCE / package / "__init__.py").read_text(encoding="utf-8"))
        lists = [
            ast.literal_eval(node.value)
            for node in tree.body
            if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == "__all__" for t in node.targets)
        ]
        assert len(lists) == 1, f"{package}/__init__.py has one __all__"
        named[package] = frozenset(lists[0])
    return named


@pytest.mark.parametrize("package", FACED)
def test_nobody_imports_past_the_face_of_a_package(package: str) -> None:
    face = faces()[package]
    past = [
        f"{path.relative_to(SOURCE)}:{line} takes {', '.join(names) or 'the module'} from {module}"
        for path in sorted(SOURCE.rglob("*.py"))
        if path.relative_to(SOURCE).parts[0] != package
        for module, names, line in imports(path)
        if f"{module}.".startswith(f"stagegap.{package}.")
        and not (module == f"stagegap.{package}" and face.issuperset(names) and names)
    ]
    assert past == []


def test_every_name_of_a_face_can_be_had() -> None:
    from importlib import import_module

    missing = [
        f"{package}.{name}"
        for package, names in faces().items()
        for name in names
        if not hasattr(import_module(f"stagegap.{package}"), name)
    ]
    assert missing == []
