"""A project in a notebook: run it, label, and look at every view as a picture or a data frame."""

from __future__ import annotations

import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Generic, Self, TypeVar

from stagegap import charts, registry
from stagegap.analysis.changes import WhatChanged
from stagegap.analysis.cheaper import CheaperView
from stagegap.analysis.person_swaps import PersonSwaps
from stagegap.analysis.reproduced import Reproduction
from stagegap.analysis.variants import VariantsView
from stagegap.errors import NotFound, RunStopped
from stagegap.model.run import RunStatus
from stagegap.runner import Budget, RunOptions, Silent
from stagegap.workspace import Past, Workspace

if TYPE_CHECKING:
    from stagegap.analysis.agree import AgreeView
    from stagegap.analysis.aim import AimView
    from stagegap.analysis.answers import GroupScore, ScoredAnswer
    from stagegap.analysis.attempts import AttemptsView
    from stagegap.analysis.blame import Blame
    from stagegap.analysis.changes import Comparison
    from stagegap.analysis.codes import CodesView
    from stagegap.analysis.escalation import EscalationView
    from stagegap.analysis.faults import FaultsView
    from stagegap.analysis.judges import JudgesView
    from stagegap.analysis.ledger import Ledger
    from stagegap.analysis.marks import MarksView
    from stagegap.analysis.need import NeedView
    from stagegap.analysis.planted import Selfcheck
    from stagegap.analysis.ratings import RatingsView
    from stagegap.analysis.runs import Blessed, History, RunsView
    from stagegap.analysis.slices import SlicesView
    from stagegap.analysis.unit_view import UnitsView
    from stagegap.analysis.verdicts import VerdictsView
    from stagegap.analysis.views import Scorecard
    from stagegap.analysis.watch import WatchView
    from stagegap.exchange.spans.files import ImportedTraces
    from stagegap.exchange.tables import Frame
    from stagegap.model.record import Json
    from stagegap.model.run import Expectation
    from stagegap.oddities.screen import Noticing
    from stagegap.people.roster import Roster
    from stagegap.tables.table import Row, Sheet
    from stagegap.workspace import Attribution, Checked, Gate, ImportReport, Optimiser


View = TypeVar("View")


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Shown(Generic[View]):
    """A view of the store, with what it says as sentences and tables.

    `repr` is one line, a notebook draws the whole. Neither runs a script, and record texts are shown as text.
    """

    view: View
    """The typed view itself."""
    sheet: Sheet
    """What it says: the same on a terminal, in a file and here."""
    picture: str = ""
    """Its charts as HTML; empty where its tables are drawn."""
    vega: Sequence[Mapping[str, Json]] = ()
    """Its charts as Vega-Lite specifications, their data inside: for other tools, or to restyle them."""

    @property
    def headline(self) -> str:
        """The answer in one sentence."""
        return self.sheet.headline

    @property
    def sentences(self) -> tuple[str, ...]:
        """What stands behind the answer."""
        return self.sheet.sentences

    @property
    def rows(self) -> Sequence[Row]:
        """Every figure, one a row."""
        return self.sheet.rows()

    def to_frame(self) -> Frame:
        """The rows as a pandas frame. Raises: ConfigurationError without pandas."""
        from stagegap.exchange.tables import frame_of

        return frame_of(self.rows)

    def to_json(self) -> str:
        """The view as JSON text, as the command line prints it with `--json`."""
        from stagegap.analysis import views

        return views.to_json(self.view)

    def __repr__(self) -> str:
        return f"{self.headline} ({len(self.rows)} rows; .to_frame(), .view)"

    def _repr_html_(self) -> str:
        return charts.notebook_card(self.sheet, picture=self.picture)


def shown_as(name: str, view: View, **context: str) -> Shown[View]:
    """A view of the registry, ready to show itself."""
    entry = registry.view(name)
    sheet = entry.sheet(view, **context)
    return Shown(view=view, sheet=sheet, picture=entry.picture(view) if sheet.tables else "", vega=entry.vega(view))


class Quiet:
    """Listens to a night of variants and says nothing."""

    def going_on(self, variant: str, records: int) -> None:
        """Do nothing."""

    def so_far(self, view: VariantsView) -> None:
        """Do nothing."""


def run_now(
    workspace: Workspace,
    path: Path,
    limit: int | None,
    filter: str,
    sample: int | None,
    *,
    seed: int,
    budget: str | None,
    fresh: bool,
) -> str:
    """Run the cascade and give the name of the run. Raises: RunStopped, ConfigurationError."""
    options = RunOptions(
        limit=limit,
        filter=filter,
        sample=sample,
        seed=seed,
        budget=Budget.parse(budget) if budget else None,
        fresh=fresh,
    )
    run, summary = workspace.runs.new(path, options)
    if run.status is not RunStatus.DONE:
        raise RunStopped(f"Run {run.name} stopped: {summary.error} What was answered is kept; run it again to go on.")
    return run.name


