"""How the text that a model wrote becomes a value of the stage's type: as it stands, or mended without a guess.

A value that is not the whole text is taken only where the text can mean no other one: a number that stands alone or is
said to be the answer, the only JSON of its shape, broken JSON of which every number and text is in the answer as it was
written. Anything else is no answer.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import cast
from unicodedata import category, numeric

from stagegap.model.canonical import NotJson, first_json, parse_json
from stagegap.model.cascade import WRITTEN, Kind, OutputType
from stagegap.model.record import Json
from stagegap.stages.acceptance import Accepted, Check, Rejected, as_written

_NUMBER = re.compile(
    r"(?P<sign>[-+\u2212]?)(?P<currency>[$\u00a3-\u00a5\u20a0-\u20cf]?)"
    r"(?P<digits>\d+(?:\.\d+)?|\.\d+)(?P<power>[eE][-+]?\d+)?"
)
_ALONE = re.compile(r"(?:^|\n)[\s\"'`*_~\u2248]*$")
"""Before a number: the begin of the text or of a line."""
_INTRODUCED = re.compile(
    r"(?:[:\u2248~]|(?<![<>!~:])=|<\w[^<>]*>"
    r"|\b(?:is|are|be|was|equals|ist|est|es|says?|gives?|rated?|guess|answer|score|rating|grade|result|value|total|count"
    r"|about|approximately|around|roughly|exactly|as|(?:rating|score|grade|value|total|result|mark) of"
    r"|(?:rate|give|score|grade|call|it|this|that|as) (?:it|this|that|an?)|USD|EUR|GBP)\s)[\s\"'`*_]*$",
    re.IGNORECASE,
)
"""Before a number: what says that it is the answer."""
_DENIED = re.compile(
    r"\b(?:no|not|never|none|nor|neither|cannot|unable|impossible|unknown|unclear|unsure|sorry|error|status|code|nicht"
    r"|kein\w*|\w+n['\u2019]t|at (?:least|most)|(?:less|more|fewer|other|rather) than|over|under|above|below|up to"
    r"|limit|maximum|minimum|step|question|page|line|section|chapter|version|attempt|example|temperature|half|double|twice"
    r"|minus|negative)\b",
    re.IGNORECASE,
)
"""Before a number, or beside it in brackets: what says that it is not the answer, or only a bound or a place."""
_SPELLED = re.compile(
    r"(?<!not )\b(?:two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen"
    r"|(?:fif|six|seven|eigh|nine)teen|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety)\b",
    re.IGNORECASE,
)
"""A second number, in letters, that is not said to be wrong. `one` is a pronoun, too."""
_ENDED = re.compile(
    r"[\"'`*_\u00b0\u00ba$\u20a0-\u20cf]*(?:\s*$|\s*\n|\s*</|[.,;:!?}](?:[\s\"'`*_)<]|$)|\s*\((?P<aside>[^()]*)\)"
    r"|\s+[-\u2013\u2014]\s+\w|\s+(?:because|since|as|given|based|due)\b)"
)
_UNIT = re.compile(r"(?:\s+[^\W\d_]+|\s*[$\u20a0-\u20cf\u00b0\u00ba])")
"""A word behind a number that says of what it is."""
MOST_UNITS = 2
_SIZES = re.compile(
    r"(?:below|above|or|and|point|comma|hundreds?|thousands?|millions?|billions?|trillions?|grand|dozens?|half|halves"
    r"|thirds?|quarters?|k|m|b|t|mn|mm|mio|mil|bn|mrd|tn|tsd|tausend|millionen|milliarden?|millones|mille|lakhs?|crores?"
    r"|per|percent|pct|prozent|pp|bps|basis|squared|cubed|factorial|[ap]m|cents?|ct|cts|pence|tens|gross|pairs?|couples?"
    r"|zeros?|zeroes|thsd|\w+[^\W_]ths?|th|fold|times|plus|minus|more|less|fewer|lower|higher|greater|smaller|ago|short|off"
    r"|[^\W\d_]*[^\W\d_a-z\u00df-\u024f][^\W\d_]*)",
    re.IGNORECASE,
)
"""Words that make another number of the one before them."""
_HIDDEN = "\ufeff\u200b\u2060"
"""Signs that can't be seen and mean nothing around an answer."""
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
    if output.kind in WRITTEN:
        return Read(check(text))
    try:
        written = text.strip() if output.kind is Kind.LABEL else _parsed(text)
        exact = check(written)
        if isinstance(exact, Accepted):
            return Read(exact)
        candidates = _candidates(output, text.strip(_HIDDEN))
    except ValueError as error:
        return Read(Rejected(str(error)))
    rejected: Rejected | None = None
    for candidate in candidates:
        # A check takes as long as the patterns of its schema: none is made twice.
        mended = exact if candidate == written else check(candidate)
        if isinstance(mended, Accepted):
            return Read(mended, is_mended=True)
        rejected = rejected or mended
    return Read(exact if output.kind is Kind.LABEL or rejected is None else rejected)


