from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from stagegap.store import Store
from store.material import records, run


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / ".stagegap"


@pytest.fixture
def store(folder: Path) -> Iterator[Store]:
    """A store without a drain thread, with ten records and one run of the cascade `mail`."""
    with Store.open(folder, drain=False, patience_s=0.2) as opened:
        opened.put_records("mail", records(10))
        opened.create_run(run())
        yield opened
