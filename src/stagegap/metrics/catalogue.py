"""The metrics by name, and the one place where an answer meets its reference."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import partial
from traceback import walk_tb
from typing import SupportsFloat

from stagegap.errors import ConfigurationError, near_names
from stagegap.metrics import formulas, places, texts
from stagegap.model.answer import Answer, Label, Output, Reference, Status
from stagegap.model.cascade import RATING, Kind
from stagegap.model.record import Json

MOST_SHOWN = 80
"""Characters of a value that a sentence about a metric shows."""
CustomMetric = Callable[[Json, Json], object]
"""Called with the output's value and one accepted value; gives a score in [0, 1]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """A way to compare a value with one accepted answer."""

    name: str
    compare: Callable[[Json, Answer], float]
    """Score in [0, 1]; NaN when this answer can't be compared (a reference text without facts)."""
    bar: float
    """An output is acceptable, for counting faults, when its score is at least this."""
    why_bar: str


class Compared:
    """What was compared already: a value and an accepted answer are compared once by each metric.

    Held in memory up to a number of pairs; beyond it everything is forgotten and begins anew.
    """

    def __init__(self, most: int = 500_000) -> None:
        self._most = most
        self._scores: dict[tuple[str, CustomMetric | None], dict[Hashable, float]] = {}

    def metric(self, name: str, *, custom: CustomMetric | None = None) -> Metric:
        """The metric of that name, which asks here first. Raises: as `metric`."""
        plain = metric(name, custom=custom)
        return replace(plain, compare=self._once(plain.compare, (name, custom)))

    def _once(
        self, compare: Callable[[Json, Answer], float], by: tuple[str, CustomMetric | None]
    ) -> Callable[[Json, Answer], float]:
        def remembered(value: Json, answer: Answer) -> float:
            scores = self._scores.setdefault(by, {})
            pair = (_key(value), alike(answer))
            score = scores.get(pair)
            if score is None:
                if len(scores) >= self._most:
                    scores.clear()
                score = scores[pair] = compare(value, answer)
            return score

        return remembered


def alike(answer: Answer) -> Hashable:
    """What tells an answer from all that a metric, or a vote of people, could tell from it."""
    return _key(answer.value), tuple(fact.wordings for fact in answer.facts)


def _key(value: Json) -> Hashable:
    """What tells a JSON value from all others; the text of one that is no text can't be taken for a text."""
    return value if isinstance(value, str) else (repr(value),)


_NAMES: dict[Kind, tuple[str, ...]] = {
    Kind.LABEL: ("accuracy",),
    Kind.BOOLEAN: ("accuracy",),
    Kind.LABELS: ("set_f1", "exact"),
    Kind.RANKING: ("recall@k", "precision@k", "ndcg@k", "span_recall@k", "span_precision@k", "mrr", "set_f1", "exact"),
    Kind.TEXT: ("fact_recall", "chrf", "token_f1", "exact"),
    Kind.NUMBER: ("within@TOL", "exact"),
    Kind.OBJECT: ("field_f1", "loose_field_f1", "exact"),
    Kind.LIST: ("set_f1", "exact"),
    Kind.BOXES: ("box_f1@IOU", "mean_box_f1", "box_text_f1@IOU", "text_f1"),
    Kind.SPANS: ("span_f1", "overlap_f1"),
    Kind.SEGMENTS: ("overlap_f1", "segment_f1@IOU", "text_f1"),
    Kind.TRANSCRIPT: ("char_accuracy", "word_accuracy", "folded_word_accuracy", "exact"),
}

_WHOLE = "nothing of what was asked may be missing or wrong"
_HALF = "half of the full score, a convention: full marks are out of reach for this metric"
_MIDDLE = "the middle of the scale, a convention"
_ONE_ENTRY = "one relevant entry: how many there can be differs from record to record"


def names_for(kind: Kind) -> tuple[str, ...]:
    """The names of the metrics for a type of output, the default first; `k`, `TOL` and `IOU` stand for numbers.

    `python:FILE:FUNCTION` is possible for every type.
    """
    return _NAMES[kind]


