"""What runs in the process beside a run: a Python stage's function, called for what comes through a pipe."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Sequence
from dataclasses import replace
from multiprocessing.connection import Connection
from typing import cast

from stagegap.errors import ConfigurationError
from stagegap.stages.aside import HOLD_S, Message, Place
from stagegap.stages.guards import lift
from stagegap.stages.protocol import Inputs
from stagegap.stages.python import PythonStage, build_python


def serve_aside(number: int) -> None:
    """Answer a stage's calls in this process until the other end of the pipe is closed: the work of an `Aside`."""
    # Ctrl-C in the terminal is meant for the run. The alarm ends the process, whatever it does.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    lift()
    with contextlib.suppress(EOFError, OSError):
        answer_pipe(Connection(number))
    os._exit(0)  # whatever a thread of the user's still computes: nobody is left to tell


def answer_pipe(pipe: Connection) -> None:
    """Make the stage, say whether it is ready, and answer call after call. Raises: EOFError at the end."""
    place = cast("Place", pipe.recv())
    try:
        stage = build_python(replace(place.stage, is_timed=False), place.around)
        assert isinstance(stage, PythonStage), "an async function is called in the run's own process"
        stage.warm_up()
    except ConfigurationError as error:
        pipe.send(Message(error=error))
        return
    pipe.send(Message())
    while not stage.has_left:
        step, given = cast("tuple[str, object]", pipe.recv())
        signal.setitimer(signal.ITIMER_REAL, place.stage.timeout_s + HOLD_S)
        if step == "answer":
            [result] = stage.answer_batch([cast("Inputs", given)])
        else:
            result = stage.answered_at_once(cast("Sequence[Inputs]", given))
        signal.setitimer(signal.ITIMER_REAL, 0)
        pipe.send(Message(result, is_last=stage.has_left))
