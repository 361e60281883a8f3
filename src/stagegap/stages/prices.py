"""What tokens cost, where the cascade file does not say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, cast, runtime_checkable

from stagegap.model.values import Json

MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class TokenPrice:
    """US dollars for a million tokens."""

    read: float
    written: float

    def cost(self, tokens_in: int, tokens_out: int) -> float:
        """US dollars.

        >>> TokenPrice(2.0, 8.0).cost(1_000, 500)
        0.006
        """
        return (self.read * tokens_in + self.written * tokens_out) / MILLION


OFFICIAL = {
    "gpt-4o": TokenPrice(2.5, 10.0),
    "gpt-4o-mini": TokenPrice(0.15, 0.6),
    "gpt-4.1": TokenPrice(2.0, 8.0),
    "gpt-4.1-mini": TokenPrice(0.4, 1.6),
    "gpt-4.1-nano": TokenPrice(0.1, 0.4),
    "gpt-5": TokenPrice(1.25, 10.0),
    "gpt-5.1": TokenPrice(1.25, 10.0),
    "gpt-5.4": TokenPrice(2.5, 15.0),
    "gpt-5-mini": TokenPrice(0.25, 2.0),
    "gpt-5-nano": TokenPrice(0.05, 0.4),
    "o3": TokenPrice(2.0, 8.0),
    "o4-mini": TokenPrice(1.1, 4.4),
}
"""List prices of api.openai.com in March 2026, uncached input, standard tier; a stage's `price` overrides them."""


@runtime_checkable
class Priced(Protocol):
    """Code of a stage whose calls may cost money."""

    @property
    def has_price(self) -> bool:
        """True when what a call cost is known afterwards."""
        ...

    def call_cost(self, tokens_in: int | None, tokens_out: int | None) -> float | None:
        """US dollars of a call with so many tokens; None where it can't be known."""
        ...


def token_price(given: Json, model: str, *, is_official: bool) -> TokenPrice | None:
    """The price of a model: the file's own, otherwise that of the list; None when it is unknown.

    A name of the list behind another address says nothing about the price there. A dated model, as
    gpt-4o-2024-08-06, costs what its name without the date costs.
    """
    if isinstance(given, Mapping):
        return TokenPrice(cast("float", given["input"]), cast("float", given["output"]))
    if not is_official:
        return None
    undated = model.rstrip("0123456789-") if model[-11:-10] == "-" and model[-10:].count("-") == 2 else model
    return OFFICIAL.get(model) or OFFICIAL.get(undated)
