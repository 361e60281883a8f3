"""Does the choice of the stage help? Knobs of the demo and of DSTC10 at equal calls: the table of the docs."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from aimed import climbs, grid
from stagegap.model.record import Json

ROOT = Path(__file__).parents[2]
SEEDS = 100
CALLS = (6, 12, 24)
ROUTES = [
    {"with": {"estimator": estimator, "features": features}}
    for estimator, features in (
        ("dummy", "tfidf_words"),
        ("nearest_neighbours", "tfidf_characters"),
        ("naive_bayes", "tfidf_words"),
        ("logistic_regression", "tfidf_both"),
    )
]
DRAFTS = """
import stages

def quoting(most):
    def draft(subject, body, documents):
        if not documents:
            return stages.draft(subject, body, documents)
        wanted = stages.words(f"{subject} {body}")
        ranked = sorted(
            (-len(wanted & stages.words(sentence)), place, index, sentence)
            for place, document in enumerate(documents)
            for index, sentence in enumerate(stages.sentences(document["text"]))
        )
        return " ".join(sentence for *_, sentence in ranked[:most])
    return draft

draft_1, draft_3, draft_6, draft_12 = map(quoting, (1, 3, 6, 12))
"""
DEMO: Mapping[str, Sequence[Mapping[str, Json]]] = {
    "route": ROUTES,
    "retrieve": [
        {"with": {"method": method, "k": k, "query": query}, "output": {"k": k}}
        for method, k, query in (
            ("tfidf", 1, ["subject"]), ("bm25", 1, ["body"]), ("tfidf", 3, ["body"]), ("bm25", 3, ["subject", "body"]),
        )
    ],
    "draft": [{"with": {"function": f"knobs.py:draft_{most}"}} for most in (1, 3, 6, 12)],
}  # fmt: skip
DSTC10: Mapping[str, Sequence[Mapping[str, Json]]] = {
    "detect": ROUTES,
    "select": [
        {"with": {"method": method, "k": k}} for method, k in (("tfidf", 1), ("tfidf", 5), ("bm25", 1), ("bm25", 5))
    ],
}


@pytest.mark.slow
@pytest.mark.timeout(1_200)
def test_choosing_by_gain_and_chance_gains_more_than_turns_or_luck(
    tmp_path: Path, dialogues: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    demo = tmp_path / "demo" / "pipelines" / "support_email"
    shutil.copytree(ROOT / "pipelines" / "support_email", demo)
    shutil.copytree(ROOT / "data" / "support_email", tmp_path / "demo" / "data" / "support_email")
    (demo / "knobs.py").write_text(DRAFTS)
    live = tmp_path / "dstc10" / "pipelines" / "dstc10"
    shutil.copytree(ROOT / "pipelines" / "dstc10", live)
    rows = [
        *climbs("demo", grid(demo, "cascade.yaml", DEMO), calls=CALLS, seeds=SEEDS),
        *climbs("DSTC10", grid(live, "learned.yaml", DSTC10, DSTC10=str(dialogues)), calls=CALLS, seeds=SEEDS),
    ]
    with capsys.disabled():
        print("\n" + "\n".join(row.cells() for row in rows))  # noqa: T201  # the table of docs/method-changes.md
    for row in rows:
        assert row.beside("random").high > 0, row.cells()
        assert row.beside("round robin").high > 0, row.cells()
