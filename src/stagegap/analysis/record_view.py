"""One record stage by stage: what the stage saw, what the system answered, what is right, and how they differ."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

from stagegap.analysis.failures import entries, plain, shown_output
from stagegap.metrics.formulas import contains, ids
from stagegap.model.answer import Answer, Attempt, Output, Reference, Status
from stagegap.model.cascade import PLACES, Cascade, Kind, Source, Stage
from stagegap.model.notes import Failure
from stagegap.model.record import Json, Record
from stagegap.model.wording import listed
from stagegap.people.references import how_settled
from stagegap.tables import figures
from stagegap.tables.table import Sheet

MOST_WORDS = 3_000
"""Texts with more words are not compared: the search for common words grows with the square of their number."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A piece of an answer: in both, in the system's only (`extra`), or in the reference only (`missing`)."""

    kind: Literal["same", "extra", "missing"]
    text: str


@dataclass(frozen=True, slots=True)
class Difference:
    """Two answers side by side; each side holds all its pieces in its own order."""

    system: tuple[Mark, ...]
    reference: tuple[Mark, ...]

    @property
    def count(self) -> int:
        """How many pieces stand on one side only."""
        return sum(mark.kind != "same" for mark in (*self.system, *self.reference))


def list_difference(system: Sequence[str], reference: Sequence[str]) -> Difference:
    """Which items are extra and which are missing; the order does not count.

    >>> [mark.kind for mark in list_difference(["a", "b"], ["b", "c"]).reference]
    ['same', 'missing']
    """
    return Difference(
        tuple(Mark("same" if item in reference else "extra", item) for item in system),
        tuple(Mark("same" if item in system else "missing", item) for item in reference),
    )


def word_difference(system: str, reference: str) -> Difference | None:
    """The longest common runs of words, and what stands between them; None for texts that are too long.

    Joined, the pieces of a side are its text, blanks included. Words with other blanks behind them are the same.

    >>> [(mark.kind, mark.text) for mark in word_difference("Within 30 days.", "Within 14 days.").system]
    [('same', 'Within '), ('extra', '30 '), ('same', 'days.')]
    """
    ours, theirs = _words(system), _words(reference)
    if max(len(ours), len(theirs)) > MOST_WORDS:
        return None
    bare = [[word.strip() for word in words] for words in (ours, theirs)]
    left: list[Mark] = []
    right: list[Mark] = []
    for kind, start, end, other, other_end in SequenceMatcher(None, *bare, autojunk=False).get_opcodes():
        _add(left, "extra", kind, ours[start:end])
        _add(right, "missing", kind, theirs[other:other_end])
    return Difference(tuple(left), tuple(right))


def _add(side: list[Mark], alone: Literal["extra", "missing"], kind: str, words: Sequence[str]) -> None:
    text = "".join(words)
    if text:
        side.append(Mark("same" if kind == "equal" or text.isspace() else alone, text))


def _words(text: str) -> list[str]:
    """Split into words with the blanks behind them; those at the start belong to the first."""
    return re.findall(r"(?:^\s+)?\S+\s*|^\s+$", text)


NEAR = 0.5
"""Share of the words of two texts that must stand in both, in order, for their differences to help a reader."""


def near_difference(system: str, reference: str) -> Difference | None:
    """What differs between two texts that are near each other; None for two unrelated ones, whose marks say nothing."""
    difference = word_difference(system, reference)
    if difference is None:
        return None
    words = sum(len(mark.text.split()) for mark in (*difference.system, *difference.reference))
    same = sum(len(mark.text.split()) for mark in (*difference.system, *difference.reference) if mark.kind == "same")
    return difference if same >= NEAR * words else None


