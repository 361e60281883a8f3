"""Texts in a CSV file, kept from being run as formulas by spreadsheets, and back again without a loss."""

from __future__ import annotations

import json
import re

from stagegap.model.values import Json

# What a spreadsheet may read as the begin of a formula: OWASP, "CSV Injection", with the full-width forms.
_FORMULA = re.compile(r"'*[=+\-@\t\r\n＝＋－＠]")
_GUARDED = re.compile(r"'+[=+\-@\t\r\n＝＋－＠]")


def guarded(text: str) -> str:
    """Put an apostrophe before what a spreadsheet could run; `unguarded` takes exactly this one off.

    >>> guarded("=1+1"), guarded("'=1"), guarded("'tis"), guarded("1-1")
    ("'=1+1", "''=1", "'tis", '1-1')
    """
    return f"'{text}" if _FORMULA.match(text) else text


def unguarded(text: str) -> str:
    """Take off the apostrophe that `guarded` put on; other texts are left as they are.

    >>> unguarded("'=1+1"), unguarded("''=1"), unguarded("'tis"), unguarded("=1")
    ('=1+1', "'=1", "'tis", '=1')
    """
    return text[1:] if _GUARDED.match(text) else text


def bare(text: str) -> str:
    """The text without protection; only one that `unguarded` would change gets an apostrophe.

    >>> bare("=1+1"), bare("'=1")
    ('=1+1', "''=1")
    """
    return f"'{text}" if _GUARDED.match(text) else text


def escaped(text: str) -> str:
    """Write lone surrogates as their escape, six characters, as the store holds them.

    >>> escaped("a\\ud800")
    'a\\\\ud800'
    """
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


def cell(value: Json, *, raw: bool) -> str:
    """The text of a cell: texts as they are but guarded (unless `raw`), None empty, the rest as JSON."""
    if value is None:
        return ""
    if isinstance(value, str):
        return bare(value) if raw else guarded(value)
    return json.dumps(value, ensure_ascii=False)
