"""The one gate for bytes that leave the process: values of secrets are blotted out of them.

Two strengths. `known` takes out the values of the environment's secrets and changes nothing else: data pass it, on
their way into the store, to the terminal, into files and to the browser. `words` also takes out whatever looks like a
secret: sentences about a run pass it (errors, kept sources and differences, reports).
"""

from __future__ import annotations

import base64
import html
import json
import math
import os
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache, lru_cache
from typing import Any, TextIO, cast
from urllib.parse import quote, quote_plus

from stagegap.model.record import Json

BLOT = "***"
SHORTEST = 8
"""Characters from which on a value is looked for: shorter ones stand in ordinary text by chance (GitLab masks so)."""
JSON_LEVELS = 3
"""So often a text may stand as JSON within JSON: fields of a record are a text in a column of an operation."""
_LOOKS_SECRET = re.compile(
    r"key(?!board|word|note|frame)|pass(?!ive|enger|age(?!word))|pwd|(?<!com)pat$|credential|token(?!i[sz]er)|secret|"
    r"auth(?!or(?!i[sz]))|cookie|bearer|private|signature|jwt|dsn|webhook|connection_?string",
    re.IGNORECASE,
)
_NO_SECRETS = re.compile(r"monkey|turkey|hockey|compass|bypass|author(?!i[sz])|^(?:old)?pwd$", re.IGNORECASE)
"""Names that hold such a word by chance, and the two variables of the working folder."""
_CREDENTIALS = re.compile(r"://[^\s/:@\"'<>]*:([^\s/@\"'<>]+)@")
"""The password in an address."""
_SHAPES = (
    re.compile(
        r"-----BEGIN[A-Z0-9 ]*PRIVATE KEY[A-Z ]*-----(?:[\w+/=\s\\:,.-]*?-----END[A-Z0-9 ]*-----|[\w+/=\s\\:,.+-]*)"
    ),
    re.compile(  # a key's body without its first line; a path has more slashes
        r"(?<![\w+/=])(?=[A-Za-z0-9+/]*\d)(?=[a-z0-9+/]*[A-Z])(?=[A-Z0-9+/]*[a-z])(?!(?:[\w+]*/){7})"
        r"[A-Za-z0-9+/]{60,}={0,2}(?![\w+/=])"
    ),
    re.compile(
        r"\b(?:sk|pk|rk|ghp|gho|ghu|ghs|ghr|glpat|xox[abeopr]|AKIA|ASIA|AIza|hf|npm|pypi|dop|shpat)[-_A-Za-z0-9]{16,}"
    ),
    re.compile(r"\bgithub_pat_\w{20,}|\bSG\.[\w-]{16,}\.[\w-]{16,}|\bya29\.[\w-]{20,}"),
    re.compile(r"\beyJ[\w-]{8,}={0,2}\.[\w-]{8,}={0,2}(?:\.[\w-]*)?"),
)
"""Texts that keys of well-known services look like."""
_QUOTE = r"(?:\\?[\"']|&quot;|&#x27;)?"
_GIVEN = re.compile(
    r"(?i)((?:api[_-]?key|access[_-]?key|account[_-]?key|service[_-]?key|private[_-]?key|token|secret|passw(?:or)?d|"
    rf"passphrase|credentials?|authorization|signature)[\w-]*{_QUOTE}\s*[:=]\s*(?:(?:bearer|basic)\s+)?{_QUOTE})"
    r"(?!\$\{|[\d.,]+\b|\*\*\*)([^\s\"',;)}<>\\&]{8,})"
)
"""A secret's name with a value behind it."""
_BEARER = re.compile(r"(?i)\b(bearer|basic)(\s+)(?=[^\s\"'<>]*\d)[\w.~+/=-]{8,}")
_OTHERS = frozenset({"BasicAuthDetector", "IPPublicDetector", "JwtTokenDetector", "NpmDetector", "PrivateKeyDetector"})
"""Rules of the scanner that find no secret (addresses of machines), or less of one than ours do."""
_DELIMITERS = " \t\r\n\"'=:<>,;"
_RUN = re.compile(r"[A-Za-z0-9_+=/.:-]{11,}")
_LETTER, _DIGIT = re.compile(r"[A-Za-z]"), re.compile(r"\d")
_ENOUGH_BITS = 3.0
"""Entropy per character from which on a value that a name announces is no ordinary word."""


