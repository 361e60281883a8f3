"""Fields of a row, each read as its type: numbers, lists, objects, and points in time as other programs write
them; and values as the text of a cell.
"""

from __future__ import annotations

import ast
import json
import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime

from stagegap.exchange.records import identity
from stagegap.model.canonical import parse_json
from stagegap.model.cascade import WRITTEN, Kind, OutputType
from stagegap.model.record import Json, number_problem
from stagegap.model.wording import EARLIEST, LATEST

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


def seconds(value: Json) -> float | None:
    """Seconds since 1970, UTC, of a number of seconds or an ISO 8601 text; None of nothing.

    A text without a zone is UTC.
    Raises: ValueError with one sentence for anything else.

    >>> seconds("2026-01-02T03:04:05Z"), seconds("2026-01-02 03:04:05"), seconds(12), seconds("12.5"), seconds("")
    (1767323045.0, 1767323045.0, 12.0, 12.5, None)
    """
    if value is None or value == "":
        return None
    if isinstance(value, str):
        try:
            number = float(value)
        except ValueError:
            pass
        else:
            return _in_seconds(number)
        try:
            moment = datetime.fromisoformat(value.strip())
        except (ValueError, OverflowError):
            raise _no_instant(value) from None
        return _in_calendar((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp(), value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _no_instant(value)
    if number_problem(value):
        raise _no_instant(value)
    return _in_seconds(float(value))


def _in_seconds(number: float) -> float:
    if not math.isfinite(number):
        raise _no_instant(number)
    if not EARLIEST <= number <= LATEST:
        place = "after the year 9999" if number > 0 else "before the year 1"
        raise ValueError(
            f"A time is seconds since 1970, and {number:g} of them lie {place}. Milliseconds? Divide by 1000."
        )
    return number


def _in_calendar(number: float, value: Json) -> float:
    if not EARLIEST <= number <= LATEST:
        raise _no_instant(value)
    return number


def _no_instant(value: Json) -> ValueError:
    return ValueError(f"A time is seconds since 1970 or an ISO 8601 text, found {value!r}.")


Values = Mapping[str, Json]
MOST_MS = 2**32 - 1
"""What the store keeps of an active time: 49 days."""


def text(values: Values, name: str) -> str:
    """A text as the store holds it, empty where there is none. Raises: ValueError with one sentence."""
    value = values.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise ValueError(f"The field {name!r} is a text, found {value!r}.")
    return escaped(value)


def flag(values: Values, name: str) -> bool:
    """True or false, false where there is nothing. Raises: ValueError with one sentence."""
    value = values.get(name)
    known = {"true": True, "false": False, "": False}
    if value is None or isinstance(value, bool):
        return bool(value)
    if not isinstance(value, str) or value.lower() not in known:
        raise ValueError(f"The field {name!r} is true or false, found {value!r}.")
    return known[value.lower()]


def share(values: Values, name: str) -> float | None:
    """A number in [0, 1], or None where there is none. Raises: ValueError with one sentence."""
    number = _number(values.get(name))
    if number is not None and not 0 <= number <= 1:
        raise ValueError(f"The field {name!r} is a number from 0 to 1, found {values.get(name)!r}.")
    return number


def milliseconds(values: Values, name: str) -> int | None:
    """A whole number of milliseconds, or None where there is none. Raises: ValueError with one sentence."""
    number = _number(values.get(name))
    if number is None:
        return None
    if not 0 <= number <= MOST_MS or number != int(number):
        raise ValueError(f"The field {name!r} is a whole number of milliseconds, found {values.get(name)!r}.")
    return int(number)


def amount(values: Values, name: str) -> float | None:
    """A number from 0 on, or None where there is none. Raises: ValueError with one sentence."""
    number = _number(values.get(name))
    if number is not None and not 0 <= number < math.inf:
        raise ValueError(f"The field {name!r} is a number from 0 on, found {values.get(name)!r}.")
    return number


def count(values: Values, name: str) -> int | None:
    """A whole number from 0 on, or None where there is none. Raises: ValueError with one sentence."""
    number = amount(values, name)
    if number is not None and (number != int(number) or number > MOST_MS):
        raise ValueError(f"The field {name!r} is a whole number from 0 on, found {values.get(name)!r}.")
    return None if number is None else int(number)


def value_of_cell(cell: Json, kind: Kind) -> Json:
    """The value of a cell of a table by the declared kind.

    A number is a text where a label or text is declared, also in lists of labels and ids; a text is JSON everywhere
    else, or a list or object as Python writes it (so pandas writes lists into CSV); 0 and 1, yes and no are booleans.
    Nothing is no value, and what is none of these stays as it is.

    >>> value_of_cell("['a', None]", Kind.LIST), value_of_cell("True", Kind.BOOLEAN), value_of_cell(3.0, Kind.LABEL)
    (['a', None], True, '3')
    >>> value_of_cell("+.5", Kind.NUMBER), value_of_cell("No", Kind.BOOLEAN), value_of_cell("[3, 7]", Kind.RANKING)
    (0.5, False, ['3', '7'])
    """
    if kind in (Kind.LABEL, *WRITTEN):
        if isinstance(cell, int | float) and not isinstance(cell, bool):
            return identity(cell)
        return None if cell == "" and kind is Kind.LABEL else cell
    if isinstance(cell, str):
        cell = _value_of_text(cell.strip(), kind)
    if kind is Kind.BOOLEAN and not isinstance(cell, bool) and cell in (0, 1):
        return cell == 1
    if kind in (Kind.LABELS, Kind.RANKING) and isinstance(cell, list):
        return [
            identity(part) if isinstance(part, int | float) and not isinstance(part, bool) else part for part in cell
        ]
    return cell


def value_recorded(value: Json, output: OutputType, *, is_cell: bool) -> Json:
    """What somebody else has written down, by the declared type; also in JSON, where it is of another type than that.

    A boolean is the label that is written so, and blanks around a label are none of it.
    """
    if output.kind is Kind.LABEL and isinstance(value, bool | str) and value not in output.values:
        wanted = str(value).lower() if isinstance(value, bool) else value.strip()
        same = (name for name in output.values if (name.lower() if isinstance(value, bool) else name) == wanted)
        return next(same, None if is_cell and value == "" else value)
    if not is_cell and (value == "" or (output.kind in WRITTEN and isinstance(value, str))):
        return value
    return value_of_cell(value, output.kind)


_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_TRUTH = {"yes": True, "y": True, "t": True, "no": False, "n": False, "f": False}


def _value_of_text(text: str, kind: Kind) -> Json:
    if not text:
        return None
    if kind is Kind.BOOLEAN and text.lower() in _TRUTH:
        return _TRUTH[text.lower()]
    if kind is Kind.NUMBER and _NUMBER.fullmatch(text):
        text = text.lstrip("+")
        try:
            return parse_json(text)
        except ValueError:  # .5, 5., 007
            return float(text)
    try:
        return parse_json(text.lower() if kind is Kind.BOOLEAN else text)
    except ValueError:
        if not text.startswith(("[", "{", "(")):
            return text
    try:
        return parse_json(json.dumps(ast.literal_eval(text)))
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return text


def _number(value: Json) -> float | None:
    """The number; NaN, which lies in no range, for what is none."""
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return math.nan
    try:
        return float(value)
    except (ValueError, OverflowError):
        return math.nan
