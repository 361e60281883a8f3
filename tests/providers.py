"""What providers really answer, each as the bytes that a server sends, with what we make of it.

`tests/stages/test_providers.py` replays every row over HTTP, and holds `docs/providers.md` to this table;
`python tests/providers.py` prints it. Where a row has a source, the words were seen there.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

OK, REPAIRED, UNPARSABLE, REFUSED, INFRASTRUCTURE = "ok", "repaired", "unparsable", "refused", "infrastructure"
TOO_LONG = "the prompt is too long: HTTP 400: "
GITHUB = "https://github.com/"
PAGES = {
    "a firewall": "<title>Attention Required</title><style>p {}</style><p>Sorry, you have been blocked</p>",
    "nginx": "<title>413 Request Entity Too Large</title><h1>413 Request Entity Too Large</h1>",
}
"""Answers that are no JSON."""


@dataclass(frozen=True, kw_only=True)
class Behaviour:
    """One answer of a provider to one record."""

    provider: str
    does: str
    """In words, for the table of the docs."""
    ends: str
    """Status of the record."""
    says: str = ""
    """The error of the record."""
    value: Any = None
    raw: str = ""
    status: int = 200
    body: Any = None
    text: str = ""
    """In place of a body."""
    type: str = "application/json"
    when: str = "~bad"
    output: str = "label"
    settings: dict[str, Any] = field(default_factory=dict)
    source: str = ""

    @property
    def rule(self) -> dict[str, Any]:
        given = {"text": self.text} if self.text else {"body": self.body}
        page = PAGES.get(self.provider)
        if page:
            return {"when": self.when, "status": self.status, "type": "text/html", "text": page}
        return {"when": self.when, "status": self.status, "type": self.type, **given}

    @property
    def name(self) -> str:
        return f"{self.provider}: {self.does}"


def error(message: str, **more: Any) -> dict[str, Any]:
    return {"error": {"message": message, **more}}


def too_long(provider: str, words: str, body: Any, *, status: int = 400, source: str = "", does: str = "") -> Behaviour:
    return Behaviour(
        provider=provider,
        does=does or "prompt beyond the context",
        status=status,
        body=body,
        ends=UNPARSABLE,
        says=f"the prompt is too long: HTTP {status}: {words}",
        source=source,
    )


def filtered(provider: str, words: str, body: Any, *, status: int = 400, source: str = "", does: str = "") -> Behaviour:
    return Behaviour(
        provider=provider,
        does=does or "input held back by a filter",
        status=status,
        body=body,
        ends=REFUSED,
        says=f"the provider refused: HTTP {status}: {words}",
        source=source,
    )


def said(content: Any, *, finish: str = "stop", **message: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "message": {"content": content, **message}, "finish_reason": finish}]}


def events(*bodies: Any, is_done: bool = True) -> str:
    lines = [f"data: {json.dumps(body)}\n\n" for body in bodies]
    return "".join(lines) + ("data: [DONE]\n\n" if is_done else "")


def piece(content: str, finish: str | None = None) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": {"content": content}, "finish_reason": finish}]}


VLLM = "This model's maximum context length is 4096 tokens. However, your request has 5120 input tokens."
VLLM_OLD = (
    "This model's maximum context length is 16384 tokens. However, you requested 122946 tokens (112946 in the "
    "messages, 10000 in the completion). Please reduce the length of the messages or completion."
)
LLAMA = "the request exceeds the available context size. try increasing the context size or enable context shift"
ANTHROPIC = "prompt is too long: 208310 tokens > 200000 maximum"
ANTHROPIC_SUM = "input length and `max_tokens` exceed context limit: 174167 + 64000 > 200000, decrease input length"
GEMINI = "The input token count (1200293) exceeds the maximum number of tokens allowed (1048576)."
OPENROUTER = "This endpoint's maximum context length is 16384 tokens. However, you requested about 94307 tokens"
LITELLM = f"litellm.ContextWindowExceededError: litellm.BadRequestError: VertexAIException - {GEMINI}"
GROQ = "Failed to generate JSON. Please adjust your prompt. See 'failed_generation' for more details."
INVALID_PROMPT = "Invalid prompt: your prompt was flagged as potentially violating our usage policy."
AZURE = "The response was filtered due to the prompt triggering Azure OpenAI's content management policy."
STREAM_ONLY = "This model only support stream mode, please enable the stream parameter to access the model."
MISTRAL_LONG = "Prompt contains 40000 tokens and 0 draft tokens, too large for model with 32768 maximum context length"
LIMIT = "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."
THINK = "<think>\nA parcel, so orders.\n</think>\n\norders"

TABLE = (
    # Prompts beyond the context: the record's, whatever the words, the code and the status.
    too_long(
        "OpenAI", "8193 tokens", error("8193 tokens", type="invalid_request_error", code="context_length_exceeded")
    ),
    too_long(
        "OpenAI",
        "Request too large for gpt-4o on tokens per min (TPM): Limit 30000, Requested 45000.",
        error(
            "Request too large for gpt-4o on tokens per min (TPM): Limit 30000, Requested 45000.",
            type="tokens",
            code="rate_limit_exceeded",
        ),
        status=429,
        does="prompt beyond the tokens of a minute",
    ),
    too_long(
        "vLLM",
        VLLM,
        {"error": {"message": VLLM, "type": "BadRequestError", "param": None, "code": 400}},
    ),
    too_long(
        "vLLM (older)",
        VLLM_OLD,
        {"object": "error", "message": VLLM_OLD, "type": "BadRequestError", "param": None, "code": 400},
        source=f"{GITHUB}vllm-project/vllm/issues/20409",
        does="prompt beyond the context, without `error` around it",
    ),
    too_long(
        "llama.cpp",
        LLAMA,
        {"error": {"code": 400, "message": LLAMA, "type": "exceed_context_size_error", "n_prompt_tokens": 14429}},
        source=f"{GITHUB}oobabooga/textgen/issues/7257",
    ),
    Behaviour(
        provider="llama.cpp",
        does="the same with status 200",
        body={"error": {"code": 400, "message": LLAMA, "type": "exceed_context_size_error", "n_ctx": 8192}},
        ends=UNPARSABLE,
        says=f"the prompt is too long: error 400: {LLAMA}",
        source=f"{GITHUB}oobabooga/textgen/issues/7257",
    ),
    too_long(
        "llama.cpp",
        LLAMA,
        {"error": {"code": 500, "message": LLAMA, "type": "exceed_context_size_error", "n_ctx": 256}},
        status=500,
        source=f"{GITHUB}ggml-org/llama.cpp/pull/15780",
        does="the same with status 500, which is not tried again",
    ),
    too_long(
        "llama-cpp-python",
        "Requested tokens (2285) exceed context window of 2048",
        error("Requested tokens (2285) exceed context window of 2048", type="internal_server_error"),
        status=500,
        source=f"{GITHUB}fedora-copr/logdetective-website/pull/193",
    ),
    too_long(
        "Ollama",
        "prompt too long; exceeded max context length by 123 tokens",
        {"error": "prompt too long; exceeded max context length by 123 tokens"},
    ),
    too_long("LiteLLM", LITELLM, error(LITELLM, type=None, param=None, code="400")),
    too_long(
        "Anthropic",
        ANTHROPIC,
        {"type": "error", "error": {"type": "invalid_request_error", "message": ANTHROPIC}},
    ),
    too_long(
        "Anthropic by LiteLLM",
        ANTHROPIC_SUM,
        error(json.dumps({"type": "error", "error": {"type": "invalid_request_error", "message": ANTHROPIC_SUM}})),
        source=f"{GITHUB}kortix-ai/suna/issues/172",
        does="prompt and answer together beyond the context, as JSON in a text",
    ),
    too_long(
        "Anthropic",
        "Request exceeds the maximum size",
        {"type": "error", "error": {"type": "request_too_large", "message": "Request exceeds the maximum size"}},
        status=413,
        does="request of too many bytes",
    ),
    too_long(
        "Gemini",
        GEMINI,
        [{"error": {"code": 400, "message": GEMINI, "status": "INVALID_ARGUMENT"}}],
        source=f"{GITHUB}google-gemini/gemini-cli/issues/6678",
        does="prompt beyond the context, in a list",
    ),
    too_long(
        "OpenRouter",
        OPENROUTER,
        {"error": {"message": OPENROUTER, "code": 400, "metadata": {"provider_name": None}}},
        source=f"{GITHUB}topoteretes/cognee/issues/1061",
    ),
    too_long(
        "OpenRouter",
        f"Provider returned error: {VLLM}",
        {
            "error": {
                "message": "Provider returned error",
                "code": 400,
                "metadata": {"raw": json.dumps({"message": VLLM})},
            }
        },
        does="another provider's words inside its own",
    ),
    too_long(
        "Mistral",
        MISTRAL_LONG,
        {
            "object": "error",
            "message": MISTRAL_LONG,
            "type": "invalid_request_error",
            "code": 3051,
        },
    ),
    too_long(
        "TGI",
        "Input validation error: `inputs` must have less than 4095 tokens. Given: 5000",
        {
            "error": "Input validation error: `inputs` must have less than 4095 tokens. Given: 5000",
            "error_type": "validation",
        },
        status=422,
    ),
    too_long(
        "DashScope",
        "Range of input length should be [1, 30720]",
        error("Range of input length should be [1, 30720]", code="invalid_parameter_error"),
    ),
    too_long(
        "SGLang",
        "The input (5000 tokens) is longer than the model's context length (4096 tokens).",
        {
            "object": "error",
            "message": "The input (5000 tokens) is longer than the model's context length (4096 tokens).",
            "type": "BadRequestError",
            "code": 400,
        },
    ),
    too_long(
        "xAI",
        "This model's maximum prompt length is 131072 but the request contains 200000 tokens.",
        {
            "code": "Client specified an invalid argument",
            "error": "This model's maximum prompt length is 131072 but the request contains 200000 tokens.",
        },
    ),
    too_long(
        "Bedrock", "Input is too long for requested model.", {"message": "Input is too long for requested model."}
    ),
    too_long(
        "nginx",
        "413 Request Entity Too Large 413 Request Entity Too Large",
        None,
        status=413,
        does="a page in front of the model",
    ),
    # Filters.
    filtered(
        "OpenAI",
        INVALID_PROMPT,
        error(INVALID_PROMPT, type="invalid_request_error", param=None, code="invalid_prompt"),
        source=f"{GITHUB}alan-turing-institute/t0-1/issues/69",
    ),
    filtered(
        "Azure",
        AZURE,
        {
            "error": {
                "message": AZURE,
                "code": "content_filter",
                "status": 400,
                "innererror": {"code": "ResponsibleAIPolicyViolation"},
            }
        },
    ),
    filtered(
        "OpenRouter",
        "Your chosen model requires moderation and your input was flagged",
        {
            "error": {
                "code": 403,
                "message": "Your chosen model requires moderation and your input was flagged",
                "metadata": {"reasons": ["violence"], "flagged_input": "..."},
            }
        },
        status=403,
        source="https://openrouter.ai/docs/errors",
    ),
    filtered(
        "DashScope",
        "Input data may contain inappropriate content.",
        error("Input data may contain inappropriate content.", code="data_inspection_failed"),
    ),
    filtered(
        "Zhipu",
        "系统检测到输入或生成内容可能包含不安全或敏感内容",
        error("系统检测到输入或生成内容可能包含不安全或敏感内容", code="1301"),
    ),
    filtered(
        "xAI",
        "Content violates usage guidelines.",
        {"code": "The caller does not have permission", "error": "Content violates usage guidelines."},
        status=403,
    ),
    filtered(
        "a firewall",
        "Attention Required Sorry, you have been blocked",
        None,
        status=403,
        does="a page in place of an answer to one input",
    ),
    filtered(
        "FastAPI",
        "body.messages.0.content: String should match pattern",
        {
            "detail": [
                {
                    "loc": ["body", "messages", 0, "content"],
                    "msg": "String should match pattern",
                    "type": "string_pattern_mismatch",
                }
            ]
        },
        status=422,
        does="an input that a validator refuses",
    ),
    # The model's answer thrown away by the provider.
    Behaviour(
        provider="Groq",
        does="an answer that is not the JSON that was asked for",
        status=400,
        body=error(GROQ, type="invalid_request_error", code="json_validate_failed", failed_generation='{"answer": ord'),
        ends=UNPARSABLE,
        says=f"the model's answer has not the form that was asked for: HTTP 400: {GROQ}",
        raw='{"answer": ord',
        source=f"{GITHUB}thepersonalaicompany/amurex-backend/issues/38",
    ),
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


def table() -> str:
    """The rows as Markdown."""
    lines = ["| provider | what it does | what we make of it |", "|---|---|---|"]
    for row in TABLE:
        does = f"{row.does} ([seen]({row.source}))" if row.source else row.does
        lines.append(f"| {row.provider} | {does} | {row.ends}{f': `{_short(row.says)}`' if row.says else ''} |")
    return "\n".join(lines)


def _short(text: str) -> str:
    text = text.replace("`", "'").replace("|", "/")
    return text if len(text) <= 110 else f"{text[:107]}..."


if __name__ == "__main__":
    print(table())  # noqa: T201  # it is written into the docs from here
