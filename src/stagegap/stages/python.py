"""Stages that are a function of the user's own."""

from __future__ import annotations

import asyncio
import inspect
import math
import time
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Annotated, TypeVar, cast

from stagegap.errors import ConfigurationError
from stagegap.model.answer import Status
from stagegap.model.canonical import digest
from stagegap.model.cascade import Stage
from stagegap.model.frozen import maker
from stagegap.model.record import Json
from stagegap.stages.acceptance import Accepted, Check, Rejected, as_written, check_for, output_identity, plain
from stagegap.stages.aside import Aside, Place
from stagegap.stages.attachments import check_of_files, with_paths
from stagegap.stages.attempts import Away, Tries, is_unavailable
from stagegap.stages.code import Code, call_remarks, count_remark
from stagegap.stages.fitted import Fitted, Readying, attempted, fit_problems, split_of
from stagegap.stages.function import ASYNC_CALLER, Caller, TimeIsUp, UserFunction, error_text, function_at
from stagegap.stages.kinds import Draft, StageKind, Surroundings
from stagegap.stages.protocol import Answered, Inputs, Reply, Unavailable, is_batch
from stagegap.stages.settings import Block, Free, Points, Problem, Remark, Text

_reply = maker(Reply)
T = TypeVar("T")
WAITS_S = (0.1, 0.4, 1.5)
"""Waits between the calls of a function whose service is away."""
MOST_LOST = 3
"""Calls in a row whose service stayed away, after which no call waits for it."""
MOST_RAW = 20_000
"""Characters of what a model wrote that are kept."""
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
    fit: Annotated[Text | None, Points("the Python file", role="code", form="function")] = None
    """`file.py:function` that trains: it is called once with the records of the split `train`, their references and
    `log`; what it gives is kept, and is the first argument of `function`."""
    train: Text | None = None
    """The split whose records and references `fit` is given."""
    settings: dict[Text, Free] | None = None
    """Handed to `fit` by name; another value trains anew."""


def build_python(stage: Stage, around: Surroundings) -> PythonStage | AsyncPythonStage | ThreadedPythonStage:
    """The stage that calls a function.

    Raises: ConfigurationError when there is no such function, or its arguments are not the stage's inputs.
    """
    return stage_calling(_loaded(stage, around.folder), stage, around, rests_on="python")


def stage_calling(
    loaded: UserFunction, stage: Stage, around: Surroundings, *, rests_on: Json
) -> PythonStage | AsyncPythonStage | ThreadedPythonStage:
    """The stage that calls a function as a `python` stage does; adapters of other frameworks hand in their own.

    `rests_on` is what decides an answer beside the inputs and the function's file. Raises: ConfigurationError.
    """
    function = loaded.call
    corpus = around.corpora.get(stage.output.of or "")
    check = check_of_files(check_for(stage.output, corpus.documents if corpus else ()), around.media)
    fitted = Fitted(stage, around) if stage.parameters.get("fit") else None
    wrapped = _Function(loaded.path, function, check, media=around.media, fitted=fitted)
    parts: list[Json] = [rests_on, wrapped.name, loaded.code.digest, output_identity(stage.output, corpus)]
    parts += [fitted.key] if fitted is not None else []
    ready = Readying(stage, around.folder, fitted)
    takes_lists = is_batch(function)
    if takes_lists and _is_a(function, inspect.isgeneratorfunction):
        raise ConfigurationError(f"Stage {stage.name!r}: a function that yields can't be marked with stagegap.batch.")
    if _is_a(function, inspect.iscoroutinefunction) or _is_a(function, inspect.isasyncgenfunction):
        if takes_lists:
            raise ConfigurationError(f"Stage {stage.name!r}: an async function can't be marked with stagegap.batch.")
        return AsyncPythonStage(wrapped, digest(parts), ready, loaded.code, timeout_s=stage.timeout_s)
    if stage.is_concurrent and stage.concurrency > 1 and not takes_lists:
        return ThreadedPythonStage(wrapped, digest(parts), ready, loaded.code, stage=stage)
    place = Place.of(stage, around)
    aside = Aside(place) if stage.is_timed else None
    return PythonStage(
        wrapped, digest(parts), ready, loaded.code, takes_lists=takes_lists, timeout_s=stage.timeout_s, aside=aside
    )


