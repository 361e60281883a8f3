"""What a provider says when it gives no answer: its words wherever they stand, and whom they concern.

Providers share status codes and little else. What is known here was collected from their documentation and from reports
of users; the tests replay each body (`docs/providers.md`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import cast

from stagegap.model.answer import Status
from stagegap.stages.failures import LIMITS, Failure, Meaning, may_pass

DEPTH = 8
"""Levels of a body that are looked at: gateways wrap the errors of others."""
MOST_WORDS = 2_000
CODES = ("code", "type", "status", "reason", "error_type", "error_code", "errorcode", "__type")
"""Members that hold a word of the provider's own for what happened."""
WORDS = ("message", "error", "detail", "errors", "msg", "error_message", "error_description", "title", "description")
"""Members that hold a sentence, the one that says most first."""

ANSWERS = frozenset({"choices", "output"})
"""Members of which an answer has one, and a mere complaint none."""
OUT_OF_CREDIT = frozenset(
    {"insufficient_quota", "billing_hard_limit_reached", "insufficient_balance", "credit_balance_too_low"}
)
EVERYBODYS = frozenset(
    {
        *("invalid_api_key", "api_key_invalid", "authentication_error", "account_deactivated", "permission_error"),
        *("model_not_found", "deploymentnotfound", "not_found_error", "model_terms_required", "model_decommissioned"),
        *("unsupported_parameter", "unknown_parameter", "unsupported_value", "invalid_json_schema"),
        *("unsupported_country_region_territory", "service_disabled"),
    }
)
"""Words for what no input can be the reason of."""
SERVICES = frozenset({401, 402, 404, 405, 406, 407, 410, 426})
"""Statuses that speak of address, key and account, and of no input."""
TOO_LONG = frozenset(
    {
        *("context_length_exceeded", "string_above_max_length", "exceed_context_size_error", "context_window_exceeded"),
        *("contextwindowexceedederror", "request_too_large", "token_limit_exceeded", "string_too_long"),
        *("context_length_exceeded_error", "model_context_window_exceeded", "max_tokens_exceeded"),
    }
)
FILTERED = frozenset(
    {
        *("content_filter", "content_policy_violation", "responsibleaipolicyviolation", "invalid_prompt"),
        *("data_inspection_failed", "datainspectionfailed", "moderation_blocked", "content_blocked", "1301"),
        *("contentpolicyviolationerror", "prompt_blocked", "prohibited_content"),
    }
)
MALFORMED = frozenset({"json_validate_failed", "tool_use_failed", "output_parse_failed"})
"""The provider looked at the model's answer and threw it away."""
_TOO_LONG = re.compile(
    r"(?:maximum|max)\.? (?:context|sequence|input|prompt|model) (?:length|size)"
    r"|(?:prompt|input|request|message) (?:is )?too (?:long|large)|too many (?:input )?tokens|prompt tokens too long"
    r"|exceeds? (?:the )?(?:\w+ )?(?:context|maximum number of tokens|token limit)"
    r"|exceeds? .{0,40}context (?:length|size|window|limit)|(?:longer|larger) than .{0,30}context (?:length|size)"
    r"|context (?:length|window) of only|input token count.{0,40}exceeds|tokens exceed"
    r"|ContextWindowExceeded|inputs?`? (?:tokens )?.{0,30}must (?:be <=|have less than)"
    r"|range of input length|reduce the length of",
    re.IGNORECASE,
)
_FILTERED = re.compile(
    r"\bflagged\b|\bmoderation\b|content (?:management |safety |usage )?(?:policy|policies|filter)"
    r"|usage (?:policy|policies|guidelines)|(?:inappropriate|unsafe|sensitive|harmful) content|\bguardrails?\b"
    r"|safety (?:system|filter|check|reasons)|(?:prompt|request) (?:was )?blocked"
    r"|prohibited content|敏感",
    re.IGNORECASE,
)
_TAG = re.compile(r"<(?:script|style)\b.*?</(?:script|style)>|<[^>]*>", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Complaint:
    """What a provider said in place of an answer."""

    number: int
    """The HTTP status, or the one that stands in the body of an answer that came as 200."""
    words: str
    codes: frozenset[str] = frozenset()
    """Its own words for what happened, in lower case, at any depth."""
    written: str = ""
    """What the model had written, where it is shown."""
    is_inside: bool = False
    """True when the answer's status said that all is well."""

    @property
    def sentence(self) -> str:
        """Number and words, for people."""
        return f"{'error' if self.is_inside else 'HTTP'} {self.number}: {self.words}".rstrip(": ")


def complaint_of(status: int, text: str, *, reason: str = "") -> Complaint:
    """The complaint in the body of an answer whose status is one of a failure.

    >>> complaint_of(422, '{"detail": [{"loc": ["body", "top_p"], "msg": "must be below 1"}]}').sentence
    'HTTP 422: body.top_p: must be below 1'
    """
    return _complaint(status, text, reason=reason)


def complaint_inside(body: object) -> Complaint | None:
    """The complaint in an answer that came as 200; None where it holds none.

    >>> complaint_inside({"error": {"code": 429, "message": "slow down"}}).sentence
    'error 429: slow down'
    """
    if not isinstance(body, Mapping):
        return None
    members = cast("Mapping[str, object]", body)
    error = members.get("error") or (None if ANSWERS & members.keys() else members)
    complaint = _complaint(502, error, is_inside=True)
    numbers = sorted(code for code in complaint.codes if re.fullmatch("[45][0-9][0-9]", code))
    return replace(complaint, number=int(numbers[0]) if numbers else 502) if complaint.words else None


def failure_for(complaint: Complaint, *, headers: Mapping[str, str] | None = None) -> Failure:
    """What to do after a complaint: whose fault it is, and whether another attempt may help."""
    number, codes, words, sentence = complaint.number, complaint.codes, complaint.words, complaint.sentence
    if codes & OUT_OF_CREDIT or number in SERVICES:
        return Failure(meaning=Meaning.STOP, message=sentence)
    if codes & TOO_LONG or number == 413 or _TOO_LONG.search(words):
        return _records(Status.UNPARSABLE, f"the prompt is too long: {sentence}")
    if codes & MALFORMED:
        return _records(
            Status.UNPARSABLE, f"the model's answer has not the form that was asked for: {sentence}", complaint.written
        )
    if codes & FILTERED or (not may_pass(number) and _FILTERED.search(words)):
        return _records(Status.REFUSED, f"the provider refused: {sentence}")
    if may_pass(number):
        return Failure(meaning=Meaning.AGAIN, message=sentence, headers=headers or {}, is_limit=number in LIMITS)
    if codes & EVERYBODYS or number < 400:
        return Failure(meaning=Meaning.STOP, message=sentence)
    return Failure(meaning=Meaning.DOUBTFUL, status=Status.REFUSED, message=f"the provider refused: {sentence}")


def _records(status: Status, message: str, raw: str = "") -> Failure:
    return Failure(meaning=Meaning.RECORD, status=status, message=message, raw=raw)


def _complaint(number: int, body: object, *, reason: str = "", is_inside: bool = False) -> Complaint:
    body = _unpacked(body)
    members = list(_members(body, DEPTH))
    written = next((value for key, value in members if key == "failed_generation" and isinstance(value, str)), "")
    codes = {str(value).lower() for key, value in members if key in CODES and isinstance(value, str | int)}
    return Complaint(
        number=number,
        words=_words(body, DEPTH)[:MOST_WORDS] or reason,
        codes=frozenset(codes),
        written=written,
        is_inside=is_inside,
    )


def _unpacked(value: object) -> object:
    """A text that is JSON as what it holds: gateways pass on the errors of others as texts."""
    if isinstance(value, str) and value.lstrip()[:1] in ("{", "["):
        try:
            return cast("object", json.loads(value))
        except (ValueError, RecursionError):
            return value
    return value


def _members(value: object, depth: int) -> Iterator[tuple[str, object]]:
    """Every member of every mapping inside, by its name in lower case."""
    value = _unpacked(value)
    if depth and isinstance(value, Mapping):
        for key, item in cast("Mapping[object, object]", value).items():
            yield str(key).lower(), item
            yield from _members(item, depth - 1)
    elif depth and isinstance(value, list):
        for item in cast("list[object]", value):
            yield from _members(item, depth - 1)


def _words(value: object, depth: int) -> str:
    """The sentence in a body of any shape; empty where there is none."""
    value = _unpacked(value)
    if isinstance(value, str):
        return " ".join(_TAG.sub(" ", value).split())
    if not depth:
        return ""
    if isinstance(value, list):
        sentences = [_words(item, depth - 1) for item in cast("Sequence[object]", value)[:5]]
        return "; ".join(dict.fromkeys(filter(None, sentences)))
    if not isinstance(value, Mapping):
        return ""
    members = {str(key).lower(): item for key, item in cast("Mapping[object, object]", value).items()}
    words = next(filter(None, (_words(members.get(name), depth - 1) for name in WORDS)), "")
    place = members.get("loc")
    if words and isinstance(place, list):
        words = f"{'.'.join(map(str, cast('Sequence[object]', place)))}: {words}"
    # What another provider said stands beside the sentence of the one who passed it on.
    inner = (
        _words(cast("Mapping[str, object]", members["metadata"]).get("raw"), depth - 1)
        if isinstance(members.get("metadata"), Mapping)
        else ""
    )
    return f"{words}: {inner}" if inner and inner not in words else words
