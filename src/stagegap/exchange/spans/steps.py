"""From the spans of a trace to the steps of a cascade: what is a step, what a frame around steps, and their names."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import NamedTuple

from stagegap.exchange.foreign.protocol import Leftovers
from stagegap.exchange.spans.attributes import with_documents
from stagegap.exchange.spans.span import Span, SpanKind, answer_of
from stagegap.exchange.spans.spool import Trace
from stagegap.model.record import Json

_PLAIN = re.compile(
    r"^(chat|completion|chat[ _.]?completions?|generate|generation|response|llm|model|invoke|run|call|messages|reply)$"
    r"|^(chat|openai|anthropic|litellm|azure|google|bedrock|ollama|invoke_llm)[ ._-]|^Chat[A-Z]\w+$",
    re.IGNORECASE,
)
"""Names of spans that libraries give to every call of a model: they say nothing of the step."""
_FRAMES = (SpanKind.CHAIN, SpanKind.AGENT)
_ODD = re.compile(r"[^A-Za-z0-9_]+")
_LONGEST = 56
NO_NAMES = frozenset({"yes", "no", "on", "off", "true", "false", "null", "y", "n"})
"""Words that YAML reads as something else."""
_TAKEN = {"record", "outcome", "confidence", *NO_NAMES}


class Step(NamedTuple):
    """One step that a record went through."""

    stage: str
    span: Span
    """With what is known of it, whether of the frame or of the call inside it."""
    documents: Sequence[Mapping[str, Json]]
    tool: str
    name: str
    """In the traces."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A trace as a record and its steps."""

    id: str
    inputs: Json
    output: Json
    """Of the whole; None where the file does not say."""
    session: str
    user: str
    fields: Mapping[str, Json]
    error: str
    seconds: float | None
    steps: Sequence[Step]
    stage_of: Mapping[str, str]
    """Id of a span -> the stage that it became, or lies in."""


@dataclass(slots=True)
class Frames:
    """What the frames of all traces have in common, on which the names of steps rest."""

    most: dict[str, int] = field(default_factory=dict[str, int])
    """Frame -> the most steps in one of them."""
    models: dict[str, int] = field(default_factory=dict[str, int])
    """Frame -> the most calls of models in one of them."""
    homes: dict[str, set[str]] = field(default_factory=dict[str, set[str]])
    """Step -> frames that it lies in."""

    def note(self, trace: Trace) -> None:
        """Take a trace into account."""
        tree = Tree(trace.spans)
        inside: dict[str, list[Span]] = {}
        for span, frame in tree.leaves():
            self.homes.setdefault(span.name, set()).add(frame.name if frame else "")
            if frame:
                inside.setdefault(frame.id, []).append(span)
        for name, spans in inside.items():
            frame = tree.by_id[name].name
            self.most[frame] = max(self.most.get(frame, 0), len(spans) + tree.frames_in(name))
            calls = sum(span.kind is SpanKind.LLM for span in spans)
            self.models[frame] = max(self.models.get(frame, 0), calls)

    def step(self, span: Span, frame: Span | None) -> tuple[str, Span]:
        """The name of a step, and the span that it is: the only step of a frame stands for the frame."""
        if frame is None:
            generic = _is_plain(span)
            return (span.role or ("reply" if span.kind is SpanKind.LLM else span.name) if generic else span.name), span
        if self.most.get(frame.name) == 1:
            name = span.name if span.kind is SpanKind.TOOL else frame.name
            return name, _merged(frame, span)
        if _is_plain(span):
            only = span.kind is SpanKind.LLM and self.models.get(frame.name) == 1
            return (frame.name if only else f"{frame.name}_{span.name if span.name != span.model else 'reply'}"), span
        is_shared = span.kind is not SpanKind.TOOL and len(self.homes.get(span.name, ())) > 1
        return (f"{frame.name}_{span.name}" if is_shared else span.name), span


def _is_plain(span: Span) -> bool:
    return (
        bool(_PLAIN.search(span.name))
        or (bool(span.model) and span.name in (span.model, span.model.split("/")[-1]))
        or (span.kind is SpanKind.LLM and "-" in span.name and any(sign.isdigit() for sign in span.name))
    )


def _merged(frame: Span, span: Span) -> Span:
    """A frame with its only step: the frame's inputs and output where it has them, the rest of the step."""
    is_wrapped = isinstance(frame.output, Mapping | list) and isinstance(span.output, str)
    output = span.output if frame.output is None or is_wrapped else frame.output
    return replace(
        span,
        inputs=span.inputs if frame.inputs is None else frame.inputs,
        output=output,
        start=span.start if frame.start is None else frame.start,
        end=span.end if frame.end is None else frame.end,
        error=span.error or frame.error,
        role=span.role or frame.role,
    )


