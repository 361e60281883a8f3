"""(output, reference) -> score in [0, 1], higher is better."""

from __future__ import annotations

from stagegap.metrics.catalogue import (
    Compared,
    CustomMetric,
    Metric,
    alike,
    answer_as_output,
    label_as_output,
    metric,
    names_for,
    score,
)

__all__ = [
    "Compared",
    "CustomMetric",
    "Metric",
    "alike",
    "answer_as_output",
    "label_as_output",
    "metric",
    "names_for",
    "score",
]
