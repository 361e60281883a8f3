from __future__ import annotations

from typing import Any

import pytest
import streamlit
from streamlit.testing.v1 import AppTest

HEADERS = {"X-Forwarded-Email": "email"}


def script() -> None:
    import streamlit

    from stagegap.ui import identity

    streamlit.text(str(identity.annotator()))


def ran(monkeypatch: pytest.MonkeyPatch, user: dict[str, Any], headers: Any = None, who: str = "") -> AppTest:
    monkeypatch.setattr(streamlit, "user", user)
    monkeypatch.setattr(streamlit, "get_option", lambda name: {"server.trustedUserHeaders": headers or {}}[name])
    test = AppTest.from_function(script, default_timeout=60)
    if who:
        test.query_params["who"] = who
    test.run()
    assert not test.exception
    return test


def said(test: AppTest) -> str:
    return test.text[-1].value


@pytest.mark.parametrize(
    ("user", "headers", "why"),
    [
        ({"is_logged_in": True, "email": "ab@example.org"}, None, "signed in through OIDC"),
        ({"email": " ab@example.org "}, HEADERS, "named by the proxy"),
        ({"is_logged_in": False, "email": "ab@example.org"}, HEADERS, "named by the proxy, sign-in is possible too"),
    ],
)
def test_checked_identity_is_taken_and_the_link_cannot_change_it(
    monkeypatch: pytest.MonkeyPatch, user: dict[str, Any], headers: Any, why: str
) -> None:
    test = ran(monkeypatch, user, headers, who="boss@example.org")
    assert said(test) == "('ab@example.org', True)", why
    assert not test.text_input, "nobody is asked for initials"


@pytest.mark.parametrize(
    ("user", "why"),
    [
        ({"email": "ab@example.org"}, "an e-mail that nobody vouches for"),
        ({}, "nothing is configured"),
    ],
)
def test_initials_are_taken_where_nothing_is_configured_and_marked(
    monkeypatch: pytest.MonkeyPatch, user: dict[str, Any], why: str
) -> None:
    assert said(ran(monkeypatch, user)) == "(None, False)", why
    test = ran(monkeypatch, user, who="ab")
    assert said(test) == "('ab', False)"


def test_proxy_that_names_nobody_lets_nobody_label(monkeypatch: pytest.MonkeyPatch) -> None:
    test = ran(monkeypatch, {"email": " "}, HEADERS, who="ab")
    assert said(test) == "(None, False)"
    assert any("did not say who you are" in one.value for one in test.markdown)


def test_header_for_another_field_vouches_for_no_email(monkeypatch: pytest.MonkeyPatch) -> None:
    assert said(ran(monkeypatch, {"email": "ab@example.org"}, {"X-Team": "team"})) == "(None, False)"


@pytest.mark.parametrize(
    ("auth", "buttons"),
    [
        ({"client_id": "x"}, ["Sign in"]),
        ({"cookie_secret": "x", "work": {"client_id": "x"}, "home": {"client_id": "y"}},
         ["Sign in with work", "Sign in with home"]),
    ],
)  # fmt: skip
def test_who_is_not_signed_in_is_asked_to_and_not_for_initials(
    monkeypatch: pytest.MonkeyPatch, auth: dict[str, Any], buttons: list[str]
) -> None:
    monkeypatch.setattr(streamlit, "secrets", {"auth": auth})
    test = ran(monkeypatch, {"is_logged_in": False}, who="ab")
    assert said(test) == "(None, False)"
    assert [button.label for button in test.button] == buttons


def returning() -> None:
    import streamlit

    from stagegap.ui import identity

    identity.come_back()
    streamlit.text(identity.invitation())


@pytest.mark.parametrize(
    ("user", "parts", "words"),
    [
        ({"is_logged_in": True}, 1, "Sign in above"),
        ({"is_logged_in": False}, 0, "Sign in above"),
        ({}, 0, "Write your initials above"),
    ],
)
def test_who_has_signed_in_is_led_back_and_others_are_asked_who_they_are(
    monkeypatch: pytest.MonkeyPatch, user: dict[str, Any], parts: int, words: str
) -> None:
    monkeypatch.setattr(streamlit, "user", user)
    test = AppTest.from_function(returning, default_timeout=60).run()
    assert not test.exception
    assert len(test.get("bidi_component")) == parts
    assert said(test) == words
