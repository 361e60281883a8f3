"""The page of faults names tests that are there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_every_test_that_the_page_of_faults_names_is_there() -> None:
    named = set(re.findall(r"`(tests/[\w/]+\.py)`", (ROOT / "docs" / "faults.md").read_text(encoding="utf-8")))
    assert len(named) > 20
    assert {path for path in named if not (ROOT / path).is_file()} == set()