Badge = Literal["same", "good enough", "first fault", "inherits the fault", "own fault", "not compared"]
LONGEST = 20_000
"""Characters of an answer that are shown; what was cut is counted."""
LONGEST_FIELD = 500_000
"""Characters of a field of the record that are shown."""
SHORT = 120
"""Characters of an earlier stage's answer as it stands among what a stage saw."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A document as people read it."""

    id: str
    title: str
    text: str
    """As plain text, perhaps cut."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StageBlock:
    """One stage of one record."""

    stage: str
    badge: Badge
    score: float
    """NaN where nothing was compared."""
    saw: tuple[tuple[str, str], ...]
    """Name of the input, and where it came from or what it was, as plain text."""
    system: str
    reference: str
    """The accepted answer that is compared; empty when there is none."""
    also: tuple[str, ...]
    """Further accepted answers."""
    facts: tuple[Mark, ...]
    """What a good text must contain: `same` where the system says it, `missing` where it does not."""
    people: str
    """Who gave the reference and how it was settled; empty when there is none."""
    difference: Difference | None
    """None where answers can't be compared piece by piece."""
    kind: Literal["items", "text"]
    status: str = ""
    """How the call ended: `ok`, `repaired`; empty without one, and where each item was a call of its own."""
    call: str = ""
    """What is known of it: seconds, tokens, cost, whether the answer was known from before."""
    attempts: tuple[str, ...] = ()
    """Of a call that needed more than one: when each began, how long it took and how it ended."""
    prompt: str = ""
    """What a language model was sent, made again from what the run kept; empty for other stages."""
    raw: str = ""
    """What came back, where that is not the answer itself."""
    documents: tuple[Shown, ...] = ()
    """Those that the system's answer and the reference name."""
    turns: str = ""
    """Of a stage that takes the items of a list: its answers as a chat in JSON, each said by the item's role, tool or
    text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordView:
    """One record in full."""

    record: str
    fields: tuple[tuple[str, str], ...]
    """Name and text, as plain text."""
    blocks: tuple[StageBlock, ...]
    run: str = ""
    lists: frozenset[str] = frozenset()
    """Fields whose items stages take one by one, so that they stand beside the answers."""


def record_view(
    record: Record,
    cascade: Cascade,
    *,
    outputs: Mapping[str, Output],
    units: Mapping[str, Sequence[Output | None]] | None = None,
    references: Mapping[str, Reference],
    faults: Mapping[str, Failure],
    scores: Mapping[str, float],
    prompts: Mapping[str, str] | None = None,
    documents: Mapping[str, Mapping[str, Shown]] | None = None,
    run: str = "",
) -> RecordView:
    """The record with a block for each stage; all mappings are by stage, for this record, but `documents` by corpus.

    `units` are the outputs of each item, in order, at the stages that take the items of a list.
    """
    by_corpus = documents or {}
    return RecordView(
        record=record.id,
        run=run,
        lists=frozenset(
            stage.each.name for stage in cascade.stages if stage.each is not None and stage.each.origin == "record"
        ),
        fields=tuple((name, _cut(text_of(value), LONGEST_FIELD)) for name, value in record.fields.items()),
        blocks=tuple(
            _block(
                stage,
                record,
                outputs,
                units=(units or {}).get(stage.name, ()),
                reference=references.get(stage.name),
                fault=faults.get(stage.name),
                score=scores.get(stage.name, math.nan),
                prompt=(prompts or {}).get(stage.name, ""),
                documents=by_corpus.get(stage.output.of or "", {}),
                titles={
                    parent: {name: document.title for name, document in by_corpus.get(of, {}).items()}
                    for parent in stage.parents
                    if (of := cascade.stage(parent).output.of)
                },
            )
            for stage in cascade.stages
        ),
    )


def _block(
    stage: Stage,
    record: Record,
    outputs: Mapping[str, Output],
    *,
    units: Sequence[Output | None],
    reference: Reference | None,
    fault: Failure | None,
    score: float,
    prompt: str,
    documents: Mapping[str, Shown],
    titles: Mapping[str, Mapping[str, str]],
) -> StageBlock:
    output = outputs.get(stage.name)
    accepted = reference.accepted if reference is not None else ()
    value = output.value if output is not None and output.status.has_value else None
    best = _nearest(value, accepted)
    is_items = stage.output.kind in (Kind.RANKING, Kind.LABELS, Kind.LIST, *PLACES)
    is_same = best is not None and _key(value, is_items) == _key(best.value, is_items)
    has_answer = value is not None and best is not None and best.value is not None
    return StageBlock(
        stage=stage.name,
        badge=_badge(fault, is_compared=not math.isnan(score), is_same=is_same),
        score=score,
        saw=tuple((name, _saw(source, record, outputs, titles)) for name, source in stage.inputs.items()),
        system=_shown(value, is_items) if value is not None else _without_value(output, record, units),
        reference="" if best is None else "no answer" if best.value is None else _shown(best.value, is_items),
        also=tuple(_shown_or_none(answer, is_items) for answer in accepted if answer is not best),
        facts=_facts(value, best),
        people=_people(reference),
        difference=_difference(value, best.value, is_items) if has_answer and best is not None else None,
        kind="items" if is_items else "text",
        status=output.status.value if output is not None and not units else "",
        call=call_facts(output) if output is not None else "",
        attempts=attempt_lines(output.attempts) if output is not None else (),
        prompt=_cut(prompt),
        raw=_cut(output.raw) if output is not None and output.raw != text_of(value) else "",
        documents=tuple(
            documents[name]
            for name in dict.fromkeys(
                [*_named(value, is_items), *(n for a in accepted for n in _named(a.value, is_items))]
            )
            if name in documents
        ),
        turns=_turns(stage, record, outputs, units),
    )


def _without_value(output: Output | None, record: Record, units: Sequence[Output | None]) -> str:
    """Why there is no value; where units failed, what each of them answered."""
    text = shown_output(output)
    if output is None or output.status is not Status.BLOCKED:
        return text
    lines = [f"{unit.record.removeprefix(record.id)}: {_unit_text(unit)}" for unit in units if unit is not None]
    return _cut("\n".join([text, *lines]))


def _unit_text(unit: Output | None) -> str:
    if unit is None or not unit.status.has_value:
        return "" if unit is not None and unit.status is Status.SKIPPED else shown_output(unit)
    return "" if unit.value is None else _cut(text_of(unit.value))


def _turns(stage: Stage, record: Record, outputs: Mapping[str, Output], units: Sequence[Output | None]) -> str:
    """The answers to the items of a list, by whom or to what each was said; empty where there is no such list."""
    if stage.each is None:
        return ""
    output = outputs.get(stage.each.name)
    items = record.fields.get(stage.each.name) if stage.each.origin == "record" else output and output.value
    if not isinstance(items, Sequence) or isinstance(items, str) or len(items) != len(units):
        return ""
    turns = [
        {"role": _speaker(item), "name": f"{number}{_ended(unit)}", "content": _unit_text(unit)}
        for number, (item, unit) in enumerate(zip(items, units, strict=True), start=1)
    ]
    return json.dumps(turns, ensure_ascii=False)


def _ended(unit: Output | None) -> str:
    """How a turn that has no answer ended, behind its number."""
    if unit is None:
        return ", not there"
    return "" if unit.status.has_value or unit.status is Status.SKIPPED else f", {unit.status.value}"


def _speaker(item: Json) -> str:
    name = (item.get("role") or item.get("tool")) if isinstance(item, Mapping) else None
    text = name if isinstance(name, str) else " ".join(text_of(item).split())
    return text if len(text) <= SHORT else f"{text[: SHORT - 1].rstrip()}…"


def _named(value: Json, is_items: bool) -> list[str]:
    return entries(value) if is_items and value is not None else []


def call_facts(output: Output) -> str:
    """What is known of a call, in words; what is not known is left out.

    >>> from stagegap.model.answer import Status
    >>> call_facts(Output(record="r", stage="s", status=Status.OK, latency_ms=1200.0, tokens_in=300, tokens_out=12))
    '1.2 s, 300 tokens read, 12 written'
    """
    parts = [
        figures.seconds(output.latency_ms / 1000) if output.latency_ms is not None else "",
        f"{output.tokens_in:,} tokens read" if output.tokens_in is not None else "",
        f"{output.tokens_out:,} written" if output.tokens_out is not None else "",
        figures.money(output.cost) if output.cost is not None else "",
        "known from an earlier call" if output.cached else "",
        f"confidence {output.confidence:.2f}" if output.confidence is not None else "",
    ]
    return ", ".join(part for part in parts if part)


def attempt_lines(attempts: Sequence[Attempt]) -> tuple[str, ...]:
    """Each attempt of a call in words.

    >>> from stagegap.model.answer import Status
    >>> attempt_lines([Attempt(0.0, 0.3, Status.INFRASTRUCTURE, "429: too many calls"), Attempt(2.0, 1.5, Status.OK)])
    ('1 at once, 0.3 s: infrastructure, 429: too many calls', '2 after 2.0 s, 1.5 s: ok')
    """
    return tuple(
        f"{number} {f'after {figures.seconds(attempt.after_s)}' if attempt.after_s else 'at once'}, "
        f"{figures.seconds(attempt.took_s)}: {', '.join(filter(None, (attempt.status.value, attempt.error)))}"
        for number, attempt in enumerate(attempts, start=1)
    )


def _badge(fault: Failure | None, *, is_compared: bool, is_same: bool) -> Badge:
    if fault is not None:
        if fault.first_fault:
            return "first fault"
        return "inherits the fault" if fault.inherits else "own fault"
    if not is_compared:
        return "not compared"
    return "same" if is_same else "good enough"


def _nearest(value: Json, accepted: Sequence[Answer]) -> Answer | None:
    """The accepted answer that is the system's own if there is one, otherwise the first."""
    same = (answer for answer in accepted if answer.value == value)
    return next(same, accepted[0] if accepted else None)


