"""YAML text -> nodes with marks: one small, safe subset of YAML, read iteratively."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import cast

import yaml

from stagegap.spec.nodes import Entries, Entry, Findings, Items, Mark, Node, Scalar, quoted
from stagegap.spec.scalars import Surprise, is_secret, resolve

DEEPEST = 50
"""Levels of nesting."""
MOST_PROBLEMS = 200
"""After these nobody reads on, and neither do we."""
_WRITE_OUT = "Write the value out; variants use `extends`."


def parse(text: str, named: str, findings: Findings) -> Entries | None:
    """The mapping that the text holds; None where there is none.

    Problems (duplicate keys, anchors, tags, surprises) do not end the reading unless the text has no further sense.
    """
    try:
        # PyYAML's stubs leave the events untyped.
        events = cast("Iterable[yaml.Event]", yaml.parse(text, Loader=yaml.SafeLoader))  # pyright: ignore[reportUnknownMemberType]
        root = _Reading(named, findings).root(events)
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        findings.add(
            Mark(named, line), f"found the character {chr(error.character)!r}, which YAML does not allow.", "Remove it."
        )
        return None
    except yaml.MarkedYAMLError as error:
        _add_syntax(error, text, named, findings)
        return None
    except _Hopeless:
        return None
    if isinstance(root, Entries):
        return root
    content = "nothing" if root is None or (isinstance(root, Scalar) and root.value is None) else None
    if content is None:
        content = f"the value {quoted(root.value)}" if isinstance(root, Scalar) else "a list"
    findings.add(
        root.mark if root else Mark(named, 1),
        f"found {content} where a cascade is needed.",
        "Begin with `cascade: NAME`.",
    )
    return None


class _Hopeless(Exception):
    """The text has been reported and can't be read on."""


@dataclass(slots=True)
class _Open:
    """A list or mapping whose end has not been met."""

    mark: Mark
    is_mapping: bool
    nodes: list[Node] = field(default_factory=list["Node"])
    entries: dict[str, Entry] = field(default_factory=dict[str, Entry])
    key: tuple[str | None, Mark] | None = None
    """The key whose value comes next; its text is None when the entry has to be dropped."""

    def closed(self) -> Node:
        return Entries(self.entries, self.mark) if self.is_mapping else Items(tuple(self.nodes), self.mark)


