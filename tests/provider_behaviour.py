"""One row of the table of providers: the bytes that a server sends, and what we make of them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

OK, UNPARSABLE, REFUSED, INFRASTRUCTURE = "ok", "unparsable", "refused", "infrastructure"
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


def said(content: Any, *, finish: str = "stop", **message: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "message": {"content": content, **message}, "finish_reason": finish}]}


def events(*bodies: Any, is_done: bool = True) -> str:
    lines = [f"data: {json.dumps(body)}\n\n" for body in bodies]
    return "".join(lines) + ("data: [DONE]\n\n" if is_done else "")


def piece(content: str, finish: str | None = None) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": {"content": content}, "finish_reason": finish}]}
