"""Which lines and branches of the code tests reach: measured in the processes that run them, one file of JSON each.

Off unless CODE_COVERAGE names a folder. SlipCover writes probes into the code as it is imported; each takes itself out
when it is passed: a run costs a fifth more. Taking out those that were passed often, SlipCover's default, walks
through all functions of all modules each time: that run cost two and a half times as much. `make tests` merges the
files and holds the limit.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType

from slipcover import Slipcover
from slipcover.importer import SlipcoverLoader

SOURCE = Path(__file__).parents[1] / "src" / "stagegap"
UNREACHED = ("*/__main__.py", "*/engines/ray.py")  # the second is held by the slow tests, on a cluster
NO_CODE = ("if TYPE_CHECKING:", r"\.\.\.$", "@overload", "pragma: no cover")


class Probes:
    """Finds modules of the project before anybody else does, and puts probes into them."""

    def __init__(self) -> None:
        if early := [name for name in sys.modules if name.partition(".")[0] == "stagegap"]:
            raise RuntimeError(f"Imported before probes could be put in: {', '.join(early)}; run with -p no:stagegap.")
        self.cover = Slipcover(
            branch=True, immediate=True, source=[str(SOURCE)], omit=list(UNREACHED), exclude_lines=list(NO_CODE)
        )

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Spec of a module of the project with a loader that instruments it; None for all others."""
        if name.partition(".")[0] != "stagegap":
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and spec.loader and spec.origin and Path(spec.origin).is_relative_to(SOURCE):
            spec.loader = SlipcoverLoader(self.cover, spec.loader, spec.origin)
        return spec

    def write(self, folder: Path) -> None:
        """What this process reached, as a file of its own."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{os.getpid()}.json").write_text(json.dumps(self.cover.get_coverage()), encoding="utf-8")


def finish() -> None:
    """Write what was reached, at the end of a process that runs tests."""
    if PROBES is not None:
        PROBES.write(Path(os.environ["CODE_COVERAGE"]))


def _begin() -> Probes | None:
    if "CODE_COVERAGE" not in os.environ or ("-n" in sys.argv and "PYTEST_XDIST_WORKER" not in os.environ):
        return None  # who only hands the tests on to workers reaches nothing, and probes cost seconds
    probes = Probes()
    sys.meta_path.insert(0, probes)
    return probes


PROBES = _begin()  # when it is imported: before anything of the project is
