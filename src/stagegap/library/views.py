"""How each view shows itself in a notebook: headline, sentences, rows, and chart where it has one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from stagegap import charts
from stagegap.analysis import frames
from stagegap.analysis import run_rows as several
from stagegap.analysis.agree import AgreeView
from stagegap.analysis.answers import GroupScore, ScoredAnswer, group_scores
from stagegap.analysis.answers import answers as scored_answers
from stagegap.analysis.blame import Blame
from stagegap.analysis.changes import Comparison
from stagegap.analysis.evidence import Evidence
from stagegap.analysis.faults import FaultsView
from stagegap.analysis.need import NeedView
from stagegap.analysis.person_swaps import PersonSwaps
from stagegap.analysis.runs import History
from stagegap.analysis.slices import SlicesView
from stagegap.analysis.variants import VariantsView
from stagegap.analysis.views import Scorecard
from stagegap.model.estimate import Estimate
from stagegap.model.wording import counted, sentence
from stagegap.tables import figures
from stagegap.workspace import Checked

if TYPE_CHECKING:
    from stagegap.analysis.frames import Row
    from stagegap.exchange.frames import Frame


View = TypeVar("View")


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Shown(Generic[View]):
    """A view of the store, with its headline and its figures as rows.

    `repr` is one line, a notebook draws the whole. Neither runs a script, and record texts are shown as text.
    """

    view: View
    """The typed view itself."""
    headline: str
    """The answer in one sentence."""
    sentences: tuple[str, ...] = ()
    rows: Sequence[Row]
    picture: Callable[[View], str] | None = None
    """Draws the view where it has a chart of its own; otherwise the rows are drawn as a table."""

    def to_frame(self) -> Frame:
        """The rows as a pandas frame. Raises: ConfigurationError without pandas."""
        from stagegap.exchange.frames import frame_of

        return frame_of(self.rows)

    def to_json(self) -> str:
        """The view as JSON text, as the command line prints it with `--json`."""
        from stagegap.analysis import codec

        return codec.to_json(self.view)

    def __repr__(self) -> str:
        return f"{self.headline} ({len(self.rows)} rows; .to_frame(), .view)"

    def _repr_html_(self) -> str:
        drawn = charts.figures_table(self.rows) if self.picture is None else self.picture(self.view)
        return charts.notebook_card(self.headline, self.sentences, drawn)


def gap(view: Scorecard) -> Shown[Scorecard]:
    """Show a run's verdict with its two charts."""
    verdict = view.verdict
    return Shown(
        view=view,
        headline=verdict.headline,
        sentences=(verdict.caution, verdict.summary, verdict.basis, verdict.advice, *charts.notices(view)),
        rows=frames.rows(view),
        picture=_both_charts,
    )


def _both_charts(view: Scorecard) -> str:
    return f"{charts.gap(view)}{charts.ceiling(view)}"


def blame(view: Blame) -> Shown[Blame]:
    """Show the methods of attribution."""
    named = f"{sentence(view.named)} is named" if view.named else "No stage is named"
    return Shown(
        view=view,
        headline=f"{named}, from {counted(view.n, view.noun)}",
        sentences=view.disagreements,
        rows=frames.figures(view),
    )


def swaps(view: PersonSwaps) -> Shown[PersonSwaps]:
    """Show what people in place of stages change."""
    return Shown(view=view, headline=view.sentence, rows=frames.figures(view))


def faults(view: FaultsView) -> Shown[FaultsView]:
    """Show where records first go wrong."""
    return Shown(view=view, headline=f"Where {view.cascade} goes wrong in {view.run}", rows=frames.figures(view))


def slices(view: SlicesView) -> Shown[SlicesView]:
    """Show the groups of records."""
    notable = [finding for finding in view.findings if finding.verdict == "stands out"]
    headline = f"{counted(len(notable), 'group')} of {len(view.findings)} fail more than the others"
    return Shown(view=view, headline=headline, rows=frames.figures(view))


def agree(view: AgreeView) -> Shown[AgreeView]:
    """Show how far people agree."""
    return Shown(view=view, headline=f"People at every stage of {view.cascade}", rows=frames.figures(view))


def need(view: NeedView) -> Shown[NeedView]:
    """Show what labels are needed."""
    return Shown(view=view, headline=view.sentence, rows=frames.figures(view))


def answers(evidence: Evidence, stage: str) -> Shown[tuple[ScoredAnswer, ...]]:
    """Show what was answered at a stage, record by record."""
    rows = scored_answers(evidence, stage)
    scored = [answer for answer in rows if answer.is_scored]
    right = sum(answer.is_good is True for answer in scored)
    return Shown(
        view=rows,
        headline=f"{right:,} of {len(scored):,} scored at {stage} are good, {len(rows) - len(scored):,} have no score",
        rows=several.answer_rows(rows),
    )


def groups(evidence: Evidence, stage: str) -> Shown[tuple[GroupScore, ...]]:
    """Show the score at a stage, on all records and on each slice."""
    groups = group_scores(evidence, stage)
    return Shown(
        view=groups, headline=f"{sentence(stage)}: {_share(groups[0].score)}", rows=several.group_score_rows(groups)
    )


def comparison(view: Comparison) -> Shown[Comparison]:
    """Show what is better and worse between two runs; a refused comparison shows why and no figure."""
    if view.refusal is not None and not view.is_accepted:
        headline = f"{view.before} and {view.after} can't be compared as they are"
        return Shown(view=view, headline=headline, sentences=(*view.refusal.reasons, view.refusal.offer), rows=[])
    return Shown(
        view=view,
        headline=view.headline,
        sentences=(view.summary,),
        rows=several.comparison_rows(view),
        picture=charts.changes,
    )


def history(view: History) -> Shown[History]:
    """Show the runs of a cascade."""
    return Shown(
        view=view, headline=f"{counted(len(view.rows), 'run')} of {view.cascade}", rows=several.history_rows(view)
    )


def variants(view: VariantsView) -> Shown[VariantsView]:
    """Show the ranking of a night."""
    return Shown(view=view, headline=view.headline, rows=several.variant_rows(view), picture=charts.variants)


def checked(view: Checked) -> Shown[Checked]:
    """Show all checks of a run."""
    return Shown(view=view, headline=view.verdict, rows=several.check_rows(view.results))


def _share(estimate: Estimate) -> str:
    if not estimate.is_measured:
        return estimate.method
    return f"{figures.share(estimate.value)} ({figures.interval(estimate)}), {counted(estimate.n, 'record')}"
