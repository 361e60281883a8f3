"""Conversations: one object a record with a list of messages, of chats, teams of agents and fine-tuning."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from stagegap.exchange.foreign.protocol import Leftovers, Object, inside, objects, text
from stagegap.exchange.spans.span import (
    Item,
    Opinion,
    Span,
    SpanKind,
    TraceFormat,
    Values,
    answer_of,
    instant,
    spoken,
    unpacked,
)
from stagegap.exchange.spans.table import ID_NAMES, REFERENCE_NAMES
from stagegap.model.record import Json

LISTS = ("messages", "history", "conversation", "conversations", "turns", "trajectory")
_PEOPLE = frozenset({"user", "human", "system", "developer", "customer"})
_MODELS = frozenset({"assistant", "ai", "gpt", "model", "bot", "chatbot"})
FIRST_FAULT = ("mistake_step", "first_fault", "mistake_index", "first_wrong_step")


def _turns(value: Object) -> Sequence[Object]:
    for name in LISTS:
        turns = objects(unpacked(value.get(name)))
        if turns and all(_role(turn) or "type" in turn for turn in turns):
            return turns
    return ()


def _role(turn: Object) -> str:
    return text(turn.get("role") or turn.get("from") or turn.get("speaker"))


def _is_certain(first: Sequence[Object]) -> bool:
    return bool(first) and all(bool(_turns(value)) for value in first)


def _read(values: Values, leftovers: Leftovers) -> Iterator[Item]:
    for number, (place, value) in enumerate(values, start=1):
        turns = _turns(value)
        if not turns:
            leftovers.add("No list of messages with roles.", place)
            continue
        yield from _conversation(value, turns, _id(value) or str(number))


def _id(value: Object) -> str:
    names = (*ID_NAMES, "trace_id", "conversation_id", "thread_id", "custom_id")
    return next((name for key in names if (name := text(value.get(key)))), "")


def _conversation(value: Object, turns: Sequence[Object], trace: str) -> Iterator[Item]:
    is_team = _is_team(turns)
    spans = list(_team(turns, trace) if is_team else _chat(turns, trace))
    first = next((turn for turn in turns if _role(turn).lower() in _PEOPLE - {"system", "developer"}), turns[0])
    own = {
        key: item for key, item in value.items() if key not in (*LISTS, *ID_NAMES, *FIRST_FAULT) and item is not None
    }
    references = {key: own.pop(key) for key in list(own) if key in REFERENCE_NAMES}
    system = next((_said(turn) for turn in turns if _role(turn).lower() in ("system", "developer")), None)
    yield Span(
        trace=trace,
        id="conversation",
        name="conversation",
        kind=SpanKind.AGENT,
        inputs={"question": _said(first), **({"system": system} if system and not is_team else {})},
        output=spans[-1].output if spans else None,
        session=text(value.get("session_id") or value.get("session")),
        user=text(value.get("user_id")),
        fields={key: item for key, item in own.items() if key not in ("tools", "functions")},
    )
    yield from spans
    fault = next((value.get(key) for key in FIRST_FAULT if value.get(key) is not None), None)
    if fault is not None and text(fault).strip().isdecimal():
        reason = text(value.get("mistake_reason"))
        yield Opinion(
            trace=trace, span=f"turn {int(text(fault))}", name="first_fault", value=True, author="people", note=reason
        )
    for item in references.values():
        yield Opinion(trace=trace, name="reference", value=item, author="reference", by="reference")


def _is_team(turns: Sequence[Object]) -> bool:
    """Whether several agents speak: under names, or in roles that are neither a person's, a model's nor a tool's."""
    roles = {_role(turn).lower() for turn in turns}
    others = roles - _PEOPLE - _MODELS - {"tool", "function"}
    names = {text(turn.get("name")) for turn in turns if _role(turn).lower() not in ("tool", "function")} - {""}
    return bool(others) or len(names) > 1


def _said(turn: Object) -> Json:
    return (
        spoken(turn.get("content"))
        if "content" in turn
        else spoken(turn.get("value", turn.get("text", turn.get("message"))))
    )


def agent_of(turn: Object) -> str:
    """Who speaks: the name, or the role without what stands behind it in brackets or an arrow.

    >>> agent_of({"role": "Orchestrator (thought)"}), agent_of({"role": "user", "name": "Checker"})
    ('Orchestrator', 'Checker')
    """
    return text(turn.get("name")) or _role(turn).split(" (")[0].split(" ->")[0].strip()


def _team(turns: Sequence[Object], trace: str) -> Iterator[Span]:
    """Every turn of a team is an attempt of its speaker; a person's question is none."""
    for place, turn in enumerate(turns):
        if text(turn.get("name")) or _role(turn).lower() not in _PEOPLE:
            yield _span(turn, place, trace, name="step", kind=SpanKind.AGENT, role=agent_of(turn), before=turns[:place])


def _chat(turns: Sequence[Object], trace: str) -> Iterator[Span]:
    calls: dict[str, Object] = {}
    for place, turn in enumerate(turns):
        role = _role(turn).lower()
        for call in objects(turn.get("tool_calls")):
            calls[text(call.get("id"))] = call
        if role in _MODELS:
            yield _span(turn, place, trace, name="reply", kind=SpanKind.LLM, role="", before=turns[:place])
        elif role in ("tool", "function"):
            call = calls.get(text(turn.get("tool_call_id")), {})
            function = inside(call.get("function"))
            name = text(turn.get("name")) or text(function.get("name")) or "tool"
            arguments = unpacked(function.get("arguments"))
            span = _span(turn, place, trace, name=name, kind=SpanKind.TOOL, role="", before=())
            yield Span(
                trace=trace, id=span.id, parent=span.parent, name=name, kind=SpanKind.TOOL, start=span.start,
                inputs=arguments, output=unpacked(span.output),
            )  # fmt: skip


def _span(
    turn: Object, place: int, trace: str, *, name: str, kind: SpanKind, role: str, before: Sequence[Object]
) -> Span:
    output = _said(turn)
    last = before[-1] if before else None
    return Span(
        trace=trace,
        id=f"turn {place}",
        parent="conversation",
        name=name,
        kind=kind,
        start=instant(turn.get("timestamp") or turn.get("created_at")),
        inputs=_said(last) if last else None,
        output=answer_of(dict(turn)) if output in (None, "") and turn.get("tool_calls") else output,
        model=text(turn.get("model")),
        role=role,
    )


MESSAGES = TraceFormat(name="messages", title="lists of messages", is_certain=_is_certain, read=_read)
