"""Labels -> references: what is held to be right at a stage, and who answers for people at which input."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import sha256

from stagegap.metrics import alike
from stagegap.metrics.formulas import ids
from stagegap.model.answer import WITHDRAWN, Answer, Label, Reference, is_graded
from stagegap.model.cascade import PLACES, WRITTEN, Cascade, Kind, OutputType
from stagegap.model.record import Json, Record
from stagegap.model.units import Keys, Levels, unit_id, unit_names

Place = tuple[str, str]
"""Record and stage."""


HOW_SETTLED: Mapping[str, str] = {
    "single": "one answer",
    "consensus": "settled by what most said",
    "undecided": "all accepted, nobody has decided",
    "adjudicated": "adjudicated",
}
"""The ways in which a reference comes about, as people read them."""


def how_settled(reference: Reference) -> str:
    """How a reference came about, as people read it."""
    if reference.settled == "undecided" and len(reference.accepted) == 2:
        return "both accepted, nobody has decided"
    if reference.settled == "consensus" and reference.votes == (len(reference.annotators),):
        return "both agree" if len(reference.annotators) == 2 else "all agree"
    return HOW_SETTLED[reference.settled]


def latest(labels: Iterable[Label]) -> dict[Place, dict[str, Label]]:
    """The label in force of each person at each record and stage, persons by name, in whatever order a file has them.

    Adjudications are no person's own answer and are left out, and so are labels of swap queues: they answer an input
    that may be wrong, of one run.

    A person's last event decides: after a skip or an undo there is no label. Events are ordered by their time, those
    of the same time as they come; the same id twice is one event.
    """
    last: dict[Place, dict[str, Label]] = {}
    ids: set[str] = set()
    for event in sorted(labels, key=lambda label: label.at):
        if event.id not in ids and event.action != "adjudicate" and not event.is_swap:
            ids.add(event.id)
            last.setdefault((event.record, event.stage), {})[event.annotator] = event
    in_force = {
        place: {person: label for person, label in sorted(people.items()) if label.action == "label" and label.answer}
        for place, people in last.items()
    }
    return {place: people for place, people in in_force.items() if people}


def adjudications(labels: Iterable[Label]) -> dict[Place, Label]:
    """The adjudication in force at each record and stage: the last one made that its file still holds."""
    labels = list(labels)
    gone = {label.id.removeprefix(WITHDRAWN) for label in labels if label.is_withdrawal}
    adjudicated = (label for label in labels if label.action == "adjudicate" and label.answer and label.id not in gone)
    return {(label.record, label.stage): label for label in sorted(adjudicated, key=lambda label: label.at)}


class Settled:
    """What the labels of a cascade settle: each table is worked out when it is first asked for, and once."""

    def __init__(self, labels: Sequence[Label], cascade: Cascade) -> None:
        self.labels = labels
        """All that there are, in their order."""
        self._cascade = cascade
        self._kinds = {stage.name: stage.output.kind for stage in cascade.stages}

    def is_of(self, cascade: Cascade) -> bool:
        """True where the cascade has the same stages, with the same types of answers."""
        return [(stage.name, stage.output) for stage in cascade.stages] == [
            (stage.name, stage.output) for stage in self._cascade.stages
        ]

    @cached_property
    def references(self) -> Mapping[Place, Reference]:
        """One for each record and stage that has a label; stages that the cascade lacks are left out."""
        return self.fair if len(self._fair) == len(self._fitting) else references(self._fitting, self._kinds)

    @cached_property
    def fair(self) -> Mapping[Place, Reference]:
        """The references that scores rest on, and whatever else speaks of what is right: from all labels but hunts."""
        return _settled(adjudications(self._fair), self.in_force, self._kinds)

    @cached_property
    def in_force(self) -> Mapping[Place, Mapping[str, Label]]:
        """The label in force of each person at each record and stage, hunts left out."""
        return latest(self._fair)

    @cached_property
    def _fitting(self) -> list[Label]:
        return fitting(self.labels, self._cascade)

    @cached_property
    def _fair(self) -> list[Label]:
        return [label for label in self._fitting if not label.targeted]


def settle(labels: Iterable[Label], cascade: Cascade) -> list[Reference]:
    """Settle one reference for each record and stage that has a label; stages that the cascade lacks are left out."""
    return list(Settled(list(labels), cascade).references.values())


def fitting(labels: Iterable[Label], cascade: Cascade) -> list[Label]:
    """Leave out what settles nothing: answers of another type than their stage's, and labels of swap queues."""
    return [label for label in of_their_type(labels, cascade) if not label.is_swap]


