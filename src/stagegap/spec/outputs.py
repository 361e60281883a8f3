"""The declared types of what a stage puts out."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from stagegap.spec.fields import Block, Free, Text, Values


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


Output = Annotated[
    LabelOutput | LabelsOutput | RankingOutput | TextOutput | NumberOutput | BooleanOutput | ObjectOutput,
    Field(discriminator="type"),
]
