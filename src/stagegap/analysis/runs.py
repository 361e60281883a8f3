"""Many runs beside each other: a list, what was turned between them, what came of it, and the outcome of one that
goes on.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import cast

import numpy as np

from stagegap.analysis import evidence as ev
from stagegap.analysis.changes import OUTCOME, ConfigChange, line_difference
from stagegap.analysis.views import Scorecard
from stagegap.model.estimate import Estimate, unmeasured
from stagegap.model.record import Json
from stagegap.model.run import SYSTEM, Provenance, Run
from stagegap.model.wording import counted, instant, listed, plural, sentence
from stagegap.stats.resample import resample
from stagegap.stats.significance import confidence_sequence
from stagegap.tables import figures
from stagegap.tables.figures import Unit
from stagegap.tables.table import Column, Entry, Rests, Sheet, Table


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRow:
    """One run of the list."""

    run: str
    """`v3`"""
    status: str
    started_at: float
    """Seconds since 1970, UTC."""
    seconds: float | None
    """From start to end; None while it goes on."""
    records: int
    who: str
    commit: str
    cost: float
    """US dollars, of the calls that were made for this run."""
    bounded_by: tuple[str, ...] = ()
    """Stages that count tokens from the provider's cache in full, so that the cost is an upper bound."""
    outcome: Estimate
    """As its scorecard has it."""
    is_blessed: bool
    error: str
    tags: tuple[str, ...] = ()
    is_old: bool = False
    """What the outcome rests on (labels, records, code of a metric) has changed since it was computed."""

    def mentions(self, text: str) -> bool:
        """True when name, tags, commit, person or error hold the text, whatever its case."""
        texts = (self.run, *self.tags, self.commit, self.who, self.error)
        return any(text.casefold() in part.casefold() for part in texts)


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """The runs of a cascade, newest first."""

    cascade: str
    rows: tuple[RunRow, ...]

    @property
    def notes(self) -> tuple[str, ...]:
        """How the newest ended before its time, which outcomes are old, and which costs are upper bounds."""
        stages = dict.fromkeys(stage for row in self.rows if row.cost for stage in row.bounded_by)
        ending = next((f"Run {row.run} {row.status}: {row.error}" if row.error else "" for row in self.rows), "")
        notes = (ending, older([row.run for row in self.rows if row.is_old]), upper_bound(tuple(stages)))
        return tuple(note for note in notes if note)

    def filtered(self, *, tag: str | None = None, since: float | None = None, text: str = "") -> History:
        """The runs that carry the tag, began at that time or later, and mention the text."""
        rows = (
            row
            for row in self.rows
            if (tag is None or tag in row.tags) and (since is None or row.started_at >= since) and row.mentions(text)
        )
        return replace(self, rows=tuple(rows))


def older(runs: Sequence[str]) -> str:
    """The sentence that says which runs have figures that are old; empty without any.

    >>> older(["v3"])
    'The figures of v3 are older than what they rest on; `stagegap show --run v3` computes them again.'
    """
    if not runs:
        return ""
    them = "them" if len(runs) == 1 else "those of that run"
    return (
        f"The figures of {listed(runs)} are older than what they rest on; "
        f"`stagegap show --run {runs[0]}` computes {them} again."
    )


