"""One file and what it extends -> one mapping, with environment and paths resolved."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

from stagegap.spec.files import read_text
from stagegap.spec.nodes import Entries, Entry, Findings, Items, Node, Scalar, child, plain, quoted, without
from stagegap.spec.scalars import substitute
from stagegap.spec.yaml import parse
from stagegap.stages.foundation import VARIABLE
from stagegap.stages.kinds import named
from stagegap.stages.settings import Points

LONGEST_CHAIN = 16
"""Files that extend each other."""

_PATHS = (
    ("records", "path"),
    ("records", "media"),
    ("references", "path"),
    ("ratings", "path"),
    ("corpora", "*", "path"),
    ("stages", "*", "guideline"),
    ("stages", "*", "warmup"),
    ("stages", "*", "form"),
    ("stages", "*", "score"),
    ("stages", "*", "rests_on"),
    ("stages", "*", "score_rests_on"),
    ("stages", "*", "judge", "*", "examples"),
    ("stages", "*", "judge", "*", "rests_on"),
)
"""Where paths stand in every file; a kind of stage says which of its settings name files."""


def expand(path: Path, *, environment: Mapping[str, str], findings: Findings) -> Entries | None:
    """The whole cascade of a file: its base files merged, nearest last; None where a file can't be read.

    Paths in it are absolute: each is relative to the file that it stands in.
    """
    chain: list[tuple[Entries, Path]] = []
    seen: list[Path] = []
    named = str(path)
    while True:
        real = Path(os.path.realpath(path))
        seen.append(real)
        text = read_text(path, named, findings)
        root = parse(text, named, findings) if text is not None else None
        if root is None:
            return None
        node = substitute(root, environment, findings)
        assert isinstance(node, Entries), "substitution keeps the shape"
        chain.append((node, real.parent))
        base = node.entries.get("extends")
        if base is None:
            break
        if not isinstance(base.node, Scalar) or not isinstance(base.node.value, str):
            findings.add(base.key_mark, "extends must be the path of one file.", "Write `extends: base.yaml`.")
            return None
        target = base.node.value
        path = real.parent / target
        named = os.path.normpath(os.path.join(os.path.dirname(named), target))
        if Path(os.path.realpath(path)) in seen:
            circle = " -> ".join([*(p.name for p in seen[seen.index(Path(os.path.realpath(path))) :]), path.name])
            findings.add(base.node.mark, f"extends runs in a circle: {circle}.", "Remove one of them.")
            return None
        if len(chain) == LONGEST_CHAIN:
            findings.add(base.node.mark, f"more than {LONGEST_CHAIN} files extend each other, at {quoted(target)}.")
            return None
    merged = absolute(*chain[-1])
    for node, folder in reversed(chain[:-1]):
        merged = merge(merged, absolute(node, folder, base=merged))
    return Entries({k: e for k, e in merged.entries.items() if k != "extends"}, chain[0][0].mark)


def merge(base: Entries, change: Entries) -> Entries:
    """`base` with the changes: mappings are merged, anything else replaces, null removes a key.

    Where `uses` changes, `with` is replaced: settings of another kind mean nothing. So is an output of another type.
    """
    entries = dict(base.entries)
    other_kind = _differs(base, change, "uses")
    for key, entry in change.entries.items():
        before = entries.get(key)
        match before and before.node, entry.node:
            case Entries() as old, Entries() as new:
                replaced = "$env" in new.entries or (key == "with" and other_kind)
                replaced = replaced or (key == "output" and _differs(old, new, "type"))
                entries[key] = Entry(entry.key_mark, _kept(new, old) if replaced else merge(old, new))
            case ((Scalar() | Items() | Entries()), Scalar(value=None)):
                del entries[key]
            case _:
                entries[key] = entry
    return Entries(entries, change.mark)


def _kept(new: Entries, old: Entries) -> Entries:
    """`new` without the keys that it removes from `old`."""
    return without(new, [k for k, e in new.entries.items() if plain(e.node) is None and k in old.entries])


def _differs(base: Entries, change: Entries, key: str) -> bool:
    """True when the change gives another value to a key that both have."""
    old, new = base.entries.get(key), change.entries.get(key)
    return old is not None and new is not None and plain(old.node) != plain(new.node)


def absolute(root: Entries, folder: Path, *, base: Entries | None = None) -> Entries:
    """The mapping with every path absolute: `stages.py:draft` becomes `/.../stages.py:draft`.

    `base` is what the mapping changes: there stand the kinds of stages that it says nothing of.
    """
    return _with_paths(root, base, lambda path: _joined(path, folder))


def relative(root: Entries, folder: Path) -> Entries:
    """The mapping with every path relative to `folder`: the same on every machine."""
    return _with_paths(root, None, lambda path: os.path.relpath(path, folder))


def elsewhere(root: Entries, places: Mapping[str, str]) -> Entries:
    """The mapping with the paths that `places` names replaced by what it gives for them."""
    return _with_paths(root, None, lambda path: places.get(path, path))


def _with_paths(root: Entries, base: Entries | None, change: Callable[[str], str]) -> Entries:
    for keys in _PATHS:
        root = _changed(root, keys, lambda text, key=keys[-1]: _path(text, key, change))
    stages = child(root, "stages")
    called: dict[tuple[str, ...], Node] = {}
    for name, entry in stages.entries.items() if isinstance(stages, Entries) else ():
        called["stages", name] = entry.node
        judges = child(entry.node, "judge")
        for judge, block in judges.entries.items() if isinstance(judges, Entries) else ():
            called["stages", name, "judge", judge] = block.node
    for place, node in called.items():
        for key, points in _pointers(place, node, base).items():
            is_function = points.form == "function"
            root = _changed(
                root,
                (*place, "with", key),
                lambda text, is_function=is_function: _function(text, change) if is_function else change(text),
            )
    return root


def _pointers(place: tuple[str, ...], stage: Node, base: Entries | None) -> Mapping[str, Points]:
    """The settings of a stage or a judge that name files."""
    uses = child(stage, "uses") or (child(base, *place, "uses") if base else None)
    kind = named(uses.value) if isinstance(uses, Scalar) and isinstance(uses.value, str) else None
    return {key: points for key, points in kind.pointers.items() if points.form != "word"} if kind else {}


def _path(text: str, key: str, change: Callable[[str], str]) -> str:
    """The text with the path in it changed: of `python:file.py:metric` only the file; `env:NAME` has none."""
    prefix, _, rest = text.partition(":")
    if key == "score":
        return f"python:{_function(rest, change)}" if prefix == "python" else text
    return text if key.endswith("rests_on") and text.startswith(VARIABLE) else change(text)


def _function(text: str, change: Callable[[str], str]) -> str:
    """`file.py:function` with the file changed."""
    file, colon, name = text.rpartition(":")
    return f"{change(file)}:{name}" if file and colon else text


def _joined(path: str, folder: Path) -> str:
    return os.path.normpath(folder / path) if path and "\0" not in path else path


def _changed(node: Entries, keys: tuple[str, ...], change: Callable[[str], str]) -> Entries:
    """The mapping with the texts under `keys` changed; `*` stands for every key."""
    key, *rest = keys
    entries = dict(node.entries)
    for name, entry in node.entries.items():
        if key not in ("*", name):
            continue
        below = entry.node
        if not rest:
            entries[name] = Entry(entry.key_mark, _texts(below, change))
        elif isinstance(below, Entries):
            entries[name] = Entry(entry.key_mark, _changed(below, tuple(rest), change))
    return Entries(entries, node.mark)


def _texts(node: Node, change: Callable[[str], str]) -> Node:
    match node:
        case Scalar(value=str(text)):
            return Scalar(change(text), node.mark, node.is_plain)
        case Items():
            return Items(tuple(_texts(item, change) for item in node.nodes), node.mark)
        case _:
            return node
