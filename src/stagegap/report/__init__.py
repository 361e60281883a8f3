"""Views as files to send around: one HTML file without script or network, or Markdown. Same view, same bytes."""

from stagegap.report.bundle import bundle
from stagegap.report.comparison import (
    changed_records,
    comparison_html,
    comparison_markdown,
    shown_changes,
    textless_changes,
    variants_html,
    without_changes,
)
from stagegap.report.oddities import nameless, odd_examples, odd_markdown, without_words
from stagegap.report.page import rows_csv
from stagegap.report.scorecard import (
    SHOWN,
    agreement_html,
    agreement_rows,
    explained,
    html,
    markdown,
    numbers_csv,
    numbers_json,
    shown_records,
    whole_json,
    without,
)

__all__ = [
    "SHOWN",
    "agreement_html",
    "agreement_rows",
    "bundle",
    "changed_records",
    "comparison_html",
    "comparison_markdown",
    "explained",
    "html",
    "markdown",
    "nameless",
    "numbers_csv",
    "numbers_json",
    "odd_examples",
    "odd_markdown",
    "rows_csv",
    "shown_changes",
    "shown_records",
    "textless_changes",
    "variants_html",
    "whole_json",
    "without",
    "without_changes",
    "without_words",
]
