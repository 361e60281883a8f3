"""A workspace in memory and one JSONL file: twenty records a stage, invented numbers, real saving."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from stagegap.analysis.views import Scorecard
from stagegap.model.run import Run, RunStatus


@dataclass(frozen=True)
class Lines:
    lines: tuple[str, ...]


@dataclass
class FakeWorkspace:
    folder: Path
    shown: Scorecard | None
    stale: int = 0
    active: Lines | None = None
    names: list[str] = field(default_factory=lambda: ["support_email"])
    refreshed: list[tuple[str, str]] = field(default_factory=list)

    def cascades(self) -> list[str]:
        return self.names

    def runs(self, cascade: str) -> list[Run]:
        if self.shown is None:
            return []
        return [
            Run(
                id=name,
                name=name,
                cascade=cascade,
                fingerprint="f",
                resolved="{}",
                status=RunStatus.DONE,
                started_at=1763460000.0,
            )
            for name in (self.shown.run, "v13")
        ]

    def scorecard(self, cascade: str, run: str | None) -> Scorecard | None:
        return self.shown

    def stale_labels(self, scorecard: Scorecard) -> int:
        return self.stale

    def refresh(self, cascade: str, run: str) -> None:
        self.refreshed.append((cascade, run))

    def progress(self, cascade: str) -> Lines | None:
        return self.active