def is_secret(name: str) -> bool:
    """True for the name of an environment variable whose value must not be seen.

    >>> [is_secret(name) for name in ("SERVICE_KEY", "GITHUB_PAT", "PGPASSWORD", "TOKENIZER", "PWD", "PATH")]
    [True, True, True, False, False, False]
    """
    return bool(_LOOKS_SECRET.search(_NO_SECRETS.sub("", name)))


class Secrets:
    """The values of an environment's secrets, in all the ways in which they may be written, longest first."""

    def __init__(self, values: Iterable[str]) -> None:
        forms = {form for value in values for form in _written(value)}
        self._texts = tuple(sorted(forms, key=lambda form: (-len(form), form)))
        self._bodies = tuple(form.encode("utf-8", "surrogateescape") for form in self._texts)

    def __bool__(self) -> bool:
        return bool(self._texts)

    def known(self, text: str) -> str:
        """The text without them."""
        for value in self._texts:
            if value in text:
                text = text.replace(value, BLOT)
        return text

    def known_bytes(self, body: bytes) -> bytes:
        """Text as UTF-8, such as JSON, without them."""
        for value in self._bodies:
            if value in body:
                body = body.replace(value, BLOT.encode())
        return body

    def masked(self, body: bytes) -> bytes:
        """Bytes without them, as many as before: a frame on a wire says how long each part of it is."""
        for value in self._bodies:
            if value in body:
                body = body.replace(value, b"*" * len(value))
        return body

    def known_json(self, value: Json) -> Json:
        """A JSON value without them; one that has none is given back as it is."""
        if isinstance(value, str):
            return self.known(value)
        if not self._texts:
            return value
        if isinstance(value, Mapping):
            parts = {self.known(key): self.known_json(part) for key, part in value.items()}
            return value if parts == value else parts
        if isinstance(value, Sequence):
            listed = [self.known_json(part) for part in value]
            return value if all(new is old for new, old in zip(listed, value, strict=True)) else listed
        return value


def secrets(environment: Mapping[str, str] = os.environ) -> Secrets:
    """The secrets of an environment as it is at this moment: code of stages may set variables."""
    raw = getattr(environment, "_data", None)  # the process's own, undecoded: 2 us instead of 60 for each look
    if raw is None:
        return _of(tuple(environment.items()))
    return _of_process(tuple(cast("Mapping[bytes, bytes]", raw).items()))


def known(text: str, environment: Mapping[str, str] = os.environ) -> str:
    """The text without the values of the environment's secrets, however they are written."""
    return secrets(environment).known(text)


def words(text: str, environment: Mapping[str, str] = os.environ) -> str:
    """The text without the values of the environment's secrets, and without whatever looks like a secret.

    >>> words("api_key: abcdefgh1234, name: x")
    'api_key: ***, name: x'
    >>> words("postgres://ann:hunter2@db/mails, Authorization: Bearer abc.def-123")
    'postgres://ann:***@db/mails, Authorization: Bearer ***'
    """
    return _shapeless(known(text, environment))


@lru_cache(maxsize=512)
def _shapeless(text: str) -> str:
    """The text without what looks like a secret; errors repeat, so that texts are remembered."""
    text = _CREDENTIALS.sub(lambda match: match[0].replace(f":{match[1]}@", f":{BLOT}@"), text)
    for shape in _SHAPES:
        text = shape.sub(BLOT, text)
    text = _BEARER.sub(rf"\1\2{BLOT}", _GIVEN.sub(rf"\1{BLOT}", text))
    if _looks_random(text):
        for rule in _rules():
            text = rule.sub(_blotted, text)
        for value in _announced(text):
            text = text.replace(value, BLOT)
    return text


def _looks_random(text: str) -> bool:
    """True where letters and digits stand in one run: every rule of the scanner needs that.

    Run by run, because a pattern that looks ahead from every character takes minutes for 100,000 of one kind.
    """
    return any(_LETTER.search(run[0]) and _DIGIT.search(run[0]) for run in _RUN.finditer(text))


def _blotted(match: re.Match[str]) -> str:
    """What a rule matched, with the secret in it blotted out: its group, or all but the delimiters around it."""
    group = match[1] if match.re.groups == 1 else None
    secret = group if group and len(group) >= SHORTEST else match[0].strip(_DELIMITERS)
    return match[0].replace(secret, BLOT)


@cache
def _scanner() -> Mapping[str, type[Any]]:  # Any: the scanner's plug-ins, of which two attributes are used
    """The plug-ins of detect-secrets; imported with the first text that may need them (0.2 s)."""
    from detect_secrets.core.plugins.util import get_mapping_from_secret_type_to_class

    plugins = cast("Mapping[str, type[Any]]", get_mapping_from_secret_type_to_class())  # Any: as above
    return {plugin.__name__: plugin for plugin in plugins.values()}


