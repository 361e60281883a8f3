"""What goes wrong, where first, and what mending it is worth: what people read of a run, counted by code and stage."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from stagegap.model.estimate import Estimate, unmeasured
from stagegap.model.notes import Reading, Severity
from stagegap.model.wording import counted, why_missing
from stagegap.people.codebook import Code, Codebook
from stagegap.people.readings import Readings
from stagegap.stats.agreement import alpha_bootstrap
from stagegap.stats.intervals import independent_difference, paired_difference, product, wilson_of
from stagegap.stats.sample_size import unseen_share
from stagegap.stats.spread import clusters, spread
from stagegap.tables import figures
from stagegap.tables.figures import Unit
from stagegap.tables.table import Column, Rests, Sheet, Table

Floats = NDArray[np.float64]
UNCODED = "(no code)"
"""Failures that nobody gave a code to."""
ALL = "all stages"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadRecord:
    """A record as its reader left it."""

    record: str
    unit: str
    """Of independence."""
    place: int
    """In the order of the sample."""
    stage: str
    """The first wrong one; empty where it passed."""
    codes: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadRun:
    """What was read of a run: of each record what its first reader says."""

    run: str
    fair: tuple[ReadRecord, ...]
    """Of the fair sample, in its order."""
    looked_up: tuple[ReadRecord, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeAtStage:
    """One code at one first wrong stage."""

    code: str
    stage: str
    count: int
    """Records of the fair sample."""
    looked_up: int
    """Further records that were looked up; they enter no share."""
    share: Estimate
    """Of the records read."""
    win: Estimate
    """What the end would win if it were mended; a share, so 0.14 is 14 points. Never above `share`."""
    severity: Severity
    definition: str
    cost: str
    """What mending it would take, in the team's words."""
    before_version: int
    """Records that got the code before its meaning was what it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeInRun:
    """How frequent a code is in one run."""

    code: str
    stage: str
    run: str
    share: Estimate
    change: Estimate
    """Against the run that was read before it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnseenAtStage:
    """How much of what goes wrong first at a stage has no code yet that was seen."""

    stage: str
    """Or `all stages`."""
    kinds: int
    once: int
    """Of them, seen on one record."""
    share: Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeAgreement:
    """How far readers agree who read the same records."""

    what: str
    """A code, `pass or fail`, or `first wrong stage`."""
    same: Estimate
    """Share of records on which all readers say the same."""
    alpha: Estimate
    """Krippendorff's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CodesView:
    """What people read of a run."""

    cascade: str
    run: str
    noun: str
    version: int
    """Of the codebook: how often it was changed."""
    readers: tuple[str, ...]
    n: int
    """Records of the fair sample that somebody read."""
    looked_up: int
    failing: Estimate
    """Share of them that fail."""
    uncoded: int
    """Failing ones without a code."""
    rows: tuple[CodeAtStage, ...]
    """Those that are worth most first."""
    runs: tuple[CodeInRun, ...]
    unseen: tuple[UnseenAtStage, ...]
    agreement: tuple[CodeAgreement, ...]


def read_run(
    run: str, readings: Readings, book: Codebook, *, key: str, units: Mapping[str, str], places: Mapping[str, int]
) -> ReadRun:
    """What was read of a run. `key` is its id; `units` and `places` are by record, of the sample where it has one."""
    codes = codes_of(book, key)

    def rows(fair: bool) -> tuple[ReadRecord, ...]:
        made = [
            ReadRecord(
                record=record,
                unit=units.get(record, record),
                place=places.get(record, len(places)),
                stage=reading.stage,
                codes=codes.get((record, reading.annotator, reading.stage), frozenset()),
            )
            for record, reading in readings.first(fair=fair).items()
        ]
        return tuple(sorted(made, key=lambda row: (row.place, row.record)))

    fair = rows(True)
    known = {row.record for row in fair}
    return ReadRun(run=run, fair=fair, looked_up=tuple(row for row in rows(False) if row.record not in known))


def codes_of(book: Codebook, run: str) -> dict[tuple[str, str, str], frozenset[str]]:
    """The codes that people put on records of a run, by record, person and stage."""
    codes: dict[tuple[str, str, str], set[str]] = {}
    for mark in book.marks:
        if mark.run == run:
            codes.setdefault((mark.record, mark.annotator, mark.stage), set()).add(mark.code)
    return {key: frozenset(own) for key, own in codes.items()}


def codes_view(
    read: ReadRun,
    earlier: Sequence[ReadRun],
    readings: Readings,
    book: Codebook,
    *,
    key: str,
    cascade: str,
    noun: str,
    stages: Sequence[str],
    seed: int,
) -> CodesView:
    """Count what was read of a run; `earlier` are the runs that were read before it, oldest first."""
    failing = [row for row in read.fair if row.stage]
    pairs = _pairs(read)
    rows = [_row(code, stage, read, stages, book, key) for code, stage in pairs]
    rank = {"critical": 0, "major": 1, "minor": 2, "": 3}
    rows.sort(key=lambda row: (-_worth(row.win), -row.share.value, rank[row.severity], row.code, row.stage))
    return CodesView(
        cascade=cascade,
        run=read.run,
        noun=noun,
        version=book.version,
        readers=readings.readers,
        n=len(read.fair),
        looked_up=len(read.looked_up),
        failing=_share(read, {row.record for row in failing}),
        uncoded=sum(not row.codes for row in failing),
        rows=tuple(rows),
        runs=_over_runs([*earlier, read], pairs) if earlier else (),
        unseen=_unseen(read, stages),
        agreement=_agreement(readings, codes_of(book, key), read, stages, seed=seed),
    )


def _worth(win: Estimate) -> float:
    """What is surely won at least: the order in which to mend."""
    return win.low if win.is_measured else -1.0


def _pairs(read: ReadRun) -> list[tuple[str, str]]:
    pairs = {(code, row.stage) for row in (*read.fair, *read.looked_up) for code in row.codes if row.stage}
    uncoded = {(UNCODED, row.stage) for row in read.fair if row.stage and not row.codes}
    return sorted(pairs | uncoded)


def _carries(row: ReadRecord, code: str, stage: str) -> bool:
    return row.stage == stage and (code in row.codes or (code == UNCODED and not row.codes))


def _share(read: ReadRun, records: Collection[str]) -> Estimate:
    """Share of the records read, with the interval of clusters."""
    values = np.array([row.record in records for row in read.fair], dtype=np.float64)
    if not len(values):
        return unmeasured("too few: nothing of the fair sample is read")
    return wilson_of(values, clusters(row.unit for row in read.fair))


def _row(code: str, stage: str, read: ReadRun, stages: Sequence[str], book: Codebook, key: str) -> CodeAtStage:
    entry = next((entry for entry in book.codes if entry.name == code), Code(name=code))
    own = [row for row in read.fair if _carries(row, code, stage)]
    records = {row.record for row in own}
    marked = {
        mark.record
        for mark in book.marks
        if (mark.code, mark.stage, mark.run) == (code, stage, key) and mark.at < entry.since
    }
    share = _share(read, records)
    alone = _share(read, {row.record for row in own if len(row.codes) <= 1})
    win = (
        unmeasured("not measured: these failures have no code")
        if code == UNCODED
        else _within(product(alone, passes_after(read, stage, stages)), share)
    )
    return CodeAtStage(
        code=code,
        stage=stage,
        count=len(own),
        looked_up=sum(_carries(row, code, stage) for row in read.looked_up),
        share=share,
        win=win,
        severity=entry.severity,
        definition=entry.definition,
        cost=entry.cost,
        before_version=len(marked & records),
    )


def _within(win: Estimate, share: Estimate) -> Estimate:
    """No more can be won than the share of records with the code."""
    if not win.is_measured:
        return win
    return replace(win, low=max(0.0, win.low), high=max(win.value, min(win.high, share.high)))


def passes_after(read: ReadRun, stage: str, stages: Sequence[str]) -> Estimate:
    """Share of the records that were right up to and at a stage which then passed; 1 at the last stage, by definition.

    What a record that is mended at the stage may hope for.
    """
    later = set(stages[list(stages).index(stage) + 1 :])
    reached = [row for row in read.fair if not row.stage or row.stage in later]
    if not later:
        return Estimate(value=1.0, low=1.0, high=1.0, n=len(reached), method="nothing comes after it")
    if not reached:
        return unmeasured(f"too few: no record read was right at {stage}")
    values = np.array([not row.stage for row in reached], dtype=np.float64)
    return wilson_of(values, clusters(row.unit for row in reached))


def _over_runs(runs: Sequence[ReadRun], pairs: Sequence[tuple[str, str]]) -> tuple[CodeInRun, ...]:
    """Each code's share in each run that was read, and its change since the one before."""
    rows: list[CodeInRun] = []
    for code, stage in pairs:
        before: ReadRun | None = None
        for run in runs:
            if not run.fair:
                continue
            share = _share(run, {row.record for row in run.fair if _carries(row, code, stage)})
            change = (
                unmeasured("not measured: nothing was read before it")
                if before is None
                else _change(before, run, code, stage)
            )
            rows.append(CodeInRun(code=code, stage=stage, run=run.run, share=share, change=change))
            before = run
    return tuple(rows)


