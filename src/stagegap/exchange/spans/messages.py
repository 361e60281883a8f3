"""Conversations: one object a record with a list of messages, of chats, teams of agents and fine-tuning."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from stagegap.exchange.foreign.protocol import Leftovers, Object, inside, objects, text
from stagegap.exchange.spans.span import (
    FIRST_FAULT,
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
from stagegap.exchange.spans.table import ID_NAMES, OUTPUT_NAMES, REFERENCE_NAMES
from stagegap.model.record import Json

LISTS = (
    "messages",
    "history",
    "conversation",
    "conversations",
    "turns",
    "trajectory",
    "steps",
    "user_input",
    "contents",
)
CHAIN = "step"
"""Role of the steps of a chain of thought, which are plain texts."""
_PEOPLE = frozenset({"user", "human", "system", "developer", "customer"})
_MODELS = frozenset({"assistant", "ai", "gpt", "model", "bot", "chatbot"})
FAULT_NAMES = ("mistake_step", "first_fault", "mistake_index", "first_wrong_step")
ROLE_NAMES = ("mistake_agent", "responsible_agent", "faulty_agent", "first_fault_role")
REASON_NAME = "mistake_reason"
RIGHT_NAMES = ("is_correct", "is_corrected", "right", "correct", "is_right")
SOUND, FAULTY = "sound", "faulty"


def _turns(value: Object) -> Sequence[Object]:
    for name in LISTS:
        turns = [plain for turn in _in_place(unpacked(value.get(name))) for plain in _plain(turn)]
        if turns and name == "contents":
            turns = [*_instruction(value), *turns]
        if turns and all(_role(turn) or "type" in turn for turn in turns):
            return turns
    steps = value.get("steps")
    if isinstance(steps, list) and steps and all(isinstance(step, str) for step in steps):
        return [{"role": CHAIN, "content": step} for step in steps]
    return ()


def _in_place(value: Json) -> list[Object]:
    """The turns of a list, with nothing in the place of what is no object: people count steps from the first."""
    listed = value if isinstance(value, list) and objects(value) else ()
    return [turn if isinstance(turn, Mapping) else {"role": "system"} for turn in listed]


def _plain(turn: Object) -> Iterator[Object]:
    """A turn as chats have it: Ragas and LangChain say `type` for the role, Gemini has calls and results as parts."""
    kind, parts = text(turn.get("type")).lower(), objects(turn.get("parts"))
    calls = [inside(part.get("functionCall", part.get("function_call"))) for part in parts]
    results = [inside(part.get("functionResponse", part.get("function_response"))) for part in parts]
    if not _role(turn) and kind in _PEOPLE | _MODELS | {"tool"}:
        wanted = [_call(call) for call in objects(turn.get("tool_calls"))]
        yield {**turn, "role": kind, **({"tool_calls": wanted} if wanted else {})}
    elif any(calls) or any(results):
        texts: list[Json] = [part for part in parts if "text" in part]
        wanted = [_call(call) for call in calls if call]
        if texts or wanted:
            yield {"role": _role(turn), "content": texts or None, **({"tool_calls": wanted} if wanted else {})}
        for result in filter(None, results):
            yield {"role": "tool", "name": result.get("name"), "content": result.get("response")}
    elif parts and "content" not in turn:
        yield {**turn, "content": list(parts)}
    else:
        yield turn


def _call(call: Object) -> Json:
    """A call of a tool under the names that OpenAI's chats have."""
    if "function" in call:
        return call
    known = {"id": call["id"]} if call.get("id") else {}
    return {**known, "function": {"name": call.get("name"), "arguments": call.get("args")}}


def _instruction(value: Object) -> Iterator[Object]:
    """What Gemini was told before the first turn."""
    instruction = inside(value.get("systemInstruction", value.get("system_instruction")))
    if instruction:
        yield {"role": "system", "content": instruction.get("parts")}


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
        yield from _conversation(value, turns, _id(value) or str(number), leftovers)


def _id(value: Object) -> str:
    names = (*ID_NAMES, "trace_id", "conversation_id", "thread_id", "custom_id")
    return next((name for key in names if (name := text(value.get(key)))), "")