def with_units(
    settled: Mapping[Place, Reference], cascade: Cascade, records: Iterable[Record]
) -> Mapping[Place, Reference]:
    """Further references: what the references of a record's units are together, where each unit has one.

    Which units there are is said by the record, or by the reference of the stage that lists them. The units of such a
    record stand in the order of that list.
    """
    levels = Levels.of(cascade)
    if levels.is_flat:
        return settled
    whole = dict(settled)
    for record in records:
        for stage in cascade.stages:
            units = reference_units(whole, cascade, levels, record, levels.paths[stage.name])
            if stage.each is None or units is None:
                continue
            own = [whole.get((unit_id(record.id, keys), stage.name)) for keys in units]
            known = [reference for reference in own if reference is not None and reference.accepted]
            if len(known) == len(units):
                for reference in known:
                    whole[reference.record, stage.name] = whole.pop((reference.record, stage.name))
                whole[record.id, stage.name] = Reference(
                    record=record.id,
                    stage=stage.name,
                    accepted=(Answer(value=[reference.first.value for reference in known]),),
                    annotators=tuple(dict.fromkeys(name for reference in known for name in reference.annotators)),
                )
    return whole


def reference_units(
    settled: Mapping[Place, Reference], cascade: Cascade, levels: Levels, record: Record, path: tuple[str, ...]
) -> list[Keys] | None:
    """The units that a record has by its references, in the order of its lists; None where a list has no reference."""
    if not path:
        return [()]
    aboves = reference_units(settled, cascade, levels, record, path[:-1])
    if aboves is None:
        return None
    units: list[Keys] = []
    for above in aboves:
        value = _listed(settled, record, above, path[-1])
        if not isinstance(value, list | tuple | None):
            return None
        units += [(*above, name) for name in unit_names(value or (), levels.align[path])]
    return units


def _listed(settled: Mapping[Place, Reference], record: Record, above: Keys, source: str) -> Json:
    """What a list is by the record or by its reference; a text where nobody knows."""
    origin, _, field = source.partition(".")
    if origin == "record":
        return record.fields.get(field)
    reference = settled.get((unit_id(record.id, above), source))
    return reference.first.value if reference is not None and reference.accepted else "unknown"


def of_their_type(labels: Iterable[Label], cascade: Cascade) -> list[Label]:
    """Leave out answers that are not of their stage's type as it is now: made with another one, kept, not counted."""
    outputs = {stage.name: (stage.output, frozenset(stage.output.values)) for stage in cascade.stages}
    return [
        label
        for label in labels
        if label.stage not in outputs
        or all(
            _is_of(*outputs[label.stage], answer.value) for answer in (label.answer, *label.also) if answer is not None
        )
    ]


def _is_of(output: OutputType, values: frozenset[str], value: Json) -> bool:
    """Say whether a value has the form of a type; ids of a corpus and the schema of an object are not looked at."""
    match output.kind:
        case _ if value is None:
            return True
        case Kind.LABEL:
            return isinstance(value, str) and (not values or value in values)
        case Kind.LABELS:
            return isinstance(value, list | tuple) and (
                not values or all(isinstance(entry, str) and entry in values for entry in value)
            )
        case Kind.RANKING | Kind.LIST | Kind.BOXES | Kind.SPANS | Kind.SEGMENTS:
            return isinstance(value, list | tuple)
        case Kind.TEXT | Kind.TRANSCRIPT:
            return isinstance(value, str)
        case Kind.NUMBER:
            return isinstance(value, int | float) and not isinstance(value, bool)
        case Kind.BOOLEAN:
            return isinstance(value, bool)
        case Kind.OBJECT:
            return isinstance(value, Mapping)


