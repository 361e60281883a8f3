"""Scores of a blessed run, record by record: small enough to be committed, so that a clone that never made that run
holds its own against it, paired as two runs of one store are.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from stagegap.analysis import evidence as ev
from stagegap.analysis import views
from stagegap.analysis.changes import OUTCOME, Claim, Comparison, claim_sentence, claims, not_claimed
from stagegap.analysis.paired_records import Side, flips, offer, record_reasons, seen_records
from stagegap.attribution.faults import acceptable
from stagegap.model.cascade import OutputType
from stagegap.model.estimate import unmeasured
from stagegap.model.record import Record
from stagegap.model.wording import counted, metric_title
from stagegap.stats.resample import RESAMPLES, resample
from stagegap.tables.figures import Unit, figure

DIGITS = 10
"""Of a hash: 40 bits, for records that have the same id."""
FIXED = ("record", "content", "references")
"""Columns of the file before those of scores."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredRecord:
    """One record of a blessed run."""

    content: str
    """Hash of what the record holds."""
    references: str
    """Hash of what was held to be right."""
    scores: Mapping[str, float]
    """By place, the outcome before its bar; a place without a score is left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """A run as later ones are held against it."""

    run: str
    scored_by: Mapping[str, str]
    """How each place is scored: the metric's name, and a hash of its code, the output's type and the bar."""
    records: Mapping[str, ScoredRecord]


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldPlace:
    """A stage, or the outcome, of a run beside the blessed one."""

    stage: str
    is_compared: bool
    claim: Claim
    broken: int
    """Records that went from right to wrong."""
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A run held against another: all that the checks ask of a comparison."""

    before: str
    after: str
    noun: str
    reasons: tuple[str, ...]
    """Why it can't be, as it is; empty where it can, or where the offer was taken."""
    offer: str
    places: tuple[HeldPlace, ...]

    @property
    def change(self) -> str:
        """What moved against the other run in one line, for who reads one; empty where it can't be held against it."""
        compared = [place for place in self.places if place.is_compared and place.claim.change.is_measured]
        if self.reasons or not compared:
            return ""
        moved = [place for place in compared if place.claim.verdict in ("improved", "regressed")]
        figures = [f"{place.stage} {figure(place.claim.change, Unit.POINTS)}" for place in moved]
        rest = "nothing else moved beyond chance" if moved else "nothing moved beyond chance"
        broken = next((place.broken for place in self.places if place.stage == OUTCOME), 0)
        n = max(place.claim.change.n for place in compared)
        unit = ", in points," if moved else ""
        basis = f"Against {self.before} on {counted(n, self.noun)}{unit} with 95% intervals"
        return f"{basis}: {'; '.join((*figures, rest))}. {counted(broken, self.noun)} broke."


def held_by(view: Comparison) -> Held:
    """A comparison of two runs of one store, for the checks."""
    refusal = view.refusal if not view.is_accepted else None
    rows = (view.outcome, *view.stages)
    return Held(
        before=view.before,
        after=view.after,
        noun=view.noun,
        reasons=refusal.reasons if refusal else (),
        offer=refusal.offer if refusal else "",
        places=tuple(
            HeldPlace(
                stage=row.stage,
                is_compared=row.is_compared,
                claim=row.claim,
                broken=row.flips.broken,
                sentence=row.sentence,
            )
            for row in rows
        ),
    )


def baseline(side: Side, *, codes: Mapping[str, str]) -> Baseline:
    """Scores of a run in place. `codes` has a hash of the code of each metric of the user's own, by metric name."""
    evidence = side.evidence
    records = seen_records(evidence)
    columns = {name: _raw(evidence, name) for name in (OUTCOME, *evidence.cascade.names)}
    return Baseline(
        run=side.run.name,
        scored_by=_scored_by(evidence, codes),
        records={
            record.id: ScoredRecord(
                content=_content(record),
                references=_references(evidence, record.id),
                scores={name: float(scores[i]) for name, scores in columns.items() if not math.isnan(scores[i])},
            )
            for i, record in enumerate(evidence.records)
            if record.id in records
        },
    )


def hold(
    blessed: Baseline, after: Side, *, codes: Mapping[str, str], shared: bool, seed: int, resamples: int = RESAMPLES
) -> Held:
    """Hold a run against blessed scores, on the records that are the same in both, references included.

    `shared` takes the offer where anything but the system differs. Intervals and claims are those of `compare`.
    """
    now = baseline(after, codes=codes)
    noun = after.evidence.cascade.noun
    both = [name for name in now.records if name in blessed.records]
    content = {name for name in both if blessed.records[name].content != now.records[name].content}
    moved = {name for name in both if blessed.records[name].references != now.records[name].references} - content
    common = [name for name in both if name not in content | moved]
    title = f"{blessed.run} (blessed)"
    reasons = (
        *record_reasons(title, now.run, (len(blessed.records), len(now.records)), len(both), noun),
        *([f"{counted(len(content), noun)} with the same id and other content."] if content else []),
        *([f"{counted(len(moved), noun)} with other references."] if moved else []),
        *_places_that_differ(blessed, now),
    )
    places = [name for name, by in now.scored_by.items() if blessed.scored_by.get(name) == by]
    offered = offer(len(common), noun, places)
    is_taken = shared and bool(offered)
    return Held(
        before=title,
        after=now.run,
        noun=noun,
        reasons=() if is_taken else reasons,
        offer="" if is_taken else offered,
        places=_held_places(blessed, now, after.evidence, common, places, seed=seed, resamples=resamples),
    )


