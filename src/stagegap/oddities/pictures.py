"""Pictures, recordings and documents that can't be what somebody meant to put in: all found by rule, none by a test."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from stagegap.oddities.card import Detector, Family, Finding, occurrence
from stagegap.oddities.columns import Floats, RunColumns

FEWEST = 20
"""Files from which on most of them say how one is held."""
MOSTLY = 0.95
"""Share of files that are held one way, from which on the other way is odd."""
SQUARE = 1.1
"""A longer side below this many shorter ones says nothing of how a picture is held."""
SMALL_SIDE = 32
"""Pixels of the shorter side that no text survives."""
SMALL_SHARE = 1 / 8
"""Of the median's shorter side."""


def _same(run: RunColumns) -> Iterator[Finding | None]:
    for file in run.files:
        _, code, counts = np.unique(file.digest, return_inverse=True, return_counts=True)
        again = np.where(file.digest == 0, np.nan, (counts[code] > 1).astype(np.float64))
        words = (
            f"{file.name} is the same file in more than one {run.cascade.noun}: {{found}} share theirs with another."
        )
        yield occurrence(run, "", again, words, subject=file.name)


def _turned(run: RunColumns) -> Iterator[Finding | None]:
    for file in run.files:
        longer, shorter = np.fmax(file.width, file.height), np.fmin(file.width, file.height)
        is_upright = np.where(longer >= SQUARE * shorter, (file.height > file.width).astype(np.float64), np.nan)
        if (~np.isnan(is_upright)).sum() < FEWEST:
            continue
        share = float(np.nanmean(is_upright))
        if max(share, 1 - share) >= MOSTLY:
            usual, other = ("upright", "wide") if share > 0.5 else ("wide", "upright")
            hits = np.where(np.isnan(is_upright), np.nan, (is_upright != (share > 0.5)).astype(np.float64))
            yield occurrence(
                run, "", hits, f"{file.name} is {other} on {{found}}; elsewhere it is {usual}.", subject=file.name
            )


def _tiny(run: RunColumns) -> Iterator[Finding | None]:
    for file in run.files:
        shorter = np.fmin(file.width, file.height)
        if np.isnan(shorter).all():
            continue
        least = max(float(SMALL_SIDE), SMALL_SHARE * float(np.nanmedian(shorter)))
        hits = np.where(np.isnan(shorter), np.nan, (shorter < least).astype(np.float64))
        words = f"{file.name} is less than {least:,.0f} pixels wide or high on {{found}}."
        yield occurrence(run, "", hits, words, order=-shorter, subject=file.name)


def _each(run: RunColumns, hits_of: str, words: str) -> Iterator[Finding | None]:
    for file in run.files:
        hits: Floats = getattr(file, hits_of)
        yield occurrence(run, "", hits, f"{file.name} {words}", subject=file.name)


def _blank(run: RunColumns) -> Iterator[Finding | None]:
    yield from _each(run, "blank", "has nothing in it on {found}: one colour, or silence.")


def _cut(run: RunColumns) -> Iterator[Finding | None]:
    yield from _each(run, "cut", "breaks off on {found}: its end is not there.")


DETECTORS = (
    Detector(
        name="same-file", family=Family.FILES, title="The same file twice",
        rule="any two records hold the same content",
        why="One of them is most likely not what belongs there, and both count as if they were independent.",
        look=_same,
    ),
    Detector(
        name="turned", family=Family.FILES, title="Held the other way",
        rule="at least 95% of 20 or more pictures or first pages are upright, or wide, and some are not",
        why="A picture on its side reads worse for models and people alike.", look=_turned,
    ),
    Detector(
        name="tiny", family=Family.FILES, title="Too small to read",
        rule="the shorter side has less than 32 pixels, or less than an eighth of the median's",
        why="A thumbnail in the place of the picture leaves nothing to read.", look=_tiny,
    ),
    Detector(
        name="blank", family=Family.FILES, title="Nothing in it",
        rule="a picture of one colour, or a WAV file whose loudest sample is below a thousandth of the largest",
        why="Nobody can answer from it, whatever the answer that stands there.", look=_blank,
    ),
    Detector(
        name="cut-file", family=Family.FILES, title="A file that breaks off",
        rule="a JPEG, PNG or GIF file without its end",
        why="What is missing is missing for the stage only: a viewer draws grey and says nothing.", look=_cut,
    ),
)  # fmt: skip
