"""Every view once: what it says, how it is computed, printed and drawn, and what to type after it.

The command line, its help and notebooks read this list; a view that is added here is in all of them. Builders and
pictures are named and not imported, so that `stagegap --help` loads no analysis.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stagegap.analysis.changes import Comparison
    from stagegap.analysis.cheaper import CheaperView
    from stagegap.analysis.checks import CheckResult
    from stagegap.analysis.person_swaps import PersonSwaps
    from stagegap.analysis.runs import History
    from stagegap.analysis.watch import WatchView
    from stagegap.model.record import Json
    from stagegap.tables.table import Sheet
    from stagegap.workspace import Attribution, Checked

    Following = tuple[str, ...] | Callable[[Any], Sequence[str]]  # Any: each takes the view of its own entry


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """One entry of the list."""

    name: str
    """In a notebook: the method of a project."""
    command: str = ""
    """On the command line; empty where there is none."""
    says: str = ""
    """What the command does, as its help has it; only of a command that is made from this entry."""
    look: Callable[[Attribution], object] | None = None
    """Computes it from a run. Where there is none, the command and the method have options of their own."""
    builder: str
    """What makes its sheet: `stagegap.analysis.blame:blame_sheet`."""
    results: str = ""
    """What makes results of checks of it, for JUnit; the view has an exit code then."""
    pictures: tuple[str, ...] = ()
    """Charts that draw it, one under the other; without any its tables are drawn."""
    rests: str = ""
    """On what its rates rest, by name among `Rests`; empty: on what the outcome of the view does."""
    following: Following = ()
    """Commands to type next, or what tells them from the view."""

    def sheet(self, view: object, **context: str) -> Sheet:
        """What the view says, as sentences and tables; last on what its rates rest, and what was taken off them."""
        from stagegap.tables.table import Rests

        rests = Rests[self.rests] if self.rests else Rests.of_outcome(getattr(view, "outcome_name", ""))
        return _named(self.builder)(view, **context).resting(rests)

    def results_of(self, view: object) -> Sequence[CheckResult]:
        """The view as results of checks. Raises: ValueError for one that decides nothing."""
        return _named(self.results)(view)

    def picture(self, view: object) -> str:
        """The view as charts in HTML; empty where it has none."""
        return "".join(_named(f"stagegap.charts:{name}")(view) for name in self.pictures)

    def vega(self, view: object) -> list[dict[str, Json]]:
        """Its charts as Vega-Lite specifications; a list or a table among them has none."""
        make: Callable[[str, object], dict[str, Json] | None] = _named("stagegap.charts:vega")
        return [spec for name in self.pictures if (spec := make(name, view)) is not None]

    def next(self, view: object) -> Sequence[str]:
        """The commands to type after it."""
        return self.following(view) if callable(self.following) else self.following


def view(name: str) -> View:
    """The entry of a name. Raises: KeyError."""
    return _BY_NAME[name]


def _named(place: str) -> Callable[..., Any]:  # Any: a builder gives a sheet, a chart a text
    module, _, name = place.partition(":")
    return getattr(import_module(module), name)


def _after_person_swaps(view: PersonSwaps) -> Sequence[str]:
    """The inputs that wait for people, the most first."""
    most = sorted(view.unanswered, key=lambda waiting: (bool(waiting.after), -len(waiting.records)))
    stages = list(dict.fromkeys(waiting.stage for waiting in most))[:2]
    return [f"stagegap label {stage} --swap --as NAME" for stage in stages] or [
        "stagegap show blame",
        "stagegap show need",
    ]


def _after_history(view: History) -> Sequence[str]:
    names = [row.run for row in view.rows if row.status == "done"]
    if len(names) < 2:
        return ("stagegap run",)
    return f"stagegap compare {names[1]} {names[0]}", "stagegap check"


def _after_comparison(view: Comparison) -> Sequence[str]:
    if view.refusal is not None and not view.is_accepted:
        return (
            (f"stagegap compare {view.before} {view.after} --shared",)
            if view.refusal.offer
            else ("stagegap show runs",)
        )
    return f"stagegap tools bless {view.after}", "stagegap check"


def _after_cheaper(view: CheaperView) -> Sequence[str]:
    if view.together:
        return (
            f"stagegap compare {view.base} {view.together[0]}",
            f"stagegap show changed {view.base} {view.together[0]}",
        )
    return "stagegap tools overnight night.yaml", "stagegap show runs"


def _after_watch(view: WatchView) -> Sequence[str]:
    if not view.batches:
        return ("stagegap show",)
    return f"stagegap label STAGE --cascade {view.cascade} --as NAME", f"stagegap show --cascade {view.cascade}"


def _after_checks(view: Checked) -> Sequence[str]:
    from stagegap.analysis.checks import FAILED, INFRASTRUCTURE, UNDECIDED

    if not view.against:
        return "stagegap show runs", f"stagegap tools bless {view.run}"
    differs = () if view.by_scores else (f"stagegap compare {view.against} {view.run}",)
    by_exit_code = {
        FAILED: (*differs, "stagegap show faults"),
        UNDECIDED: ("stagegap show need", "stagegap app"),
        INFRASTRUCTURE: ("stagegap run --retry",),
    }
    return by_exit_code.get(view.exit_code, ("stagegap show",))


_ANALYSIS = "stagegap.analysis"

VIEWS: tuple[View, ...] = (
    View(
        name="gap",
        command="show",
        builder=f"{_ANALYSIS}.views:gap_sheet",
        pictures=("gap", "ceiling"),
        following=("stagegap app", "stagegap report"),
    ),
    View(
        name="blame",
        command="blame",
        says="Put the methods of attribution side by side, and say where and why they disagree.",
        look=lambda run: run.blame(),
        builder=f"{_ANALYSIS}.blame:blame_sheet",
        following=("stagegap show faults", "stagegap show need"),
    ),
    View(
        name="swaps",
        command="swaps",
        builder=f"{_ANALYSIS}.person_swaps:person_swaps_sheet",
        following=_after_person_swaps,
    ),
    View(
        name="faults",
        command="faults",
        says="Say where records first go wrong, what is inherited, recovered or masked, and the causes of each bad "
        "one.",
        look=lambda run: run.faults(),
        builder=f"{_ANALYSIS}.faults:faults_sheet",
        following=("stagegap show blame", "stagegap show slices"),
    ),
    View(
        name="units",
        command="units",
        says="Say what became of the items that records are taken apart into: how many, their scorecard, their faults.",
        look=lambda run: run.units(),
        builder=f"{_ANALYSIS}.unit_view:units_sheet",
        following=("stagegap show", "stagegap show faults"),
    ),
    View(
        name="slices",
        command="slices",
        says="Say which groups of records fail more than the others at which stage, and the bottleneck of each group.",
        look=lambda run: run.slices(),
        builder=f"{_ANALYSIS}.slices:slices_sheet",
        following=("stagegap show faults", "stagegap report"),
    ),
    View(
        name="codes",
        command="codes",
        says="Say what goes wrong, where first, and what mending it is worth, as people who read whole records saw it.",
        look=lambda run: run.codes(),
        builder=f"{_ANALYSIS}.codes:codes_sheet",
        rests="READINGS",
        following=("stagegap app", "stagegap show faults"),
    ),
    View(
        name="oddities",
        command="odd",
        builder="stagegap.oddities.screen:oddities_sheet",
        pictures=("oddities_without_words",),
        rests="OUTPUTS",
    ),
    View(
        name="escalation",
        command="escalation",
        builder=f"{_ANALYSIS}.escalation:escalation_sheet",
        following=("stagegap run", "stagegap show blame"),
    ),
    View(
        name="people",
        command="people",
        builder="stagegap.people.roster:roster_sheet",
        following=("stagegap label STAGE --as NAME", "stagegap report"),
    ),
    View(
        name="agree",
        command="agree",
        builder=f"{_ANALYSIS}.agree:agree_sheet",
        rests="ANSWERS",
        following=("stagegap show need", "stagegap app"),
    ),
    View(
        name="marks",
        command="marks",
        builder=f"{_ANALYSIS}.marks:marks_sheet",
        rests="MARKS",
        following=("stagegap show faults",),
    ),
    View(
        name="attempts",
        command="attempts",
        builder=f"{_ANALYSIS}.attempts:attempts_sheet",
        rests="MARKS",
        following=("stagegap app",),
    ),
    View(
        name="ratings",
        command="ratings",
        builder=f"{_ANALYSIS}.ratings:ratings_sheet",
        rests="RATINGS",
        following=("stagegap show faults", "stagegap show odd"),
    ),
    View(
        name="judges",
        command="judges",
        builder=f"{_ANALYSIS}.judges:judges_sheet",
        rests="JUDGES",
        following=("stagegap show agree", "stagegap show"),
    ),
    View(
        name="verdicts",
        command="verdicts",
        says="Say what verdicts on outputs are worth: how far seeing an output draws people, and the rates without it.",
        look=lambda run: run.verdicts(),
        builder=f"{_ANALYSIS}.verdicts:verdicts_view_sheet",
        rests="VERDICTS",
        following=("stagegap label STAGE --verdict --as NAME", "stagegap show need"),
    ),
    View(
        name="need",
        command="need",
        says="Say how many more labels name the worst stage, which ones, and how long they take.",
        look=lambda run: run.need(),
        builder=f"{_ANALYSIS}.need:need_sheet",
        following=("stagegap app", "stagegap tools import"),
    ),
    View(
        name="aim",
        command="aim",
        says="Say where an optimiser should work: the stage by gain x chance of improving, what to tell it, and when "
        "to stop.",
        look=lambda run: run.aim(),
        builder=f"{_ANALYSIS}.aim:aim_sheet",
        results=f"{_ANALYSIS}.aim:results",
        following=('stagegap tools expect STAGE=+5 --because "..."', "stagegap tools overnight night.yaml"),
    ),
    View(
        name="selfcheck",
        command="selfcheck",
        builder=f"{_ANALYSIS}.planted:selfcheck_sheet",
        rests="PLANTED",
        following=("stagegap show blame", "stagegap show faults"),
    ),
    View(name="answers", builder=f"{_ANALYSIS}.answers:answers_sheet"),
    View(name="groups", builder=f"{_ANALYSIS}.answers:groups_sheet"),
    View(
        name="runs",
        command="runs",
        builder=f"{_ANALYSIS}.runs:history_sheet",
        following=_after_history,
    ),
    View(
        name="training",
        command="training",
        builder=f"{_ANALYSIS}.curves:training_sheet",
        pictures=("training",),
        following=("stagegap show odd", "stagegap show runs"),
    ),
    View(
        name="origin",
        command="origin",
        builder=f"{_ANALYSIS}.reproduced:origin_sheet",
        following=lambda view: (f"stagegap tools reproduce {view.run}",),
    ),
    View(
        name="record",
        command="record",
        builder=f"{_ANALYSIS}.record_view:record_sheet",
        following=("stagegap show faults", "stagegap app"),
    ),
    View(name="plan", command="plan", builder="stagegap.runner.plan:plan_sheet", following=("stagegap run",)),
    View(
        name="reproduce",
        command="reproduce",
        builder=f"{_ANALYSIS}.reproduced:reproduction_sheet",
        rests="OUTPUTS",
    ),
    View(
        name="overnight",
        command="overnight",
        builder=f"{_ANALYSIS}.variants:variants_sheet",
        pictures=("variants",),
    ),
    View(
        name="compare",
        command="compare",
        builder=f"{_ANALYSIS}.compare:comparison_sheet",
        pictures=("changes",),
        following=_after_comparison,
    ),
    View(
        name="changed",
        command="changed",
        builder=f"{_ANALYSIS}.changed:changed_sheet",
        pictures=("contributions",),
    ),
    View(
        name="cheaper",
        command="cheaper",
        builder=f"{_ANALYSIS}.cheaper:cheaper_sheet",
        pictures=("cheaper",),
        results=f"{_ANALYSIS}.cheaper:results",
        following=_after_cheaper,
    ),
    View(
        name="watch",
        command="watch",
        builder=f"{_ANALYSIS}.watch:watch_sheet",
        results=f"{_ANALYSIS}.watch:results",
        following=_after_watch,
    ),
    View(
        name="ledger",
        command="ledger",
        builder=f"{_ANALYSIS}.ledger:ledger_sheet",
        pictures=("ledger",),
        following=('stagegap tools expect retrieve=+5 --because "..."', "stagegap show runs"),
    ),
    View(name="expected", builder=f"{_ANALYSIS}.ledger:expected_sheet"),
    View(name="compared_runs", builder=f"{_ANALYSIS}.runs:runs_sheet", pictures=("outcomes_of_runs", "best_so_far")),
    View(
        name="check",
        command="check",
        builder=f"{_ANALYSIS}.checks:checks_sheet",
        following=_after_checks,
    ),
)
_BY_NAME = {entry.name: entry for entry in VIEWS}
