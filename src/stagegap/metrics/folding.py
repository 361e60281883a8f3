"""Fold text so that what people see as the same wording is the same string."""

from __future__ import annotations

import unicodedata


class _Kept(dict[int, str]):
    """What becomes of each character, worked out when it is first met: `str.translate` then takes it at once."""

    def __missing__(self, point: int) -> str:
        folded = self[point] = _kept(chr(point))
        return folded


_KEPT = _Kept()


def folded(text: str) -> str:
    """Lower-case words with single spaces: NFKC, casefold, punctuation and symbols as spaces.

    Letters of scripts written without spaces (Han, Kana) are words of their own.

    >>> folded("Don't  PAY €24,90!")
    'don t pay 24 90'
    """
    normal = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return " ".join(normal.translate(_KEPT).split())


def _kept(character: str) -> str:
    category = unicodedata.category(character)
    if category[0] in "PSZC":
        return " "
    if category == "Lo" and unicodedata.east_asian_width(character) == "W":
        return f" {character} "
    return character


def contains(text: str, wording: str) -> bool:
    """True when the folded text has the folded wording as whole words; a wording without any word is in no text.

    >>> contains("Returns within 30 days.", "30 Days"), contains("130 days", "30 days")
    (True, False)
    """
    return holds(folded(text), wording)


def holds(folded_text: str, wording: str) -> bool:
    """Say what `contains` says, of a text that is folded already."""
    needle = folded(wording)
    return bool(needle) and f" {needle} " in f" {folded_text} "
