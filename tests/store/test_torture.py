from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

TORTURE = Path(__file__).parents[2] / "benchmarks" / "torture.py"


def test_kills_of_real_processes_lose_and_double_nothing() -> None:
    options = {"rows": 20000, "batch": 400, "kills": 5, "labellers": 2, "readers": 1, "seed": 4}
    words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    command = [sys.executable, str(TORTURE), *words, "--between", "10", "30"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(done.stdout)
    assert sum(told["kills"].values()) == 5
    assert told["acknowledged_labels"] > 0
    assert (told["lost_rows"], told["double_rows"], told["lost_labels"], told["double_labels"]) == (0, 0, 0, 0)
    assert told["errors"] == []
