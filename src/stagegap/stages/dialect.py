"""What a server understands of the chat interface, learned from what it refuses."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from stagegap.model.record import Json

SCHEMA, OBJECT, WORDS = "schema", "object", "words"
"""How an answer of a form is asked for: by a schema, as any JSON object, or in words only."""
_NOT_UNDERSTOOD = re.compile(
    r"unsupported|not support|unrecogni[sz]ed|unknown|unexpected|unavailable|not permitted|not allowed|invalid value"
    r"|must be|only support|extra_forbidden|not available|does not match any|expected",
    re.IGNORECASE,
)
_FORM = re.compile(
    r"response_format|json_schema|json_object|json mode|structured output|additionalproperties", re.IGNORECASE
)
_WANTS_STREAM = re.compile(
    r"only supports? stream|enable the stream|stream\W{1,4}(?:must|should|has to) be|requires? stream"
    r"|non-streaming|stream(?:ing)? (?:mode )?is required|stream must be",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """How a server wants to be asked for what servers call by different names."""

    limit: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    """OpenAI's newer models refuse `max_tokens`; many other servers know nothing else."""
    form: Literal["schema", "object", "words"] = SCHEMA
    is_stream: bool = False
    """True where a server answers by a stream of events only."""
    is_limit_settled: bool = False
    """True once the other name was tried."""

    def after(self, words: str, body: Mapping[str, Json]) -> Dialect | None:
        """The dialect to ask in after a refusal in these words; None where it is about something else.

        >>> Dialect().after("Unsupported parameter: 'max_tokens'", {"max_tokens": 5}).limit
        'max_completion_tokens'
        >>> official = Dialect(limit="max_completion_tokens")
        >>> official.after("body.max_completion_tokens: Extra inputs are not permitted", {official.limit: 5}).limit
        'max_tokens'
        """
        if not self.is_stream and "stream" not in body and _WANTS_STREAM.search(words):
            return replace(self, is_stream=True)
        if not _NOT_UNDERSTOOD.search(words):
            return None
        if self.limit in body and self.limit in words and not self.is_limit_settled:
            other: Literal["max_tokens", "max_completion_tokens"] = (
                "max_completion_tokens" if self.limit == "max_tokens" else "max_tokens"
            )
            return replace(self, limit=other, is_limit_settled=True)
        if "response_format" in body and self.form != WORDS and _FORM.search(words):
            return replace(self, form=OBJECT if self.form == SCHEMA else WORDS)
        return None

    def response_format(self, schema: Mapping[str, Json]) -> Json:
        """The member that asks for the form; None where words alone do."""
        if self.form == SCHEMA:
            return {"type": "json_schema", "json_schema": schema}
        return {"type": "json_object"} if self.form == OBJECT else None


def asked_for(schema: Mapping[str, Json] | None) -> str:
    """The words that ask for an answer of the schema; the word JSON in them is a condition of many servers."""
    return f"Answer with a JSON object of this schema and nothing else:\n{json.dumps(schema, ensure_ascii=False)}"
