"""The gate: which names are secret, in what ways a value may be written, and what is found by its look."""

from __future__ import annotations

import base64
import html
import io
import json
import sys
from pathlib import Path
from typing import TextIO, cast
from urllib.parse import quote

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from secret_corpus import Canary, corpus
from stagegap import redaction
from stagegap.model.answer import Attempt, Status
from stagegap.runner.answers import without_secrets
from stagegap.stages.protocol import Reply

VALUE = 'pa"ss & wört/7'


@pytest.mark.parametrize(
    "name",
    ["OPENAI_API_KEY", "service_key", "GITHUB_PAT", "PGPASSWORD", "DB_PASS", "GOOGLE_CREDENTIALS", "HF_TOKEN",
     "CLIENT_SECRET", "AUTHORIZATION", "SENTRY_DSN", "SLACK_WEBHOOK", "SESSION_COOKIE", "MONKEY_KEY"],
)  # fmt: skip
def test_names_of_variables_that_hold_secrets(name: str) -> None:
    assert redaction.is_secret(name)


@pytest.mark.parametrize(
    "name",
    ["PATH", "PWD", "OLDPWD", "HOME", "KEYBOARD", "TOKENIZERS_PARALLELISM", "GIT_AUTHOR_NAME", "XAUTHORITY", "COMPAT",
     "MONKEY", "COMPASS_HOME", "PASSIVE", "KEYWORDS", "LANG"],
)  # fmt: skip
def test_names_of_variables_that_hold_none(name: str) -> None:
    assert not redaction.is_secret(name)


@pytest.mark.parametrize(
    "written",
    [VALUE, json.dumps(VALUE), json.dumps(VALUE, ensure_ascii=False), json.dumps(json.dumps({"a": VALUE})),
     html.escape(VALUE), quote(VALUE, safe=""),
     repr(VALUE), base64.b64encode(b"ann:" + VALUE.encode()).decode(), base64.b64encode(VALUE.encode()).decode()],
)  # fmt: skip
def test_value_of_a_secret_variable_is_found_however_it_is_written(written: str) -> None:
    text = redaction.known(f"before {written} after", {"DB_PASS": VALUE})
    assert text.startswith("before ")
    assert text.endswith(" after")
    assert redaction.BLOT in text
    assert "ss & w" not in text
    assert base64.b64encode(VALUE.encode()).decode()[4:-6] not in text


@given(st.text(min_size=8, max_size=40), st.text(max_size=20), st.text(max_size=20))
def test_no_value_is_left_wherever_it_stands(value: str, before: str, after: str) -> None:
    assume(not value.startswith("/"))  # a path to a file that exists is no secret, and examples are drawn from our code
    assert value not in redaction.known(before + value + after, {"A_TOKEN": value}) or value in redaction.BLOT * 20


@given(st.text(max_size=200))
def test_text_is_left_alone_where_the_environment_holds_no_secret(text: str) -> None:
    assert redaction.known(text, {"HOME": text, "LANG": "C.UTF-8"}) == text


def test_short_values_and_paths_of_files_are_no_secrets(tmp_path: Path) -> None:
    place = tmp_path / "key.json"
    place.write_text("{}")
    text = f"the 1234567 at {place}"
    assert redaction.known(text, {"A_TOKEN": "1234567", "CREDENTIALS": str(place)}) == text


def test_password_in_an_address_and_a_key_in_any_variable_are_known() -> None:
    environment = {"DATABASE_URL": "postgres://ann:correcthorse@db/x", "NOTE": "use ghp_" + "a1" * 18}
    assert redaction.known("login correcthorse, " + "ghp_" + "a1" * 18, environment) == "login ***, ***"


def test_lines_of_a_long_value_are_known_one_by_one() -> None:
    environment = {"SIGNING_KEY": "-----BEGIN-----\n" + "abcdefgh12345678" + "\nend"}
    assert redaction.known("bad line 'abcdefgh12345678'", environment) == "bad line '***'"


