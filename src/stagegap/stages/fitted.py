"""Stages that learn: a function of the user's own is given a split, and what it makes is kept by what decides it."""

from __future__ import annotations

import inspect
import io
import math
import pickle
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Protocol, SupportsFloat, cast

from stagegap.errors import ConfigurationError
from stagegap.model.canonical import canonical, digest
from stagegap.model.cascade import Kind, Stage
from stagegap.model.record import Json
from stagegap.model.wording import listed
from stagegap.stages.acceptance import as_written
from stagegap.stages.attachments import with_paths
from stagegap.stages.foundation import named_digest
from stagegap.stages.function import error_text, function_at
from stagegap.stages.guards import FOREIGN
from stagegap.stages.kinds import Draft, Surroundings
from stagegap.stages.settings import Parameters, Problem

MOST_STEPS = 100_000
MOST_NAMES = 20
"""Values of one step."""


class Shelf(Protocol):
    """Where it is kept what stages made when they were trained, and what they logged."""

    def read(self, key: str, /) -> bytes | None:
        """What was made under this key; None where nothing was."""
        ...

    def keep(self, key: str, body: bytes, /) -> None:
        """Keep what was made."""
        ...

    def alone(self, key: str, /) -> AbstractContextManager[None]:
        """Keep other processes from making the same meanwhile."""
        ...

    def begin(self, key: str, /, *, records: int, prior: float) -> None:
        """Begin a log."""
        ...

    def log(self, key: str, step: float, values: Mapping[str, float], /) -> None:
        """Add a step to it."""
        ...

    def end(self, key: str, /, *, seconds: float, error: str) -> None:
        """Note that the training is over."""
        ...


class NoShelf:
    """Keeps nothing: for a stage that is taught for a trial."""

    def read(self, _: str, /) -> bytes | None:
        return None

    def keep(self, _key: str, _body: bytes, /) -> None: ...

    def alone(self, _: str, /) -> AbstractContextManager[None]:
        return nullcontext()

    def begin(self, _: str, /, *, records: int, prior: float) -> None: ...

    def log(self, _key: str, _step: float, _values: Mapping[str, float], /) -> None: ...

    def end(self, _: str, /, *, seconds: float, error: str) -> None: ...


class Log:
    """What a training is handed to say how far it is: `log(step, loss=0.31, held_out_score=0.84)`."""

    def __init__(self, shelf: Shelf, key: str) -> None:
        self._shelf = shelf
        self._key = key
        self._count = 0

    def __call__(self, step: SupportsFloat, /, **values: SupportsFloat) -> None:
        """Log the values of a step. Raises: TypeError, ValueError for what is none."""
        self._count += 1
        if self._count > MOST_STEPS:
            raise ValueError(f"log takes at most {MOST_STEPS:,} steps of a training: log every tenth, say")
        if not 1 <= len(values) <= MOST_NAMES:
            raise ValueError(f"log takes 1 to {MOST_NAMES} values of a step, found {len(values)}")
        place = _number("step", step)
        if not math.isfinite(place):
            raise ValueError(f"the step is a finite number, found {place}")
        self._shelf.log(self._key, place, {name: _number(name, value) for name, value in values.items()})


@contextmanager
def logged(
    shelf: Shelf, key: str, *, records: int, prior: float, reason: Callable[[BaseException], str]
) -> Generator[Log]:
    """A training from its begin to its end, and what it logs; where it raises, the reason is noted."""
    begun, error = time.monotonic(), ""
    shelf.begin(key, records=records, prior=prior)
    try:
        yield Log(shelf, key)
    except BaseException as raised:  # a foreign function may raise anything
        error = reason(raised)
        raise
    finally:
        shelf.end(key, seconds=time.monotonic() - begun, error=error)


def _number(name: str, value: object) -> float:
    if isinstance(value, bool | str) or not isinstance(value, SupportsFloat):
        raise TypeError(f"{name} is a number, found {as_written(value)}")
    return float(value)


def learning_problems(draft: Draft, train: str | None, *, who: str) -> Iterator[Problem]:
    """Why a stage can't learn from a split: there are no references, no splits, or it would be scored on it."""
    key = ("with", "train")
    if not draft.has_references:
        yield Problem(key, f"{who} learns from references, and the file has none.", "Add `references`.")
    if not draft.has_split:
        yield Problem(key, "train names a split, and records has no key split.", "Add `split: FIELD`.")
    elif draft.evaluates is None:
        message = f"the records of the split {train!r}, which the stage learns from, would be scored with all others."
        yield Problem(key, message, "Name the split that is scored: `evaluate: test`.")
    if draft.evaluates == train is not None:
        message = f"the stage learns from the split {train!r}, which is the one that is scored."
        yield Problem(key, message, "Learn from another split.")


def fit_problems(draft: Draft, *, fit: str | None, train: str | None, has_settings: bool) -> Iterator[Problem]:
    """What does not fit between a function that trains and what it would learn from."""
    if fit is None:
        keys = [name for name, is_there in (("train", train is not None), ("settings", has_settings)) if is_there]
        if keys:
            message = f"{listed(keys)} {'says' if keys == ['train'] else 'say'} what `fit` is given, and there is none."
            yield Problem(("with", keys[0]), message, "Add `fit: file.py:function`.")
    elif train is None:
        yield Problem(("with", "fit"), "fit needs `train`, the split that it learns from.")
    else:
        yield from learning_problems(draft, train, who="fit")


def split_of(parameters: Parameters) -> str | None:
    """The split that a stage with these settings learns from; None where it learns from none."""
    return cast("str | None", parameters.get("train"))


