"""What a stage was seen to do over all traces: how often, with which answers, and whose answers stood in its inputs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from stagegap.exchange.spans.span import SpanKind
from stagegap.exchange.spans.steps import Case, Step
from stagegap.model.record import Json

LOOKED_AT = 300
"""Traces in which is looked up what flowed where."""
MOST_VALUES = 50
LONGEST_LABEL = 60
MOST_WORDS = 12
"""Different words of a score, beyond which it is a text and not a choice."""
PROBE = 80
"""Characters of an answer that are looked for in the inputs of later steps."""


@dataclass(slots=True)
class StageSurvey:
    """One stage over all traces."""

    name: str
    title: str = ""
    """Its name in the traces."""
    kinds: Counter[SpanKind] = field(default_factory=Counter[SpanKind])
    traces: int = 0
    most: int = 0
    """The most attempts in one trace."""
    attempts: int = 0
    place: float = 0.0
    """Sum of the places of first attempts, from 0 to 1."""
    types: Counter[str] = field(default_factory=Counter[str])
    values: Counter[str] = field(default_factory=Counter[str])
    has_many: bool = False
    """More different texts, or longer ones, than a set of labels has."""
    keys: Counter[str] = field(default_factory=Counter[str])
    errors: int = 0
    documents: int = 0
    seconds: list[float] = field(default_factory=list[float])
    tokens: int | None = None
    """None where no attempt says them."""
    cost: float | None = None
    models: Counter[str] = field(default_factory=Counter[str])
    looked: int = 0
    reads: Counter[str] = field(default_factory=Counter[str])
    """Earlier stage -> traces in which its answer stood in the input of this one."""
    reads_field: Counter[str] = field(default_factory=Counter[str])
    ends: int = 0
    """Traces whose output is this stage's answer."""
    has_inputs: int = 0
    differing: int = 0
    """Answers in a text that are not the one that is held to be right."""
    reordered: int = 0
    """Of these, answers with just its words in another order."""

    def note(self, steps: Sequence[Step], *, place: float) -> None:
        """Take the attempts of one trace into account."""
        self.traces += 1
        self.title = self.title or steps[0].name
        self.most = max(self.most, len(steps))
        self.place += place
        for step in steps:
            self._note(step)

    def _note(self, step: Step) -> None:
        span = step.span
        self.attempts += 1
        self.kinds[span.kind] += 1
        self.errors += bool(span.error)
        self.documents += bool(step.documents)
        self.has_inputs += span.inputs not in (None, "", [], {})
        if span.tokens_in is not None or span.tokens_out is not None:
            self.tokens = (self.tokens or 0) + (span.tokens_in or 0) + (span.tokens_out or 0)
        if span.cost:
            self.cost = (self.cost or 0.0) + span.cost
        if span.model:
            self.models[span.model] += 1
        if span.start is not None and span.end is not None and len(self.seconds) < 100_000:
            self.seconds.append(span.end - span.start)
        if span.output is not None:
            self.take(span.output)

    def take(self, value: Json) -> None:
        """Take a value into account: an answer of the system, or one that is held to be right."""
        self.types[type_of(value)] += 1
        if isinstance(value, str):
            text = value.strip()
            if len(text) > LONGEST_LABEL or "\n" in text or not text:
                self.has_many = True
            elif not self.has_many:
                self.values[text] += 1
                self.has_many = len(self.values) > MOST_VALUES
        elif isinstance(value, Mapping):
            self.keys.update(list(value)[:30])

    def compare(self, answer: Json, right: Json) -> None:
        """Take into account how an answer differs from the one that is held to be right."""
        if isinstance(answer, str) and isinstance(right, str) and answer.split() != right.split():
            self.differing += 1
            self.reordered += sorted(answer.split()) == sorted(right.split())

    @property
    def has_order(self) -> bool:
        """The order of words is what was asked for: prose hardly ever differs from a right answer in nothing else."""
        return self.reordered >= max(3, self.differing / 10)

    @property
    def kind(self) -> SpanKind:
        """What it mostly did."""
        return self.kinds.most_common(1)[0][0]

    @property
    def middle(self) -> float | None:
        """Median seconds of an attempt."""
        return median(self.seconds) if self.seconds else None

    @property
    def is_closed(self) -> bool:
        """Few texts, each of them often: a set of labels. The same text everywhere is none."""
        n = sum(self.values.values())
        return not self.has_many and n >= 4 and 1 < len(self.values) <= max(2, min(20, n // 4))


def type_of(value: Json) -> str:
    """`boolean`, `number`, `text`, `object`, `texts` or `list`."""
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "text"
    if isinstance(value, Mapping):
        return "object"
    return "texts" if all(isinstance(item, str) for item in value or ()) else "list"


@dataclass(slots=True)
class Survey:
    """All stages over all traces, and the fields of records."""

    stages: dict[str, StageSurvey] = field(default_factory=dict[str, StageSurvey])
    traces: int = 0
    fields: Counter[str] = field(default_factory=Counter[str])
    sessions: int = 0
    users: int = 0
    outputs: int = 0
    """Traces that say what came out of the whole."""
    whole: StageSurvey = field(default_factory=lambda: StageSurvey("answer"))
    """What came out of the whole, as if it was a stage."""
    whole_errors: int = 0
    words: dict[str, set[str]] = field(default_factory=dict[str, set[str]])
    """Name of a score in words -> its words."""

    def note(self, case: Case, fields: Mapping[str, Json]) -> None:
        """Take a record into account."""
        self.traces += 1
        self.fields.update(fields.keys())
        self.sessions += bool(case.session)
        self.users += bool(case.user)
        self.whole_errors += bool(case.error)
        attempts: dict[str, list[Step]] = {}
        places: dict[str, int] = {}
        for place, step in enumerate(case.steps):
            attempts.setdefault(step.stage, []).append(step)
            places.setdefault(step.stage, place)
        for name, steps in attempts.items():
            survey = self.stages.setdefault(name, StageSurvey(name))
            survey.note(steps, place=places[name] / max(1, len(case.steps)))
        if case.output is not None:
            self.outputs += 1
            self.whole.take(case.output)
            end = joined_texts(case.output)
            for name, steps in attempts.items():
                self.stages[name].ends += bool(end) and joined_texts(steps[-1].span.output) == end
        if self.traces <= LOOKED_AT:
            self._look(attempts, places, fields)

    def note_word(self, name: str, word: str) -> None:
        """Take a score in words into account; no more of them are kept than decide whether they are a choice."""
        if word:
            words = self.words.setdefault(name, set())
            if len(words) <= MOST_WORDS:
                words.add(word)

    def _look(
        self, attempts: Mapping[str, Sequence[Step]], places: Mapping[str, int], fields: Mapping[str, Json]
    ) -> None:
        """Note whose answers, and which fields, stand in whose inputs."""
        answers = {name: [probe for step in steps for probe in probes(step)] for name, steps in attempts.items()}
        values = {name: probe for name, value in fields.items() if (probe := _probe(joined_texts(value)))}
        for name, steps in attempts.items():
            texts = [text for step in steps for text in strings(step.span.inputs)]
            if not texts:
                continue
            survey, whole, exact = self.stages[name], "\n".join(texts), set(texts)
            survey.looked += 1
            for other, known in answers.items():
                if (
                    other != name
                    and places[other] < places[name]
                    and any(_stands(probe, whole, exact) for probe in known)
                ):
                    survey.reads[other] += 1
            survey.reads_field.update(key for key, probe in values.items() if _stands(probe, whole, exact))


def _stands(probe: str, whole: str, exact: set[str]) -> bool:
    return probe in exact if len(probe) < 8 else probe in whole


def joined_texts(value: Json) -> str:
    """The texts of a value, one after another."""
    return "\n".join(strings(value)).strip()


def strings(value: Json) -> Iterator[str]:
    """Every text and number inside a value."""
    ahead: list[Json] = [value]
    while ahead:
        item = ahead.pop()
        if isinstance(item, str):
            yield item.strip()
        elif isinstance(item, Mapping):
            ahead += reversed(list(item.values()))
        elif isinstance(item, list | tuple):
            ahead += reversed(item)
        elif isinstance(item, int | float) and not isinstance(item, bool):
            yield str(item)


def _probe(text: str) -> str:
    return text[:PROBE].strip()


def probes(step: Step) -> list[str]:
    """What would be found of an answer in a later input."""
    if step.documents:
        return [probe for document in step.documents if (probe := _probe(joined_texts(document.get("text"))))]
    return [probe for text in strings(step.span.output) if len(probe := _probe(text)) > 1][:5]
