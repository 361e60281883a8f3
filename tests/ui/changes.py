"""Invented comparisons and nights: every number here was made up for a test and measures nothing."""

from __future__ import annotations

from stagegap.analysis.changes import ChangeLists, ChangeRow, Claim, Comparison, ConfigChange, Flips, StageChange
from stagegap.analysis.variants import VariantRow, VariantsView
from stagegap.model.estimate import Estimate, unmeasured
from stagegap.stats.paired import Direction


def est(value: float, low: float, high: float, n: int = 600) -> Estimate:
    return Estimate(value=value, low=low, high=high, n=n, method="bootstrap")


def stage_change(
    stage: str, before: float, after: float, change: Estimate, verdict: Direction, flips: tuple[int, int, int, int]
) -> StageChange:
    return StageChange(
        stage=stage,
        metric="accuracy",
        is_compared=True,
        before=est(before, before - 0.04, before + 0.04),
        after=est(after, after - 0.04, after + 0.04),
        claim=Claim(change=change, p=0.01, p_adjusted=0.02, verdict=verdict),
        alone=change,
        flips=Flips(stayed_right=flips[0], broken=flips[1], fixed=flips[2], stayed_wrong=flips[3]),
        same=500,
        infrastructure_before=0,
        infrastructure_after=0,
        sentence=f"{stage}: changed",
    )


def change_row(i: int) -> ChangeRow:
    return ChangeRow(
        record=f"m{i:04d}",
        title="![pixel](http://tracker.invalid/p.png) <script>hacked=1</script>" if i == 3 else f"Mail {i}",
        before="KB-071",
        after="KB-014",
        reference="KB-071",
        score_before=1.0,
        score_after=0.0,
        flip="broken",
    )


def comparison(*, listed: int = 40) -> Comparison:
    rows = tuple(change_row(i) for i in range(listed))
    lists = ChangeLists(
        stage="outcome", worse=rows, n_worse=listed, better=(), n_better=0, changed_only=(), n_changed_only=0
    )
    return Comparison(
        cascade="support_email",
        before="v13",
        after="v14",
        noun="mail",
        outcome_name="good replies (draft.fact_recall >= 0.8)",
        n=600,
        refusal=None,
        is_accepted=False,
        headline="v14 is better than v13: +6 points (95% interval 2 to 10)",
        summary="Paired on 600 mails. Retrieve is better, draft is worse.",
        outcome=stage_change("outcome", 0.56, 0.62, est(0.06, 0.02, 0.10), "improved", (300, 20, 56, 224)),
        stages=(
            stage_change("route", 0.94, 0.94, est(0.0, -0.01, 0.01), "tied", (560, 4, 4, 32)),
            stage_change("retrieve", 0.60, 0.69, est(0.09, 0.05, 0.13), "improved", (350, 10, 64, 176)),
            stage_change("draft", 0.70, 0.66, est(-0.04, -0.07, -0.01), "regressed", (390, 30, 6, 174)),
        ),
        lists=(lists,),
        config=(ConfigChange(path="stages.retrieve.with.k", before="3", after="5"),),
        claims=4,
        resamples=2_000,
        seed=0,
    )


def variant(name: str, outcome: Estimate, best: int | None, worst: int | None, error: str = "") -> VariantRow:
    return VariantRow(
        variant=name,
        run="v20",
        outcome=outcome,
        best=best,
        worst=worst,
        price=est(0.002, 0.001, 0.003) if best else unmeasured("no call has a price"),
        is_paid=True,
        calls=600,
        dollars=1.2,
        error=error,
    )


def variants_view() -> VariantsView:
    return VariantsView(
        cascade="support_email",
        noun="mail",
        outcome="good replies (draft.fact_recall >= 0.8)",
        headline="Large is the best variant: 62% (95% interval 58 to 66)",
        records=600,
        rows=(
            variant("large", est(0.62, 0.58, 0.66), 1, 1),
            variant("small", est(0.50, 0.46, 0.54), 2, 2),
            variant("broken", unmeasured("no outcome"), None, None, error="It stopped."),
        ),
        leaders=("large",),
        calls=1_800,
        dollars=3.6,
        groups=(("large",), ("small",)),
        look_first=("broken stopped: It stopped.", "Read what large changes: `stagegap compare v19 v20`."),
    )
