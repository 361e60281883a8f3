"""Labels in and out: files of ours and of other programs, and data frames."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from stagegap.errors import ConfigurationError
from stagegap.exchange.foreign import Unmapped, Wanted, detected, read_foreign
from stagegap.exchange.label_files import (
    LABEL_COLUMNS,
    Known,
    labels_of_rows,
    read_labels,
    unfit,
    unvouched,
    write_labels,
    write_references,
)
from stagegap.exchange.label_files import label_frame_rows as frame_rows_of
from stagegap.exchange.rows import Problems
from stagegap.exchange.run_files import OUTPUT_COLUMNS, Material, Scores, Sent, output_rows, write_for, write_outputs
from stagegap.exchange.tables import Frame, frame, frame_rows
from stagegap.model.answer import Label, Output
from stagegap.model.cascade import Cascade, CascadeFile
from stagegap.model.run import SYSTEM, Run
from stagegap.people.verdicts import seen_references
from stagegap.runner import read_materials
from stagegap.store import Store
from stagegap.workspace.provenance import run_records

OTHER_CASCADE = "A label of another cascade has this id already."
UNFIT = "The value does not fit the stage as it is now: the label is kept as it was made and enters no number."


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportReport:
    """What an import brought."""

    added: int
    known: int
    """Labels that were there already, or stood twice in the file."""
    unmapped: tuple[Unmapped, ...] = ()
    """What became no label or came in without a part of it, by reason."""
    source: str | None = None
    """Name of the foreign format; None for our own files."""
    unvouched: int = 0
    """New labels of which the file said that somebody's identity was checked: taken in as not verified."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Foreign:
    """How a file of another program is read, as far as the caller says so."""

    source: str | None = None
    """Name of its format; None finds it out from the content."""
    stages: tuple[tuple[str, str], ...] = ()
    """Stage and the foreign name of its question."""
    record_id: str | None = None
    """Field that holds the record's id."""
    annotator: str = ""
    """Who answered, where the file does not say."""


def import_labels(store: Store, file: CascadeFile, path: Path, foreign: Foreign) -> ImportReport:
    """Take the labels of a file in; those that are there already are not taken twice.

    Raises: InputError with every problem of our own files, ConfigurationError for what can't be mapped at all.
    """
    known = _known(store, file)
    source = foreign.source or detected(path)
    if source is None:
        if foreign.stages or foreign.record_id is not None or foreign.annotator:
            raise ConfigurationError(
                f"{path} is read as labels of our own, which name stage and record themselves. "
                "If it is of another program, name it with --from."
            )
        return _append(store, known, read_labels(path, known))
    wanted = Wanted(
        stages=dict(foreign.stages),
        record_id=foreign.record_id,
        id_field=file.records.id,
        annotator=foreign.annotator,
    )
    labels, unmapped = read_foreign(path, source, known, wanted)
    return _append(store, known, labels, unmapped=unmapped, source=source)


def joined(reports: Sequence[ImportReport]) -> ImportReport:
    """What the imports of several files brought together."""
    parts: dict[str, list[Unmapped]] = {}
    for part in (part for report in reports for part in report.unmapped):
        parts.setdefault(part.reason, []).append(part)
    sources = dict.fromkeys(report.source for report in reports if report.source)
    return ImportReport(
        added=sum(report.added for report in reports),
        known=sum(report.known for report in reports),
        unmapped=tuple(
            Unmapped(
                reason=reason,
                count=sum(part.count for part in same),
                examples=tuple(example for part in same for example in part.examples)[:5],
            )
            for reason, same in parts.items()
        ),
        source=", ".join(sources) or None,
        unvouched=sum(report.unvouched for report in reports),
    )


def import_frame(store: Store, file: CascadeFile, given: Frame) -> ImportReport:
    """Take the labels of a data frame in, one a row. Raises: InputError with every problem, rows counted from 1."""
    problems = Problems(Path("data frame"))
    known = _known(store, file)
    labels = labels_of_rows(frame_rows(given, problems), known, problems, tabular=True)
    problems.raise_if_any()
    return _append(store, known, labels)


def export_labels(store: Store, cascade: Cascade, path: Path, *, references: bool, raw: bool) -> int:
    """Write all labels of a cascade, or what is settled from them, to a file. Give the number of rows."""
    if references:
        blind = store.settled(cascade).references
        seen = seen_references(store.labels(cascade.name, task="verdict"), blind)
        return write_references(path, [*blind.values(), *seen], cascade=cascade.name, raw=raw)
    return write_labels(path, store.labels(cascade.name, task=None), cascade=cascade.name, raw=raw)


def export_outputs(store: Store, run: Run, cascade: Cascade, path: Path, scores: Scores, *, raw: bool) -> int:
    """Write the system's outputs of a run with all that is known of them. Give the number of rows."""
    return write_outputs(path, _outputs(store, run, cascade), scores, raw=raw)


def outputs_frame(store: Store, run: Run, cascade: Cascade, scores: Scores) -> Frame:
    """The system's outputs of a run with all that is known of them, as a data frame."""
    return frame(OUTPUT_COLUMNS, output_rows(_outputs(store, run, cascade), scores))


def _outputs(store: Store, run: Run, cascade: Cascade) -> Iterator[Output]:
    """The system's outputs of a run, stage by stage."""
    return (output for stage in cascade.names for output in store.outputs(run.id, SYSTEM, stage))


def export_for(store: Store, run: Run, cascade: Cascade, path: Path, *, program: str, with_answers: bool) -> Sent:
    """Write labels, or the run, as another program takes them. Raises: ConfigurationError."""
    material = Material(
        cascade=cascade,
        run=run.name,
        at=run.started_at,
        records=run_records(store, run, cascade),
        outputs=list(_outputs(store, run, cascade)),
        labels=store.labels(cascade.name),
        with_answers=with_answers,
    )
    return write_for(program, path, material)


def labels_frame(store: Store, cascade: str) -> Frame:
    """All labels of a cascade as a data frame."""
    return frame(LABEL_COLUMNS, frame_rows_of(store.labels(cascade, task=None), cascade=cascade))


def _known(store: Store, file: CascadeFile) -> Known:
    labels = {label.id: label for label in store.labels(file.cascade.name, task=None)}
    return replace(read_materials(file).known(file.cascade), labels=labels)


def _append(
    store: Store,
    known: Known,
    labels: Sequence[Label],
    *,
    unmapped: Sequence[Unmapped] = (),
    source: str | None = None,
) -> ImportReport:
    cascade = known.cascade
    before = _ids(store, cascade)
    store.append_labels(cascade.name, unvouched(labels))
    after = _ids(store, cascade)
    ids = {label.id for label in labels}
    added, elsewhere = len((ids & after) - before), sorted(ids - after)
    strange = [f"{label.record} at {label.stage}: {label.id}" for label in unfit(labels, known)]
    left = [(OTHER_CASCADE, elsewhere), (UNFIT, strange)]
    return ImportReport(
        added=added,
        known=len(labels) - added - len(elsewhere),
        unmapped=(
            *unmapped,
            *(Unmapped(reason=why, count=len(which), examples=tuple(which[:5])) for why, which in left if which),
        ),
        source=source,
        unvouched=len({label.id for label in labels if label.verified and label.id in after - before}),
    )


def _ids(store: Store, cascade: Cascade) -> set[str]:
    return {label.id for label in store.labels(cascade.name, task=None)}
