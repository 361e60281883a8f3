"""Metrics of texts: characters and words of transcripts, fields however written, claims matched one to one."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import TypeVar

import numpy as np

from stagegap.metrics.formulas import canonical, f1_of, folded, leaves
from stagegap.model.answer import Answer
from stagegap.model.record import Json
from stagegap.stats.distributions import best_pairs


def char_accuracy(value: Json, answer: Answer) -> float:
    """1 - CER, at least 0: edits of characters over the characters of the reference (Levenshtein 1966).

    Texts in Unicode form NFC, runs of white space as one space. An empty reference: 1 for an empty text, otherwise 0.
    """
    return _accuracy(_line(value), _line(answer.value))


def word_accuracy(value: Json, answer: Answer) -> float:
    """1 - WER, at least 0: edits of words over the words of the reference; words as they are written."""
    return _accuracy(_line(value).split(), _line(answer.value).split())


def folded_word_accuracy(value: Json, answer: Answer) -> float:
    """1 - WER, at least 0, of words without case and punctuation, as speech is mostly scored."""
    return _accuracy(folded(_line(value)).split(), folded(_line(answer.value)).split())


def _line(value: Json) -> str:
    return " ".join(unicodedata.normalize("NFC", value).split()) if isinstance(value, str) else ""


def _accuracy(given: Sequence[str], wanted: Sequence[str]) -> float:
    from rapidfuzz.distance import Levenshtein

    if not wanted:
        return float(not given)
    return max(0.0, 1 - Levenshtein.distance(given, wanted) / len(wanted))


def loose_field_f1(value: Json, answer: Answer) -> float:
    """F1 of the leaves of two objects as `field_f1`, however dates, money, case and punctuation are written.

    Fields that are null or empty count as not there. Two objects without a field are alike.
    """
    return f1_of(_filled(value), _filled(answer.value))


def _filled(value: Json) -> Iterator[tuple[str, object]]:
    """The leaves that say something, in their normal form."""
    for path, leaf in leaves(value):
        if leaf is not None and (not isinstance(leaf, str) or leaf.strip()):
            yield path, normal(leaf)


_CURRENCY = r"(?:[$\u00a2-\u00a5\u20a0-\u20cf]|\b(?:RM|MYR|USD|EUR|GBP|CHF|SGD|AUD|CAD|JPY|CNY|INR|NZD|Rs)\b\.?)"
_MONEY = re.compile(
    rf"(?P<sign>[-\u2212]?)\s*(?:{_CURRENCY}\s*)?(?P<minus>[-\u2212]?)(?P<digits>\d[\d., '\u2019\u00a0\u202f]*\d|\d)"
    rf"\s*{_CURRENCY}?",
    re.IGNORECASE,
)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_YEAR_FIRST = re.compile(r"(?P<year>\d{4})[-/. ]+(?P<month>\d{1,2})[-/. ]+(?P<day>\d{1,2})")
_NUMBERS = re.compile(r"(?P<first>\d{1,2})[-/. ]+(?P<second>\d{1,2})[-/. ]+(?P<year>\d{4}|\d{2})")
_DAY_WORD = re.compile(r"(?P<day>\d{1,2})(?:st|nd|rd|th)?[-/., ]*(?P<word>[a-z]{3,9})\.?[-/., ]*(?P<year>\d{4}|\d{2})")
_WORD_DAY = re.compile(r"(?P<word>[a-z]{3,9})\.?[-/ ]*(?P<day>\d{1,2})(?:st|nd|rd|th)?[-/., ]+(?P<year>\d{4}|\d{2})")


def normal(value: Json) -> object:
    """What is equal for values that say the same: a date, a number with or without its currency, folded words.

    A date of numbers is day first where that can be, otherwise month first; two digits of a year below 69 are of this
    century (POSIX). A single comma before three digits parts thousands, a single point parts a fraction. What begins
    with a zero that is no number (`0041`) is text.

    >>> normal("RM 1,234.50") == normal("1234.5"), normal("25/12/18") == normal("2018-12-25")
    (True, True)
    """
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return canonical(value)
    text = str(value).strip()
    day = _date(text.casefold())
    if day is not None:
        return ("date", day)
    number = _number(text)
    return ("number", number) if number is not None else ("text", folded(text))


def _date(text: str) -> date | None:
    if match := _YEAR_FIRST.fullmatch(text):
        return _day(match["year"], int(match["month"]), match["day"])
    if match := _NUMBERS.fullmatch(text):
        first, second = int(match["first"]), int(match["second"])
        return _day(match["year"], second, first) or _day(match["year"], first, second)
    if match := _DAY_WORD.fullmatch(text) or _WORD_DAY.fullmatch(text):
        word = match["word"][:3]
        return _day(match["year"], _MONTHS.index(word) + 1, match["day"]) if word in _MONTHS else None
    return None


def _day(year: str, month: int, day: str | int) -> date | None:
    number = int(year)
    if len(year) == 2:
        number += 2000 if number < 69 else 1900
    try:
        return date(number, month, int(day))
    except ValueError:
        return None


def _number(text: str) -> Decimal | None:
    match = _MONEY.fullmatch(text)
    if match is None:
        return None
    digits = re.sub(r"[ '\u2019\u00a0\u202f]", "", match["digits"])
    last = max(digits.rfind("."), digits.rfind(","))
    parts = re.split(r"[.,]", digits)
    signs = set(digits) & {".", ","}
    is_grouped = len(signs) == 1 and (len(parts) > 2 or (signs == {","} and len(parts[-1]) == 3))
    if last < 0 or is_grouped:
        whole, fraction = "".join(parts), ""
    else:
        whole, fraction = re.sub(r"[.,]", "", digits[:last]), digits[last + 1 :]
    if len(whole) > 1 and whole.startswith("0"):
        return None
    number = Decimal(f"{whole}.{fraction or 0}").normalize()
    return -number if match["sign"] or match["minus"] else number


Given = TypeVar("Given")
Wanted = TypeVar("Wanted")


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchedClaims:
    """How many claims of an answer meet one of the reference."""

    pairs: tuple[tuple[int, int], ...]
    """Positions (in the answer, in the reference) that say the same."""
    given: int
    wanted: int

    @property
    def precision(self) -> float:
        """Share of the answer's claims that are matched; 1 where it makes none."""
        return len(self.pairs) / self.given if self.given else 1.0

    @property
    def recall(self) -> float:
        """Share of the reference's claims that are matched; 1 where it has none."""
        return len(self.pairs) / self.wanted if self.wanted else 1.0

    @property
    def f1(self) -> float:
        """2 x pairs / (claims of both); two empty lists are alike."""
        both = self.given + self.wanted
        return 2 * len(self.pairs) / both if both else 1.0


