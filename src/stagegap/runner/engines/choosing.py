"""Which engine a run is told to use: `processes:4`, `ray:8`, `ray:8@host:6379`."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import Literal, Self, cast

from stagegap.errors import ConfigurationError, near_names
from stagegap.runner.engines.protocol import Engine

KINDS = ("processes", "ray")
_CHOICE = re.compile(r"(?P<kind>[a-z]+)(?::(?P<workers>\d+))?(?:@(?P<address>\S+))?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """An engine that is not started yet."""

    kind: Literal["processes", "ray"]
    workers: int
    address: str = ""
    """Of a running Ray cluster; empty starts one on this machine."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the name, workers and address of an engine. Raises: ConfigurationError.

        >>> Choice.parse("ray:8@head:6379")
        Choice(kind='ray', workers=8, address='head:6379')
        """
        match = _CHOICE.fullmatch(text.strip())
        if match is None or match["kind"] not in KINDS or match["workers"] == "0":
            near = f" {near_names(match['kind'], KINDS)}" if match and match["kind"] not in KINDS else ""
            raise ConfigurationError(f"{text!r} is no engine. Write processes:4, ray:4 or ray:4@HOST:PORT.{near}")
        if match["address"] and match["kind"] != "ray":
            raise ConfigurationError(f"{text!r}: only ray has an address; processes are of this machine.")
        return cls(
            kind=cast("Literal['processes', 'ray']", match["kind"]),
            workers=int(match["workers"] or os.cpu_count() or 1),
            address=match["address"] or "",
        )

    def engine(self) -> Engine:
        """The engine. Raises: ConfigurationError where its extra is missing."""
        if self.kind == "processes":
            from stagegap.runner.engines.processes import Processes

            return Processes(self.workers)
        from stagegap.runner.engines.ray import Ray

        return Ray(self.workers, address=self.address)
