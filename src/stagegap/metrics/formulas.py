"""The metrics: labels, sets, numbers, objects, rankings and texts against their references."""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence

from stagegap.model.answer import Answer, is_graded
from stagegap.model.record import Json, Span, span_of

_HIDDEN = 0xF0000
"""Where signs of numbers stand while all other signs are taken out: in a plane for private use."""
_SIGNED = re.compile(
    r"(?:(?<![^\s(\[:=])(?P<minus>[-\u2212]))?(?P<currency>[$\u00a2-\u00a5\u20a0-\u20cf]\s?)?"
    r"(?P<digits>(?<![\w.,])\.\d+|(?<![\d/])\d+/\d+(?![\d/]|[.,]\d)|\d+(?:[.,^\u2044]\d+)*)"
    r"(?:\s?(?P<behind>[$\u00a2-\u00a5\u20a0-\u20cf])(?!\d))?"
)
"""A number with what belongs to it: a minus that stands alone before it, a currency, what joins its digits.

Points, commas, a power's sign, the stroke of a fraction that is no date.
"""
_POWER = re.compile(r"(?<=\d)(?=[\u00b2\u00b3\u00b9\u2070\u2074-\u2079])")
"""Before digits that stand high behind others, which Unicode's forms would make one number of."""
_DIGIT = re.compile(r"\d")
_GROUPS = re.compile(r"(?<=\d)['\u2019\u00a0\u2009\u202f](?=\d{3}(?!\d))")
"""What stands between thousands where it can stand for nothing else: an apostrophe, a space that does not break."""
_EMOJI = 0x2600
"""From here on symbols are pictures, which stand for a word; before are signs such as those of trade marks."""
_WITHOUT_BLANKS = (
    (0x0E00, 0x0EFF),  # Thai, Lao
    (0x0F00, 0x0FFF),  # Tibetan
    (0x1000, 0x109F),  # Myanmar
    (0x1780, 0x17FF),  # Khmer
    (0x1950, 0x19DF),  # Tai Le, New Tai Lue
    (0x1A20, 0x1AAF),  # Tai Tham
    (0xA980, 0xA9DF),  # Javanese
    (0xAA60, 0xAA7F),  # Myanmar, more
)


class _Kept(dict[int, str]):
    """What becomes of each character, worked out when it is first met: `str.translate` then takes it at once."""

    def __missing__(self, point: int) -> str:
        text = self[point] = _kept(chr(point))
        return text


_KEPT = _Kept()


class _Shown(dict[int, str]):
    """Hidden signs as they were."""

    def __missing__(self, point: int) -> str:
        text = self[point] = chr(point - _HIDDEN) if point >= _HIDDEN else chr(point)
        return text


_SHOWN = _Shown()


def folded(text: str) -> str:
    """Lower-case words with single spaces: NFKC, casefold, punctuation and symbols as spaces.

    A number is one word, with its minus and all digits that points, commas, `^` or one stroke join; its currency is a
    word of its own before it, and so is an emoji. Letters of scripts that are written without spaces (Han, Kana, Thai,
    Lao, Khmer, Myanmar, Tibetan, Javanese) are words of their own. What can't be seen (soft hyphens, joiners) is left
    out.

    >>> folded("Don't  PAY €24,90!"), folded("2,500 at -5°")
    ('don t pay € 24.90', '2.500 at -5')
    """
    joined = text if text.isascii() and "'" not in text else _POWER.sub("^", _GROUPS.sub(",", text))
    normal = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", joined).casefold()).replace("i\u0307", "i")
    if not _DIGIT.search(normal):
        return " ".join(normal.translate(_KEPT).split())
    return " ".join(_SIGNED.sub(_hidden, normal).translate(_KEPT).split()).translate(_SHOWN)


_JOINTS = {ord(sign): _HIDDEN + ord(hidden) for sign, hidden in zip(",.^/\u2044", "..^//", strict=True)}


