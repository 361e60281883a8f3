"""What the attributes of a span say: OpenInference, and OpenTelemetry's GenAI conventions, current and older names.

Sources: Arize-ai/openinference, spec/semantic_conventions.md; opentelemetry.io/docs/specs/semconv/gen-ai, and its
versions before 1.37 (`gen_ai.system`, `gen_ai.prompt`, `gen_ai.usage.prompt_tokens`); Traceloop's `traceloop.*`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from itertools import takewhile
from typing import Any, cast

from stagegap.exchange.foreign.protocol import inside, text
from stagegap.exchange.spans.span import Span, SpanKind, amount_of, answer_of, count_of, unpacked
from stagegap.model.record import Json

_KINDS: Mapping[str, SpanKind] = {
    "llm": SpanKind.LLM, "generation": SpanKind.LLM, "chat": SpanKind.LLM, "completion": SpanKind.LLM,
    "text_completion": SpanKind.LLM, "generate_content": SpanKind.LLM, "chat_model": SpanKind.LLM,
    "retriever": SpanKind.RETRIEVER, "reranker": SpanKind.RETRIEVER, "retrieval": SpanKind.RETRIEVER,
    "tool": SpanKind.TOOL, "execute_tool": SpanKind.TOOL, "function": SpanKind.TOOL, "mcp": SpanKind.TOOL,
    "agent": SpanKind.AGENT, "invoke_agent": SpanKind.AGENT, "create_agent": SpanKind.AGENT,
    "embedding": SpanKind.EMBEDDING, "embeddings": SpanKind.EMBEDDING,
    "evaluator": SpanKind.EVALUATOR, "guardrail": SpanKind.CHAIN, "rerank": SpanKind.RETRIEVER,
}  # fmt: skip


def kind_of(word: Json) -> SpanKind:
    """The kind that other programs write; a chain for what none of them is.

    >>> kind_of("RETRIEVER"), kind_of("execute_tool"), kind_of("UNKNOWN")
    (<SpanKind.RETRIEVER: 'retriever'>, <SpanKind.TOOL: 'tool'>, <SpanKind.CHAIN: 'chain'>)
    """
    return _KINDS.get(str(word or "").strip().lower().replace(" ", "_"), SpanKind.CHAIN)


_MOST_DOTS = 40
"""Beyond it dots are part of a name: no convention comes near."""


def nested(attributes: Mapping[str, Json]) -> dict[str, Json]:
    """Attributes with dots in their names as objects and lists: `a.0.b` is the first entry of `a`.

    >>> nested({"llm.input_messages.0.message.role": "user", "llm": {"model_name": "m"}})
    {'llm': {'input_messages': [{'message': {'role': 'user'}}], 'model_name': 'm'}}
    """
    root: dict[str, Any] = {}  # Any: JSON that is still being put together
    for name, value in attributes.items():
        _put(root, name.split(".", _MOST_DOTS), value)
    return cast("dict[str, Json]", _lists(root))


def _put(place: dict[str, Any], path: Sequence[str], value: Json) -> None:
    for key in path[:-1]:
        below = place.setdefault(key, {})
        if not isinstance(below, dict):
            below = place[key] = {"": below}
        place = cast("dict[str, Any]", below)
    last = path[-1]
    if isinstance(value, Mapping):
        for key, item in value.items():
            _put(place, (last, *key.split(".", _MOST_DOTS)), item)
    elif isinstance(place.get(last), dict):
        place[last][""] = value
    else:
        place[last] = value


def _lists(value: Any) -> Any:
    if isinstance(value, list):
        return [_lists(item) for item in cast("list[Any]", value)]
    if not isinstance(value, dict):
        return value
    members = cast("dict[str, Any]", value)
    if members and all(key.isdecimal() and len(key) < 10 for key in members):
        return [_lists(members[key]) for key in sorted(members, key=int)]
    return {key: _lists(item) for key, item in members.items()}


def at(tree: Json, *paths: str) -> Json:
    """The first value that stands at one of the paths, with dots between their keys; None where none does."""
    for path in paths:
        place: Json = tree
        for key in _keys(path):
            if not isinstance(place, dict):
                place = None
                break
            place = place.get(key)
        if isinstance(place, dict) and "" in place:
            place = place[""]
        if place not in (None, "", [], {}):
            return place
    return None


@cache
def _keys(path: str) -> tuple[str, ...]:
    return tuple(path.split("."))


_TRACELOOP = "traceloop.association.properties"
_DOCUMENTS = ("retrieval.documents", "reranker.output_documents", "gen_ai.retrieval.documents")
_MODELS = (
    "llm.model_name",
    "gen_ai.response.model",
    "gen_ai.request.model",
    "embedding.model_name",
    "mlflow.llm.model",
)
_TOKENS_IN = (
    "llm.token_count.prompt", "gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens",
    "mlflow.chat.tokenUsage.input_tokens",
)  # fmt: skip
_TOKENS_OUT = (
    "llm.token_count.completion", "gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens",
    "mlflow.chat.tokenUsage.output_tokens",
)  # fmt: skip
_SESSIONS = (
    "session.id", "gen_ai.conversation.id", "langfuse.session.id", f"{_TRACELOOP}.session_id", "thread_id",
)  # fmt: skip
_KIND_NAMES = (
    "openinference.span.kind", "gen_ai.operation.name", "traceloop.span.kind", "llm.request.type",
    "langfuse.observation.type", "mlflow.spanType",
)  # fmt: skip
_INPUT_NAMES = (
    "input.value", "traceloop.entity.input", "mlflow.spanInputs", "langfuse.observation.input",
    "gen_ai.tool.call.arguments", "tool.parameters", "ai.prompt.messages", "ai.prompt", "ai.toolCall.args",
)  # fmt: skip
_OUTPUT_NAMES = (
    "output.value", "traceloop.entity.output", "mlflow.spanOutputs", "langfuse.observation.output",
    "gen_ai.tool.call.result", "ai.response.text", "ai.response.object", "ai.response.toolCalls", "ai.toolCall.result",
    "final_result",
)  # fmt: skip


def described(
    attributes: Mapping[str, Json], events: Iterable[Mapping[str, Json]] = ()
) -> tuple[dict[str, Any], dict[str, Json]]:
    """The fields of a `Span` that attributes say, and the attributes of its record (tags, metadata).

    Events hold the messages of GenAI's versions 1.28 to 1.36 (`gen_ai.user.message`, `gen_ai.choice`).
    """
    tree = nested(attributes)
    spoken_events = _spoken(events)
    span_fields: dict[str, Any] = {  # Any: values of the fields of Span
        "kind": _kind(tree),
        "inputs": _inputs(tree, spoken_events),
        "output": _output(tree, spoken_events),
        "documents": documents_of(unpacked(at(tree, *_DOCUMENTS))),
        "model": text(at(tree, *_MODELS)),
        "tokens_in": count_of(at(tree, *_TOKENS_IN)),
        "tokens_out": count_of(at(tree, *_TOKENS_OUT)),
        "cost": amount_of(at(tree, "llm.cost.total", "gen_ai.usage.cost", "gen_ai.usage.total_cost")),
        "session": text(at(tree, *_SESSIONS)),
        "user": text(at(tree, "user.id", "enduser.id", "langfuse.user.id", f"{_TRACELOOP}.user_id")),
        "role": text(at(tree, "agent.name", "gen_ai.agent.name", "graph.node.id", "graph.node.name")),
    }
    metadata = unpacked(at(tree, "metadata"))
    return span_fields, dict(metadata) if isinstance(metadata, Mapping) else {}


def _kind(tree: Json) -> SpanKind:
    word = at(tree, *_KIND_NAMES)
    kind = kind_of(word)
    if kind is SpanKind.CHAIN and at(tree, "gen_ai.request.model", "llm.model_name") and not word:
        return SpanKind.LLM
    tool = at(tree, "gen_ai.tool.name", "tool.name", "ai.toolCall.name")
    return SpanKind.TOOL if kind is SpanKind.CHAIN and tool else kind


def _spoken(events: Iterable[Mapping[str, Json]]) -> dict[str, list[Json]]:
    """Messages of a span's events: what was said to the model, and what it said."""
    messages: dict[str, list[Json]] = {"in": [], "out": []}
    for event in events:
        name, raw = text(event.get("name")), event.get("attributes")
        own = nested(raw) if isinstance(raw, Mapping) else {}
        if name == "gen_ai.choice":
            messages["out"].append(unpacked(at(own, "message", "gen_ai.event.content", "content")) or own)
        elif name.startswith("gen_ai.") and name.endswith(".message"):
            content = unpacked(at(own, "gen_ai.event.content")) or own
            messages["in"].append(
                {"role": name.split(".")[1], **(content if isinstance(content, Mapping) else {"content": content})}
            )
        elif name in ("gen_ai.content.prompt", "gen_ai.content.completion"):
            side = "in" if name.endswith("prompt") else "out"
            messages[side].append(unpacked(at(own, "gen_ai.prompt", "gen_ai.completion")))
        elif name == "gen_ai.client.inference.operation.details":
            messages["in"] += _several(unpacked(at(own, "gen_ai.input.messages")))
            messages["out"] += _several(unpacked(at(own, "gen_ai.output.messages")))
    return messages


