from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from spec.folders import BASE, Folder
from stagegap.errors import SpecError

Problems = Callable[..., list[str]]


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


@pytest.fixture
def problems(folder: Folder) -> Problems:
    """The problems of a text, or of BASE with one thing changed, as `line: message hint`."""

    def found(*change: str, environment: Mapping[str, str] | None = None) -> list[str]:
        text = change[0]
        if len(change) > 1:
            assert text in BASE
            text = BASE.replace(text, change[1], 1)
        with pytest.raises(SpecError) as caught:
            folder.load(text, environment)
        assert "Traceback" not in str(caught.value)
        prefix = f"{folder.path}/"
        return [str(p).replace(prefix, "").removeprefix("cascade.yaml:") for p in caught.value.problems]

    return found
