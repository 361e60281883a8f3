"""What people read, counted by code and first wrong stage: shares, points, change, what is unseen, agreement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stagegap import registry
from stagegap.analysis.codes import ALL, UNCODED, CodesView, ReadRecord, ReadRun, codes_view, passes_after, read_run
from stagegap.model.notes import CodeEvent, Reading
from stagegap.people.codebook import Codebook, codebook
from stagegap.people.readings import Readings, in_force
from stagegap.stats.intervals import wilson

STAGES = ("route", "retrieve", "draft")
Said = tuple[str, tuple[str, ...]]
"""The first wrong stage (empty: it passed), and the codes."""


def events_of(
    said: Sequence[Said], *, who: str = "ab", run: str = "k1", queue: str = "q", at: float = 1.0
) -> tuple[list[Reading], list[CodeEvent]]:
    readings = [
        Reading(
            id=f"{who} {run} {i}", record=f"m{i:03}", annotator=who, run=run, action="read",
            verdict="fail" if stage else "pass", stage=stage, queue=queue, at=at,
        )
        for i, (stage, _) in enumerate(said)
    ]  # fmt: skip
    codes = [
        CodeEvent(
            id=f"{who} {run} {i} {code}", stage=stage, record=f"m{i:03}", annotator=who, action="add", tag=code,
            run=run, at=at,
        )
        for i, (stage, own) in enumerate(said)
        for code in own
    ]  # fmt: skip
    return readings, codes


def view_of(
    readings: Readings,
    book: Codebook,
    *,
    earlier: Sequence[ReadRun] = (),
    units: Mapping[str, str] | None = None,
    stages: Sequence[str] = STAGES,
) -> CodesView:
    places = {record: i for i, record in enumerate(sorted({record for record, _ in readings.by_reader}))}
    read = read_run("v1", readings, book, key="k1", units=units or {}, places=places)
    return codes_view(
        read, earlier, readings, book, key="k1", cascade="mail", noun="mail", stages=stages, seed=3
    )  # fmt: skip


def seen(said: Sequence[Said], **more: object) -> CodesView:
    readings, codes = events_of(said)
    return view_of(in_force(readings), codebook(codes), **more)  # type: ignore[arg-type]  # options of `view_of`


SAID: list[Said] = [
    *[("", ())] * 20,
    *[("route", ("wrong team",))] * 6,
    *[("route", ("wrong team", "two topics"))] * 2,
    *[("draft", ("no price",))] * 10,
    *[("draft", ())] * 2,
]


def test_share_is_of_all_records_read_with_wilsons_interval() -> None:
    view = seen(SAID)
    row = next(row for row in view.rows if row.code == "wrong team")
    expected = wilson(8 / 40, n=40)
    assert (row.stage, row.count, row.share.value, row.share.low) == ("route", 8, 0.2, pytest.approx(expected.low))
    assert (view.n, view.failing.value, view.uncoded) == (40, 0.5, 2)


def test_points_are_records_with_the_code_alone_times_what_passes_behind_its_stage() -> None:
    """6 of 40 have it alone; of 32 that were right at route 20 pass: 15% x 62.5% = 9.4 points, never above 20%."""
    rows = {row.code: row for row in seen(SAID).rows}
    assert rows["wrong team"].win.value == pytest.approx(0.15 * 0.625)
    assert rows["wrong team"].win.high <= rows["wrong team"].share.high
    assert rows["two topics"].win.value == 0.0
    assert rows["no price"].win.value == pytest.approx(0.25), "nothing comes after the last stage"
    assert rows["no price"].win.low == pytest.approx(rows["no price"].share.low)
    assert rows[UNCODED].win.method == "not measured: these failures have no code"
    assert [row.code for row in seen(SAID).rows] == ["no price", "wrong team", "two topics", UNCODED]


def test_nothing_that_was_right_at_a_stage_leaves_its_points_unmeasured() -> None:
    view = seen([("route", ("wrong team",))] * 5)
    assert view.rows[0].win.method == "too few: no record read was right at route"
    read = ReadRun(run="v1", fair=(), looked_up=())
    assert passes_after(read, "draft", STAGES).value == 1.0


def test_records_of_one_cluster_widen_the_share() -> None:
    units = {f"m{i:03}": str(i // 5) for i in range(40)}
    alone, together = (next(r for r in seen(SAID, units=u).rows if r.code == "no price") for u in ({}, units))
    assert together.share.clusters == 8
    assert together.share.low < alone.share.low
    assert together.share.high > alone.share.high


def test_what_was_looked_up_enters_no_share() -> None:
    fair, codes = events_of(SAID[:24])
    hunted, more = events_of([("draft", ("rude",)), *[("", ())] * 20, ("draft", ("rude",))], who="cd", queue="", at=2.0)
    extra = [replace(hunted[0], record="x1"), replace(hunted[-1], record="x2")]
    marks = [replace(more[0], record="x1"), replace(more[1], record="x2")]
    view = view_of(in_force([*fair, *extra]), codebook([*codes, *marks]))
    row = next(row for row in view.rows if row.code == "rude")
    assert (row.count, row.looked_up, row.share.value, view.n, view.looked_up) == (0, 2, 0.0, 24, 2)
    only = view_of(in_force(extra), codebook(marks))
    assert not only.rows[0].share.is_measured
    sheet = registry.view("codes").sheet(only)
    assert sheet.headline == "2 mails of v1 looked up, none of the fair sample read"


def test_severity_meaning_and_cost_stand_beside_and_older_marks_are_counted() -> None:
    readings, codes = events_of(SAID)
    define = CodeEvent(
        id="d", stage="", annotator="cd", action="define", tag="no price", definition="No price in it.",
        severity="major", cost="2 days", at=5.0,
    )  # fmt: skip
    late = replace(codes[-1], id="late", at=9.0, run="k2")
    view = view_of(in_force(readings), codebook([*codes, define, late]))
    row = view.rows[0]
    assert (row.code, row.severity, row.definition, row.cost) == ("no price", "major", "No price in it.", "2 days")
    assert row.before_version == 10
    assert (
        "10 mails got the code before its meaning was what it is: read again."
        in registry.view("codes").sheet(view).sentences
    )


def run_of(name: str, said: Sequence[Said], *, shift: int = 0) -> ReadRun:
    return ReadRun(
        run=name,
        fair=tuple(
            ReadRecord(record=f"m{i + shift:03}", unit=f"m{i + shift:03}", place=i, stage=stage, codes=frozenset(own))
            for i, (stage, own) in enumerate(said)
        ),
        looked_up=(),
    )


def test_change_between_runs_is_paired_where_the_same_records_were_read() -> None:
    before = run_of("v0", [("draft", ("no price",))] * 30 + [("", ())] * 10)
    rows = [row for row in seen(SAID, earlier=[run_of("none", []), before]).runs if row.code == "no price"]
    assert [(row.run, row.share.value) for row in rows] == [("v0", 0.75), ("v1", 0.25)]
    assert rows[0].change.method == "not measured: nothing was read before it"
    assert (rows[1].change.value, rows[1].change.n) == (pytest.approx(-0.5), 40)
    assert rows[1].change.method.startswith("Tango")
    others = seen(SAID, earlier=[run_of("v0", [("", ())] * 40, shift=500)]).runs
    apart = next(row for row in others if (row.code, row.run) == ("no price", "v1"))
    assert apart.change.value == pytest.approx(0.25)
    assert apart.change.method.startswith("difference of independent samples")
    assert seen(SAID).runs == ()


def test_change_on_records_of_one_unit_is_not_measured() -> None:
    units = {f"m{i:03}": "one" for i in range(40)}
    row = next(r for r in seen(SAID, earlier=[run_of("v0", SAID)], units=units).runs if r.run == "v1")
    assert row.change.method == "too few: 40 records of one unit read in both runs"
    halves = {f"m{i:03}": str(i % 4) for i in range(40)}
    assert next(
        r for r in seen(SAID, earlier=[run_of("v0", SAID)], units=halves).runs if r.run == "v1"
    ).change.is_measured


def test_unseen_is_said_per_stage_and_over_all() -> None:
    rows = {row.stage: row for row in seen(SAID).unseen}
    assert list(rows) == ["route", "draft", ALL]
    assert (rows["route"].kinds, rows["route"].once, rows["route"].share.value) == (2, 0, 0.0)
    single = seen([("draft", ("a",)), ("draft", ("b",)), *[("draft", ("c",))] * 8]).unseen
    assert [(row.stage, row.kinds, row.once, row.share.value) for row in single] == [("draft", 3, 2, 0.2)]


def test_agreement_rests_on_the_records_that_several_read() -> None:
    readings, codes = events_of(SAID)
    again, theirs = events_of([*SAID[:24], *[("draft", ("wrong team",))] * 4], who="cd", at=2.0)
    view = view_of(in_force([*readings, *again]), codebook([*codes, *theirs]))
    rows = {row.what: row for row in view.agreement}
    assert list(rows) == ["pass or fail", "first wrong stage", "two topics", "wrong team"]
    assert rows["pass or fail"].same.value == 1.0
    assert rows["pass or fail"].alpha.method == "too few: every resample gives the same value"
    assert (rows["first wrong stage"].same.value, rows["first wrong stage"].same.n) == (pytest.approx(24 / 28), 28)
    assert rows["first wrong stage"].alpha.value < 1
    assert rows["two topics"].same.value == pytest.approx(26 / 28)
    assert view.readers == ("ab", "cd")
    assert seen(SAID).agreement == ()


def test_order_of_events_of_different_people_and_of_stages_in_the_list_changes_no_share() -> None:
    first, codes = events_of(SAID[:20], who="ab")
    second, more = events_of([("", ())] * 20 + SAID[20:], who="cd")
    one = view_of(in_force([*first, *second[20:]]), codebook([*codes, *more]))
    other = view_of(in_force([*second[20:], *first]), codebook([*more, *codes]))
    assert [(row.code, row.stage, row.share, row.win) for row in one.rows] == [
        (row.code, row.stage, row.share, row.win) for row in other.rows
    ]


@given(
    st.lists(
        st.one_of(
            st.just(("", ())),
            st.tuples(st.sampled_from(STAGES), st.lists(st.sampled_from("abc"), unique=True, max_size=2).map(tuple)),
        ),
        max_size=30,
    )
)
def test_points_lie_between_nothing_and_the_share(said: list[Said]) -> None:
    view = seen(said)
    for row in view.rows:
        if row.win.is_measured:
            assert 0 <= row.win.low <= row.win.value <= row.win.high <= 1
            assert row.win.value <= row.share.value + 1e-12
            assert row.win.high <= row.share.high + 1e-12
    assert registry.view("codes").sheet(view).headline


def test_sheet_says_what_to_do_first() -> None:
    sheet = registry.view("codes").sheet(seen(SAID))
    assert sheet.headline == "50% (35 to 65) of 40 mails read fail; mend no price at draft first: +25 (14 to 40) points"
    assert "2 failures without a code: give them one, or the table is too small." in sheet.sentences
    assert [table.title for table in sheet.tables if table.is_visible] == [
        "What goes wrong, where first",
        "How much is still unseen",
    ]
    nothing = registry.view("codes").sheet(seen([]))
    assert nothing.headline == "Nobody has read v1 yet"
    assert registry.view("codes").sheet(seen([("", ())] * 30)).headline == "0% (0 to 11) of 30 mails read fail"
    figures = {row["figure"] for row in sheet.rows()}
    assert {"share of no price", "win of no price", "unseen"} <= figures


def world(n: int, rng: np.random.Generator) -> list[Said]:
    """Records with planted faults at each stage: who reads sees the first, and its codes."""
    said: list[Said] = []
    for _ in range(n):
        first = next((stage for stage in STAGES if rng.random() < 0.25), "")
        codes = tuple(code for code in ("x", "y") if rng.random() < 0.6)
        said.append((first, codes if first else ()))
    return said


@pytest.mark.slow
@pytest.mark.parametrize("n", [60, 200])
def test_points_hold_what_mending_a_planted_code_would_have_won(n: int) -> None:
    """True points: right at route 75%, wrong at retrieve 25%, x alone 24%, right behind it 75%."""
    rng = np.random.default_rng(n)
    truth, trials, holds = 0.75 * 0.25 * 0.6 * 0.4 * 0.75, 1_000, 0
    for _ in range(trials):
        row = next((r for r in seen(world(n, rng)).rows if (r.code, r.stage) == ("x", "retrieve")), None)
        holds += row is None or row.win.low <= truth <= row.win.high
    assert 0.93 <= holds / trials <= 0.985
