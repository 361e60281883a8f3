"""Every chart with figures that are hard to draw: 0, 1, equal, few, twelve stages, long names, nothing measured."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace

from analysis.test_cheaper import trial, view_of
from stagegap import charts
from stagegap.analysis.changes import Claim, Comparison, ConfigChange, StageShare, WhatChanged
from stagegap.analysis.curves import RunTraining, TrainingView
from stagegap.analysis.failures import Confusion
from stagegap.analysis.ledger import ledger, waiting_row
from stagegap.analysis.record_view import Difference, Mark, RecordView, StageBlock
from stagegap.analysis.runs import RunPoint, RunsView
from stagegap.analysis.views import Scorecard, SliceRow, StageDetail, StageRow, StairStep
from stagegap.model.curves import Curve, Training
from stagegap.model.estimate import Estimate, unmeasured
from stagegap.model.notes import Failure, FailurePage
from stagegap.model.run import Expectation
from stagegap.oddities.card import Checked, Plot
from stagegap.oddities.card import Mark as Point
from stagegap.people.disagreements import Decision
from stagegap.people.histories import LabelHistory, OwnLabel
from stagegap.people.roster import Labellers
from ui import changes, views

LONG = "classify_customer_intent_and_language"
WORD = "Aufenthaltserlaubnisantrag"
SHORT = tuple("abcdefghijkl")
LONGS = tuple(f"{LONG}_{i}" if i % 2 else f"{WORD} {i}" for i in range(12))
NOT_MEASURED = unmeasured(f"not measured: no invoice has two labels at {LONG}")


def est(value: float, low: float | None = None, high: float | None = None, n: int = 600) -> Estimate:
    return Estimate(
        value=value, low=value if low is None else low, high=value if high is None else high, n=n, method="x"
    )


Figures = tuple[Estimate, Estimate, Estimate]
"""System, person, gain."""

KINDS: dict[str, Callable[[int], Figures]] = {
    "nothing right": lambda i: (est(0.0), est(0.0), est(0.0)),
    "all right": lambda i: (est(1.0), est(1.0), est(0.0)),
    "all the way": lambda i: (est(0.0), est(1.0), est(1.0 if i == 0 else 0.0)),
    "equal": lambda i: (est(0.5, 0.4, 0.6), est(0.5, 0.4, 0.6), est(0.0, -0.11, 0.11)),
    "near": lambda i: (est(0.981, 0.97, 1.0), est(0.99, 0.98, 1.0), est(0.004, -0.01, 0.01)),
    "few": lambda i: (est(0.71, 0.3, 1.0, 7), est(1.0, 0.6, 1.0, 7), est(0.1, -0.4, 0.6, 7)),
    "wide": lambda i: (est(0.5, 0.0, 1.0), est(0.6, 0.0, 1.0), est(0.04, -1.0, 1.0)),
    "worse than nothing": lambda i: (est(0.9, 0.8, 1.0), est(0.1, 0.0, 0.2), est(-0.06, -0.1, 0.02)),
    "alone": lambda i: (est(0.42, 0.3, 0.55), NOT_MEASURED, est(0.03, 0.0, 0.06)),
    "not measured": lambda i: (NOT_MEASURED, NOT_MEASURED, NOT_MEASURED),
}


CURVES = {
    "one step": (0.5,),
    "equal": (0.25, 0.25, 0.25),
    "broken": (math.nan, math.nan),
    "far apart": (1e-12, 123_456_789.123, math.nan, -1e300, 4.0),
}


def trainings(values: tuple[float, ...]) -> TrainingView:
    """Twelve stages with long names in two runs."""
    steps = tuple(1e6 * i for i in range(len(values)))
    curves = tuple(Curve(name=name, steps=steps, values=values) for name in ("loss", f"held_out_{WORD}"))
    stages = tuple(Training(stage=name, key="k", curves=curves, seconds=1.0) for name in LONGS)
    return TrainingView(cascade="mail", runs=tuple(RunTraining(run=run, stages=stages) for run in ("v1", LONG)))


def cards() -> Iterator[tuple[str, Scorecard]]:
    """Scorecards with each kind of figures, of one stage, three, and twelve with long names."""
    for kind, figures in KINDS.items():
        for names in (SHORT[:1], SHORT, LONGS[:3], LONGS):
            yield f"{kind}, {len(names)} stages as {names[-1]}", card(names, figures)


def card(names: tuple[str, ...], figures: Callable[[int], Figures]) -> Scorecard:
    base = views.scorecard()
    rows = tuple(stage(name, i, *figures(i)) for i, name in enumerate(names))
    system, person, _ = figures(0)
    return replace(
        base,
        stages=rows,
        system=system,
        person=person,
        ceiling=est(1.0) if system.is_measured else NOT_MEASURED,
        staircase=tuple(StairStep(stage=row.stage, gain=row.gain) for row in rows),
        fault_matrix=tuple(tuple(123_456 // (j + 1) for j in range(len(names))) for _ in names),
        details=tuple(detail(row.stage, system) for row in rows),
        verdict=replace(base.verdict, stage=names[0]),
        labellers=Labellers(population="language model, no people"),
        bounds=None,
    )


def stage(name: str, place: int, system: Estimate, person: Estimate, gain: Estimate) -> StageRow:
    both = system.is_measured and person.is_measured
    distance = person.value - system.value
    gap = est(distance, max(-1.0, distance - 0.2), min(1.0, distance + 0.2), system.n) if both else NOT_MEASURED
    base = views.stage_row(name, place + 1, system, person, gap, gain)
    return replace(base, agreement=person, gain_alone=gain, first_faults=123_456 * (place == 0))


def detail(name: str, rate: Estimate) -> StageDetail:
    groups = tuple(
        SliceRow(group=group, failures=123_456, n=987_654, rate=rate, excess=1.0, stands_out=True)
        for group in (f"language: {WORD}", f"{LONG}: de", "a: b")
    )
    return StageDetail(
        stage=name, failures=2, n=600, average=rate, groups=groups, groups_checked=3,
        rows=views.scorecard().details[1].rows,
    )  # fmt: skip


def comparisons() -> Iterator[tuple[str, Comparison]]:
    base = changes.comparison(listed=3)
    for kind, figures in KINDS.items():
        change = figures(0)[2]
        for verdict in ("improved", "regressed", "tied", "too few"):
            claim = Claim(change=change, p=0.01, p_adjusted=0.02, verdict=verdict)
            rows = tuple(replace(base.stages[0], stage=name, claim=claim) for name in LONGS[:3])
            yield f"{kind} {verdict}", replace(base, stages=rows, outcome=replace(base.outcome, claim=claim))


def what_changed(view: Comparison) -> WhatChanged:
    shares = tuple(
        StageShare(
            stage=row.stage, status="changed", claim=row.claim, alone=row.alone, last=row.alone, fixed=123_456,
            broken=123_456,
        )
        for row in view.stages
    )  # fmt: skip
    return WhatChanged(
        cascade="c", before="v123", after=LONG, noun="invoice", outcome_name="good invoices", n=600, left_out=0,
        total=view.outcome.claim, stages=shares, pairs=(), headline="", summary="", orders=None, resamples=200, seed=0,
    )  # fmt: skip


def runs() -> Iterator[tuple[str, RunsView]]:
    knobs = {
        "words": lambda i: f"{LONG} {i}",
        "numbers close together": lambda i: str(100 + i / 1000),
        "one number twice": lambda i: ("1", "1.0")[i % 2],
        "not a number": lambda i: ("nan", "3")[i % 2],
        "equal": lambda i: "x",
    }
    for kind, figures in KINDS.items():
        for knob, value in knobs.items():
            for count in (1, 2, 13, 60):
                rows = tuple(
                    RunPoint(
                        run=f"v{i}-{WORD}", started_at=1.0, knobs={"stages.b.with.k": value(i)},
                        estimates={"outcome": figures(i)[0]}, records=40, cost=123_456.5, tags=(LONG,),
                        is_best_so_far=i == 0,
                    )
                    for i in range(count)
                )  # fmt: skip
                yield f"{kind}, {count} runs, {knob}", RunsView(
                    cascade="c", noun="invoice", outcome_name="good", knobs=("stages.b.with.k",),
                    measures=("outcome",), rows=rows, headline="", warning="",
                )  # fmt: skip


def plots() -> Iterator[tuple[str, Plot]]:
    for kind, figures in KINDS.items():
        for places in ((0.1, 0.11, 0.12), (0.0, 0.0, 1.0), (1.0, 10.0, 1000.0), (math.nan,) * 3):
            marks = tuple(
                Point(name=f"{LONG} {x:g}", y=figures(i)[0], expected=x if x <= 1 else math.nan, x=x,
                      other=figures(i)[1])
                for i, x in enumerate(places)
            )  # fmt: skip
            yield f"{kind} at {places}", Plot(
                title="Sure and right", marks=marks, y_name="share right", expected_name="sure", other_name="others",
                level=figures(0)[1], level_name="labellers", line=((places[0], 0.0), (places[-1], 1.0)),
                x_name=f"how sure {LONG} is of what it answers, by its own account", is_log=places[0] == 1.0,
            )  # fmt: skip


def lists() -> Iterator[tuple[str, str, str]]:
    """What is no chart but a list or a table beside one."""
    text = f"{WORD} {LONG} and more words " * 6
    failure = Failure(
        stage="b", record=LONG, title=text, score=0.0, first_fault=True, inherits=False, disagreed=True,
    )  # fmt: skip
    page = FailurePage(rows=(failure,) * 3, total=3, before=0, next=None)
    yield (
        "failure_list",
        "long",
        charts.failure_list(page, stage="b", noun="invoice", chosen=LONG, tags={LONG: (WORD,)}),
    )
    block = StageBlock(
        stage=LONG, badge="first fault", score=0.0, saw=(("text", text),), system=text, reference=text, also=(text,),
        facts=(Mark("missing", text),), people=f"{WORD}, {WORD}", kind="text",
        difference=Difference(system=(Mark("extra", text),), reference=(Mark("missing", text),)),
    )  # fmt: skip
    blocks = (block, replace(block, kind="items"), replace(block, difference=None))
    answers = (LONG, WORD, *(f"answer {number}" for number in range(10)))
    pairs = {(right, answered): ("r",) * 12_345 for right in answers for answered in answers[::2]}
    mistaken = Confusion(stage=LONG, right=answers, answered=answers, records=pairs)
    yield "confusion_table", "long", charts.confusion_table(mistaken, chosen=f"{WORD}{charts.ARROW}{LONG}")
    yield "record_blocks", "long", charts.record_blocks(RecordView(record=LONG, fields=(), blocks=blocks))
    yield "record_flow", "long", charts.record_flow(RecordView(record=LONG, fields=((LONG, LONG),), blocks=blocks))
    fields = ((LONG, LONG), (WORD, text), (LONG, f"{WORD}\n{WORD}"))
    yield "record_fields", "long", charts.record_fields(RecordView(record=LONG, fields=fields, blocks=()))
    turns = [{"role": LONG, "content": f"# {LONG}\n\n- {WORD * 9}"}, {"role": WORD, "content": {LONG: [WORD, 1]}}]
    for value in (turns, {LONG: {WORD: {LONG: text}}}, [{LONG: n, WORD: text} for n in range(3)], WORD * 40):
        yield (
            "value_html",
            "long",
            f'<div class="bc"><div class="sb"><div class="v">{charts.value_html(value)}</div></div></div>',
        )
    view = replace(changes.comparison(), before=LONG, after=WORD)
    row = replace(view.lists[0].worse[0], title=text, before=text, after=text, reference=text)
    yield "change_list", "long", charts.change_list([row], what="got worse", noun="invoice", chosen=None)
    yield "answers_of_both", "long", charts.answers_of_both(row, view, stage=LONG)
    yield "changed_record", "long", f'<div class="bc">{charts.changed_record(row, view)}</div>'
    yield "flip_table", "long", charts.flip_table(view.stages[0], view, chosen="worse")
    yield "flips", "long", charts.flips(replace(view, stages=tuple(replace(s, stage=LONG) for s in view.stages)))
    yield (
        "settings",
        "long",
        charts.settings([ConfigChange(path=f"stages.{LONG}.with.k", before=text, after=None)], view),
    )
    hope = Expectation(id="e", place=LONG, predicted=0.9, low=0.8, high=1.0, reason=text, who=WORD, baseline=LONG)
    yield "ledger", "long", charts.ledger(ledger("c", [waiting_row(hope)]))
    check = Checked(detector=LONG, family="x", title=LONG, rule=text, looked=123_456, n=123_456, shown=12)
    yield "checks", "long", charts.checks([check])
    mine = OwnLabel(queue="q", record=LONG, said=text, before=(text,), at=1.0)
    yield "own_labels", "long", charts.own_labels([mine], noun="invoice", link=lambda label: label.record)
    decision = Decision(record=LONG, who=WORD, verified=False, reason=text, at=1.0)
    yield "decisions", "long", charts.decisions([decision], noun="invoice", chosen=LONG)
    history = LabelHistory(stage=LONG, record=LONG, accepted=(text,), settled=text, events=(), guidelines=())
    yield "label_histories", "long", charts.label_histories([history])


def drawn() -> Iterator[tuple[str, str, str]]:
    """Name of a chart, what is hostile in it, and its HTML."""
    for kind, card in cards():
        chosen = card.stages[0].stage
        yield "gap", kind, charts.gap(card, chosen=chosen, pickable=True)
        yield "ceiling", kind, charts.ceiling(card, chosen=chosen, pickable=True)
        yield "both_gains", kind, charts.both_gains(card)
        yield "first_faults", kind, charts.first_faults(card)
        yield "agreement", kind, charts.agreement(card, chosen=chosen)
        yield "groups", kind, charts.groups(card.details[0], link=str)
        yield "together", kind, charts.together(card)
        yield "steps", kind, charts.steps(card)
    bounded = views.bounded()
    yield "ceiling", "bounds", charts.ceiling(bounded, pickable=True)
    yield "failures", "long", charts.failures(views.scorecard().details[1], noun="invoice", link=str)
    for kind, view in comparisons():
        yield "changes", kind, charts.changes(view)
        yield "contributions", kind, charts.contributions(what_changed(view))
    night = changes.variants_view()
    for kind, figures in KINDS.items():
        rows = tuple(
            replace(night.rows[0], variant=name, outcome=figures(i)[0], best=1, worst=12)
            for i, name in enumerate(LONGS)
        )
        yield "variants", kind, charts.variants(replace(night, rows=rows, leaders=LONGS[:2]))
    for kind, many in runs():
        yield "scatter", kind, charts.scatter(many, knob="stages.b.with.k", measure="outcome")
        yield "best_so_far", kind, charts.best_so_far(many)
        yield "runs_table", kind, charts.runs_table(many, measure="outcome")
    costs = {"dollars": 0.5, "seconds": 0.8, "minutes": 0.5}
    for kind, candidates in {
        "few": [trial("v2", broken=1, n=7)],
        "equal": [trial("v2", broken=0, costs=costs)],
        "all worse": [trial(f"v{i}", broken=400 if i % 2 else 4, stages=LONGS[i:], costs=costs) for i in range(12)],
    }.items():
        yield "cheaper", kind, charts.cheaper(view_of(*candidates))
    for kind, values in CURVES.items():
        yield "training", kind, charts.training(trainings(values))
    for kind, plot in plots():
        yield "oddity_plot", kind, charts.oddity_plot(plot)
    yield from lists()
