"""A hard stop for a run: so many calls, so much time or money, and nothing that was answered is lost."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass, field

from stagegap.errors import ConfigurationError, near_names
from stagegap.model.cascade import Cascade, Stage
from stagegap.stages.kinds import kind_of

_PART = re.compile(r"(?P<dollar>\$)?\s*(?P<number>\d+(?:[._,]\d+)*)\s*(?P<unit>[A-Za-z$]*)")
_UNITS = {
    "calls": ("calls", 1),
    "call": ("calls", 1),
    "s": ("seconds", 1),
    "min": ("seconds", 60),
    "minutes": ("seconds", 60),
    "h": ("seconds", 3600),
    "$": ("dollars", 1),
    "usd": ("dollars", 1),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What a run may spend; None sets no limit."""

    calls: int | None = None
    """Calls to paid services; in a cascade without one, all calls."""
    seconds: float | None = None
    dollars: float | None = None

    @classmethod
    def parse(cls, text: str) -> Budget:
        """Read `200 calls`, `5 min`, `$3`, or several with commas between. Raises: ConfigurationError.

        >>> Budget.parse("$1.50, 2 h")
        Budget(calls=None, seconds=7200.0, dollars=1.5)
        """
        limits: dict[str, float] = {}
        for part in re.split(r",\s+|;", text.strip()):
            match = _PART.fullmatch(part.strip())
            unit = ("$" if match["dollar"] else match["unit"].lower()) if match else ""
            if match is None or unit not in _UNITS or (match["dollar"] and match["unit"]):
                near = f" {near_names(unit, _UNITS)}" if unit and unit not in _UNITS else ""
                raise ConfigurationError(f"{part.strip()!r} is no budget. Write 200 calls, 5 min, 2 h or $3.{near}")
            name, factor = _UNITS[unit]
            limits[name] = float(match["number"].replace(",", "").replace("_", "")) * factor
        calls = limits.get("calls")
        return cls(
            calls=None if calls is None else int(calls), seconds=limits.get("seconds"), dollars=limits.get("dollars")
        )

    def less(self, *, calls: int, seconds: float, dollars: float) -> Budget:
        """What is left after so much was spent, never below 0."""
        return Budget(
            calls=None if self.calls is None else max(0, self.calls - calls),
            seconds=None if self.seconds is None else max(0.0, self.seconds - seconds),
            dollars=None if self.dollars is None else max(0.0, self.dollars - dollars),
        )

    @property
    def used_up(self) -> str:
        """Why a run ends that has reached it."""
        return f"The budget of {self} is used up."

    def __str__(self) -> str:
        parts = [
            f"{self.calls:,} calls" if self.calls is not None else "",
            ""
            if self.seconds is None
            else f"{self.seconds:g} s"
            if self.seconds < 60
            else f"{self.seconds / 60:g} min",
            f"${self.dollars:,.2f}" if self.dollars is not None else "",
        ]
        return ", ".join(part for part in parts if part)


@dataclass(slots=True)
class _Spent:
    """Of one stage."""

    under_way: int = 0
    answered: int = 0
    most: float = 0.0
    """US dollars of its dearest call."""


@dataclass(slots=True)
class Meter:
    """What a run has spent and what is under way; it asks for the end before a limit would be passed.

    For money, each call under way is taken to cost as much as the stage's dearest so far; until a stage's first answer
    is there, it has one call under way.
    """

    budget: Budget
    counted: frozenset[str]
    """Stages whose calls count."""
    stop: Callable[[str], None]
    _calls: int = 0
    _dollars: float = 0.0
    _spent: dict[str, _Spent] = field(default_factory=dict[str, _Spent])
    _settled: asyncio.Event = field(default_factory=asyncio.Event)

    async def admit(self, stage: str, calls: int = 1) -> int:
        """How many of the calls may begin, and ask for the end of the run when it is not all of them."""
        if stage not in self.counted or (self.budget.calls is None and self.budget.dollars is None):
            return calls
        spent = self._spent.setdefault(stage, _Spent())
        while self.budget.dollars is not None and spent.under_way and not spent.answered:
            self._settled.clear()
            await self._settled.wait()
        admitted = min(calls, self._left(spent))
        if admitted < calls:
            self.stop(self.budget.used_up)
        spent.under_way += admitted
        self._calls += admitted
        return admitted

    def settle(self, stage: str, calls: int = 1, dollars: float = 0.0) -> None:
        """Take in what calls have cost together."""
        spent = self._spent.get(stage)
        if spent is None:
            return
        spent.under_way -= calls
        spent.answered += calls
        spent.most = max(spent.most, dollars / calls)
        self._dollars += dollars
        self._settled.set()

    def _left(self, spent: _Spent) -> int:
        """How many further calls of a stage fit into the budget."""
        left = 1_000_000_000
        if self.budget.calls is not None:
            left = max(0, self.budget.calls - self._calls)
        if self.budget.dollars is not None:
            bound = sum(spent.under_way * spent.most for spent in self._spent.values())
            free = self.budget.dollars - self._dollars - bound
            left = min(left, int(free / spent.most + 1e-9) if spent.most else left) if free > 0 else 0
        return left


def is_paid(stage: Stage) -> bool:
    """Say whether a call of the stage may cost money."""
    return kind_of(stage).is_paid(stage.parameters)


def counted(cascade: Cascade) -> frozenset[str]:
    """The stages whose calls a budget counts: those of paid services, or all where there is none."""
    return paid_stages(cascade) or frozenset(cascade.names)


def paid_stages(cascade: Cascade) -> frozenset[str]:
    """The stages that ask paid services."""
    return frozenset(stage.name for stage in cascade.stages if is_paid(stage))