def upper_bound(stages: Sequence[str]) -> str:
    """The sentence that says why a cost is an upper bound; empty without such a stage."""
    if not stages:
        return ""
    names = "price names" if len(stages) == 1 else "prices name"
    return (
        f"The cost is an upper bound: tokens from the provider's cache count in full at {listed(stages)}, "
        f"whose {names} none for them (`cached`)."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Blessed:
    """A run that people declared good enough to hold later ones against, as a file that can be committed."""

    cascade: str
    run: str
    """Its name in the store that it was made in."""
    id: str
    fingerprint: str
    """Of the cascade file."""
    commit: str
    started_at: float
    """Seconds since 1970, UTC."""
    outcome: Estimate
    stages: Mapping[str, Estimate]
    """Scores in place."""
    scored_by: Mapping[str, str] | None = None
    """How each column of the scores beside it came about; None where there are no such scores."""
    program: str = ""
    """Version of stagegap that scored it."""

    @property
    def is_reproducible(self) -> bool:
        """True when a commit says what was run, so that another store can hold the same run."""
        return bool(self.commit) and not self.commit.endswith("+")


_COLUMNS = (
    Column(name="Run", unit=Unit.TEXT, key="run", is_carried=True),
    Column(name="When (UTC)", unit=Unit.TEXT),
    Column(name="Started", unit=Unit.TEXT, key="started_at", is_carried=True, is_hidden=True),
    Column(name="Status", unit=Unit.TEXT, key="status", is_carried=True),
    Column(name="Records", unit=Unit.COUNT, key="records", is_carried=True),
    Column(name="Commit", unit=Unit.TEXT, key="commit", is_carried=True, spare=1),
    Column(name="Cost", unit=Unit.MONEY, key="cost", is_carried=True),
    Column(name="Outcome", unit=Unit.SHARE, key="after"),
    Column(name="Blessed", unit=Unit.FLAG, key="is_blessed", is_carried=True, is_hidden=True),
    Column(name="Place", unit=Unit.TEXT, key="stage", is_hidden=True),
    Column(name="Tags", unit=Unit.TEXT, spare=2),
)


def history_sheet(view: History) -> Sheet:
    """One row a run, newest first."""
    if not view.rows:
        return Sheet(headline=f"Cascade {view.cascade!r} has no such run")
    return Sheet(
        headline=f"{counted(len(view.rows), 'run')} of {view.cascade}",
        parts=(Table(columns=_COLUMNS, rows=tuple(_cells(row) for row in view.rows)), *view.notes),
    )


def _cells(row: RunRow) -> tuple[Entry, ...]:
    started = instant(row.started_at)
    tags = ", ".join((*(["blessed"] if row.is_blessed else []), *row.tags))
    return (
        row.run,
        started.strftime("%Y-%m-%d %H:%M"),
        started.isoformat(timespec="seconds"),
        row.status,
        row.records,
        row.commit or None,
        row.cost,
        row.outcome,
        row.is_blessed,
        "outcome",
        tags,
    )


def run_differences(before: Run, after: Run) -> tuple[ConfigChange, ...]:
    """The differences of two runs: commit and seed first, then the resolved cascade."""
    facts = (("run.commit", before.commit, after.commit), ("run.seed", str(before.seed), str(after.seed)))
    changes = tuple(ConfigChange(path=path, before=a or None, after=b or None) for path, a, b in facts if a != b)
    return changes + config_differences(before.resolved, after.resolved)


def config_differences(before: str, after: str) -> tuple[ConfigChange, ...]:
    """The keys in which two JSON texts differ, in the order of the keys.

    Lists of plain values are one value; lists of objects are compared entry by entry. Raises: ValueError for a text
    that is no JSON.

    >>> [(c.path, c.before, c.after) for c in config_differences('{"a": {"k": 3}}', '{"a": {"k": 5}, "b": "x"}')]
    [('a.k', '3', '5'), ('b', None, 'x')]
    """
    return tuple(_differences("", json.loads(before), json.loads(after)))


def all_settings(before: str, after: str) -> tuple[ConfigChange, ...]:
    """Every key of two resolved cascades, the equal ones included, in the order of the keys.

    >>> [(c.path, c.before, c.after) for c in all_settings('{"a": {"k": 3}}', '{"a": {"k": 3}, "b": "x"}')]
    [('a.k', '3', '3'), ('b', None, 'x')]
    """
    old, new = dict(_leaves("", json.loads(before))), dict(_leaves("", json.loads(after)))
    return tuple(
        ConfigChange(path=path, before=old.get(path), after=new.get(path)) for path in sorted(old.keys() | new.keys())
    )


def _leaves(path: str, value: Json) -> Iterator[tuple[str, str]]:
    entries = _entries(value)
    if entries is None:
        yield path, _shown(value)
        return
    for key, entry in entries.items():
        yield from _leaves(f"{path}.{key}" if path else key, entry)


def _differences(path: str, before: Json, after: Json) -> Iterator[ConfigChange]:
    a, b = _entries(before), _entries(after)
    if a is None or b is None:
        if _shown(before) != _shown(after) or type(before) is not type(after):
            texts = (before, after) if isinstance(before, str) and isinstance(after, str) else ("", "")
            lines = line_difference(*texts) if "\n" in "".join(texts).strip() else ""
            yield ConfigChange(path=path, before=_shown(before), after=_shown(after), lines=lines)
        return
    for key in sorted(a.keys() | b.keys()):
        place = f"{path}.{key}" if path else key
        if key in a and key in b:
            yield from _differences(place, a[key], b[key])
        else:
            yield ConfigChange(
                path=place,
                before=_shown(a[key]) if key in a else None,
                after=_shown(b[key]) if key in b else None,
            )


def _entries(value: Json) -> Mapping[str, Json] | None:
    """What is compared key by key; None for a value that is compared as a whole."""
    if isinstance(value, Mapping):
        return value
    if isinstance(value, Sequence) and not isinstance(value, str):
        entries = cast("Sequence[Json]", value)  # isinstance loses the entries' type
        if entries and all(isinstance(entry, Mapping) for entry in entries):
            return {f"{place:03d}": entry for place, entry in enumerate(entries, start=1)}
    return None


def _shown(value: Json) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)


