"""Write what other libraries answer to the same questions into `values.json`, which the gate compares with ours.

    python tests/oracles/make.py [LIBRARY ...]

Run it in a throw-away environment that holds the libraries named (all unless given): krippendorff is under the GPL
and crowd-kit brings much along, so neither belongs into ours. What the others said stays in the file.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

VALUES = Path(__file__).with_name("values.json")


def shapiq() -> list[dict[str, Any]]:
    """Exact values and interactions of games of 2 to 6 players; entry `mask` of v is the set of its bits."""
    from shapiq import ExactComputer

    cases = []
    for k in (2, 3, 4, 6):
        v = np.random.default_rng(k).random(1 << k).round(6)
        exact = ExactComputer(_game(v), n_players=k)
        found = {}
        for index, order in (("SV", 1), ("BV", 1), ("SII", 2), ("BII", 2)):
            answer = exact(index, order=order)
            found[index] = [
                float(answer.values[place])
                for players, place in sorted(answer.interaction_lookup.items())
                if len(players) == order
            ]
        cases.append({"k": k, "v": v.tolist(), **found})
    return cases


def _game(v: np.ndarray) -> Callable[[Any], np.ndarray]:
    bits = 1 << np.arange(len(v).bit_length() - 1)
    return lambda sets: v[np.atleast_2d(sets).astype(np.int64) @ bits]


def ppi() -> list[dict[str, Any]]:
    """Means of 0/1 labels and of graded ones with a judge; normal intervals, population variances."""
    from ppi_py import ppi_mean_ci, ppi_mean_pointestimate

    cases = []
    for seed, (n, more, care, graded) in enumerate(
        [(30, 300, 0.9, False), (60, 90, 0.7, False), (40, 400, 0.8, True), (25, 50, 0.85, True)]
    ):
        rng = np.random.default_rng(seed)
        truth = rng.random(n + more) if graded else (rng.random(n + more) < 0.7).astype(float)
        judge = np.where(rng.random(n + more) < care, truth, rng.random(n + more) if graded else 1 - truth).round(3)
        labels, seen, others = truth[:n].round(3), judge[:n], judge[n:]
        low, high = ppi_mean_ci(labels, seen, others, alpha=0.05)
        cases.append(
            {
                "labels": labels.tolist(),
                "judged": seen.tolist(),
                "others": others.tolist(),
                "value": float(np.squeeze(ppi_mean_pointestimate(labels, seen, others))),
                "low": float(np.squeeze(low)),
                "high": float(np.squeeze(high)),
            }
        )
    return cases


def krippendorff() -> list[dict[str, Any]]:
    """Alpha on every scale, with missing ratings: raters x items, null where missing."""
    from krippendorff import alpha

    cases = []
    for seed, (raters, items, missing) in enumerate([(2, 12, 0.0), (3, 15, 0.2), (5, 20, 0.5), (4, 10, 0.3)]):
        rng = np.random.default_rng(seed)
        truth = rng.integers(1, 6, items)
        ratings = np.clip(truth + rng.integers(-1, 2, (raters, items)), 1, 6).astype(float)
        ratings[rng.random((raters, items)) < missing] = np.nan
        scales = ("nominal", "ordinal", "interval", "ratio")
        cases.append(
            {
                "ratings": [[None if np.isnan(x) else x for x in row] for row in ratings.tolist()],
                **{scale: float(alpha(reliability_data=ratings, level_of_measurement=scale)) for scale in scales},
            }
        )
    return cases


def crowdkit() -> list[dict[str, Any]]:
    """Dawid and Skene's model without smoothing, from vote shares: items x raters, null where missing.

    Its stop rule is switched off: the bound that it watches counts the priors once a rating and may fall on the way.
    """
    import pandas
    from crowdkit.aggregation import DawidSkene

    cases = []
    for seed, (raters, items, categories, missing) in enumerate([(4, 40, 2, 0.0), (6, 50, 3, 0.3)]):
        rng = np.random.default_rng(seed)
        truth = rng.integers(0, categories, items)
        care = np.linspace(0.95, 0.6, raters)
        given = np.where(
            rng.random((items, raters)) < care, truth[:, None], rng.integers(0, categories, (items, raters))
        )
        known = rng.random((items, raters)) >= missing
        known[:, :2] = True
        rows = [(i, r, int(given[i, r])) for i in range(items) for r in range(raters) if known[i, r]]
        model = DawidSkene(n_iter=2_000, tol=-1e9)
        chances = model.fit_predict_proba(pandas.DataFrame(rows, columns=["task", "worker", "label"]))
        cases.append(
            {
                "given": [[int(given[i, r]) if known[i, r] else None for r in range(raters)] for i in range(items)],
                "categories": categories,
                "chances": chances.sort_index()[list(range(categories))].to_numpy().round(8).tolist(),
                "shares": model.priors_.sort_index().round(8).tolist(),
            }
        )
    return cases


ORACLES: dict[str, tuple[str, Callable[[], list[dict[str, Any]]]]] = {
    "shapiq": ("shapiq", shapiq),
    "ppi": ("ppi-python", ppi),
    "krippendorff": ("krippendorff", krippendorff),
    "crowdkit": ("crowd-kit", crowdkit),
}


def main(wanted: list[str]) -> None:
    found = json.loads(VALUES.read_text()) if VALUES.exists() else {}
    for name in wanted or list(ORACLES):
        package, ask = ORACLES[name]
        found[name] = {"made_with": f"{package} {version(package)}", "cases": ask()}
    VALUES.write_text(json.dumps(found, indent=None, separators=(",", ":")).replace('{"k"', '\n{"k"') + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
