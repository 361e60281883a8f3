"""Pictures, recordings and documents among a stage's inputs, as the code that is called wants them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import cast

from stagegap.media import file_of
from stagegap.model.media import Media, media_of
from stagegap.model.record import Json
from stagegap.stages.protocol import Inputs


def with_paths(inputs: Inputs, root: Path | None) -> Mapping[str, object]:
    """The inputs with each file as its path; as they are where the records have none, which `root` None says.

    Raises: MediaError for a file that is gone or was changed since the records were read.
    """
    return inputs if root is None else with_files(inputs, lambda media: file_of(root, media))


def with_path_texts(inputs: Inputs, root: Path | None) -> Inputs:
    """The same with paths as texts, for programs of any language. Raises: MediaError."""
    return inputs if root is None else cast("Inputs", with_files(inputs, lambda media: str(file_of(root, media))))


def with_files(inputs: Inputs, make: Callable[[Media], object]) -> Mapping[str, object]:
    """The inputs with what is made of each file in its place, however deep it lies."""
    return {name: _with_files(value, make) for name, value in inputs.items()}


def _with_files(value: Json, make: Callable[[Media], object]) -> object:
    media = media_of(value)
    if media is not None:
        return make(media)
    if isinstance(value, Mapping):
        return {key: _with_files(entry, make) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_with_files(entry, make) for entry in value]
    return value
