"""What workers of the tests are made of; a module of its own, because it travels by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from stagegap.errors import RunStopped
from stagegap.model.cascade import Stage
from stagegap.stages import Reply, StageCode, build
from stagegap.stages.protocol import Inputs

CODE = """
import ctypes, os, pathlib, signal, time
import stagegap

def upper(text):
    return text.upper()

async def shout(text):
    return text + "!"

def once(text):
    flag = pathlib.Path(__file__).parent / "died"
    if text == "3" and not flag.exists():
        flag.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return text

def node(text):
    time.sleep(0.01)  # so that every worker has some of them
    pids = pathlib.Path(__file__).parent / "pids"
    pids.mkdir(exist_ok=True)
    (pids / str(os.getpid())).touch()
    there = [int(path.name) for path in pids.iterdir()]
    flag = pathlib.Path(__file__).parent / "died"
    if len(there) > 1 and not flag.exists():
        flag.touch()
        for pid in sorted(there, key=lambda pid: pid == os.getpid()):
            os.kill(pid, signal.SIGKILL)
    return text

def poison(text):
    if text == "3":
        os.kill(os.getpid(), signal.SIGKILL)
    return text

def stuck(text):
    if text == "3":
        ctypes.PyDLL(None).sleep(60)
    return text

def slow(text):
    time.sleep(0.3)
    return text

sizes = pathlib.Path(__file__).parent / "sizes"

@stagegap.batch
def listed(text):
    with sizes.open("a") as file:
        file.write(f"{len(text)}\\n")
    return text

def held(text):
    at_once = pathlib.Path(__file__).parent / "at_once"
    at_once.mkdir(exist_ok=True)
    own = at_once / f"{os.getpid()}-{text}"
    own.touch()
    with sizes.open("a") as file:
        file.write(f"{len({path.name.split('-')[0] for path in at_once.iterdir()})}\\n")
    own.unlink()
    return text

def large(text):
    return text * 5_000_000
"""


@dataclass(frozen=True)
class FromStages:
    """Builds the code of stages from a folder."""

    stages: tuple[Stage, ...]
    folder: Path

    def __call__(self) -> Mapping[str, StageCode]:
        return {s.name: build(s, folder=self.folder, corpora={}, environment={}) for s in self.stages}


class Broken:
    """Can't be carried out: a fault of ours, not of a user."""

    def __call__(self) -> Mapping[str, StageCode]:
        raise ZeroDivisionError("ours")


class Refusing:
    """A batch stage that can go on with no record, and its own recipe."""

    fingerprint, reads_record = "refusing", False

    def answer_batch(self, inputs: Sequence[Inputs]) -> Sequence[Reply]:
        raise RunStopped("The licence has run out.")

    def __call__(self) -> Mapping[str, StageCode]:
        return {"upper": self}


class Unreadable(Refusing):
    """Can't be read on a worker: the process ends before it can work."""

    def __reduce__(self) -> tuple[object, tuple[int]]:
        return _exit, (3,)


def _exit(code: int) -> None:
    raise SystemExit(code)
