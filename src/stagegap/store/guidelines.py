"""Every version of every guideline that people have worked by, with its text."""

from __future__ import annotations

from stagegap.model.queue import GuidelineVersion
from stagegap.store.attach import Session
from stagegap.store.runs import intern, intern_stage


def put(session: Session, cascade: str, stage: str, version: GuidelineVersion) -> None:
    """Keep a version; one that is there already keeps its time."""
    with session.transaction():
        owner = intern(session, "cascade", cascade)
        session.run(
            "insert into guideline select $1, $2, $3, $4, $5 where not exists"
            " (from guideline where cascade = $1 and stage = $2 and hash = $3)",
            owner, intern_stage(session, owner, stage), version.hash, version.text, version.since,
        )  # fmt: skip


def find(session: Session, cascade: str, stage: str) -> list[GuidelineVersion]:
    """The versions of a stage's guideline, oldest first."""
    rows = session.rows(
        "select g.hash, g.body, g.since from guideline g join cascade c on c.id = g.cascade"
        " join stage s on s.id = g.stage where c.name = ? and s.name = ? order by g.since, g.rowid",
        cascade, stage,
    )  # fmt: skip
    return [GuidelineVersion(hash=row[0], text=row[1], since=row[2]) for row in rows]
