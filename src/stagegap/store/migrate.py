"""The schema of the store: numbered SQL files, forward only, applied to a copy that then takes the file's place."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import duckdb

from stagegap.errors import StoreDamaged, StoreNewer, StoreOlder, StoreVersion
from stagegap.store.attach import Attachment, Session


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """One step of the schema."""

    version: int
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        return hashlib.sha256(self.sql.encode()).hexdigest()


def shipped() -> tuple[Migration, ...]:
    """Read the migrations that this program brings along, in order."""
    scripts = sorted(
        (entry for entry in (files("stagegap.store") / "schema").iterdir() if entry.name.endswith(".sql")),
        key=lambda entry: entry.name,
    )
    return tuple(
        Migration(version=int(entry.name[:4]), name=entry.name[5:-4], sql=entry.read_text("utf-8")) for entry in scripts
    )


class Schema:
    """Creates, admits and migrates store files."""

    def __init__(self, *, app_version: str, migrations: Sequence[Migration] | None = None) -> None:
        self._app_version = app_version
        self._migrations = shipped() if migrations is None else migrations
        self._wanted = {migration.version: migration.checksum for migration in self._migrations}

    def admit(self, session: Session, path: Path) -> None:
        """Refuse what this program cannot work with. Raises: StoreDamaged, StoreVersion."""
        have = self._versions(session, path)
        newest, ours = max(have, default=0), max(self._wanted)
        if newest > ours:
            writer = session.rows("select app_version from schema_migration where version = ?", newest)[0][0]
            raise StoreNewer(
                f"{path} has schema {newest}, written by stagegap {writer}; this program reads up to schema {ours}."
                f" Install stagegap {writer} or newer."
            )
        odd = [version for version, checksum in have.items() if self._wanted[version] != checksum]
        if odd:
            raise StoreVersion(f"{path} was made with another text of schema {odd[0]} than this program has.")
        if newest < ours:
            raise StoreOlder(
                f"{path} has the older schema {newest}. The next command that works with it brings it to schema {ours};"
                " a copy is kept."
            )

    def create(self, file: Attachment, *, journal: str) -> None:
        """Make an empty store beside its place and move it there; the caller holds the exclusive lock."""
        new = _fresh(file.path)
        with file.creating(new) as session:
            self._apply(session, have=frozenset())
            for key, value in (("app_version", self._app_version), ("journal", journal), ("applied", "0")):
                session.run("insert into meta values (?, ?)", key, value)
        _move_in(new, file.path)

    def bring_up(self, file: Attachment) -> Path | None:
        """Migrate the file where it is older, and give the copy kept of what it was."""
        with file.locks.shared():
            behind = self._is_behind(file)
        if not behind:
            return None
        with file.locks.exclusive():
            return self.migrate(file) if self._is_behind(file) else None

    def _is_behind(self, file: Attachment) -> bool:
        with file.opened(file.path, "read_only") as session:
            return max(self._versions(session, file.path), default=0) < max(self._wanted)

    def migrate(self, file: Attachment) -> Path:
        """Bring the file up to date and give the copy kept of what it was; the caller holds the exclusive lock.

        A kill at any moment leaves the old file or the new one in place, never something between.
        """
        with file.opened(file.path, "read_write") as session:
            have = frozenset(self._versions(session, file.path))
        new = _fresh(file.path)
        shutil.copyfile(file.path, new)
        with file.creating(new) as session:
            self._apply(session, have=have)
        backup = file.path.with_name(f"{file.path.name}.schema-{max(have, default=0)}")
        backup.unlink(missing_ok=True)
        os.link(file.path, backup)
        _move_in(new, file.path)
        return backup

    def _apply(self, session: Session, *, have: frozenset[int]) -> None:
        with session.transaction():
            for migration in self._migrations:
                if migration.version not in have:
                    session.run(migration.sql)
                    session.run(
                        "insert into schema_migration (version, name, checksum, app_version) values (?, ?, ?, ?)",
                        migration.version, migration.name, migration.checksum, self._app_version,
                    )  # fmt: skip
        session.run("checkpoint store")

    def _versions(self, session: Session, path: Path) -> dict[int, str]:
        try:
            return dict(session.rows("select version, checksum from schema_migration"))
        except duckdb.CatalogException as error:
            raise StoreDamaged(f"{path} is a DuckDB file of another program, no stagegap store.") from error


def _fresh(path: Path) -> Path:
    """The name that a store is built under, without what a killed build left there."""
    new = path.with_name(f"{path.name}.new")
    for leftover in (new, new.with_name(f"{new.name}.wal")):
        leftover.unlink(missing_ok=True)
    return new


def _move_in(new: Path, path: Path) -> None:
    os.chmod(new, 0o600)
    os.replace(new, path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
