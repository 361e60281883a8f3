"""Small cascades of Python stages, and a store in memory."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from stagegap.model.answer import Output, Status
from stagegap.model.cascade import Cascade, Kind, Outcome, OutputType, Source, Stage
from stagegap.model.record import Json, Record
from stagegap.model.run import Cell
from stagegap.runner import CellWork, Silent, Stop, Summary, Work, execute
from stagegap.runner.execute import execute_async
from stagegap.stages import Corpus, Reply, build

TEXT = OutputType(kind=Kind.TEXT)
LABEL = OutputType(kind=Kind.LABEL, values=("long", "short"))


class Memory:
    """Keeps outputs as the store does, and counts how often it is asked."""

    def __init__(self) -> None:
        self.groups: list[tuple[str, Cell, Sequence[Output]]] = []
        self.by_key: dict[str, Output] = {}
        self.lookups = 0
        self.wrote = threading.Event()
        self.lock = threading.Lock()

    def append_outputs(self, run: str, cell: Cell, outputs: Sequence[Output]) -> None:
        with self.lock:
            self.groups.append((run, cell, outputs))
            self.by_key.update((output.key, output) for output in outputs if output.key)
        self.wrote.set()

    def cached(self, keys: Sequence[str]) -> Mapping[str, Output]:
        with self.lock:
            self.lookups += 1
            return {key: self.by_key[key] for key in keys if key in self.by_key}

    @property
    def outputs(self) -> list[Output]:
        return [output for _, _, outputs in self.groups for output in outputs]

    def of(self, stage: str, cell: str = "system") -> dict[str, Output]:
        """Outputs of a stage by record; the newest counts."""
        return {
            output.record: output
            for _, where, outputs in self.groups
            for output in outputs
            if output.stage == stage and str(where) == cell
        }

    def values(self, stage: str, cell: str = "system") -> dict[str, Json]:
        return {record: output.value for record, output in self.of(stage, cell).items()}


def run(work: Work, memory: Memory, stop: Stop | None = None) -> Summary:
    """Execute with the memory as sink and cache."""
    return execute(work, sink=memory, cache=memory, progress=Silent(), stop=stop)


def sources(text: str) -> dict[str, Source]:
    """Read `a b=route c=route.ids`: record fields, and parts of stages."""
    found: dict[str, Source] = {}
    for one in text.split():
        name, _, source = one.partition("=")
        stage, _, part = source.partition(".")
        found[name] = Source("stage", stage, part or "value") if source else Source("record", name)  # type: ignore[arg-type]
    return found


async def run_async(work: Work, memory: Memory) -> Summary:
    """The same inside a running loop, as a front end with a loop of its own would have it."""
    return await execute_async(work, sink=memory, cache=memory, progress=Silent(), clock=time.perf_counter, stop=Stop())


class JumpingLoop(asyncio.SelectorEventLoop):
    """A loop whose clock a test can set forward, so that what is to happen in an hour happens at once."""

    ahead = 0.0

    def time(self) -> float:
        return super().time() + self.ahead


def jump(seconds: float) -> None:
    """Set the clock of the running loop forward."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, JumpingLoop)
    loop.ahead += seconds


@dataclass
class Build:
    """Makes cascades from a few words a stage."""

    folder: Path
    stages: list[Stage] = field(default_factory=list)
    corpora: dict[str, Corpus] = field(default_factory=dict)
    recorded: dict[str, Mapping[str, Json]] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    code: str = ""

    def python(self, name: str, inputs: str, body: str, output: OutputType = TEXT, **rest: object) -> None:
        """Add a stage whose function has this body."""
        names = [one.partition("=")[0] for one in inputs.split()]
        self.code += f"def {name}({', '.join(names)}):\n    {body}\n"
        self.add(name, "python", inputs, output, {"function": f"stages.py:{name}"}, **rest)

    def add(
        self, name: str, uses: str, inputs: str, output: OutputType, parameters: Mapping[str, Json], **rest: object
    ) -> None:
        self.stages.append(
            Stage(
                name=name,
                uses=uses,
                inputs=sources(inputs),
                output=output,
                metrics=("exact",),
                parameters=parameters,
                **rest,  # type: ignore[arg-type]
            )
        )

    @property
    def cascade(self) -> Cascade:
        return Cascade(name="c", stages=tuple(self.stages), outcome=Outcome(stage=self.stages[-1].name, metric="exact"))

    def work(self, records: Sequence[Record], *cells: CellWork, run: str = "1") -> Work:
        (self.folder / "stages.py").write_text(self.code)
        codes = {
            stage.name: build(
                stage,
                folder=self.folder,
                corpora=self.corpora,
                recorded={
                    record: Reply(value=value) if value is not None else Reply(status=Status.SKIPPED)
                    for record, value in self.recorded.get(stage.name, {}).items()
                },
                environment=self.environment,
            )
            for stage in self.stages
        }
        return Work(
            run=run.zfill(32),
            cascade=self.cascade,
            codes=codes,
            corpora=self.corpora,
            records=records,
            cells=cells or (CellWork(),),
        )
