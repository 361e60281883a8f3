"""Checks against a JSON schema of the user's own, which end: references are counted, patterns are timed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from itertools import islice

# jsonschema and its validators are untyped: what they hand to a keyword may be anything.
from typing import Any, cast

from stagegap.errors import ConfigurationError
from stagegap.model.record import Json

MOST_STEPS = 20_000
"""References that the check of one value may follow."""
MOST_ERRORS = 1_000
"""Violations that are looked at for the one to name."""
PATTERN_S = 0.5
"""Seconds that a pattern may be tried on one text."""
_steps: ContextVar[list[int]] = ContextVar("_steps")


class _TooLong(Exception):
    """A check that does not end; the message is the end of a sentence."""


def violation_finder(schema: str) -> Callable[[Json], str]:
    """A function that says where a value breaks the JSON schema, "" where it does not.

    It raises ConfigurationError where the schema refers to what it does not hold, or to itself without end.
    """
    import jsonschema.exceptions
    import referencing.exceptions

    validator = _bounded(json.loads(schema))

    def find(value: Json) -> str:
        mark = _steps.set([0])
        try:
            errors = islice(cast("Iterator[Any]", validator.iter_errors(value)), MOST_ERRORS)
            worst = max(errors, key=jsonschema.exceptions.relevance, default=None)
        except referencing.exceptions.Unresolvable as error:
            raise ConfigurationError(f"The JSON schema of an output refers to what it doesn't hold: {error}.") from None
        except RecursionError:
            raise ConfigurationError("The JSON schema of an output refers to itself without end.") from None
        except _TooLong as error:
            return f"The check against the JSON schema was given up: {error}."
        finally:
            _steps.reset(mark)
        return "" if worst is None else f"At {worst.json_path}: {worst.message}."

    return find


def reference_problem(schema: Mapping[str, object]) -> str | None:
    """What is wrong with a JSON schema's references: they leave it, name what it lacks, or lead back without end."""
    import referencing.exceptions
    from referencing.jsonschema import DRAFT202012

    settled: set[int] = set()

    def follow(place: object, resolver: Any, above: frozenset[int]) -> str | None:
        """Look at a schema and at those that it applies to the same value."""
        if not isinstance(place, Mapping):
            return None
        held = cast("Mapping[str, Any]", place)
        if id(held) in settled:
            return None
        if id(held) in above:
            return "it refers to itself without end"
        applied = [(inner, resolver) for inner in _applied(held)]
        for reference in (held[name] for name in ("$ref", "$dynamicRef") if isinstance(held.get(name), str)):
            if not reference.startswith("#"):
                return f"it refers to {reference!r}, outside of itself"
            try:
                target = resolver.lookup(reference)
            except (referencing.exceptions.Unresolvable, ValueError):
                return f"it refers to {reference!r}, which it does not hold"
            applied.append((target.contents, target.resolver))
        problems = (follow(inner, within, above | {id(held)}) for inner, within in applied)
        problem = next(filter(None, problems), None)
        settled.add(id(held))
        return problem

    def look(resource: Any, resolver: Any) -> str | None:
        below = (look(inner, resolver.in_subresource(inner)) for inner in resource.subresources())
        return follow(resource.contents, resolver, frozenset()) or next(filter(None, below), None)

    root = DRAFT202012.create_resource(cast("Any", schema))
    return look(root, cast("Any", referencing).Registry().resolver_with_root(root))


def _applied(schema: Mapping[str, Any]) -> Iterator[object]:
    """The schemas inside of one that are about the same value."""
    for name in ("allOf", "anyOf", "oneOf"):
        yield from schema.get(name, ())
    yield from (schema[name] for name in ("not", "if", "then", "else") if name in schema)
    yield from schema.get("dependentSchemas", {}).values()


def _bounded(schema: object) -> Any:
    """A validator that counts its references and times its patterns."""
    import jsonschema
    import jsonschema.validators
    import referencing

    plain = jsonschema.Draft202012Validator
    keywords: Mapping[str, Any] = plain.VALIDATORS

    def counted(name: str) -> Any:
        def keyword(validator: Any, wanted: Any, value: Any, within: Any) -> Iterator[Any]:
            steps = _steps.get()
            steps[0] += 1
            if steps[0] > MOST_STEPS:
                raise _TooLong(f"it follows more than {MOST_STEPS:,} references")
            yield from keywords[name](validator, wanted, value, within)

        return keyword

    def pattern(validator: Any, wanted: str, value: Any, _: Any) -> Iterator[Any]:
        if validator.is_type(value, "string") and not _matches(wanted, value):
            yield jsonschema.ValidationError(f"{value!r} does not match {wanted!r}")

    def pattern_properties(validator: Any, wanted: Mapping[str, Any], value: Any, _: Any) -> Iterator[Any]:
        if validator.is_type(value, "object"):
            for expression, inner in wanted.items():
                for key, entry in value.items():
                    if _matches(expression, key):
                        yield from validator.descend(entry, inner, path=key, schema_path=expression)

    def additional(validator: Any, allowed: Any, value: Any, within: Mapping[str, Any]) -> Iterator[Any]:
        patterns = list(within.get("patternProperties", ()))
        if not patterns or not validator.is_type(value, "object"):
            yield from keywords["additionalProperties"](validator, allowed, value, within)
            return
        known = within.get("properties", ())
        for key in value:
            if key not in known and not any(_matches(expression, key) for expression in patterns):
                if validator.is_type(allowed, "object"):
                    yield from validator.descend(value[key], allowed, path=key)
                elif not allowed:
                    yield jsonschema.ValidationError(f"{key!r} is none of the properties that are allowed")

    own = {
        "$ref": counted("$ref"),
        "$dynamicRef": counted("$dynamicRef"),
        "pattern": pattern,
        "patternProperties": pattern_properties,
        "additionalProperties": additional,
    }
    # Without a registry of its own jsonschema would fetch what a $ref names from the network.
    extended = cast("Any", jsonschema.validators).extend(plain, own)
    return extended(schema, registry=cast("Any", referencing).Registry())


def _matches(pattern: str, text: str) -> bool:
    import regex

    try:
        return regex.search(pattern, text, timeout=PATTERN_S) is not None
    except TimeoutError:
        raise _TooLong(f"the pattern {pattern[:60]!r} takes too long on {text[:60]!r}") from None
    except regex.error as error:
        raise _TooLong(f"the pattern {pattern[:60]!r} can't be read: {error}") from None