def _change(before: ReadRun, after: ReadRun, code: str, stage: str) -> Estimate:
    """After minus before: paired where records were read in both runs, else of two samples."""
    then = {row.record: row for row in before.fair}
    both = [(then[row.record], row) for row in after.fair if row.record in then]
    if not both:
        shares = [
            _share(run, {row.record for row in run.fair if _carries(row, code, stage)}) for run in (after, before)
        ]
        return independent_difference(*shares)
    differences = np.array([float(_carries(new, code, stage)) - float(_carries(old, code, stage)) for old, new in both])
    units = clusters(new.unit for _, new in both)
    if units.count < 2:
        return unmeasured(f"too few: {counted(len(both), 'record')} of one unit read in both runs", n=len(both))
    within = None if units.are_records else spread(differences, units.codes)
    up, down = float((differences > 0).mean()), float((differences < 0).mean())
    return paired_difference(up=up, down=down, n=len(both), within=within)


def _unseen(read: ReadRun, stages: Sequence[str]) -> tuple[UnseenAtStage, ...]:
    """Per stage and over all: failing records with a code, in the order of the sample."""
    rows: list[UnseenAtStage] = []
    failing = {row.stage for row in read.fair if row.codes and row.stage}
    for stage in (*stages, *([ALL] if len(failing) > 1 else [])):
        own = [row for row in read.fair if row.codes and row.stage and stage in (row.stage, ALL)]
        if not own:
            continue
        holders: dict[tuple[str, str], set[str]] = {}
        kinds = [frozenset((code, row.stage) for code in row.codes) for row in own]
        for row, carried in zip(own, kinds, strict=True):
            for kind in carried:
                holders.setdefault(kind, set()).add(row.unit)
        rows.append(
            UnseenAtStage(
                stage=stage,
                kinds=len(holders),
                once=sum(len(units) == 1 for units in holders.values()),
                share=unseen_share(kinds, clusters(row.unit for row in own)),
            )
        )
    return tuple(rows)


