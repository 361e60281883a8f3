"""A run as one file: HTML without script or network, Markdown for a comment."""

from __future__ import annotations

from stagegap.analysis.views import Scorecard


def html(scorecard: Scorecard, *, records: bool) -> str:
    return ""


def markdown(scorecard: Scorecard) -> str:
    return ""
