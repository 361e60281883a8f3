"""What every engine must do, whatever it is made of."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from runner.engines.recipes import CODE, Broken, FromStages, Refusing, Unreadable
from runner.making import TEXT, Build, Memory, run
from stagegap.errors import ConfigurationError, StagegapError
from stagegap.model.answer import Status
from stagegap.model.record import Record
from stagegap.model.run import RunStatus
from stagegap.runner import Work
from stagegap.runner.engines import Engine, Recipe, spread
from stagegap.runner.engines.processes import Processes
from stagegap.runner.engines.ray import Ray

TESTS = str(Path(__file__).parents[2])
HAS_RAY = importlib.util.find_spec("ray") is not None
Records = Callable[..., list[Record]]


@pytest.fixture(
    params=[
        pytest.param(lambda: Processes(2), id="processes"),
        pytest.param(
            lambda: Ray(2),
            id="ray",
            marks=[
                pytest.mark.skipif(not HAS_RAY, reason="ray is not installed: pip install 'stagegap[ray]'"),
                pytest.mark.slow,
            ],
        ),
    ]
)
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Engine:
    # Workers find the recipe by its module's name.
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([TESTS, os.environ.get("PYTHONPATH", "")]))
    return request.param()


def stages(making: Build, *names: str) -> None:
    (making.folder / "stages.py").write_text(CODE)
    making.code = CODE
    inputs = "text"
    for name in names:
        making.add(name, "python", inputs, TEXT, {"function": f"stages.py:{name}"})
        inputs = f"text={name}"


def on(engine: Engine, work: Work, making: Build, recipe: Recipe | None = None) -> Work:
    return spread(work, engine, recipe or FromStages(tuple(making.stages), making.folder))


def test_results_are_those_of_one_process(making: Build, records: Records, engine: Engine) -> None:
    stages(making, "upper", "shout")
    alone, spread_out = Memory(), Memory()
    found = records(*map(str, range(400)), "same", "same")
    run(making.work(found), alone)
    summary = run(on(engine, making.work(found), making), spread_out)
    assert summary.status is RunStatus.DONE
    for stage in ("upper", "shout"):
        plain = {key: replace(output, latency_ms=None, cached=False) for key, output in alone.of(stage).items()}
        assert {
            key: replace(output, latency_ms=None, cached=False) for key, output in spread_out.of(stage).items()
        } == plain
    assert len(spread_out.outputs) == len(alone.outputs)


def test_a_worker_that_is_killed_costs_nothing_but_time(making: Build, records: Records, engine: Engine) -> None:
    stages(making, "once")
    memory = Memory()
    run(on(engine, making.work(records(*map(str, range(200)))), making), memory)
    assert (making.folder / "died").exists()
    assert memory.values("once") == {f"r{n}": str(n) for n in range(200)}
    assert len(memory.outputs) == 200


def test_a_node_whose_workers_are_all_lost_at_once_costs_nothing_but_time(
    making: Build, records: Records, engine: Engine
) -> None:
    stages(making, "node")
    memory = Memory()
    run(on(engine, making.work(records(*map(str, range(400)))), making), memory)
    assert (making.folder / "died").exists()
    assert memory.values("node") == {f"r{n}": str(n) for n in range(400)}
    assert len(memory.outputs) == 400


def test_a_call_that_kills_every_worker_ends_alone(making: Build, records: Records, engine: Engine) -> None:
    stages(making, "poison")
    memory = Memory()
    summary = run(on(engine, making.work(records(*map(str, range(20)))), making), memory)
    killed = memory.of("poison").pop("r3")
    assert summary.status is RunStatus.DONE
    assert (killed.status, killed.key) == (Status.INFRASTRUCTURE, "")
    assert killed.error == "3 workers died of this call, or never answered it"
    assert {output.status for record, output in memory.of("poison").items() if record != "r3"} == {Status.OK}
    assert len(memory.outputs) == 20


def test_large_answers_come_through(making: Build, records: Records, engine: Engine) -> None:
    stages(making, "large")
    memory = Memory()
    run(on(engine, making.work(records("a", "b")), making), memory)
    assert [len(str(value)) for value in memory.values("large").values()] == [5_000_000, 5_000_000]


def test_a_stage_that_can_not_go_on_stops_the_run(making: Build, records: Records, engine: Engine) -> None:
    stages(making, "upper")
    work = replace(making.work(records(*"abc")), codes={"upper": Refusing()})
    summary = run(on(engine, work, making, Refusing()), Memory())
    assert (summary.status, summary.error) == (RunStatus.STOPPED, "The licence has run out.")


def test_workers_with_other_code_are_refused(making: Build, records: Records, engine: Engine, tmp_path: Path) -> None:
    stages(making, "upper")
    work = making.work(records("a"))
    other = tmp_path / "other"
    other.mkdir()
    (other / "stages.py").write_text(CODE + "\n# changed\n")
    with pytest.raises(ConfigurationError, match="A worker's code, files or libraries of the stage 'upper' differ"):
        run(on(engine, work, making, FromStages(tuple(making.stages), other)), Memory())


def test_a_fault_of_our_own_on_a_worker_is_none_of_the_user(making: Build, records: Records, engine: Engine) -> None:
    stages(making, "upper")
    with pytest.raises(RuntimeError, match="ZeroDivisionError: ours"):
        run(on(engine, making.work(records("a")), making, Broken()), Memory())


def test_processes_that_can_not_be_started_are_given_up(making: Build, records: Records) -> None:
    stages(making, "upper")
    work = making.work(records("a"))
    with pytest.raises(StagegapError, match="The worker processes can't be started: one after the other ended with"):
        run(spread(work, Processes(2), Unreadable()), Memory())


def test_slow_calls_are_made_once_each(making: Build, records: Records, engine: Engine) -> None:
    stages(making, "slow")
    memory = Memory()
    run(on(engine, making.work(records(*map(str, range(8)))), making), memory)
    assert memory.values("slow") == {f"r{n}": str(n) for n in range(8)}


def test_a_stage_that_takes_lists_gets_batches_of_its_size(making: Build, records: Records, engine: Engine) -> None:
    stages(making, "listed")
    making.stages[0] = replace(making.stages[0], batch=8)
    run(on(engine, making.work(records(*map(str, range(100)))), making), Memory())
    sizes = [int(line) for line in (making.folder / "sizes").read_text().splitlines()]
    assert max(sizes) == 8
    assert sizes.count(8) >= 10
    assert sum(sizes) == 100


def test_resources_hold_over_all_workers(making: Build, records: Records, engine: Engine) -> None:
    stages(making, "held")
    making.stages[0] = replace(making.stages[0], resources={"gpu": 1})
    work = making.work(records(*map(str, range(60))))
    work = replace(work, cascade=replace(work.cascade, resources={"gpu": 1}))
    run(on(engine, work, making), Memory())
    assert set((making.folder / "sizes").read_text().split()) == {"1"}


def test_a_process_whose_code_never_lets_go_of_the_interpreter_is_started_again(
    making: Build, records: Records
) -> None:
    (making.folder / "stages.py").write_text(CODE)
    making.code = CODE
    making.add("stuck", "python", "text", TEXT, {"function": "stages.py:stuck"})
    making.stages[0] = replace(making.stages[0], timeout_s=60.0)
    memory = Memory()
    work = making.work(records(*map(str, range(6))))
    # Three seconds without a sign of life, which comes once a second: a busy machine is not taken for a dead worker.
    run(spread(work, Processes(2), FromStages(tuple(making.stages), making.folder), margin_s=3.0 - 60.0), memory)
    assert memory.of("stuck").pop("r3").error == "3 workers died of this call, or never answered it"
    assert {output.status for record, output in memory.of("stuck").items() if record != "r3"} == {Status.OK}
