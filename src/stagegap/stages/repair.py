"""From the text that a model wrote to a value of the stage's output type, saying whether it had to be mended."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast
from unicodedata import category

from stagegap.model.cascade import Kind, OutputType
from stagegap.stages.acceptance import Accepted, Check, Rejected

_NUMBER = re.compile(
    r"(?P<sign>[-+\u2212]?)(?P<currency>[$\u00a2-\u00a5\u20a0-\u20cf]?)"
    r"(?P<digits>\d+(?:\.\d+)?|\.\d+)(?P<power>[eE][-+]?\d+)?"
)
_BEFORE = re.compile(r"(?:^|[^-\u2013\u2212\s]\s+|\n\s*|[(\[\"'`*_:=~\u2248<>{])$")
"""What may stand before a number: anything else makes it a part of a word, of a range or of a longer number."""
_AFTER = re.compile(r"(?:$|[\s)\]\"'`*_;:!?<}$\u20a0-\u20cf\u00b0]|[.,](?:$|[\s)\]\"'`*_<]))")
_OTHERWISE = re.compile(
    r"\b(?:minus|negative|hundreds?|thousands?|millions?|billions?|trillions?|dozens?|half|halves|thirds?|quarters?"
    r"|k|m|mn|bn|tn|per ?cent|lakhs?|crores?|squared|cubed)\b|[%\u2030]",
    re.IGNORECASE,
)
"""Words and signs that make another number of the one beside them."""


LONGEST_WHOLE = 40
"""Characters of a number that is looked at: 64 bits have 20 digits."""


@dataclass(frozen=True, slots=True)
class Read:
    """What was found in a text."""

    answer: Accepted | Rejected
    is_mended: bool = False
    """True when the text was not the value as it should stand, and a value could still be made out."""


def read_answer(output: OutputType, text: str, check: Check) -> Read:
    """Read a value of the output type.

    A text is taken as it is. A label must stand there alone; quotes, another case, a full stop or a JSON object around
    it are mended. Lists, objects, numbers and booleans are JSON; fences, prose around it and broken JSON are mended.
    """
    if output.kind is Kind.TEXT:
        return Read(check(text))
    exact = check(text.strip() if output.kind is Kind.LABEL else _parsed(text))
    if isinstance(exact, Accepted):
        return Read(exact)
    if output.kind is Kind.LABEL:
        candidates = [_like(text, output.values), *_label_inside(_found_json(text), output.values)]
    elif output.kind is Kind.NUMBER:
        candidates = _said_number(text)
    elif output.kind is Kind.BOOLEAN:
        candidates = [{"true": True, "yes": True, "false": False, "no": False}.get(_bare(text))]
    else:
        candidates = _inside(_found_json(text), output.kind)
    for candidate in candidates:
        mended = check(candidate)
        if isinstance(mended, Accepted):
            return Read(mended, is_mended=True)
    return Read(exact if output.kind is Kind.LABEL or not candidates else check(candidates[0]))


def _said_number(text: str) -> list[int | float]:
    """The number that a text says.

    None where it may be another one: a part of a word, of a range or of a fraction, in thousands, per cent, negated.
    """
    match = _NUMBER.search(text)
    if match is None or not _BEFORE.search(text[: match.start()]) or not _AFTER.match(text, match.end()):
        return []
    rest = f"{text[: match.start()]} {text[match.end() :]}"
    if any(category(character)[0] == "N" for character in rest) or _OTHERWISE.search(rest):
        return []
    sign = "-" if match["sign"] in ("-", "\u2212") else ""
    written = f"{sign}{match['digits']}{match['power'] or ''}"
    is_whole = match["digits"].isdecimal() and not match["power"] and len(written) <= LONGEST_WHOLE
    return [int(written) if is_whole else float(written)] if is_whole or len(written) <= LONGEST_WHOLE else []


def _bare(text: str) -> str:
    return text.strip().strip("\"'`*.").strip().casefold()


def _like(text: str, values: Sequence[str]) -> str | None:
    """The one value that the text is, but for case, quotes and a full stop."""
    matches = [value for value in values if _bare(value) == _bare(text)]
    return matches[0] if len(matches) == 1 else None


def _label_inside(content: object, values: Sequence[str]) -> list[str | None]:
    """The label in a JSON text, or in an object with one text in it."""
    if isinstance(content, Mapping):
        texts = [member for member in cast("Mapping[object, object]", content).values() if isinstance(member, str)]
        return [_like(texts[0], values)] if len(texts) == 1 else []
    return [_like(content, values)] if isinstance(content, str) else []


def _inside(content: object, kind: Kind) -> list[object]:
    """What was found where it has the right shape; a list may be the only member of an object."""
    if isinstance(content, Mapping):
        members = list(cast("Mapping[object, object]", content).values())
        wrapped = members[:1] if len(members) == 1 and isinstance(members[0], list) else []
        return [cast("object", content)] if kind is Kind.OBJECT else wrapped
    return [cast("object", content)] if isinstance(content, list) and kind is not Kind.OBJECT else []


def _parsed(text: str) -> object:
    """The JSON value that the whole text is; a text that is none stays as it is."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _found_json(text: str) -> object:
    """The first JSON object or list in a text, mended where it is broken; "" where there is none."""
    if not any(sign in text for sign in '{["'):
        return ""
    import json_repair

    try:
        return cast("object", json_repair.loads(text))
    except (ValueError, RecursionError):
        return ""
