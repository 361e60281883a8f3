"""Where an optimiser should work on a run, and what it asks of a cascade: scores of new prompts, feedback, an end."""

from __future__ import annotations

import json
import math
import tempfile
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stagegap.analysis import evidence as ev
from stagegap.analysis.aim import (
    AimRow,
    AimView,
    Attempted,
    aim_rows,
    aim_view,
    error_of,
    messages,
    no_more,
    part_of,
    ranked,
)
from stagegap.analysis.changed import cell_outcomes
from stagegap.analysis.failures import shown_output
from stagegap.errors import ConfigurationError, RunStopped, near_names
from stagegap.model.canonical import digest
from stagegap.model.record import Json
from stagegap.model.run import SYSTEM, Cell, Run, RunStatus
from stagegap.model.wording import counted
from stagegap.people.codebook import codebook
from stagegap.runner import CellWork, Silent, custom_metrics, execute, plan
from stagegap.stages.templates import Prompt
from stagegap.store import Store
from stagegap.workspace.attribution import Attribution
from stagegap.workspace.cheaper import version_of, versions_of
from stagegap.workspace.comparison import Into
from stagegap.workspace.foundation import Foundation
from stagegap.workspace.provenance import first_outputs
from stagegap.workspace.reproduced import Restored, refuse_to_pay


def aim_of(base: Foundation, look: Attribution) -> AimView:
    """Where to work on a run; not kept, because it rests on all runs and on what people note."""
    evidence = look.evidence
    return aim_view(
        evidence,
        _attempts(base, look.run, part_of(evidence, held_out=False)),
        _codes(base.store, look.run),
        outcome_name=ev.outcome_name(evidence.cascade),
    )


def _attempts(base: Foundation, run: Run, seen: ev.Evidence) -> tuple[Attempted, ...]:
    """Runs that differ from an earlier one in one stage alone, each beside the newest such; repeats are none."""
    own = version_of(base, run)
    attempts: list[Attempted] = []
    if own is None:
        return ()
    versions = [
        version
        for version in reversed(versions_of(base, run.cascade))
        if version.run.status is RunStatus.DONE
        and version.records == own.records
        and version.cascade.outcome == own.cascade.outcome
    ]
    outcomes: dict[str, NDArray[np.float64]] = {}

    def outcome(of: Run) -> NDArray[np.float64]:
        if of.id not in outcomes:
            outcomes[of.id] = cell_outcomes(seen, first_outputs(base.store, of, SYSTEM, seen.cascade.outcome.stage))
        return outcomes[of.id]

    for place, version in enumerate(versions):
        before = versions[:place]
        if any(earlier.key == version.key for earlier in before):
            continue
        for earlier in reversed(before):
            changed = {part[0] for part in set(version.key) ^ set(earlier.key)}
            if len(changed) == 1:
                change, error = _moved(outcome(version.run) - outcome(earlier.run), seen.units.codes)
                attempts.append(
                    Attempted(
                        stage=changed.pop(),
                        before=earlier.run.name,
                        after=version.run.name,
                        change=change,
                        error=error,
                    )
                )
                break
    return tuple(attempts)


def _moved(differences: NDArray[np.float64], codes: NDArray[np.int64]) -> tuple[float, float]:
    """Mean difference of the outcome and its standard error; NaN where no record has both."""
    measured = ~np.isnan(differences)
    if not measured.any():
        return math.nan, math.nan
    return round(float(differences[measured].mean()), 12), error_of(differences[measured], codes[measured])


def _codes(store: Store, run: Run) -> dict[tuple[str, str], set[str]]:
    """Names of what people noted on the records of a run, by stage and record."""
    codes: dict[tuple[str, str], set[str]] = {}
    for mark in codebook(store.failing.codes(run.cascade)).marks:
        if mark.run == run.id:
            codes.setdefault((mark.stage, mark.record), set()).add(mark.code)
    return codes


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluated:
    """What a candidate made of some records; the fields are those that GEPA reads."""

    outputs: list[str]
    """The output at the end, in one line."""
    scores: list[float]
    """The outcome, 0 to 1."""
    trajectories: list[str] | None
    """The records, by id."""
    objective_scores: None = None
    num_metric_calls: None = None


