"""One run, looked into: which stage is to blame, where records go wrong, how far people agree, what to label next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from stagegap.analysis import frames
from stagegap.analysis.agree import EPSILON, AgreeView, agree_view
from stagegap.analysis.blame import Blame, blame
from stagegap.analysis.evidence import Outputs
from stagegap.analysis.evidence import gather as gather_evidence
from stagegap.analysis.faults import FaultsView, faults_view
from stagegap.analysis.need import NeedView, need_view
from stagegap.analysis.planting import Selfcheck
from stagegap.analysis.slices import SlicesView, slices_view
from stagegap.errors import ConfigurationError
from stagegap.exchange.frames import Frame, frame
from stagegap.exchange.tables import Column
from stagegap.metrics import CustomMetric
from stagegap.model.answer import Label
from stagegap.model.cascade import Cascade
from stagegap.model.record import Record
from stagegap.model.run import Run
from stagegap.model.sources import CascadeFile
from stagegap.runner import RunOptions
from stagegap.runner.prepare import custom_metrics
from stagegap.store import Store
from stagegap.workspace.planting import MOST_RECORDS, RATE, selfcheck
from stagegap.workspace.running import first_outputs, gather, run_records


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribution:
    """A run with its outputs and all labels that there are, read once; each method computes one view."""

    run: Run
    cascade: Cascade
    records: Sequence[Record]
    outputs: Outputs
    labels: Sequence[Label]
    custom: Mapping[str, CustomMetric]
    store: Store
    file: CascadeFile
    environment: Mapping[str, str]

    @classmethod
    def of(cls, store: Store, run: Run, file: CascadeFile, *, environment: Mapping[str, str]) -> Self:
        """Read the run."""
        cascade = file.cascade
        return cls(
            store=store,
            file=file,
            environment=environment,
            run=run,
            cascade=cascade,
            records=run_records(store, run, cascade),
            outputs={
                (str(cell), name): first_outputs(store, run, cell, name)
                for cell in store.cells(run.id)
                for name in cascade.names
                if name not in cell.stages
            },
            labels=store.labels(cascade.name),
            custom=custom_metrics(file),
        )

    def blame(self) -> Blame:
        """Put the methods of attribution side by side."""
        return blame(*self._material, run=self.run.name, seed=self.run.seed, custom=self.custom)

    def faults(self) -> FaultsView:
        """Account for faults per stage and for the causes of each bad record."""
        return faults_view(*self._material, run=self.run.name, seed=self.run.seed, custom=self.custom)

    def agree(self, *, epsilon: float = EPSILON) -> AgreeView:
        """Compare people with each other and with the system; epsilon is the price of a person in the test."""
        return agree_view(*self._material, run=self.run.name, seed=self.run.seed, epsilon=epsilon, custom=self.custom)

    def need(self) -> NeedView:
        """Plan the labels that decide which stage is worst."""
        return need_view(*self._material, run=self.run.name, seed=self.run.seed, custom=self.custom)

    def slices(self) -> SlicesView:
        """Look for the bottleneck of each group of records."""
        return slices_view(*self._material, run=self.run.name, seed=self.run.seed, custom=self.custom)

    def selfcheck(self, *, rate: float = RATE, records: int = MOST_RECORDS, may_pay: bool = False) -> Selfcheck:
        """Plant faults at each stage and report what the methods recover; only what the faults change is called.

        `rate` is the share of records that get a fault, `records` how many records are used, drawn at random.
        Raises: ConfigurationError.
        """
        if not 0 < rate <= 1 or records < 1:
            raise ConfigurationError(
                f"The rate must lie between 0 and 1 and records above 0, not {rate} and {records}."
            )
        order: list[int] = np.random.default_rng(self.run.seed).permutation(len(self.records)).tolist()
        chosen = [self.records[i] for i in sorted(order[:records])]
        evidence = gather_evidence(self.cascade, chosen, self.outputs, self.labels, custom=self.custom)
        job = gather(self.store, self.file, environment=self.environment, options=RunOptions())
        return selfcheck(self.store, self.run, evidence, job.work(self.run.id), rate=rate, may_pay=may_pay)

    @property
    def _material(self) -> tuple[Cascade, Sequence[Record], Outputs, Sequence[Label]]:
        return self.cascade, self.records, self.outputs, self.labels


_NUMBERS = ("estimate", "low", "high", "p", "p_adj")
_WHOLE = ("n", "clusters")


def to_frame(view: Blame | FaultsView | AgreeView | NeedView | SlicesView) -> Frame:
    """Give the figures of a view as a pandas frame, one a row. Raises: ConfigurationError without pandas."""
    columns: dict[str, Column] = dict.fromkeys(frames.COLUMNS, Column.TEXT)
    columns |= dict.fromkeys(_NUMBERS, Column.NUMBER) | dict.fromkeys(_WHOLE, Column.WHOLE)
    return frame(columns, frames.figures(view))
