"""What changed, in sentences."""

from __future__ import annotations

from stagegap.analysis.changes.claims import claim_sentence
from stagegap.analysis.changes.views import StageShare, WhatChanged
from stagegap.analysis.verdict import ENOUGH_RECORDS
from stagegap.analysis.wording import listed, plural, sentence
from stagegap.model.cascade import Cascade
from stagegap.tables import figures


def headline(view: WhatChanged, cascade: Cascade) -> str:
    """The difference with the stages that it comes from: only those that can be told from no change."""
    total = view.total
    if not total.change.is_measured:
        return sentence(total.change.method)
    if total.verdict == "too few":
        return f"Too few to read: {total.change.n} of {ENOUGH_RECORDS} {plural(view.noun, 2)}"
    changed = [row for row in view.stages if row.status == "changed"]
    if not changed:
        return "No stage that reaches the outcome changed"
    points, parts_of = figures.percent(total.change.value), view.printed
    told_of = [row for row in changed if row.claim.verdict in ("improved", "regressed")]
    named = [(row, parts_of[row.stage]) for row in told_of]
    named.sort(key=lambda pair: (-abs(pair[0].claim.change.value), pair[0].stage))
    parts = [f"{figures.signed(part)} from {row.stage}{_why(view, cascade, row)}" for row, part in named]
    start = f"{figures.signed(points)} {plural('point', abs(points))}"
    if total.verdict == "tied":
        nothing = f"No measurable difference (n = {total.change.n:,})"
        return f"{nothing}, but {', '.join(parts)}" if parts else nothing
    return f"{start}: {', '.join(parts)}" if parts else f"{start}, and no stage stands out"


def _why(view: WhatChanged, cascade: Cascade, row: StageShare) -> str:
    """Say on which other change a contribution depends, where the interaction is beyond doubt."""
    pairs = [pair for pair in view.pairs if pair.later == row.stage and pair.earlier in cascade.ancestors(row.stage)]
    used = [pair for pair in pairs if pair.is_used_to_old]
    if used:
        return f", which had got used to the old {min(used, key=lambda pair: pair.claim.change.value).earlier}"
    needs = [pair for pair in pairs if pair.claim.verdict == row.claim.verdict == "improved" and pair.with_old.low <= 0]
    if needs:
        return f", which pays only with the new {max(needs, key=lambda pair: pair.claim.change.value).earlier}"
    return ""


def summary(view: WhatChanged) -> str:
    """Every contribution with its interval, and what did not change."""
    changed = [row for row in view.stages if row.status == "changed"]
    same = [row.stage for row in view.stages if row.status != "changed"]
    points = view.printed
    parts = [
        f"{claim_sentence(row.stage, row.claim, noun=view.noun, points=points.get(row.stage))}." for row in changed
    ]
    parts += [f"{claim_sentence('in all', view.total, noun=view.noun)}."] if changed else []
    parts += [f"{sentence(listed(same))} {'is' if len(same) == 1 else 'are'} the same or can't matter."] if same else []
    parts += [f"{view.left_out:,} {plural(view.noun, view.left_out)} left out for lack of an outcome."] * bool(
        view.left_out
    )
    return " ".join(parts)