def _hidden(match: re.Match[str]) -> str:
    """A number with its signs where they are not taken for punctuation."""
    digits = match["digits"]
    whole = f"0{digits}" if digits.startswith(".") else digits
    currency = match["currency"] or match["behind"]
    before = f" {chr(_HIDDEN + ord(currency[0]))} " if currency else ""
    minus = chr(_HIDDEN + ord("-")) if match["minus"] else ""
    return f"{before}{minus}{whole.translate(_JOINTS)}"


def _kept(character: str) -> str:
    category = unicodedata.category(character)
    point = ord(character)
    if category == "Cf":
        return ""
    if category == "So" and point >= _EMOJI:
        return f" {character} "
    if category == "Co" and point >= _HIDDEN:
        return character
    if category[0] in "PSZC":
        return " "
    is_wide = category == "Lo" and unicodedata.east_asian_width(character) == "W"
    if is_wide or (category[0] in "LM" and any(low <= point <= high for low, high in _WITHOUT_BLANKS)):
        return f" {character} "
    return character


def contains(text: str, wording: str) -> bool:
    """True when the folded text has the folded wording as whole words; a wording without any word is in no text.

    >>> contains("Returns within 30 days.", "30 Days"), contains("130 days", "30 days")
    (True, False)
    """
    return holds(folded(text), wording)


def holds(folded_text: str, wording: str) -> bool:
    """What `contains` says, of a text that is folded already."""
    needle = folded(wording)
    return bool(needle) and f" {needle} " in f" {folded_text} "


def same(value: Json, answer: Answer) -> float:
    """1 when both are the same value, otherwise 0; lists are compared as sets, texts without outer spaces.

    `True` is not 1; 1 and 1.0 are the same number.
    """
    return float(canonical(value) == canonical(answer.value))


def canonical(value: Json) -> object:
    """A hashable that is equal for equal answers: lists as sets, `True` apart from 1."""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, bool):
        return ("boolean", value)
    if is_graded(value):
        return str(value["id"])
    if isinstance(value, Mapping):
        return ("object", frozenset((key, canonical(entry)) for key, entry in value.items()))
    if isinstance(value, Sequence):
        return ("set", frozenset(canonical(entry) for entry in value))
    return value


def set_f1(value: Json, answer: Answer) -> float:
    """2 |A and B| / (|A| + |B|) of two sets; two empty sets are alike."""
    given, wanted = _members(value), _members(answer.value)
    if not given and not wanted:
        return 1.0
    return 2 * len(given & wanted) / (len(given) + len(wanted))


def _members(value: Json) -> frozenset[object]:
    if isinstance(value, str) or not isinstance(value, Sequence):
        return frozenset()
    return frozenset(canonical(entry) for entry in value)


def within(tolerance: tuple[float, bool]) -> Callable[[Json, Answer], float]:
    """1 when a number lies within the tolerance of the reference; the flag says "as a share of it"."""
    size, is_relative = tolerance

    def compare(value: Json, answer: Answer) -> float:
        wanted = answer.value
        if isinstance(value, bool) or not isinstance(value, int | float):
            return 0.0
        if isinstance(wanted, bool) or not isinstance(wanted, int | float):
            return 0.0
        allowed = size * abs(wanted) if is_relative else size
        # Decimal input such as 0.3 against 0.2 within 0.1 must not fail on binary rounding.
        return float(abs(value - wanted) <= allowed + 1e-12 * max(1.0, abs(wanted)))

    return compare


def field_f1(value: Json, answer: Answer) -> float:
    """F1 of the leaves of two JSON objects: a leaf counts when its path and value agree.

    Positions in lists do not matter; repeats count.
    """
    given, wanted = (((path, canonical(leaf)) for path, leaf in leaves(whole)) for whole in (value, answer.value))
    return f1_of(given, wanted)


