"""What happens without something, and with less to learn from: stages called again in memory, nothing is stored."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

from stagegap.analysis.evidence import gather as gather_evidence
from stagegap.analysis.evidence import stage_scores
from stagegap.errors import StagegapError
from stagegap.metrics import CustomMetric
from stagegap.model.answer import Answer, Output
from stagegap.model.cascade import Cascade, Kind, Outcome, Source, Stage
from stagegap.model.estimate import Estimate
from stagegap.model.record import Json, Record
from stagegap.model.run import SYSTEM, Cell
from stagegap.oddities.columns import Ablation, LearningCurve
from stagegap.people.references import Settled
from stagegap.runner import (
    CellWork,
    Materials,
    Silent,
    Work,
    custom_metrics,
    execute,
    given_answers,
    given_output,
    plan,
    seen_inputs,
)
from stagegap.stages.foundation import build
from stagegap.stages.kinds import kind_of
from stagegap.stages.pace import Providers
from stagegap.stages.protocol import Inputs, StageCode
from stagegap.store import Store
from stagegap.workspace.attribution import Kept
from stagegap.workspace.columns import bar_of
from stagegap.workspace.foundation import Foundation
from stagegap.workspace.reproduced import Restored, refuse_to_pay

Floats = NDArray[np.float64]
NOTHING = "\x00nothing"
"""Name of a field that no record has: an input that reads it is null."""
SHUFFLED = "\x00shuffled"
"""Name of a field that holds another record's value."""
REPEATS = 30
"""Permutations of an input."""
SIZES, SEEDS = 6, 5
SMALLEST = 16
MOST_BLOCKS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A run's material, with what calls its stages in memory."""

    store: Store
    work: Work
    file_folder: Path
    materials: Materials
    settled: Settled
    custom: Mapping[str, CustomMetric]
    environment: Mapping[str, str]
    may_pay: bool

    def scores(self, work: Work, judged: str, cell: Cell = SYSTEM) -> Floats:
        """Run the work in memory and give the judged stage's score of each record.

        Raises: ConfigurationError when that would call a paid service without leave.
        """
        refuse_to_pay(plan(work, cache=self.store), may_pay=self.may_pay, what=f"A trial at {judged}")
        sink = Kept(self.store)
        execute(work, sink=sink, cache=sink, progress=Silent())
        evidence = gather_evidence(work.cascade, self.work.records, sink.outputs, self.settled, custom=self.custom)
        scores = stage_scores(evidence, judged, cell)
        if judged == self.work.cascade.outcome.stage:
            bar = bar_of(self.work.cascade, self.work.cascade.stage(judged), self.custom)
            return np.where(np.isnan(scores), np.nan, (scores >= bar - 1e-9).astype(np.float64))
        return scores


def trial_of(then: Restored, base: Foundation, *, most: int, may_pay: bool) -> Trial:
    """Material of a run for trials on at most so many of its records, drawn at random."""
    records = then.job.records
    order: list[int] = np.random.default_rng(then.run.seed).permutation(len(records)).tolist()
    file = then.job.file
    return Trial(
        store=base.store,
        work=replace(then.work([records[i] for i in sorted(order[:most])]), cells=(CellWork(),)),
        file_folder=Path(file.folder),
        materials=then.job.materials,
        settled=base.store.settled(file.cascade),
        custom=custom_metrics(file),
        environment=base.environment,
        may_pay=may_pay,
    )


def ablations(trial: Trial) -> Iterator[Ablation]:
    """Take away each input, each block of a prompt, each document and each inner stage, one at a time."""
    cascade = trial.work.cascade
    for stage in cascade.stages:
        if stage.is_recorded:
            continue
        own = replace(trial.work, cascade=upto(cascade, stage.name))
        whole = trial.scores(own, stage.name)
        for name in stage.inputs:
            without = with_stage(own, replace(stage, inputs={**stage.inputs, name: Source("record", NOTHING)}))
            yield _change(stage.name, f"the input {name}", stage.name, trial.scores(without, stage.name) - whole)
        for place, code in _blocks(trial, stage):
            without = replace(own, codes={**own.codes, stage.name: code})
            changed = trial.scores(without, stage.name) - whole
            yield _change(stage.name, f"block {place} of the prompt", stage.name, changed)
        if kind_of(stage).learns_from(stage.parameters):
            yield from _shuffles(trial, own, stage, whole)
    yield from _documents(trial)
    yield from _stages(trial)


