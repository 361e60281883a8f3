"""The shape of a cascade of three stages, for tests that need no project."""

from __future__ import annotations

from stagegap.model.cascade import Cascade, Kind, Outcome, OutputType, Source, Stage

CASCADE = Cascade(
    name="support_email",
    noun="mail",
    outcome=Outcome(stage="draft", metric="fact_recall", good=0.8),
    stages=(
        Stage(
            name="route",
            uses="python",
            inputs={"body": Source("record", "body")},
            output=OutputType(kind=Kind.LABEL, values=("billing", "refund")),
            metrics=("accuracy",),
        ),
        Stage(
            name="retrieve",
            uses="python",
            inputs={"body": Source("record", "body"), "team": Source("stage", "route")},
            output=OutputType(kind=Kind.RANKING, of="articles", k=3),
            metrics=("recall@3",),
        ),
        Stage(
            name="draft",
            uses="python",
            inputs={"body": Source("record", "body"), "articles": Source("stage", "retrieve")},
            output=OutputType(kind=Kind.TEXT),
            metrics=("fact_recall",),
        ),
    ),
)
