"""What a report of a human baseline should say."""

from __future__ import annotations

from stagegap.model.cascade import Cascade

BASELINE_FIELDS = (
    "population",
    "recruitment",
    "instructions",
    "sample",
    "scoring",
    "effort",
    "power",
    "quality_control",
    "uncertainty",
    "exclusions",
)
"""After Wei et al., recommendations for human baselines (ICML 2025): who the people are, how they were found, what
they were told, which records they had, how they were scored, how much effort they could spend, why that many are
enough, how their work was checked, how sure the numbers are, and who was kept out (authors, people who had seen the
outputs)."""


def missing_baseline_fields(cascade: Cascade) -> tuple[str, ...]:
    """The reporting fields that the cascade file leaves out or leaves empty."""
    return tuple(name for name in BASELINE_FIELDS if cascade.human_baseline.get(name) in (None, ""))
