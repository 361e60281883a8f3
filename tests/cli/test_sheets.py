from __future__ import annotations

from pathlib import Path

import pytest
from rich.cells import cell_len

from cli.conftest import Command
from cli.test_attributing import ran
from stagegap.cli.printed import draw_table
from stagegap.tables.figures import Unit
from stagegap.tables.table import Column, Table

__all__ = ["ran"]
WIDEST = {"blame": "Stage", "slices": "Group", "faults": "Stage", "agree": "Stage", "need": "Stage"}


def text(name: str, **more: object) -> Column:
    return Column(name=name, unit=Unit.TEXT, **more)  # type: ignore[arg-type]  # one of the fields each time


def table() -> Table:
    return Table(
        columns=(
            text("Stage"),
            Column(name="Gain", unit=Unit.POINTS),
            Column(name="Hazard", unit=Unit.SHARE, spare=2),
            Column(name="p", unit=Unit.P, spare=1),
        ),
        rows=(("retrieve", "+29 (24 to 34)", "34% (27 to 43)", 0.0002), ("a\x1b[2Jb", None, None, None)),
    )


def shown(width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> list[str]:
    monkeypatch.setenv("COLUMNS", str(width))
    draw_table(table())
    return [line.rstrip() for line in capsys.readouterr().out.splitlines()]


def test_a_wide_terminal_shows_every_column(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    assert shown(80, monkeypatch, capsys) == [
        "Stage                Gain          Hazard       p",
        "retrieve   +29 (24 to 34)  34% (27 to 43)  <0.001",
        "a\\x1b[2Jb               -               -       -",
    ]


def test_a_narrow_one_leaves_columns_out_and_says_which(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    assert shown(45, monkeypatch, capsys) == [
        "Stage                Gain          Hazard",
        "retrieve   +29 (24 to 34)  34% (27 to 43)",
        "a\\x1b[2Jb               -               -",
        "No room here for p: a wider terminal shows it all, --json has it.",
    ]
    assert shown(30, monkeypatch, capsys)[-1].startswith("No room here for Hazard and p:")


def test_the_narrowest_cuts_rather_than_folds(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    assert len(shown(12, monkeypatch, capsys)) == 4


def test_only_the_column_that_may_be_cut_is_shortened(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setenv("COLUMNS", "40")
    columns = (text("Record"), text("First fault"), text("Begins", is_cut=True))
    rows = (
        ("E-0001", "retrieve", "Where is my parcel, and who can tell me\x1b[2J"),
        ("E-0002", "draft", "Hi"),
    )
    draw_table(Table(columns=columns, rows=rows))
    assert [line.rstrip() for line in capsys.readouterr().out.splitlines()] == [
        "Record  First fault  Begins",
        "E-0001  retrieve     Where is my parcel…",
        "E-0002  draft        Hi",
    ]
    draw_table(Table(columns=columns, rows=()))
    assert not capsys.readouterr().out


def test_tables_of_attribution_fit_eighty_columns(
    ran: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    for name, first in WIDEST.items():
        lines = ran("show", name).out.splitlines()
        start = next(i for i, line in enumerate(lines) if line.startswith(first))
        rows = lines[start : start + 3]
        assert max(cell_len(row) for row in rows) <= 80, name
        assert all(row[:1].strip() for row in rows), f"{name} folds a row"


def test_headings_fold_before_a_figure_is_cut(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    columns = (text("Nobody's answer alone is enough"), Column(name="Undecided", unit=Unit.COUNT),
               Column(name="Gain at the end", unit=Unit.COUNT))  # fmt: skip
    draw_table(Table(columns=columns, rows=(("route", 1_234, 5),)))
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 40
    assert lines[-1].split() == ["route", "1,234", "5"]
    assert "Nobody's" in lines[0]
    assert not any("…" in line for line in lines)
