"""A key that is sent to a provider is nowhere else: not in the store, not in what is printed, not in a report."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import llm_server
from killed_runs import Project
from stagegap.store import Store

KEY = "sk-canary-7d1f9c"
FAULTS = ["", "refusal", "too_long", "filtered", "500", "half_body", "page"]


@pytest.fixture
def server() -> Iterator[llm_server.LlmServer]:
    with llm_server.running() as found:
        yield found


def test_a_key_is_sent_and_found_nowhere_else(
    tmp_path: Path, server: llm_server.LlmServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODEL_KEY", KEY)
    project = Project(tmp_path, server)
    project.write(len(FAULTS))
    cascade = tmp_path / "pipelines" / "cascade.yaml"
    words = cascade.read_text().replace("model: m", "model: m, api_key: '${MODEL_KEY}'")
    cascade.write_text(words.replace("concurrency: 8", "concurrency: 1\n    timeout: 2"))
    said = ""
    for settings in ({"faults": FAULTS}, {"always": "401"}):
        server.answers(**settings)
        with project.start("--fresh") as process:
            said += "".join(process.communicate())
        assert server.counters()["authorization"] == f"Bearer {KEY}"
    assert "refuses every call" in said
    assert KEY not in said
    with Store.open(tmp_path / ".stagegap") as store:
        assert len(store.runs()) == 2
        store.export(tmp_path / "tables")
    holding = [path for path in tmp_path.rglob("*") if path.is_file() and KEY.encode() in path.read_bytes()]
    assert holding == []
    assert _cells_with(KEY, tmp_path / "tables") == []


def _cells_with(text: str, folder: Path) -> list[str]:
    """Look into the tables themselves: in a file, texts may be compressed."""
    import duckdb

    with duckdb.connect() as db:
        tables = sorted(folder.glob("*.parquet"))
        assert tables
        return [
            table.name
            for table in tables
            if db.execute(f"select count(*) from '{table}' t where contains(t::varchar, ?)", [text]).fetchall()[0][0]
        ]