def references(labels: Sequence[Label], kinds: Mapping[str, Kind]) -> dict[Place, Reference]:
    """The reference of each record and stage: what an adjudication says, otherwise what `settled` gives."""
    return _settled(adjudications(labels), latest(labels), kinds)


def _settled(
    decided: Mapping[Place, Label], people: Mapping[Place, Mapping[str, Label]], kinds: Mapping[str, Kind]
) -> dict[Place, Reference]:
    known: dict[Hashable, Reference] = {}
    by_place: dict[Place, Reference] = {}
    for place, own in people.items():
        if place[1] in kinds:
            key = (place[1], tuple(alike(label.answer) for label in own.values() if label.answer))
            if key not in known:
                known[key] = settled(list(own.values()), kinds[place[1]])
            by_place[place] = replace(known[key], record=place[0], stage=place[1], annotators=tuple(own))
    for place, label in decided.items():
        if place[1] in kinds and label.answer is not None:
            by_place[place] = Reference(
                record=label.record,
                stage=label.stage,
                accepted=(label.answer, *label.also),
                annotators=tuple(dict.fromkeys([*people.get(place, {}), label.annotator])),
                settled="adjudicated",
            )
    return by_place


def settled(labels: Sequence[Label], kind: Kind) -> Reference:
    """Settle the labels of one record and stage, one a person: by what most said, and never by an answer of nobody.

    - "no answer" against an answer: the majority; both are accepted when they tie;
    - label, boolean, labels, ranking: the whole answer that most gave. Where several tie: of labels and rankings the
      answer that somebody gave and that more than half of the people agree with in every single item, otherwise all
      that tie;
    - text, transcript, number, object, list, places: every distinct answer is accepted.

    The gains of a ranking are the means over those who gave it. Where several are accepted nobody has decided. The
    first accepted answer, in the order of the persons' names, is the one that a reference swap uses.
    """
    answers = [label.answer for label in labels if label.answer is not None]
    votes, first = _votes(answers, kind)
    silent = sum(count for key, count in votes.items() if first[key].value is None)
    total = votes.total()
    spoken = {key: count for key, count in votes.items() if first[key].value is not None}
    accepted = _content(spoken, first, kind) if spoken and 2 * silent <= total else []
    if 2 * silent >= total:
        accepted += [key for key in votes if first[key].value is None][:1]
    return Reference(
        record=labels[0].record,
        stage=labels[0].stage,
        accepted=tuple(_with_mean_gains(first[key], answers) for key in accepted),
        annotators=tuple(label.annotator for label in labels),
        settled="single" if len(labels) == 1 else "consensus" if len(accepted) == 1 else "undecided",
        votes=tuple(votes[key] for key in accepted),
    )


_OPEN = (*WRITTEN, Kind.NUMBER, Kind.OBJECT, *PLACES)
"""Types of which two good answers may differ."""
_SETS = (Kind.LABELS, Kind.RANKING)


def _votes(answers: Sequence[Answer], kind: Kind) -> tuple[Counter[str], dict[str, Answer]]:
    """How many gave each whole answer, and who gave it first; a set is the same in every order."""
    votes: Counter[str] = Counter()
    first: dict[str, Answer] = {}
    for answer in answers:
        value = sorted(ids(answer.value)) if kind in _SETS and answer.value is not None else answer.value
        key = _key([value, [list(fact.wordings) for fact in answer.facts] if kind in _OPEN else []])
        votes[key] += 1
        first.setdefault(key, answer)
    return votes, first


def _content(votes: Mapping[str, int], first: Mapping[str, Answer], kind: Kind) -> list[str]:
    if kind in _OPEN:
        return list(votes)
    tied = [key for key, count in votes.items() if count == max(votes.values())]
    if len(tied) > 1 and kind in _SETS:
        return _agreed_item_by_item(votes, first) or tied
    return tied