def _several(value: Json) -> list[Json]:
    return list(value) if isinstance(value, Sequence) and not isinstance(value, str) else []


def _inputs(tree: Json, events: Mapping[str, list[Json]]) -> Json:
    messages = _messages(unpacked(at(tree, "llm.input_messages")))
    value = unpacked(at(tree, *_INPUT_NAMES))
    if messages and (value is None or isinstance(value, Mapping)):
        return messages
    if value is not None:
        return value
    current = unpacked(at(tree, "gen_ai.input.messages", "gen_ai.prompt"))
    if isinstance(current, list) and (instructions := unpacked(at(tree, "gen_ai.system_instructions"))):
        current = [{"role": "system", "parts": instructions}, *current]
    if current is None:
        current = list(takewhile(lambda message: not _is_answer(message), _conversation(tree))) or None
    query = at(tree, "retrieval.query", "gen_ai.retrieval.query.text", "reranker.query", "embedding.text")
    return current if current is not None else events["in"] or query


def _output(tree: Json, events: Mapping[str, list[Json]]) -> Json:
    messages = _messages(unpacked(at(tree, "llm.output_messages")))
    value = unpacked(at(tree, *_OUTPUT_NAMES))
    if messages and (value is None or isinstance(value, Mapping | Sequence)):
        return answer_of(messages)
    if value is not None:
        return value
    current = unpacked(at(tree, "gen_ai.output.messages", "gen_ai.completion"))
    answers = [message for message in _conversation(tree)[-1:] if _is_answer(message)]
    return answer_of(current if current is not None else events["out"] or answers or None)