def open_project(folder: str | Path = ".", *, cascade: str | None = None) -> Project:
    """Open the project that a folder lies in; without `cascade` the one that ran last is meant.

    Known outside as `stagegap.open`.
    """
    return Project(Workspace.open(Path(folder)), cascade=cascade)


class Project:
    """One cascade of a workspace. Runs are named as on screen, `v3`; without a name the newest that is done is meant.

    What it gives shows itself in a notebook and has `to_frame()`.
    """

    def __init__(self, workspace: Workspace, *, cascade: str | None = None) -> None:
        self.workspace = workspace
        """The front door behind it, for all that is not here."""
        self._cascade = cascade
        weakref.finalize(self, workspace.close)  # a kernel that ends closes nothing by itself

    def __repr__(self) -> str:
        return f"Project({str(self.workspace.folder)!r}, cascade={self.cascade!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the store, so that other programs may have it at once."""
        self.workspace.close()

    @property
    def cascade(self) -> str:
        """Name of the cascade. Raises: NotFound where there is none."""
        names = [self._cascade] if self._cascade else self.workspace.cascades()
        if not names:
            raise NotFound(f"There is no cascade in {self.workspace.folder}. `stagegap init` makes one.")
        return names[0]

    def run(
        self,
        *,
        limit: int | None = None,
        filter: str = "",
        sample: int | None = None,
        seed: int = 0,
        budget: str | None = None,
        fresh: bool = False,
    ) -> Shown[Scorecard]:
        """Run the cascade as its file stands, and give the verdict; only calls that were never made are made.

        Raises: RunStopped when it ended before its last call, ConfigurationError.
        """

        run = run_now(self.workspace, self.path, limit, filter, sample, seed=seed, budget=budget, fresh=fresh)
        return self.gap(run)

    def import_traces(self, *files: str | Path, name: str | None = None, source: str | None = None) -> ImportedTraces:
        """Make a cascade of files that other programs recorded and take it into the store; then it is the one meant.

        `source` names the format where a file is to be of that one and no other. A second import of the same name
        adds what is new. Raises: ConfigurationError, InputError.
        """
        imported = self.workspace.runs.import_traces([Path(file) for file in files], name=name, source=source)
        self._cascade = imported.name
        run_now(self.workspace, imported.cascade, None, "", None, seed=0, budget=None, fresh=False)
        return imported

    def overnight(self, file: str | Path) -> Shown[VariantsView]:
        """Run every variant of a matrix file, and rank them. Raises: SpecError, ConfigurationError."""

        return shown_as("overnight", self.workspace.runs.overnight(Path(file), listener=Quiet()))

    def runs(self) -> Shown[History]:
        """The runs, newest first."""
        return shown_as("runs", self._gate.history())

    def gap(self, run: str | None = None) -> Shown[Scorecard]:
        """The verdict of a run: how far each stage is from a person, and what correcting it would buy."""
        card = self.workspace.runs.scorecard(self.cascade, run)
        if card is None:
            which = f"no run {run!r} that is done" if run else "no run that is done"
            raise NotFound(f"Cascade {self.cascade!r} has {which}. `project.run()` makes one.")
        return shown_as("gap", card)

    def blame(self, run: str | None = None) -> Shown[Blame]:
        """Put the methods of attribution side by side."""
        return shown_as("blame", self._look(run).blame())

    def swaps(self, run: str | None = None, *, paid: bool = False) -> Shown[PersonSwaps]:
        """Put people's answers in place of a stage's and say what changes at the end; `paid` allows paid calls.

        Raises: ConfigurationError where paid calls are needed and not allowed, RunStopped.
        """

        with self._past.person_swaps(run) as people:
            return shown_as("swaps", people.swapped(may_pay=paid, progress=Silent()))

    def faults(self, run: str | None = None) -> Shown[FaultsView]:
        """Say where records first go wrong."""
        return shown_as("faults", self._look(run).faults())

    def units(self, run: str | None = None) -> Shown[UnitsView]:
        """Say what became of the items that records are taken apart into."""
        return shown_as("units", self._look(run).units())

    def slices(self, run: str | None = None) -> Shown[SlicesView]:
        """The groups that fail more than the others, and the bottleneck of each."""
        return shown_as("slices", self._look(run).slices())

    def codes(self, run: str | None = None) -> Shown[CodesView]:
        """What goes wrong, where first, and what mending it is worth, as people read it; no reference is needed."""
        return shown_as("codes", self._look(run).codes())

    def agree(self, run: str | None = None) -> Shown[AgreeView]:
        """Say how far people agree, and how good they are against each other."""
        return shown_as("agree", self._look(run).agree())

    def judges(self, run: str | None = None, *, against: str | None = None) -> Shown[JudgesView]:
        """How good the judges are beside people, and what they say with their errors taken off.

        `against` names the earlier run that is held against it, by default the one before. Raises: NotFound.
        """
        return shown_as("judges", self._look(run).judges(against=against))

    def verdicts(self, run: str | None = None) -> Shown[VerdictsView]:
        """What people say of outputs that they saw, with what seeing them does taken off."""
        return shown_as("verdicts", self._look(run).verdicts())

    def people(self) -> Shown[Roster]:
        """Say who answers, what is left of whom until when, and who has stopped."""
        return shown_as("people", self.workspace.people.roster(self.cascade))

    def need(self, run: str | None = None) -> Shown[NeedView]:
        """Say how many more labels name the worst stage."""
        return shown_as("need", self._look(run).need())

    def answers(self, stage: str = "outcome", run: str | None = None) -> Shown[tuple[ScoredAnswer, ...]]:
        """What the system answered at a stage, record by record, beside what is right.

        Whoever reads this is no longer blind to these records.
        """
        from stagegap.analysis.answers import answers

        return shown_as("answers", answers(self._look(run).evidence, stage), stage=stage)

    def groups(self, stage: str = "outcome", run: str | None = None) -> Shown[tuple[GroupScore, ...]]:
        """The score at a stage on all records, then on each slice."""
        from stagegap.analysis.answers import group_scores

        return shown_as("groups", group_scores(self._look(run).evidence, stage), stage=stage)

    def compare(self, before: str, after: str, *, shared: bool = False, held_out: bool = False) -> Shown[Comparison]:
        """Compare two runs; `shared` takes the records that are the same in both where the runs differ, `held_out`
        the half of the records that an optimiser never saw.
        """
        from stagegap.workspace import on_shared_records

        view = self.workspace.runs.compare(self.cascade, before, after, held_out=held_out)
        return shown_as("compare", on_shared_records(view) if shared else view)

    def changed(self, before: str, after: str, *, shared: bool = False, paid: bool = False) -> Shown[WhatChanged]:
        """Say which stages the difference between two runs comes from, by mixing their versions stage by stage.

        Raises: ConfigurationError where a paid service would be asked and `paid` is not set.
        """

        with self._past.versions(before, after, use_shared=shared) as versions:
            return shown_as("changed", versions.changed(may_pay=paid, progress=Silent()))

    def cheaper(self, *candidates: str, base: str | None = None, paid: bool = False) -> Shown[CheaperView]:
        """Say which stages may be cheaper: runs with another version of a stage, held to the margin of the file.

        Without names all that ran under a margin; `base` is by default the blessed run. Raises: NotFound,
        ConfigurationError where a paid service would be asked and `paid` is not set, RunStopped.
        """

        return shown_as("cheaper", self._past.cheaper(base, candidates).view(may_pay=paid))

    def aim(self, run: str | None = None) -> Shown[AimView]:
        """Say where an optimiser should work, by gain x chance of improving, what to tell it, and when to stop."""
        return shown_as("aim", self._look(run).aim())

    def optimiser(self, run: str | None = None, *, paid: bool = False, worth: float = 1.0) -> Optimiser:
        """The run as a prompt optimiser sees it: `gepa.optimize` takes it as adapter, selector and stopper.

        `worth` is the gain x chance, in points, below which another change is not worth its calls.
        Raises: ConfigurationError where no stage has a prompt.
        """
        return self._look(run).optimiser(may_pay=paid, worth=worth / 100)

    def watch(
        self, folder: str | Path | None = None, *, share: float = 0.1, again: int = 10, lose_at_most: float = 0.05
    ) -> Shown[WatchView]:
        """Take new records in from a folder, and say whether they are still answered as well as the reference run.

        Without a folder nothing is taken in. Raises: InputError, ConfigurationError.
        """
        watch = self._past.watch()
        if folder is not None:
            watch.take_in(Path(folder), share=share, again=again)
        return shown_as("watch", watch.view(lose_at_most=lose_at_most))

    def compared_runs(self) -> Shown[RunsView]:
        """Lay all runs that are done beside each other, by knobs and figures."""
        return shown_as("compared_runs", self._past.compared_runs())

    def expect(
        self, because: str = "", *, baseline: str | None = None, **points: float
    ) -> Shown[tuple[Expectation, ...]]:
        """Write down what the next change should bring, in points: `expect("rarer words", retrieve=5)`.

        Raises: NotFound for a place that is not there, ConfigurationError for points that can't be.
        """
        from stagegap.workspace import Hope

        hopes = {place: Hope(value=value / 100) for place, value in points.items()}
        return shown_as("expected", tuple(self._past.expect(hopes, reason=because, baseline=baseline)))

    def ledger(self) -> Shown[Ledger]:
        """Put what was expected of each change beside what came of it."""
        return shown_as("ledger", self._past.ledger())

    def reproduce(self, run: str, *, kept_in: str | Path | None = None, paid: bool = False) -> Shown[Reproduction]:
        """Make a run again and say to the byte what differs; `kept_in` is the folder of whoever made it.

        Raises: NotFound, ConfigurationError for a run that kept too little.
        """
        place = None if kept_in is None else Path(kept_in)
        view = self._past.reproduce(run, kept_in=place, may_pay=paid, progress=Silent())
        return shown_as("reproduce", view)

    def oddities(self, run: str | None = None) -> Shown[Noticing]:
        """Say what looks strange in a run; a screen, never a verdict."""
        card = self.gap(run).view
        return shown_as("oddities", self.workspace.oddities.current(self.cascade, card.run))

    def escalation(self, cheap: str = "", strong: str = "", *, run: str | None = None) -> Shown[EscalationView]:
        """Say what asking a stronger stage about more records buys and costs. Raises: ConfigurationError."""
        return shown_as("escalation", self._look(run).escalation(cheap, strong))

    def marks(self, file: str | Path, run: str | None = None) -> Shown[MarksView]:
        """Put faults and root causes that people marked in records beside those by scores. Raises: InputError."""
        return shown_as("marks", self._look(run).marks(Path(file)))

    def attempts(self, file: str | Path, run: str | None = None) -> Shown[AttemptsView]:
        """Count first wrong attempts of agents by role, tool and position. Raises: InputError, ConfigurationError."""
        return shown_as("attempts", self._look(run).attempts(Path(file)))

    def ratings(
        self,
        file: str | Path | None = None,
        run: str | None = None,
        *,
        system: str = "",
        person: str = "",
        scale: str = "",
    ) -> Shown[RatingsView]:
        """Put ratings of whole answers beside a run: by first fault, rater noise, correlation with the scores.

        `file` is by default what the cascade's file names under `ratings`, `system` the run's name in it, `person`
        whose answers it is held against, `scale` as `1-5`. Raises: InputError, ConfigurationError.
        """
        path = None if file is None else Path(file)
        return shown_as("ratings", self._look(run).ratings(path, system=system, person=person, scale=scale))

    def selfcheck(
        self, run: str | None = None, *, rate: float = 0.2, records: int = 200, paid: bool = False
    ) -> Shown[Selfcheck]:
        """Plant faults at every stage and say what each method recovers of them. Raises: ConfigurationError.

        `rate` is the share of records that get a fault, `records` how many are used at most, drawn at random.
        """
        return shown_as("selfcheck", self._look(run).selfcheck(rate=rate, records=records, may_pay=paid))

    def bless(self, run: str) -> Blessed:
        """Hold later runs against this one. Raises: NotFound, ConfigurationError."""
        return self._gate.bless(run)

    def check(self, run: str | None = None, *, against: str | None = None) -> Shown[Checked]:
        """Check a run against its targets and the blessed run. Raises: NotFound, ConfigurationError."""
        return shown_as("check", self._gate.check(run, against=against))

    def outputs(self, run: str | None = None) -> Frame:
        """Every output of a run, uncut, with its score, tokens and cost, as a pandas frame.

        Raises: NotFound, ConfigurationError without pandas.
        """
        return self._look(run).outputs_frame()

    def labels(self) -> Frame:
        """All labels as a pandas frame. Raises: ConfigurationError without pandas."""
        return self.workspace.labels.frame(self.cascade)

    def label(self, labels: Frame) -> ImportReport:
        """Take labels in from a frame: record, stage, annotator, value; what is there already is not taken twice.

        Raises: InputError with every problem, rows counted from 1.
        """
        return self.workspace.labels.import_frame(labels, self.path)

    @property
    def path(self) -> Path:
        """The cascade file. Raises: NotFound where no file holds the cascade."""
        files = self.workspace.files.by_name()
        if self.cascade not in files:
            raise NotFound(f"No file under {self.workspace.folder / 'pipelines'} holds the cascade {self.cascade!r}.")
        return files[self.cascade]

    @property
    def _past(self) -> Past:
        return self.workspace.past(self.cascade)

    @property
    def _gate(self) -> Gate:
        return self.workspace.gate(self.cascade)

    def _look(self, run: str | None) -> Attribution:
        return self.workspace.runs.attribution(self.cascade, run)