def _change(stage: str, what: str, judged: str, change: Floats) -> Ablation:
    return Ablation(stage=stage, what=what, judged=judged, change=change)


def upto(cascade: Cascade, name: str) -> Cascade:
    """The cascade that ends at a stage."""
    needed = cascade.ancestors(name) | {name}
    outcome = Outcome(stage=name, metric=cascade.stage(name).metrics[0])
    return replace(cascade, stages=tuple(s for s in cascade.stages if s.name in needed), outcome=outcome, outcomes=())


def with_stage(work: Work, stage: Stage) -> Work:
    """The work with another description of one stage."""
    stages = tuple(stage if other.name == stage.name else other for other in work.cascade.stages)
    return replace(work, cascade=replace(work.cascade, stages=stages))


def _blocks(trial: Trial, stage: Stage) -> Iterator[tuple[int, StageCode]]:
    """The stage's code without each paragraph of its prompt; what is no prompt any more is left out."""
    key = next((key for key, points in kind_of(stage).pointers.items() if points.role == "prompt"), None)
    if key is None:
        return
    text = (trial.file_folder / str(stage.parameters[key])).read_text(encoding="utf-8")
    parts = [part for part in text.split("\n\n") if part.strip()]
    if len(parts) < 2:
        return
    for place in range(min(len(parts), MOST_BLOCKS)):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "prompt.md.j2"
            path.write_text("\n\n".join(parts[:place] + parts[place + 1 :]), encoding="utf-8")
            try:
                code = _built(trial, replace(stage, parameters={**stage.parameters, key: str(path)}))
            except StagegapError:
                continue
        yield place + 1, code


def _built(trial: Trial, stage: Stage, examples: Sequence[tuple[Inputs, Json]] = ()) -> StageCode:
    return build(
        stage,
        folder=trial.file_folder,
        corpora=trial.materials.corpora,
        examples=examples,
        recorded=None,
        environment=trial.environment,
        providers=Providers(),
    )


def _shuffles(trial: Trial, own: Work, stage: Stage, whole: Floats) -> Iterator[Ablation]:
    """Feed a trained stage the input of other records (permutation importance, Breiman 2001), many times."""
    rng = np.random.default_rng(0)
    for name, source in stage.inputs.items():
        if source.origin != "record":
            continue
        shuffled = with_stage(own, replace(stage, inputs={**stage.inputs, name: Source("record", SHUFFLED)}))
        total = np.zeros(len(own.records))
        for _ in range(REPEATS):
            order: list[int] = rng.permutation(len(own.records)).tolist()
            total += trial.scores(replace(shuffled, records=_dealt(own.records, source.name, order)), stage.name)
        what = f"the input {name} of the same record ({REPEATS} permutations)"
        yield _change(stage.name, what, stage.name, total / REPEATS - whole)


def _dealt(records: Sequence[Record], field: str, order: Sequence[int]) -> list[Record]:
    return [
        replace(record, fields={**record.fields, SHUFFLED: records[other].fields.get(field)})
        for record, other in zip(records, order, strict=True)
    ]


def _documents(trial: Trial) -> Iterator[Ablation]:
    """Take each place out of what was retrieved, and judge the end."""
    cascade, end = trial.work.cascade, trial.work.cascade.outcome.stage
    whole = None
    for stage in cascade.stages:
        if stage.output.kind is not Kind.RANKING or not cascade.children(stage.name) or stage.name == end:
            continue
        whole = trial.scores(trial.work, end) if whole is None else whole
        ranked = _answered(trial, stage.name)
        for place in range(stage.output.k or 3):
            given = {
                record: Answer(value=[*ranking[:place], *ranking[place + 1 :]]) for record, ranking in ranked.items()
            }
            cell = CellWork(cell=Cell("version", (stage.name,)), given={stage.name: given}, wants=(end,))
            work = replace(trial.work, cells=[cell])
            yield _change(stage.name, f"document {place + 1}", end, trial.scores(work, end, cell.cell) - whole)


def _answered(trial: Trial, stage: str) -> dict[str, list[Json]]:
    sink = Kept(trial.store)
    execute(replace(trial.work, cascade=upto(trial.work.cascade, stage)), sink=sink, cache=sink, progress=Silent())
    outputs = sink.outputs.get((str(SYSTEM), stage), {})
    return {name: output.value for name, output in outputs.items() if isinstance(output.value, list)}


