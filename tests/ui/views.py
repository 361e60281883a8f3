"""Invented scorecards: every number here was made up for a test and measures nothing."""

from __future__ import annotations

from dataclasses import replace

from stagegap.analysis.codes import CodesView, ReadRecord, ReadRun, codes_view
from stagegap.analysis.views import (
    Bounds,
    FailureRow,
    OutcomeBounds,
    Scorecard,
    SliceRow,
    StageDetail,
    StageRow,
    StepBounds,
    Verdict,
    from_json,
    to_json,
)
from stagegap.model.estimate import Estimate, unmeasured
from stagegap.people.codebook import codebook
from stagegap.people.readings import in_force

NOT_YET = "not measured: double-label 40 records"


def est(value: float, low: float, high: float, n: int = 600) -> Estimate:
    return Estimate(value=value, low=low, high=high, n=n, method="bootstrap")


def stage_row(
    name: str, position: int, system: Estimate, person: Estimate, gap: Estimate, gain: Estimate, **more: object
) -> StageRow:
    row = StageRow(
        stage=name,
        position=position,
        metric="accuracy",
        calls=600,
        failures={},
        in_place=system,
        alone=system,
        system=system if gap.is_measured else unmeasured(NOT_YET),
        person=person,
        gap=gap,
        agreement=est(0.94, 0.88, 0.97, 120),
        gain=gain,
        fixed=30,
        broken=4,
        first_faults=40,
        p_first=0.0,
    )
    return replace(row, **more)


def detail(stage: str, noun_texts: list[str], *, failures: int) -> StageDetail:
    groups = tuple(
        SliceRow(
            group=group,
            failures=k,
            n=n,
            rate=est(k / n, max(0, k / n - 0.08), min(1, k / n + 0.08), n),
            excess=k - 0.37 * n,
            stands_out=k / n - 0.08 > 0.37,
        )
        for group, k, n in (
            ("topics: two", 117, 166),
            ("language: de", 51, 112),
            ("channel: form", 33, 79),
            ("language: es", 24, 55),
            ("channel: mail", 42, 106),
            ("difficulty: hard", 19, 46),
            ("language: fr", 4, 20),
        )
    )
    rows = tuple(
        FailureRow(
            record=f"m{i:04d}",
            title=text,
            system="KB-071",
            reference="KB-014, KB-071",
            score=0.5,
            first_fault=i % 2 == 0,
        )
        for i, text in enumerate(noun_texts)
    )
    return StageDetail(
        stage=stage,
        failures=failures,
        n=600,
        average=est(0.37, 0.33, 0.41),
        groups=groups,
        groups_checked=11,
        rows=rows,
    )


MAILS = [
    "App crashes when I open settings",
    "Refund went to a closed card",
    "Press enquiry",
    "Why did my plan price go up?",
    "I was charged twice in March",
    "Invoice shows the wrong VAT number",
    "Parcel marked delivered, not here",
    "Two boxes, only one arrived",
    "Please delete my account",
    "![pixel](http://tracker.invalid/p.png) <img src=http://tracker.invalid/i onerror=hacked=1>"
    "<script>hacked=1</script>",
]


