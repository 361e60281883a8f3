"""docs/tutorial.md, typed block by block in an empty folder: each ends well, and shows what the page says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "tutorial.md"


def test_the_tutorial_does_what_it_says(tmp_path: Path) -> None:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    shown = ""
    blocks = re.findall(r"```(sh|text)\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    assert len(blocks) >= 11
    for kind, block in blocks:
        if kind == "sh":
            typed = subprocess.run(
                ["bash", "-ec", block],
                check=False,
                cwd=tmp_path,
                env={**os.environ, "PATH": path},
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            assert typed.returncode == 0, f"{block}\n{typed.stdout}"
            shown = typed.stdout
        else:
            assert [line for line in block.splitlines() if line not in shown] == [], shown