def prior_of(stage: Stage, references: Sequence[Json]) -> float:
    """Entropy of the shares of the references in nats; NaN where they are no classes.

    >>> from stagegap.model.cascade import OutputType
    >>> stage = Stage(name="a", uses="python", inputs={}, output=OutputType(kind=Kind.BOOLEAN), metrics=())
    >>> round(prior_of(stage, [True, False]), 3)
    0.693
    """
    if stage.output.kind not in (Kind.LABEL, Kind.BOOLEAN) or not references:
        return math.nan
    shares = [count / len(references) for count in Counter(map(canonical, references)).values()]
    return -sum(share * math.log(share) for share in shares)


class Fitted:
    """What a stage's `fit` makes: made once for the same code, settings and data, by one process."""

    def __init__(self, stage: Stage, around: Surroundings) -> None:
        """Raises: ConfigurationError for a function that can't be called so, or a split without references."""
        where = str(stage.parameters["fit"])
        self._start = f"Stage {stage.name!r}: the function {where!r}"
        self._settings = cast("Mapping[str, Json]", stage.parameters.get("settings") or {})
        function = function_at(where, around.folder, start=self._start)
        self._call = function.call
        self._refuse_unfit()
        if not around.examples:
            split = stage.parameters.get("train")
            raise ConfigurationError(
                f"Stage {stage.name!r} can't learn: no record of the split {split!r} has a reference at it."
            )
        # In an order of their own, so that files may be re-ordered.
        examples = sorted(around.examples, key=lambda example: canonical([dict(example[0]), example[1]]))
        self._records = [inputs for inputs, _ in examples]
        self._references = [reference for _, reference in examples]
        self._media = around.media
        self._prior = prior_of(stage, self._references)
        self._shelf = around.shelf or NoShelf()
        named = named_digest(stage.rests_on, folder=around.folder, environment=around.environment)
        own: Json = [where.rpartition(":")[2], self._settings]  # the folder may be another on each machine
        data = digest([[dict(inputs), reference] for inputs, reference in examples])
        self.key = digest(["fit", own, function.code.digest, named, data])
        self._lock = threading.Lock()
        self._product: tuple[object] | None = None

    def get_ready(self) -> None:
        """Read what was made, or make it. Raises: ConfigurationError with what the function raised."""
        with self._lock:
            if self._product is None:
                with self._shelf.alone(self.key):
                    self._product = self._read(self._shelf.read(self.key)) or self._trained()

    @property
    def product(self) -> object:
        """What the function made; it is made or read first where that was not done."""
        self.get_ready()
        assert self._product is not None, "it is ready"
        return self._product[0]

    def _refuse_unfit(self) -> None:
        if inspect.iscoroutinefunction(self._call):
            raise ConfigurationError(f"{self._start} is async: a training is called once, write a plain function.")
        try:
            inspect.signature(self._call).bind([], [], None, **self._settings)
        except TypeError as error:
            names = ", ".join(["records, references, log", *self._settings])
            raise ConfigurationError(f"{self._start} can't be called with {names}: {error}.") from None

    def _trained(self) -> tuple[object]:
        """Call the function, keep what it gives, and give what is read from that: first and later runs have the same.

        Raises: ConfigurationError.
        """
        records = [with_paths(inputs, self._media) for inputs in self._records]
        try:
            with logged(self._shelf, self.key, records=len(records), prior=self._prior, reason=error_text) as log:
                product = self._call(records, list(self._references), log, **self._settings)
        except BaseException as raised:  # a foreign function may raise anything
            raise ConfigurationError(f"{self._start} could not train the stage: {error_text(raised)}.") from raised
        try:
            body = pickle.dumps(product)
            copy = self._unpickled(body)
        except Exception as raised:  # what is pickled is foreign
            raise ConfigurationError(
                f"{self._start} gave what can't be kept: {error_text(raised)}. "
                "Give back what pickle can write: numbers, arrays, dicts, an estimator, the weights of a model."
            ) from raised
        self._shelf.keep(self.key, body)
        return (copy,)

    def _read(self, body: bytes | None) -> tuple[object] | None:
        """What was kept; None where nothing was, or where the installed packages can't read it any more."""
        if body is None:
            return None
        try:
            return (self._unpickled(body),)
        except Exception:  # noqa: BLE001  # packages have changed since: it is made again
            return None

    def _unpickled(self, body: bytes) -> object:
        return _Reader(body, self._call).load()


class _Reader(pickle.Unpickler):
    """Finds classes of the user's own file although its private module has another name in another folder."""

    def __init__(self, body: bytes, call: Callable[..., object]) -> None:
        super().__init__(io.BytesIO(body))
        self._home = call.__module__

    def find_class(self, module: str, name: str) -> object:  # type: ignore[override]  # the stubs say Any
        is_elsewhere = module.startswith(FOREIGN) and module not in sys.modules
        return super().find_class(self._home if is_elsewhere else module, name)


class Readying:
    """What a stage needs before its first answer, done once: the user's warm-up, and what it learns."""

    def __init__(self, stage: Stage, folder: Path, fitted: Fitted | None) -> None:
        """Raises: ConfigurationError for a function that can't be had."""
        where = stage.parameters.get("warm_up")
        self.is_needed = where is not None or fitted is not None
        self.training = "" if fitted is None else fitted.key
        self.stays = fitted is not None
        self._fitted = fitted
        self._start = f"Stage {stage.name!r}: the function {where!r}"
        self._lock = threading.Lock()
        self._call = None if where is None else function_at(str(where), folder, start=self._start).call

    def __call__(self) -> None:
        """Get it ready, the first time. Raises: ConfigurationError with what was raised: no answer can follow."""
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
            if self._fitted is not None:
                self._fitted.get_ready()


def attempted(ready: Readying) -> ConfigurationError | None:
    """Why a stage can't be had ready; None where it is."""
    try:
        ready()
    except ConfigurationError as error:
        return error
    return None