def metric(name: str, *, custom: CustomMetric | None = None) -> Metric:
    """The metric of that name; `custom` is the function behind a `python:...` name, or behind one that a package adds.

    Raises: ValueError for an unknown name, a bad number after `@`, or a `python:` name without its function.

    >>> metric("recall@3").bar
    1.0
    """
    if name.startswith("python:") and custom is None:
        raise ValueError(f"the metric {name!r} needs its function handed in")
    if custom is not None:
        return Metric(name=name, compare=_checked(name, custom), bar=0.5, why_bar=_HALF)
    if name.startswith(RATING):
        return Metric(name=name, compare=_uncompared, bar=0.5, why_bar=_MIDDLE)
    base, at, number = name.partition("@")
    rule = _RULES.get(base + at)
    if rule is None:
        known = {n for names in _NAMES.values() for n in names}
        raise ValueError(f"there is no metric {name!r}. {near_names(name, known)}")
    return rule(name, number)


def _uncompared(*_: object) -> float:
    """People rate an answer as it is: no reference scores it."""
    return math.nan


def _depth(name: str, number: str) -> int:
    """The k of a metric of rankings."""
    if not number.isdecimal() or int(number) < 1:
        raise ValueError(f"{name!r} needs a whole number from 1 after the @, as in {name.partition('@')[0]}@3")
    return int(number)


def _share(name: str, number: str) -> float:
    """The threshold of a metric that matches places."""
    try:
        share = float(number)
    except ValueError:
        share = math.nan
    if not 0 < share <= 1:
        raise ValueError(f"{name!r} needs a share above 0 and at most 1 after the @, as in box_f1@0.5")
    return share


def _tolerance(name: str, number: str) -> tuple[float, bool]:
    relative = number.endswith("%")
    try:
        size = float(number.removesuffix("%"))
    except ValueError:
        size = math.nan
    if not (math.isfinite(size) and size >= 0):
        raise ValueError(f"{name!r} needs a tolerance after the @, as in within@0.5 or within@5%")
    return (size / 100 if relative else size), relative


_Compare = Callable[[Json, Answer], float]
_Rule = Callable[[str, str], Metric]
"""Makes a metric from its name and what stands behind the @."""


def _whole(compare: _Compare) -> _Rule:
    return lambda name, _: Metric(name=name, compare=compare, bar=1.0, why_bar=_WHOLE)


def _graded(compare: _Compare) -> _Rule:
    return lambda name, _: Metric(name=name, compare=compare, bar=0.5, why_bar=_HALF)


def _at_k(compare: Callable[[int], _Compare], rule: Callable[[_Compare], _Rule]) -> _Rule:
    return lambda name, number: rule(compare(_depth(name, number)))(name, number)


def _one_of_k(compare: Callable[[int], _Compare]) -> _Rule:
    def rule(name: str, number: str) -> Metric:
        k = _depth(name, number)
        return Metric(name=name, compare=compare(k), bar=1 / k, why_bar=_ONE_ENTRY)

    return rule


def _matched(compare: Callable[[float], _Compare]) -> _Rule:
    return lambda name, number: _graded(compare(_share(name, number)))(name, number)


def _within(name: str, number: str) -> Metric:
    return _whole(formulas.within(_tolerance(name, number)))(name, number)