def _conversation(value: Object, turns: Sequence[Object], trace: str, leftovers: Leftovers) -> Iterator[Item]:
    is_chain = _role(turns[0]) == CHAIN
    is_team = _is_team(turns) or any(name in value for name in FAULT_NAMES)
    spans = list(_team(turns, trace) if is_team else _chat(turns, trace))
    first = next((turn for turn in turns if _role(turn).lower() in _PEOPLE - {"system", "developer"}), turns[0])
    own: dict[str, Json] = {
        key: item
        for key, item in value.items()
        if key
        not in (*LISTS, "systemInstruction", "system_instruction", *ID_NAMES, *FAULT_NAMES, *ROLE_NAMES, REASON_NAME)
        and item is not None
    }
    references: dict[str, Json] = {key: own.pop(key) for key in list(own) if key in REFERENCE_NAMES}
    end = _end(own) if is_chain or any(name in value for name in FAULT_NAMES) else None
    if isinstance(end, bool):
        end = "right" if end else "wrong"
        for key in references:
            leftovers.add("A right answer beside whether the answer was right: only that came in.", f"{key} of {trace}")
        references = {"right": "right"}
    system = next((_said(turn) for turn in turns if _role(turn).lower() in ("system", "developer")), None)
    yield Span(
        trace=trace,
        id="conversation",
        name="conversation",
        kind=SpanKind.AGENT,
        inputs=_asked(own, first, system=None if is_team else system, is_chain=is_chain, is_team=is_team),
        output=end if end is not None else spans[-1].output if spans else None,
        session=text(value.get("session_id") or value.get("session")),
        user=text(value.get("user_id")),
        fields={key: item for key, item in own.items() if key not in ("tools", "functions")},
    )
    yield from spans
    asked = [_said(turn) for turn in (first, *turns)]
    yield from _first_fault(value, trace, len(turns), leftovers, asked=asked)
    for item in references.values():
        yield Opinion(trace=trace, name="reference", value=item, author="reference", by="reference")


def _end(own: dict[str, Json]) -> Json:
    """What came out of a chain: its answer, or whether that was right; taken out of the fields of the record."""
    answer = next((own.pop(key) for key in OUTPUT_NAMES if own.get(key) not in (None, "")), None)
    right = [own.pop(key) for key in RIGHT_NAMES if isinstance(own.get(key), bool)]
    return answer if answer is not None or not right else right[0]


def _asked(own: dict[str, Json], first: Object, *, system: Json, is_chain: bool, is_team: bool) -> Json:
    """What went into the whole; where agents talk to each other, the file's own question before any agent's turn."""
    if is_chain:
        return {"input": own.pop("input", own.pop("question", ""))}
    if is_team and text(own.get("question")):
        return {"question": own.pop("question")}
    return {"question": _said(first), **({"system": system} if system else {})}


def _first_fault(
    value: Object, trace: str, turns: int, leftovers: Leftovers, *, asked: Sequence[Json]
) -> Iterator[Item]:
    """What people said of the steps: the first wrong one, or that all are sound; and a stage for exactly that."""
    key = next((key for key in FAULT_NAMES if key in value), None)
    if key is None:
        return
    said = "" if value[key] is None else text(value[key]).strip()
    is_sound = value[key] is None
    if not is_sound and not (said.isdecimal() and len(said) < 10 and int(said) < turns):
        reason = f"The first fault is the number of one of the steps, counted from 0, or null ({key})."
        leftovers.add(reason, f"{value[key]!r} of {turns} steps in trace {trace}")
        return
    yield Span(trace=trace, id="all steps", parent="conversation", name="all_steps", inputs=list(asked), output=SOUND)
    yield Opinion(
        trace=trace, span="all steps", name="all_steps", value=SOUND if is_sound else FAULTY, author="people",
        by="reference",
    )  # fmt: skip
    yield Opinion(
        trace=trace,
        span="" if is_sound else f"turn {int(said)}",
        name=FIRST_FAULT,
        value=not is_sound,
        author="people",
        note=text(value.get(REASON_NAME)),
        role=next((role for name in ROLE_NAMES if (role := text(value.get(name)))), ""),
    )


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
    name = text(turn.get("name")) or _role(turn).split(" (")[0].split(" ->")[0].strip()
    return "" if name == CHAIN else name


def _team(turns: Sequence[Object], trace: str) -> Iterator[Span]:
    """Every turn of a team is an attempt of its speaker; a person's question is none."""
    for place, turn in enumerate(turns):
        if text(turn.get("name")) or _role(turn).lower() not in _PEOPLE:
            yield _span(turn, place, trace, name="step", kind=SpanKind.AGENT, role=agent_of(turn), before=turns[:place])


def _chat(turns: Sequence[Object], trace: str) -> Iterator[Span]:
    calls: dict[str, Object] = {}
    waiting: list[Object] = []
    """Calls without a result, for results that do not say whose they are."""
    for place, turn in enumerate(turns):
        role = _role(turn).lower()
        for call in objects(turn.get("tool_calls")):
            calls[text(call.get("id"))] = call
            waiting.append(call)
        if role in _MODELS:
            yield _span(turn, place, trace, name="reply", kind=SpanKind.LLM, role="", before=turns[:place])
        elif role in ("tool", "function"):
            key = text(turn.get("tool_call_id"))
            nothing: Object = {}
            call = calls.get(key, nothing) if key else waiting[0] if waiting else nothing
            waiting = [other for other in waiting if other is not call]
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


MESSAGES = TraceFormat(name="messages", title="lists of messages", is_certain=_is_certain, read=_read, is_whole=True)