def _difference(value: Json, reference: Json, is_items: bool) -> Difference | None:
    if is_items:
        return list_difference(entries(value), entries(reference))
    if isinstance(value, int | float) and not isinstance(value, bool):
        return None  # the marks of a difference would be read as the signs of the numbers
    ours, theirs = _cut(text_of(value)), _cut(text_of(reference))
    # Two labels or objects differ in few places, however little they have in common.
    return (
        near_difference(ours, theirs)
        if isinstance(value, str) and " " in ours + theirs
        else word_difference(ours, theirs)
    )


def _key(value: Json, is_items: bool) -> str:
    return json.dumps(sorted(ids(value)) if is_items and value is not None else value, sort_keys=True)


def _facts(value: Json, answer: Answer | None) -> tuple[Mark, ...]:
    text = value if isinstance(value, str) else ""
    return tuple(
        Mark("same" if any(contains(text, wording) for wording in fact.wordings) else "missing", fact.wordings[0])
        for fact in (answer.facts if answer is not None else ())
    )


def _people(reference: Reference | None) -> str:
    if reference is None or not reference.accepted:
        return ""
    names = listed(list(dict.fromkeys(reference.annotators))) if reference.annotators else "unknown"
    return f"{names}, {how_settled(reference)}"


def _saw(source: Source, record: Record, outputs: Mapping[str, Output], titles: Mapping[str, Mapping[str, str]]) -> str:
    if source.origin == "record":
        field = record.fields.get(source.name)
        return f"record.{source.name}" if field is not None else f"record.{source.name}, which is empty"
    output = outputs.get(source.name)
    if source.part == "confidence":
        return f"confidence of {source.name}"
    if source.part == "scores":
        return f"scores of {source.name}"
    known = titles.get(source.name) if source.part == "value" and not source.path else None
    if known and output is not None and output.status.has_value:
        return ", ".join(f"{known[name]} ({name})" if known.get(name) else name for name in ids(output.value))
    text = shown_output(output, source.path)
    return text if len(text) <= SHORT else f"{text[: SHORT - 1].rstrip()}…"


