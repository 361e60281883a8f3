"""The files of an import: a cascade with a comment at each guess, records, outputs, documents, references, ratings."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, cast

import orjson

from stagegap.errors import ConfigurationError
from stagegap.exchange.foreign.protocol import Leftovers, Unmapped, inside, objects, text
from stagegap.exchange.rows import read_json
from stagegap.exchange.spans import Opinion, items_of
from stagegap.exchange.spans.proposal import (
    MOST_STAGES,
    Proposal,
    ProposedStage,
    as_json,
    calls_field,
    cascade_text,
    proposed,
)
from stagegap.exchange.spans.span import FIRST_FAULT, criteria_of, number_of, turn_text, unpacked, word_of
from stagegap.exchange.spans.spool import Spool, Trace
from stagegap.exchange.spans.steps import Case, Frames, Step, case_of
from stagegap.exchange.spans.survey import StageSurvey, Survey, type_of
from stagegap.exchange.spans.table import REFERENCE_NAMES
from stagegap.exchange.typed import escaped
from stagegap.model.record import Json, odd_number

MANIFEST = "import.json"
_TOO_MANY = f"A cascade has at most {MOST_STAGES + 1} stages: steps with rarer names became none."
_RESERVED = frozenset({"record", "session", "user"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedStage:
    """What came in of one stage."""

    name: str
    type: str
    attempts: int
    traces: int
    errors: int
    seconds: float | None
    """Median of an attempt."""
    tokens: int | None
    """None where no attempt says them."""
    cost: float | None
    models: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedTraces:
    """What an import of traces brought."""

    cascade: Path
    name: str
    formats: tuple[str, ...]
    spans: int
    traces: int
    """New records."""
    known: int
    """Traces that were there already."""
    is_new: bool
    """The cascade file was written; otherwise the traces went into the one that is there."""
    stages: tuple[ImportedStage, ...]
    references: int
    ratings: int
    first_faults: int
    """Traces of which people said which attempt went wrong first, or that none did."""
    unmapped: tuple[Unmapped, ...]


def import_traces(paths: Sequence[Path], folder: Path, *, name: str, source: str | None = None) -> ImportedTraces:
    """Write `pipelines/NAME.yaml` and `data/NAME/`, or add to them what they do not hold yet.

    Memory is that of the largest trace, and of the ids. Raises: ConfigurationError for files of no known format or
    without a trace, InputError for files that can't be read.
    """
    leftovers = Leftovers()
    formats: dict[str, None] = {}
    with TemporaryDirectory(prefix="stagegap-traces-") as place:
        spool = Spool(Path(place))
        for form, item in items_of(paths, leftovers, source):
            formats[form] = None
            spool.add(item, leftovers)
        if not spool.spans:
            reasons = "; ".join(f"{part.count:,} x {part.reason} ({part.examples[0]})" for part in leftovers.all()[:3])
            hint = f"It holds what was said of {len(spool):,}: name the file of the traces, too." if len(spool) else ""
            raise ConfigurationError(f"{', '.join(map(str, paths))}: no trace can be read. {hint or reasons}".strip())
        return _taken_in(spool, folder, name, tuple(formats), leftovers)


def _taken_in(spool: Spool, folder: Path, name: str, formats: tuple[str, ...], leftovers: Leftovers) -> ImportedTraces:
    cascade, data = folder / "pipelines" / f"{name}.yaml", folder / "data" / name
    old = _manifest(data) if cascade.exists() else None
    if old is None and cascade.exists():
        raise ConfigurationError(
            f"{cascade} is there already and was made by no import. Choose another name with --name."
        )
    frames = Frames()
    for trace in spool.traces(leftovers):
        frames.note(trace)
    survey, quiet = Survey(), Leftovers()
    for trace in spool.traces():
        case = case_of(trace, frames, quiet)
        survey.note(case, fields_of(case))
        for opinion in trace.opinions:
            if opinion.by == "reference" and opinion.value is not None:
                stage = survey.stages.get(case.stage_of.get(opinion.span, ""))
                answers = {step.span.id: step.span.output for step in case.steps}
                (stage or survey.whole).take(_stripped(opinion.value))
                (stage or survey.whole).compare(answers.get(opinion.span) if stage else case.output, opinion.value)
            else:
                survey.note_word(opinion.name, word_of(opinion))
    proposal = proposed(name, survey) if old is None else old
    data.mkdir(parents=True, exist_ok=True)
    with Writer(data, proposal, leftovers) as writer:
        for trace in spool.traces():
            writer.write(trace, case_of(trace, frames, leftovers))
    if old is None:
        cascade.parent.mkdir(parents=True, exist_ok=True)
        cascade.write_text(cascade_text(proposal, survey, has_references=writer.references > 0), "utf-8")
        (data / MANIFEST).write_text(json.dumps(as_json(proposal), indent=1, ensure_ascii=False) + "\n", "utf-8")
    return ImportedTraces(
        cascade=cascade,
        name=name,
        formats=formats,
        spans=spool.spans,
        traces=writer.records,
        known=writer.known,
        is_new=old is None,
        stages=tuple(_imported(stage, survey) for stage in proposal.stages),
        references=writer.references,
        ratings=writer.ratings,
        first_faults=writer.first_faults,
        unmapped=tuple(leftovers.all()),
    )


def _imported(stage: ProposedStage, survey: Survey) -> ImportedStage:
    own = survey.stages.get(stage.name) or StageSurvey(
        stage.name, traces=survey.outputs, attempts=survey.outputs, errors=survey.whole_errors
    )
    return ImportedStage(
        name=stage.name, type=stage.type, attempts=own.attempts, traces=own.traces, errors=own.errors,
        seconds=own.middle, tokens=own.tokens, cost=own.cost,
        models=tuple(name for name, _ in own.models.most_common(3)),
    )  # fmt: skip


def _manifest(data: Path) -> Proposal | None:
    """The cascade of an earlier import, as far as this one needs it."""
    if not (data / MANIFEST).exists():
        return None
    kept = inside(read_json(data / MANIFEST))
    stages = [
        ProposedStage(
            name=text(each["name"]),
            type=text(each["type"]),
            values=tuple(text(value) for value in cast("Sequence[Json]", each["values"])),
            repeats=each["repeats"] is True,
            keeps_input=each["keeps_input"] is True,
        )
        for each in objects(kept["stages"])
    ]
    return Proposal(
        name=text(kept["cascade"]), stages=stages, outcome=text(kept["outcome"]), whole=kept["whole"] is True,
        cluster=text(kept["cluster"]), why_outcome="", why_cluster="", traces=0,
        words={
            name: [text(word) for word in cast("Sequence[Json]", words)]
            for name, words in inside(kept.get("words")).items()
        },
    )  # fmt: skip


def fields_of(case: Case) -> dict[str, Json]:
    """The fields of a record: what went in by name, or as `input`, and what else is known of the case."""
    inputs = case.inputs
    own: dict[str, Json] = {}
    if isinstance(inputs, Mapping) and 0 < len(inputs) <= 30:
        own = _named_once({key: value for key, value in inputs.items() if value is not None})
    elif inputs is not None:
        own = {"input": inputs if isinstance(inputs, str) else _as_text(inputs)}
    own = own or {"input": ""}
    return own | _named_once({key: value for key, value in case.fields.items() if value != own.get(_field(key))}, own)


def _named_once(values: Mapping[str, Json], taken: Collection[str] = ()) -> dict[str, Json]:
    """The values under names that a field can have, each under one of its own."""
    fields: dict[str, Json] = {}
    for key, value in values.items():
        name = _field(key)
        while name in fields or name in taken:
            name += "_field"
        fields[name] = value
    return fields


def _field(key: str) -> str:
    plain = "".join(sign if sign.isalnum() or sign == "_" else "_" for sign in key).strip("_") or "field"
    return f"{plain}_field" if plain in _RESERVED else plain


def _as_text(value: Json) -> str:
    """A conversation as its turns; any other value as JSON."""
    if (
        isinstance(value, Sequence)
        and not isinstance(value, str)
        and value
        and all(isinstance(item, Mapping) and "role" in item for item in value)
    ):
        return "\n\n".join(turn_text(item) for item in value if isinstance(item, Mapping))
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _stripped(value: Json) -> Json:
    return value.strip() if isinstance(value, str) else value


def fitted(value: Json, stage: ProposedStage) -> Json:
    """The value in the type of a stage; None where it can't be. What is no text becomes JSON at a stage of texts."""
    if stage.type == "label":
        return value.strip() if isinstance(value, str) else None if value is None else str(value)
    if stage.type in ("text", "ranking"):
        return value if value is None or isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    plain = unpacked(value) if stage.type in ("object", "list") else value
    if stage.type == "number" and isinstance(plain, str):
        plain = number_of(plain)
    wanted = {"list": ("texts",)}.get(stage.type, (stage.type,))
    return plain if plain is not None and type_of(plain) in wanted else None


