"""Verdicts: whether an output that somebody sees is right, and what would be right in its place.

Whoever sees an output is drawn towards it. So a random tenth of the records comes to each person without the output,
drawn by queue, person and record: those are blind answers, and what verdicts are worth is measured on them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from hashlib import sha256
from typing import Any, Literal, cast

from stagegap.errors import ConfigurationError
from stagegap.model.answer import Answer, Label, Reference
from stagegap.model.queue import Queue, QueueItem
from stagegap.model.record import Json
from stagegap.people.card import answer_from_values, display, values_of
from stagegap.people.disagreements import in_words

Verdict = Literal["accept", "correct", "reject"]
CHOICES: Mapping[str, str] = {
    "accept": "Right",
    "correct": "Not right: I say what is",
    "reject": "Not right, and I can't say what is",
}
BLIND_SHARE = 0.1
"""Of the records of a verdict queue, for each person."""


def is_blind(queue: str, annotator: str, record: str) -> bool:
    """True where that person answers the record without seeing the output."""
    drawn = sha256(f"{queue}/{annotator}/{record}".encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(drawn[:8]) < BLIND_SHARE * 2**64


def verdict_form(form: Mapping[str, Json]) -> dict[str, Json]:
    """The stage's own form, and the question that comes before it where the output is seen."""
    options: list[Json] = [{"value": name, "text": text} for name, text in CHOICES.items()]
    asked: Json = {
        "name": "verdict",
        "kind": "choice",
        "label": "Is it right?",
        "required": True,
        "wide": True,
        "options": options,
    }
    return {**form, "verdict": asked}


def verdict_item(item: QueueItem, output: Json) -> QueueItem:
    """Seal the output into an item; who may see it gets it by `as_given`."""
    return replace(item, sealed=json.dumps({"output": output}, ensure_ascii=False))


def as_given(queue: Queue, item: QueueItem, annotator: str) -> QueueItem:
    """The item as that person gets it: in a verdict queue with the output, but for those that come blind."""
    if queue.purpose != "verdict" or is_blind(queue.id, annotator, item.record):
        return item
    content = cast("dict[str, Any]", json.loads(item.payload))
    output: Json = json.loads(item.sealed)["output"]
    titles = {str(option["value"]): str(option.get("title", "")) for option in content["options"].get("value", ())}
    words: Json = in_words(Answer(value=output), titles) if isinstance(output, list) and titles else output
    content["output"] = {"label": "What the system answered", **display("output", words, from_stage=True)}
    content["draft"] = values_of(Answer(value=output))
    return replace(item, payload=json.dumps(content, ensure_ascii=False))


def shows_output(item: QueueItem) -> bool:
    """True where the payload holds what the system answered."""
    return "output" in json.loads(item.payload)


def verdict_answer(queue: Queue, item: QueueItem, values: Json) -> Answer:
    """What the values of the form say of the sealed output.

    A correction that says what the output says accepts it. Raises: ConfigurationError for values that the form can't
    have made.
    """
    given: Mapping[str, Json] = values if isinstance(values, Mapping) else {}
    verdict, output = given.get("verdict"), json.loads(item.sealed)["output"]
    if verdict == "correct":
        return verdict_on(output, "correct", answer_from_values(queue, item, values))
    if verdict not in CHOICES:
        raise ConfigurationError(f"The card sent a verdict that can't be stored: {verdict!r} is none of the form.")
    return verdict_on(output, cast("Verdict", verdict))


def verdict_on(output: Json, verdict: Verdict, correction: Answer | None = None) -> Answer:
    """A verdict as a label holds it; a correction that says what the output says accepts it."""
    if correction is None:
        return Answer(value={"verdict": verdict, "output": output})
    if _same(correction.value, output) and not correction.facts:
        return verdict_on(output, "accept")
    value: dict[str, Json] = {"verdict": "correct", "output": output, "correction": correction.value}
    return Answer(value=value, facts=correction.facts)


def said_of(value: Json) -> tuple[Verdict, Json, Json]:
    """Verdict, output and correction of a label's value. Raises: ValueError with what a verdict looks like."""
    verdict = value.get("verdict") if isinstance(value, Mapping) else None
    if not isinstance(value, Mapping) or verdict not in CHOICES or "output" not in value:
        raise ValueError(
            f"A verdict is an object with 'verdict' (one of {', '.join(CHOICES)}) and the 'output' that it is about, "
            f"found {value!r}."
        )
    if (verdict == "correct") is not ("correction" in value):
        raise ValueError("A verdict of 'correct' has a 'correction', and no other has one.")
    return cast("Verdict", verdict), value["output"], value.get("correction")


def _same(a: Json, b: Json) -> bool:
    return json.dumps(a, sort_keys=True) == json.dumps(b, sort_keys=True)


def parts(label: Label) -> tuple[Verdict, Json, Answer | None]:
    """Verdict, output and correction of a label in force."""
    assert label.answer is not None, "a verdict in force has an answer"
    verdict, output, correction = said_of(label.answer.value)
    return verdict, output, Answer(value=correction, facts=label.answer.facts) if verdict == "correct" else None


def is_on(label: Label, output: Json) -> bool:
    """True where the verdict is about this very output."""
    return _same(parts(label)[1], output)


def values_of_verdict(label: Label) -> dict[str, Json]:
    """The values that the form shows again: the reverse of `verdict_answer`."""
    values: dict[str, Json] = {"_unsure": label.unsure, "_odd": label.odd, "_note": label.note}
    if label.answer is None:
        return values
    verdict, _, correction = parts(label)
    return values | {"verdict": verdict} | (values_of(correction) if correction is not None else {})


def in_force(verdicts: Iterable[Label]) -> list[Label]:
    """Each person's last word on each output of a run: nothing after a skip or an undo."""
    last: dict[tuple[str, str, str, str], Label] = {}
    for label in sorted(verdicts, key=lambda label: label.at):
        last[label.record, label.stage, label.annotator, label.run] = label
    return [label for label in last.values() if label.action == "label" and label.answer is not None]


def seen_reference(label: Label) -> Reference | None:
    """What a verdict in force holds to be right, by somebody who saw the output; None for a rejection, which only
    bounds.
    """
    verdict, output, correction = parts(label)
    if verdict == "reject":
        return None
    return Reference(
        record=label.record,
        stage=label.stage,
        accepted=(correction or Answer(value=output),),
        annotators=(label.annotator,),
        seen=True,
    )


def seen_references(verdicts: Iterable[Label], known: Mapping[tuple[str, str], Reference]) -> list[Reference]:
    """References by people who saw an output, of the places where nobody answered blind: the newest of each.

    They stand in no figure that rests on blind answers.
    """
    newest: dict[tuple[str, str], Reference] = {}
    for label in sorted(in_force(verdicts), key=lambda label: label.at):
        reference = seen_reference(label)
        if reference is not None and (label.record, label.stage) not in known:
            newest[label.record, label.stage] = reference
    return list(newest.values())


def in_a_line(label: Label) -> str:
    """A verdict in force as a history says it."""
    verdict, output, correction = parts(label)
    seen = in_words(Answer(value=output), {})
    if correction is not None:
        return f"not {seen}, but {in_words(correction, {})}"
    return f"{'right' if verdict == 'accept' else 'not right'}: {seen}"
