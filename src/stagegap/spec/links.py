"""How stages hang together: where inputs come from, what conditions read, a stable order, and the circles that
forbid one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from stagegap.errors import near_names
from stagegap.model.cascade import Source
from stagegap.spec.documents import Sections
from stagegap.spec.expressions import FUNCTIONS, Condition, ConditionError
from stagegap.spec.judges import REFERENCE
from stagegap.spec.nodes import Entries, Entry, Findings, Mark, Node, Scalar, child, place
from stagegap.spec.outputs import LabelOutput, ObjectOutput
from stagegap.spec.schema import StageBase


def ordered(parents: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """The names so that each stands after its parents, otherwise in the given order; circles are left out.

    >>> ordered({"draft": ["route"], "route": []})
    ('route', 'draft')
    """
    placed: dict[str, None] = {}
    while True:
        ready = next((n for n, needed in parents.items() if n not in placed and all(p in placed for p in needed)), None)
        if ready is None:
            return tuple(placed)
        placed[ready] = None


def circles(parents: Mapping[str, Sequence[str]]) -> list[tuple[str, ...]]:
    """Circles, each name in one at most: `("a", "b")` says that b reads a and a reads b.

    >>> circles({"a": ["b"], "b": ["a"], "c": ["a"]})
    [('a', 'b')]
    """
    placed = set(ordered(parents))
    left = {name: [p for p in needed if p not in placed and p in parents] for name, needed in parents.items()}
    left = {name: needed for name, needed in left.items() if name not in placed}
    circles: list[tuple[str, ...]] = []
    while left:
        way: list[str] = []
        name = next(iter(left))
        while name not in way:
            way.append(name)
            name = next((p for p in left[name] if p in left), "")
            if not name:
                break
        if name:
            circle = way[way.index(name) :][::-1]
            first = min(range(len(circle)), key=lambda i: list(parents).index(circle[i]))
            circles.append((*circle[first:], *circle[:first]))
        left = {n: needed for n, needed in left.items() if n not in way}
    return circles


def reaching(name: str, parents: Mapping[str, Sequence[str]]) -> frozenset[str]:
    """The stages on whose outputs this one depends, itself included."""
    reached: set[str] = set()
    ahead = [name]
    while ahead:
        current = ahead.pop()
        if current not in reached:
            reached.add(current)
            ahead.extend(parents.get(current, ()))
    return frozenset(reached)


_PARTS = ("ids", "scores", "confidence", "candidates")


@dataclass(frozen=True, slots=True, kw_only=True)
class Links:
    """What every stage reads; sources that are no sources are left out."""

    inputs: Mapping[str, Mapping[str, Source]]
    when_reads: Mapping[str, tuple[Source, ...]]
    each: Mapping[str, Source]
    """By stage that is asked item by item: where its list comes from."""
    judges: frozenset[str]
    """Names among them that are judges: what one reads is read by nobody else."""
    is_complete: bool
    """False when something could not be resolved, so that a stage may only seem to be unused."""

    @property
    def parents(self) -> dict[str, list[str]]:
        """Stages that each stage reads, in the order of the file."""
        read = {
            name: (*([self.each[name]] if name in self.each else ()), *inputs.values(), *self.when_reads[name])
            for name, inputs in self.inputs.items()
        }
        return {
            name: list(dict.fromkeys(source.name for source in sources if source.origin == "stage"))
            for name, sources in read.items()
        }


def links(sections: Sections, findings: Findings) -> Links:
    """What every stage reads, and report what can't be read, circles and stages that nobody needs."""
    inputs: dict[str, dict[str, Source]] = {}
    conditions: dict[str, tuple[Source, ...]] = {}
    lists: dict[str, Source] = {}
    before = len(findings)
    for name in sections.stages:
        written = child(sections.root, "stages", name, "inputs")
        sources = {
            key: _source(text, sections, mark(sections, "stages", name, "inputs", key), findings)
            for key, text in _texts(written).items()
        }
        inputs[name] = {key: source for key, source in sources.items() if source}
        rules = sections.judges.get(name)
        if rules and rules.model and REFERENCE in rules.model.sees:
            inputs[name][REFERENCE] = Source("reference", rules.of)
        keys = _texts(child(sections.root, "stages", name))
        if each := keys.get("each"):
            source = _list(name, each, sources.values(), sections, findings)
            lists |= {name: source} if source else {}
        when = keys.get("when")
        at = mark(sections, "stages", name, "when")
        conditions[name] = _condition(when, sections, at, findings) if when else ()
    wired = Links(
        inputs=inputs,
        when_reads=conditions,
        each=lists,
        judges=frozenset(sections.judges),
        is_complete=len(findings) == before,
    )
    _check_circles(wired, sections, findings)
    return wired


