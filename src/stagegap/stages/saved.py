"""Estimators that were trained elsewhere and saved: skops files, and joblib files of the project itself."""

from __future__ import annotations

from hashlib import sha256
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeAlias

from stagegap.errors import ConfigurationError

Untyped: TypeAlias = Any
"""An object of scikit-learn, which ships no types."""
KINDS = (".skops", ".joblib")


class Saved:
    """The file of an estimator; it is read when it is first asked."""

    def __init__(self, stage: str, file: str, folder: Path) -> None:
        """Raises: ConfigurationError for a file that is none, of another kind, or outside the folder.

        Reading a joblib file runs whatever code stands in it, so only what lies in the project is read, links followed.
        """
        self._stage = stage
        path = folder / file
        self._path = path.resolve()
        start = f"Stage {stage!r}: the saved estimator {file!r}"
        if path.suffix not in KINDS:
            raise ConfigurationError(f"{start} must be a {' or '.join(KINDS)} file.")
        if not self._path.is_relative_to(folder.resolve()):
            raise ConfigurationError(
                f"{start} lies outside {folder}: reading it could run a stranger's code. Copy it into the project."
            )
        if not self._path.is_file():
            raise ConfigurationError(f"{start} is no file.")
        self.digest = sha256(self._path.read_bytes()).hexdigest()

    def read(self) -> Untyped:
        """The estimator. Raises: ConfigurationError where it can't be read, or holds what can't be trusted."""
        start = f"Stage {self._stage!r}: the saved estimator {self._path.name!r}"
        if self._path.suffix == ".joblib":
            try:
                model: Untyped = import_module("joblib").load(self._path)
            except Exception as error:  # what a pickle holds may raise anything
                raise ConfigurationError(f"{start} can't be read: {type(error).__name__}: {error}.") from error
            return model
        if find_spec("skops") is None:
            raise ConfigurationError(f"{start} needs the package skops: pip install skops.")
        skops: Untyped = import_module("skops.io")
        try:
            strange = skops.get_untrusted_types(file=self._path)
            loaded: Untyped = None if strange else skops.load(self._path, trusted=[])
        except Exception as error:  # no archive, or one whose parts do not fit
            raise ConfigurationError(f"{start} can't be read: {type(error).__name__}: {error}.") from error
        if strange:
            raise ConfigurationError(f"{start} holds types that are not known to be safe: {', '.join(strange)}.")
        return loaded
