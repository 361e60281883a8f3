"""What looks strange in a run: screened once, kept as a view, and what people said of its cards."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from stagegap import plugins
from stagegap.analysis.failures import title
from stagegap.errors import ConfigurationError, NotFound, near_names
from stagegap.exchange.recorded import read_printed, read_ratings
from stagegap.model.frozen import rare_collections
from stagegap.model.notes import OddityEvent
from stagegap.model.run import Run, RunStatus
from stagegap.oddities.card import Detector, Screen
from stagegap.oddities.screen import DETECTORS, Looked, Noticing, look, noticed, screen
from stagegap.oddities.tables import ratings_screen, score_table
from stagegap.plugins import all_added, refuse_taken
from stagegap.runner import custom_metrics
from stagegap.workspace import run_facts
from stagegap.workspace.ablations import ablations, curves, trial_of
from stagegap.workspace.columns import run_columns
from stagegap.workspace.foundation import Foundation
from stagegap.workspace.kept_views import Kept, Question, oddities_of
from stagegap.workspace.run_facts import KeptAblation, KeptCurve, Trials
from stagegap.workspace.runs import Runs

MOST_TRIED = 2_000


class Oddities:
    """The screen of a cascade's runs; a run is named as on screen, `v3`."""

    def __init__(self, base: Foundation) -> None:
        self._base = base
        self._store = base.store
        self._views = base.views
        self._runs = Runs(base)

    @rare_collections()
    def screen(self, cascade: str, runs: Sequence[str] = ()) -> Screen:
        """Screen these runs together, by default the newest that is done; one run's screen is kept. Raises: NotFound.

        Without a call to any stage: only what is stored is looked at.
        """
        chosen = [self._base.run(cascade, name) for name in runs] or [self._base.run(cascade, None)]
        question, now = self._question(chosen[0]), self._views.now(cascade, [chosen[0], *self._runs_beside(chosen[0])])
        looked = [check for run in chosen for check in self._looked(run)]
        names = self._names(chosen, looked)
        file = self._base.files.of_run(chosen[0]).cascade
        titles = {
            record.id: title(record, file) for record in self._store.records(cascade, ids=_first_of(looked, names))
        }

        def naming(run: str, positions: Sequence[int]) -> tuple[tuple[str, ...], str]:
            ids = tuple(names[run, position] for position in positions)
            return ids, titles.get(ids[0], "") if ids else ""

        screened = screen(
            looked,
            cascade=cascade,
            noun=file.noun,
            records=sum(run.records for run in chosen),
            naming=naming,
            labels_seq=now.marks.labels,
            detectors=detectors(),
        )
        if len(chosen) == 1:
            self._views.keep(question, screened, now=now)
        return screened

    def attempt(
        self, cascade: str, run: str | None = None, *, without: bool, learn: bool, may_pay: bool = False
    ) -> Trials:
        """Call stages of a run again without something, or taught with less, and keep what it shows for the screen.

        At most 2,000 records, drawn at random; nothing else is stored. Raises: NotFound, ConfigurationError where
        that would call a paid service without leave.
        """
        stored = self._base.run(cascade, run)
        card = self._runs.scorecard(cascade, stored.name)
        people = {row.stage: row.person for row in card.stages} if card else {}
        with self._base.restored(stored) as then:
            trial = trial_of(then, self._base, most=MOST_TRIED, may_pay=may_pay)
            before = run_facts.trials(self._store, stored)
            ids = tuple(record.id for record in trial.work.records)
            earlier = before if before.records == ids else Trials(records=ids)
            trials = Trials(
                records=ids,
                ablations=tuple(map(KeptAblation.of, ablations(trial))) if without else earlier.ablations,
                curves=tuple(map(KeptCurve.of, curves(trial, people))) if learn else earlier.curves,
            )
        run_facts.put_trials(self._store, stored, trials)
        return trials

    def stored_screen(self, cascade: str, run: str | None = None) -> Kept[Screen] | None:
        """The screen of a run as it was made last, by default the newest that is done. Raises: NotFound."""
        return self._views.kept(self._question(self._base.run(cascade, run)))

    def noticed(self, cascade: str, run: str | None = None) -> Noticing | None:
        """The kept screen with what people said of its cards; None without a screen. Raises: NotFound."""
        stored = self.stored_screen(cascade, run)
        return noticed(stored.view, self._store.failing.oddities(cascade)) if stored else None

    def current(self, cascade: str, run: str) -> Noticing:
        """What `noticed` gives, screened first where it is missing or old. Raises: NotFound."""
        noticing = self.stored_screen(cascade, run)
        if noticing is None or noticing.is_old:
            return self.seen(cascade, [run])
        return noticed(noticing.view, self._store.failing.oddities(cascade))

    def seen(self, cascade: str, runs: Sequence[str] = ()) -> Noticing:
        """Screen these runs, by default the newest, and lay over it what people said. Raises: NotFound."""
        return noticed(self.screen(cascade, runs), self._store.failing.oddities(cascade))

    def is_stale(self, screen: Screen) -> bool:
        """True where what the kept screen of that run rests on has changed since."""
        kept = self.stored_screen(screen.cascade, screen.runs[0])
        return kept is None or kept.is_old

    def _question(self, run: Run) -> Question[Screen]:
        checks = " ".join(sorted(detector.name for detector in DETECTORS))
        checks += "".join(f" {plugin.name} {plugin.version}" for plugin in all_added(plugins.DETECTORS, Detector))
        also = f"{run_facts.trials_digest(self._store, run)} {checks}"
        return oddities_of(run, self._runs_beside(run), also=also)

    def _runs_beside(self, run: Run) -> tuple[Run, ...]:
        """Other runs that are done, the newest first."""
        return tuple(
            other for other in self._store.runs(run.cascade) if other.status is RunStatus.DONE and other.id != run.id
        )

    def say(
        self,
        screen: Screen,
        card: str,
        action: Literal["dismiss", "show", "flag", "unflag"],
        *,
        who: str,
        reason: str = "",
        verified: bool = False,
    ) -> None:
        """Keep what a person says of a card. Raises: NotFound for a card that is not there, ConfigurationError."""
        about = next((oddity for oddity in screen.cards if oddity.key == card), None)
        if about is None:
            hint = near_names(card, [oddity.key for oddity in screen.cards])
            raise NotFound(f"Nothing strange is called {card!r} in {', '.join(screen.runs)}. {hint}".strip())
        if not who.strip():
            raise ConfigurationError("Who says so is kept with what is said: give your initials.")
        if action == "dismiss" and not reason.strip():
            raise ConfigurationError("Say why this is not odd: the reason is kept with it.")
        event = OddityEvent(
            id=uuid.uuid4().hex,
            card=card,
            annotator=who.strip(),
            action=action,
            reason=reason.strip(),
            bound=about.statistic.high if about.statistic.is_measured else None,
            run=self._base.run(screen.cascade, about.run).id,
            at=self._base.clock(),
            verified=verified,
        )
        self._store.failing.append_oddity(screen.cascade, event)

    def _looked(self, run: Run) -> list[Looked]:
        file = self._base.files.of_run(run)
        done = self._runs_beside(run)
        before = next((other for other in done if other.started_at <= run.started_at), None)
        columns = run_columns(
            self._store,
            run,
            file.cascade,
            card=self._runs.scorecard(run.cascade, run.name),
            earlier=before,
            others=done,
            custom=custom_metrics(file),
            trials=run_facts.trials(self._store, run),
            trainings=run_facts.trainings(self._store, run),
            media=Path(file.records.media) if file.cascade.fields else None,
        )
        return look(columns, detectors())

    def _names(self, runs: Sequence[Run], looked: Sequence[Looked]) -> dict[tuple[str, int], str]:
        """Read the ids of the records that findings name."""
        names: dict[tuple[str, int], str] = {}
        for run in runs:
            wanted = sorted({p for check in looked if check.run.run == run.name for p in check.finding.positions})
            if wanted:
                with self._store.screening(run.id, with_contents=False) as reader:
                    names |= {(run.name, p): name for p, name in zip(wanted, reader.names(wanted), strict=True)}
        return names


def detectors() -> tuple[Detector, ...]:
    """Every detector, and those that other packages add. Raises: ConfigurationError for one that can't be had."""
    refuse_taken(plugins.DETECTORS, {detector.name for detector in DETECTORS})
    return (*DETECTORS, *(plugin.value for plugin in all_added(plugins.DETECTORS, Detector)))


def _first_of(looked: Sequence[Looked], names: dict[tuple[str, int], str]) -> list[str]:
    return list(dict.fromkeys(names[check.run.run, p] for check in looked for p in check.finding.positions[:1]))


def printed_scores(path: Path) -> Screen:
    """Screen a table of printed scores for percentages that cannot be. Raises: InputError."""
    return score_table(read_printed(path), name=path.name)


def rated(path: Path) -> Screen:
    """Screen a file of ratings for criteria by which raters hardly agree. Raises: InputError."""
    return ratings_screen(read_ratings(path), name=path.name)
