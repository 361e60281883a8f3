"""Who may come in, and as what: this project's token, invitations for one person each, and the team's file."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import re
import secrets
import time
import tomllib
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, cast

from stagegap.errors import ConfigurationError, near_names
from stagegap.model.run import STORE

PLACE = Path(STORE, "access")
"""Folder of the token and the invitations inside a project; only its owner may look into it."""
TEAM = "team.toml"
"""File of a project that says who may do what."""
BYTES = 24
"""Of a random token: nobody guesses one of 2**192."""


class Role(StrEnum):
    """What somebody may do."""

    ADMIN = "admin"
    """Everything, invitations included."""
    ENGINEER = "engineer"
    """Everything but letting others in."""
    LABELLER = "labeller"
    """The label page, and nothing else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitor:
    """Somebody who was let in."""

    role: Role
    name: str | None = None
    """Whose labels they make; None where that is not known and they write initials."""
    is_checked: bool = False
    """True when a sign-in, a proxy or an invitation vouches for the name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Invitation:
    """A link with which one person may label, from any machine."""

    id: str
    who: str
    digest: str
    """SHA-256 of the token: who reads the file can't use it."""
    made_at: float
    """Seconds since 1970, UTC."""
    revoked_at: float | None = None


class Access:
    """The token, the invitations and the team of one project."""

    def __init__(self, folder: Path, *, clock: Callable[[], float] = time.time) -> None:
        self._place = folder / PLACE
        self._team = folder / TEAM
        self._clock = clock
        self._unsaved = ""

    @property
    def token(self) -> str:
        """The token of the project's owner, made at the first use; it stays, so that open pages outlive a restart.

        Where the folder can't be written it lasts as long as the process. Raises: ConfigurationError where it is
        somebody else's.
        """
        path = self._place / "token"
        try:
            return path.read_text(encoding="ascii").strip()
        except FileNotFoundError:
            self._unsaved = self._unsaved or secrets.token_urlsafe(BYTES)
            with suppress(OSError):
                _write(path, self._unsaved + "\n")
            return self._unsaved
        except PermissionError:
            raise ConfigurationError(f"{path} belongs to somebody else: ask them for an invitation.") from None

    @property
    def cookie_name(self) -> str:
        """Name of the cookie that stands for a token; pages of other projects on this machine have another."""
        return f"stagegap-{_digest('name', self.token)[:8]}"

    def cookie(self, token: str) -> str | None:
        """What a browser keeps in place of a token; None for one that opens nothing."""
        if hmac.compare_digest(token.encode(), self.token.encode()):
            return _digest("visit", token)
        return token if self.invitation(token) else None

    def admits(self, cookie: str) -> bool:
        """True for the cookie of the owner or of an invitation that holds."""
        return self.is_owner(cookie) or self.invitation(cookie) is not None

    def is_owner(self, cookie: str) -> bool:
        """True for the cookie that stands for the owner's token."""
        return hmac.compare_digest(cookie.encode(), _digest("visit", self.token).encode())

    def is_proxy(self, token: str) -> bool:
        """True where a proxy shows the owner's token: what it says of somebody's name holds."""
        return hmac.compare_digest(token.encode(), self.token.encode())

    def invitation(self, token: str) -> Invitation | None:
        """The invitation that a token stands for, as long as it holds."""
        digest = _digest("invitation", token)
        holding = (entry for entry in self.invitations() if entry.revoked_at is None)
        return next((entry for entry in holding if hmac.compare_digest(entry.digest, digest)), None)

    def invitations(self) -> list[Invitation]:
        """Every invitation ever made, oldest first. Raises: ConfigurationError for a spoilt file."""
        path = self._place / "invitations.json"
        try:
            entries = cast("list[dict[str, Any]]", json.loads(path.read_text(encoding="utf-8")))  # Any: checked here
            return [Invitation(**entry) for entry in entries]
        except FileNotFoundError:
            return []
        except (OSError, ValueError, TypeError) as error:
            raise ConfigurationError(f"{path} can't be read ({error}); without it no invitation holds.") from None

    def invite(self, who: str) -> tuple[Invitation, str]:
        """A new invitation for somebody, and its token, which nobody can read again."""
        token = secrets.token_urlsafe(BYTES)
        made = self.invitations()
        names = {entry.id for entry in made}
        name = next(name for n in range(1, len(made) + 2) if (name := f"i{n}") not in names)
        invitation = Invitation(id=name, who=who, digest=_digest("invitation", token), made_at=self._clock())
        self._keep([*made, invitation])
        return invitation, token

    def revoke(self, name: str) -> list[Invitation]:
        """Take back the invitation of that id, or all of that person; open pages are closed with it.

        Raises: ConfigurationError where none holds.
        """
        made = self.invitations()
        holding = [entry for entry in made if entry.revoked_at is None]
        ended = [entry for entry in holding if name in (entry.id, entry.who)]
        if not ended:
            hint = near_names(name, [part for entry in holding for part in (entry.id, entry.who)]) if holding else ""
            raise ConfigurationError(f"No invitation of {name!r} holds. {hint}".strip())
        now = self._clock()
        self._keep([replace(entry, revoked_at=now) if entry in ended else entry for entry in made])
        return ended

    def role(self, email: str) -> Role | None:
        """What somebody with a checked address may do; None for nobody's. Without the file: everything.

        Raises: ConfigurationError for a file that says something else.
        """
        team = self.team()
        if team is None:
            return Role.ADMIN
        address = email.strip().lower()
        for role in Role:
            if any(fnmatchcase(address, pattern.lower()) for pattern in team[role]):
                return role
        return None

    def team(self) -> Mapping[Role, Sequence[str]] | None:
        """The addresses, or patterns of them, by role; None without the file. Raises: ConfigurationError."""
        try:
            table = tomllib.loads(self._team.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise ConfigurationError(f"{self._team} can't be read: {error}.") from None
        keys = {f"{role}s": role for role in Role}
        for key, names in table.items():
            if key not in keys:
                raise ConfigurationError(f"{self._team}: found {key!r}. {near_names(key, keys)}".strip())
            if not isinstance(names, list) or not all(isinstance(name, str) for name in cast("list[object]", names)):
                raise ConfigurationError(f"{self._team}: {key} must be a list of addresses; found {names!r}.")
        return {role: cast("list[str]", table.get(key, [])) for key, role in keys.items()}

    def _keep(self, invitations: Sequence[Invitation]) -> None:
        body = json.dumps([asdict(entry) for entry in invitations], indent=1) + "\n"
        try:
            _write(self._place / "invitations.json", body)
        except OSError as error:
            raise ConfigurationError(f"{self._place} can't be written: {error.strerror}.") from None


def token_in(query: str) -> tuple[str | None, str]:
    """The token in the query of an address, and the query without it.

    >>> token_in("stage=route&token=abc&who=ab")
    ('abc', 'stage=route&who=ab')
    """
    match = re.search(r"(?:^|&)token=([^&]*)", query)
    if match is None:
        return None, query
    return match[1], (query[: match.start()] + query[match.end() :]).strip("&")


def _digest(purpose: str, token: str) -> str:
    return hashlib.sha256(f"stagegap {purpose} {token}".encode()).hexdigest()


def _write(path: Path, text: str) -> None:
    """Write a file that its owner alone can read, all of it or nothing."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.parent.chmod(0o700)
    new = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(new, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w", encoding="utf-8") as opened:
        opened.write(text)
    os.replace(new, path)