def _candidates(output: OutputType, text: str) -> Sequence[object]:
    """What the text may say. Raises: ValueError where it says several things, or nobody can tell which."""
    match output.kind:
        case Kind.LABEL:
            alone = _like(text, output.values)
            return [alone] if alone is not None else _label_inside(text, output.values)
        case Kind.NUMBER:
            return _said_number(text)
        case Kind.BOOLEAN:
            return [{"true": True, "yes": True, "false": False, "no": False}.get(_bare(text))]
        case _:
            return _shaped(text, output.kind)


def _parsed(text: str) -> Json:
    """The JSON value that the whole text is; a text that is none stays as it is. Raises: ValueError for odd JSON."""
    try:
        return parse_json(text)
    except NotJson:
        return text


def _said_number(text: str) -> list[object]:
    """The number that a text says: the only one in it, alone in its line or introduced, with at most a unit behind."""
    match = _NUMBER.search(text)
    if match is None:
        return _wrapped_number(text)
    before, after = text[: match.start()], text[match.end() :]
    rest = before + after
    if _SPELLED.search(rest) or any(category(sign)[0] == "N" or numeric(sign, None) is not None for sign in rest):
        return []
    line = before.rsplit("\n", 1)[-1]
    if not (_ALONE.search(before) or (_INTRODUCED.search(before) and not _DENIED.search(line))) or not _ends(after):
        return _wrapped_number(text)
    sign = "-" if match["sign"] in ("-", "\u2212") else ""
    written = f"{sign}{match['digits']}{match['power'] or ''}"
    if len(written) > LONGEST_WHOLE:
        return []
    return [int(written) if match["digits"].isdecimal() and not match["power"] else float(written)]


def _ends(after: str) -> bool:
    """Whether a number is over where this text begins, and none of its words makes another one of it."""
    rest = after
    for _ in range(MOST_UNITS + 1):
        if ended := _ENDED.match(rest):
            return not _DENIED.search(ended["aside"] or "")
        unit = _UNIT.match(rest)
        if unit is None or _SIZES.fullmatch(unit[0].strip()) or _DENIED.fullmatch(unit[0].strip()):
            return False
        rest = rest[unit.end() :]
    return False


def _wrapped_number(text: str) -> list[object]:
    """The number that JSON holds as its only member: `{"score": 5}`, `[5]`."""
    try:
        content = parse_json(text)
    except ValueError:
        return []
    members = list(content.values()) if isinstance(content, Mapping) else content
    return [members[0]] if isinstance(members, list) and len(members) == 1 else []


_QUOTES = f" \t\r\n\"'`*\u201c\u201d\u201e\u00ab\u00bb{_HIDDEN}"


def _bare(text: str) -> str:
    """Without quotes, case and a full stop; a point before it makes another number of `5`."""
    return text.strip().lstrip(_QUOTES).rstrip(f"{_QUOTES}.").casefold()


def _like(text: str, values: Sequence[str]) -> str | None:
    """The one value that the text is, but for case, quotes and a full stop."""
    matches = [value for value in values if _bare(value) == _bare(text)]
    return matches[0] if len(matches) == 1 else None


def _label_inside(text: str, values: Sequence[str]) -> list[str | None]:
    """The label in an object with one text in it. Raises: ValueError."""
    contents = [content for content in _contents(text) if isinstance(content, Mapping)]
    if len(contents) != 1:
        return []
    texts = [member for member in contents[0].values() if isinstance(member, str)]
    return [_like(texts[0], values)] if len(texts) == 1 else []