class PythonStage:
    """A plain function, called record by record, or with lists when it is marked with `batch`."""

    reads_record = False

    def __init__(
        self,
        function: _Function,
        fingerprint: str,
        ready: Readying,
        code: Code,
        *,
        takes_lists: bool,
        timeout_s: float,
        aside: Aside | None = None,
    ) -> None:
        """`aside` is the process in which it is called, for a stage whose `timeout` must hold whatever it does."""
        self.fingerprint = fingerprint
        self.code = code
        self.training, self.stays = ready.training, ready.stays
        self._ready = ready
        self._function = function
        self.takes_lists = takes_lists
        self._timeout_s = timeout_s
        self._caller = Caller()
        self._aside = aside

    @property
    def has_left(self) -> bool:
        """True once a call goes on in a thread that was left behind."""
        return self._caller.has_left

    def warm_up(self) -> None:
        """Call the user's function that gets the stage ready. Raises: ConfigurationError with what it raised."""
        if self._aside is not None:
            self._aside.start()
        elif self._ready.is_needed:
            [error] = self._caller.run(attempted, [self._ready], timeout_s=math.inf, overdue=None)
            if error is not None:
                raise error

    def answer_batch(self, inputs: Sequence[Inputs]) -> Sequence[Reply]:
        """Answer each input; what the function raises is `unparsable`, what takes too long infrastructure."""
        if self.takes_lists:
            return self._answer_lists(inputs)
        overdue = self._function.overdue(self._timeout_s)
        if self._aside is not None:
            return self._aside.run("answer", inputs, overdue=overdue, lost=self._function.lost)
        return self._caller.run(self._function.answer, inputs, timeout_s=self._timeout_s, overdue=overdue)

    def answered_at_once(self, inputs: Sequence[Inputs]) -> Sequence[Reply] | Reply | None:
        """What the function made of lists, one failure for all of them, or None where it took too long."""
        if self._aside is not None:
            [replies] = self._aside.run("answer_lists", [inputs], overdue=None, lost=self._function.lost)
            return replies
        [replies] = self._caller.run(self._function.answer_lists, [inputs], timeout_s=self._timeout_s, overdue=None)
        return replies

    def _answer_lists(self, inputs: Sequence[Inputs]) -> Sequence[Reply]:
        """Call the function once for all; where that fails, once for each record, to find the culprit.

        Where it takes too long, once for each half.
        """
        replies = self.answered_at_once(inputs)
        if replies is None:
            if len(inputs) == 1:
                return [self._function.overdue(self._timeout_s)]
            half = len(inputs) // 2
            return [*self._answer_lists(inputs[:half]), *self._answer_lists(inputs[half:])]
        if isinstance(replies, Reply):
            # The service is away for all of them, whoever asks.
            if replies.status is Status.INFRASTRUCTURE:
                return [replies] * len(inputs)
            return (
                [replies]
                if len(inputs) == 1
                else [reply for call_inputs in inputs for reply in self._answer_lists([call_inputs])]
            )
        return replies


class AsyncPythonStage:
    """A coroutine function: many calls at once."""

    reads_record = False

    def __init__(self, function: _Function, fingerprint: str, ready: Readying, code: Code, *, timeout_s: float) -> None:
        self.fingerprint = fingerprint
        self.code = code
        self.training, self.stays = ready.training, ready.stays
        self.warm_up = ready
        self._function = function
        self._timeout_s = timeout_s

    async def answer(self, inputs: Inputs) -> Reply:
        """Answer one input; what the function raises is `unparsable`, what takes too long infrastructure."""
        function = self._function
        deadline = time.monotonic() + self._timeout_s
        tries = function.tries()
        while True:
            reply = await ASYNC_CALLER.run(
                self._once,
                inputs,
                timeout_s=deadline - time.monotonic(),
                overdue=function.overdue(self._timeout_s),
                lost=function.failure(asyncio.CancelledError()),
            )
            if not isinstance(reply, Away):
                return function.decided(tries.told(reply))
            wait_s = tries.wait_after(reply)
            if wait_s is None:
                return function.decided(tries.told(reply.reply))
            if time.monotonic() + wait_s > deadline:
                return function.overdue(self._timeout_s)
            await asyncio.sleep(wait_s)

    async def _once(self, inputs: Inputs) -> Reply | Away:
        """Call it; what it raises is a reply."""
        try:
            return self._function.reply(await _awaited(self._function.called(inputs)))
        except TimeIsUp:
            return self._function.overdue(self._timeout_s)
        except BaseException as error:  # noqa: BLE001  # a foreign function may raise anything; it is data here
            return self._function.failure(error)

    async def close(self) -> None:
        """Nothing is held open."""


