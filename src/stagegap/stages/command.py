"""Stages that are a program of any language: JSON lines in on its standard input, JSON lines out."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Annotated, cast

from pydantic import Field

from stagegap.errors import ConfigurationError, MediaError, RunStopped
from stagegap.model.answer import Status
from stagegap.model.canonical import canonical, digest, parsed
from stagegap.model.cascade import Stage
from stagegap.model.record import Json
from stagegap.stages.acceptance import Check, Rejected, check_for, output_identity
from stagegap.stages.attachments import with_path_texts
from stagegap.stages.kinds import StageKind, Surroundings
from stagegap.stages.protocol import Answered, Inputs, Reply
from stagegap.stages.python import with_knowledge
from stagegap.stages.settings import Block, Points, Text

STARTS = 3
"""Times that a program is started for one input, when it dies of it."""
LONGEST_LINE = 10_000_000
"""Bytes of one answer."""
TAIL = 2_000
"""Characters of standard error that are kept for messages."""
SHOWN = 400
"""Characters of it that a message shows."""
GOODBYE_S = 2.0
"""Seconds that a program has to end by itself once its input is closed."""


class CommandWith(Block):
    """A program of any language that reads and writes a JSON line a call."""

    command: Annotated[list[Text], Field(min_length=1), Points("the program", role="code", form="word")]
    """The program and its arguments; it runs in the folder of the cascade file."""
    files: Annotated[list[Text], Points("the file", role="code")] = Field(default_factory=list[str])
    """Files whose change makes every call a new one; those that the command names are among them."""


def build_command(stage: Stage, around: Surroundings) -> CommandStage:
    """The stage that talks to a program.

    Words of the command that name files of the folder, and the listed files, count with their content.
    Raises: ConfigurationError for a listed file that is not there.
    """
    folder = around.folder
    words = tuple(cast("Sequence[str]", stage.parameters["command"]))
    listed = tuple(cast("Sequence[str]", stage.parameters.get("files") or ()))
    missing = [name for name in listed if not (folder / name).is_file()]
    if missing:
        raise ConfigurationError(f"Stage {stage.name!r}: {str(folder / missing[0])!r} is no file.")
    own = [word for word in words if not Path(word).is_absolute() and (folder / word).is_file()]
    contents = {Path(name).name: sha256((folder / name).read_bytes()).hexdigest() for name in (*own, *listed)}
    corpus = around.corpora.get(stage.output.of or "")
    return CommandStage(
        stage,
        words=words,
        folder=folder,
        check=check_for(stage.output, corpus.documents if corpus else ()),
        fingerprint=digest(["command", list(words), contents, output_identity(stage.output, corpus)]),
        media=around.media,
    )


class CommandStage:
    """One process for all calls, one call at a time. It is started at the first call, and again when it died."""

    reads_record = False

    def __init__(
        self,
        stage: Stage,
        *,
        words: Sequence[str],
        folder: Path,
        check: Check,
        fingerprint: str,
        media: Path | None = None,
    ) -> None:
        self.fingerprint = fingerprint
        self._stage = stage
        self._words = words
        self._folder = folder
        self._check = check
        self._media = media
        self._turn = asyncio.Lock()
        self._process: _Process | None = None
        self._number = 0
        self._has_answered = False

    async def answer(self, inputs: Inputs) -> Reply:
        """Send one line and read one. Raises: RunStopped when the program dies before it ever answered."""
        async with self._turn:
            start = time.perf_counter()
            reply = await self._answer(inputs)
            # The wait for the turn is none of the program's time.
            return replace(reply, latency_ms=round((time.perf_counter() - start) * 1000, 4))

    async def close(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process is not None:
            await process.end()

    async def _answer(self, inputs: Inputs) -> Reply:
        ended = ""
        for _ in range(STARTS):
            try:
                async with asyncio.timeout(self._stage.timeout_s):
                    process = await self._running()
                    self._number += 1
                    given = with_path_texts(inputs, self._media)
                    line = await process.ask(canonical({"id": self._number, "inputs": dict(given)}))
            except TimeoutError:
                return _infrastructure(f"no answer within {self._stage.timeout_s:g} s{await self._ended(at_once=True)}")
            except MediaError as error:
                return Reply(status=Status.ERROR, error=str(error), is_reusable=False)
            except (OSError, ValueError) as error:
                # ValueError: the reader's, for a line that is too long.
                ended = f"the program can't be talked to: {error}{await self._ended(at_once=True)}"
            else:
                if line:
                    return await self._read(line)
                words = await self._ended(at_once=False)
                ended = f"the program ended with {process.exit}{words}"
        if not self._has_answered:
            raise RunStopped(f"Stage {self._stage.name!r}: {ended}, {STARTS} times before its first answer.")
        return _infrastructure(f"{ended} ({STARTS} times)")

    async def _running(self) -> _Process:
        if self._process is None:
            self._process = await _Process.start(self._stage.name, self._words, self._folder)
        return self._process

    async def _ended(self, *, at_once: bool) -> str:
        """End the process and give the last that it wrote to standard error, as the end of a sentence."""
        process, self._process = self._process, None
        if process is None:
            return ""
        await (process.kill() if at_once else process.end())
        tail = " ".join(process.tail.split())
        return f": {tail[-SHOWN:]}" if tail else ""

    async def _read(self, line: bytes) -> Reply:
        """The reply in a line; after one that answers something else nobody knows what the next answers."""
        try:
            content: object = parsed(line)
        except ValueError:
            content = None
        answer: Mapping[str, Json] = cast("Mapping[str, Json]", content) if isinstance(content, Mapping) else {}
        if answer.get("id") != self._number or not ("value" in answer or "error" in answer):
            await self._ended(at_once=True)
            excerpt = line.decode(errors="replace").strip()[:200]
            error = f'{excerpt!r} on standard output is no answer: {{"id": {self._number}, "value": ...}} was expected'
            return Reply(status=Status.UNPARSABLE, error=error, raw=excerpt, is_reusable=False)
        self._has_answered = True
        if answer.get("error"):
            return Reply(status=Status.ERROR, error=str(answer["error"])[:TAIL], is_reusable=False)
        accepted = self._check(answer.get("value"))
        raw = line.decode(errors="replace").strip()[:20_000]
        if isinstance(accepted, Rejected):
            return Reply(status=Status.UNPARSABLE, error=accepted.reason, raw=raw)
        try:
            return with_knowledge(accepted.value, _knowledge(accepted.value, answer))
        except (TypeError, ValueError) as error:
            return Reply(status=Status.UNPARSABLE, error=str(error), raw=raw)


@dataclass(slots=True)
class _Process:
    """A program that runs, in a session of its own: Ctrl-C in the terminal is not meant for it."""

    process: asyncio.subprocess.Process
    transport: asyncio.SubprocessTransport
    tail: str = ""
    """The last that it wrote to standard error."""
    listening: asyncio.Task[None] | None = None

    @classmethod
    async def start(cls, stage: str, words: Sequence[str], folder: Path) -> _Process:
        """Start the program. Raises: ConfigurationError where it can't be."""
        pipe = asyncio.subprocess.PIPE
        loop = asyncio.get_running_loop()
        try:
            transport, protocol = await loop.subprocess_exec(
                lambda: asyncio.subprocess.SubprocessStreamProtocol(limit=LONGEST_LINE, loop=loop),
                *words, stdin=pipe, stdout=pipe, stderr=pipe, cwd=folder, start_new_session=True,
            )  # fmt: skip
        except (OSError, ValueError) as error:
            raise ConfigurationError(f"Stage {stage!r}: the command {words[0]!r} can't be started: {error}.") from None
        begun = cls(asyncio.subprocess.Process(transport, protocol, loop), transport)
        begun.listening = asyncio.create_task(begun._listen())
        return begun

    @property
    def exit(self) -> str:
        """How it ended: its exit code, or the signal that ended it."""
        code = self.process.returncode or 0
        return f"exit code {code}" if code >= 0 else f"signal {signal.Signals(-code).name}"

    async def ask(self, line: bytes) -> bytes:
        """Send a line and give the next one, empty when the program has ended."""
        stdin, stdout = self.process.stdin, self.process.stdout
        assert stdin, "asked for a pipe"
        assert stdout, "asked for a pipe"
        stdin.write(line + b"\n")
        with contextlib.suppress(ConnectionError):
            await stdin.drain()
        return await stdout.readline()

    async def end(self) -> None:
        """Close its input and wait a moment; then end it."""
        assert self.process.stdin, "asked for a pipe"
        self.process.stdin.close()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.process.wait(), GOODBYE_S)
        await self.kill()

    async def kill(self) -> None:
        """End it and all that it started."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        await self.process.wait()
        assert self.listening, "set by start"
        # A process that left the group may hold standard error open.
        await asyncio.wait([self.listening], timeout=GOODBYE_S)
        self.listening.cancel()
        # What was never read keeps the pipes open.
        self.transport.close()
        await asyncio.sleep(0)

    async def _listen(self) -> None:
        stderr = self.process.stderr
        assert stderr, "asked for a pipe"
        while part := await stderr.read(TAIL):
            self.tail = (self.tail + part.decode(errors="replace"))[-TAIL:]


def _infrastructure(message: str) -> Reply:
    return Reply(status=Status.INFRASTRUCTURE, error=message, is_reusable=False)


def _knowledge(value: Json, answer: Mapping[str, Json]) -> Answered:
    return Answered(
        value,
        confidence=cast("float | None", answer.get("confidence")),
        scores=cast("Sequence[float]", answer.get("scores") or ()),
        alternatives=cast("Sequence[object]", answer.get("alternatives") or ()),
    )


KIND = StageKind(
    summary="Answers by a program of any language.",
    settings=CommandWith,
    build=build_command,
    draws=True,
    is_one_by_one=True,
    takes_files=True,
)
