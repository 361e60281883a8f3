"""Results of promptfoo: its JSON (`--output results.json`) and JSONL, one result a test, prompt and provider.

Source: promptfoo/promptfoo, `EvaluateResult` and `GradingResult` (version 3 and later of the file, and 2).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

from stagegap.exchange.foreign.protocol import Leftovers, Object, inside, objects, text
from stagegap.exchange.spans.span import (
    Item,
    Opinion,
    Span,
    SpanKind,
    TraceFormat,
    Values,
    amount_of,
    answer_of,
    count_of,
    unpacked,
)
from stagegap.model.record import Json

_RESULT = frozenset({"vars", "success", "prompt"})
_MODELS = (
    "llm-rubric", "model-graded", "g-eval", "factuality", "answer-relevance", "context-", "select-best",
    "search-rubric", "conversation-relevance", "agent-rubric", "trajectory:",
)  # fmt: skip
"""How the names of assertions begin that ask a model."""
_ERROR = 2
"""`failureReason` of a call that failed; 1 is an answer that an assertion refused."""


def _results(value: Object) -> list[Object]:
    inner = value.get("results")
    listed = inside(inner).get("results") if isinstance(inner, dict) else inner
    return objects(listed) if "results" in value else [value]


def _is_certain(first: Sequence[Object]) -> bool:
    entries = [entry for value in first for entry in _results(value)]
    return 2 * sum(entry.keys() >= _RESULT for entry in entries) > len(entries)


def _read(values: Values, leftovers: Leftovers) -> Iterator[Item]:
    number = 0
    for place, value in values:
        for entry in _results(value):
            number += 1
            if entry.keys() >= _RESULT:
                yield from _result(entry, number)
            else:
                leftovers.add("No result of promptfoo.", place)


def _result(entry: Object, number: int) -> Iterator[Item]:
    """A test is a record; the same test with another prompt or provider is one more, in the same cluster."""
    test, variant = text(entry.get("testIdx")), text(entry.get("promptIdx"))
    name = (test if variant in ("", "0") else f"{test}/{variant}") if test else str(number)
    case, response, prompt = (inside(entry.get(key)) for key in ("testCase", "response", "prompt"))
    provider = inside(entry.get("provider"))
    usage = inside(response.get("tokenUsage"))
    took = amount_of(entry.get("latencyMs"))
    inputs = dict(inside(entry.get("vars")))
    yield Span(
        trace=name,
        id="test",
        name="test",
        inputs=inputs or {"prompt": prompt.get("raw")},
        session=test,
        fields={
            "test": case.get("description"), "prompt_label": prompt.get("label"),
            "provider": provider.get("label") or provider.get("id"), **inside(case.get("metadata")),
        },
    )  # fmt: skip
    yield Span(
        trace=name,
        id="answer",
        parent="test",
        name="answer",
        kind=SpanKind.LLM,
        start=0.0 if took is not None else None,
        end=None if took is None else took / 1000,
        inputs=unpacked(prompt.get("raw")),
        output=answer_of(response.get("output")),
        error=_error(entry, response),
        model=text(provider.get("id")),
        tokens_in=count_of(usage.get("prompt")),
        tokens_out=count_of(usage.get("completion")),
        cost=amount_of(entry.get("cost") if entry.get("cost") is not None else response.get("cost")),
    )
    yield from _opinions(entry, case, name)


def _error(entry: Object, response: Object) -> str:
    said = text(response.get("error"))
    if entry.get("failureReason") == _ERROR:
        return said or text(entry.get("error")) or "error"
    if "failureReason" in entry:
        return ""
    return said or ("" if response.get("output") is not None else text(entry.get("error")))


def _opinions(entry: Object, case: Object, trace: str) -> Iterator[Opinion]:
    grading = inside(entry.get("gradingResult"))
    for part in objects(grading.get("componentResults")):
        assertion = inside(part.get("assertion"))
        kind = text(assertion.get("type"))
        score = part.get("score")
        yield Opinion(
            trace=trace,
            span="answer",
            name=text(assertion.get("metric")) or kind or "score",
            value=score if score is not None else part.get("pass"),
            author=kind or "promptfoo",
            by=_by(kind),
            note=text(part.get("reason")),
        )
    if entry.get("score") is not None and not _error(entry, inside(entry.get("response"))):
        yield Opinion(trace=trace, span="answer", name="promptfoo", value=entry["score"], author="promptfoo", by="code")
    for assertion in objects(case.get("assert")):
        value: Json = assertion.get("value")
        if assertion.get("type") == "equals" and value not in (None, "") and "{{" not in str(value):
            yield Opinion(trace=trace, span="answer", name="equals", value=value, author="equals", by="reference")


def _by(kind: str) -> Literal["person", "model", "code"]:
    plain = kind.removeprefix("not-")
    return "person" if plain == "human" else "model" if plain.startswith(_MODELS) else "code"


PROMPTFOO = TraceFormat(name="promptfoo", title="promptfoo", is_certain=_is_certain, read=_read, is_whole=True)
