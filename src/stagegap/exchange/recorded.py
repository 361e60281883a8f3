"""Outputs, ratings and tables of scores that somebody else has written down, from files."""

from __future__ import annotations

import json
import math
import re
import sys
import weakref
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import SpooledTemporaryFile
from threading import Lock

from stagegap.errors import ConfigurationError, near_names
from stagegap.exchange import typed
from stagegap.exchange.records import identity
from stagegap.exchange.rows import TEXT_TABLES, Problems, Row, read_rows, rows_of, table_ending
from stagegap.exchange.typed import seconds, unguarded
from stagegap.model.answer import FirstFault, Mark, Rating, Status
from stagegap.model.cascade import OutputType
from stagegap.model.record import Json
from stagegap.oddities.tables import PrintedScore
from stagegap.stages.protocol import Reply
from stagegap.stages.recorded import as_row, reply_of

STATUS_WORDS: dict[Status, tuple[str, ...]] = {
    Status.OK: (
        "ok", "success", "succeeded", "successful", "complete", "completed", "done", "finished", "stop", "end_turn",
        "200",
    ),
    Status.REPAIRED: ("repaired", "fixed"),
    Status.UNPARSABLE: (
        "unparsable", "unparseable", "invalid", "malformed", "parse_error", "invalid_json", "length",
        "max_tokens", "truncated",
    ),
    Status.REFUSED: ("refused", "refusal", "declined", "content_filter", "filtered", "safety"),
    Status.ERROR: ("error", "errored", "failed", "failure", "exception", "crashed", "400", "500"),
    Status.INFRASTRUCTURE: (
        "infrastructure", "timeout", "timed_out", "timeout_error", "rate_limit", "rate_limited", "ratelimited",
        "rate_limit_error", "rate_limit_exceeded", "too_many_requests", "unavailable", "service_unavailable",
        "overloaded", "connection_error", "network_error", "cancelled", "canceled", "aborted", "pending", "running",
        "queued", "in_progress", "408", "429", "502", "503", "504",
    ),
    Status.SKIPPED: ("skipped", "skip", "not_run", "not_applicable", "n/a"),
    Status.BLOCKED: ("blocked", "upstream_failed", "upstream_error"),
}  # fmt: skip
"""What other programs write for how a call ended; case, blanks and hyphens make no difference."""
_BY_WORD = {word: status for status, words in STATUS_WORDS.items() for word in words}


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedFields:
    """Which fields of a file of recorded outputs mean what; None where the file does not say it."""

    record: str = "record"
    value: str = "value"
    status: str | None = None
    latency_ms: str | None = None
    tokens_in: str | None = None
    tokens_out: str | None = None
    cost: str | None = None
    """US dollars."""
    raw: str | None = None
    """What came back before it was parsed."""
    error: str | None = None
    at: str | None = None
    """When it was made: seconds since 1970, or ISO 8601."""


IN_MEMORY = 2**22
"""Bytes of the recorded replies of a stage from which on they lie in a file."""


class RecordedReplies(Mapping[str, Reply]):
    """Replies by record, in the order of the file; what many of them say lies on disk until they are let go of."""

    def __init__(self) -> None:
        self._places: dict[str, int] = {}
        self._lines = SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115  # closed when the replies go
        self._lock = Lock()
        weakref.finalize(self, self._lines.close)

    def add(self, record: str, reply: Reply) -> None:
        """Note the reply of a record; the last one counts. Every reply is added before the first is looked up."""
        self._places[sys.intern(record)] = self._lines.tell()
        self._lines.write(json.dumps(as_row(reply)).encode() + b"\n")

    def __getitem__(self, record: str) -> Reply:
        with self._lock:
            self._lines.seek(self._places[record])
            line = self._lines.readline()
        return reply_of(json.loads(line))

    def __contains__(self, record: object) -> bool:
        return record in self._places

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


def read_recorded(path: Path, fields: RecordedFields, *, stage: str, output: OutputType) -> RecordedReplies:
    """What was recorded for each record; where the file has a field `stage`, only the rows of this stage.

    A row whose status says so, or whose value is null, is a skip. Values are read by the declared type: cells of
    tables (CSV, TSV, Excel, Parquet), and in JSON what is of another type. Whether a value fits is left to the stage.
    Raises: InputError for missing fields, doubled records, unknown words for a status and odd numbers.
    """
    problems = Problems(path)
    replies = RecordedReplies()
    for row in rows_of(path):
        missing = [name for name in _needed(row, fields) if name not in row.values]
        if missing:
            problems.add(row.line, f"The field {missing[0]!r} is missing.", near_names(missing[0], row.values))
        elif row.values.get("stage", stage) == stage:
            record = identity(row.values[fields.record])
            if record in replies:
                problems.add(row.line, f"The record {record!r} has an output at stage {stage!r} already.")
            try:
                replies.add(record, _reply(row.values, fields, output=output, table=table_ending(path)))
            except ValueError as error:
                problems.add(row.line, str(error))
    problems.raise_if_any()
    return replies


