"""Views of attribution as tables on a terminal."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rich.table import Table

from stagegap.analysis.agree import AgreeRow, AgreeView, JudgedOutcome
from stagegap.analysis.blame import Blame
from stagegap.analysis.faults import FaultsView
from stagegap.analysis.need import NeedView
from stagegap.analysis.planted import Selfcheck
from stagegap.analysis.slices import SlicesView
from stagegap.cli.printed import Sheet, say
from stagegap.model.estimate import Estimate
from stagegap.model.wording import counted, listed
from stagegap.people.disagreements import Weighed
from stagegap.tables import figures
from stagegap.tables.figures import Unit

ROWS_SHOWN = 12
"""Rows of a long list on a terminal; `--json` has them all."""
CONSENSUS_SHOWN = 5
"""Records that a weighed consensus would settle otherwise."""
PAIRS_SHOWN = 3
"""Pairs of neighbours of each stage."""


def table(*headings: str, texts: int = 1) -> Table:
    """An empty table; the first `texts` columns are text, the others figures."""
    grid = Table(box=None, pad_edge=False, header_style="dim")
    for position, heading in enumerate(headings):
        grid.add_column(heading, no_wrap=position < texts, justify="left" if position < texts else "right")
    return grid


def share(estimate: Estimate) -> str:
    """A share with its interval."""
    return figures.figure(estimate, Unit.SHARE)


def gain(estimate: Estimate, *, points: int | None = None) -> str:
    """A difference with its interval; `points` where it was rounded together with others."""
    return figures.figure(estimate, Unit.POINTS, rounded=points)


def coefficient(estimate: Estimate) -> str:
    """A coefficient of agreement with its interval, or a dash."""
    return figures.figure(estimate, Unit.NUMBER)


def reasons(estimates: Sequence[tuple[str, Estimate]]) -> None:
    """Print why figures are missing, each reason once."""
    by_reason: dict[str, list[str]] = {}
    for name, estimate in estimates:
        if not estimate.is_measured:
            by_reason.setdefault(estimate.method, []).append(name)
    for why, names in by_reason.items():
        say(f"{listed(list(dict.fromkeys(names)))}: {why}.")


def draw_blame(view: Blame) -> None:
    """Print one row a stage, one column a method."""
    one_order = () if view.is_chain else ("Along one order",)
    sheet = Sheet(
        *("Stage", "Gain", *one_order, "First fault", "Hazard", "Answers for", "Rank", "p, adjusted"),
        spare=("p, adjusted", "Hazard", *one_order, "Answers for", "First fault"),
    )
    for row in view.stages:
        sheet.add(
            row.stage,
            gain(row.gain, points=row.points),
            *([gain(row.step)] if one_order else []),
            share(row.first_fault),
            share(row.hazard),
            share(row.answers_for),
            _span(row.best_rank, row.worst_rank),
            figures.printed(row.p_adj if row.gain.is_measured else math.nan, Unit.P),
        )
    sheet.show()
    say(
        f"{counted(view.n, view.noun)} scored, {view.bad:,} bad: {view.beyond:,} beyond references, "
        f"{view.unexplained:,} with every stage acceptable, {view.unknown:,} whose first fault is not known."
    )
    if view.named:
        say(f"{view.named} is named; allowing for its being picked as the largest, it gains {gain(view.named_gain)}.")
    if not view.is_chain:
        say(
            'Gain is the mean over all orders in which branches can be mended; "Along one order" and "Answers for" '
            f"follow {', '.join(view.staircase)}."
        )
    for note in (view.sampled, *view.disagreements) if view.sampled else view.disagreements:
        say(note)
    reasons([(row.stage, figure) for row in view.stages for figure in (row.gain, row.step, row.hazard)])


def _span(low: int, high: int) -> str:
    return str(low) if low == high else f"{low} to {high}"


def _known(count: int | None) -> str:
    return "-" if count is None else f"{count:,}"


def draw_faults(view: FaultsView) -> None:
    """Print the accounts, the funnel, the edges and the first records."""
    counted_ = ("First", "Not known", "Masked", "Introduced", "Inherited", "Recovered", "Root", "By swap", "Joint")
    sheet = Sheet("Stage", "Reached", "Hazard", *counted_, spare=("Joint", "Masked", "Inherited", "Introduced"))
    for row in view.stages:
        counts = (
            row.first_faults,
            row.unknown,
            row.masked,
            row.introduced,
            row.inherited,
            row.recovered,
            row.root_causes,
        )
        last = (_known(row.answers_for), _known(row.joint))
        sheet.add(row.stage, f"{row.reached:,}", share(row.hazard), *(f"{count:,}" for count in counts), *last)
    sheet.show()
    beyond = "" if view.beyond is None else f", {view.beyond:,} beyond references"
    say(
        f"{counted(view.n, view.noun)} scored, {view.bad:,} bad: {view.unexplained:,} with every stage acceptable, "
        f"{view.unknown:,} whose first fault is not known{beyond}."
    )
    if view.no_ceiling:
        say(f"By swap: {view.no_ceiling}.")
    edges = Sheet("From", "To", "Faults", "Of", texts=2)
    for edge in view.edges:
        edges.add(edge.last or "(record)", edge.stage, f"{edge.faults:,}", f"{edge.attempts:,}")
    edges.show()
    causes = Sheet("Record", "First fault", "Root cause", "By swap", "Begins", texts=5, cut="Begins")
    for record in view.records[:ROWS_SHOWN]:
        cells = (record.record, record.first_fault, record.root_cause, record.counterfactual)
        causes.add(*(cell or "-" for cell in cells), record.title)
    causes.show()


def draw_agree(view: AgreeView) -> None:
    """Print one row a stage, then what the people's answers rest on."""
    sheet = Sheet(
        *("Stage", "People", "Overlap", "Agreement", "Person", "System", "Gap"),
        spare=("People", "Agreement", "Overlap"),
    )
    for row in view.stages:
        counts = (f"{row.people:,}", f"{row.overlap:,}")
        sheet.add(row.stage, *counts, share(row.agreement), share(row.person), share(row.system), gain(row.gap))
    sheet.show()
    for row in view.stages:
        _draw_agreement(row)
    reasons([(row.stage, row.person) for row in view.stages])
    for judged in view.judged:
        _draw_judged(judged)
    whole = view.architecture
    if whole.loss.is_measured:
        say(
            f"People with the whole {view.noun} {share(whole.end_to_end)}, "
            f"stage by stage {share(whole.stage_by_stage)}: architecture loss {gain(whole.loss)}; "
            f"stages as good as people would win {gain(whole.staged_gap)}."
        )
    reasons([("Architecture loss", whole.loss)])
    if view.missing_baseline_fields:
        say(f"human_baseline does not say: {', '.join(view.missing_baseline_fields)}.")


