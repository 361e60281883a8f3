"""Answers that a provider wraps, streams or names in its own way."""

from __future__ import annotations

from provider_behaviour import (
    GITHUB,
    INFRASTRUCTURE,
    OK,
    REFUSED,
    UNPARSABLE,
    Behaviour,
    error,
    events,
    piece,
    said,
)

STREAM_ONLY = "This model only support stream mode, please enable the stream parameter to access the model."
LIMIT = "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."
THINK = "<think>\nA parcel, so orders.\n</think>\n\norders"

ANSWERS = (
    # Answers of other shapes.
    Behaviour(
        provider="Mistral",
        does="content as a list of parts",
        body=said([{"type": "text", "text": "ord"}, {"type": "text", "text": "ers"}]),
        ends=OK,
        value="orders",
    ),
    Behaviour(
        provider="Mistral",
        does="thoughts as parts of the content",
        body=said(
            [{"type": "thinking", "thinking": [{"type": "text", "text": "spam?"}]}, {"type": "text", "text": "orders"}]
        ),
        ends=OK,
        value="orders",
    ),
    Behaviour(
        provider="vLLM, SGLang, Ollama",
        does="`<think>...</think>` before the answer",
        body=said(THINK),
        ends=OK,
        value="orders",
        raw="A parcel, so orders.\n\norders",
    ),
    Behaviour(
        provider="vLLM with a template that begins it",
        does="`</think>` only",
        body=said("A parcel.\n</think>\norders"),
        ends=OK,
        value="orders",
        raw="A parcel.\n\norders",
    ),
    Behaviour(
        provider="gpt-oss without a parser",
        does="channels in the text",
        body=said("<|channel|>analysis<|message|>A parcel.<|end|><|start|>assistant<|channel|>final<|message|>orders"),
        ends=OK,
        value="orders",
        raw="A parcel.<|end|><|start|>assistant\n\norders",
    ),
    Behaviour(
        provider="vLLM, SGLang, Ollama",
        does="thoughts that never end",
        body=said("<think>\nA parcel, so"),
        ends=UNPARSABLE,
        says="the model thought and gave no answer",
        raw="A parcel, so\n\n",
    ),
    Behaviour(
        provider="DeepSeek",
        does="thoughts in a member of their own",
        body=said("orders", reasoning_content="A parcel."),
        ends=OK,
        value="orders",
    ),
    Behaviour(
        provider="OpenRouter",
        does="`finish_reason: error` with a complaint",
        body={
            "choices": [
                {
                    "message": {"content": ""},
                    "finish_reason": "error",
                    "error": {"code": 502, "message": "Upstream is gone"},
                }
            ]
        },
        ends=INFRASTRUCTURE,
        says="error 502: Upstream is gone (6 attempts)",
    ),
    Behaviour(
        provider="Mistral",
        does="`finish_reason: error`",
        body=said("ord", finish="error"),
        ends=INFRASTRUCTURE,
        says="the provider says that it failed to answer (6 attempts)",
    ),
    Behaviour(
        provider="OpenRouter",
        does="status 200 with an error in place of choices",
        body={"error": {"code": 429, "message": "Rate limited upstream"}},
        ends=INFRASTRUCTURE,
        says="error 429: Rate limited upstream (6 attempts)",
        source="https://openrouter.ai/docs/errors",
    ),
    Behaviour(
        provider="a gateway",
        does="status 200 with a message and no choices",
        body={"code": 500, "message": "no worker", "success": False},
        ends=INFRASTRUCTURE,
        says="error 500: no worker (6 attempts)",
    ),
    Behaviour(
        provider="Gemini",
        does="`finish_reason: content_filter: SAFETY`",
        body=said(None, finish="content_filter: SAFETY"),
        ends=REFUSED,
        says="the provider's filter withheld the answer",
    ),
    Behaviour(
        provider="Zhipu",
        does="`finish_reason: sensitive`",
        body=said("", finish="sensitive"),
        ends=REFUSED,
        says="the provider's filter withheld the answer",
    ),
    Behaviour(
        provider="Mistral",
        does="`finish_reason: model_length`",
        body=said("ord", finish="model_length"),
        ends=UNPARSABLE,
        says="the answer was cut off at the most tokens it may have",
        raw="ord",
    ),
    Behaviour(
        provider="DeepSeek",
        does="`finish_reason: insufficient_system_resource`",
        body=said("", finish="insufficient_system_resource"),
        ends=INFRASTRUCTURE,
        says="the provider says that it failed to answer (6 attempts)",
    ),
    Behaviour(
        provider="any",
        does="a call of a tool in place of an answer",
        body=said(None, finish="tool_calls", tool_calls=[]),
        ends=UNPARSABLE,
        says="the answer is empty",
    ),
    # Streams.
    Behaviour(
        provider="proxies",
        does="a stream that nobody asked for",
        text=events(piece("ord"), piece("ers", "stop")),
        type="text/event-stream",
        ends=OK,
        value="orders",
    ),
    Behaviour(
        provider="proxies",
        does="a stream that calls itself JSON",
        text=events(piece("ord"), piece("ers", "stop")),
        ends=OK,
        value="orders",
    ),
    Behaviour(
        provider="proxies",
        does="a stream that ends before the answer",
        text=events(piece("ord"), is_done=False),
        type="text/event-stream",
        ends=INFRASTRUCTURE,
        says="the answer's stream ended before the answer did (6 attempts)",
    ),
    Behaviour(
        provider="OpenRouter",
        does="an error in the middle of a stream",
        text=events(piece("ord"), {"error": {"code": 502, "message": "Provider disconnected"}}),
        type="text/event-stream",
        ends=INFRASTRUCTURE,
        says="error 502: Provider disconnected (6 attempts)",
    ),
    Behaviour(
        provider="DashScope",
        does="streams only: asked again for one",
        when="!stream",
        status=400,
        body=error(STREAM_ONLY, code="invalid_parameter_error", param=None, type="invalid_request_error"),
        ends=OK,
        value="orders",
        source=f"{GITHUB}infiniflow/ragflow/issues/5912",
    ),
    # What is called otherwise elsewhere.
    Behaviour(
        provider="OpenAI models behind other addresses",
        does="`max_tokens` refused: asked again with `max_completion_tokens`",
        when="max_tokens",
        status=400,
        body=error(
            LIMIT,
            code="unsupported_parameter",
            param="max_tokens",
        ),
        settings={"max_tokens": 9},
        ends=OK,
        value="orders",
        source=f"{GITHUB}anomalyco/opencode/issues/37964",
    ),
    Behaviour(
        provider="DeepSeek",
        does="knows no schemas: asked again for any JSON, with the schema in words",
        when="form=json_schema",
        status=400,
        body=error(
            "This response_format type is unavailable now", type="invalid_request_error", code="invalid_request_error"
        ),
        settings={"structured": True},
        ends=OK,
        value="orders",
        source=f"{GITHUB}llm-exe/llm-exe/issues/662",
    ),
    Behaviour(
        provider="vLLM, llama.cpp (older)",
        does="knows no `response_format`: the schema in words",
        when="response_format",
        status=400,
        body={
            "object": "error",
            "message": "[{'type': 'extra_forbidden', 'loc': ('body', 'response_format')}]",
            "code": 400,
        },
        settings={"structured": True},
        ends=OK,
        value="orders",
    ),
)
