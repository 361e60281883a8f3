from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from spec.folders import Folder
from stagegap.errors import SpecError

Problems = Callable[..., list[str]]


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


@pytest.fixture
def problems(folder: Folder) -> Problems:
    """The problems of a text, or of BASE with one thing changed, as `line: message hint`."""

    def found(*change: str, environment: Mapping[str, str] | None = None) -> list[str]:
        load = folder.load if len(change) == 1 else folder.changed
        with pytest.raises(SpecError) as caught:
            load(*change, environment)
        assert "Traceback" not in str(caught.value)
        prefix = f"{folder.path}/"
        return [str(p).replace(prefix, "").removeprefix("cascade.yaml:") for p in caught.value.problems]

    return found