async def _awaited(value: object) -> object:
    """What an async function gives; of one that yields, the pieces of a text as the text.

    Raises: TypeError for pieces that are no text; what the function raises.
    """
    if not isinstance(value, AsyncIterator):
        return await cast("Awaitable[object]", value)
    pieces: list[str] = []
    async for piece in cast("AsyncIterator[object]", value):
        if not isinstance(piece, str):
            raise TypeError(f"an async function that yields gives the pieces of a text, found {as_written(piece)}")
        pieces.append(piece)
    return "".join(pieces)


class ThreadedPythonStage:
    """A plain function that is called in several threads at once, because the file or the command says so."""

    reads_record = False

    def __init__(self, function: _Function, fingerprint: str, ready: Readying, code: Code, *, stage: Stage) -> None:
        self.fingerprint = fingerprint
        self.code = code
        self.training, self.stays = ready.training, ready.stays
        self.warm_up = ready
        self._function = function
        self._timeout_s = stage.timeout_s
        self._concurrency = stage.concurrency
        self._threads: ThreadPoolExecutor | None = None
        self._free: list[Caller] = []
        """Threads of calls that are over: what belongs to a thread (a connection) serves the next one."""

    async def answer(self, inputs: Inputs) -> Reply:
        """Answer one input; what the function raises is `unparsable`, what takes too long infrastructure."""
        if self._threads is None:
            self._threads = ThreadPoolExecutor(self._concurrency, thread_name_prefix="stagegap-function")
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._answer, inputs)

    def _answer(self, inputs: Inputs) -> Reply:
        # Taking from a list and adding to it are one step each.
        try:
            caller = self._free.pop()
        except IndexError:
            caller = Caller()
        overdue = self._function.overdue(self._timeout_s)
        [reply] = caller.run(self._function.answer, [inputs], timeout_s=self._timeout_s, overdue=overdue)
        self._free.append(caller)
        return reply

    async def close(self) -> None:
        """End the threads."""
        threads, self._threads = self._threads, None
        self._free.clear()
        if threads is not None:
            threads.shutdown(wait=False)


