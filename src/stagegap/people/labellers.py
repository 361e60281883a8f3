"""Who labelled: people, or a language model, which no sentence calls people."""

from __future__ import annotations

import re
from dataclasses import dataclass

from stagegap.model.cascade import Cascade

_MODEL = re.compile(r"language[- ]models?\b|\bLLMs?\b|\bno (?:people|person|humans?)\b", re.IGNORECASE)
"""What a `population` says that is none of people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Labellers:
    """What the cascade file says of those who labelled, and the words for them that are true of them."""

    population: str = ""
    """Who they are; empty where the file does not say."""
    instructions: str = ""
    """What they were told."""

    @property
    def are_people(self) -> bool:
        """Whether they may be called people: unless the population names a language model or says `no people`."""
        return not _MODEL.search(self.population)

    @property
    def noun(self) -> str:
        return "person" if self.are_people else "labeller"

    @property
    def nouns(self) -> str:
        return "people" if self.are_people else "labellers"

    def counted(self, count: int) -> str:
        """How many they are, and beside it who they are and what they were told.

        >>> Labellers(population="language model, no people", instructions="guidelines/").counted(5)
        '5 labellers: language model, no people (instructions: guidelines/)'
        >>> Labellers().counted(1)
        '1 person'
        """
        number = f"{count:,} {self.noun if count == 1 else self.nouns}"
        who = f"{number}: {self.population}" if self.population else number
        return f"{who} (instructions: {self.instructions})" if self.instructions else who


PEOPLE = Labellers()
"""Those of whom nothing is said."""


def labellers_of(cascade: Cascade) -> Labellers:
    """Those who labelled for a cascade, as `human_baseline` of its file has them."""
    baseline = cascade.human_baseline
    population, instructions = (
        " ".join(value.split()).rstrip(".") if isinstance(value := baseline.get(name), str) else ""
        for name in ("population", "instructions")
    )
    return Labellers(population=population, instructions=instructions)