def _shaped(text: str, kind: Kind) -> list[object]:
    """The JSON of the text that has the shape of the kind. Raises: ValueError where several have."""
    shaped = [inside for content in _contents(text) for inside in _inside(content, kind)]
    if len({json.dumps(content, sort_keys=True) for content in shaped}) > 1:
        raise ValueError(f"{len(shaped)} {'objects' if kind is Kind.OBJECT else 'lists'} stand in the answer.")
    return shaped


def _inside(content: Json, kind: Kind) -> list[object]:
    """What was found where it has the right shape; a list may be the only member of an object."""
    if isinstance(content, Mapping):
        if kind is Kind.OBJECT:
            return [content]
        return [member for member in content.values() if len(content) == 1 and isinstance(member, list)]
    return [content] if isinstance(content, list) and kind is not Kind.OBJECT else []


_OPENING = re.compile(r"[\[{]")
MOST_PIECES = 50


def _contents(text: str) -> list[Json]:
    """The objects and lists in a text, each whole; where one is broken, what it says if that is certain.

    Raises: ValueError.
    """
    contents: list[Json] = []
    place = 0
    while (opening := _OPENING.search(text, place)) and len(contents) < MOST_PIECES:
        try:
            content, place = first_json(text, opening.start())
        except NotJson:
            return [_repaired(text[opening.start() :])]
        contents.append(content)
    return contents


def _repaired(text: str) -> Json:
    """What a broken JSON text says. Raises: ValueError where that is not certain."""
    import json_repair

    try:
        content = cast("Json", json_repair.loads(text))
    except RecursionError:
        raise ValueError("The value is nested too deep.") from None
    if not _is_faithful(text, content):
        raise ValueError(f"The JSON is broken, and what it says is not certain: {as_written(text)}")
    return content


_STRING = re.compile(r'"(?:\\.|[^"\\])*"', re.DOTALL)
_ITEM = re.compile(
    r"(?<=[:\[,])\s*([-+]?(?:(?:0|[1-9]\d*)(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?)(?=\s*(?:[,}\]\"']|//|/\*|#)|\s+(?:$|```))"
)
"""A number that stands alone between the signs of JSON."""
_COMMENT = re.compile(r"/\*.*?\*/|(?://|#)[^\n]*", re.DOTALL)
_WORD = re.compile(r"[^\W\d_]+")
_WITH_DIGIT = re.compile(r"[^\s\[\]{},:\"']*\d[^\s\[\]{},:\"']*")


_CONSTANTS = frozenset({"true", "false", "null", "True", "False", "None", "e", "E"})


def _is_faithful(text: str, content: Json) -> bool:
    """Whether all numbers and texts of the content stand in the text as they are, and nothing was left out."""
    end = max(text.rfind("}"), text.rfind("]"))
    bare = _STRING.sub('""', text)
    is_cut = bare.count('"') % 2 and bare.rfind('"') > max(bare.rfind("}"), bare.rfind("]"))
    if is_cut or (end < 0 and re.search(r"\w$", bare.rstrip())):
        return False
    leaves = list(_leaves(content))
    words = [leaf for leaf in leaves if isinstance(leaf, str)]
    numbers = [leaf for leaf in leaves if isinstance(leaf, int | float) and not isinstance(leaf, bool)]
    items = [float(item) for item in _ITEM.findall(bare)]
    for number in numbers:
        if float(number) not in items:
            return False
        items.remove(float(number))
    unquoted = " ".join(words)
    inside = bare.partition("```")[0] if end < 0 else bare[: max(bare.rfind("}"), bare.rfind("]"))]
    left_out = set(_WORD.findall(_COMMENT.sub("", inside))) - set(_WORD.findall(unquoted)) - _CONSTANTS
    if left_out or "..." in inside.replace(unquoted, "") or "\u2026" in inside.replace(unquoted, ""):
        return False
    runs = [run for run in _WITH_DIGIT.findall(inside) if run not in unquoted]
    plain = text.replace("\\", "")
    return len(runs) == len(numbers) and all(
        word in plain or json.dumps(word)[1:-1] in text if word else ('""' in text or "''" in text) for word in words
    )


def _leaves(content: Json) -> Iterator[Json]:
    """The scalars of a value, keys too."""
    if isinstance(content, Mapping):
        for key, member in content.items():
            yield key
            yield from _leaves(member)
    elif isinstance(content, list):
        for item in content:
            yield from _leaves(item)
    else:
        yield content
