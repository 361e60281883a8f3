"""From a run to a label queue: a sample of records, fair or hunted, each with what its stage saw and nothing else."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, TypedDict, cast

import numpy as np

from stagegap.errors import ConfigurationError
from stagegap.exchange.label_files import read_warmup
from stagegap.model.answer import Output
from stagegap.model.cascade import CascadeFile, Document, Kind, Stage
from stagegap.model.queue import Queue, QueueItem, WarmUp
from stagegap.model.record import Json, Record
from stagegap.model.units import Levels, record_of
from stagegap.people.card import KEYS, candidate_pool, form, payload, sample, values_of
from stagegap.people.judgements import Judging, Pair, judging_form, judging_item
from stagegap.people.verdicts import verdict_form, verdict_item
from stagegap.runner.cases import Settled
from stagegap.runner.prepare import Materials, seen_inputs
from stagegap.runner.units import asked_units
from stagegap.spec.expressions import Condition, ConditionError
from stagegap.stages.foundation import build
from stagegap.stages.protocol import BatchStage

SUREST = 0.01
"""Weight of a record of whose answer the system is sure: it is drawn too, though rarely."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hunt:
    """What to hunt for: exactly one of the two."""

    where: str = ""
    """CEL over `record`, the stages' answers by their names, and `confidence`: every match is picked."""
    unsure: int | None = None
    """About so many records, drawn with a known chance that grows as the stage's own confidence falls."""

    def __post_init__(self) -> None:
        if bool(self.where) == (self.unsure is not None):
            raise ConfigurationError("A hunt needs a filter or a number of unsure records, one of the two.")
        if self.unsure is not None and self.unsure < 1:
            raise ConfigurationError(f"A hunt picks at least 1 record, found {self.unsure}.")

    def __str__(self) -> str:
        return self.where or f"about {self.unsure} by falling confidence"


def picked(
    hunt: Hunt, population: Mapping[str, Record], stage: str, outputs: Mapping[str, Mapping[str, Output]], *, seed: int
) -> dict[str, float | None]:
    """The records in random order, each with its chance; None where every match was taken.

    Raises: ConfigurationError for a filter that can't be used, and when nothing is found.
    """
    rng = np.random.default_rng(seed)
    names = sorted(population)
    order = [names[int(i)] for i in rng.permutation(len(names))]
    drawn: dict[str, float | None]
    if hunt.unsure is None:
        matching = _matching(hunt.where, population, outputs)
        drawn = {name: None for name in order if name in matching}
    else:
        chances = _chances(hunt.unsure, order, outputs.get(stage, {}), stage)
        drawn = {name: chance for name, chance in chances.items() if rng.random() < chance}
    if not drawn:
        raise ConfigurationError(f"The hunt for {hunt} finds none of {len(names):,} records.")
    return drawn


def _matching(
    where: str, population: Mapping[str, Record], outputs: Mapping[str, Mapping[str, Output]]
) -> frozenset[str]:
    try:
        condition = Condition(where)
        return frozenset(
            name for name, record in population.items() if condition.holds(record.fields, *_answers(name, outputs))
        )
    except ConditionError as error:
        raise ConfigurationError(f"The hunt can't be made. {error}") from None


def _answers(record: str, outputs: Mapping[str, Mapping[str, Output]]) -> tuple[dict[str, Json], dict[str, Json]]:
    own = {stage: outputs_of[record] for stage, outputs_of in outputs.items() if record in outputs_of}
    return (
        {stage: output.value for stage, output in own.items()},
        {stage: output.confidence for stage, output in own.items()},
    )


def _chances(size: int, order: list[str], outputs: Mapping[str, Output], stage: str) -> dict[str, float]:
    """Each record's chance, proportional to doubt; an answer without a confidence counts as full doubt."""
    sure = {name: outputs[name].confidence for name in order if name in outputs}
    if all(confidence is None for confidence in sure.values()):
        raise ConfigurationError(f"Stage {stage!r} gives no confidence to hunt by. Give a filter instead.")
    doubt = {name: SUREST + 1.0 - (sure.get(name) or 0.0) for name in order}
    total = sum(doubt.values())
    return {name: min(1.0, size * weight / total) for name, weight in doubt.items()}


