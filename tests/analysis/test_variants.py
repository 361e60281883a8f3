from __future__ import annotations

import math
from collections.abc import Sequence

import pytest

from stagegap.analysis.variants import Variant, VariantRow, VariantsView, _look_first, groups_of, variants_view
from stagegap.model.answer import Answer, Label, Output, Status
from stagegap.model.cascade import Cascade, Kind, Outcome, OutputType, Source, Stage
from stagegap.model.estimate import Estimate, unmeasured
from stagegap.model.record import Record
from stagegap.model.run import SYSTEM

STAGE = Stage(
    name="draft",
    uses="llm",
    inputs={"text": Source("record", "text")},
    output=OutputType(kind=Kind.TEXT),
    metrics=("exact",),
)
CASCADE = Cascade(name="mails", noun="mail", stages=(STAGE,), outcome=Outcome(stage="draft", metric="exact", good=1.0))


def variant(name: str, right: Sequence[bool | None], cost: float | None = None) -> Variant:
    """A variant that is right, wrong, or lost to infrastructure at each record."""
    outputs = {
        f"r{i}": Output(
            record=f"r{i}",
            stage="draft",
            status=Status.INFRASTRUCTURE if is_right is None else Status.OK,
            value=None if is_right is None else "yes" if is_right else "no",
            cost=cost,
        )
        for i, is_right in enumerate(right)
    }
    return Variant(
        name=name, run="v1", cascade=CASCADE, outputs={(str(SYSTEM), "draft"): outputs}, calls=2, dollars=0.5
    )


def view(*variants: Variant, n: int = 60) -> VariantsView:
    records = [Record(id=f"r{i}", fields={"text": "a"}) for i in range(n)]
    labels = [
        Label(id=f"l{i}", record=f"r{i}", stage="draft", annotator="ab", answer=Answer(value="yes")) for i in range(n)
    ]
    return variants_view(variants, records, labels, custom={}, seed=1, resamples=500)


def test_one_variant_is_best_where_the_data_say_so() -> None:
    found = view(variant("low", [False] * 50 + [True] * 10), variant("high", [True] * 50 + [False] * 10))
    assert [(row.variant, row.best, row.worst) for row in found.rows] == [("high", 1, 1), ("low", 2, 2)]
    assert found.headline.startswith("High is the best variant: 83% (95% interval ")
    assert (found.leaders, found.records, found.calls, found.dollars) == (("high",), 60, 4, 1.0)
    assert found.outcome == "good mails (draft.exact >= 1)"


def test_some_may_be_ahead_together() -> None:
    alike = [True] * 50 + [False] * 10
    found = view(variant("a", alike), variant("b", alike), variant("c", [False] * 60))
    assert found.leaders == ("a", "b")
    assert found.headline == "A and b are ahead and can't be told apart"


def test_equal_variants_are_not_told_apart() -> None:
    found = view(variant("a", [True, False] * 30), variant("b", [False, True] * 30))
    assert found.headline == "No variant stands out: a and b can't be told apart"


def test_a_variant_alone_is_not_called_best() -> None:
    assert view(variant("a", [True] * 60)).headline == "A is the only variant"


def test_the_ranking_rests_on_records_that_all_have_an_outcome_for() -> None:
    found = view(variant("a", [None] * 20 + [True] * 40), variant("b", [False] * 60))
    assert found.records == 40
    assert [row.outcome.n for row in found.rows] == [40, 40]


def test_a_variant_without_any_outcome_keeps_its_row_and_no_rank() -> None:
    found = view(variant("a", [True] * 60), variant("b", [None] * 60), variant("c", [False] * 60))
    assert [(row.variant, row.best) for row in found.rows] == [("a", 1), ("c", 2), ("b", None)]
    assert math.isnan(found.rows[-1].outcome.value)


def test_with_nothing_to_rank_it_says_so() -> None:
    found = view(variant("a", [None] * 60), variant("b", [None] * 60))
    assert (found.headline, found.leaders) == ("Nothing to rank: 0 mails with an outcome in every variant", ())


def test_one_record_is_too_few_to_rank() -> None:
    assert view(variant("a", [True]), variant("b", [False]), n=1).leaders == ()


def test_a_record_costs_what_its_calls_cost_cached_or_not() -> None:
    found = view(variant("a", [True] * 60, cost=0.25), variant("b", [False] * 60))
    assert found.rows[0].price.value == pytest.approx(0.25)
    assert not found.rows[1].price.is_measured


def row_of(
    name: str, best: int | None, worst: int | None, *, price: float | None = None, error: str = ""
) -> VariantRow:
    cost = unmeasured("no price") if price is None else Estimate(value=price, low=price, high=price, n=9, method="mean")
    share = Estimate(value=0.5, low=0.4, high=0.6, n=9, method="mean")
    return VariantRow(
        variant=name, run=f"v-{name}", outcome=share, best=best, worst=worst, price=cost, is_paid=True, calls=1,
        dollars=0.0, error=error,
    )  # fmt: skip


def test_groups_share_no_rank() -> None:
    rows = [row_of("a", 1, 2), row_of("b", 1, 2), row_of("c", 3, 3), row_of("d", 4, 5), row_of("e", 4, 5)]
    assert groups_of([*rows, row_of("f", None, None)]) == (("a", "b"), ("c",), ("d", "e"))
    assert groups_of([row_of("a", 1, 2), row_of("b", 1, 3), row_of("c", 2, 3)]) == (("a", "b", "c"),)
    assert groups_of([]) == ()


def test_morning_says_what_to_look_at_first() -> None:
    rows = [row_of("a", 1, 2, price=0.02), row_of("b", 1, 2, price=0.01), row_of("c", 3, 3, error="no key.")]
    assert _look_first(rows, ["a", "b"]) == (
        "c stopped: no key.",
        "B costs least of those that are ahead.",
        "Read what a changes: `stagegap compare v-c v-a`.",
    )
    assert _look_first(rows[:2], ["a", "b"])[-1] == "Read what a changes: `stagegap compare v-b v-a`."
    assert _look_first([row_of("a", 1, 1)], ["a"]) == ()