def _draw_agreement(row: AgreeRow) -> None:
    if row.coefficients:
        say(f"{row.stage}: " + "; ".join(f"{named.name} {coefficient(named.value)}" for named in row.coefficients))
    if row.prevalence:
        shares = ", ".join(f"{answer.answer} {figures.share(answer.share)}" for answer in row.prevalence)
        say(f"{row.stage}: answers {shares}")
    if row.person.is_measured:
        say(f"{row.stage}: {row.person.method}.")
    if not row.weighed.problem:
        _draw_weighed(row.stage, row.weighed)
    if row.alternative is not None:
        test = row.alternative
        rejected = sum(annotator.rejected for annotator in test.annotators)
        may = "may stand in for one of them" if test.passes else "may not stand in for one of them"
        say(
            f"{row.stage}: the system holds against {rejected} of {len(test.annotators)} people and {may} "
            "(alternative annotator test)."
        )
    elif row.people:
        say(f"{row.stage}: alternative annotator test {row.no_alternative}.")


def _draw_weighed(stage: str, consensus: Weighed) -> None:
    """Print where weighing people by their care would settle otherwise than the majority."""
    start = f"{stage}: weighing people by how careful they are (Dawid-Skene)"
    if not consensus.count:
        return say(f"{start} settles all {consensus.n:,} as the majority does.")
    say(f"{start} would settle {consensus.count:,} of {consensus.n:,} otherwise than the majority:")
    for case in consensus.differ[:CONSENSUS_SHOWN]:
        say(f"  {case.record}: {case.majority} → {case.likely} (chance {figures.share(case.chance)})")
    return None


