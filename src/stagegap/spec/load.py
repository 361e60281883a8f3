"""A cascade file -> the cascade, or every problem of it at once."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from stagegap.errors import SpecError
from stagegap.model.sources import CascadeFile
from stagegap.spec.build import build
from stagegap.spec.checks import check
from stagegap.spec.documents import Sections, read
from stagegap.spec.expand import absolute, elsewhere, expand
from stagegap.spec.links import check_use, links
from stagegap.spec.nodes import Entries, Findings
from stagegap.spec.reading import read_text
from stagegap.spec.yaml import parse


def load(path: Path, *, environment: Mapping[str, str]) -> CascadeFile:
    """Read a cascade file and what it extends.

    `environment` is what `${NAME}` is looked up in; a secret is not looked up, its name is kept.
    Raises: SpecError with every problem of the files.
    """
    findings = Findings()
    return loaded(expand(path, environment=environment, findings=findings), path, findings)


def restore(resolved: str, *, path: Path, places: Mapping[str, str] | None = None) -> CascadeFile:
    """The cascade that a run was made with, from its resolved file as JSON text.

    `path` is where the file stood: relative paths start in its folder, those aside that `places` gives another place.
    Raises: SpecError, for example when a data file is gone.
    """
    findings = Findings()
    root = parse(resolved, str(path), findings)
    root = elsewhere(root, places) if root and places else root
    return loaded(absolute(root, path.parent) if root else None, path, findings)


def loaded(root: Entries | None, path: Path, findings: Findings) -> CascadeFile:
    """The cascade of a mapping with absolute paths. Raises: SpecError with every problem found so far."""
    if root is None:
        raise SpecError(findings.problems)
    sections = read(root, findings)
    wired = links(sections, findings)
    check(sections, findings)
    if sections.outcome:
        check_use(wired, sections, sections.outcome.score.partition(".")[0], findings)
    guidelines = _guidelines(sections, findings)
    if findings.problems:
        raise SpecError(findings.problems)
    return build(sections, wired, path=Path(os.path.abspath(path)), guidelines=guidelines)


def _guidelines(sections: Sections, findings: Findings) -> dict[str, str]:
    """The text of each stage's guideline, as people will read it."""
    texts: dict[str, str] = {}
    for name, stage in sections.stages.items():
        if stage and stage.guideline and Path(stage.guideline).is_file():
            texts[name] = read_text(Path(stage.guideline), stage.guideline, findings) or ""
    return texts
