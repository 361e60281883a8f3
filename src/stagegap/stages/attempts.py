"""What a failed attempt means: a provider's words in place of an answer, the sentence after waiting too long."""

from __future__ import annotations

import errno
import json
import re
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from typing import Self, cast

from stagegap.model.answer import Attempt, Status
from stagegap.model.cascade import Stage
from stagegap.stages.protocol import Reply, Unavailable


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """The three time-outs of a call, in seconds; the first counts over all attempts, the others for each."""

    call_s: float
    connect_s: float
    """Until a connection stands."""
    silence_s: float
    """Without a byte, before the first as between two."""

    @classmethod
    def of(cls, stage: Stage) -> Self:
        """The time-outs of a stage; what it does not say is the one of the whole call."""
        call_s = stage.timeout_s
        return cls(
            call_s=call_s,
            connect_s=call_s if stage.connect_timeout_s is None else min(call_s, stage.connect_timeout_s),
            silence_s=call_s if stage.silence_timeout_s is None else min(call_s, stage.silence_timeout_s),
        )

    def exceeded(self, error: BaseException | None) -> str:
        """Say which time-out an error of the connection, or one under it, stands for; "" when it is none."""
        import aiohttp

        while error is not None:
            if isinstance(error, aiohttp.ConnectionTimeoutError):
                return f"no connection within {self.connect_s:g} s"
            if isinstance(error, aiohttp.SocketTimeoutError):
                return f"no byte for {self.silence_s:g} s"
            error = error.__cause__
        return ""


class Meaning(Enum):
    """What to do after a failed attempt."""

    AGAIN = auto()
    """The fault may pass."""
    RECORD = auto()
    """This input gets no answer, however often it is sent; others may."""
    DOUBTFUL = auto()
    """This input gets no answer, and it may be that no other one does: what becomes of the others tells."""
    STOP = auto()
    """No call of this stage can succeed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A failed attempt."""

    meaning: Meaning
    message: str
    status: Status = Status.INFRASTRUCTURE
    """How the call ends when it is not tried again."""
    raw: str = ""
    """What the model wrote, where the provider shows it."""
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    is_limit: bool = False
    """True when the provider wants fewer calls, of everybody."""
    is_refused: bool = False
    """True when nobody listens at the address: no call can be answered before somebody does."""


UNREADABLE = Failure(meaning=Meaning.AGAIN, message="the provider's answer can't be read")
FAILED = Failure(meaning=Meaning.AGAIN, message="the provider says that it failed to answer")
TORN = Failure(meaning=Meaning.AGAIN, message="the answer's stream ended before the answer did")
LIMITS = frozenset({429, 529})
"""Too many calls; overloaded."""
PASSING = frozenset({408, 409, 425, 429})


def lost_connection(error: Exception, patience: Patience) -> Failure:
    """The failure for an error of the connection."""
    late = patience.exceeded(error)
    what = f"{type(error).__name__}: {error}".strip(": ")
    return Failure(
        meaning=Meaning.AGAIN, message=late or f"no connection: {what}", is_refused=not late and refused(error)
    )


def refused(error: BaseException | None) -> bool:
    """Whether an error of a connection, or one under it, says that nobody listens or that the host has no address."""
    while error is not None:
        if isinstance(error, ConnectionRefusedError | socket.gaierror):
            return True
        # Where a host has several addresses, all errors stand in one text.
        if isinstance(error, OSError) and (error.errno == errno.ECONNREFUSED or "Connect call failed" in str(error)):
            return True
        error = error.__cause__
    return False


def may_pass(status: int) -> bool:
    """Say whether a later attempt may end better than this HTTP status."""
    return status >= 500 or status in PASSING


UNREACHED = frozenset(
    {
        *("httpx.TransportError", "httpx2.TransportError", "requests.ConnectionError", "requests.Timeout"),
        *("requests.ChunkedEncodingError", "aiohttp.ClientConnectionError", "aiohttp.ClientPayloadError"),
        *("urllib3.HTTPError", "urllib.URLError", "http.IncompleteRead", "botocore.ConnectionError"),
        *("botocore.HTTPClientError", "openai.APIConnectionError", "anthropic.APIConnectionError"),
        *("litellm.APIConnectionError", "litellm.Timeout", "google.ServiceUnavailable", "google.DeadlineExceeded"),
    }
)
"""Errors of libraries that say that a service was not reached: first part of the module, and name; those below too."""
DEEPEST = 5


def is_unavailable(error: BaseException | None) -> bool:
    """Whether an exception of a user's function, or the one that it was raised from, is that of a service's absence.

    >>> is_unavailable(ConnectionResetError()), is_unavailable(ValueError("no such order"))
    (True, False)
    """
    for _ in range(DEEPEST):
        if error is None:
            return False
        if isinstance(error, Unavailable | ConnectionError | TimeoutError | socket.gaierror):
            return True
        status = _status_of(error)
        if status is not None:
            return may_pass(status)
        if any(f"{kind.__module__.partition('.')[0]}.{kind.__name__}" in UNREACHED for kind in type(error).__mro__):
            return True
        error = error.__cause__
    return False


def _status_of(error: BaseException) -> int | None:
    """The HTTP status that an exception is about, where clients put it; None where it is about none."""
    for thing in (getattr(error, "response", None), error):
        for name in ("status_code", "status", "code"):
            status: object = getattr(thing, name, None)
            if type(status) is int and 400 <= status < 600:
                return status
    return None


@dataclass(frozen=True, slots=True)
class Away:
    """A call whose service was away."""

    reply: Reply
    after_s: float | None
    """Seconds after which another call may help, where the function says so."""


class Tries:
    """The attempts of one call."""

    def __init__(self, waits_s: Sequence[float]) -> None:
        self._begun = self._last = time.monotonic()
        self._waits_s = waits_s
        self._attempts: list[Attempt] = []

    def wait_after(self, away: Away) -> float | None:
        """Seconds to wait before the next attempt; None where there is none."""
        count = len(self._attempts)
        self._note(away.reply)
        if count == len(self._waits_s):
            return None
        wait_s = self._waits_s[count] if away.after_s is None else max(0.0, away.after_s)
        self._last = time.monotonic() + wait_s
        return wait_s

    def told(self, reply: Reply) -> Reply:
        """The reply with the attempts that it took, where it took several."""
        if not self._attempts:
            return reply
        if reply.status is not Status.INFRASTRUCTURE:
            self._note(reply)
        return replace(reply, attempts=tuple(self._attempts))

    def _note(self, reply: Reply) -> None:
        took_s = time.monotonic() - self._last
        self._attempts.append(Attempt(self._last - self._begun, took_s, reply.status, reply.error))


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
