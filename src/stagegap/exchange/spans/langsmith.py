"""Runs and feedback of LangSmith: lines or lists of its client and API, runs with runs inside, and its bulk export.

Source: langchain-ai/langsmith-sdk, `langsmith.schemas.Run` and `Feedback`; messages as `langchain_core` writes them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from stagegap.exchange.foreign.protocol import Leftovers, Object, inside, objects, text
from stagegap.exchange.spans.attributes import at, documents_of, kind_of
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
    single,
    unpacked,
)
from stagegap.model.record import Json

_RUN = frozenset({"id", "run_type", "inputs"})
_FEEDBACK = frozenset({"run_id", "key", "score"})
_BY: Mapping[str, Literal["person", "model", "code"]] = {
    "app": "person", "annotation_queue": "person", "model": "model", "auto_eval": "model", "api": "code",
}  # fmt: skip
_ROLES = {"human": "user", "ai": "assistant", "HumanMessage": "user", "AIMessage": "assistant"}
_INNER = ("ls_", "langgraph_", "checkpoint_", "revision_id", "LANGSMITH_")
"""How the names of metadata begin that libraries write for themselves."""
_SESSIONS = ("thread_id", "session_id", "conversation_id")


def _is_certain(first: Sequence[Object]) -> bool:
    return bool(first) and all(_is_run(value) or _is_feedback(value) for value in first)


def _is_run(value: Object) -> bool:
    return value.keys() >= _RUN


def _is_feedback(value: Object) -> bool:
    return value.keys() >= _FEEDBACK and ("feedback_source" in value or "correction" in value)


def _read(values: Values, leftovers: Leftovers) -> Iterator[Item]:
    for place, value in values:
        if _is_run(value):
            yield from _run(value, "", leftovers)
        elif _is_feedback(value):
            yield _opinion(value)
        else:
            leftovers.add("Neither a run nor feedback of LangSmith.", place)


def _run(run: Object, trace: str, leftovers: Leftovers) -> Iterator[Item]:
    own = text(run.get("id"))
    trace = trace or text(run.get("trace_id")) or own
    extra: Json = dict(inside(unpacked(run.get("extra"))))
    metadata = dict(inside(at(extra, "metadata")))
    outputs = _plain(unpacked(run.get("outputs")))
    kind = kind_of(run.get("run_type"))
    parent = text(run.get("parent_run_id"))
    yield Span(
        trace=trace,
        id=own,
        parent=parent,
        name=text(run.get("name")) or text(run.get("run_type")),
        kind=kind,
        start=instant(run.get("start_time")),
        end=instant(run.get("end_time")),
        inputs=single(_plain(unpacked(run.get("inputs"))), _INPUTS),
        output=_output(outputs),
        documents=documents_of(inside(outputs).get("documents")) if kind is SpanKind.RETRIEVER else (),
        error=text(run.get("error")) or ("error" if run.get("status") == "error" else ""),
        model=text(
            metadata.get("ls_model_name") or at(extra, "invocation_params.model", "invocation_params.model_name")
        ),
        tokens_in=count_of(run.get("prompt_tokens") or at(outputs, "llm_output.token_usage.prompt_tokens")),
        tokens_out=count_of(run.get("completion_tokens") or at(outputs, "llm_output.token_usage.completion_tokens")),
        cost=amount_of(run.get("total_cost")),
        session=next((name for key in _SESSIONS if (name := text(metadata.get(key)))), ""),
        user=text(metadata.get("user_id")),
        role=text(metadata.get("langgraph_node")),
        fields={} if parent else _fields(metadata, run.get("tags")),
    )
    for name in inside(run.get("feedback_stats")):
        leftovers.add("Statistics of feedback do not say who gave it: export the feedback beside the runs.", name)
    for child in objects(run.get("child_runs")):
        yield from _run({"parent_run_id": own, **child}, trace, leftovers)


def _fields(metadata: Object, tags: Json) -> Mapping[str, Json]:
    own = {
        key: value
        for key, value in metadata.items()
        if isinstance(value, str | int | float) and not key.startswith(_INNER) and key not in (*_SESSIONS, "user_id")
    }
    return {**own, **({"tags": tags} if tags else {})}


def _plain(value: Json) -> Json:
    """The value with messages of LangChain, which are written as calls of constructors, as role and content."""
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if not isinstance(value, Mapping):
        return value
    kind, kwargs = value.get("id"), value.get("kwargs")
    if isinstance(kind, list) and kind and isinstance(kwargs, Mapping) and value.get("lc"):
        return _plain({**kwargs, "type": _ROLES.get(text(kind[-1]), text(kwargs.get("type")))})
    if "content" in value and "role" not in value and isinstance(value.get("type"), str):
        role = _ROLES.get(text(value["type"]), text(value["type"]))
        return {"role": role, **{key: _plain(item) for key, item in value.items() if key not in ("type", "role")}}
    return {key: _plain(item) for key, item in value.items()}


_INPUTS = ("input", "messages", "question", "query")
_OUTPUTS = ("output", "outputs", "answer", "result")


def _output(outputs: Json) -> Json:
    generations = inside(outputs).get("generations")
    first = generations[0] if isinstance(generations, list) and generations else None
    chosen = (objects(first) or objects(generations) or [{}])[0]
    if chosen:
        return answer_of(chosen.get("message")) or chosen.get("text")
    value = single(outputs, _OUTPUTS)
    return None if value == {} else answer_of(value)


def _opinion(value: Object) -> Opinion:
    source = inside(unpacked(value.get("feedback_source")))
    kind = text(source.get("type"))
    run = text(value.get("run_id"))
    correction, score = unpacked(value.get("correction")), value.get("score")
    is_reference = correction not in (None, "", {})
    return Opinion(
        trace=text(value.get("trace_id")) or run,
        span=run,
        name=text(value.get("key")),
        value=single(correction, _OUTPUTS) if is_reference else score if score is not None else value.get("value"),
        author=text(source.get("user_name") or source.get("user_id")) or kind,
        by="reference" if is_reference else _BY.get(kind, "code"),
        note=text(value.get("comment")),
        at=instant(value.get("modified_at") or value.get("created_at")),
    )


LANGSMITH = TraceFormat(name="langsmith", title="LangSmith", is_certain=_is_certain, read=_read)