FILE = "file "
"""Begin of the name of a knob that is a file's content; its value is the first run that had the same content."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """One run that is done, with what it was made from."""

    run: Run
    card: Scorecard
    cost: float
    """US dollars."""
    tags: tuple[str, ...]
    made_from: Provenance | None
    is_old: bool = False
    """Labels, code or records have changed since the scorecard was computed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPoint:
    """One run: its knobs and its estimates."""

    run: str
    started_at: float
    knobs: Mapping[str, str]
    """Value of every knob that differs among the runs; empty where the run does not have it."""
    estimates: Mapping[str, Estimate]
    """`outcome`, and each stage's score in place."""
    records: int
    cost: float
    tags: tuple[str, ...]
    is_best_so_far: bool
    """Its outcome is above those of all earlier runs; how far it is from them by chance, its interval says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunsView:
    """The runs of a cascade by knobs and estimates, oldest first."""

    cascade: str
    noun: str
    outcome_name: str
    rows: tuple[RunPoint, ...]
    knobs: tuple[str, ...]
    measures: tuple[str, ...]
    """The outcome first."""
    headline: str
    warning: str
    """Says that the runs did not see the same records, or that figures are old; empty otherwise."""


def runs_view(cascade: str, tried: Sequence[Tried]) -> RunsView:
    """Lay the runs beside each other, in the order in which they were made."""
    ordered = sorted(tried, key=lambda attempt: attempt.run.started_at)
    knobs = _knobs(ordered)
    best = float("-inf")
    rows: list[RunPoint] = []
    for attempt in ordered:
        outcome = attempt.card.system
        ahead = outcome.is_measured and outcome.value > best
        best = max(best, outcome.value) if outcome.is_measured else best
        stages = {row.stage: row.in_place for row in attempt.card.stages}
        rows.append(
            RunPoint(
                run=attempt.run.name,
                started_at=attempt.run.started_at,
                knobs={name: values.get(attempt.run.name, "") for name, values in knobs.items()},
                estimates={OUTCOME: outcome, **stages},
                records=attempt.run.records,
                cost=attempt.cost,
                tags=attempt.tags,
                is_best_so_far=ahead,
            )
        )
    newest = ordered[-1].card if ordered else None
    return RunsView(
        cascade=cascade,
        noun=newest.noun if newest else "record",
        outcome_name=newest.outcome_name if newest else "",
        rows=tuple(rows),
        knobs=tuple(knobs),
        measures=tuple(dict.fromkeys(name for row in reversed(rows) for name in row.estimates)),
        headline=_headline(rows),
        warning=" ".join(
            filter(
                None,
                (
                    _warning(ordered, newest.noun if newest else "record"),
                    older([attempt.run.name for attempt in ordered if attempt.is_old]),
                ),
            )
        ),
    )


def _knobs(tried: Sequence[Tried]) -> dict[str, dict[str, str]]:
    """Every key and file that differs among the runs, with its value by run."""
    if not tried:
        return {}
    first = tried[0].run
    changes = {attempt.run.name: config_differences(first.resolved, attempt.run.resolved) for attempt in tried}
    usual = {change.path: change.before or "" for differences in changes.values() for change in differences}
    knobs: dict[str, dict[str, str]] = {}
    for path in sorted(usual):
        turned = {
            run: change.after or ""
            for run, differences in changes.items()
            for change in differences
            if change.path == path
        }
        knobs[path] = {attempt.run.name: turned.get(attempt.run.name, usual[path]) for attempt in tried}
    files = {source.path for attempt in tried if attempt.made_from for source in attempt.made_from.sources}
    for path in sorted(files):
        digests = {attempt.run.name: _digest(attempt.made_from, path) for attempt in tried}
        names = {digest: f"as in {run}" for run, digest in reversed(digests.items()) if digest}
        if len(set(digests.values())) > 1:
            knobs[FILE + path] = {run: names.get(digest, "") for run, digest in digests.items()}
    return knobs


def _digest(made_from: Provenance | None, path: str) -> str:
    digests = (source.digest for source in made_from.sources if source.path == path) if made_from else ()
    return next(iter(digests), "")


def _headline(rows: Sequence[RunPoint]) -> str:
    best = next((row for row in reversed(rows) if row.is_best_so_far), None)
    if best is None:
        return "No run has an outcome yet"
    outcome = figures.figure(best.estimates[OUTCOME], figures.Unit.SHARE)
    return f"{best.run} is the best of {counted(len(rows), 'run')} so far: {outcome}"


def _warning(tried: Sequence[Tried], noun: str) -> str:
    sizes = {attempt.run.records for attempt in tried}
    sets = {attempt.made_from.records_digest for attempt in tried if attempt.made_from}
    if len(sizes) > 1:
        return f"The runs saw between {min(sizes):,} and {counted(max(sizes), noun)}: compare two of them to be fair."
    if len(sets) > 1:
        return "The records of some runs had other contents: compare two of them to be fair."
    return ""


def runs_sheet(view: RunsView) -> Sheet:
    """All runs by the knobs that differ and their figures, oldest first."""
    columns = (
        Column(name="Run", unit=Unit.TEXT, key="run", is_carried=True),
        Column(name="Best so far", unit=Unit.FLAG, key="is_best_so_far", is_carried=True),
        Column(name="Cost", unit=Unit.MONEY, key="cost", is_carried=True),
        *(Column(name=knob, unit=Unit.TEXT, key=f"knob {knob}", is_carried=True) for knob in view.knobs),
        Column(name="Score of", unit=Unit.TEXT, key="stage"),
        Column(name="Score", unit=Unit.SHARE, key="in_place"),
    )
    return Sheet(
        headline=view.headline,
        parts=(
            view.warning,
            Table(
                columns=columns,
                rows=tuple(
                    (
                        row.run,
                        row.is_best_so_far,
                        row.cost,
                        *(row.knobs.get(knob, "") for knob in view.knobs),
                        measure,
                        row.estimates[measure],
                    )
                    for row in view.rows
                    for measure in view.measures
                    if measure in row.estimates
                ),
            ),
        ),
    )


MOST = 2_000
"""Records that are looked at, the first ones: a look must cost nothing beside the run."""
RESAMPLES = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class SoFar:
    """What a run that goes on says of its outcome."""

    outcome: str
    """In words."""
    estimate: Estimate
    finished: int
    """The first so many records, all of them finished: a slow record ends the count, so that none is left out."""
    of: int
    """Records of the run."""
    is_safe: bool
    """The interval holds however often one looks."""
    sentence: str


def so_far(evidence: ev.Evidence, *, of: int) -> SoFar:
    """Say what the first records of a run, all finished, tell of its outcome.

    The interval of independent records is a confidence sequence: it holds at every look at once, where the records come
    in random order. Of clustered records half a cluster may be in, so theirs is an ordinary one, for one look.
    """
    cascade, units = evidence.cascade, evidence.units
    scores = ev.outcome_scores(evidence, SYSTEM)
    measured = ~np.isnan(scores)
    is_safe = units.count == len(evidence.records)
    if not measured.any():
        estimate = unmeasured(f"not measured: no finished {cascade.noun} has a score yet")
    elif is_safe:
        estimate = confidence_sequence(scores[measured])
    else:
        drawn = resample({"outcome": scores}, units, rng=np.random.default_rng(evidence.seed), resamples=RESAMPLES)
        estimate = drawn.mean("outcome")
    return SoFar(
        outcome=ev.outcome_name(cascade),
        estimate=estimate,
        finished=len(evidence.records),
        of=of,
        is_safe=is_safe,
        sentence=_sentence_of(evidence, estimate, of=of, is_safe=is_safe),
    )


def _sentence_of(evidence: ev.Evidence, estimate: Estimate, *, of: int, is_safe: bool) -> str:
    cascade, n = evidence.cascade, len(evidence.records)
    if not estimate.is_measured:
        return f"{sentence(ev.outcome_name(cascade))} so far: {estimate.method}."
    share = f"{figures.share(estimate.value)} ({figures.interval(estimate)}), n {estimate.n:,}"
    progress = f"{sentence(ev.outcome_name(cascade))} so far: {share}"
    nouns = plural(cascade.noun, 2)
    first = (
        f"of all {counted(of, cascade.noun)}."
        if n == of
        else f"of the first {n:,} of {of:,} {nouns}, no fair sample unless their order is random."
    )
    looking = (
        "The interval holds however often you look."
        if is_safe
        else f"{sentence(nouns)} come in clusters: the interval is for one look, so stop nothing because of it."
    )
    return f"{progress}, {first} {looking} {Rests.of_outcome(ev.outcome_name(cascade))}"