@dataclass(slots=True)
class Writer:
    """Writes the rows of each trace; what is there already is not written twice."""

    data: Path
    proposal: Proposal
    leftovers: Leftovers
    records: int = 0
    known: int = 0
    references: int = 0
    ratings: int = 0
    first_faults: int = 0
    corpora: set[str] = field(default_factory=set[str])
    _ids: dict[str, int] = field(default_factory=dict[str, int])
    """Of every record where its line begins; of those of this import it is not known."""
    _documents: dict[str, set[str]] = field(default_factory=dict[str, set[str]])
    _open: dict[str, IO[bytes]] = field(default_factory=dict[str, IO[bytes]])
    _stack: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> Writer:
        place = 0
        for line in _lines(self.data / "records.jsonl"):
            self._ids[str(orjson.loads(line)["record"])] = place
            place += len(line)
        for stage in self.proposal.stages:
            self._stream(stage.name)
            if stage.type == "ranking":
                documents = f"{stage.name}_documents"
                lines = _lines(self.data / f"{documents}.jsonl")
                self._documents[stage.name] = {str(orjson.loads(line)["id"]) for line in lines}
                self._stream(documents)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _stream(self, name: str) -> IO[bytes]:
        if name not in self._open:
            self._open[name] = self._stack.enter_context((self.data / f"{name}.jsonl").open("ab"))
        return self._open[name]

    def _put(self, name: str, row: Mapping[str, Json]) -> None:
        text = json.dumps(row, ensure_ascii=False) if odd_number(row) else orjson.dumps(row).decode()
        self._stream(name).write(escaped(text).encode() + b"\n")

    def write(self, trace: Trace, case: Case) -> None:
        """Write a trace as a record with the outputs of its stages."""
        if case.id in self._ids:
            self._known(case)
            return
        self._ids[case.id] = -1
        self.records += 1
        record: dict[str, Json] = {"record": case.id, **fields_of(case)}
        record |= {name: value for name, value in (("session", case.session), ("user", case.user)) if value}
        if self.proposal.cluster and self.proposal.cluster not in record:
            record[self.proposal.cluster] = case.id
        attempts: dict[str, list[tuple[int, Step]]] = {}
        for place, step in enumerate(case.steps):
            attempts.setdefault(step.stage, []).append((place, step))
        for stage in self.proposal.stages:
            if self.proposal.whole and stage.name == self.proposal.outcome:
                self._whole(case, stage)
            else:
                record |= self._attempts(case.id, stage, attempts.pop(stage.name, []))
        is_full = len(self.proposal.stages) >= MOST_STAGES
        no_stage = _TOO_MANY if is_full else "The cascade has no such stage: the step is in no output."
        for name, left in attempts.items():
            for _ in left:
                self.leftovers.add(no_stage, f"{name} of trace {case.id}")
        self._put("records", record)
        self._opinions(trace, case, attempts)

    def _known(self, case: Case) -> None:
        """Count a record that is there already; one that says something else is none of a second time."""
        self.known += 1
        place = self._ids[case.id]
        row: dict[str, Json] = {}
        if place >= 0:
            with (self.data / "records.jsonl").open("rb") as stream:
                stream.seek(place)
                row = orjson.loads(stream.readline())
        if any(row.get(key) != value for key, value in fields_of(case).items()):
            self.leftovers.add(
                "A record of this id is there already and says something else: the one that is there stays.", case.id
            )

    def _whole(self, case: Case, stage: ProposedStage) -> None:
        status = "error" if case.error else "ok" if case.output is not None else "skipped"
        value = fitted(case.output, stage) if status == "ok" else None
        ms = None if case.seconds is None else round(1000 * case.seconds, 3)
        self._put(
            stage.name, {"record": case.id, "status": status, "value": value, "latency_ms": ms, "error": case.error}
        )

    def _attempts(self, record: str, stage: ProposedStage, steps: Sequence[tuple[int, Step]]) -> dict[str, Json]:
        """Write the outputs of a stage; the fields that the record has for it."""
        if stage.repeats:
            for number, (_, step) in enumerate(steps):
                self._output(f"{record}#{number}", stage, step)
            return {calls_field(stage.name): [_call(place, step) for place, step in steps]}
        if len(steps) > 1:
            for _, step in steps[:-1]:
                self.leftovers.add(
                    "The stage occurs once in a trace of this cascade: only the last attempt came in.",
                    f"{step.stage} of trace {record}",
                )
        if steps:
            self._output(record, stage, steps[-1][1])
        else:
            self._put(stage.name, {"record": record, "status": "skipped", "value": None})
        if not stage.keeps_input:
            return {}
        return {
            f"{stage.name}_input": _as_text(steps[-1][1].span.inputs)
            if steps and steps[-1][1].span.inputs is not None
            else ""
        }

    def _output(self, record: str, stage: ProposedStage, step: Step) -> None:
        span = step.span
        value = self._ids_of(stage, step) if stage.type == "ranking" and not span.error else fitted(span.output, stage)
        status = "error" if span.error else "ok"
        if value is None and not span.error:
            status = "skipped" if span.output is None else "unparsable"
            if span.output is not None:
                self.leftovers.add(
                    f"An answer of stage {stage.name!r} is no {stage.type}.", f"{record}: {_as_text(span.output)}"
                )
        if stage.type == "label" and isinstance(value, str) and value not in stage.values:
            self.leftovers.add(
                f"An answer of stage {stage.name!r} is none of its labels: add it to the cascade file.",
                f"{record}: {value}",
            )
        row: dict[str, Json] = {"record": record, "status": status, "value": None if span.error else value}
        if span.start is not None and span.end is not None:
            row["latency_ms"] = round(1000 * (span.end - span.start), 3)
        if span.start:
            row["at"] = span.start
        facts = {
            "tokens_in": span.tokens_in, "tokens_out": span.tokens_out, "cost": span.cost, "model": span.model,
            "error": span.error, "raw": _as_text(span.output) if status == "unparsable" else "",
        }  # fmt: skip
        self._put(stage.name, row | {key: item for key, item in facts.items() if item not in (None, "")})

    def _ids_of(self, stage: ProposedStage, step: Step) -> Json:
        """The ids of a retriever's documents, each written once into its corpus."""
        ids: list[Json] = []
        seen = self._documents[stage.name]
        for document in step.documents:
            text = str(document.get("text") or document.get("title") or document.get("id") or "")
            own = str(document.get("id") or sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12])
            if own not in seen:
                seen.add(own)
                self._put(
                    f"{stage.name}_documents", {"id": own, "title": str(document.get("title") or ""), "text": text}
                )
            ids.append(own)
        return ids

    def _opinions(self, trace: Trace, case: Case, left: Mapping[str, object]) -> None:
        counts: dict[tuple[str, str], int] = {}
        ratings: dict[tuple[str, str], dict[str, Json]] = {}
        for opinion in trace.opinions:
            if opinion.name == FIRST_FAULT:
                self._first_fault(case, opinion)
                continue
            name = case.stage_of.get(opinion.span, self.proposal.outcome) if opinion.span else self.proposal.outcome
            stage = None if name in left else self.proposal.stage(name)
            if stage is None:
                self.leftovers.add("A score of a step that is no stage.", f"{opinion.name!r} of trace {case.id}")
            elif opinion.by == "reference" or is_answer(opinion, stage):
                number = counts[name, opinion.author] = counts.get((name, opinion.author), 0) + 1
                self._reference(case.id, stage, opinion, number)
            else:
                self._rate(case.id, stage, opinion, ratings)
        for row in ratings.values():
            self.ratings += 1
            self._put("ratings", row)

    def _reference(self, record: str, stage: ProposedStage, opinion: Opinion, number: int) -> None:
        value = fitted(_stripped(opinion.value), stage)
        if (
            value is None
            or stage.type == "ranking"
            or stage.repeats
            or (stage.type == "label" and value not in stage.values)
        ):
            self.leftovers.add(
                f"A right answer does not fit the type of stage {stage.name!r}.", f"{record}: {_as_text(opinion.value)}"
            )
            return
        self.references += 1
        author = opinion.author if number == 1 else f"{opinion.author} {number}"
        self._put(
            "references", {"record": record, "stage": stage.name, "annotator": author, "value": value, "facts": []}
        )

    def _first_fault(self, case: Case, opinion: Opinion) -> None:
        """Write which attempt a person holds to be the first wrong one, or that none is."""
        place = next((n for n, step in enumerate(case.steps) if step.span.id == opinion.span), None)
        if place is None and opinion.span:
            self.leftovers.add("The first wrong step is no attempt.", f"{opinion.span} of trace {case.id}")
            return
        self.first_faults += 1
        row: dict[str, Json] = {
            "record": case.id, "annotator": opinion.author, "position": place, "role": opinion.role,
            "note": opinion.note,
        }  # fmt: skip
        self._put("first_faults", row)

    def _rate(
        self, record: str, stage: ProposedStage, opinion: Opinion, ratings: dict[tuple[str, str], dict[str, Json]]
    ) -> None:
        """Note the ratings that an opinion gives; of two by one author on one thing the later one counts."""
        criteria = criteria_of(opinion, self.proposal.words.get(opinion.name, ()))
        if not criteria:
            self.leftovers.add(
                "A score is no number, and none of a few words.",
                f"{opinion.name}: {_as_text(opinion.value)} of trace {record}",
            )
        rater = opinion.author or opinion.by
        rater = rater if opinion.by == "person" else f"{opinion.by} {rater}"
        for criterion, value in criteria.items():
            named = criterion if stage.name == self.proposal.outcome else f"{criterion} of {stage.name}"
            row: dict[str, Json] = {
                "system": self.proposal.name, "record": record, "criterion": named, "rater": rater,
                "value": value, "by": opinion.by, "note": opinion.note, "at": opinion.at,
            }  # fmt: skip
            before = ratings.get((named, rater))
            if before is not None:
                self.leftovers.add(
                    "An author scored the same thing twice: the later score counts.",
                    f"{named} by {rater} of trace {record}",
                )
            if before is None or (number_of(before["at"]) or 0.0) <= (opinion.at or 0.0):
                ratings[named, rater] = row


def is_answer(opinion: Opinion, stage: ProposedStage) -> bool:
    """Whether a person's word answers the question of a stage itself: named so, and one of its labels."""
    is_named = opinion.name in (stage.name, "label", *REFERENCE_NAMES)
    return opinion.by == "person" and is_named and stage.type == "label" and word_of(opinion) in stage.values


def _call(place: int, step: Step) -> Json:
    """An attempt as an item of the record: where it stood in the trace, who acted, with what."""
    call: dict[str, Json] = {"position": place, "role": step.span.role, "tool": step.tool}
    if step.span.inputs is not None:
        call["input"] = _as_text(step.span.inputs)
    return {key: value for key, value in call.items() if value != ""}


def _lines(path: Path) -> Iterator[bytes]:
    if path.exists():
        with path.open("rb") as stream:
            yield from stream
