"""Whole records that people read: what holds of what they said, who reads what next, and what a page may send."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, cast

from stagegap.errors import ConfigurationError, near_names
from stagegap.model.notes import Reading
from stagegap.model.record import Json

COMMON = 20
"""Records at the head of a sample that everybody reads: what agreement rests on. Behind them the work is shared."""
LONGEST = 500
"""Characters of the line that says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Readings:
    """What holds of what people said of the records of one run."""

    by_reader: Mapping[tuple[str, str], Reading]
    """(record, person) -> what that person says, in the order in which each first said something."""
    put_off: Mapping[tuple[str, str], Reading]
    """The same of records that somebody skipped."""

    @property
    def readers(self) -> tuple[str, ...]:
        """Everybody who read a record, by name."""
        return tuple(sorted({person for _, person in self.by_reader}))

    def of(self, person: str) -> dict[str, Reading]:
        """What one person says, by record."""
        return {record: reading for (record, who), reading in self.by_reader.items() if who == person}

    def first(self, *, fair: bool) -> dict[str, Reading]:
        """What the first reader of each record says, of the fair sample or of records that were looked up."""
        readings: dict[str, Reading] = {}
        for (record, _), reading in self.by_reader.items():
            if bool(reading.queue) is fair:
                readings.setdefault(record, reading)
        return readings

    def by_several(self) -> dict[str, tuple[Reading, ...]]:
        """All readings of each record that two or more read in the fair sample."""
        readings: dict[str, tuple[Reading, ...]] = {}
        for (record, _), reading in self.by_reader.items():
            if reading.queue:
                readings[record] = (*readings.get(record, ()), reading)
        return {record: several for record, several in readings.items() if len(several) > 1}


def in_force(events: Iterable[Reading]) -> Readings:
    """What holds: of each person and record the last event, oldest first; a corrected reading keeps its place."""
    readings: dict[tuple[str, str], Reading] = {}
    put_off: dict[tuple[str, str], Reading] = {}
    for event in events:
        key = event.record, event.annotator
        put_off.pop(key, None)
        if event.action == "read":
            readings[key] = event
        else:
            readings.pop(key, None)
            if event.action == "skip":
                put_off[key] = event
    return Readings(by_reader=readings, put_off=put_off)


def next_records(sample: Sequence[str], readings: Readings, person: str) -> list[str]:
    """The records that a person has yet to read, in the order in which they come.

    First those that everybody reads, then those that nobody has read, then those that only others have; what was
    put off comes last. Who reads what does not depend on what anybody said, so what was read stays a fair sample.
    """
    own = {record for record, who in readings.by_reader if who == person}
    skipped = {record for record, who in readings.put_off if who == person}
    read = {record for record, _ in readings.by_reader}
    head, rest = sample[:COMMON], sample[COMMON:]
    fresh = [record for record in rest if record not in read]
    order = [*head, *fresh, *(record for record in rest if record in read)]
    return [record for late in (False, True) for record in order if record not in own and (record in skipped) is late]


def reading_event(
    event: Mapping[str, Json],
    *,
    stages: Sequence[str],
    sample: Collection[str],
    queue: str,
    annotator: str,
    run: str,
    at: float,
    verified: bool,
) -> Reading:
    """The event that a page sent. Raises: ConfigurationError for one that no page can have made."""
    action, key, record = event.get("action"), event.get("id"), event.get("record")
    if not isinstance(key, str) or not key or not isinstance(record, str) or not record:
        raise ConfigurationError("A reading needs an id and a record.")
    if action not in ("read", "undo", "skip"):
        raise ConfigurationError(f"A record is read, skipped or taken back, not {action!r}.")
    verdict, stage = ("", "") if action != "read" else _verdict(event, stages)
    note = event.get("note") or ""
    note = " ".join(note.split()) if isinstance(note, str) else ""
    if len(note) > LONGEST:
        raise ConfigurationError(f"The line on {record!r} has at most {LONGEST} characters, not {len(note):,}.")
    active = event.get("active_ms")
    return Reading(
        id=key,
        record=record,
        annotator=annotator,
        run=run,
        action=action,
        verdict=verdict,
        stage=stage,
        note=note if action == "read" else "",
        queue=queue if record in sample and event.get("is_offered") is not False else "",
        active_ms=active if isinstance(active, int) and 0 <= active < 2**32 else None,
        at=at,
        verified=verified,
    )


def _verdict(event: Mapping[str, Json], stages: Sequence[str]) -> tuple[Literal["pass", "fail"], str]:
    verdict, stage = event.get("verdict"), event.get("stage") or ""
    if verdict == "pass":
        return "pass", ""
    if verdict != "fail":
        raise ConfigurationError(f"A record passes or fails, not {verdict!r}.")
    if stage not in stages:
        raise ConfigurationError(
            f"A record that fails needs the first stage that went wrong, found {stage!r}. "
            f"{near_names(str(stage), stages)}".strip()
        )
    return "fail", cast(str, stage)
