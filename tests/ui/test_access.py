"""Token, invitations and team of a project, on real files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from stagegap.errors import ConfigurationError
from stagegap.ui.access import PLACE, Access, Role


def test_token_stays_and_is_the_owners_alone(tmp_path: Path) -> None:
    access = Access(tmp_path)
    token = access.token
    assert len(token) >= 32
    assert Access(tmp_path).token == token, "open pages outlive a restart"
    assert (tmp_path / PLACE / "token").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / PLACE).stat().st_mode & 0o777 == 0o700
    assert Access(tmp_path / "other").token != token
    assert Access(tmp_path / "other").cookie_name != access.cookie_name


def test_token_of_a_folder_that_cannot_be_written_lasts_as_long_as_the_process(tmp_path: Path) -> None:
    (tmp_path / ".stagegap").write_text("in the way of a folder")
    (tmp_path / "deep").mkdir()
    access = Access(tmp_path / "deep")
    (tmp_path / "deep" / ".stagegap").mkdir()
    (tmp_path / "deep" / ".stagegap" / "access").symlink_to("/proc/self/nothing/there")
    assert access.token == access.token


def test_token_of_somebody_else_is_said_to_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> str:
        raise PermissionError(13, "Permission denied")

    access = Access(tmp_path)
    _ = access.token
    monkeypatch.setattr(Path, "read_text", refuse)  # the tests may run as root, whom no mode stops
    with pytest.raises(ConfigurationError, match="belongs to somebody else: ask them for an invitation"):
        _ = access.token


def test_cookie_stands_for_a_token_and_for_nothing_else(tmp_path: Path) -> None:
    access = Access(tmp_path)
    cookie = access.cookie(access.token)
    assert cookie is not None
    assert access.admits(cookie)
    assert access.is_owner(cookie)
    assert not access.admits(access.token), "what stands in an address is no cookie"
    assert access.cookie("guess") is None
    assert not access.admits("gües")


def test_invitation_is_for_one_person_and_can_be_taken_back(tmp_path: Path) -> None:
    access = Access(tmp_path, clock=iter([10.0, 20.0, 30.0]).__next__)
    first, token = access.invite("ann")
    second, other = access.invite("ben")
    assert [(entry.id, entry.who, entry.made_at) for entry in access.invitations()] == [
        ("i1", "ann", 10.0), ("i2", "ben", 20.0),
    ]  # fmt: skip
    assert token not in (tmp_path / PLACE / "invitations.json").read_text()
    assert access.cookie(token) == token
    assert access.invitation(token) == first
    assert not access.is_owner(token)
    assert access.revoke("ann") == [first]
    assert access.invitation(token) is None
    assert access.invitation(other) == second
    assert access.invitations()[0].revoked_at == 30.0


def test_invitation_that_does_not_hold_is_named_with_those_near_it(tmp_path: Path) -> None:
    access = Access(tmp_path)
    with pytest.raises(ConfigurationError, match="No invitation of 'ann' holds"):
        access.revoke("ann")
    access.invite("ann")
    with pytest.raises(ConfigurationError, match=r"No invitation of 'anne' holds\. Did you mean ann"):
        access.revoke("anne")


@pytest.mark.parametrize("content", ["{", '[{"id": 1}]', "5"])
def test_spoilt_file_of_invitations_lets_nobody_in(tmp_path: Path, content: str) -> None:
    access = Access(tmp_path)
    access.invite("ann")
    (tmp_path / PLACE / "invitations.json").write_text(content)
    with pytest.raises(ConfigurationError, match=r"invitations\.json can't be read"):
        access.invitations()


def test_invitation_that_cannot_be_kept_is_not_given(tmp_path: Path) -> None:
    (tmp_path / ".stagegap").symlink_to("/proc/self/nothing")
    with pytest.raises(ConfigurationError, match="can't be written"):
        Access(tmp_path).invite("ann")


def test_team_file_says_who_may_do_what(tmp_path: Path) -> None:
    access = Access(tmp_path)
    assert access.role("anybody@example.org") is Role.ADMIN, "without the file"
    (tmp_path / "team.toml").write_text(
        'admins = ["boss@example.org"]\nengineers = ["*@eng.example.org"]\nlabellers = ["*@example.org"]\n'
    )
    assert access.role(" Boss@Example.org ") is Role.ADMIN
    assert access.role("eve@eng.example.org") is Role.ENGINEER
    assert access.role("ann@example.org") is Role.LABELLER
    assert access.role("boss@example.org.evil.example") is None


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("admins = [", "can't be read"),
        ("admin = []", "found 'admin'. Did you mean admins"),
        ("admins = 'boss'", "admins must be a list of addresses; found 'boss'"),
        ("admins = [1]", r"admins must be a list of addresses; found \[1\]"),
    ],
)
def test_team_file_that_says_something_else_is_named(tmp_path: Path, content: str, problem: str) -> None:
    (tmp_path / "team.toml").write_text(content)
    with pytest.raises(ConfigurationError, match=problem):
        Access(tmp_path).role("boss@example.org")
    assert os.listdir(tmp_path) == ["team.toml"]