def _agreed_item_by_item(votes: Mapping[str, int], first: Mapping[str, Answer]) -> list[str]:
    """The answer whose every item more than half chose, and that lacks none of these; nothing where nobody gave it."""
    people = sum(votes.values())
    chosen = Counter(item for key, count in votes.items() for item in set(ids(first[key].value)) for _ in range(count))
    if any(2 * count == people for count in chosen.values()):
        return []
    most = {item for item, count in chosen.items() if 2 * count > people}
    return [key for key in votes if set(ids(first[key].value)) == most]


def _with_mean_gains(answer: Answer, answers: Sequence[Answer]) -> Answer:
    """A ranking with the mean gains of all who gave the same entries, the best first; any other answer as it is."""
    chosen = set(ids(answer.value)) if answer.value is not None else set[str]()
    same = [other.value for other in answers if other.value is not None and set(ids(other.value)) == chosen]
    entries = [entry for value in same if isinstance(value, list) for entry in value]
    if not any(is_graded(entry) for entry in entries):
        return answer
    gains = dict.fromkeys(ids(answer.value), 0.0)
    for entry in entries:
        name, gain = (entry["id"], entry["gain"]) if is_graded(entry) else (entry, 1)
        gains[str(name)] += float(str(gain)) / len(same)
    best: list[Json] = [{"id": name, "gain": gains[name]} for name in sorted(gains, key=lambda name: -gains[name])]
    return replace(answer, value=best)


def strictly(reference: Reference) -> tuple[Reference, ...]:
    """The references that an output must all meet where nobody's answer alone is enough.

    Where people differ and nobody has decided, these are the answers that at least two gave; without any, each answer
    by itself, so that the worst of the scores counts: whoever decides for one of them can make it no worse.
    """
    if reference.settled != "undecided":
        return (reference,)
    answers = zip(reference.accepted, reference.votes, strict=True)
    shared = tuple(answer for answer, count in answers if count > 1)
    if shared:
        return (replace(reference, accepted=shared),)
    return tuple(replace(reference, accepted=(answer,)) for answer in reference.accepted)


def _key(value: Json) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Respondent:
    """One person at one stage of one record."""

    name: str
    answers: Mapping[str, Answer]
    """By what was shown."""


def respondents(
    labels: Iterable[Label],
    put: Mapping[tuple[str, str], str],
    cascade: Cascade,
    actual: Mapping[Place, str],
    *,
    anything: str,
) -> dict[Place, Respondent]:
    """Choose one person for each record and stage, of those whose input is known.

    `put` says what a queue put before people, by queue and record; `actual` what the stage received in the run. A
    label of no queue counts where the stage reads nothing but the record (as `anything`). Of several people the one
    who answered what the stage received comes first; the rest is drawn by the record's id, so that nobody's labels
    are preferred. Hunted labels are left out: their records are no fair sample.
    """
    roots = {stage.name for stage in cascade.stages if not stage.parents}
    people: dict[Place, dict[str, dict[str, Answer | None]]] = {}
    for label in sorted(labels, key=lambda label: label.at):
        if label.action == "adjudicate" or label.targeted or label.task != "produce":
            continue
        what = put.get((label.queue, label.record)) if label.queue else anything
        if what is not None and (label.queue or label.stage in roots):
            own = people.setdefault((label.record, label.stage), {}).setdefault(label.annotator, {})
            own[what] = label.answer if label.action == "label" else None
    by_place: dict[Place, Respondent] = {}
    for place, own in people.items():
        answered = {
            name: answers
            for name, given in own.items()
            if (answers := {what: answer for what, answer in given.items() if answer is not None})
        }
        fits = {actual.get(place), anything}
        first = min(answered, key=lambda name: (not fits & answered[name].keys(), _draw(place, name)), default=None)
        if first is not None:
            by_place[place] = Respondent(name=first, answers=answered[first])
    return by_place


def _draw(place: Place, name: str) -> bytes:
    return sha256("\0".join((*place, name)).encode("utf-8", "surrogatepass")).digest()
