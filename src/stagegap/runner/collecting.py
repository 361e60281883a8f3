"""The collector of cyclic garbage, while millions of small objects come and go."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Generator

YOUNG = 100_000
"""Objects after which the collector looks at the new ones; Python's own 700 make it a sixth of the time of a run."""


@contextlib.contextmanager
def rare_collections() -> Generator[None]:
    """Let the collector look at new objects rarely: those of a run hold no cycles, and leave without it."""
    before = gc.get_threshold()
    gc.set_threshold(max(before[0], YOUNG) if before[0] else 0, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
