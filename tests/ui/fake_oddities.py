"""A screen of an invented run, and what is said of it in a JSONL file; laid together by the real analysis."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from odd_noticing import planted_screen
from stagegap.analysis.views import Scorecard
from stagegap.model.notes import OddityEvent
from stagegap.oddities.card import Screen
from stagegap.oddities.screen import Noticing, noticed


@dataclass
class FakeOddities:
    folder: Path
    shown: Scorecard | None
    kept: Screen | None
    stale: bool = False

    @property
    def _file(self) -> Path:
        return self.folder / "oddities.jsonl"

    def events(self) -> list[OddityEvent]:
        if not self._file.exists():
            return []
        return [OddityEvent(**json.loads(line)) for line in self._file.read_text().splitlines()]

    def screen(self, cascade: str, runs: Sequence[str]) -> Screen:
        self.kept = planted_screen()
        self.stale = False
        return self.kept

    def noticed(self, cascade: str, run: str | None) -> Noticing | None:
        return noticed(self.kept, self.events()) if self.kept else None

    def is_stale(self, screen: Screen) -> bool:
        return self.stale

    def say(self, screen, card, action, *, who, reason="", verified=False, bound=None) -> None:
        event = OddityEvent(
            id=f"o{len(self.events())}", card=card, annotator=who, action=action, reason=reason, at=1.7e9, bound=bound,
            verified=verified,
        )  # fmt: skip
        with self._file.open("a") as file:
            file.write(json.dumps(asdict(event)) + "\n")
