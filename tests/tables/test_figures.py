"""One place prints a figure; everything else asks it."""

from __future__ import annotations

import ast
import math
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stagegap.model.estimate import Estimate, unmeasured
from stagegap.tables.figures import Unit, figure, interval, percent, printed, span, staircase, whole_points

SOURCE = Path(str(files("stagegap")))
LIMITS = {"low", "high"}
BENEATH = ("tables", "model", "stages", "spec", "exchange", "store", "stats")
"""Rooms that print no figure of a view: their limits are those of a scale or of an argument."""
MODULES = sorted(path for path in SOURCE.rglob("*.py") if path.relative_to(SOURCE).parts[0] not in BENEATH)


def _estimate(value: float, low: float, high: float) -> Estimate:
    return Estimate(value=value, low=low, high=high, n=60, method="x")


def _printed_limits(path: Path) -> Iterator[int]:
    """Lines that write a limit of an interval into a text; places on a picture are calls (`plot.y(one.low)`)."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FormattedValue):
            value = node.value
            if isinstance(value, ast.Call) and ast.unparse(value.func) in ("str", "abs", "round", "percent"):
                value = value.args[0]
            if isinstance(value, ast.Attribute) and value.attr in LIMITS:
                yield node.lineno


def _signs(path: Path) -> Iterator[int]:
    """Lines that make a plus by a format, or a true minus out of a hyphen."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FormattedValue) and ast.unparse(node.format_spec or node.value).startswith("f'+"):
            yield node.lineno
        if isinstance(node, ast.Call) and [ast.unparse(argument) for argument in node.args] == ["'-'", "'−'"]:
            yield node.lineno


def test_no_other_module_writes_the_limits_of_an_interval_into_a_text():
    assert {str(path.relative_to(SOURCE)): lines for path in MODULES if (lines := list(_printed_limits(path)))} == {}


def test_no_other_module_makes_true_minus_signs_or_plus_signs():
    assert {str(path.relative_to(SOURCE)): lines for path in MODULES if (lines := list(_signs(path)))} == {}


def test_a_sentence_and_a_table_print_the_same_interval():
    gap = _estimate(0.08, -0.012, 0.171)
    assert interval(gap) == "95% interval −1 to 17"
    assert figure(gap, Unit.POINTS) == "+8 (−1 to 17)"


def test_zero_has_no_sign_in_any_unit():
    zeros = [printed(value, unit) for value in (0.0, -0.001, 0.001) for unit in (Unit.SHARE, Unit.POINTS, Unit.NUMBER)]
    assert set(zeros) == {"0%", "0", "0.00"}


@given(
    st.sampled_from([Unit.SHARE, Unit.POINTS, Unit.NUMBER, Unit.MONEY, Unit.SECONDS]),
    st.lists(st.floats(-1, 1), min_size=3, max_size=3),
)
def test_no_figure_has_a_hyphen_for_a_minus(unit: Unit, values: list[float]):
    low, value, high = sorted(values)
    text = figure(_estimate(value, low, high), unit)
    assert "-" not in text
    assert span(_estimate(value, low, high), unit) in text


@pytest.mark.parametrize("unit", list(Unit))
def test_what_is_not_measured_is_a_dash(unit: Unit):
    assert figure(unmeasured("too few: 2 of 30"), unit) == printed(math.nan, unit) == "-"


def test_an_interval_names_its_level():
    assert interval(Estimate(value=0.2, low=0.155, high=0.244, n=10, method="m", level=0.9)) == "90% interval 16 to 24"


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=8), st.floats(0, 1))
def test_printed_steps_lead_from_the_printed_system_to_the_printed_ceiling(gains: list[float], system: float):
    ceiling = system + sum(gains)
    today, points, top = staircase(system, gains, ceiling)
    assert today + sum(points) == top
    assert (today, top) == (percent(system), percent(ceiling))
    assert all(abs(p - 100 * g) < 2 for p, g in zip(points, gains, strict=True))


@pytest.mark.parametrize(
    ("parts", "total", "points"),
    [
        ([0.334, 0.333, 0.333], 100, (34, 33, 33)),
        ([0.005, 0.005], 1, (1, 0)),
        ([-0.024, 0.104], 8, (-2, 10)),
        ([0.10, 0.20], 29, (10, 19)),
        ([], 0, ()),
    ],
)
def test_largest_remainder(parts: list[float], total: int, points: tuple[int, ...]):
    assert whole_points(parts, total) == points


def test_halves_are_rounded_away_from_zero():
    assert [percent(x) for x in (0.125, 0.135, -0.125, 0.995)] == [13, 14, -13, 100]
