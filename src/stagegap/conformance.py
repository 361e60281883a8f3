"""What a plug-in must keep to, as checks that its author runs in tests of their own.

Each check takes the name of an entry point that is installed, uses it as the program does, in a folder of its own, and
raises `AssertionError` with everything that does not hold.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

from stagegap.errors import StagegapError
from stagegap.exchange.foreign import detected, objects_of
from stagegap.exchange.foreign.protocol import Format, Leftovers, Wanted, inside
from stagegap.exchange.spans import Span, TraceFormat, format_of, items_of
from stagegap.exchange.spans.files import import_traces
from stagegap.metrics import metric
from stagegap.model.answer import Answer
from stagegap.model.cascade import Kind
from stagegap.model.record import Json
from stagegap.model.run import SYSTEM
from stagegap.oddities.card import Detector
from stagegap.plugins import DETECTORS, LABELS, METRICS, STAGES, TRACES, Plugin, added, names_added
from stagegap.spec.outputs import default_for
from stagegap.stages.kinds import StageKind
from stagegap.workspace import Foreign, Workspace

T = TypeVar("T")
CUTS = 9
"""Places at which a file of traces is cut."""


def check_stage_kind(
    name: str,
    *,
    parameters: Mapping[str, Json],
    inputs: Sequence[Mapping[str, Json]],
    output: Mapping[str, Json] | None = None,
) -> list[Json]:
    """Run a stage of that kind on the inputs, twice, and give its values.

    `parameters` are what stands under `with`, `output` is the stage's output as in a cascade file, a text by
    default.
    """
    problems: list[str] = []
    _needed(name, STAGES, StageKind)
    stage = {
        "uses": name,
        "inputs": {key: f"record.{key}" for key in inputs[0]},
        "output": dict(output or {"type": "text"}),
    }
    with _project({"stage": {**stage, "with": dict(parameters)}}, inputs) as (opened, path):
        run, summary = opened.runs.new(path)
        if summary.error:
            raise AssertionError(f"The run stopped: {summary.error}")
        outputs = {each.record: each for each in opened.store.outputs(run.id, SYSTEM, "stage")}
        problems += [f"Record {each.record}: {each.status}: {each.error}" for each in outputs.values() if each.error]
        again = opened.runs.new(path)[1].calls
        if again:
            problems.append(f"A second run made {again} calls: the fingerprint is another one each time.")
        values = [outputs[str(n)].value for n in range(len(inputs)) if str(n) in outputs]
    with _project({"stage": {**stage, "with": {**parameters, "no_such_setting": 1}}}, inputs) as (opened, path):
        try:
            opened.runs.validate(path)
            problems.append("A setting that there is none of is not refused: derive `settings` from `Block`.")
        except StagegapError:
            pass
    _hold(problems)
    return values


def check_metric(name: str, pairs: Sequence[tuple[Json, Json, float, float]]) -> None:
    """Compare each pair of a value and an accepted one: the score lies within the two numbers, the same each time."""
    compare: Plugin[Callable[..., object]] = _needed(name, METRICS, None)
    by = metric(name, custom=compare.value)
    problems: list[str] = []
    for value, accepted, low, high in pairs:
        scores = [by.compare(value, Answer(value=accepted)) for _ in range(2)]
        if len({repr(score) for score in scores}) > 1:
            problems.append(f"{value!r} and {accepted!r} score {scores[0]}, and then {scores[1]}.")
        if not (math.isfinite(scores[0]) and low <= scores[0] <= high):
            problems.append(f"{value!r} and {accepted!r} score {scores[0]}, and not {low} to {high}.")
    _hold(problems)


def check_trace_format(name: str, file: Path) -> int:
    """Read a file of the format, whole and cut at several places, and give its traces."""
    form = _needed(name, TRACES, TraceFormat).value
    problems = _of_a_format(name, form)
    if form.is_certain([]):
        problems.append("It is certain of a file without objects.")
    if format_of(file).name != form.name:
        problems.append(f"{file.name} is taken for {format_of(file).title}.")
    items = [item for _, item in items_of([file], Leftovers(), form.name)]
    if items != [item for _, item in items_of([file], Leftovers(), form.name)]:
        problems.append("Read twice, it gives other items.")
    problems += [f"An item without the id of its trace: {item!r:.100}" for item in items if not item.trace]
    traces = {item.trace for item in items if isinstance(item, Span)}
    problems += _of_a_cut_file(file, lambda cut: import_traces([cut], cut.parent, name="cut", source=form.name))
    with TemporaryDirectory() as place, Workspace.open(Path(place)) as opened:
        imported = import_traces([file], Path(place), name="whole", source=form.name)
        run, _ = opened.runs.new(imported.cascade)
        if not (imported.traces == run.records == len(traces) > 0):
            problems.append(f"{len(traces)} traces became {imported.traces} records, of which {run.records} ran.")
    _hold(problems)
    return len(traces)


def check_label_format(name: str, file: Path, *, stages: Mapping[str, Mapping[str, Json]]) -> int:
    """Take a file of the format in, whole, twice, and cut at several places, and give its labels.

    `stages` are its questions with their outputs, as in a cascade file; every answer has to become a label.
    """
    form = _needed(name, LABELS, Format).value
    problems = _of_a_format(name, form)
    asked = Wanted(stages={stage: stage for stage in stages}, annotator="somebody")
    answers = list(form.read(objects_of(file, form), asked, Leftovers()))
    unknown = sorted({answer.name for answer in answers if answer.name is not None} - stages.keys())
    problems += [f"It asks {question!r}, and `stages` does not say with which output." for question in unknown]
    plain: dict[str, Mapping[str, Json]] = {
        stage: {
            "uses": "python",
            "with": {"function": "stages.py:answer"},
            "inputs": {"id": "record.id"},
            "output": output,
        }
        for stage, output in stages.items()
    }
    records = dict.fromkeys(name for answer in answers for name in answer.records[:1])
    with _project(plain, [{"id": record} for record in records]) as (opened, path):
        path.with_name("stages.py").write_text("def answer(id):\n    return None\n", "utf-8")
        foreign = Foreign(source=name, annotator="somebody")
        seen = detected(file)
        if seen != name:
            problems.append(f"{file.name} is taken for {seen or 'labels of our own'}.")
        first, second = (opened.labels.import_file(file, path, foreign) for _ in range(2))
        problems += [f"{part.count} x {part.reason} ({part.examples[0]})" for part in first.unmapped]
        if second.added or not first.added:
            problems.append(f"{first.added} labels came in, and {second.added} more from the same file.")
        problems += _of_a_cut_file(file, lambda cut: opened.labels.import_file(cut, path, foreign))
    _hold(problems)
    return first.added


def _of_a_format(name: str, form: TraceFormat | Format) -> list[str]:
    """What does not hold of a format whatever its files are."""
    strange: tuple[Mapping[str, Json], ...] = ({}, {"a": 1}, {"id": 1, "question": "q", "answer": "a"})
    problems = [f"It is certain of {json.dumps(value)}." for value in strange if form.is_certain([value])]
    return problems + ([f"It calls itself {form.name!r}, its entry point {name!r}."] if form.name != name else [])


def _of_a_cut_file(file: Path, read: Callable[[Path], object]) -> list[str]:
    """What reading a file that is cut raises, other than sentences for people."""
    content, problems = file.read_bytes(), list[str]()
    for share in range(1, CUTS + 1):
        with TemporaryDirectory() as place:
            cut = Path(place, file.name)
            cut.write_bytes(content[: len(content) * share // (CUTS + 1)])
            try:
                read(cut)
            except StagegapError:
                continue
            except Exception as error:  # noqa: BLE001  # foreign code may raise anything
                problems.append(f"Cut after {share} of {CUTS + 1} parts, it raises {type(error).__name__}: {error}")
    return problems


def check_detector(name: str) -> int:
    """Let a detector look at a small run, twice, and give how many stages or groups it had data of."""
    detector = _needed(name, DETECTORS, Detector).value
    texts = (detector.title, detector.rule, detector.why)
    problems = [f"{text!r} is no text for people." for text in texts if len(text.split()) < 3]
    rows = ({"id": n, "question": f"q{n}", "answer": "ab"[n % 2], "expected": "ab"[n % 3 % 2]} for n in range(12))
    with TemporaryDirectory() as place, Workspace.open(Path(place)) as opened:
        file = Path(place, "rows.jsonl")
        file.write_text("\n".join(map(json.dumps, rows)), "utf-8")
        run, _ = opened.runs.new(import_traces([file], Path(place), name="rows").cascade)
        first, second = (opened.oddities.screen(run.cascade, [run.name]) for _ in range(2))
    checks = [check for check in first.checks if check.detector == detector.name]
    if len(checks) != 1:
        problems.append(f"The screen has {len(checks)} checks of its name.")
    if first.cards != second.cards:
        problems.append("It finds something else in the same run the second time.")
    _hold(problems)
    return checks[0].looked


def _needed(name: str, group: str, kind: type[T] | None) -> Plugin[T]:
    plugin = added(group, name, kind)
    if plugin is None:
        known = ", ".join(names_added(group)) or "none"
        raise AssertionError(f"No installed package adds {name!r} to {group}; known: {known}.")
    return plugin


@contextmanager
def _project(
    stages: Mapping[str, Mapping[str, Json]], records: Sequence[Mapping[str, Json]]
) -> Generator[tuple[Workspace, Path]]:
    """A project of these stages and records; the last stage is the outcome."""
    with TemporaryDirectory() as place, Workspace.open(Path(place)) as opened:
        rows = (json.dumps({"id": str(n), **row}) for n, row in enumerate(records))
        Path(place, "records.jsonl").write_text("\n".join(rows), "utf-8")
        path = Path(place, "cascade.yaml")
        last, stage = list(stages.items())[-1]
        output = inside(stage["output"])
        k = output.get("k")
        score = default_for(Kind(str(output["type"])), k=k if isinstance(k, int) else None)
        cascade = {"cascade": "plugin", "records": {"path": "records.jsonl"}, "stages": stages}
        cascade |= {"outcome": {"score": f"{last}.{score}"}}
        path.write_text(json.dumps(cascade), "utf-8")
        yield opened, path


def _hold(problems: Sequence[str]) -> None:
    if problems:
        raise AssertionError("\n".join(problems))
