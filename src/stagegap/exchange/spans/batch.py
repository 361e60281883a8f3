"""Files of OpenAI's and Anthropic's batches: answers and errors, and the requests beside them, by `custom_id`.

Sources: platform.openai.com/docs/guides/batch, whose bodies are those of chat completions, responses and completions;
docs.anthropic.com, "Batch processing", whose results are messages.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from stagegap.exchange.foreign.protocol import Leftovers, Object, inside, objects, text
from stagegap.exchange.spans.attributes import at
from stagegap.exchange.spans.langfuse import response_text
from stagegap.exchange.spans.span import Item, Span, SpanKind, TraceFormat, Values, answer_of, count_of
from stagegap.model.record import Json

_REFUSED = 400


def _is_certain(first: Sequence[Object]) -> bool:
    return bool(first) and all(_is_answer(value) or _is_request(value) for value in first)


def _is_answer(value: Object) -> bool:
    return "custom_id" in value and (("response" in value and "error" in value) or bool(_result(value)))


def _result(value: Object) -> Object:
    """The result of a line of Anthropic's; empty for one of OpenAI's."""
    result = inside(value.get("result"))
    return result if result.get("type") in ("succeeded", "errored", "canceled", "expired") else {}


def _is_request(value: Object) -> bool:
    return "custom_id" in value and (("body" in value and "url" in value) or "messages" in inside(value.get("params")))


def _read(values: Values, leftovers: Leftovers) -> Iterator[Item]:
    for place, value in values:
        if _is_request(value):
            yield _request(value)
        elif _is_answer(value):
            yield _answer(value)
        else:
            leftovers.add("Neither an answer nor a request of a batch.", place)


def _request(value: Object) -> Span:
    """What was asked: the span of the answer without what only the answer says."""
    body = inside(value.get("body") or value.get("params"))
    asked = next((body[key] for key in ("messages", "input", "prompt") if body.get(key) is not None), None)
    url = text(value.get("url"))
    return Span(
        trace=text(value.get("custom_id")),
        id="reply",
        name="reply",
        kind=SpanKind.EMBEDDING if "embedding" in url else SpanKind.LLM,
        inputs=asked,
    )


def _answer(value: Object) -> Span:
    response, result = inside(value.get("response")), _result(value)
    body = inside(response.get("body") or result.get("message"))
    usage = inside(body.get("usage"))
    return Span(
        trace=text(value.get("custom_id")),
        id="reply",
        name="reply",
        kind=SpanKind.EMBEDDING if _is_embedding(body) else SpanKind.LLM,
        output=_output(body),
        error=_error(value, response, body) if not result else _fault(result),
        model=text(body.get("model")),
        tokens_in=count_of(usage.get("prompt_tokens", usage.get("input_tokens"))),
        tokens_out=count_of(usage.get("completion_tokens", usage.get("output_tokens"))),
    )


def _is_embedding(body: Object) -> bool:
    return bool(objects(body.get("data"))) and "embedding" in objects(body["data"])[0]


def _output(body: Object) -> Json:
    choices = objects(body.get("choices"))
    if "content" in body:
        return answer_of({"role": "assistant", "content": body["content"]})
    if choices:
        return answer_of(choices[0]["message"]) if "message" in choices[0] else choices[0].get("text")
    return response_text(dict(body)) if isinstance(body.get("output"), list) else None


def _error(value: Object, response: Object, body: Object) -> str:
    status = response.get("status_code")
    for place in (value.get("error"), body.get("error")):
        if isinstance(place, Mapping):
            return text(at(dict(place), "message", "code")) or "error"
    return f"status {status}" if isinstance(status, int) and status >= _REFUSED else ""


def _fault(result: Object) -> str:
    error = inside(result.get("error"))
    kind = text(result.get("type"))
    return (
        "" if kind == "succeeded" else text(inside(error.get("error")).get("message") or error.get("message")) or kind
    )


BATCH = TraceFormat(name="openai-batch", title="batches of OpenAI and Anthropic", is_certain=_is_certain, read=_read)
