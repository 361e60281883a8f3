"""A whole cascade file as models: every section on its own, with what is wrong in one left out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from pydantic import BaseModel

from stagegap.errors import near_names
from stagegap.spec import schema
from stagegap.spec.nodes import Entries, Entry, Findings, Node, Scalar, child, plain, quoted, without
from stagegap.spec.validate import keys_of, lenient, validated
from stagegap.stages.kinds import kinds

M = TypeVar("M", bound=BaseModel)

RESERVED = ("record", "confidence", "outcome")
"""Words that a stage can't be called by: sources and targets use them."""
_NAME = re.compile(r"[A-Za-z_][\w-]{0,63}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sections:
    """What could be read of a file; a section that makes no sense is None or left out."""

    root: Entries
    head: schema.Head | None
    records: schema.Records | None
    references: schema.References | None
    corpora: Mapping[str, schema.Corpus | None]
    stages: Mapping[str, schema.StageBase | None]
    """Every stage that has a usable name, in file order."""
    outcome: schema.Outcome | None
    targets: Mapping[str, schema.Target | None]
    human_baseline: schema.HumanBaseline | None
    providers: Mapping[str, schema.Limits | None]


def read(root: Entries, findings: Findings) -> Sections:
    """The sections of a file and report what is wrong with each on its own."""
    known = [key for key in keys_of(schema.Document) if key != "extends"]
    for key, entry in root.entries.items():
        if key not in known:
            findings.add(entry.key_mark, f"unknown key {key!r}.", near_names(key, [*known, "extends"]))
    for key in ("cascade", "records", "stages", "outcome"):
        if child(root, key) is None:
            description = schema.Document.model_fields[key].description
            findings.add(root.mark, f"the key {key} is missing.", f"It holds: {description or key}")

    def section(key: str, model: type[M]) -> M | None:
        entry = root.entries.get(key)
        if entry is None or (_is_null(entry.node) and not schema.Document.model_fields[key].is_required()):
            return None
        return validated(model, entry, (key,), findings)

    head = Entry(root.mark, without(root, [key for key in root.entries if key not in keys_of(schema.Head)]))
    return Sections(
        root=root,
        head=validated(schema.Head, head, (), findings) if "cascade" in root.entries else None,
        records=section("records", schema.Records),
        references=section("references", schema.References),
        corpora={
            name: validated(schema.Corpus, entry, ("corpora", name), findings)
            for name, entry in _named(root, "corpora", findings).items()
        },
        stages=_stages(root, findings),
        outcome=section("outcome", schema.Outcome),
        targets={
            name: validated(schema.Target, entry, ("targets", name), findings)
            for name, entry in _named(root, "targets", findings).items()
        },
        human_baseline=section("human_baseline", schema.HumanBaseline),
        providers={
            host: validated(schema.Limits, entry, ("providers", host), findings)
            for host, entry in _named(root, "providers", findings).items()
        },
    )


def _is_null(node: Node) -> bool:
    return isinstance(node, Scalar) and node.value is None


def _named(root: Entries, key: str, findings: Findings) -> Mapping[str, Entry]:
    """The entries of a mapping whose keys are the user's names."""
    entry = root.entries.get(key)
    if entry is None or (_is_null(entry.node) and key != "stages"):
        return {}
    if not isinstance(entry.node, Entries):
        findings.add(entry.key_mark, f"{key} must be a mapping from names, found {quoted(plain(entry.node))}.")
        return {}
    return entry.node.entries


def _stages(root: Entries, findings: Findings) -> dict[str, schema.StageBase | None]:
    entries = _named(root, "stages", findings)
    if isinstance(child(root, "stages"), Entries) and not 1 <= len(entries) <= schema.MOST_STAGES:
        mark = root.entries["stages"].key_mark
        findings.add(mark, f"found {len(entries)} stages.", f"A cascade has 1 to {schema.MOST_STAGES} of them.")
    result: dict[str, schema.StageBase | None] = {}
    for name, entry in entries.items():
        if not _NAME.fullmatch(name):
            findings.add(
                entry.key_mark,
                f"{quoted(name)} can't be the name of a stage.",
                "Use letters, digits, _ and -, a letter or _ first, at most 64.",
            )
        elif name in RESERVED:
            findings.add(entry.key_mark, f"a stage can't be called {name!r}: the word has a meaning of its own.")
        result[name] = _stage(name, entry, findings)
    return result


def _stage(name: str, entry: Entry, findings: Findings) -> schema.StageBase | None:
    """The model of a stage by its kind; of a kind that is unknown, what every stage has."""
    node, where = entry.node, ("stages", name)
    if not isinstance(node, Entries):
        return validated(schema.StageBase, entry, where, findings)
    common = Entry(entry.key_mark, without(node, ("uses", "with")))
    uses = plain(child(node, "uses") or Scalar(None, node.mark))
    model = schema.stage_model(uses) if isinstance(uses, str) else None
    if model is not None:
        return validated(model, entry, where, findings) or lenient(schema.StageBase, common.node)
    mark = node.entries["uses"].key_mark if "uses" in node.entries else entry.key_mark
    if uses is None:
        findings.add(mark, f"the key stages.{name}.uses is missing.", f"Known: {', '.join(kinds())}.")
    else:
        findings.add(mark, f"stages.{name}.uses can't be {quoted(uses)}.", near_names(str(uses), kinds()))
    return validated(schema.StageBase, common, where, findings)
