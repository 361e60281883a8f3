"""The pieces that the models of the cascade file are made of; a setting may say that it points at files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal, NamedTuple, TypeAlias, cast
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Discriminator, Field, StringConstraints, Tag

from stagegap.model.record import Json
from stagegap.model.run import Role


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
    """The branch of a union that a value is for."""
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


Header = Annotated[Annotated[Text, Tag("<one>")] | Annotated[Secret, Tag("<mapping>")], Discriminator(shape)]
"""What a header holds: a text, or a secret by the name of its variable."""


def many(value: str | list[str]) -> tuple[str, ...]:
    """One text or several as a tuple."""
    return (value,) if isinstance(value, str) else tuple(value)


@dataclass(frozen=True, slots=True)
class Points:
    """Marks a setting whose text, or texts, name files: relative to the cascade file, there when it is loaded."""

    what: str
    """As messages call it: `the prompt`."""
    role: Role
    """What the file is to a run."""
    form: Literal["file", "function", "word"] = "file"
    """`function` is `file.py:function`; a `word` is a file only where the folder holds one of that name."""


def pointers(settings: type[BaseModel]) -> dict[str, Points]:
    """What the settings of a kind of stage point at, by key."""
    return {
        info.alias or name: mark
        for name, info in settings.model_fields.items()
        for mark in info.metadata
        if isinstance(mark, Points)
    }


def texts(value: Json) -> tuple[str, ...]:
    """One text or several as a tuple; anything else as none."""
    if isinstance(value, str):
        return (value,)
    return tuple(map(str, cast("Sequence[Json]", value))) if isinstance(value, Sequence) else ()


class Problem(NamedTuple):
    """What does not fit in a stage of a cascade file."""

    keys: tuple[str, ...]
    """Where in the stage: `("with", "train")`."""
    message: str
    hint: str = ""


class Remark(NamedTuple):
    """What a run would make of what a stage names outside of the cascade file: its prompt, its function."""

    message: str
    hint: str = ""
    keys: tuple[str, ...] = ()
    """Where in the stage, unless `path` says where it is."""
    path: str = ""
    line: int | None = None
    is_hint: bool = False
    """True for what a run takes as it stands."""
    variable: str = ""
    """Environment variable that has no value, where that is the remark: calls need it, and calls only."""


def address_problem(address: str | None, key: str, *, like: str) -> Problem | None:
    """What is wrong with the address of an endpoint; it is not shown, for it may hold a password."""
    if address is None:
        return None
    try:
        parts = urlsplit(address)
        has_password, is_web = "@" in parts.netloc, parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        has_password, is_web = False, False
    if has_password:
        hint = "Give the key by `api_key: ${NAME}`." if key == "base_url" else "Use `token` or `headers`."
        return Problem(("with", key), f"{key} holds a name or password.", hint)
    return None if is_web else Problem(("with", key), f"{key} is no address.", f"Write it as {like}.")


Parameters: TypeAlias = Mapping[str, Json]
"""The settings of a built stage, defaults included."""
