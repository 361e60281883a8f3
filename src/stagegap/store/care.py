"""Care of the store: what it tells of itself; check, rebuild, export."""

from __future__ import annotations

import os
import shutil
import sqlite3
import uuid
from collections.abc import Callable, Generator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Literal

import duckdb

from stagegap.errors import StoreError, StoreNewer, StoreOlder, StoreVersion
from stagegap.model.wording import instant
from stagegap.store import control, events, labels, outputs, rows
from stagegap.store.attach import Attachment, Session, explained, quoted
from stagegap.store.backup import PutBack, SecondCopies, put_back_all
from stagegap.store.journal import MOVED, PEOPLE, Journal, Kind
from stagegap.store.migrate import Schema


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordsImport:
    """What an import of records did."""

    added: int
    changed: int
    unchanged: int
    digest: str = field(default="", compare=False)
    """Of all records of the import, in their order: their ids and contents."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """Acknowledged writes that are safe in the journal and not yet in DuckDB."""

    ops: int
    since: float | None
    """When the oldest of them was written, in seconds since 1970, UTC; None when nothing waits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that `check` looked at."""

    what: Literal[
        "file", "version", "blocks", "watermark", "duplicates", "set aside", "journal", "labels", "waiting", "copies"
    ]
    is_good: bool
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebuilt:
    """What a rebuild saved."""

    old_file: Path | None
    """The old file, beside the new one; None when there was none."""
    outputs: int
    """Outputs read from the old file; labels come back from the journal, all of them."""
    lost: tuple[str, ...]
    """Tables of the old file that could not be read."""
    dropped: int
    """Operations of the journal with flipped bits that the file has no good copy of."""
    put_back: PutBack
    """What came back from second copies."""


NAMES = ("cascade", "stage", "cell", "metric", "annotator", "record", "run")
"""Tables without which no other table can be read."""
CONTENT = (
    "record_version", "blob", "output", "batch_applied", "label", "queue", "queue_item", "guideline", "score",
    "run_view", "kept_view", "oddity_event", "tag_event", "person_event", "seen", "reading", "failure",
    "provenance", "source_text", "record_set", "run_tag", "expectation",
)  # fmt: skip


def gone(path: Path, journal: Journal, copies: SecondCopies) -> str:
    """Say that the file is not there any more, what went with it and what can be had back."""
    there = copies.count()
    people = len(journal.label_ids())
    return (
        f"{path} does not exist any more, and with it went the outputs of its runs. `stagegap tools doctor --rebuild`"
        f" makes a new one with {people:,} labels and {there.paid:,} answers that were paid for, of"
        f" {there.runs:,} runs; what costs nothing is computed again by `stagegap run`."
        " If you moved the file, put it back instead."
    )


def check(file: Attachment, journal: Journal, copies: SecondCopies, move: Callable[[], None]) -> list[Finding]:
    """Look at everything that can be wrong with a store, mend what has a good copy, and say also what is right.

    `move` brings what waits in the journal into the file: only who tries hears why something waits.
    """
    if not file.path.exists():
        lost = Finding(what="file", is_good=False, message=gone(file.path, journal, copies))
        return [lost, *_journal(journal, 0), _second(copies, 0)]
    healed = sealed = 0
    reason = ""
    try:
        healed = heal(file, journal, copies)
        move()
        sealed = seal(file, journal, copies)
    except StoreError as error:
        reason = "" if isinstance(error, StoreVersion) else str(error)
    findings = [*_file(file, journal), *_journal(journal, healed)]
    return [*findings, _second(copies, sealed), _waiting(journal, reason)]


def _second(copies: SecondCopies, sealed: int) -> Finding:
    gaps = copies.gaps()
    if gaps:
        where = ", ".join(f"{gap.file} at byte {gap.at}" for gap in gaps[:5])
        return Finding(what="copies", is_good=False, message=f"Second copies are damaged: {where}.")
    count = copies.count()
    more = f" {sealed:,} of them were missing and are written." if sealed else ""
    message = f"{count.paid:,} paid answers and {count.people:,} things that people did have second copies.{more}"
    return Finding(what="copies", is_good=True, message=message)


def _waiting(journal: Journal, reason: str) -> Finding:
    try:
        ops, since = journal.unmoved()
    except StoreError as error:
        return Finding(what="waiting", is_good=False, message=str(error))
    if not ops or since is None:
        return Finding(what="waiting", is_good=True, message="No write waits to be moved into the file.")
    when = instant(since)
    free = shutil.disk_usage(journal.path.parent).free
    why = f": {reason}" if reason else "."
    return Finding(
        what="waiting",
        is_good=not reason,
        message=f"{ops:,} writes wait in the journal since {when:%Y-%m-%d %H:%M} UTC{why} They are kept there, and go"
        f" into the file with the next command that can write it; {free / 1e6:,.0f} MB are free on this disk.",
    )


def _file(file: Attachment, journal: Journal) -> Generator[Finding]:
    try:
        with file.reading() as session:
            version = session.rows("select max(version) from schema_migration")[0][0]
            yield Finding(what="version", is_good=True, message=f"{file.path} has schema {version}.")
            yield from _blocks(session)
            yield from _content(session, journal)
    except StoreVersion as error:
        yield Finding(what="version", is_good=isinstance(error, StoreOlder), message=str(error))
    except StoreError as error:
        yield Finding(what="file", is_good=False, message=str(error))


def _blocks(session: Session) -> Generator[Finding]:
    """Read every block of every column, which makes DuckDB compare its checksums."""
    total = 0
    for table in (*NAMES, *CONTENT):
        total += session.rows(f"select count(*), bit_xor(hash(t)) from {table} t")[0][0]
    yield Finding(what="blocks", is_good=True, message=f"{total} rows read, every block checksum is right.")


def _content(session: Session, journal: Journal) -> Generator[Finding]:
    done, last = events.applied(session), journal.last()
    owner = session.rows("select v from meta where k = 'journal'")[0][0]
    yield Finding(
        what="watermark",
        is_good=owner == journal.id,
        message=f"{done} of {max(done, last)} operations of the journal are in the file."
        if owner == journal.id
        else "The file belongs to another journal.",
    )
    doubled = (
        session.rows(
            "select count(*) from"
            " (select 1 from output group by run, cell, stage, record, repeat, seq having count(*) > 1)"
        )[0][0]
        + session.rows("select count(*) - count(distinct id) from label")[0][0]
    )
    yield Finding(what="duplicates", is_good=not doubled, message=f"{doubled} outputs or labels stand twice.")
    second_copies = journal.label_ids()
    only_here = sum(row[0] not in second_copies for row in session.rows("select distinct id from label"))
    yield Finding(
        what="labels",
        is_good=not only_here,
        message="Every label has its second copy in the journal."
        if not only_here
        else f"{only_here} labels have no second copy in the journal.",
    )


def _journal(journal: Journal, healed: int) -> Generator[Finding]:
    try:
        aside = journal.aside()
        flipped = [op.seq for op in journal.all_ops() if not op.is_whole]
        intact = journal.is_intact()
    except StoreError as error:
        yield Finding(what="journal", is_good=False, message=str(error))
        return
    yield Finding(
        what="set aside",
        is_good=not aside,
        message="; ".join(f"operation {op.seq} ({op.kind} {op.id}): {reason}" for op, reason in aside)
        or "No operation is set aside.",
    )
    if flipped:
        message = f"Operations with a wrong checksum: {', '.join(map(str, flipped))}."
    elif intact:
        message = "Every checksum of the journal is right."
        if healed:
            message += f" {healed:,} had flipped bits and are written again from their second copies."
    else:
        message = f"SQLite finds the structure of {journal.path} damaged."
    yield Finding(what="journal", is_good=intact and not flipped, message=message)


def heal(file: Attachment, journal: Journal, copies: SecondCopies) -> int:
    """Put operations with flipped bits right: from the file where they are moved already, else from second copies.

    Gives how many. What has no copy stays as it is.
    """
    flipped = [op for op in journal.all_ops() if not op.is_whole]
    if not flipped:
        return 0
    with file.reading() as session:
        moved: dict[int, tuple[Kind, str, bytes]] = {
            seq: (kind, *op)
            for kind, ops in _copies(session)
            for (seq,), op in zip(session.rows(f"select seq from {_TABLES[kind]} order by seq"), ops, strict=True)
        }
    back: dict[str, tuple[Kind, str, bytes]] = {op_id: (kind, op_id, body) for kind, op_id, body in copies.ops()}
    healed = 0
    for op in flipped:
        if op.seq in moved:
            journal.put_right(op, *moved[op.seq])
        elif op.id in back:
            # It may have been passed over: it goes to the end, where it is moved as any other.
            journal.drop([op.seq])
            kind, op_id, body = back[op.id]
            journal.append(kind, [(op_id, body)], is_copied=True)
        else:
            continue
        healed += 1
    return healed


_TABLES: dict[Kind, str] = {"label": "label", **{table.kind: table.name for table in events.TABLES}}


def seal(file: Attachment, journal: Journal, copies: SecondCopies) -> int:
    """Write the second copies that are missing: damaged, or of a time before there were any. Gives how many."""
    copies.retire_damaged()
    known = {op_id for _, op_id, _ in copies.ops()}
    missing = [op for op in journal.all_ops() if op.kind in PEOPLE and op.is_whole and op.id not in known]
    for kind in PEOPLE:
        ops = [(op.id, op.body) for op in missing if op.kind == kind]
        if ops:
            copies.keep(kind, ops)
    count = len(missing)
    with file.reading() as session:
        for op_id, seq in outputs.paid_operations(session):
            if op_id not in known:
                run, cell, answers = outputs.of_operation(session, seq)
                apart: list[tuple[str, bytes]] = []
                body = rows.pack(run, cell, answers, partial(session.texts.put, kept=apart))[1]
                copies.keep("batch", [(op_id, body)], run=control.find(session, key=run)[0], texts=apart)
                count += len(answers)
    return count


def pair(file: Attachment, journal: Journal, copies: SecondCopies) -> None:
    """See that file and journal belong together, so that no operation can pass for one that is applied already.

    A journal that is new beside an old file (deleted, or left behind when the file was copied), or one put back from
    a backup, goes on counting above the file's watermark and gets what people made, and what only second copies hold.
    """
    with file.reading() as session:
        owner = session.rows("select v from meta where k = 'journal'")[0][0]
        journal.start_after(events.applied(session))
        strange = owner != journal.id
        people = _copies(session) if strange else []
    if strange:
        for kind, ops in people:
            journal.append(kind, ops)
        with file.writing() as session:
            put_back_all(session, journal, copies)
            session.run("update meta set v = ? where k = 'journal'", journal.id)
    journal.put_note("paired", "yes")


def _copies(session: Session) -> list[tuple[Kind, list[tuple[str, bytes]]]]:
    """All that people made, by kind, as operations for a journal that does not have it."""
    return [("label", labels.copies(session)), *((table.kind, table.copies(session)) for table in events.TABLES)]


def rebuild(file: Attachment, journal: Journal, schema: Schema, copies: SecondCopies) -> Rebuilt:
    """Make a new file from what can be read of the old one, the journal and second copies; the old one is kept beside.

    All that the journal still holds is drained again afterwards, so rows that came from there are left out here:
    labels are known by their id, and batches come again when the journal has not dropped them. Raises: StoreNewer.
    """
    if file.path.exists():
        _refuse_newer(file)
        with suppress(StoreError):
            heal(file, journal, copies)
    with file.locks.exclusive():
        damaged = _set_aside(file.path)
        schema.create(file, journal=journal.id)
        lost: tuple[str, ...] = ()
        saved = 0
        with file.opened(file.path, "read_write") as session:
            if damaged is not None:
                lost = _salvage(session, damaged, journal.machine_seqs())
                saved = session.rows("select count(*) from output")[0][0]
            if "output" in lost or "blob" in lost:
                session.run("delete from output; delete from batch_applied")
                saved = 0
            flipped = [op.seq for op in journal.all_ops() if not op.is_whole]
            journal.drop(flipped)
            put_back = put_back_all(session, journal, copies)
        journal.retry()
        journal.put_note("rebuilt", uuid.uuid4().hex)
        journal.put_note(MOVED, "0")
    return Rebuilt(old_file=damaged, outputs=saved, lost=lost, dropped=len(flipped), put_back=put_back)


def _refuse_newer(file: Attachment) -> None:
    try:
        with file.reading():
            return
    except StoreNewer:
        raise
    except StoreError:
        return  # What is damaged or older is what a rebuild is for.


def set_journal_aside(path: Path) -> Path | None:
    """Move a journal away whose structure is damaged, and give where it is; None where it is whole."""
    try:
        with closing(sqlite3.connect(path)) as db:
            if db.execute("pragma integrity_check").fetchall() == [("ok",)]:
                return None
    except sqlite3.DatabaseError:
        pass  # what SQLite can't even look at is damaged
    kept = _beside(path)
    os.rename(path, kept)
    path.with_name(f"{path.name}-journal").unlink(missing_ok=True)
    return kept


def _beside(path: Path) -> Path:
    number = 1
    while (beside := path.with_name(f"{path.name}.damaged-{number}")).exists():
        number += 1
    return beside


def _set_aside(path: Path) -> Path | None:
    if not path.exists():
        return None
    damaged = _beside(path)
    os.rename(path, damaged)
    log = path.with_name(f"{path.name}.wal")
    if log.exists():
        os.rename(log, damaged.with_name(f"{damaged.name}.wal"))
    return damaged


def _salvage(session: Session, damaged: Path, waiting: Sequence[int]) -> tuple[str, ...]:
    """Copy table by table; give the names of those that could not be read."""
    everything = (*NAMES, *CONTENT)
    try:
        session.run(f"attach {quoted(damaged)} as old (read_only)")
    except duckdb.Error:
        return everything
    try:
        return tuple(_copied(session, waiting))
    finally:
        session.run("detach old")


def _copied(session: Session, waiting: Sequence[int]) -> Generator[str]:
    """Copy what is readable and give the names of the tables that are not."""
    try:
        with session.transaction():
            for table in NAMES:
                session.run(f"insert into {table} from old.main.{table}")
    except duckdb.Error:
        yield from (*NAMES, *CONTENT)
        return
    for table in CONTENT:
        again = " where seq not in (select unnest(?::ubigint[]))" if table in ("output", "batch_applied") else ""
        try:
            session.run(f"insert into {table} by name from old.main.{table}{again}", *([waiting] if again else []))
        except duckdb.Error:
            yield table


def export(session: Session, folder: Path) -> list[Path]:
    """Write every table as Parquet. Raises: StoreError where the folder cannot be written."""
    written: list[Path] = []
    for table in (*NAMES, *CONTENT):
        path = folder / f"{table}.parquet"
        try:
            session.run(f"copy {table} to {quoted(path)} (format parquet, compression zstd)")
        except duckdb.Error as error:
            raise explained(error, path) from error
        written.append(path)
    return written