def scorecard() -> Scorecard:
    stages = (
        stage_row(
            "route", 1, est(0.94, 0.92, 0.955), est(0.97, 0.955, 0.985), est(0.03, 0.01, 0.06), est(0.014, 0.0, 0.03)
        ),
        stage_row(
            "retrieve",
            2,
            est(0.63, 0.59, 0.67),
            est(0.92, 0.90, 0.94),
            est(0.29, 0.25, 0.34),
            est(0.196, 0.16, 0.24),
            first_faults=181,
            p_first=0.99,
        ),
        stage_row(
            "draft",
            3,
            est(0.87, 0.845, 0.90),
            est(0.95, 0.93, 0.965),
            est(0.08, 0.04, 0.11),
            est(0.07, 0.04, 0.10),
            first_faults=45,
            failures={"refused": 3},
        ),
    )
    return Scorecard(
        cascade="support_email",
        run="v14",
        started_at=1763460000.0,
        noun="mail",
        n_records=1000,
        n_scored=600,
        n_infrastructure=0,
        annotators=3,
        outcome_name="good replies (draft.fact_recall >= 0.8)",
        good=0.8,
        system=est(0.56, 0.52, 0.60),
        ceiling=est(0.84, 0.81, 0.87),
        person=unmeasured(NOT_YET),
        stages=stages,
        details=(
            detail("route", MAILS[:3], failures=3),
            detail("retrieve", MAILS, failures=222),
            detail("draft", MAILS[3:6], failures=3),
        ),
        fault_matrix=((32, 25, 20), (0, 222, 140), (0, 0, 9)),
        beyond_references=96,
        verdict=Verdict(
            kind="holds back",
            stage="retrieve",
            headline="Retrieve holds this system back",
            summary="The system gives 56% good replies. References at every stage give 84%. Of these 28 points, "
            "20 come from retrieve (95% interval 16 to 24), 7 from draft, 1 from route.",
            basis="600 mails labelled by 3 people. Two labellers agree on 94% of the 120 mails both labelled "
            "(95% interval 88 to 97).",
        ),
        missing_baseline_fields=("population", "pay"),
        labels_seq=100,
        resamples=2000,
        seed=1,
    )


def without_person() -> Scorecard:
    full = scorecard()
    none = unmeasured(NOT_YET)
    stages = tuple(replace(s, system=none, person=none, gap=none, agreement=none) for s in full.stages)
    return replace(full, stages=stages)


def few() -> Scorecard:
    full = without_person()
    stages = tuple(
        replace(
            s, in_place=replace(s.in_place, low=s.in_place.low - 0.15, n=22), gain=unmeasured("too few: 22 records")
        )
        for s in full.stages
    )
    verdict = Verdict(
        kind="too few", stage=None, headline="Too few records to tell", summary="22 of 30 records.", basis="1 person."
    )
    return replace(full, stages=stages, ceiling=unmeasured("too few: 22 records"), verdict=verdict)


def long_names() -> Scorecard:
    """A stage whose name is wider than a phone and has no blank."""
    return from_json(Scorecard, to_json(scorecard()).replace("retrieve", "a_stage_that_" + "retrieves_" * 6))


def bounded() -> Scorecard:
    """A cascade of recorded outputs: gains are known within bounds only."""
    full = scorecard()

    def bounds(worst: float, best: float) -> Bounds:
        return Bounds(
            worst=est(worst, worst - 0.02, worst + 0.02), best=est(best, best - 0.02, best + 0.02), unknown=40
        )

    nothing = Bounds(worst=unmeasured("too few: 3 records"), best=unmeasured("too few: 3 records"), unknown=0)
    steps = (
        StepBounds(stage="route", outcome=bounds(0.54, 0.61), gain=bounds(-0.02, 0.05)),
        StepBounds(stage="retrieve", outcome=bounds(0.60, 0.80), gain=bounds(0.05, 0.25)),
        StepBounds(stage="draft", outcome=nothing, gain=nothing),
    )
    found = OutcomeBounds(
        cascade=full.cascade,
        noun=full.noun,
        n=600,
        system=full.system,
        steps=steps,
        sentence="Recorded outputs can't be run again, so what references would gain is only known within bounds.",
    )
    why = unmeasured("not measured: recorded outputs can't be run again")
    return replace(full, bounds=found, ceiling=why, stages=tuple(replace(stage, gain=why) for stage in full.stages))


def read() -> CodesView:
    """40 records that one person read: a quarter fails at retrieve, for one reason."""
    rows = tuple(
        ReadRecord(
            record=f"m{n}", unit=f"m{n}", place=n, stage="" if n % 4 else "retrieve",
            codes=frozenset() if n % 4 else frozenset({"two topics"}),
        )
        for n in range(40)
    )  # fmt: skip
    run = ReadRun(run="v14", fair=rows, looked_up=())
    stages = ("route", "retrieve", "draft")
    view = codes_view(
        run, [], in_force(()), codebook(()), key="r", cascade="support_email", noun="mail", stages=stages, seed=1
    )
    return replace(view, readers=("ab",))