def _agreement(
    readings: Readings,
    codes: Mapping[tuple[str, str, str], frozenset[str]],
    read: ReadRun,
    stages: Sequence[str],
    *,
    seed: int,
) -> tuple[CodeAgreement, ...]:
    """Pass or fail, the first wrong stage, and each code, on the records that two or more read."""
    several = readings.by_several()
    if not several:
        return ()
    units = {row.record: row.unit for row in read.fair}
    people = sorted({reading.annotator for own in several.values() for reading in own})
    items = clusters(units.get(record, record) for record in several).codes
    order = {stage: place for place, stage in enumerate(("", *stages))}

    def of(reading: Reading) -> frozenset[str]:
        return codes.get((reading.record, reading.annotator, reading.stage), frozenset())

    def row(what: str, score: Mapping[str, Mapping[str, float]]) -> CodeAgreement:
        ratings = np.array([[score[record].get(who, np.nan) for record in several] for who in people])
        is_same = np.array([len(set(own.values())) == 1 for own in score.values()], dtype=np.float64)
        return CodeAgreement(
            what=what,
            same=wilson_of(is_same, clusters(items.tolist())),
            alpha=alpha_bootstrap(ratings, items, scale="nominal", rng=np.random.default_rng(seed)),
        )

    def scores(value: Callable[[Reading], float]) -> dict[str, dict[str, float]]:
        return {record: {r.annotator: value(r) for r in own} for record, own in several.items()}

    used = sorted({code for own in several.values() for reading in own for code in of(reading)})
    return (
        row("pass or fail", scores(lambda reading: float(reading.verdict == "pass"))),
        row("first wrong stage", scores(lambda reading: float(order[reading.stage]))),
        *(row(code, scores(lambda reading, code=code: float(code in of(reading)))) for code in used),
    )