class Optimiser:
    """A cascade as a prompt optimiser sees it; it is an adapter, a selector of components and a stopper for GEPA.

    A candidate maps the names of stages that ask a model to the texts of their prompts. Only records that are not
    held out are scored, and every answer is kept in the store, so that none is paid twice.
    """

    propose_new_texts = None
    """GEPA asks for it: its own proposer is used."""

    def __init__(self, base: Foundation, look: Attribution, *, may_pay: bool, worth: float) -> None:
        """Raises: ConfigurationError where no stage has a prompt, or the run kept too little."""
        self._base, self._run, self._may_pay, self._worth = base, look.run, may_pay, worth
        self._look = look
        self._evidence = part_of(look.evidence, held_out=False)
        self._codes = _codes(base.store, look.run)
        attempts = _attempts(base, look.run, self._evidence)
        self._rows = {row.stage: row for row in aim_rows(self._evidence, attempts)}
        self._pending: tuple[str, Mapping[str, str], Sequence[float]] | None = None
        with base.restored(look.run) as restored:
            self.seed = {
                stage.name: Path(str(stage.parameters["prompt"])).read_text(encoding="utf-8")
                for stage in restored.job.file.cascade.stages
                if stage.name in self._rows and "prompt" in stage.parameters
            }
        if not self.seed:
            raise ConfigurationError(f"No stage of {look.run.cascade!r} that leads to the outcome has a prompt.")
        scores = ev.outcome_scores(self._evidence, SYSTEM).tolist()
        self.records = [r.id for r, score in zip(self._evidence.records, scores, strict=True) if not math.isnan(score)]
        """The records that a candidate can be scored on, by id: for training and for its choice among candidates."""

    @property
    def rows(self) -> tuple[AimRow, ...]:
        """The stages with a prompt by gain x chance, what was tried meanwhile counted; unmeasured gains come last."""
        return ranked(row for row in self._rows.values() if row.stage in self.seed)

    def evaluate(self, batch: list[str], candidate: dict[str, str], capture_traces: bool = False) -> Evaluated:
        """Run a candidate on some records. A text that is no template scores 0, for there is no answer to be had.

        Raises: NotFound, ConfigurationError where paid calls are not allowed, RunStopped where a service gave no
        answer: what nobody knows is no score.
        """
        trajectories = list(batch) if capture_traces else None
        problem = self._problem(candidate)
        if problem:
            return Evaluated(outputs=[problem] * len(batch), scores=[0.0] * len(batch), trajectories=trajectories)
        evidence = self._answered(candidate, batch)
        scores = ev.outcome_scores(evidence, SYSTEM).tolist()
        end = evidence.system(evidence.cascade.outcome.stage)
        lost = sum(math.isnan(score) for score in scores)
        if lost:
            raise RunStopped(
                f"{counted(lost, evidence.cascade.noun)} of {len(scores):,} got no score: a service gave no answer. "
                "What was answered is kept; the same call goes on."
            )
        self._count(candidate, scores)
        return Evaluated(
            outputs=[shown_output(end.get(record)) for record in batch], scores=scores, trajectories=trajectories
        )

    def make_reflective_dataset(
        self, candidate: dict[str, str], eval_batch: Evaluated, components_to_update: list[str]
    ) -> dict[str, list[dict[str, Json]]]:
        """What to tell the optimiser about each record of an evaluation, by stage."""
        batch = eval_batch.trajectories or []
        problem = self._problem(candidate)
        if problem:
            message: dict[str, Json] = {"Inputs": {}, "Generated Outputs": "", "Feedback": problem}
            return {stage: [message] for stage in components_to_update}
        evidence = self._answered(candidate, batch)
        return {
            stage: [
                {"Inputs": dict(of.inputs), "Generated Outputs": of.answer, "Feedback": of.text}
                for of in messages(evidence, stage, range(len(batch)), self._codes)
            ]
            for stage in components_to_update
        }

    def __call__(
        self,
        _state: object,
        _trajectories: Sequence[object],
        subsample_scores: Sequence[float],
        _candidate_idx: int,
        candidate: dict[str, str],
    ) -> list[str]:
        """The stage to change next, as GEPA's `module_selector`; the order of its arguments is GEPA's."""
        stage = self.rows[0].stage
        self._pending = (stage, dict(candidate), list(subsample_scores))
        return [stage]

    @property
    def is_over(self) -> bool:
        """True where gain x chance is below what is worth a change at every stage."""
        return no_more(self.rows, self._worth)

    def _count(self, candidate: Mapping[str, str], scores: Sequence[float]) -> None:
        """Count an evaluation of what the selector asked for, where it is one."""
        if self._pending is None:
            return
        stage, before, earlier = self._pending
        is_it = [name for name in candidate if candidate[name] != before.get(name)] == [stage]
        if is_it and len(scores) == len(earlier):
            self._rows[stage] = self._rows[stage].after(
                *_moved(np.array(scores) - np.array(earlier), np.arange(len(scores)))
            )
            self._pending = None

    def _problem(self, candidate: Mapping[str, str]) -> str:
        """Why the texts can't be prompts; empty where they can."""
        for name, text in candidate.items():
            if name not in self.seed:
                raise ConfigurationError(f"{name!r} is no stage with a prompt. {near_names(name, self.seed)}".strip())
            try:
                Prompt(self._look.cascade.stage(name), path=Path("text"), text=text)
            except ConfigurationError as error:
                return str(error)
        return ""

    def _answered(self, candidate: Mapping[str, str], batch: Sequence[str]) -> ev.Evidence:
        """The evidence of a candidate on some records, in their order; what is not known yet is called."""
        by_id = {record.id: record for record in self._evidence.records}
        strange = [record for record in batch if record not in by_id]
        if strange:
            raise ConfigurationError(f"{strange[0]!r} is none of the records that an optimiser may see.")
        records = tuple(by_id[record] for record in batch)
        changed = {name: text for name, text in candidate.items() if text != self.seed[name]}
        seen = replace(self._evidence, records=records)
        if not changed:
            return seen
        stages = tuple(name for name in seen.cascade.names if name in changed)
        cell = Cell("version", stages, f"{self._run.name}~{digest([dict(changed)])[:12]}")
        store = self._base.store
        with _with_prompts(self._base, self._run, changed) as restored:
            work = replace(restored.work(records), cells=(CellWork(),))
            refuse_to_pay(
                plan(work, cache=store), may_pay=self._may_pay, what="This candidate", ways="`paid=True` allows them."
            )
            summary = execute(work, sink=Into(store, cell), cache=store, progress=Silent())
            if summary.status is not RunStatus.DONE:
                raise RunStopped(f"{summary.error} What was answered is kept; the same call goes on.")
            outputs = {(str(SYSTEM), name): first_outputs(store, self._run, cell, name) for name in work.cascade.names}
            return ev.gather(
                work.cascade,
                records,
                outputs,
                self._look.settled,
                custom=custom_metrics(restored.job.file),
                run=self._run.name,
                seed=self._run.seed,
            )


@contextmanager
def _with_prompts(base: Foundation, run: Run, prompts: Mapping[str, str]) -> Generator[Restored]:
    """The job of a run with other prompts at some stages; a context, because they stand in a folder meanwhile."""
    resolved = json.loads(run.resolved)
    with tempfile.TemporaryDirectory(prefix="stagegap-") as folder:
        for stage, text in prompts.items():
            place = Path(folder) / f"{stage}.j2"
            place.write_text(text, encoding="utf-8")
            resolved["stages"][stage]["with"]["prompt"] = str(place)
        with base.restored(replace(run, resolved=json.dumps(resolved))) as restored:
            yield restored
