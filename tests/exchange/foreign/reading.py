"""Files of other programs, made by hand in their formats, and what they give."""

from __future__ import annotations

import json
from pathlib import Path

from exchange.material import KNOWN
from stagegap.exchange.foreign import Taken, Wanted, read_foreign


def written(folder: Path, value: object, name: str = "export.json") -> Path:
    path = folder / name
    path.write_text(json.dumps(value))
    return path


def take(folder: Path, source: str, value: object, record_id: str | None = None, **stages: str) -> Taken:
    wanted = Wanted(stages=stages, record_id=record_id)
    return read_foreign(written(folder, value), source, KNOWN, wanted)


def reasons(taken: Taken) -> dict[str, tuple[int, tuple[str, ...]]]:
    return {one.reason: (one.count, one.examples) for one in taken.unmapped}