def matched_claims(
    given: Sequence[Given], wanted: Sequence[Wanted], same: Callable[[Given, Wanted], float], *, bar: float = 0.5
) -> MatchedClaims:
    """Pair claims so that as many as possible say the same, each once, and the surest pairs of those.

    `same` says from 0 to 1 how sure it is that two claims say the same: equality, overlap, an entailment model or an
    LLM judge; it is asked once for each two. Pairs below `bar` do not count. Raises: ValueError for another number.

    >>> found = matched_claims(["30 days", "free"], ["Free", "30 days", "unused"], lambda a, b: a.lower() == b.lower())
    >>> found.precision, round(found.recall, 2), found.f1
    (1.0, 0.67, 0.8)
    """
    sure = np.array([[float(same(claim, other)) for other in wanted] for claim in given]).reshape(
        len(given), len(wanted)
    )
    if not ((sure >= 0) & (sure <= 1)).all():
        raise ValueError("whether two claims say the same is a number from 0 to 1")
    # Every pair that counts is worth more than all sureness together: first as many as possible, then the surest.
    worth = np.where(sure >= bar, 1 + sure / (1 + max(sure.shape)), 0.0)
    chosen = best_pairs(worth) if sure.size else []
    pairs = tuple((i, j) for i, j in chosen if worth[i, j] > 0)
    return MatchedClaims(pairs=pairs, given=len(given), wanted=len(wanted))
