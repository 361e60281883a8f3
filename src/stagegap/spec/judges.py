"""Judges under the stages of a file: each becomes a stage of its own, checked, wired and built like any."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from stagegap.model.record import Json
from stagegap.spec import schema
from stagegap.spec.files import read_text
from stagegap.spec.nodes import (
    Entries,
    Entry,
    Findings,
    Mark,
    Node,
    Scalar,
    child,
    place,
    plain,
    quoted,
    without,
)
from stagegap.stages.kinds import named

RULES = ("sees", "criterion", "scale", "against", "examples")
"""Keys of a judge that say what it judges and who measures it; the others say how it is called."""
OUTPUT, REFERENCE = "output", "reference"
"""Inputs of a judge beside those of the stage."""


def judge_name(stage: str, judge: str) -> str:
    """The name under which a judge is called and stored; no stage can have it."""
    return f"{stage}.judge.{judge}"


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeBlock:
    """One judge as it stands in the file."""

    of: str
    name: str
    entry: Entry
    as_stage: Entry
    """The same in the form of a stage that reads the judged one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Teaching:
    """What the examples of a judge say."""

    records: tuple[str, ...] = ()
    shots: tuple[Mapping[str, str], ...] = ()
    """A question and its answer each."""


def blocks(root: Entries) -> dict[str, JudgeBlock]:
    """The judges of a file by the names under which they are called; what is no mapping is left where it stands."""
    stages, judges = child(root, "stages"), dict[str, JudgeBlock]()
    for of, stage in stages.entries.items() if isinstance(stages, Entries) else ():
        below = child(stage.node, "judge")
        for name, entry in below.entries.items() if isinstance(below, Entries) else ():
            if isinstance(entry.node, Entries):
                as_stage = Entry(entry.key_mark, _as_stage(of, stage.node, entry))
                judges[judge_name(of, name)] = JudgeBlock(of=of, name=name, entry=entry, as_stage=as_stage)
    return judges


def with_stages(root: Entries, judges: Mapping[str, JudgeBlock]) -> Entries:
    """The file with its judges as stages."""
    stages = root.entries.get("stages")
    if stages is None or not judges:
        return root
    judged = {block.of for block in judges.values()}
    assert isinstance(stages.node, Entries), "what has judges is a mapping"
    entries = {
        name: Entry(entry.key_mark, without(cast("Entries", entry.node), ("judge",))) if name in judged else entry
        for name, entry in stages.node.entries.items()
    }
    entries |= {name: block.as_stage for name, block in judges.items()}
    return Entries({**root.entries, "stages": Entry(stages.key_mark, Entries(entries, stages.node.mark))}, root.mark)


def _as_stage(of: str, stage: Node, judge: Entry) -> Entries:
    """A stage that reads what the judge sees, and is asked wherever the judged stage is."""
    node, at = cast("Entries", judge.node), judge.key_mark
    sees = child(node, "sees")
    seen = plain(sees) if sees is not None else ["inputs", OUTPUT]
    seen = seen if isinstance(seen, list) else []
    inputs = child(stage, "inputs")
    read = dict(inputs.entries) if isinstance(inputs, Entries) and "inputs" in seen else {}
    if OUTPUT in seen:
        read |= {OUTPUT: Entry(at, Scalar(of, at))}
    scale = plain(cast("Node", child(node, "scale"))) if child(node, "scale") else None
    entries = {
        **without(node, RULES).entries,
        "inputs": Entry(at, Entries(read, at)),
        "output": Entry(at, _type(scale, at)),
    }
    when = cast("Entries", stage).entries.get("when")
    return Entries({**entries, "when": when} if when else entries, node.mark)


def _type(scale: Json, at: Mark) -> Entries:
    kind: dict[str, str | float] = {"type": "boolean"}
    if isinstance(scale, list) and len(scale) == 2 and all(isinstance(end, int | float) for end in scale):
        kind = {"type": "number", "low": cast("float", scale[0]), "high": cast("float", scale[1])}
    return Entries({key: Entry(at, Scalar(value, at)) for key, value in kind.items()}, at)


def check_judge(block: JudgeBlock, judge: schema.Judge, stage: schema.StageBase | None, findings: Findings) -> None:
    """Report what does not fit between a judge and the stage that it judges."""

    def add(keys: Sequence[str], message: str, hint: str = "") -> None:
        findings.add(place(block.entry, keys), message, hint)

    taken = [name for name in (OUTPUT, REFERENCE) if stage and name in stage.inputs and name in judge.sees]
    if taken and "inputs" in judge.sees:
        add(
            ("sees",),
            f"{block.of!r} has an input {taken[0]!r}, which is what a judge calls something else.",
            "Rename it.",
        )
    if stage and stage.each is not None:
        add(
            (),
            f"{block.of!r} is asked item by item, and a judge looks at whole outputs.",
            "Judge the stage that joins them.",
        )
    if judge.scale and judge.scale[0] >= judge.scale[1]:
        add(
            ("scale",),
            f"the scale {judge.scale[0]:g} to {judge.scale[1]:g} does not rise.",
            "Write the lowest mark first.",
        )
    if child(block.entry.node, "with", "examples") is not None:
        add(
            ("with", "examples"),
            "these examples name no records, so nobody could keep them out of what measures the judge.",
            "Write them to a JSONL file of record, user and assistant, and name it under `examples` of the judge.",
        )


def teaching(block: JudgeBlock, judge: schema.Judge, findings: Findings) -> Teaching:
    """The examples of a judge, or what is wrong with their file."""
    path, kind = judge.examples, named(judge.uses)
    has_shots = bool(kind and kind.settings and "examples" in kind.settings.model_fields)
    text = read_text(Path(path), path, findings) if path is not None else None
    records: list[str] = []
    shots: list[Mapping[str, str]] = []
    for number, line in enumerate(text.splitlines() if text and path else (), 1):
        if line.strip():
            row = _row(line, Mark(str(path), number), has_shots, findings)
            records += [row["record"]] if row else []
            shots += [{key: row[key] for key in ("user", "assistant")}] if row and has_shots else []
    if path is not None and text is not None and not text.strip():
        findings.add(
            place(block.entry, ("examples",)), f"{path!r} holds no example.", "Write one a row, or remove the key."
        )
    return Teaching(records=tuple(dict.fromkeys(records)), shots=tuple(shots))


def _row(line: str, at: Mark, has_shots: bool, findings: Findings) -> Mapping[str, str] | None:
    try:
        row: Json = json.loads(line)
    except ValueError as error:
        findings.add(at, f"this is no JSON: {error}.", 'Write {"record": ..., "user": ..., "assistant": ...}.')
        return None
    wanted = ("record", "user", "assistant") if has_shots else ("record",)
    values: Mapping[str, Json] = row if isinstance(row, Mapping) else {}
    lacking = [key for key in wanted if not isinstance(values.get(key), str) or not values[key]]
    if lacking:
        findings.add(
            at, f"the example has no text {lacking[0]!r}, found {quoted(row)}.", f"It needs {', '.join(wanted)}."
        )
        return None
    return {key: str(values[key]) for key in wanted}


def resolved_blocks(resolved: Mapping[str, Json]) -> Iterator[tuple[str, Mapping[str, Json]]]:
    """Every stage and judge of a resolved file by the name under which it is called."""
    stages = cast("Mapping[str, Mapping[str, Json]]", resolved.get("stages", {}))
    for name, stage in stages.items():
        yield name, stage
        for judge, block in cast("Mapping[str, Mapping[str, Json]]", stage.get("judge") or {}).items():
            yield judge_name(name, judge), block
