"""The one place where an answer meets its reference: the system's and a person's go through the same code."""

from __future__ import annotations

import math

from stagegap.metrics.catalogue import Metric
from stagegap.model.answer import Answer, Label, Output, Reference, Status


def score(output: Output, reference: Reference, metric: Metric) -> float:
    """The score in [0, 1], or NaN where there is nothing to score.

    - infrastructure, here or at the stage that blocks this one: NaN (its own count, in no rate);
    - no answer on purpose (skipped, a null value, blocked by a skipped stage): 1 where "no answer" is accepted,
      otherwise 0;
    - an answer where only "no answer" is accepted: 0;
    - unparsable, refused, blocked by such a failure: 0, also where "no answer" is accepted, for nobody chose it;
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
    return Output(record=record, stage=stage, status=status, value=answer.value)