def leaves(value: Json, path: str = "") -> Iterator[tuple[str, Json]]:
    """Every leaf of a JSON value with its path; entries of a list have one path."""
    if isinstance(value, Mapping):
        for key, entry in value.items():
            yield from leaves(entry, f"{path}/{key}")
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for entry in value:
            yield from leaves(entry, f"{path}/*")
    else:
        yield path, value


def f1_of(given: Iterable[Hashable], wanted: Iterable[Hashable]) -> float:
    """F1 of two bags, in which repeats count; two empty ones are alike."""
    counts, wanted_counts = Counter(given), Counter(wanted)
    if not counts and not wanted_counts:
        return 1.0
    return 2 * (counts & wanted_counts).total() / (counts.total() + wanted_counts.total())


def ids(value: Json) -> list[str]:
    """The ids of a ranking, each once, best first; documents count by their `id`."""
    return list(dict.fromkeys(places(value)))


def places(value: Json) -> list[str]:
    """The ids of a ranking by place, best first: one that a recorded ranking repeats holds its place and wins nothing.

    >>> places(["a", "a", "b"])
    ['a', 'a', 'b']
    """
    if isinstance(value, str) or not isinstance(value, Sequence):
        return []
    return [str(entry["id"]) if isinstance(entry, Mapping) and "id" in entry else str(entry) for entry in value]


def ndcg_at(k: int) -> Callable[[Json, Answer], float]:
    """Gains of the first k ids, each over log2(rank + 1), over those of the best order (Järvelin & Kekäläinen 2002).

    A reference says gains as `{"id": "d7", "gain": 2}`; an id alone is worth 1, one that is not named nothing. A repeat
    wins nothing. Nothing of worth: 1 if nothing came back, otherwise 0.
    """

    def compare(value: Json, answer: Answer) -> float:
        gains, given = _gains(answer.value), places(value)[:k]
        best = _discounted(sorted(gains.values(), reverse=True)[:k])
        if not best:
            return float(not given)
        won = [gains.get(name, 0.0) if name not in given[:place] else 0.0 for place, name in enumerate(given)]
        return min(1.0, _discounted(won) / best)

    return compare


def _gains(value: Json) -> dict[str, float]:
    if isinstance(value, str) or not isinstance(value, Sequence):
        return {}
    entries = (entry if is_graded(entry) else {"id": entry, "gain": 1} for entry in value)
    return {str(entry["id"]): float(str(entry["gain"])) for entry in entries}


def _discounted(gains: Sequence[float]) -> float:
    return sum(gain / math.log2(rank + 1) for rank, gain in enumerate(gains, start=1))


def span_recall_at(k: int) -> Callable[[Json, Answer], float]:
    """The share of the characters that the relevant passages hold and the first k hold too; nothing relevant: 1.

    Passages are named by their span in the source (`handbook#120-480`), so a reference that was made with another cut
    counts for what it shares with this one. An id without a span is one character of a source of its own.
    """

    def compare(value: Json, answer: Answer) -> float:
        relevant = united(ids(answer.value))
        return shared(relevant, united(places(value)[:k])) / _length(relevant) if relevant else 1.0

    return compare


def span_precision_at(k: int) -> Callable[[Json, Answer], float]:
    """The share of the characters of the first k passages that relevant ones hold; spans as in `span_recall_at`.

    Nothing relevant: 1 if nothing came back, otherwise 0; nothing came back where something is relevant: 0.
    """

    def compare(value: Json, answer: Answer) -> float:
        relevant, given = united(ids(answer.value)), united(places(value)[:k])
        if not relevant or not given:
            return float(not relevant and not given)
        return shared(relevant, given) / _length(given)

    return compare


def united(names: Sequence[str]) -> list[Span]:
    """The spans that ids name, those that touch or overlap made one.

    >>> united(["a#5-9", "a#0-5", "b"])
    [Span(source='a', start=0, end=9), Span(source='b', start=0, end=1)]
    """
    spans: list[Span] = []
    for span in sorted(map(span_of, names)):
        if spans and spans[-1].source == span.source and span.start <= spans[-1].end:
            spans[-1] = spans[-1]._replace(end=max(spans[-1].end, span.end))
        else:
            spans.append(span)
    return spans