def _texts(node: Node | None) -> dict[str, str]:
    """The texts of a mapping, also of one that has problems."""
    if not isinstance(node, Entries):
        return {}
    values = {key: entry.node.value for key, entry in node.entries.items() if isinstance(entry.node, Scalar)}
    return {key: value for key, value in values.items() if isinstance(value, str)}


def mark(sections: Sections, *keys: str) -> Mark:
    """The place of the deepest of these keys that the file has."""
    return place(Entry(sections.root.mark, sections.root), keys)


def unread(wired: Links, outcomes: Collection[str]) -> tuple[str, ...]:
    """Stages that nobody reads, aside from those that an outcome is about: each is an outcome of its own."""
    read = {parent for name, parents in wired.parents.items() if name not in wired.judges for parent in parents}
    apart = {*outcomes, *wired.judges, *read}
    return tuple(name for name in wired.inputs if name not in apart)


def _source(text: str, sections: Sections, at: Mark, findings: Findings) -> Source | None:
    head, dot, rest = text.partition(".")
    if head == "record":
        if rest:
            return Source("record", rest)
        findings.add(at, f"{text!r} names no field of the record.", "Write record.FIELD.")
        return None
    if head not in sections.stages:
        known = ["record.FIELD", *sections.stages]
        findings.add(at, f"unknown source {text!r}.", near_names(head, known))
        return None
    stage = sections.stages[head]
    if stage and rest in ("ids", "scores") and stage.output.type != "ranking":
        findings.add(at, f"{text!r} needs a ranking, and {head!r} puts out type {stage.output.type}.", f"Write {head}.")
        return None
    match rest:
        case "ids" | "scores" | "confidence" | "candidates":
            return Source("stage", head, rest)
        case _:
            path = tuple(rest.split(".")) if dot else ()
            known = _first_parts(stage, path) if path and stage else None
            if known is not None:
                findings.add(
                    at, f"a stage has no part {rest!r}, found {text!r}.", near_names(rest.partition(".")[0], known)
                )
                return None
            return Source("stage", head, path=path)


def _first_parts(stage: StageBase, path: Sequence[str]) -> Sequence[str] | None:
    """What can stand where a path into an output begins, when it begins with something else; None when it is right.

    Lists begin with a place; an object with one of its schema's properties, where that names some.
    """
    properties = stage.output.schema_.get("properties") if isinstance(stage.output, ObjectOutput) else None
    keys = [str(key) for key in cast("Mapping[object, object]", properties)] if isinstance(properties, dict) else []
    is_right = path[0].isdecimal() if stage.output.type in LISTS else stage.output.type == "object" and bool(path[0])
    return None if is_right and (not keys or path[0] in keys) and "" not in path else [*_PARTS, *keys]


LISTS = ("list", "labels", "ranking")
"""Types of output that can be taken apart."""