_RULES: dict[str, _Rule] = {
    "accuracy": _whole(formulas.same),
    "exact": _whole(formulas.same),
    "set_f1": _whole(formulas.set_f1),
    "field_f1": _whole(formulas.field_f1),
    "loose_field_f1": _whole(texts.loose_field_f1),
    "fact_recall": _whole(formulas.fact_recall),
    "mrr": _graded(formulas.reciprocal_rank),
    "chrf": _graded(formulas.chrf),
    "token_f1": _graded(formulas.token_f1),
    "mean_box_f1": _graded(places.mean_matched_f1),
    "text_f1": _graded(places.text_f1),
    "span_f1": _graded(places.same_f1),
    "overlap_f1": _graded(places.overlap_f1),
    "char_accuracy": _graded(texts.char_accuracy),
    "word_accuracy": _graded(texts.word_accuracy),
    "folded_word_accuracy": _graded(texts.folded_word_accuracy),
    "recall@": _at_k(formulas.recall_at, _whole),
    "span_recall@": _at_k(formulas.span_recall_at, _whole),
    "ndcg@": _at_k(formulas.ndcg_at, _graded),
    "span_precision@": _at_k(formulas.span_precision_at, _graded),
    "precision@": _one_of_k(formulas.precision_at),
    "box_f1@": _matched(places.matched_f1),
    "box_text_f1@": _matched(partial(places.matched_f1, with_text=True)),
    "segment_f1@": _matched(places.matched_f1),
    "within@": _within,
}
"""Each metric: its formula, and from which score on an output is acceptable; a name that ends with @ takes a number."""


def _checked(name: str, custom: CustomMetric) -> Callable[[Json, Answer], float]:
    def compare(value: Json, answer: Answer) -> float:
        try:
            # What it does to the values must not reach other metrics, nor what is stored.
            score = custom(deepcopy(value), deepcopy(answer.value))
            number = float(score) if isinstance(score, SupportsFloat) else math.nan
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # a foreign function may raise anything
            frames = [(frame.f_code.co_filename, line) for frame, line in walk_tb(error.__traceback__)][1:]
            line = next((f" in line {line}" for file, line in reversed(frames) if file == frames[0][0]), "")
            raise ConfigurationError(
                f"The metric {name!r} raised {type(error).__name__}: {error}{line}, for {_short(value)} against "
                f"{_short(answer.value)}. {_MEND}"
            ) from error
        if 0 <= number <= 1:
            return number
        raise ConfigurationError(
            f"The metric {name!r} must give a number from 0 to 1, got {_short(score)} for {_short(value)} against "
            f"{_short(answer.value)}. {_MEND}"
        )

    return compare


_MEND = "What was answered is kept: mend the metric, then `stagegap show` scores it."


def _short(value: object) -> str:
    written = repr(value)
    return written if len(written) <= MOST_SHOWN else f"{written[:MOST_SHOWN]}…"


def score(output: Output, reference: Reference, metric: Metric) -> float:
    """The score in [0, 1], or NaN where there is nothing to score.

    - infrastructure, here or at the stage that blocks this one: NaN (its own count, in no rate);
    - no answer on purpose (skipped, a null value, blocked by a skipped stage): 1 where "no answer" is accepted,
      otherwise 0;
    - an answer where only "no answer" is accepted: 0;
    - unparsable, refused, an error, blocked by such a failure: 0, also where "no answer" is accepted, for nobody chose
      it;
    - an answer against several accepted ones: the best score. NaN when none of them can be compared.
    """
    if not reference.accepted or Status.INFRASTRUCTURE in (output.status, output.because):
        return math.nan
    if _is_silent(output):
        return float(any(answer.value is None for answer in reference.accepted))
    if not output.status.has_value:
        return 0.0
    spoken = [answer for answer in reference.accepted if answer.value is not None]
    if not spoken:
        return 0.0
    scores = [metric.compare(output.value, answer) for answer in spoken]
    return max((s for s in scores if not math.isnan(s)), default=math.nan)


def _is_silent(output: Output) -> bool:
    if output.status is Status.SKIPPED or (output.status.has_value and output.value is None):
        return True
    return output.status is Status.BLOCKED and output.because is Status.SKIPPED


def label_as_output(label: Label) -> Output:
    """A person's label in the form of a system's output. Raises: ValueError for a skip or an undo."""
    if label.answer is None:
        raise ValueError(f"the {label.action} {label.id!r} holds no answer to score")
    return answer_as_output(label.answer, record=label.record, stage=label.stage)


def answer_as_output(answer: Answer, *, record: str, stage: str) -> Output:
    """An answer in the form of a system's output; "no answer" becomes `skipped`."""
    status = Status.SKIPPED if answer.value is None else Status.OK
    return Output(record=record, stage=stage, status=status, value=answer.given)