def shared(a: Sequence[Span], b: Sequence[Span]) -> int:
    """How many characters two sets of spans share, neither of which overlaps itself."""
    return sum(span.overlap(other) for span in a for other in b)


def _length(spans: Sequence[Span]) -> int:
    return sum(span.end - span.start for span in spans)


def recall_at(k: int) -> Callable[[Json, Answer], float]:
    """The share of the relevant ids that stand among the first k; 1 when none is relevant.

    The denominator is all relevant ids, also where there are more than k (trec_eval).
    """

    def compare(value: Json, answer: Answer) -> float:
        relevant = set(ids(answer.value))
        return len(relevant & set(places(value)[:k])) / len(relevant) if relevant else 1.0

    return compare


def precision_at(k: int) -> Callable[[Json, Answer], float]:
    """How many of the first k ids are relevant, over k, also where fewer came back (trec_eval).

    Where no id is relevant: 1 if nothing came back, otherwise 0.
    """

    def compare(value: Json, answer: Answer) -> float:
        relevant, given = set(ids(answer.value)), places(value)[:k]
        if not relevant:
            return float(not given)
        return len(relevant & set(given)) / k

    return compare


def reciprocal_rank(value: Json, answer: Answer) -> float:
    """1 / rank of the first relevant id, 0 without one; the mean over records is the MRR.

    Where no id is relevant: 1 if nothing came back, otherwise 0.
    """
    relevant, given = set(ids(answer.value)), places(value)
    if not relevant:
        return float(not given)
    return next((1 / rank for rank, entry in enumerate(given, start=1) if entry in relevant), 0.0)


_SIGNS = re.compile(
    r"(?<=[^\W_])[+#%]+(?![^\W_])|(?<=[^\W_] )[<>=\u2260\u2264\u2265]+(?= [^\W_])|[<>\u2260\u2264\u2265]+(?= ?\d)"
)
"""Signs behind a word that make another one of it, and those that compare two."""


def fact_recall(value: Json, answer: Answer) -> float:
    """The share of the reference's facts of which any wording occurs in the text as whole words.

    NaN when the reference names no facts: then there is nothing to measure by.
    """
    if not answer.facts:
        return math.nan
    text = folded(_text(value))
    stated = sum(any(holds(text, wording) for wording in fact.wordings) for fact in answer.facts)
    return stated / len(answer.facts)


def chrf(value: Json, answer: Answer) -> float:
    """chrF2 of the sentence, over 100 (Popovic 2015, as sacrebleu computes it); two empty texts are alike."""
    from sacrebleu.metrics.chrf import CHRF

    text, reference = _text(value).strip(), _text(answer.value).strip()
    if not text or not reference:
        return float(text == reference)
    return min(1.0, CHRF().sentence_score(text, [reference]).score / 100)


def token_f1(value: Json, answer: Answer) -> float:
    """F1 of the folded words, repeats counted (SQuAD, Rajpurkar et al. 2016, but articles are kept).

    A sign that belongs to a word (`C++`, `C#`, `5%`) or compares (`a < b`, `>5`) counts as a word. Two texts without
    a word are alike when they are the same.
    """
    text, reference = _text(value), _text(answer.value)
    words, wanted = _words(text), _words(reference)
    if not words or not wanted:
        return float(not words and not wanted and text.strip() == reference.strip())
    return 2 * (words & wanted).total() / (words.total() + wanted.total())


def _words(text: str) -> Counter[str]:
    return Counter([*folded(text).split(), *(sign for signs in _SIGNS.findall(text) for sign in signs)])


def _text(value: Json) -> str:
    return value if isinstance(value, str) else ""