_COLUMNS = (
    Column(name="Code", unit=Unit.TEXT, key="code"),
    Column(name="First wrong at", unit=Unit.TEXT, key="stage"),
    Column(name="Read", unit=Unit.COUNT),
    Column(name="Share", unit=Unit.SHARE, key="share of {code}"),
    Column(name="Points if mended", unit=Unit.POINTS, key="win of {code}"),
    Column(name="Severity", unit=Unit.TEXT, key="severity", spare=2),
    Column(name="Costs", unit=Unit.TEXT, key="cost", spare=1, is_cut=True),
    Column(name="Looked up", unit=Unit.COUNT, spare=3),
    Column(name="Means", unit=Unit.TEXT, key="definition", spare=4, is_cut=True, is_hidden=True),
)
_RUNS = (
    Column(name="Code", unit=Unit.TEXT, key="code"),
    Column(name="First wrong at", unit=Unit.TEXT, key="stage"),
    Column(name="Run", unit=Unit.TEXT, key="run"),
    Column(name="Share", unit=Unit.SHARE, key="share of {code} in {run}"),
    Column(name="Change", unit=Unit.POINTS, key="change of {code} in {run}"),
)
_UNSEEN = (
    Column(name="First wrong at", unit=Unit.TEXT, key="stage"),
    Column(name="Codes", unit=Unit.COUNT),
    Column(name="Seen once", unit=Unit.COUNT),
    Column(name="Still unseen", unit=Unit.SHARE, key="unseen"),
)
_AGREEMENT = (
    Column(name="What", unit=Unit.TEXT, key="what"),
    Column(name="All say the same", unit=Unit.SHARE, key="same on {what}"),
    Column(name="Alpha", unit=Unit.NUMBER, key="alpha of {what}"),
)


def codes_sheet(view: CodesView) -> Sheet:
    """What is worth most first; then the runs, what is still unseen, and how far readers agree."""
    if not view.n and not view.looked_up:
        return Sheet(
            headline=f"Nobody has read {view.run} yet", parts=("Records are read whole, one by one, on the page Read.",)
        )
    return Sheet(headline=_headline(view), parts=(*_basis(view), *_tables(view)))


def _headline(view: CodesView) -> str:
    if not view.n:
        return f"{counted(view.looked_up, view.noun)} of {view.run} looked up, none of the fair sample read"
    fails = f"{figures.figure(view.failing, Unit.SHARE)} of {counted(view.n, view.noun)} read fail"
    best = next((row for row in view.rows if row.win.is_measured and row.count), None)
    if best is None:
        return fails
    return f"{fails}; mend {best.code} at {best.stage} first: {figures.figure(best.win, Unit.POINTS)} points"


def _basis(view: CodesView) -> tuple[str, ...]:
    old = sum(row.before_version for row in view.rows)
    readers, changes = counted(len(view.readers), "reader"), counted(view.version, "change")
    return (
        f"A fair sample of {view.run}, read by {readers}; the codebook has had {changes}. {Rests.READINGS}"
        if view.n
        else "",
        f"{counted(view.uncoded, 'failure')} without a code: give them one, or the table is too small."
        if view.uncoded
        else "",
        f"{counted(old, view.noun)} got the code before its meaning was what it is: read again." if old else "",
    )


def _tables(view: CodesView) -> tuple[str | Table, ...]:
    missing = why_missing(
        (f"{name} {figure}", estimate)
        for figure, own in (
            ("share", {f"{row.code} at {row.stage}": row.share for row in view.rows}),
            ("points", {f"{row.code} at {row.stage}": row.win for row in view.rows if row.code != UNCODED}),
            ("unseen share", {row.stage: row.share for row in view.unseen}),
            ("alpha", {row.what: row.alpha for row in view.agreement}),
        )
        for name, estimate in own.items()
    )
    rows = tuple(
        (row.code, row.stage, row.count, row.share, row.win, row.severity or "-", row.cost or "-", row.looked_up,
         row.definition or "-")
        for row in view.rows
    )  # fmt: skip
    runs = tuple((row.code, row.stage, row.run, row.share, row.change) for row in view.runs)
    unseen = tuple((row.stage, row.kinds, row.once, row.share) for row in view.unseen)
    agreement = tuple((row.what, row.same, row.alpha) for row in view.agreement)
    return (
        Table(columns=_COLUMNS, rows=rows, title="What goes wrong, where first"),
        "Points if mended: what the end would win if the code were gone, as far as those who read can tell: records "
        "with this code alone, times the share of records right up to its stage that pass. Never above its share."
        if any(row.win.is_measured for row in view.rows)
        else "",
        Table(columns=_RUNS, rows=runs, title="Over the runs that were read"),
        Table(columns=_UNSEEN, rows=unseen, title="How much is still unseen"),
        "Still unseen: the share of failing records whose code nobody has seen yet (Good-Turing), and the share that "
        "it lies below (one-sided, 95%)."
        if unseen
        else "",
        Table(columns=_AGREEMENT, rows=agreement, title="How far readers agree"),
        *missing,
    )
