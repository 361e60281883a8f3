"""Trajectories of agents in ATIF, as Harbor and others write them: one object a run of an agent.

Source: harborframework.com, "Agent Trajectory Interchange Format", versions 1.0 to 1.8.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from stagegap.exchange.foreign.protocol import Leftovers, Object, inside, objects, text
from stagegap.exchange.spans.span import (
    Item,
    Span,
    SpanKind,
    TraceFormat,
    Values,
    amount_of,
    count_of,
    instant,
    spoken,
    unpacked,
)
from stagegap.model.record import Json


def _is_certain(first: Sequence[Object]) -> bool:
    return bool(first) and all(_is_ours(value) for value in first)


def _is_ours(value: Object) -> bool:
    version = text(value.get("schema_version"))
    return version.upper().startswith("ATIF") and isinstance(value.get("steps"), list)


def _read(values: Values, leftovers: Leftovers) -> Iterator[Item]:
    for number, (place, value) in enumerate(values, start=1):
        if _is_ours(value):
            trace = text(value.get("trajectory_id")) or text(value.get("session_id")) or str(number)
            yield from _agent(value, trace, "", "agent", leftovers)
        else:
            leftovers.add("No trajectory of ATIF.", place)


def _agent(value: Object, trace: str, parent: str, own: str, leftovers: Leftovers) -> Iterator[Span]:
    """The frame of an agent and its steps; agents that it called lie inside it."""
    agent, steps = inside(value.get("agent")), objects(value.get("steps"))
    times = [when for step in steps if (when := instant(step.get("timestamp"))) and when > 0]
    first = inside(next((step for step in steps if step.get("source") == "user"), None))
    last = inside(next((step for step in reversed(steps) if step.get("source") == "agent"), None))
    name, model = text(agent.get("name")), text(agent.get("model_name"))
    session = text(value.get("session_id")) if text(value.get("trajectory_id")) and not parent else ""
    yield Span(
        trace=trace, id=own, parent=parent, name=name or "agent", kind=SpanKind.AGENT, start=min(times, default=None),
        end=max(times, default=None), inputs=spoken(first.get("message")), output=spoken(last.get("message")),
        session=session, role=name, fields={} if parent else _fields(value, agent),
    )  # fmt: skip
    before: Json = None
    for place, step in enumerate(steps):
        if step.get("is_copied_context"):
            leftovers.add("A step that only repeats an earlier trajectory came in there.", f"step {place} of {trace}")
        elif step.get("source") == "agent":
            following = instant(steps[place + 1].get("timestamp")) if place + 1 < len(steps) else None
            yield from _step(step, place, trace, own, before, model, following)
        before = _seen(step) or before
    for number, inner in enumerate(objects(value.get("subagent_trajectories"))):
        yield from _agent(inner, trace, own, f"{own}.{number}", leftovers)


def _fields(value: Object, agent: Object) -> dict[str, Json]:
    own = {f"agent_{key}": agent.get(key) for key in ("name", "version", "model_name")}
    notes = {"notes": value.get("notes")}
    return {key: item for key, item in (own | notes).items() if item not in (None, "")}


def _seen(step: Object) -> Json:
    """What the next step could react to: what tools gave, or what was said."""
    results = objects(inside(step.get("observation")).get("results"))
    contents = [content for result in results if (content := spoken(result.get("content")))]
    return "\n".join(map(str, contents)) or spoken(step.get("message"))


def _step(
    step: Object, place: int, trace: str, parent: str, before: Json, model: str, following: float | None
) -> Iterator[Span]:
    """What the agent said, and each tool that it called with what came back."""
    metrics, calls = inside(step.get("metrics")), objects(step.get("tool_calls"))
    results = objects(inside(step.get("observation")).get("results"))
    start, own = instant(step.get("timestamp")), f"{parent} step {place}"
    said = spoken(step.get("message"))
    yield Span(
        trace=trace,
        id=own,
        parent=parent,
        name="reply",
        kind=SpanKind.LLM,
        start=start,
        end=following if start is not None and following is not None and following >= start else None,
        inputs=before,
        output=said if said not in (None, "") or not calls else {"tool_calls": [dict(call) for call in calls]},
        model=text(step.get("model_name")) or model,
        tokens_in=count_of(metrics.get("prompt_tokens")),
        tokens_out=count_of(metrics.get("completion_tokens")),
        cost=amount_of(metrics.get("cost_usd")),
    )
    for number, call in enumerate(calls):
        named = text(call.get("tool_call_id"))
        answers = [result for result in results if text(result.get("source_call_id")) == named]
        answer = answers[0] if answers else results[number] if len(results) == len(calls) else inside(None)
        yield Span(
            trace=trace, id=f"{own} call {number}", parent=parent, name=text(call.get("function_name")) or "tool",
            kind=SpanKind.TOOL, start=start, inputs=call.get("arguments"),
            output=unpacked(spoken(answer.get("content"))),
        )  # fmt: skip


ATIF = TraceFormat(name="atif", title="ATIF", is_certain=_is_certain, read=_read, is_whole=True)