@cache
def _rules() -> tuple[re.Pattern[str], ...]:
    """The regular expressions of the scanner's plug-ins."""
    lists = [getattr(plugin, "denylist", ()) for name, plugin in _scanner().items() if name not in _OTHERS]
    return tuple(
        rule for rules in lists if isinstance(rules, Sequence) for rule in cast("Sequence[re.Pattern[str]]", rules)
    )


def _announced(text: str) -> Iterator[str]:
    """What the scanner's plug-in for names (`password = "..."`) finds, where it looks random."""
    plugin = _scanner()["KeywordDetector"]()
    for line in text.splitlines():
        if _looks_random(line):
            for value in set(cast("Iterable[str]", plugin.analyze_string(line))):
                if len(value) >= SHORTEST and _bits(value) >= _ENOUGH_BITS and re.search(r"\d", value):
                    yield value


def _bits(text: str) -> float:
    """Shannon entropy of the characters of a text, in bits per character."""
    counts = Counter(text).values()
    return -sum(count / len(text) * math.log2(count / len(text)) for count in counts)


@lru_cache(maxsize=4)
def _of_process(variables: tuple[tuple[bytes, bytes], ...]) -> Secrets:
    return _of(tuple((os.fsdecode(name), os.fsdecode(value)) for name, value in variables))


@lru_cache(maxsize=8)
def _of(variables: tuple[tuple[str, str], ...]) -> Secrets:
    """The values of variables with secret names, and passwords and keys within the values of others."""
    values: set[str] = set()
    for name, value in variables:
        if not is_secret(name):
            values.update(_CREDENTIALS.findall(value))
            values.update(match[0] for shape in _SHAPES for match in shape.finditer(value))
        elif not (os.path.isabs(value) and os.path.exists(value)):  # where a secret lies is none
            values.add(value)
    return Secrets(value for value in values if len(value) >= SHORTEST)


def _written(value: str) -> Iterator[str]:
    """A value as text, JSON, HTML, in an address, quoted by Python, in Base64 at any place, and line by line."""
    yield value
    for is_ascii in (True, False):
        form = value
        for _ in range(JSON_LEVELS):
            form = json.dumps(form, ensure_ascii=is_ascii)[1:-1]
            yield form
    yield html.escape(value)
    yield html.escape(value, quote=False)
    yield quote(value, safe="", errors="replace")
    yield quote_plus(value, errors="replace")
    yield repr(value)[1:-1]
    body = value.encode("utf-8", "surrogateescape")
    for before in range(3):
        coded = base64.b64encode(b"\0" * before + body).decode()
        yield coded[math.ceil(before * 8 / 6) : (before + len(body)) * 8 // 6]
    lines = [line.strip() for line in value.splitlines()]
    if len(lines) > 1:
        yield from (line for line in lines if len(line) >= 2 * SHORTEST)


class Stream:
    """A stream of text for people, such as standard error: what is written to it passes the gate."""

    def __init__(self, stream: TextIO, *, file: int | None = None) -> None:
        """`file` is the number of the file behind it, from which it is opened again once foreign code closed it."""
        self._stream = stream
        self._file = file

    def write(self, text: str) -> int:
        """Write the text without secrets."""
        self._open().write(known(text))
        return len(text)

    def flush(self) -> None:
        """Write what waits."""
        self._open().flush()

    def writelines(self, lines: Iterable[str]) -> None:
        """Write texts without secrets."""
        for line in lines:
            self.write(line)

    def close(self) -> None:
        """Write what waits; the stream stays, whatever foreign code does: the program has more to say."""
        self.flush()

    def _open(self) -> TextIO:
        """The stream, opened anew where foreign code has closed it or detached what is beneath it."""
        try:
            is_closed = self._stream.closed
        except ValueError:  # detached
            is_closed = True
        if is_closed and self._file is not None:
            again = os.fdopen(self._file, "w", encoding="utf-8", errors="backslashreplace", closefd=False)
            self._stream = again
        return self._stream

    def __getattr__(self, name: str) -> Any:  # Any: whatever the stream has
        return getattr(self._open(), name)


def guard_streams() -> None:
    """Let standard output and error of this process pass the gate: tracebacks and logs of others, too."""
    if not isinstance(sys.stdout, Stream):
        sys.stdout = cast("TextIO", Stream(sys.stdout, file=1))
    if not isinstance(sys.stderr, Stream):
        sys.stderr = cast("TextIO", Stream(sys.stderr, file=2))