def _needed(row: Row, fields: RecordedFields) -> tuple[str, ...]:
    """The value is not asked of a call that failed."""
    status = _BY_WORD.get(_plain(row.values.get(fields.status) or "ok")) if fields.status else Status.OK
    failed = status is None or not status.has_value
    named = [name for name in (fields.status,) if name]
    return (fields.record, *named) if failed else (fields.record, fields.value, *named)


def _reply(values: typed.Values, fields: RecordedFields, *, output: OutputType, table: str) -> Reply:
    """What a row of a table, or of JSON where `table` is empty, says. Raises: ValueError with one sentence."""
    if table in TEXT_TABLES:
        values = {name: unguarded(value) if isinstance(value, str) else value for name, value in values.items()}
    status = _status(values.get(fields.status)) if fields.status else Status.OK
    value = typed.value_recorded(values.get(fields.value), output, is_cell=bool(table))
    reply = Reply(
        status=status,
        value=value if status.has_value else None,
        error=typed.text(values, fields.error) if fields.error else "",
        raw=typed.text(values, fields.raw) if fields.raw else "",
        latency_ms=typed.amount(values, fields.latency_ms) if fields.latency_ms else None,
        tokens_in=typed.count(values, fields.tokens_in) if fields.tokens_in else None,
        tokens_out=typed.count(values, fields.tokens_out) if fields.tokens_out else None,
        cost=typed.amount(values, fields.cost) if fields.cost else None,
        at=seconds(values.get(fields.at)) if fields.at else None,
    )
    return replace(reply, status=Status.SKIPPED) if status.has_value and value is None else reply


def _plain(word: Json) -> str:
    """A word for a status without what makes no difference: `RateLimitError` is `rate_limit_error`."""
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", str(word).strip())
    return re.sub(r"[\s-]+", "_", words).lower()


def _status(word: Json) -> Status:
    """How a call ended, in the words of whoever recorded it. Raises: ValueError with the words that are known."""
    if word is None or word == "":
        return Status.OK
    plain = _plain(word)
    status = _BY_WORD.get(plain)
    if status is None:
        known = ", ".join(words[0] for words in STATUS_WORDS.values())
        raise ValueError(f"The status {word!r} is none that is known. {near_names(plain, _BY_WORD)} In short: {known}.")
    return status


RATING_FIELDS = ("system", "record", "criterion", "rater", "value")


def read_ratings(path: Path) -> list[Rating]:
    """The ratings of a file: one a row, with the fields system, record, criterion, rater and value.

    Raises: InputError with every problem: missing fields, values that are no number, one rater twice.
    """
    problems = Problems(path)
    first: dict[tuple[str, str, str, str], int] = {}
    ratings: list[Rating] = []
    for row in read_rows(path):
        rating = _rating(row, problems)
        if rating is None:
            continue
        key = (rating.system, rating.record, rating.criterion, rating.rater)
        if key in first:
            problems.add(row.line, f"The rater {rating.rater!r} rated this answer on line {first[key]} already.")
        first.setdefault(key, row.line)
        ratings.append(rating)
    problems.raise_if_any()
    return ratings


def _rating(row: Row, problems: Problems) -> Rating | None:
    missing = [name for name in RATING_FIELDS if row.values.get(name) in (None, "")]
    if missing:
        problems.add(row.line, f"The field {missing[0]!r} is missing.", near_names(missing[0], row.values))
        return None
    raw = row.values["value"]
    try:
        value = math.nan if isinstance(raw, bool) else float(raw)  # type: ignore[arg-type]  # refused just below
    except (TypeError, ValueError):
        value = math.nan
    if not math.isfinite(value):
        problems.add(row.line, f"A rating is a number, found {raw!r}.")
        return None
    system, record, criterion, rater = (identity(row.values[name]) for name in RATING_FIELDS[:4])
    return Rating(system=system, record=record, criterion=criterion, rater=rater, value=value)


