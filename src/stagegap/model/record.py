"""One case that goes through the cascade, and the JSON values that it is made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

Json: TypeAlias = "bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None"
"""A value that JSON can carry; never NaN or infinity."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A case with its fields, and what groups it for the statistics."""

    id: str
    fields: Mapping[str, Json]
    cluster: str = ""
    """Unit of independence (customer, thread, document); the record itself when empty."""
    split: str | None = None
    difficulty: str | None = None
    """Given by people, never derived from the system."""
    slices: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def unit(self) -> str:
        """The unit of independence: the cluster, or the record where none is given."""
        return self.cluster or self.id
