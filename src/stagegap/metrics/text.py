"""Metrics of free text."""

from __future__ import annotations

import math
from collections import Counter

from stagegap.metrics.folding import folded, holds
from stagegap.model.answer import Answer
from stagegap.model.values import Json


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
    """F1 of the folded words, repeats counted (SQuAD, Rajpurkar et al. 2016, but articles are kept)."""
    words, wanted = Counter(folded(_text(value)).split()), Counter(folded(_text(answer.value)).split())
    if not words or not wanted:
        return float(words == wanted)
    return 2 * (words & wanted).total() / (words.total() + wanted.total())


def _text(value: Json) -> str:
    return value if isinstance(value, str) else ""
