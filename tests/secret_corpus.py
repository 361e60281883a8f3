"""About 200 secrets that nobody has ever used, made anew from a seed: of ten kinds, known to no file of the tests.

Each has a core, the part that nobody may find anywhere, and a text that it stands in, as people and programs write it.
"""

from __future__ import annotations

import base64
import json
import random
import string
from dataclasses import dataclass

LETTERS = string.ascii_letters + string.digits


@dataclass(frozen=True, slots=True)
class Canary:
    """One secret."""

    core: str
    text: str
    name: str = ""
    """The environment variable that holds it; empty where it is known by its look alone."""


def corpus(seed: int, *, count: int = 200) -> list[Canary]:
    """Secrets of all kinds in turn."""
    draw = random.Random(seed)
    return [KINDS[place % len(KINDS)](draw, place) for place in range(count)]


def _random(draw: random.Random, length: int, letters: str = LETTERS) -> str:
    """Random characters with a digit among them."""
    return "".join(draw.choices(letters, k=length - 1)) + "7"


def _service_key(draw: random.Random, place: int) -> Canary:
    names = ("SERVICE_KEY", "GH_PAT", "DB_PASS", "CREDENTIAL", "CLIENT_SECRET", "SOME_TOKEN", "PGPASSWORD", "MY_APIKEY")
    core = _random(draw, 14)
    return Canary(core, f"the service said no to {core}!", f"{names[place % len(names)]}_{place}")


def _odd_password(draw: random.Random, place: int) -> Canary:
    core = _random(draw, 6) + "\"&<'" + _random(draw, 8)
    return Canary(core, f"login failed: {core}", f"PASSWORD_{place}")


def _database(draw: random.Random, place: int) -> Canary:
    core = _random(draw, 12)
    return Canary(core, f"cannot reach postgres://ann:{core}@db.internal:5432/mails")


def _bearer(draw: random.Random, place: int) -> Canary:
    core = _random(draw, 24)
    return Canary(core, f"sent 'Authorization: Bearer {core}' and was refused")


def _aws(draw: random.Random, place: int) -> Canary:
    core = "AKIA" + "".join(draw.choices(string.ascii_uppercase + string.digits, k=16))
    return Canary(core, f"Access key {core} is not valid")


def _github(draw: random.Random, place: int) -> Canary:
    core = "ghp_" + _random(draw, 36)
    return Canary(core, f"remote: bad credentials {core}")


def _private_key(draw: random.Random, place: int) -> Canary:
    lines = [_random(draw, 64) for _ in range(3)]
    return Canary(lines[1], "\n".join(["-----BEGIN RSA PRIVATE KEY-----", *lines, "-----END RSA PRIVATE KEY-----"]))


def _web_token(draw: random.Random, place: int) -> Canary:
    head = base64.urlsafe_b64encode(json.dumps({"alg": "HS256", "typ": "JWT"}).encode()).decode().rstrip("=")
    core = _random(draw, 43)
    body = base64.urlsafe_b64encode(json.dumps({"sub": _random(draw, 8)}).encode()).decode().rstrip("=")
    return Canary(core, f"token expired: {head}.{body}.{core}")


def _given(draw: random.Random, place: int) -> Canary:
    core = _random(draw, 18)
    return Canary(core, f'client(api_key="{core}") failed')


def _stripe(draw: random.Random, place: int) -> Canary:
    core = "sk_live_" + _random(draw, 24)  # found by the scanner, and by no rule of ours
    return Canary(core, f"No such customer for {core}")


KINDS = (
    _service_key, _odd_password, _database, _bearer, _aws, _github, _private_key, _web_token, _given, _stripe,
)  # fmt: skip