def _stages(trial: Trial) -> Iterator[Ablation]:
    """Leave out each stage that others read, as if its condition were false, and judge the end."""
    cascade, end = trial.work.cascade, trial.work.cascade.outcome.stage
    inner = [stage for stage in cascade.stages if cascade.children(stage.name) and stage.name != end]
    if not inner:
        return
    whole = trial.scores(trial.work, end)
    for stage in inner:
        given = {stage.name: {record.id: Answer(value=None) for record in trial.work.records}}
        cell = CellWork(cell=Cell("version", (stage.name,)), given=given, wants=(end,))
        work = replace(trial.work, cells=[cell])
        yield _change(stage.name, f"the stage {stage.name}", end, trial.scores(work, end, cell.cell) - whole)


def curves(trial: Trial, people: Mapping[str, Estimate]) -> Iterator[LearningCurve]:
    """Teach each trained stage with less than there is, and each prompt with fewer examples; several seeds each."""
    answers = given_answers_of(trial)
    for stage in trial.work.cascade.stages:
        shots = cast("Sequence[Json]", stage.parameters.get("examples") or ())
        taught = _examples(trial, stage, answers) if kind_of(stage).learns_from(stage.parameters) else []
        total = len(taught) or len(shots)
        if total < (SMALLEST * 2 if taught else 4):
            continue
        sizes = sizes_of(total, smallest=SMALLEST if taught else 1)
        own = replace(trial.work, cascade=upto(trial.work.cascade, stage.name))
        dev = np.full((SEEDS, len(sizes), len(own.records)), np.nan)
        train = np.full((SEEDS, len(sizes)), np.nan)
        for seed in range(SEEDS):
            order: list[int] = np.random.default_rng(seed).permutation(total).tolist()
            for place, size in enumerate(sizes):
                chosen = order[:size]
                if taught:
                    code = _built(trial, stage, [taught[i] for i in chosen])
                    train[seed, place] = _own_error(code, [taught[i] for i in chosen])
                else:
                    fewer = {**stage.parameters, "examples": [shots[i] for i in chosen]}
                    code = _built(trial, replace(stage, parameters=fewer))
                dev[seed, place] = 1 - trial.scores(replace(own, codes={**own.codes, stage.name: code}), stage.name)
        person = people.get(stage.name)
        human = (
            replace(person, value=1 - person.value, low=1 - person.high, high=1 - person.low)
            if person is not None and person.is_measured
            else None
        )
        unit = "training records" if taught else "examples"
        yield LearningCurve(stage=stage.name, unit=unit, sizes=sizes, dev=dev, train=train, human=human)


def sizes_of(total: int, *, smallest: int) -> tuple[int, ...]:
    """Sizes from the smallest to all there is, each about the same factor above the last.

    >>> sizes_of(512, smallest=16)
    (16, 32, 64, 128, 256, 512)
    """
    steps = np.geomspace(smallest, total, SIZES)
    return tuple(sorted({round(float(step)) for step in steps}))


def given_answers_of(trial: Trial) -> Mapping[str, Mapping[str, Answer]]:
    """The references by stage and record, of all splits."""
    return given_answers(trial.settled.references.values())


def _examples(trial: Trial, stage: Stage, answers: Mapping[str, Mapping[str, Answer]]) -> list[tuple[Inputs, Json]]:
    """What the stage learns from: inputs made of references, and the reference."""
    split, examples = stage.parameters.get("train"), list[tuple[Inputs, Json]]()
    for record in trial.materials.records:
        answer = answers.get(stage.name, {}).get(record.id)
        if record.split != split or answer is None or answer.value is None:
            continue
        if any(record.id not in answers.get(parent, {}) for parent in stage.parents):
            continue
        before: dict[str, Output] = {
            parent: given_output(record.id, parent, answers[parent][record.id]) for parent in stage.parents
        }
        inputs = seen_inputs(trial.work.cascade, stage, record, before, trial.materials.corpora)
        examples.append((inputs, answer.value))
    return examples


def _own_error(code: StageCode, examples: Sequence[tuple[Inputs, Json]]) -> float:
    """The share of what was learned from that comes out otherwise."""
    from stagegap.stages.protocol import BatchStage

    assert isinstance(code, BatchStage), "a trained stage answers in batches"
    replies = code.answer_batch([inputs for inputs, _ in examples])
    return sum(reply.value != value for reply, (_, value) in zip(replies, examples, strict=True)) / len(examples)
