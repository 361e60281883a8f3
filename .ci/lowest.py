"""Tests on the oldest versions of the libraries that `pyproject.toml` allows, in an environment that is thrown away.

Not part of the gate, because installing takes minutes: `make lowest`. Who depends on us may have old versions; what our
ranges promise is tried here.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import tomllib
import venv
from pathlib import Path

ROOT = Path(__file__).parents[1]
NEEDED = ("pytest", "pytest-timeout", "slipcover", "hypothesis", "statsmodels", "skops", "pyarrow<24", "mcp>=2")
"""What the tests below need beside us, in any version; PyArrow from 24 on needs NumPy 2, which it does not say."""
TESTS = (
    "tests/test_import.py",
    "tests/cli/test_changing.py",
    "tests/exchange/test_frames.py",
    "tests/library",
    "tests/metrics",
    "tests/runner/test_lanes.py",
    "tests/spec/test_load.py",
    "tests/stages/test_llm.py",
    "tests/stages/test_retrieval.py",
    "tests/stages/test_saved.py",
    "tests/stages/test_sklearn.py",
    "tests/stats",
    "tests/store/test_outputs.py",
    "tests/ui/test_pages.py",
    "tests/workspace/test_workspace.py",
)
"""A way through everything that a library of somebody else does for us."""


def lowest(requirements: list[str]) -> list[str]:
    """The lowest version that each range allows.

    >>> lowest(["numpy>=2.2,<3", "streamlit[auth]>=1.67,<2"])
    ['numpy==2.2', 'streamlit==1.67']
    """
    return [re.sub(r"(\[.*\])?>=([^,]+).*", r"==\2", requirement) for requirement in requirements]


def main() -> int:
    """Make the environment, run the tests in it and give pytest's exit code."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    pins = lowest([*project["dependencies"], *project["optional-dependencies"]["app"]])
    present = [path for path in TESTS if (ROOT / path).exists()]
    if missing := set(TESTS) - set(present):
        sys.stderr.write(f"Not there any more: {', '.join(sorted(missing))}. Name others in .ci/lowest.py.\n")
        return 2
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        python = f"{folder}/bin/python"
        oldest = Path(folder) / "oldest.txt"
        oldest.write_text("\n".join(pins) + "\n")
        install = ["-m", "pip", "install", "--quiet", "--constraint", str(oldest), "--editable", ".[app]", *NEEDED]
        subprocess.run([python, *install], cwd=ROOT, check=True)
        # what an old library warns of is no fault of ours
        options = ["-q", "-p", "no:cacheprovider", "-W", "default", "--override-ini", "strict=false"]
        return subprocess.run([python, "-m", "pytest", *options, *present], cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
