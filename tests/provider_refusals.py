"""Refusals that concern one record, in the words of each provider: too long, held back, thrown away."""

from __future__ import annotations

import json
from typing import Any

from provider_behaviour import GITHUB, REFUSED, UNPARSABLE, Behaviour, error

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
MISTRAL_LONG = "Prompt contains 40000 tokens and 0 draft tokens, too large for model with 32768 maximum context length"


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


REFUSALS = (
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
)