def _held_places(
    blessed: Baseline,
    now: Baseline,
    evidence: ev.Evidence,
    common: Sequence[str],
    places: Sequence[str],
    *,
    seed: int,
    resamples: int,
) -> tuple[HeldPlace, ...]:
    """Each place of the later run, the outcome first, and what only the blessed one has."""
    ids = frozenset(common)
    cut = replace(evidence, records=tuple(record for record in evidence.records if record.id in ids))
    raw = {name: (_column(blessed, cut, name), _column(now, cut, name)) for name in places}
    changes = {name: _change(cut, name, pair) for name, pair in raw.items()}
    drawn = resample(changes, cut.units, rng=np.random.default_rng(seed), resamples=resamples)
    place_claims = claims(drawn, {name: name for name in places})
    nothing = unmeasured("not compared: it is scored in another way, or stands in one of the two only")
    rows: list[HeldPlace] = []
    for name in dict.fromkeys([*now.scored_by, *blessed.scored_by]):
        claim = place_claims[name] if name in raw else not_claimed(nothing)
        rows.append(
            HeldPlace(
                stage=name,
                is_compared=name in raw,
                claim=claim,
                broken=flips(*raw[name], bar=_bar(cut, name)).broken if name in raw else 0,
                sentence=claim_sentence(name, claim, noun=evidence.cascade.noun),
            )
        )
    return tuple(rows)


def _change(evidence: ev.Evidence, name: str, pair: tuple[Floats, Floats]) -> Floats:
    good = evidence.cascade.outcome.good if name == OUTCOME else None
    was, now = (scores if good is None else acceptable(scores, good) for scores in pair)
    return np.round(now - was, 12)


def _bar(evidence: ev.Evidence, name: str) -> float:
    outcome = evidence.cascade.outcome
    if name == OUTCOME:
        return ev.score_bar(evidence, outcome.stage, evidence.outcome)
    return ev.score_bar(evidence, name, evidence.metrics[name])


def _column(of: Baseline, evidence: ev.Evidence, place: str) -> Floats:
    return evidence.column(lambda record: of.records[record.id].scores.get(place, math.nan))


def _raw(evidence: ev.Evidence, place: str) -> Floats:
    """Scores in place; the outcome before its bar."""
    return ev.raw_outcomes(evidence, ev.SYSTEM) if place == OUTCOME else ev.stage_scores(evidence, place, ev.SYSTEM)


def _scored_by(evidence: ev.Evidence, codes: Mapping[str, str]) -> dict[str, str]:
    cascade = evidence.cascade
    outcome = cascade.outcome
    kinds = {stage.name: stage.output for stage in cascade.stages}
    ways = {OUTCOME: (outcome.metric, kinds[outcome.stage], f"{outcome.stage} {outcome.good}")}
    ways |= {stage.name: (stage.metrics[0], stage.output, "") for stage in cascade.stages}
    return {
        name: f"{metric_title(metric)} {_digest([_type(output), codes.get(metric, ''), rest])}"
        for name, (metric, output, rest) in ways.items()
    }


def _type(output: OutputType) -> object:
    return views.plain(replace(output, k=None))


def _content(record: Record) -> str:
    return _digest([views.plain(dict(record.fields)), record.unit])


def _references(evidence: ev.Evidence, record: str) -> str:
    references = (evidence.references.get((record, stage)) for stage in evidence.cascade.names)
    return _digest([[views.plain(answer) for answer in one.accepted] if one else None for one in references])


def _digest(value: object) -> str:
    text = json.dumps(value, sort_keys=True, ensure_ascii=False)
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:DIGITS]


def _places_that_differ(blessed: Baseline, now: Baseline) -> list[str]:
    old, new = blessed.scored_by, now.scored_by
    return [
        *(f"{name} stands in the blessed {blessed.run} only." for name in old if name not in new),
        *(f"{name} stands in {now.run} only." for name in new if name not in old),
        *(f"{name} is scored in another way in {now.run}." for name in new if old.get(name, new[name]) != new[name]),
    ]


def to_csv(view: Baseline) -> str:
    """A line a record, in the order of ids, so that a difference of two files reads as one of records."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([*FIXED, *view.scored_by])
    for name in sorted(view.records):
        row = view.records[name]
        scores = (format(row.scores[place], ".12g") if place in row.scores else "" for place in view.scored_by)
        writer.writerow([name, row.content, row.references, *scores])
    return out.getvalue()


def from_csv(text: str, *, run: str, scored_by: Mapping[str, str]) -> Baseline:
    """Read what `to_csv` wrote. Raises: ValueError for what it did not."""
    rows = list(csv.reader(io.StringIO(text)))
    header = [*FIXED, *scored_by]
    if not rows or sorted(rows[0]) != sorted(header) or any(len(row) != len(header) for row in rows):
        raise ValueError(f"its columns are not {', '.join(header)}")
    places = rows[0][len(FIXED) :]
    return Baseline(
        run=run,
        scored_by=dict(scored_by),
        records={
            name: ScoredRecord(
                content=content,
                references=references,
                scores={place: float(score) for place, score in zip(places, scores, strict=True) if score},
            )
            for name, content, references, *scores in rows[1:]
        },
    )