class Tree:
    """The spans of one trace as a tree, children in the order in which they began."""

    def __init__(self, spans: Sequence[Span]) -> None:
        self.by_id = {span.id: span for span in spans}
        self.children: dict[str, list[Span]] = {}
        times = [span.start for span in spans if span.start is not None]
        first = min(times, default=0.0)
        for span in sorted(spans, key=lambda span: first if span.start is None else span.start):
            self.children.setdefault(span.parent, []).append(span)
        self.roots = self.children.get("", [])

    @property
    def root(self) -> Span | None:
        """The frame around the whole; None where the trace has several roots, or is one step."""
        roots = [span for span in self.roots if span.kind is not SpanKind.EVALUATOR]
        only = roots[0] if len(roots) == 1 else None
        return only if only and only.kind in _FRAMES else None

    def leaves(self) -> Iterator[tuple[Span, Span | None]]:
        """Every step with the frame that it lies in; without one directly under the root."""
        root = self.root
        ahead: list[tuple[Span, Span | None]] = [(span, None) for span in reversed(self.roots)]
        while ahead:
            span, frame = ahead.pop()
            if span.kind is SpanKind.EVALUATOR:
                continue
            below = self.children.get(span.id, [])
            if span is root:
                ahead += [(child, None) for child in reversed(below)]
                continue
            is_frame = self.is_frame(span)
            if not is_frame:
                yield span, frame
            ahead += [(child, span if is_frame else frame) for child in reversed(below)]

    def is_frame(self, span: Span) -> bool:
        """Whether it only holds other steps together."""
        return span.kind in _FRAMES and any(
            child.kind is not SpanKind.EVALUATOR for child in self.children.get(span.id, [])
        )

    def frames_in(self, name: str) -> int:
        """How many frames lie directly inside one."""
        return sum(self.is_frame(child) for child in self.children.get(name, []))


def case_of(trace: Trace, frames: Frames, leftovers: Leftovers) -> Case:
    """The record and the steps of a trace."""
    tree = Tree(trace.spans)
    root = tree.root
    steps: list[Step] = []
    stage_of: dict[str, str] = {}
    for span, frame in tree.leaves():
        if span.kind is SpanKind.EMBEDDING:
            leftovers.add(
                "An embedding is a vector that nobody can answer for: it became no stage.",
                f"{span.name!r} of trace {trace.id}",
            )
            continue
        name, whole = frames.step(span, frame)
        stage = stage_name(name)
        stage_of[span.id] = stage
        if frame and whole is not span:
            stage_of[frame.id] = stage
        tool = span.name if span.kind is SpanKind.TOOL else ""
        documents = with_documents(whole)
        if (
            whole.output is None
            and not documents
            and not whole.error
            and whole.kind in _FRAMES
            and frame is None
            and root is not None
            and whole.inputs is None
        ):
            leftovers.add(
                "A span without input, output and error: it became no step.", f"{span.name!r} of trace {trace.id}"
            )
            continue
        steps.append(Step(stage, replace(whole, output=answer_of(whole.output)), documents, tool, name))
    steps.sort(key=lambda step: step.span.start or 0.0)
    head = root or (tree.roots[0] if tree.roots else None)
    whole_of = [span for span in trace.spans if span.session or span.user]
    return Case(
        id=trace.id,
        inputs=_first([root.inputs if root else None, *(step.span.inputs for step in steps)]),
        output=_end(root, steps),
        session=next((span.session for span in whole_of if span.session), ""),
        user=next((span.user for span in whole_of if span.user), ""),
        fields=head.fields if head else {},
        error=root.error if root else "",
        seconds=_took(trace.spans),
        steps=steps,
        stage_of=stage_of,
    )


def _end(root: Span | None, steps: Sequence[Step]) -> Json:
    """What came out of the whole: the root's output, or what a model said last where the root says nothing."""
    if root is not None and root.output is not None:
        return answer_of(root.output)
    return next(
        (
            step.span.output
            for step in reversed(steps)
            if step.span.kind is SpanKind.LLM and step.span.output is not None
        ),
        None,
    )


def _first(values: Sequence[Json]) -> Json:
    return next((value for value in values if value not in (None, "", [], {})), None)


def _took(spans: Sequence[Span]) -> float | None:
    starts = [span.start for span in spans if span.start is not None]
    ends = [span.end for span in spans if span.end is not None]
    return max(ends) - min(starts) if starts and ends and max(ends) >= min(starts) else None


def stage_name(name: str) -> str:
    """A name that a stage of a cascade file can have.

    >>> stage_name("Web-Search"), stage_name("1. plan"), stage_name("record"), stage_name("検索")
    ('Web_Search', 's_1_plan', 'record_step', 'step_1b6b1a')
    """
    plain = _ODD.sub("_", name).strip("_")
    if not plain or len(plain) > _LONGEST:  # two names of another script, or of one long begin, are two stages
        plain = f"{plain[: _LONGEST - 7] or 'step'}_{sha256(name.encode('utf-8', 'replace')).hexdigest()[:6]}"
    plain = plain if plain[0].isalpha() else f"s_{plain}"
    return f"{plain}_step" if plain.lower() in _TAKEN else plain
