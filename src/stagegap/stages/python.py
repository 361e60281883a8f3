"""Stages that are a function of the user's own."""

from __future__ import annotations

import asyncio
import importlib.util
import inspect
import math
import sys
import threading
import traceback
from collections.abc import Awaitable, Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from itertools import islice
from pathlib import Path
from types import ModuleType
from typing import Annotated, cast

from stagegap.errors import ConfigurationError, near_names
from stagegap.model.answer import Status
from stagegap.model.cascade import Stage
from stagegap.model.frozen import maker
from stagegap.model.record import Json
from stagegap.stages.acceptance import Accepted, Check, Rejected, as_written, check_for, output_identity, plain
from stagegap.stages.caller import Caller, TimeIsUp
from stagegap.stages.canonical import digest
from stagegap.stages.code import Code, call_remarks, code_of, count_remark, forget_changed, mark_loaded
from stagegap.stages.kinds import Draft, StageKind, Surroundings
from stagegap.stages.protocol import Answered, Inputs, Reply, is_batch
from stagegap.stages.settings import Block, Points, Remark, Text

_reply = maker(Reply)
MAX_ERROR = 500
"""Characters of an exception that are kept."""
MOST_CANDIDATES = 100
"""Values that are taken from a function that yields."""


class PythonWith(Block):
    """A function of your own."""

    function: Annotated[Text, Points("the Python file", role="code", form="function")]
    """`file.py:function`, the file relative to this one. It is called with the inputs by name."""
    warm_up: Annotated[Text | None, Points("the Python file", role="code", form="function")] = None
    """A function without arguments that is called once before the first record, as to load a model."""


def build_python(stage: Stage, around: Surroundings) -> PythonStage | AsyncPythonStage:
    """The stage that calls a function.

    Raises: ConfigurationError when there is no such function, or its arguments are not the stage's inputs.
    """
    loaded = _loaded(stage, around.folder)
    function = loaded.call
    corpus = around.corpora.get(stage.output.of or "")
    wrapped = _Function(loaded.path, function, check_for(stage.output, corpus.documents if corpus else ()))
    parts: Json = ["python", wrapped.name, loaded.code.digest, output_identity(stage.output, corpus)]
    ready = _Readying(stage, around.folder)
    if inspect.isasyncgenfunction(function):
        raise ConfigurationError(f"Stage {stage.name!r}: an async function can't yield; write `def` and `yield`.")
    if inspect.isgeneratorfunction(function) and is_batch(function):
        raise ConfigurationError(f"Stage {stage.name!r}: a function that yields can't be marked with stagegap.batch.")
    if inspect.iscoroutinefunction(function):
        if is_batch(function):
            raise ConfigurationError(f"Stage {stage.name!r}: an async function can't be marked with stagegap.batch.")
        return AsyncPythonStage(wrapped, digest(parts), ready, loaded.code, timeout_s=stage.timeout_s)
    takes_lists = is_batch(function)
    return PythonStage(wrapped, digest(parts), ready, loaded.code, takes_lists=takes_lists, timeout_s=stage.timeout_s)


class PythonStage:
    """A plain function, called record by record, or with lists when it is marked with `batch`."""

    reads_record = False

    def __init__(
        self,
        function: _Function,
        fingerprint: str,
        ready: _Readying,
        code: Code,
        *,
        takes_lists: bool,
        timeout_s: float,
    ) -> None:
        self.fingerprint = fingerprint
        self.code = code
        self._ready = ready
        self._function = function
        self.takes_lists = takes_lists
        self._timeout_s = timeout_s
        self._caller = Caller()

    def warm_up(self) -> None:
        """Call the user's function that gets the stage ready. Raises: ConfigurationError with what it raised."""
        if self._ready.is_needed:
            [error] = self._caller.run(_attempt, [self._ready], timeout_s=math.inf, overdue=None)
            if error is not None:
                raise error

    def answer_batch(self, inputs: Sequence[Inputs]) -> Sequence[Reply]:
        """Answer each input; what the function raises is `unparsable`, what takes too long infrastructure."""
        if self.takes_lists:
            return self._answer_lists(inputs)
        overdue = self._function.overdue(self._timeout_s)
        return self._caller.run(self._function.answer, inputs, timeout_s=self._timeout_s, overdue=overdue)

    def _answer_lists(self, inputs: Sequence[Inputs]) -> Sequence[Reply]:
        """Call the function once for all; where that fails, once for each record, to find the culprit.

        Where it takes too long, once for each half.
        """
        [replies] = self._caller.run(self._function.answer_lists, [inputs], timeout_s=self._timeout_s, overdue=None)
        if replies is None:
            if len(inputs) == 1:
                return [self._function.overdue(self._timeout_s)]
            half = len(inputs) // 2
            return [*self._answer_lists(inputs[:half]), *self._answer_lists(inputs[half:])]
        if isinstance(replies, Reply):
            return (
                [replies]
                if len(inputs) == 1
                else [reply for call_inputs in inputs for reply in self._answer_lists([call_inputs])]
            )
        return replies