SAMPLE = 2_000
"""Records of a queue at most: its payloads are stored with it."""
OVERLAP = 0.2
"""Share of the random sample that everybody labels, where no number is said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """A stage that people are to be asked about, with what the system put before it."""

    file: CascadeFile
    materials: Materials
    stage: Stage
    outputs: Mapping[str, Mapping[str, Output]]
    """Those of the system by stage and record."""
    run: str
    """Id of the run that the outputs are of; empty without one."""
    warmup: Sequence[WarmUp] = ()

    def population(self) -> dict[str, Record]:
        """The scored records that the stage was asked about, those of the warm-up aside.

        A record whose earlier stages have no value is not in it: a person can only be asked what the stage was asked.
        """
        examples = {example.record for example in self.warmup}
        scored = self.materials.scored(self.file.cascade)
        return {r.id: r for r in scored if r.id not in examples and was_asked(self.stage, r, self.outputs)}


def asking_about(
    file: CascadeFile, materials: Materials, stage: str, outputs: Mapping[str, Mapping[str, Output]], *, run: str
) -> Asking:
    """Gather what a queue is made from; at a stage with `each` its units take the place of records.

    Raises: InputError for what is wrong in the warm-up file.
    """
    asked = file.cascade.stage(stage)
    records, outputs = asked_units(file.cascade, asked, materials.records, outputs)
    materials = replace(materials, records=records)
    known = materials.known(file.cascade)
    warmup = read_warmup(Path(asked.warmup), known, stage=stage) if asked.warmup else ()
    return Asking(file=file, materials=materials, stage=asked, outputs=outputs, run=run, warmup=warmup)


def random_queue(
    asking: Asking, *, id: str, created_at: float, purpose: Literal["random", "swap"] = "random"
) -> tuple[Queue, list[QueueItem]]:
    """A fair sample of what a stage was asked: any prefix of it is a fair sample of the scored records.

    Raises: ConfigurationError for a stage whose output no form exists for.
    """
    drawn = sample(tuple(asking.population()), SAMPLE, seed=0)
    picked = dict.fromkeys(drawn.records, drawn.probability)
    return _queue(asking, picked, Queue(**_start(asking, id, created_at), purpose=purpose))


def drawn_queue(
    asking: Asking, chances: Mapping[str, float], *, id: str, created_at: float
) -> tuple[Queue, list[QueueItem]]:
    """Records that were drawn elsewhere, each with its chance, as far as the stage was asked about them."""
    levels, stage = Levels.of(asking.file.cascade), asking.stage.name
    whole = {name: record_of(levels, stage, name) for name in asking.population()}
    picked = {name: chances[record] for name, record in whole.items() if record in chances}
    return _queue(asking, picked, Queue(**_start(asking, id, created_at), purpose="random", drawn="as it came"))


def overlap_queue(
    queue: Queue, items: Sequence[QueueItem], *, size: int | None, id: str, created_at: float
) -> tuple[Queue, list[QueueItem]]:
    """The records that everybody labels: the first of the random sample, a fifth of it where no size is said."""
    count = min(len(items), size if size is not None else math.ceil(OVERLAP * len(items)))
    chance = count / len(items) if items else 0.0
    members = [
        replace(item, probability=None if item.probability is None else item.probability * chance)
        for item in items[:count]
    ]
    return replace(queue, id=id, created_at=created_at, purpose="overlap"), members


def next_queue(
    asking: Asking, records: Sequence[str], *, of: int, id: str, created_at: float
) -> tuple[Queue, list[QueueItem]]:
    """Records that were drawn by chance from `of` that nobody has answered, as far as the stage was asked."""
    levels, stage, named = Levels.of(asking.file.cascade), asking.stage.name, frozenset(records)
    population = asking.population()
    chance = min(1.0, len(records) / of) if of else None
    whole = {name: record_of(levels, stage, name) for name in population}
    order = {record: place for place, record in enumerate(records)}
    picked = {
        name: chance for name in sorted(whole, key=lambda name: order.get(whole[name], 0)) if whole[name] in named
    }
    drawn = f"{len(records):,} of {of:,} without a label"
    return _queue(asking, picked, Queue(**_start(asking, id, created_at), purpose="next", drawn=drawn))


def after_queue(
    asking: Asking, records: Sequence[str], *, after: Sequence[str], id: str, created_at: float
) -> tuple[Queue, list[QueueItem]]:
    """What a stage receives after people answered at earlier stages, at these records, in random order."""
    population = asking.population()
    drawn = sample([record for record in records if record in population], SAMPLE, seed=0)
    start = _start(asking, id, created_at)
    queue = Queue(**start, purpose="swap", drawn=f"after {' and '.join(after)}")
    return _queue(asking, dict.fromkeys(drawn.records, drawn.probability), queue)


def hunting_queue(asking: Asking, hunt: Hunt, *, id: str, created_at: float) -> tuple[Queue, list[QueueItem]]:
    """The records that a hunt picks, in random order, each with its chance where the hunt knows it.

    Raises: ConfigurationError for a filter that can't be used, and where the hunt finds nothing.
    """
    hunted = picked(hunt, asking.population(), asking.stage.name, asking.outputs, seed=0)
    start = _start(asking, id, created_at)
    return _queue(asking, hunted, Queue(**start, purpose="hunting", drawn=str(hunt)))


def judging_queue(
    asking: Asking, pairs: Mapping[str, Pair], judging: Judging, *, id: str, created_at: float
) -> tuple[Queue, list[QueueItem]]:
    """A fair sample of the records that both the system and a person answered, each with its two answers."""
    population = asking.population()
    drawn = sample([record for record in pairs if record in population], SAMPLE, seed=0)
    start = _start(asking, id, created_at)
    judged_form = judging_form(json.loads(start["form"]), judging)
    start["form"], start["question"] = json.dumps(judged_form, ensure_ascii=False), str(judged_form["question"])
    chances = dict.fromkeys(drawn.records, drawn.probability)
    queue, items = _queue(asking, chances, Queue(**start, purpose="judge", drawn=str(judging)))
    return replace(queue, warmup="[]"), [judging_item(item, pairs[item.record], judging) for item in items]


def verdict_queue(asking: Asking, *, id: str, created_at: float) -> tuple[Queue, list[QueueItem]]:
    """A fair sample of the records that the stage gave an output to, in the order of the random queue.

    So verdicts come first where blind answers are. The outputs are sealed: who gets which is `verdicts.as_given`.
    """
    outputs = asking.outputs[asking.stage.name]
    given = [name for name in asking.population() if name in outputs and outputs[name].status.has_value]
    drawn = sample(given, SAMPLE, seed=0)
    start = _start(asking, id, created_at)
    start["form"] = json.dumps(verdict_form(json.loads(start["form"])), ensure_ascii=False)
    chances = dict.fromkeys(drawn.records, drawn.probability)
    queue, items = _queue(asking, chances, Queue(**start, purpose="verdict"))
    return replace(queue, warmup="[]"), [verdict_item(item, outputs[item.record].value) for item in items]


class _Start(TypedDict):
    id: str
    cascade: str
    stage: str
    created_at: float
    form: str
    question: str
    guideline: str
    run: str
    warmup: str


def _start(asking: Asking, id: str, created_at: float) -> _Start:
    stage = asking.stage
    return {
        "id": id,
        "cascade": asking.file.cascade.name,
        "stage": stage.name,
        "created_at": created_at,
        "form": json.dumps(form(stage, tuple(_documents(asking).values()), module=_module(stage)), ensure_ascii=False),
        "question": stage.ask or f"What is right at {stage.name}?",
        "guideline": stage.guideline,
        "run": asking.run,
        "warmup": "[]",
    }


def _module(stage: Stage) -> str:
    """The text of the user's own form. Raises: ConfigurationError when it can't be read."""
    if stage.form is None:
        return ""
    try:
        return Path(stage.form).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"The form of stage {stage.name!r} can't be read: {error}.") from None


def _queue(asking: Asking, chances: Mapping[str, float | None], queue: Queue) -> tuple[Queue, list[QueueItem]]:
    records = {record.id: record for record in asking.materials.records}
    examples = [
        example
        for example in asking.warmup
        if example.record in records and was_asked(asking.stage, records[example.record], asking.outputs)
    ]
    wanted = [*chances, *(example.record for example in examples if example.record not in chances)]
    payloads = _payloads(asking, {name: records[name] for name in wanted})
    warmup: list[Json] = [
        {
            "item": payloads[example.record],
            "values": values_of(example.answer),
            "explanation": example.explanation,
        }
        for example in examples
    ]
    items = [
        QueueItem(
            position=position,
            record=name,
            payload=json.dumps(payloads[name], ensure_ascii=False),
            probability=chance,
        )
        for position, (name, chance) in enumerate(chances.items())
    ]
    return replace(queue, warmup=json.dumps(warmup, ensure_ascii=False)), items


def _payloads(asking: Asking, records: Mapping[str, Record]) -> dict[str, dict[str, Json]]:
    stage, outputs = asking.stage, asking.outputs
    seen = {name: _seen(asking.file, asking.materials, stage, record, outputs) for name, record in records.items()}
    pools = _pools(asking.file, asking.materials, stage, seen, outputs.get(stage.name, {}))
    documents = _documents(asking)
    return {name: payload(stage, name, seen[name], documents, pools.get(name, ())) for name in records}


def _documents(asking: Asking) -> Mapping[str, Document]:
    corpus = asking.materials.corpora.get(asking.stage.output.of or "")
    return corpus.documents if corpus else {}


def was_asked(stage: Stage, record: Record, outputs: Mapping[str, Mapping[str, Output]]) -> bool:
    """Say whether the stage's inputs exist: every earlier output is there, and none of them failed."""
    before = [outputs.get(name, {}).get(record.id) for name in stage.parents]
    return all(output is not None and (output.status.has_value or output.status == "skipped") for output in before)