def _draw_judged(row: JudgedOutcome) -> None:
    """Print what the judged answers say of all."""
    say(
        f"{row.stage}, judged by {row.criterion}: {share(row.people)} on {row.people.n:,} judged; with {row.metric} of "
        f"all as a helper {share(row.helped)} (PPI++)."
    )
    if row.corrected.is_measured:
        say(
            f"  {share(row.passed)} pass {row.metric}; what people call good, corrected for its errors, "
            f"{share(row.corrected)} (Rogan-Gladen)."
        )
    reasons([(f"{row.stage}, PPI++", row.helped), (f"{row.stage}, Rogan-Gladen", row.corrected)])


def draw_need(view: NeedView) -> None:
    """Print what would decide the ranking, the chances, and the next records."""
    say(view.sentence)
    if view.minutes is not None and view.proposed:
        say(f"At the pace of the labels so far {view.proposed:,} more take about {view.minutes:,.0f} minutes.")
    sheet = Sheet(
        *("Stage", "Labelled", "Missing", "Gain", "Rank", "Gain that would show", "Seconds a label"),
        spare=("Seconds a label", "Gain that would show"),
    )
    for row in view.stages:
        shows = "-" if math.isnan(row.detectable) else str(figures.percent(row.detectable))
        pace = "-" if row.seconds is None else f"{row.seconds:,.0f}"
        ranks = _span(row.best_rank, row.worst_rank)
        counts = (f"{row.labelled:,}", f"{row.missing:,}")
        sheet.add(row.stage, *counts, gain(row.gain, points=row.points), ranks, shows, pace)
    sheet.show()
    if view.chances and not view.is_decided:
        picked = view.chances[:: max(1, len(view.chances) // 5)]
        odds = ", ".join(f"{promise.records:,} records {figures.share(promise.share)}" for promise in picked)
        say(f"Chance of naming the worst stage: {odds}.")
    for unlabelled in view.next[:ROWS_SHOWN]:
        say(f"{unlabelled.record}: {', '.join(unlabelled.stages)}")


def draw_slices(view: SlicesView) -> None:
    """Print the groups that fail most, then the bottleneck of each group."""
    sheet = Sheet(
        *("Group", "Stage", "Failures", "Rate", "Shrunk", "Excess", "p, adjusted", "Verdict"),
        texts=2,
        spare=("Shrunk", "Excess", "p, adjusted", "Failures"),
    )
    for finding in view.findings[:ROWS_SHOWN]:
        rate = (
            f"{finding.failures:,} of {finding.n:,}",
            share(finding.rate),
            figures.share(finding.shrunk),
            figures.change(finding.excess),
        )
        sheet.add(finding.group, finding.stage, *rate, figures.printed(finding.p_adj, Unit.P), finding.verdict)
    sheet.show()
    bottlenecks = Sheet("Group", "Records", "Largest gain at", "Gain", "Verdict", spare=("Records",))
    for bottleneck in view.bottlenecks:
        note = f"{bottleneck.verdict}, unlike overall" if bottleneck.differs else bottleneck.verdict
        bottlenecks.add(bottleneck.group, f"{bottleneck.n:,}", bottleneck.stage or "-", gain(bottleneck.gain), note)
    bottlenecks.show()
    why = "Only in the failing one"
    pairs = Sheet("Fails", "At", "Nearest that does not", "Alike", why, texts=3, cut=why)
    for stage in view.neighbours:
        for pair in stage.pairs[:PAIRS_SHOWN]:
            words = ", ".join(pair.only_here)
            pairs.add(pair.record, stage.stage, pair.passing, f"{pair.similarity:.2f}", words)
    pairs.show()
    say(f"{len(view.findings):,} groups were looked at; at most 5% of those that stand out are expected to be chance.")


def draw_selfcheck(view: Selfcheck) -> None:
    """Print one row a stage and method."""
    sheet = Sheet(
        *("Planted at", "Method", "Damage", "Booked there", "Bias", "Interval holds", "Finds the worst"),
        texts=2,
        spare=("Damage", "Finds the worst"),
    )
    for row in view.rows:
        bias = "-" if math.isnan(row.bias) else figures.change(100 * row.bias)
        shares = (share(row.booked), bias, share(row.coverage), share(row.finds_worst))
        sheet.add(row.stage, row.method, str(figures.percent(row.damage)), *shares)
    sheet.show()
    planted = f"{figures.share(view.rows[0].planted)} of " if view.rows else ""
    say(
        f"Faults in {planted}{counted(view.n, view.noun)}, {view.calls:,} calls, nothing stored. All figures in points."
    )
    for why in view.left_out:
        say(f"Left out: {why}.")