class AsyncPythonStage:
    """A coroutine function: many calls at once."""

    reads_record = False

    def __init__(
        self, function: _Function, fingerprint: str, ready: _Readying, code: Code, *, timeout_s: float
    ) -> None:
        self.fingerprint = fingerprint
        self.code = code
        self.warm_up = ready
        self._function = function
        self._timeout_s = timeout_s

    async def answer(self, inputs: Inputs) -> Reply:
        """Answer one input; what the function raises is `unparsable`, what takes too long infrastructure."""
        limit = asyncio.timeout(self._timeout_s)
        try:
            async with limit:
                value = await cast("Awaitable[object]", self._function.call(**inputs))
            reply = self._function.reply(value)
        except BaseException as error:  # a foreign function may raise anything; it is data here
            if limit.expired():
                return self._function.overdue(self._timeout_s)
            task = asyncio.current_task()
            if isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling():
                raise  # by the run, not by the function
            return self._function.failure(error)
        # A function may have swallowed what told it that its time was up.
        return self._function.overdue(self._timeout_s) if limit.expired() else reply

    async def close(self) -> None:
        """Nothing is held open."""


class _Readying:
    """The user's function that gets a stage ready, called once."""

    def __init__(self, stage: Stage, folder: Path) -> None:
        """Raises: ConfigurationError for a function that can't be had."""
        where = stage.parameters.get("warm_up")
        self.is_needed = where is not None
        self._start = f"Stage {stage.name!r}: the function {where!r}"
        self._lock = threading.Lock()
        self._call = None if where is None else function_at(str(where), folder, start=self._start).call

    def __call__(self) -> None:
        """Call it, the first time. Raises: ConfigurationError with what it raised: no answer can follow."""
        with self._lock:
            call, self._call = self._call, None
            self.is_needed = False
            if call is not None:
                try:
                    call()
                except BaseException as error:  # a foreign function may raise anything
                    raise ConfigurationError(
                        f"{self._start} could not get the stage ready: {error_text(error)}."
                    ) from error


def _attempt(ready: _Readying) -> ConfigurationError | None:
    try:
        ready()
    except ConfigurationError as error:
        return error
    return None


class _Function:
    """The user's function, and what becomes of what it gives or raises."""

    def __init__(self, path: Path, call: Callable[..., object], check: Check) -> None:
        self.call = call
        self.name = getattr(call, "__name__", type(call).__name__)
        self._path = path
        self._check = check

    def answer(self, inputs: Inputs) -> Reply:
        """Call the function for one record; whatever it raises is a reply."""
        try:
            return self.reply(self.call(**inputs))
        except TimeIsUp:
            raise
        except BaseException as error:  # noqa: BLE001  # a foreign function may raise anything; it is data here
            return self.failure(error)

    def answer_lists(self, inputs: Sequence[Inputs]) -> Sequence[Reply] | Reply:
        """Call the function once for several records; whatever it raises is one reply."""
        try:
            lists = {name: [entry[name] for entry in inputs] for name in inputs[0]}
            found = self.call(**lists)
            is_list = isinstance(found, Sequence) and not isinstance(found, str)
            if not is_list or len(cast("Sequence[object]", found)) != len(inputs):
                raise TypeError(f"a batch function gives a list with one entry a record, {len(inputs)} here")
            return [self.reply(entry) for entry in cast("Sequence[object]", found)]
        except TimeIsUp:
            raise
        except BaseException as error:  # noqa: BLE001  # a foreign function may raise anything; it is data here
            return self.failure(error)

    def overdue(self, timeout_s: float) -> Reply:
        """The reply for a call that did not end in time: nobody knows what it would have said."""
        message = f"{self.name} gave no answer within {timeout_s:g} s"
        return Reply(status=Status.INFRASTRUCTURE, error=message, is_reusable=False)

    def reply(self, value: object) -> Reply:
        """The reply for what the function returned; of one that yields, the first is the value."""
        if isinstance(value, Generator):
            return self._yielded(cast("Generator[object]", value))
        answered = value if isinstance(value, Answered) else None
        accepted = self._check(answered.value if answered else value)
        if isinstance(accepted, Rejected):
            return Reply(status=Status.UNPARSABLE, error=f"{self.name} gave: {accepted.reason}", raw=_raw(value))
        if answered is None:
            return _reply(value=accepted.value)
        try:
            return with_knowledge(accepted.value, answered)
        except (TypeError, ValueError) as error:
            return Reply(status=Status.UNPARSABLE, error=f"{self.name} gave: {error}", raw=_raw(value))

    def _yielded(self, generator: Generator[object]) -> Reply:
        candidates = list(islice(generator, MOST_CANDIDATES))
        if not candidates:
            return Reply(status=Status.UNPARSABLE, error=f"{self.name} yielded nothing")
        first = candidates[0] if isinstance(candidates[0], Answered) else Answered(candidates[0])
        accepted = [
            self._check(candidate.value if isinstance(candidate, Answered) else candidate)
            for candidate in candidates[1:]
        ]
        for checked in accepted:
            if isinstance(checked, Rejected):
                reason = f"{self.name} yielded: {checked.reason}"
                return Reply(status=Status.UNPARSABLE, error=reason, raw=_raw(candidates))
        others = [checked.value for checked in accepted if isinstance(checked, Accepted)]
        return self.reply(replace(first, alternatives=others))

    def failure(self, error: BaseException) -> Reply:
        """The reply for an exception: its type, its message and the line of the user's file it came through."""
        frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(self._path)]
        place = f" ({self._path.name}:{frames[-1].lineno})" if frames else ""
        message = f"{self.name} raised {error_text(error)[:MAX_ERROR]}{place}"
        return Reply(status=Status.ERROR, error=message, is_reusable=False)