def read_marks(path: Path, stages: Sequence[str]) -> list[Mark]:
    """Faults and root causes that people marked: a row a record and annotator.

    `faults` and `root_cause` name stages of `stages`: one, a list, or text with commas between.
    Raises: InputError with every problem: missing fields, unknown stages, one annotator twice at a record.
    """
    problems = Problems(path)
    first: dict[tuple[str, str], int] = {}
    marks: list[Mark] = []
    for row in read_rows(path):
        missing = [name for name in ("record", "annotator") if row.values.get(name) in (None, "")]
        if missing:
            problems.add(row.line, f"The field {missing[0]!r} is missing.", near_names(missing[0], row.values))
            continue
        for field in ("faults", "root_cause"):
            if not isinstance(row.values.get(field), str | list | None):
                problems.add(row.line, f"The field {field!r} names stages, found {row.values[field]!r}.")
        named = {field: _stage_names(row.values.get(field)) for field in ("faults", "root_cause")}
        for stage in (stage for own in named.values() for stage in own if stage not in stages):
            problems.add(row.line, f"There is no stage {stage!r}.", near_names(stage, stages))
        key = (identity(row.values["record"]), str(row.values["annotator"]).strip())
        if key in first:
            problems.add(row.line, f"The annotator {key[1]!r} marked this record on line {first[key]} already.")
        first.setdefault(key, row.line)
        marks.append(Mark(record=key[0], annotator=key[1], faults=named["faults"], roots=named["root_cause"]))
    problems.raise_if_any()
    return marks


def read_first_faults(path: Path) -> list[FirstFault]:
    """The first wrong attempts of traces: a row a record and annotator, with position and, where it was said, role.

    A position is counted from 0; null, or nothing, says that no attempt is wrong. Rows with `by` other than `person`
    are of a method that names steps.
    Raises: InputError with every problem: missing fields, what is no position, one annotator twice at a record.
    """
    problems = Problems(path)
    first: dict[tuple[str, str], int] = {}
    faults: list[FirstFault] = []
    for row in read_rows(path):
        missing = [name for name in ("record", "annotator") if row.values.get(name) in (None, "")]
        missing += ["position"] if "position" not in row.values else []
        if missing:
            problems.add(row.line, f"The field {missing[0]!r} is missing.", near_names(missing[0], row.values))
            continue
        said = row.values["position"]
        number = "" if said is None else identity(said).strip()
        if isinstance(said, bool) or (number and not number.isdecimal()):
            problems.add(row.line, f"A position is a number from 0 on, or null; found {said!r}.")
            continue
        key = (identity(row.values["record"]), str(row.values["annotator"]).strip())
        if key in first:
            problems.add(row.line, f"The annotator {key[1]!r} marked this record on line {first[key]} already.")
        first.setdefault(key, row.line)
        role = str(row.values.get("role") or "")
        faults.append(
            FirstFault(
                record=key[0],
                annotator=key[1],
                position=int(number) if number else None,
                role=role,
                is_person=row.values.get("by") in (None, "", "person"),
            )
        )
    problems.raise_if_any()
    return faults


def _stage_names(value: Json) -> tuple[str, ...]:
    parts = value.split(",") if isinstance(value, str) else value if isinstance(value, Sequence) else ()
    return tuple(dict.fromkeys(name for part in parts if (name := str(part).strip())))


def read_scale(text: str) -> tuple[float, float]:
    """The lowest and the highest rating of `1-5` or `-25 to 0`. Raises: ConfigurationError."""
    match = re.fullmatch(r"\s*(-?\d+(?:\.\d+)?)\s*(?:-|to|\.\.)\s*(-?\d+(?:\.\d+)?)\s*", text)
    if match is None or not float(match[1]) < float(match[2]):
        raise ConfigurationError(f"A scale is the lowest and the highest rating, as 1-5, found {text!r}.")
    return float(match[1]), float(match[2])


SCORE_FIELDS = ("name", "value", "n")


def read_printed(path: Path) -> list[PrintedScore]:
    """The scores of a file, one a row: a file with the fields name, value, n and perhaps runs.

    Raises: InputError with every problem: missing fields, values that are no number, an n that is none.
    """
    problems = Problems(path)
    scores = [score for row in read_rows(path) if (score := _score(row, problems)) is not None]
    problems.raise_if_any()
    return scores


def _score(row: Row, problems: Problems) -> PrintedScore | None:
    missing = [name for name in SCORE_FIELDS if row.values.get(name) in (None, "")]
    if missing:
        problems.add(row.line, f"The field {missing[0]!r} is missing.", near_names(missing[0], row.values))
        return None
    printed = str(row.values["value"]).strip()
    try:
        value = float(printed.removesuffix("%"))
    except ValueError:
        value = -1.0
    if not 0 <= value <= 100:
        problems.add(row.line, f"A printed score is a share or a percentage, found {printed!r}.")
        return None
    runs = row.values.get("runs")
    counts = [row.values["n"], 1 if runs in (None, "") else runs]
    if not all(str(count).strip().isdecimal() and int(str(count)) > 0 for count in counts):
        problems.add(row.line, f"n and runs are whole numbers above 0, found {counts[0]!r} and {counts[1]!r}.")
        return None
    return PrintedScore(name=str(row.values["name"]), printed=printed, n=int(str(counts[0])), runs=int(str(counts[1])))
