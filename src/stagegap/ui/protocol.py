"""What the pages need of a workspace: read stored views, walk a queue, save what a person did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from stagegap.analysis.label_history import LabelHistory
    from stagegap.analysis.next_labels import NextLabels
    from stagegap.analysis.oddities.card import Screen
    from stagegap.analysis.oddities.noticed import Noticing
    from stagegap.analysis.own_labels import OwnLabel
    from stagegap.analysis.settling import Decision
    from stagegap.analysis.views import Scorecard
    from stagegap.model.answer import Label
    from stagegap.model.queue import Queue, QueueItem, Sitting
    from stagegap.model.run import Run
    from stagegap.model.values import Json
    from stagegap.ui.failures_protocol import Reading
    from stagegap.ui.past_protocol import Past


class LabelStage(Protocol):
    """A stage that people can be asked about."""

    @property
    def stage(self) -> str: ...
    @property
    def question(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def queue_id(self) -> str | None: ...


class Workspace(Protocol):
    """The front door that is handed to the pages."""

    @property
    def folder(self) -> Path: ...
    def close(self) -> None: ...
    def cascades(self) -> list[str]: ...
    def runs(self, cascade: str) -> list[Run]:
        """Give the runs, newest first."""
        ...

    def scorecard(self, cascade: str, run: str | None) -> Scorecard | None:
        """Give the stored view of a run (None: the newest finished one), or None without a finished run."""
        ...

    def stale_labels(self, scorecard: Scorecard) -> int:
        """Count the labels made since the view."""
        ...

    def refresh(self, cascade: str, run: str) -> None:
        """Compute and store the view of a run again; takes as long as it takes."""
        ...

    def past(self, cascade: str) -> Past:
        """Give the past runs of a cascade."""
        ...

    @property
    def desk(self) -> Desk: ...
    @property
    def bench(self) -> Bench: ...
    @property
    def people(self) -> People: ...
    @property
    def reading(self) -> Reading: ...
    @property
    def oddities(self) -> Oddities: ...


class Oddities(Protocol):
    """What looks strange in a run."""

    def screen(self, cascade: str, runs: Sequence[str]) -> Screen:
        """Look, and keep what was found; takes as long as it takes."""
        ...

    def noticed(self, cascade: str, run: str | None) -> Noticing | None:
        """Give the kept screen with what people said of its cards; None where none was made."""
        ...

    def is_stale(self, screen: Screen) -> bool:
        """Say whether labels were made since."""
        ...

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
        """Keep what a person says of a card."""
        ...


class Settling(Protocol):
    """What is to be settled at a stage."""

    @property
    def queue(self) -> Queue: ...
    @property
    def form(self) -> Mapping[str, Json]: ...
    @property
    def open(self) -> tuple[str, ...]: ...
    @property
    def settled(self) -> int: ...
    @property
    def cited(self) -> Sequence[tuple[str, int]]: ...
    @property
    def reasons(self) -> Sequence[tuple[str, int]]: ...
    @property
    def decisions(self) -> Sequence[Decision]: ...
    @property
    def known(self) -> int: ...


class Bench(Protocol):
    """Where disagreements are settled."""

    def settling(self, cascade: str, stage: str, who: str = "") -> Settling:
        """Give what is to be settled by that person."""
        ...

    def history(self, cascade: str, stage: str, record: str) -> LabelHistory:
        """Give who said what at a stage of a record."""
        ...

    def payloads(self, settling: Any, records: Sequence[str]) -> Sequence[Mapping[str, Json]]:
        """Give what is shown of these records: inputs, and the two answers without names."""
        ...

    def settle(self, queue: Queue, events: Sequence[Mapping[str, Json]], annotator: str, verified: bool) -> None: ...


class PeopleNotes(Protocol):
    """Sentences about the people at a stage, for one reader."""

    @property
    def beyond(self) -> str: ...
    @property
    def judged(self) -> Sequence[str]: ...
    @property
    def hunts(self) -> Sequence[str]: ...
    @property
    def own(self) -> str: ...
    @property
    def doubts(self) -> str: ...
    @property
    def identity(self) -> str: ...


class People(Protocol):
    """What is said of people at a stage, for one reader; `who` is empty for nobody in particular."""

    def notes(self, cascade: str, stage: str, who: str) -> PeopleNotes | None:
        """Give the notes as they were computed last; None before that."""
        ...

    def is_current(self, cascade: str, stage: str, who: str) -> bool: ...
    def prepare(self, cascade: str, stage: str, who: str) -> None:
        """Compute the notes, and what is to be settled; takes as long as it takes."""
        ...


class GuidelineChange(Protocol):
    """The guideline is not the one that a person worked by before."""

    @property
    def since(self) -> float: ...
    @property
    def before(self) -> str: ...
    @property
    def now(self) -> str: ...


class Desk(Protocol):
    """Where people are asked and answer."""

    def label_stages(self, cascade: str) -> Sequence[LabelStage]: ...
    def next_labels(self, cascade: str, annotator: str) -> NextLabels | None:
        """Say what decides which stage is worst, at that person's pace; None without a run."""
        ...

    def own_labels(self, cascade: str, stage: str, annotator: str) -> Sequence[OwnLabel]:
        """Give what that person said at a stage, newest first, with what it replaced."""
        ...

    def queue_ids(self, cascade: str) -> Sequence[str]: ...
    def queue(self, cascade: str, stage: str, name: str = "random") -> Queue:
        """Give a queue of a stage, by its id or the newest of that purpose; all but hunts are made on first use."""
        ...

    def queue_of(self, cascade: str, key: str) -> Queue | None:
        """Give the queue of that id, None when there is none."""
        ...

    def queue_item(self, queue: Queue, record: str) -> QueueItem | None:
        """Give one record of a queue, None when it is not in it."""
        ...

    def label_of(self, queue: Queue, annotator: str, record: str) -> Label | None:
        """Give that person's label of a record in force."""
        ...

    def guideline_change(self, queue: Queue, had: str) -> GuidelineChange | None:
        """Say how the guideline changed since the version that a person worked by last; None when it did not."""
        ...

    def sitting(self, queue: Queue, annotator: str, limit: int) -> Sitting:
        """Give where this annotator is in the queue, with the next items."""
        ...

    def save_labels(self, queue: Queue, events: Sequence[Mapping[str, Json]], annotator: str, verified: bool) -> None:
        """Store what the card sent; when this returns the labels are safe, and an event sent twice is one label."""
        ...
