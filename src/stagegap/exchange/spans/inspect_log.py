"""Logs of Inspect AI: `.eval` archives, whose samples are read one by one, and JSON.

Source: inspect.aisi.org.uk/eval-logs.html, and `inspect_ai.log.EvalSample`; logs of 0.3.41 on, with `step` events, and
of 0.3.95 on, with spans.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from stagegap.exchange.foreign.protocol import Leftovers, Object, inside, objects, text
from stagegap.exchange.spans.attributes import at
from stagegap.exchange.spans.span import (
    Item,
    Opinion,
    Span,
    SpanKind,
    TraceFormat,
    Values,
    amount_of,
    answer_of,
    count_of,
    instant,
)
from stagegap.model.record import Json

_LOG = frozenset({"eval", "status", "version"})
_SAMPLE = frozenset({"id", "epoch", "input"})
_LETTERS: Mapping[Json, float] = {"C": 1.0, "I": 0.0, "P": 0.5, "N": 0.0}


def _is_certain(first: Sequence[Object]) -> bool:
    return bool(first) and all(value.keys() >= _LOG or value.keys() >= _SAMPLE for value in first)


def _read(values: Values, leftovers: Leftovers) -> Iterator[Item]:
    for place, value in values:
        samples = objects(value.get("samples")) if value.keys() >= _LOG else [value]
        if not samples:
            leftovers.add("A log without samples.", place)
        for sample in samples:
            yield from _sample(sample, leftovers)


def _sample(sample: Object, leftovers: Leftovers) -> Iterator[Item]:
    older = inside(sample.get("transcript"))  # of 2024, whose only score had no name
    if older or "score" in sample:
        scores = {"score": sample["score"]} if inside(sample.get("score")) else {}
        sample = {"events": older.get("events"), "attachments": older.get("content"), "scores": scores, **sample}
    epoch = sample.get("epoch")
    trace = text(sample.get("id")) + (f"/{epoch}" if epoch not in (None, 1) else "")
    attachments = inside(sample.get("attachments"))
    output = inside(sample.get("output"))
    times = [when for event in objects(sample.get("events")) if (when := instant(event.get("timestamp"))) and when > 0]
    error = sample.get("error")
    yield Span(
        trace=trace,
        id="sample",
        name="sample",
        start=min(times, default=instant(sample.get("started_at"))),
        end=max(times, default=instant(sample.get("completed_at"))),
        inputs=_resolved(_question(sample.get("input")), attachments),
        output=_resolved(_said(output), attachments),
        error=text(inside(error).get("message")) or (text(error) if error else ""),
        fields={key: value for key, value in inside(sample.get("metadata")).items() if key != "input"},
    )
    yield from _steps(sample, trace, attachments, leftovers)
    if not sample.get("events") and output:
        yield _model(
            {"output": output, "input": sample.get("messages"), "span_id": "sample"}, trace, "output", attachments
        )
    target = sample.get("target")
    if target not in (None, "", []):
        for value in target if isinstance(target, list) else [target]:
            yield Opinion(trace=trace, name="target", value=value, author="target", by="reference")
    for name, score in inside(sample.get("scores")).items():
        yield from _opinions(trace, name, inside(score))


def _question(value: Json) -> Json:
    """The text of the only user's message; several messages stay as they are."""
    messages = objects(value)
    users = [message for message in messages if message.get("role") == "user"]
    return answer_of(users[0]) if len(users) == 1 and len(messages) <= 2 else value


def _said(output: Object) -> Json:
    choices = objects(output.get("choices"))
    return answer_of(choices[0].get("message")) if choices else None


def _resolved(value: Json, attachments: Object) -> Json:
    """The value with long texts, which the log holds once and points to, in their places."""
    if isinstance(value, str):
        prefix, sign, digest = value.partition("://")
        return attachments.get(digest, value) if sign and prefix in ("attachment", "tc") else value
    if isinstance(value, Mapping):
        return {key: _resolved(item, attachments) for key, item in value.items()}
    return [_resolved(item, attachments) for item in value] if isinstance(value, list) else value


