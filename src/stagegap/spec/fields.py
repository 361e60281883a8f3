"""The pieces that the models of the cascade file are made of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Discriminator, Field, StringConstraints, Tag


class Block(BaseModel):
    """A mapping of the cascade file: known keys only, nothing converted."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        frozen=True,
        use_attribute_docstrings=True,
        protected_namespaces=(),
    )


def shape(value: object) -> str:
    """Give the branch of a union that a value is for."""
    return "<list>" if isinstance(value, list) else "<mapping>" if isinstance(value, Mapping | BaseModel) else "<one>"


Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,63}$")]
"""Name of an input: a Python identifier."""
Text = Annotated[str, StringConstraints(min_length=1)]
OneOrMore = Annotated[
    Annotated[Text, Tag("<one>")] | Annotated[list[Text], Field(min_length=1), Tag("<list>")], Discriminator(shape)
]
"""A text, or a list of texts."""
Values = Annotated[
    Annotated[list[Text], Field(min_length=2), Tag("<list>")]
    | Annotated[dict[Text, Text | None], Field(min_length=2), Tag("<mapping>")],
    Discriminator(shape),
]
"""A closed set: a list, or a mapping from each value to its help text."""

Free = Annotated[object, Field(description="Any value.")]
"""What another library takes as it stands."""


class Secret(BaseModel):
    """The name of an environment variable, read when it is needed and never before."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)
    env: str = Field(alias="$env")


def many(value: str | list[str]) -> tuple[str, ...]:
    """Give one text or several as a tuple."""
    return (value,) if isinstance(value, str) else tuple(value)
