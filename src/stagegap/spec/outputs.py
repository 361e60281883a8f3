"""The declared types of what a stage puts out, and which metrics fit them."""

from __future__ import annotations

import json
from typing import Annotated, Literal

from pydantic import Field

from stagegap.errors import near_names
from stagegap.metrics import metric, names_for
from stagegap.model.cascade import Kind, OutputType
from stagegap.plugins import METRICS, names_added, refuse_taken
from stagegap.stages.settings import Block, Free, Text, Values


class LabelOutput(Block):
    """One value of a closed set."""

    type: Literal["label"]
    """One value of a closed set."""
    values: Values
    """The closed set: a list, or a mapping from each value to its help text."""


class LabelsOutput(Block):
    """Any number of values of a closed set."""

    type: Literal["labels"]
    """Any number of values of a closed set."""
    values: Values
    """The closed set: a list, or a mapping from each value to its help text."""


class RankingOutput(Block):
    """Ids of documents, best first."""

    type: Literal["ranking"]
    """Ids of documents, best first."""
    of: Text
    """Name of one of the `corpora`."""
    k: Annotated[int, Field(ge=1, le=1000)] | None = None
    """How many ids it holds at most."""


class TextOutput(Block):
    """Free text."""

    type: Literal["text"]
    """Free text."""


class NumberOutput(Block):
    """A number."""

    type: Literal["number"]
    """A number."""
    low: float | None = None
    """The smallest that is allowed."""
    high: float | None = None
    """The largest that is allowed."""


class BooleanOutput(Block):
    """Yes or no."""

    type: Literal["boolean"]
    """Yes or no."""


class ObjectOutput(Block):
    """A JSON object."""

    type: Literal["object"]
    """A JSON object."""
    schema_: Annotated[dict[Text, Free], Field(alias="schema")]
    """JSON schema (2020-12) of the object."""


class ListOutput(Block):
    """A list of texts or other items, as many as there are."""

    type: Literal["list"]
    """A list of texts or other items, as many as there are."""
    items: dict[Text, Free] = Field(default_factory=lambda: dict[str, object](type="string"))
    """JSON schema (2020-12) of each item; a text when not given."""


class _PlacesOutput(Block):
    of: Text | None = None
    """Input that the places lie in; the first that fits when not given."""
    values: Values | None = None
    """Closed set of labels, one of which each place has; without it labels are free, and need not be there."""


class BoxesOutput(_PlacesOutput):
    """Rectangles of a picture, in its pixels."""

    type: Literal["boxes"]
    """Rectangles of a picture: x, y, w, h, with label and text where there are any."""


class SpansOutput(_PlacesOutput):
    """Pieces of a text, in characters."""

    type: Literal["spans"]
    """Pieces of a text: start, end, with label where there is one."""


class SegmentsOutput(_PlacesOutput):
    """Pieces of a recording, in seconds."""

    type: Literal["segments"]
    """Pieces of a recording: start, end, with label and text where there are any."""


class TranscriptOutput(Block):
    """What is said or written, word by word."""

    type: Literal["transcript"]
    """What is said or written, word by word."""


Output = Annotated[
    LabelOutput
    | LabelsOutput
    | RankingOutput
    | TextOutput
    | NumberOutput
    | BooleanOutput
    | ObjectOutput
    | ListOutput
    | BoxesOutput
    | SpansOutput
    | SegmentsOutput
    | TranscriptOutput,
    Field(discriminator="type"),
]


def output_type(output: Output) -> OutputType:
    """The type of the model."""
    kind = Kind(output.type)
    match output:
        case LabelOutput(values=values) | LabelsOutput(values=values):
            return OutputType(kind=kind, values=tuple(values))
        case RankingOutput(of=corpus, k=k):
            return OutputType(kind=kind, of=corpus, k=k)
        case NumberOutput(low=low, high=high):
            return OutputType(kind=kind, low=low, high=high)
        case ObjectOutput(schema_=shape):
            canonical = json.dumps(shape, sort_keys=True, separators=(",", ":"))
            return OutputType(kind=kind, schema=canonical, written=json.dumps(shape, separators=(",", ":")))
        case BoxesOutput() | SpansOutput() | SegmentsOutput():
            return OutputType(kind=kind, values=tuple(output.values or ()), of=output.of)
        case ListOutput(items=shape):
            return OutputType(kind=kind, schema=json.dumps(shape, sort_keys=True, separators=(",", ":")))
        case _:
            return OutputType(kind=kind)


def default_for(kind: Kind, *, k: int | None) -> str:
    """The metric of a stage that names none: the first of its type that needs no number, recall@k, or box_f1@0.5."""
    if kind is Kind.BOXES:
        return "box_f1@0.5"
    if kind is Kind.RANKING and k is not None:
        return f"recall@{k}"
    return next(name for name in names_for(kind) if "@" not in name)


def mismatch(name: str, kind: Kind, *, k: int | None) -> tuple[str, str] | None:
    """Say why a metric does not fit a type of output, and what would; None when it fits."""
    if name.startswith("python:"):
        return None
    refuse_taken(METRICS, {known.partition("@")[0] for each in Kind for known in names_for(each)})
    base, at, number = name.partition("@")
    fitting = names_for(kind)
    if base not in [known.partition("@")[0] for known in fitting]:
        if name in names_added(METRICS):
            return None
        return f"the metric {name!r} does not fit an output of type {kind}.", near_names(name, fitting)
    try:
        metric(name)
    except ValueError as error:
        return f"{error}.", ""
    if kind is Kind.RANKING and at and k is not None and int(number) > k:
        return f"the metric {name!r} looks at more ids than the output holds, k: {k}.", f"Write {base}@{k}."
    return None
