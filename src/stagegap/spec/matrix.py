"""A matrix file: several variants of one cascade, each told by what it changes."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field

from stagegap.errors import SpecError, near_names
from stagegap.model.sources import CascadeFile
from stagegap.spec.documents import validated
from stagegap.spec.environment import substitute
from stagegap.spec.expand import absolute, expand, merge
from stagegap.spec.files import read_text
from stagegap.spec.load import loaded
from stagegap.spec.nodes import Entries, Entry, Findings, Scalar, child, quoted
from stagegap.spec.yaml import parse
from stagegap.stages.settings import Block, Free, Text

MOST_VARIANTS = 50


class _Written(Block):
    base: Text
    """Cascade file that the variants change."""
    variants: Annotated[dict[Text, Free], Field(min_length=1, max_length=MOST_VARIANTS)]
    """Name of the variant -> what it changes of the base's `stages`; nothing for the base itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Matrix:
    """Variants over the same records."""

    path: str
    variants: Mapping[str, CascadeFile]
    """In the order of the file."""


def load_matrix(path: Path, *, environment: Mapping[str, str]) -> Matrix:
    """Read a matrix file, its base and every variant. Raises: SpecError with every problem of all of them."""
    findings = Findings()
    text = read_text(path, str(path), findings)
    root = parse(text, str(path), findings) if text is not None else None
    if root is None:
        raise SpecError(findings.problems)
    for key, entry in root.entries.items():
        if key != "matrix":
            findings.add(entry.key_mark, f"unknown key {key!r}.", near_names(key, ["matrix"]))
    written = None
    if "matrix" in root.entries:
        written = validated(_Written, root.entries["matrix"], ("matrix",), findings)
    else:
        findings.add(root.mark, "the key matrix is missing.", "It holds `base` and `variants`.")
    variants = child(root, "matrix", "variants")
    if written is None or findings.problems or not isinstance(variants, Entries):
        raise SpecError(findings.problems)
    place = path.parent / written.base
    base = expand(place, environment=environment, findings=findings)
    if base is None:
        raise SpecError(findings.problems)
    cascade_files: dict[str, CascadeFile] = {}
    for name, entry in variants.entries.items():
        changes = _changes(name, entry, base, findings)
        if changes is None:
            continue
        node = substitute(changes, environment, findings)
        assert isinstance(node, Entries), "substitution keeps the shape"
        try:
            folder = Path(os.path.realpath(path)).parent
            cascade_files[name] = loaded(merge(base, absolute(node, folder, base=base)), place, findings)
        except SpecError:
            # Its problems are among the findings; the other variants are looked at first.
            continue
    if findings.problems:
        raise SpecError(findings.problems)
    return Matrix(path=os.path.abspath(path), variants=cascade_files)


def _changes(name: str, entry: Entry, base: Entries, findings: Findings) -> Entries | None:
    """What a variant changes; None where it makes no sense."""
    node = entry.node
    if isinstance(node, Scalar) and node.value is None:
        return Entries({}, node.mark)
    if not isinstance(node, Entries):
        findings.add(entry.key_mark, f"the variant {name!r} must be a mapping.", "Write `stages: {STAGE: {...}}`.")
        return None
    for key, changed in node.entries.items():
        if key != "stages":
            findings.add(
                changed.key_mark,
                f"the variant {name!r} changes {quoted(key)}, and variants change stages only.",
                "Records and outcome are common to all.",
            )
            return None
    known, stages = child(base, "stages"), child(node, "stages")
    names: Mapping[str, Entry] = known.entries if isinstance(known, Entries) else {}
    for stage, changed in stages.entries.items() if isinstance(stages, Entries) else ():
        if stage not in names and child(changed.node, "uses") is None:
            near = near_names(stage, names)
            findings.add(changed.key_mark, f"the variant {name!r} changes the unknown stage {stage!r}.", near)
            return None
    return node
