"""What stages made when they were trained, and what they logged meanwhile: files beside the store, by key."""

from __future__ import annotations

import fcntl
import json
import math
import os
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

# What stands in a line is JSON of any shape.
from typing import Any

from stagegap import redaction
from stagegap.model.curves import Curve, Training

FOLDER = "fits"
MADE = ".made"
"""What reads such a file may run whatever stands in it: it is read in the store that wrote it, and goes into no
backup."""
MOST_POINTS = 400
"""Points of a curve that are shown and kept with a run."""


@dataclass(frozen=True, slots=True)
class Fits:
    """The folder of one store; it travels to other processes of the same machine."""

    folder: Path

    def read(self, key: str) -> bytes | None:
        """What was made under this key; None where nothing was."""
        try:
            return self._path(key, MADE).read_bytes()
        except FileNotFoundError:
            return None

    def keep(self, key: str, body: bytes) -> None:
        """Keep what was made, whole or not at all."""
        new = self._path(key, ".new")
        with open(os.open(new, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "wb") as file:
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        new.replace(self._path(key, MADE))

    @contextmanager
    def alone(self, key: str) -> Generator[None]:
        """Keep other processes from making the same meanwhile: they wait, and find it made."""
        self.folder.mkdir(mode=0o700, exist_ok=True)
        with open(os.open(self._path(key, ".lock"), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600), "rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def begin(self, key: str, *, records: int, prior: float) -> None:
        """Begin a log; an earlier one of the same key is gone."""
        self.folder.mkdir(mode=0o700, exist_ok=True)
        self._write(key, {"records": records, "prior": None if math.isnan(prior) else prior}, mode="w")

    def log(self, key: str, step: float, values: Mapping[str, float]) -> None:
        """Add a step. A reader sees it at once."""
        known = {name: value if math.isfinite(value) else None for name, value in values.items()}
        self._write(key, {"step": step, "values": known})

    def end(self, key: str, *, seconds: float, error: str) -> None:
        """Note that the training is over, and why it failed."""
        self._write(key, {"seconds": seconds, "error": redaction.words(error)})

    def training(self, stage: str, key: str) -> Training:
        """What is logged under a key by now."""
        lines = list(self._lines(key))
        nothing: dict[str, Any] = {}
        head = next((line for line in lines if "records" in line), nothing)
        tail = next((line for line in lines if "seconds" in line), nothing)
        points: dict[str, list[tuple[float, float]]] = {}
        for line in lines:
            for name, value in line.get("values", {}).items():
                points.setdefault(name, []).append((line["step"], math.nan if value is None else value))
        curves = (thinned(of_name) for of_name in points.values())
        return Training(
            stage=stage,
            key=key,
            records=head.get("records", 0),
            prior=math.nan if head.get("prior") is None else head["prior"],
            curves=tuple(
                Curve(name=name, steps=tuple(step for step, _ in curve), values=tuple(value for _, value in curve))
                for name, curve in zip(points, curves, strict=True)
            ),
            seconds=tail.get("seconds"),
            error=tail.get("error", ""),
        )

    def _path(self, key: str, suffix: str) -> Path:
        return self.folder / f"{key}{suffix}"

    def _write(self, key: str, line: Mapping[str, object], *, mode: str = "a") -> None:
        with open(self._path(key, ".log"), mode, encoding="utf-8") as file:
            file.write(json.dumps(line, allow_nan=False) + "\n")

    def _lines(self, key: str) -> Iterator[dict[str, Any]]:
        """The whole lines of a log; the last one may be under way."""
        try:
            text = self._path(key, ".log").read_text(encoding="utf-8")
        except FileNotFoundError:
            return
        for line in text.splitlines(keepends=True):
            if line.endswith("\n"):
                yield json.loads(line)


def thinned(points: Sequence[tuple[float, float]], most: int = MOST_POINTS) -> Sequence[tuple[float, float]]:
    """As many points at most, the first and the last among them; a value that is no number is never left out for one.

    >>> thinned([(0, 9.0), (1, 5.0), (2, 4.0), (3, 3.0), (4, 2.0)], 3)
    [(0, 9.0), (2, 4.0), (4, 2.0)]
    """
    if len(points) <= most:
        return points
    chosen = [points[0]]
    for place in range(1, most):
        begin = 1 + (len(points) - 1) * (place - 1) // (most - 1)
        part = points[begin : 1 + (len(points) - 1) * place // (most - 1)]
        chosen.append(next((point for point in part if math.isnan(point[1])), part[-1]))
    return chosen