def with_knowledge(value: Json, answered: Answered) -> Reply:
    """The reply with an accepted value and what else is known about it. Raises: ValueError, TypeError."""
    confidence = None if answered.confidence is None else float(answered.confidence)
    if confidence is not None and not 0 <= confidence <= 1:
        raise ValueError(f"A confidence lies in [0, 1], found {confidence}.")
    scores = tuple(float(score) for score in answered.scores)
    if not all(map(math.isfinite, scores)):
        raise ValueError(f"Scores are finite numbers, found {list(scores)}.")
    if scores and len(scores) != (len(value) if isinstance(value, list) else 0):
        raise ValueError(f"A ranking has one score for each id, found {len(scores)}.")
    alternatives = tuple(plain(candidate) for candidate in answered.alternatives)
    return Reply(value=value, confidence=confidence, scores=scores, alternatives=alternatives)


def error_text(error: BaseException) -> str:
    """Type and text of an exception on one line; an exception of foreign code may have no text that can be had."""
    try:
        text = " ".join(str(error).split())
    except BaseException as odd:  # noqa: BLE001  # `__str__` is foreign code too
        text = f"its text can't be had, {type(odd).__name__} came instead"
    return f"{type(error).__name__}: {text}".strip(": ")


def _raw(value: object) -> str:
    return as_written(value, most=2_000)


def _loaded(stage: Stage, folder: Path) -> UserFunction:
    """The function that a stage names. Raises: ConfigurationError when it can't be called with the stage's inputs."""
    where = str(stage.parameters["function"])
    start = f"Stage {stage.name!r}: the function {where!r}"
    function = function_at(where, folder, start=start)
    try:
        inspect.signature(function.call).bind(**dict.fromkeys(stage.inputs))
    except TypeError as error:
        inputs = ", ".join(stage.inputs)
        raise ConfigurationError(f"{start} can't be called with the inputs {inputs}: {error}.") from None
    return function


@dataclass(frozen=True, slots=True, kw_only=True)
class UserFunction:
    """A function of the user's own, with the code that it rests on."""

    path: Path
    call: Callable[..., object]
    code: Code


def function_at(where: str, folder: Path, *, start: str) -> UserFunction:
    """The function that `file.py:function` names, loaded afresh when its file or a module that it imports changed.

    `start` begins the sentence of the error. Raises: ConfigurationError when the file or the function can't be had.
    """
    file, _, name = where.rpartition(":")
    path = folder / file
    if not file or not path.is_file():
        raise ConfigurationError(
            f"{start} can't be loaded, because {str(path)!r} is no file. Write `file.py:function`."
        )
    code = code_of(path)
    module = _module(path, code, start)
    if code.missing:  # what the file itself did to the search path shows where they are
        code = code_of(path)
        mark_loaded(code)
        sys.modules[_name(path, code)] = module
    function = vars(module).get(name)
    if not callable(function):
        own = [key for key, value in vars(module).items() if inspect.isfunction(value)]
        raise ConfigurationError(f"{start} does not stand in {path}. {near_names(name, own)}")
    return UserFunction(path=path, call=function, code=code)


def _name(path: Path, code: Code) -> str:
    return f"_stagegap_{sha256(str(path).encode()).hexdigest()[:8]}_{code.digest[:8]}"


def _module(path: Path, code: Code, start: str) -> ModuleType:
    """The file, run as a module of its own under a private name."""
    name = _name(path, code)
    known = sys.modules.get(name)
    if known is not None:
        return known
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ConfigurationError(f"{start} can't be loaded, because {str(path)!r} is no Python file.")
    module = importlib.util.module_from_spec(spec)
    forget_changed(code)
    # Dataclasses and the like look their module up by name while it runs.
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException as error:  # a foreign file may raise anything while it is loaded
        del sys.modules[name]
        lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
        line = error.lineno if isinstance(error, SyntaxError) else lines[-1] if lines else None
        place = f"{path}:{line}" if line else str(path)
        raise ConfigurationError(f"{start} can't be loaded: {place} raised {error_text(error)}.") from error
    mark_loaded(code)
    return module


def study_python(draft: Draft, _: Mapping[str, str]) -> Iterator[Remark]:
    """Whether the function can be called with the inputs, and uses them."""
    settings = draft.of(PythonWith)
    yield from call_remarks(settings.function, draft.inputs)
    if settings.warm_up is not None:
        remark = count_remark(settings.warm_up, 0, what="no argument, as a warm-up is")
        if remark is not None:
            yield remark


KIND = StageKind(
    summary="Answers by a function of your own.", settings=PythonWith, build=build_python, study=study_python
)
