"""The method page names every detector, with the rule that the program prints."""

from __future__ import annotations

from pathlib import Path

from stagegap.oddities.screen import DETECTORS
from stagegap.oddities.tables import DETECTOR

PAGE = (Path(__file__).parents[2] / "docs" / "method-oddities.md").read_text(encoding="utf-8")


def test_every_detector_stands_in_the_method_page() -> None:
    for detector in (*DETECTORS, DETECTOR):
        assert f"| `{detector.name}` | {detector.title} |" in PAGE
        assert f"| {detector.rule} |" in PAGE