def _seen(
    file: CascadeFile,
    materials: Materials,
    stage: Stage,
    record: Record,
    outputs: Mapping[str, Mapping[str, Output]],
) -> dict[str, Json]:
    settled: Settled = {name: outputs[name][record.id] for name in stage.parents}
    return seen_inputs(file.cascade, stage, record, settled, materials.corpora)


def _pools(
    file: CascadeFile,
    materials: Materials,
    stage: Stage,
    seen: Mapping[str, Mapping[str, Json]],
    outputs: Mapping[str, Output],
) -> dict[str, tuple[str, ...]]:
    """The candidates of each record for a ranking of a corpus: the system's, another method's, random ones."""
    corpus = materials.corpora.get(stage.output.of or "")
    if stage.output.kind is not Kind.RANKING or corpus is None:
        return {}
    texts = [name for name, source in stage.inputs.items() if source.origin == "record"]
    method = "tfidf" if stage.parameters.get("method") != "tfidf" else "bm25"
    parameters: dict[str, Json] = {"corpus": corpus.name, "method": method, "k": KEYS, "query": texts}
    output = replace(stage.output, k=KEYS)
    other = build(
        replace(stage, uses="retrieval", parameters=parameters, output=output, when=None),
        folder=Path(file.folder),
        corpora=materials.corpora,
        environment={},
    )
    names = list(seen)
    replies = cast(BatchStage, other).answer_batch([seen[name] for name in names])
    ids = tuple(corpus.documents)
    return {
        name: candidate_pool(name, system=_ids(outputs.get(name)), other=_listed(reply.value), corpus=ids)
        for name, reply in zip(names, replies, strict=True)
    }


def _ids(output: Output | None) -> Sequence[str]:
    return _listed(output.value) if output else ()


def _listed(value: Json) -> Sequence[str]:
    return cast(Sequence[str], value) if isinstance(value, list | tuple) else ()
