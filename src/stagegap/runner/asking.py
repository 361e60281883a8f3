"""From a run to a label queue: a fair sample of records, each with what its stage saw."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast

from stagegap.analysis.worklist import KEYS, candidate_pool, form, payload, sample
from stagegap.model.answer import Output
from stagegap.model.cascade import Kind, Stage
from stagegap.model.queue import Queue, QueueItem
from stagegap.model.record import Record
from stagegap.model.sources import CascadeFile, Document
from stagegap.model.values import Json
from stagegap.runner.inputs import Settled
from stagegap.runner.prepare import Materials, seen_inputs
from stagegap.stages.building import build
from stagegap.stages.protocol import BatchStage

SAMPLE = 2_000
"""Records of a queue at most: its payloads are stored with it."""


def random_queue(
    file: CascadeFile,
    materials: Materials,
    stage: str,
    outputs: Mapping[str, Mapping[str, Output]],
    *,
    id: str,
    created_at: float,
    seed: int = 0,
) -> tuple[Queue, list[QueueItem]]:
    """Give the random queue of a stage: any prefix of it is a fair sample of the scored records.

    `outputs` are those of the system by stage and record; a record whose earlier stages have no value, or that the
    stage was not asked about, is not in the population: a person can only be asked what the stage was asked.
    Raises: ConfigurationError for a stage whose output no form exists for.
    """
    wanted = file.cascade.stage(stage)
    corpus = materials.corpora.get(wanted.output.of or "")
    documents: Mapping[str, Document] = corpus.documents if corpus else {}
    asked = {r.id: r for r in materials.scored(file.cascade) if _was_asked(wanted, r, outputs)}
    drawn = sample(tuple(asked), SAMPLE, seed=seed)
    seen = {name: _seen(file, materials, wanted, asked[name], outputs) for name in drawn.records}
    pools = _pools(file, materials, wanted, seen, outputs.get(stage, {}))
    queue = Queue(
        id=id,
        cascade=file.cascade.name,
        stage=stage,
        purpose="random",
        created_at=created_at,
        form=json.dumps(form(wanted, tuple(documents.values())), ensure_ascii=False),
        question=wanted.ask or f"What is right at {stage}?",
        guideline=wanted.guideline,
        seed=seed,
    )
    items = [
        QueueItem(
            position=position,
            record=name,
            payload=json.dumps(payload(wanted, name, seen[name], documents, pools.get(name, ())), ensure_ascii=False),
            probability=drawn.probability,
        )
        for position, name in enumerate(drawn.records)
    ]
    return queue, items


def _was_asked(stage: Stage, record: Record, outputs: Mapping[str, Mapping[str, Output]]) -> bool:
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
    """Give the candidates of each record for a ranking of a corpus: the system's, another method's, random ones."""
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
