"""What most likely is right, from the ratings of people of different care (Dawid & Skene 1979)."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class DawidSkene:
    """A fitted model: how common each category is, how each rater errs, and what each item is."""

    shares: Floats
    """Per category: estimated share of the items."""
    confusion: Floats
    """Raters x true category x given category; each row adds up to 1, NaN for a category no item can be."""
    chances: Floats
    """Items x categories: probability of each category."""
    log_likelihood: float
    """Of the ratings, natural logarithm, without constants for repeats."""
    rounds: int
    converged: bool


def dawid_skene(
    counts: Floats, *, smoothing: float = 0.01, most_rounds: int = 1_000, tolerance: float = 1e-9
) -> DawidSkene:
    """Fit by EM from vote shares; `counts` is raters x items x categories (how often the rater said so).

    `smoothing` is added to each cell of each rater's table so that a rater with few ratings is not taken to be
    infallible; 0 gives the model as published. Needs overlap: with one rating an item nothing can be learned.
    Raises: ValueError when an item has no rating.
    """
    per_item = counts.sum(axis=(0, 2))
    if not len(per_item) or (per_item == 0).any():
        raise ValueError("every item needs a rating")
    fit = _fit(counts, counts.sum(axis=0) / per_item[:, None], smoothing=smoothing)
    for done in range(1, most_rounds):
        after = _fit(counts, fit.chances, smoothing=smoothing)
        if after.log_likelihood - fit.log_likelihood < tolerance:
            return replace(after, rounds=done + 1, converged=True)
        fit = after
    return replace(fit, rounds=most_rounds)


def _fit(counts: Floats, chances: Floats, *, smoothing: float) -> DawidSkene:
    """Do one round of EM: tables from the items' chances, then the chances from the tables."""
    shares = chances.mean(axis=0)
    table = np.einsum("ik,ril->rkl", chances, counts) + smoothing
    totals = table.sum(axis=2, keepdims=True)
    confusion = np.divide(table, totals, out=np.full_like(table, np.nan), where=totals > 0)
    with np.errstate(divide="ignore"):
        logs = np.log(np.where(np.isnan(confusion), 1.0, confusion))
        prior = np.log(shares)
    # A rating that nobody gave says nothing, also where its logarithm is minus infinity.
    given = counts[:, :, None, :] > 0
    nothing = np.zeros((*counts.shape, counts.shape[2]))
    per_rating = np.multiply(counts[:, :, None, :], logs[:, None], out=nothing, where=given)
    joint = prior + per_rating.sum(axis=(0, 3))
    top = joint.max(axis=1, keepdims=True)
    scaled = np.exp(joint - top)
    return DawidSkene(
        shares=shares,
        confusion=confusion,
        chances=scaled / scaled.sum(axis=1, keepdims=True),
        log_likelihood=float((np.log(scaled.sum(axis=1)) + top[:, 0]).sum()),
        rounds=1,
        converged=False,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class HumanLimit:
    """What soft labels say about the best possible score."""

    best_possible: float
    """Accuracy, against a person drawn at random, of always giving the most common answer."""
    people: float
    """Accuracy of one person drawn at random against another."""


def human_limit(counts: Floats) -> HumanLimit:
    """The Bayes-error proxy from items x categories: mean max share, and the agreement of two raters.

    The best possible accuracy is too high with few labels an item (below about 10): a maximum of noisy shares is.
    The agreement is unbiased: it counts pairs of different raters. Items with one rating are left out.
    """
    raters = counts.sum(axis=1)
    rated = counts[raters >= 2]
    if not len(rated):
        return HumanLimit(best_possible=float("nan"), people=float("nan"))
    m = rated.sum(axis=1)
    return HumanLimit(
        best_possible=float((rated.max(axis=1) / m).mean()),
        people=float(((rated * (rated - 1)).sum(axis=1) / (m * (m - 1))).mean()),
    )