class _Function:
    """The user's function, and what becomes of what it gives or raises."""

    def __init__(
        self, path: Path, call: Callable[..., object], check: Check, *, media: Path | None, fitted: Fitted | None = None
    ) -> None:
        self._call = call
        self._fitted = fitted
        self._media = media
        self._lost = 0
        """Calls in a row whose service stayed away."""
        own = call.func if isinstance(call, partial) else call
        self.name = str(getattr(own, "__name__", type(own).__name__))
        self._path = path
        self._check = check

    def called(self, inputs: Inputs) -> object:
        """What the function gives for one record. Raises: whatever it raises, and MediaError."""
        return self._call(*self._first, **with_paths(inputs, self._media))

    @property
    def _first(self) -> tuple[object, ...]:
        """What the function is given before the inputs: what was learned, where the stage learns."""
        return () if self._fitted is None else (self._fitted.product,)

    def answer(self, inputs: Inputs) -> Reply:
        """Call the function for one record, again where a service was away; whatever it raises is a reply."""
        return self._persistently(lambda: self._once(inputs))

    def _once(self, inputs: Inputs) -> Reply | Away:
        try:
            return self.reply(self.called(inputs))
        except TimeIsUp:
            raise
        except BaseException as error:  # noqa: BLE001  # a foreign function may raise anything; it is data here
            return self.failure(error)

    def answer_lists(self, inputs: Sequence[Inputs]) -> Sequence[Reply] | Reply:
        """Call the function once for several records, as `answer` does; whatever it raises is one reply."""
        return self._persistently(lambda: self._once_for_all(inputs))

    def _once_for_all(self, inputs: Sequence[Inputs]) -> Sequence[Reply] | Reply | Away:
        try:
            given = [with_paths(entry, self._media) for entry in inputs]
            replies = self._call(*self._first, **{name: [entry[name] for entry in given] for name in inputs[0]})
            is_list = isinstance(replies, Sequence) and not isinstance(replies, str)
            if not is_list or len(cast("Sequence[object]", replies)) != len(inputs):
                raise TypeError(f"a batch function gives a list with one entry a record, {len(inputs)} here")
            return [self.reply(entry) for entry in cast("Sequence[object]", replies)]
        except TimeIsUp:
            raise
        except BaseException as error:  # noqa: BLE001  # a foreign function may raise anything; it is data here
            return self.failure(error)

    def tries(self) -> Tries:
        """The attempts of a call: one only, where calls before it found that waiting does not help."""
        return Tries(WAITS_S if self._lost < MOST_LOST else ())

    def decided(self, reply: T) -> T:
        """What became of a call, noted for those that follow."""
        is_lost = isinstance(reply, Reply) and reply.status is Status.INFRASTRUCTURE
        self._lost = self._lost + 1 if is_lost else 0
        return reply

    def _persistently(self, once: Callable[[], T | Away]) -> T | Reply:
        """Call until the service is there, a few times."""
        tries = self.tries()
        while isinstance(result := once(), Away):
            wait_s = tries.wait_after(result)
            if wait_s is None:
                return self.decided(tries.told(result.reply))
            time.sleep(wait_s)
        return self.decided(tries.told(result) if isinstance(result, Reply) else result)

    def overdue(self, timeout_s: float) -> Reply:
        """The reply for a call that did not end in time: nobody knows what it would have said."""
        message = f"{self.name} gave no answer within {timeout_s:g} s"
        return Reply(status=Status.INFRASTRUCTURE, error=message, is_reusable=False)

    def lost(self, ended: str) -> Reply:
        """The reply for a call that ended its process."""
        return Reply(status=Status.ERROR, error=f"{self.name} gave no answer: {ended}", is_reusable=False)

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

    def failure(self, error: BaseException) -> Reply | Away:
        """The reply for an exception: its type, its message and the line of the user's file it came through."""
        frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(self._path)]
        place = f" ({self._path.name}:{frames[-1].lineno})" if frames else ""
        message = f"{self.name} raised {error_text(error)[:MAX_ERROR]}{place}"
        if is_unavailable(error):
            after_s = error.after_s if isinstance(error, Unavailable) else None
            return Away(Reply(status=Status.INFRASTRUCTURE, error=message, is_reusable=False), after_s)
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
    cost = None if answered.cost is None else float(answered.cost)
    if cost is not None and not 0 <= cost < math.inf:
        raise ValueError(f"A cost is a number of US dollars from 0 on, found {cost}.")
    for tokens in (answered.tokens_in, answered.tokens_out):
        if tokens is not None and not (type(tokens) is int and 0 <= tokens < 2**40):
            raise ValueError(f"Tokens are a whole number from 0 on, found {as_written(tokens)}.")
    return Reply(
        value=value,
        confidence=confidence,
        scores=scores,
        alternatives=alternatives,
        cost=cost,
        tokens_in=answered.tokens_in,
        tokens_out=answered.tokens_out,
        raw=str(answered.raw)[:MOST_RAW],
        attempts=tuple(answered.attempts),
    )


def _is_a(call: Callable[..., object], asks: Callable[[object], bool]) -> bool:
    """Whether a function, what `functools.partial` made of one, or an object that can be called is of a kind."""
    return asks(call) or asks(getattr(call, "__call__", None))  # noqa: B004  # its own method is what is asked about


def _raw(value: object) -> str:
    return as_written(value, most=2_000)


def _loaded(stage: Stage, folder: Path) -> UserFunction:
    """The function that a stage names. Raises: ConfigurationError when it can't be called with the stage's inputs."""
    where = str(stage.parameters["function"])
    start = f"Stage {stage.name!r}: the function {where!r}"
    function = function_at(where, folder, start=start)
    try:
        first = (None,) if stage.parameters.get("fit") else ()
        inspect.signature(function.call).bind(*first, **dict.fromkeys(stage.inputs))
    except TypeError as error:
        inputs = ", ".join(stage.inputs)
        raise ConfigurationError(f"{start} can't be called with the inputs {inputs}: {error}.") from None
    return function


def study_python(draft: Draft, _: Mapping[str, str]) -> Iterator[Remark]:
    """Whether the function can be called with the inputs, and uses them."""
    settings = draft.of(PythonWith)
    yield from call_remarks(settings.function, draft.inputs, first=settings.fit is not None)
    if settings.warm_up is not None:
        remark = count_remark(settings.warm_up, 0, what="no argument, as a warm-up is")
        if remark is not None:
            yield remark


def check_python(draft: Draft) -> Iterator[Problem]:
    """What does not fit between a function that trains and what it would learn from."""
    settings = draft.of(PythonWith)
    return fit_problems(draft, fit=settings.fit, train=settings.train, has_settings=bool(settings.settings))


KIND = StageKind(
    summary="Answers by a function of your own.",
    settings=PythonWith,
    build=build_python,
    check=check_python,
    learns_from=split_of,
    study=study_python,
    takes_files=True,
)
