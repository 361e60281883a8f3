"""Starts servers of the app by forking, so that what they import is imported once: `python server_host.py`.

A line of JSON on the standard input (folder, port, pages, script, environment, output) starts a server that writes its
standard output into the named pipe `output`; the server's process id comes back on a line.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

BEFOREHAND = (
    "duckdb",
    "numpy",
    "streamlit",
    "streamlit.web.server",
    "streamlit.web.bootstrap",
    "uvicorn",
    "starlette.middleware",
    "stagegap.ui.server",
    "stagegap.ui.shell",
    "stagegap.workspace",
)


def main() -> None:
    for name in BEFOREHAND:
        with contextlib.suppress(ModuleNotFoundError):  # a module that moved costs time and nothing else
            import_module(name)
    signal.signal(signal.SIGCHLD, reap)
    for line in sys.stdin:
        order = json.loads(line)
        process = os.fork()
        if not process:
            serve(order)
            return
        sys.stdout.write(f"{process}\n")
        sys.stdout.flush()


def reap(*_: object) -> None:
    """Wait for the servers that have ended, so that their time is counted and their ids are free."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def serve(order: dict[str, Any]) -> None:
    """Be the server, until Ctrl-C."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background hands down that it is ignored
    os.environ.clear()
    os.environ.update(order["environment"])
    os.chdir(order["folder"])
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(os.open(order["output"], os.O_WRONLY), 1)
    from stagegap.ui import server

    script = order["script"] and Path(order["script"])
    server.serve(Path(order["folder"]), port=order["port"], pages=order["pages"], script=script)


if __name__ == "__main__":
    main()
