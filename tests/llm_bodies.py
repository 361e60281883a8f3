"""Bodies that an OpenAI-compatible service answers with."""

from __future__ import annotations

from collections import Counter
from typing import Any


def completion(text: str | None, *, finish: str = "stop", refusal: str | None = None) -> dict[str, object]:
    message = {"role": "assistant", "content": text, "refusal": refusal}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 0,
        "model": "fake",
        "choices": [{"index": 0, "message": message, "finish_reason": finish}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
    }


def response(
    text: str, *, status: str = "completed", reason: str | None = None, refusal: str | None = None
) -> dict[str, object]:
    """What the responses interface answers with."""
    part = {"type": "output_text", "text": text, "annotations": []}
    if refusal is not None:
        part = {"type": "refusal", "refusal": refusal}
    message = {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": [part]}
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 0,
        "model": "fake",
        "status": status,
        "incomplete_details": {"reason": reason} if reason else None,
        "output": [{"type": "reasoning", "id": "rs_1", "summary": []}, message],
        "usage": {"input_tokens": 10, "output_tokens": 5, "total_tokens": 15},
    }


def vectors(texts: Any, places: int = 32) -> list[dict[str, object]]:
    rows = [Counter(ord(word[0].lower()) % places for word in text.split()) for text in texts]
    return [
        {"object": "embedding", "index": n, "embedding": [float(row[place]) for place in range(places)]}
        for n, row in enumerate(rows)
    ]
