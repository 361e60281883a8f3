from __future__ import annotations

import multiprocessing
import threading
from collections.abc import Callable

from runner.engines.recipes import CODE, FromStages
from runner.making import TEXT, Build
from stagegap.model.answer import Status
from stagegap.model.record import Record
from stagegap.runner.engines import Chunk, ChunkResult
from stagegap.runner.engines.processes import BEAT, READY, serve_pipe
from stagegap.runner.engines.protocol import Worker

Records = Callable[..., list[Record]]


def test_a_worker_says_when_it_is_ready_answers_and_ends_with_its_driver(making: Build) -> None:
    (making.folder / "stages.py").write_text(CODE)
    making.add("upper", "python", "text", TEXT, {"function": "stages.py:upper"})
    ours, theirs = multiprocessing.Pipe()
    worker = Worker(FromStages(tuple(making.stages), making.folder), {})
    thread = threading.Thread(target=serve_pipe, args=(theirs, worker))
    thread.start()
    assert ours.recv() == READY
    ours.send(Chunk(7, "upper", ({"text": "a"}, {"text": "b"})))
    heard: list[object] = []
    while sum(isinstance(message, ChunkResult) for message in heard) < 2 or BEAT not in heard:
        heard.append(ours.recv())  # a beat comes before the answers where the machine is busy
    results = [message for message in heard if isinstance(message, ChunkResult)]
    replies = [reply for result in results for reply in result.replies]
    assert ([result.id for result in results], [reply.value for reply in replies]) == ([7, 7], ["A", "B"])
    assert {reply.status for reply in replies} == {Status.OK}
    assert all(reply.latency_ms is not None for reply in replies)
    ours.close()
    thread.join(30)
    assert not thread.is_alive()
    theirs.close()