def text_of(value: Json) -> str:
    """A value as people read it: a text as it is, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(plain(value), ensure_ascii=False, indent=2)


def _shown(value: Json, is_items: bool) -> str:
    return ", ".join(entries(value)) or "none" if is_items else _cut(text_of(value))


def _shown_or_none(answer: Answer, is_items: bool) -> str:
    return "no answer" if answer.value is None else _shown(answer.value, is_items)


def _cut(text: str, most: int = LONGEST) -> str:
    if len(text) <= most:
        return text
    return f"{text[:most]}… (cut: {len(text):,} characters)"


def record_sheet(view: RecordView) -> Sheet:
    """A record stage by stage, as text."""
    fields = tuple(f"{name}: {text}" for name, text in view.fields)
    return Sheet(
        headline=f"{view.record} in run {view.run}",
        parts=(*fields, *(line for number, block in enumerate(view.blocks, start=1) for line in _lines(number, block))),
    )


def _lines(number: int, block: StageBlock) -> list[str]:
    """A stage of a record as paragraphs, those of several lines indented."""
    score = "" if math.isnan(block.score) else f", score {figures.share(block.score)}"
    titles = {document.id: document.title for document in block.documents}
    named = [f"{name}: {text}" for name, text in block.saw]
    difference = _marked(block.difference) if block.difference is not None and block.badge != "same" else ""
    paragraphs = {
        "Saw": " · ".join(named),
        "Call": ", ".join(part for part in (block.status, block.call) if part),
        "Attempts": "\n".join(block.attempts),
        "Prompt": block.prompt,
        "Raw answer": block.raw,
        "System": _titled(block.system, titles) if block.kind == "items" else block.system,
        f"Right{f' ({block.people})' if block.people else ''}": (
            _titled(block.reference, titles) if block.kind == "items" else block.reference or "no reference yet"
        ),
        "Also right": " · ".join(block.also),
        "Must be in it": ", ".join(f"{'✓' if mark.kind == 'same' else '✗'} {mark.text}" for mark in block.facts),
        "Differs": difference,
    }
    return [
        f"\n{number} {block.stage}: {block.badge}{score}",
        *(_paragraph(n, text) for n, text in paragraphs.items() if text),
    ]


def _paragraph(name: str, text: str) -> str:
    if "\n" not in text:
        return f"  {name}: {text}"
    return f"  {name}:\n" + "\n".join(f"    {line}" for line in text.splitlines())


def _titled(text: str, titles: Mapping[str, str]) -> str:
    """Ids with the titles of their documents, one a line."""
    if not titles:
        return text or "no reference yet"
    names = text.split(", ") if text else []
    return "\n".join(f"{titles[name]} ({name})" if titles.get(name) else name for name in names) or "no reference yet"


def _marked(difference: Difference) -> str:
    extra = [mark.text.strip() for mark in difference.system if mark.kind == "extra"]
    missing = [mark.text.strip() for mark in difference.reference if mark.kind == "missing"]
    return ", ".join([*(f"+{text}" for text in extra), *(f"−{text}" for text in missing)])