def _steps(sample: Object, trace: str, attachments: Object, leftovers: Leftovers) -> Iterator[Span]:
    frames: list[str] = []
    ends = {
        text(event.get("id")): instant(event.get("timestamp"))
        for event in objects(sample.get("events"))
        if event.get("event") == "span_end"
    }
    for place, event in enumerate(objects(sample.get("events"))):
        kind, own = text(event.get("event")), text(event.get("id") or event.get("uuid")) or f"event {place}"
        parent = text(event.get("span_id")) or (frames[-1] if frames else "sample")
        match kind:
            case "span_begin":
                frame = SpanKind.AGENT if event.get("type") == "agent" else SpanKind.CHAIN
                yield Span(
                    trace=trace, id=own, parent=text(event.get("parent_id")) or "sample", name=text(event.get("name")),
                    kind=SpanKind.EVALUATOR if event.get("type") in ("scorer", "scorers") else frame,
                    start=instant(event.get("timestamp")), end=ends.get(own),
                )  # fmt: skip
            case "step" if event.get("action") == "begin":
                frames.append(f"step {place}")
                is_scorer = event.get("type") == "scorer"
                yield Span(
                    trace=trace, id=frames[-1], parent=frames[-2] if len(frames) > 1 else "sample",
                    name=text(event.get("name")), kind=SpanKind.EVALUATOR if is_scorer else SpanKind.CHAIN,
                    start=instant(event.get("timestamp")),
                )  # fmt: skip
            case "step" if frames:
                frames.pop()
            case "model":
                yield _model({**event, "span_id": parent}, trace, f"event {place}", attachments)
            case "tool":
                yield _tool(event, trace, f"event {place}", parent, attachments)
            case "span_end" | "step" | "sample_init" | "state" | "score" | "store" | "error":
                pass  # frames are closed, and states and scores are read where the sample itself holds them
            case _:
                leftovers.add(f"An event {kind!r} is no step.", f"sample {trace}")


def _model(event: Object, trace: str, own: str, attachments: Object) -> Span:
    output, start = inside(event.get("output")), instant(event.get("timestamp"))
    took = amount_of(output.get("time"))
    end = instant(event.get("completed"))
    usage: Json = dict(inside(output.get("usage")))
    return Span(
        trace=trace,
        id=own,
        parent=text(event.get("span_id")),
        name="generate",
        kind=SpanKind.LLM,
        start=start,
        end=end if end is not None or start is None or took is None else start + took,
        inputs=_resolved(event.get("input"), attachments),
        output=_resolved(_said(output), attachments),
        error=text(event.get("error")) or text(output.get("error")),
        model=text(output.get("model")) or text(event.get("model")),
        tokens_in=count_of(at(usage, "input_tokens")),
        tokens_out=count_of(at(usage, "output_tokens")),
    )


def _tool(event: Object, trace: str, own: str, parent: str, attachments: Object) -> Span:
    error = event.get("error")
    return Span(
        trace=trace,
        id=own,
        parent=parent,
        name=text(event.get("function")) or "tool",
        kind=SpanKind.TOOL,
        start=instant(event.get("timestamp")),
        end=instant(event.get("completed")),
        inputs=_resolved(event.get("arguments"), attachments),
        output=_resolved(event.get("result"), attachments),
        error=text(inside(error).get("message")) or (text(error) if error else ""),
    )


def _opinions(trace: str, name: str, score: Object) -> Iterator[Opinion]:
    """A scorer's verdict; where its value is an object, one of each of its entries."""
    value = score.get("value")
    parts = {f"{name}.{key}": item for key, item in value.items()} if isinstance(value, Mapping) else {name: value}
    graded = "grading" in inside(score.get("metadata")) or "model_graded" in name
    by = "person" if "human" in name.lower() else "model" if graded else "code"
    for part, item in parts.items():
        number = _LETTERS.get(item) if isinstance(item, str) else item
        yield Opinion(
            trace=trace, name=part, value=item if number is None else number, author=name, by=by,
            note=text(score.get("explanation")),
        )  # fmt: skip


INSPECT = TraceFormat(name="inspect", title="Inspect AI", is_certain=_is_certain, read=_read, is_whole=True)