def test_what_attempts_of_a_call_say_loses_what_looks_like_a_secret() -> None:
    key = "sk-" + "a1B2" * 12
    attempts = (Attempt(0.0, 0.1, Status.INFRASTRUCTURE, f"401 for {key}"), Attempt(1.0, 0.1, Status.OK))
    (reply,) = without_secrets([Reply(value="x", attempts=attempts)])
    assert key not in reply.attempts[0].error
    assert reply.attempts[1] == attempts[1]
    plain = Reply(value="x", attempts=attempts[1:])
    assert without_secrets([plain])[0] is plain


def test_json_value_without_secrets_is_given_back_as_it_is_and_others_lose_them_at_any_depth() -> None:
    secrets = redaction.secrets({"A_TOKEN": "abcdefgh1"})
    clean = {"a": [1, "b", None, {"c": True}]}
    assert secrets.known_json(clean) is clean
    assert secrets.known_json({"x abcdefgh1": ["abcdefgh1", 2], "y": 1}) == {"x ***": ["***", 2], "y": 1}
    assert redaction.secrets({}).known_json(clean) is clean


def test_frame_keeps_its_length() -> None:
    secrets = redaction.secrets({"A_TOKEN": "abcdefgh1"})
    assert secrets.masked(b"\x0aabcdefgh1\x01") == b"\x0a*********\x01"
    assert secrets.masked(b"clean") == b"clean"
    assert secrets.known_bytes(b'{"a":"abcdefgh1"}') == b'{"a":"***"}'


def test_change_of_the_environment_counts_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    assert redaction.known("value-0815-x") == "value-0815-x"
    monkeypatch.setenv("LATE_TOKEN", "value-0815-x")
    assert redaction.known("value-0815-x") == "***"


CANARIES = [canary for canary in corpus(7, count=100) if not canary.name]


@pytest.mark.parametrize("canary", CANARIES[:8], ids=lambda canary: canary.text[:12])
def test_secret_is_known_by_its_look(canary: Canary) -> None:
    assert canary.core not in redaction.words(canary.text, {})


def test_all_of_the_corpus_are_found_in_sentences_in_json_and_in_a_difference() -> None:
    for canary in CANARIES:
        diff = "".join(f"+{line}\n" for line in canary.text.splitlines())
        for text in (canary.text, json.dumps({"error": canary.text}), diff, f"ValueError: {canary.text}. And more."):
            assert canary.core not in redaction.words(text, {}), text


def test_middle_of_a_private_key_is_found_in_a_difference() -> None:
    line = next(canary for canary in CANARIES if "PRIVATE" in canary.text).core
    assert line not in redaction.words(f" context\n+{line}\n-{line}\n", {})


@pytest.mark.parametrize(
    "text",
    ["10 of 120 mails, 3 tokens in: 4096, 12.5 s", "unexpected token: 'end of template'", "the key is missing",
     "see https://example.org/path?x=1", "3f2a9c1e7b5d4f60a1b2c3d4e5f60718", "max_tokens=1234567890123",
     "bearer certificates are rare", "token = ${SERVICE_TOKEN}", '{"tokens_out": 12345678901, "a": 1}',
     "-----BEGIN PRIVATE KEY----- is how one begins; and this goes on"],
)  # fmt: skip
def test_ordinary_text_is_left_alone(text: str) -> None:
    changed = redaction.words(text, {})
    assert changed == text or changed.endswith("; and this goes on")


def test_streams_of_the_process_pass_the_gate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_TOKEN", "abcdefgh1")
    out = io.StringIO()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    redaction.guard_streams()
    redaction.guard_streams()
    guarded = cast("TextIO", sys.stdout)
    assert guarded.write("x abcdefgh1\n") == 12
    guarded.writelines(["abcdefgh1", "!"])
    guarded.close()  # as foreign code may; the program has more to say
    guarded.write("?")
    assert out.getvalue() == "x ***\n***!?"


@pytest.mark.parametrize("piece", ["x", "7", "=", "a1", "A1/", "-_"])
def test_a_long_text_of_one_kind_passes_at_all(piece: str) -> None:
    """Patterns that look ahead from every character took hours for this, and end at the timeout of all tests."""
    text = piece * (200_000 // len(piece))
    assert len(redaction.words(text)) <= len(text)