def _conversation(tree: Json) -> list[Json]:
    """All that was said while an agent worked, as Pydantic AI notes it at the agent's span."""
    return _messages(unpacked(at(tree, "pydantic_ai.all_messages", "all_messages_events")))


def _is_answer(message: Json) -> bool:
    return isinstance(message, Mapping) and message.get("role") in ("assistant", "model")


def _messages(value: Json) -> list[Json]:
    """Messages without OpenInference's frames `message` and `message_content`."""
    frames = [entry.get("message", entry) for entry in _several(value) if isinstance(entry, Mapping)]
    return [_message(frame) for frame in frames if isinstance(frame, Mapping)]


def _message(frame: Mapping[str, Json]) -> Json:
    contents = [
        entry.get("message_content", entry) for entry in _several(frame.get("contents")) if isinstance(entry, Mapping)
    ]
    calls = [entry.get("tool_call", entry) for entry in _several(frame.get("tool_calls")) if isinstance(entry, Mapping)]
    rest = {key: value for key, value in frame.items() if key not in ("contents", "tool_calls")}
    return {**rest, **({"content": contents} if contents else {}), **({"tool_calls": calls} if calls else {})}


_ID_KEYS = ("id", "doc_id", "document_id", "_id", "uri", "doc_uri", "source")
_TEXT_KEYS = ("content", "page_content", "text", "pageContent", "body")


def documents_of(value: Json) -> list[Mapping[str, Json]]:
    """Documents of a retriever: whatever the names, as `id`, `title`, `text`, `score`.

    >>> documents_of([{"document": {"id": "d1", "content": "Tea"}}, "Milk"])
    [{'id': 'd1', 'text': 'Tea'}, {'text': 'Milk'}]
    """
    documents: list[Mapping[str, Json]] = []
    for written in _several(value):
        entry = unpacked(written)
        if isinstance(entry, str):
            documents.append({"text": entry})
        elif isinstance(entry, Mapping):
            own = inside(nested(entry).get("document")) or entry
            places = (own, inside(unpacked(own.get("metadata"))))
            named: dict[str, Json] = {
                "id": _named(places, _ID_KEYS),
                "title": _named(places, ("title", "name")),
                "text": next((own[key] for key in _TEXT_KEYS if isinstance(own.get(key), str)), None),
                "score": own.get("score"),
            }
            documents.append({key: item for key, item in named.items() if item not in (None, "")})
    return documents


def _named(places: Sequence[Mapping[str, Json]], keys: Sequence[str]) -> str:
    return next((name for place in places for key in keys if (name := text(place.get(key)))), "")


def with_documents(span: Span) -> Sequence[Mapping[str, Json]]:
    """The documents of a span: those that it names, or for a retriever those in its output."""
    if span.documents or span.kind is not SpanKind.RETRIEVER:
        return span.documents
    output = span.output
    if isinstance(output, Mapping):
        output = next(
            (item for item in output.values() if isinstance(item, Sequence) and not isinstance(item, str)), None
        )
    return documents_of(output)