def _list(
    name: str, text: str, inputs: Iterable[Source | None], sections: Sections, findings: Findings
) -> Source | None:
    """The list that a stage is asked about item by item, and report what can't be taken apart."""
    at = mark(sections, "stages", name, "each")
    source = _source(text, sections, at, findings)
    if source is None or source.origin == "record":
        return source
    maker = sections.stages[source.name]
    if source.part != "value" or source.path:
        findings.add(at, f"{text!r} names a part of a stage.", f"Write {source.name}.")
    elif maker and maker.output.type not in LISTS:
        hint = f"It takes a stage that puts out one of: {', '.join(LISTS)}; or record.FIELD."
        findings.add(at, f"{source.name!r} puts out type {maker.output.type}, which is no list.", hint)
    for read in inputs:
        if read and (read.origin, read.name) == ("stage", source.name) and read.part not in ("value", "ids"):
            findings.add(at, f"an item of {source.name!r} has no {read.part}.", f"Read {source.name}.")
    return Source("stage", source.name)


def _condition(text: str, sections: Sections, at: Mark, findings: Findings) -> tuple[Source, ...]:
    try:
        condition = Condition(text)
    except ConditionError as error:
        findings.add(at, f"when: {error}")
        return ()
    for name in condition.calls:
        if name not in FUNCTIONS:
            findings.add(at, f"when calls the unknown function {name!r}.", near_names(name, FUNCTIONS))
    for name in sorted(condition.binds & {"record", "confidence", *sections.stages}):
        findings.add(at, f"when uses {name!r} as a name of its own, but that is taken.", "Choose another.")
    if not condition.reads:
        findings.add(at, f"when reads nothing, so {text!r} is always the same.", "Read a stage or record.FIELD.")
    sources = [_read(read.root, read.member, sections, at, findings) for read in condition.reads]
    for comparison in condition.comparisons:
        stage = sections.stages.get(comparison.name)
        values = stage.output.values if stage and isinstance(stage.output, LabelOutput) else None
        if values is not None and comparison.text not in values:
            findings.add(
                at,
                f"when compares {comparison.name!r} with {comparison.text!r}, which is none of its values.",
                near_names(comparison.text, values),
            )
    return tuple(dict.fromkeys(source for source in sources if source))


def _read(root: str, member: str | None, sections: Sections, at: Mark, findings: Findings) -> Source | None:
    if root == "record":
        if member:
            return Source("record", member)
        findings.add(at, "when reads the record as a whole.", "Write record.FIELD.")
    elif root == "confidence":
        if member in sections.stages:
            return Source("stage", str(member), "confidence")
        hint = near_names(member or "", sections.stages) if member else "Write confidence.STAGE."
        findings.add(at, f"when reads the confidence of {member!r}, which is no stage.", hint)
    elif root not in sections.stages:
        dashed = [name for name in sections.stages if "-" in name and root in name.split("-")]
        hint = (
            f"CEL reads {dashed[0]!r} as a subtraction: rename the stage with _."
            if dashed
            else near_names(root, ["record.FIELD", "confidence.STAGE", *sections.stages])
        )
        findings.add(at, f"when reads the unknown name {root!r}.", hint)
    else:
        stage = sections.stages[root]
        if stage and member and stage.output.type != "object":
            hint = f"Write confidence.{root}." if member == "confidence" else f"Write {root}."
            findings.add(
                at, f"when reads {root}.{member}, and an output of type {stage.output.type} has no parts.", hint
            )
        return Source("stage", root)
    return None


def _check_circles(wired: Links, sections: Sections, findings: Findings) -> None:
    parents = wired.parents
    for name, above in parents.items():
        if name in above:
            findings.add(mark(sections, "stages", name), f"the stage {name!r} reads itself.", "Read an earlier stage.")
    others = {name: [p for p in above if p != name] for name, above in parents.items()}
    for circle in circles(others):
        way = " -> ".join((*circle, circle[0]))
        findings.add(mark(sections, "stages", circle[0]), f"stages read each other in a circle: {way}.", "Cut it.")
