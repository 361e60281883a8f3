"""The conditions of `when`: CEL, compiled once, and what they read."""

from __future__ import annotations

import re
from collections.abc import Mapping

from stagegap.model.values import Json
from stagegap.spec.tokens import Comparison, Read, bound_names, called, compared, read_names, tokens

LONGEST = 2_000
"""Characters of a condition."""

FUNCTIONS = frozenset(
    {"size", "contains", "startsWith", "endsWith", "matches", "has", "int", "uint", "double", "string", "type"}
    | {"dyn", "duration", "timestamp", "bytes", "all", "exists", "exists_one", "map", "filter"}
)
"""What a condition may call."""

_PLACE = re.compile(r"ERROR: <input>:\d+:(\d+): (?:Syntax error: )?([^\n]*)")


class ConditionError(ValueError):
    """A condition that does not compile, or that gives no answer for a record; the message is one sentence."""


class Condition:
    """A compiled condition on the fields of a record and the values of stages.

    >>> Condition('route != "spam"').holds({}, {"route": "orders"}, {})
    True
    """

    def __init__(self, text: str) -> None:
        """Compile. Raises: ConditionError."""
        import cel

        if len(text) > LONGEST:
            raise ConditionError(f"The condition has {len(text)} characters; at most {LONGEST} are possible.")
        self.text = text
        try:
            self._program = cel.compile(text)
        except ValueError as error:
            raise ConditionError(f"{text!r} is no condition: {_syntax(str(error))}.") from None
        parsed = tokens(text)
        self.binds: frozenset[str] = bound_names(parsed)
        """Names that the condition gives itself, as `i` in `record.tags.exists(i, i == "new")`."""
        self.reads: tuple[Read, ...] = read_names(parsed, self.binds)
        self.calls: tuple[str, ...] = called(parsed)
        self.comparisons: tuple[Comparison, ...] = compared(parsed)
        """Names compared with fixed texts."""
        self._fields = tuple(r.member for r in self.reads if r.root == "record" and r.member)
        self._confidences = tuple(r.member for r in self.reads if r.root == "confidence" and r.member)
        self._stages = tuple(r.root for r in self.reads if r.root not in ("record", "confidence"))
        if {read.root for read in self.reads} != set(self._program.variables()) - self.binds:
            raise ConditionError(f"{text!r} can't be checked for what it reads; write it more simply.")

    def holds(
        self, record_fields: Mapping[str, Json], values: Mapping[str, Json], confidences: Mapping[str, Json]
    ) -> bool:
        """True when the stage is to be called.

        `values` and `confidences` go by stage and are None where a stage was skipped; a ranking's value is its ids.
        Raises: ConditionError where the condition gives neither true nor false.
        """
        try:
            answer: object = self._program.execute(self._variables(record_fields, values, confidences))
        except (TypeError, ValueError, RuntimeError, ArithmeticError, LookupError) as error:
            raise ConditionError(
                f"{self.text!r} has no answer where {self._found(record_fields, values, confidences)}: "
                f"{_failure(error)}."
            ) from None
        if not isinstance(answer, bool):
            raise ConditionError(f"{self.text!r} gives {answer!r}, where true or false is needed.")
        return answer

    def _variables(
        self, record_fields: Mapping[str, Json], values: Mapping[str, Json], confidences: Mapping[str, Json]
    ) -> dict[str, Json]:
        """Only what is read: the engine copies every value that it is handed."""
        variables: dict[str, Json] = {name: values[name] for name in self._stages if name in values}
        if self._fields:
            variables["record"] = {name: record_fields[name] for name in self._fields if name in record_fields}
        if self._confidences:
            variables["confidence"] = {name: confidences[name] for name in self._confidences if name in confidences}
        return variables

    def _found(
        self, record_fields: Mapping[str, Json], values: Mapping[str, Json], confidences: Mapping[str, Json]
    ) -> str:
        parts: list[str] = []
        for read in self.reads:
            source = {"record": record_fields, "confidence": confidences}.get(read.root)
            name = read.root if source is None else f"{read.root}.{read.member}"
            key = read.root if source is None else str(read.member)
            holder = values if source is None else source
            parts.append(f"{name} is {repr(holder[key])[:40]}" if key in holder else f"{name} is missing")
        return ", ".join(dict.fromkeys(parts)) or "it reads nothing"


def _syntax(message: str) -> str:
    """The engine's first complaint without its list of everything that could stand there."""
    match = _PLACE.search(message)
    if match is None:
        return " ".join(message.split())[:200]
    return f"{match[2].partition(' expecting {')[0]} at character {match[1]}"


def _failure(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"{error.args[0]} is not there"
    return " ".join(str(error).split())[:200].partition(". ")[0].rstrip(".")