class _Reading:
    """One pass over the events of PyYAML's parser, without recursion."""

    def __init__(self, named: str, findings: Findings) -> None:
        self._named = named
        self._findings = findings
        self._open: list[_Open] = []
        self._root: Node | None = None

    def root(self, events: Iterable[yaml.Event]) -> Node | None:
        documents = 0
        for event in events:
            if len(self._findings) >= MOST_PROBLEMS:
                self._findings.add(self._mark(event), f"the file has {MOST_PROBLEMS} problems; the rest is not read.")
                raise _Hopeless
            match event:
                case yaml.DocumentStartEvent():
                    documents += 1
                    if documents == 2:
                        self._findings.add(
                            self._mark(event),
                            "a second document begins here.",
                            "Keep one cascade a file; remove `---`.",
                        )
                        raise _Hopeless
                case yaml.MappingStartEvent() | yaml.SequenceStartEvent():
                    self._check_properties(event)
                    self._enter(event)
                case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                    self._put(self._open.pop().closed())
                case yaml.ScalarEvent():
                    self._check_properties(event)
                    self._put(self._scalar(event))
                case yaml.AliasEvent():
                    self._findings.add(
                        self._mark(event),
                        f"found the alias '*{event.anchor}'.",
                        _WRITE_OUT,
                    )
                    self._put(Scalar(None, self._mark(event)))
                case _:
                    pass
        return self._root

    def _mark(self, event: yaml.Event) -> Mark:
        return Mark(self._named, event.start_mark.line + 1)

    def _check_properties(self, event: yaml.ScalarEvent | yaml.CollectionStartEvent) -> None:
        if event.anchor is not None:
            self._findings.add(
                self._mark(event),
                f"found the anchor '&{event.anchor}'.",
                _WRITE_OUT,
            )
        if event.tag is not None:
            tag = event.tag.replace("tag:yaml.org,2002:", "!!")
            self._findings.add(self._mark(event), f"found the tag {tag!r}.", "Remove it: a cascade file is plain data.")

    def _enter(self, event: yaml.CollectionStartEvent) -> None:
        mark = self._mark(event)
        if len(self._open) == DEEPEST:
            self._findings.add(mark, f"the file is nested more than {DEEPEST} levels deep; a cascade file is flat.")
            raise _Hopeless
        self._open.append(_Open(mark, isinstance(event, yaml.MappingStartEvent)))

    def _scalar(self, event: yaml.ScalarEvent) -> Scalar:
        text: str = event.value
        mark = self._mark(event)
        if any("\ud800" <= character <= "\udfff" for character in text):
            self._findings.add(
                mark, f"found {quoted(text)}, which holds half a character.", "Write the character itself."
            )
            text = text.encode("ascii", "replace").decode()
        if event.style is not None or event.tag is not None:
            return Scalar(text, mark)
        value = resolve(text)
        if isinstance(value, Surprise):
            self._add_surprise(text, value, mark)
            value = text
        return Scalar(value, mark, is_plain=True)

    def _add_surprise(self, text: str, surprise: Surprise, mark: Mark) -> None:
        key = self._open[-1].key if self._open else None
        if key and key[0] and is_secret(key[0]):
            self._findings.add(mark, f"the value of {key[0]} is read as {surprise.reading}.", "Write ${NAME}.")
            return
        word = f", or {surprise.reading}" if surprise.reading in ("true", "false", "null") else ""
        self._findings.add(
            mark,
            f"found {text!r} without quotes, which YAML 1.1 reads as {surprise.reading}.",
            f'Write "{text}" for the text{word}.',
        )

    def _put(self, node: Node) -> None:
        if not self._open:
            self._root = node
            return
        parent = self._open[-1]
        if not parent.is_mapping:
            parent.nodes.append(node)
        elif parent.key is None:
            parent.key = (self._key(node, parent), node.mark)
        else:
            name, mark = parent.key
            parent.key = None
            if name is not None:
                parent.entries[name] = Entry(mark, node)

    def _key(self, node: Node, parent: _Open) -> str | None:
        if not isinstance(node, Scalar):
            self._findings.add(node.mark, "found a list or mapping as a key.", "Keys are text.")
            return None
        if node.value == "<<" and node.is_plain:
            self._findings.add(node.mark, "found the merge key '<<'.", "Write the keys out; variants use `extends`.")
            return None
        if not isinstance(node.value, str):
            self._findings.add(
                node.mark,
                f"found the key {json.dumps(node.value)}, which is no text.",
                f'Quote it: "{json.dumps(node.value)}".',
            )
            return None
        if node.value in parent.entries:
            first = parent.entries[node.value].key_mark.line
            self._findings.add(
                node.mark, f"the key {node.value!r} stands twice, first in line {first}.", "Remove one of the two."
            )
            return None
        return node.value


def _add_syntax(error: yaml.MarkedYAMLError, text: str, named: str, findings: Findings) -> None:
    """Report what PyYAML could not read, in words of somebody who writes a cascade file."""
    mark = error.problem_mark or error.context_mark
    index = mark.line if mark else 0
    lines = text.splitlines()
    if error.problem and r"'\t'" in error.problem:
        for number, line in enumerate(lines, start=1):
            if "\t" in line[: len(line) - len(line.lstrip())]:
                findings.add(Mark(named, number), "found a tab in the indentation.", "YAML is indented with spaces.")
        if not findings.problems:
            findings.add(Mark(named, index + 1), "found a tab where a value begins.", "Use spaces.")
        return
    has_variable = index < len(lines) and "${" in lines[index]
    hint = "In {...} and [...] a value with ${NAME} needs quotes." if has_variable else ""
    what = ", ".join(part for part in (error.context, error.problem) if part)
    findings.add(Mark(named, index + 1), f"this is not YAML: {what}.", hint)
