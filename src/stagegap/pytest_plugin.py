"""A plugin of pytest: tests of a cascade, one a record, one a slice, or one for a whole stage.

    @pytest.mark.stagegap(cascade="support-email", stage="route", by="slice")
    def test_every_language_is_routed(stagegap_case):
        assert stagegap_case.score.low >= 0.8

The cascade runs once a session, on the first such test. Quality is what the test asserts; a service that fails is an
error, and what can't be told is skipped. Nothing of stagegap is imported before a test carries the marker.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from stagegap.analysis.answers import GroupScore, ScoredAnswer
    from stagegap.workspace import Case, Wanted, Workspace

MARKER = "stagegap"
CASE = "stagegap_case"
_HELP = (
    f"{MARKER}(cascade, stage='outcome', by='record', limit=None, filter='', sample=None, seed=0): what the cascade "
    f"answers, as the argument {CASE}; by 'record', by 'slice', or 'stage' for all records together"
)
_SEEN = pytest.StashKey[dict["Wanted", Mapping[str, "Case"]]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the switch and the setting."""
    parser.getgroup("stagegap").addoption(
        "--stagegap-offline",
        action="store_true",
        help="Ask no service: what is not known yet is skipped. STAGEGAP_OFFLINE=1 does the same.",
    )
    parser.addini("stagegap_folder", "Folder of the stagegap project, from the root of the tests.", default="")


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line("markers", _HELP)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make one test of each case."""
    marker = metafunc.definition.get_closest_marker(MARKER)
    if marker is None:
        return
    from stagegap.errors import StagegapError
    from stagegap.workspace import case_names

    if CASE not in metafunc.fixturenames:
        pytest.fail(f"{metafunc.function.__name__} has the marker {MARKER} and takes no {CASE}.", pytrace=False)
    try:
        wanted = _wanted(marker)
        with _workspace(metafunc.config) as workspace:
            names = case_names(workspace, wanted)
    except StagegapError as error:
        pytest.fail(f"{metafunc.function.__name__}: {error}", pytrace=False)
    metafunc.parametrize(CASE, names, ids=[name.replace(": ", "=") for name in names], indirect=True)


@pytest.fixture(name=CASE)
def stagegap_case(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> ScoredAnswer | GroupScore:
    """What the cascade answered at one record, or how good it is on one slice."""
    from stagegap.errors import StagegapError
    from stagegap.workspace import NotAsked, cases, one_run

    marker = request.node.get_closest_marker(MARKER)
    if marker is None:
        pytest.fail(f"{CASE} needs the marker: @pytest.mark.{MARKER}(cascade=..., stage=...)", pytrace=False)
    wanted, seen = _wanted(marker), request.config.stash.setdefault(_SEEN, {})
    if wanted not in seen:
        base = tmp_path_factory.getbasetemp()
        shared = base.parent if hasattr(request.config, "workerinput") else base
        try:
            with _workspace(request.config) as workspace:
                run = one_run(workspace, wanted, shared=shared, offline=_is_offline(request.config))
                seen[wanted] = cases(workspace, wanted, run)
        except NotAsked as reason:
            pytest.skip(str(reason))
        except StagegapError as error:
            pytest.fail(str(error), pytrace=False)
    return _readable(seen[wanted].get(request.param), request.param)


def _readable(case: Case | None, name: str) -> ScoredAnswer | GroupScore:
    """A case of which something can be told: an error where a service failed, a skip where too little is known."""
    from stagegap.analysis.answers import ScoredAnswer
    from stagegap.analysis.checks import LOST_AT_MOST
    from stagegap.analysis.verdict import ENOUGH_RECORDS

    if case is None:
        pytest.fail(f"The run does not hold {name!r}: the records have changed since.", pytrace=False)
    if isinstance(case, ScoredAnswer):
        if case.is_lost:
            pytest.fail(f"{name}: {case.shown}. `stagegap run --retry` asks again.", pytrace=False)
        if not case.is_scored:
            pytest.skip(f"{name} has no score at {case.stage}: {case.reference if case.value else case.shown}")
        return case
    if case.n_lost > LOST_AT_MOST * case.n_records:
        pytest.fail(f"{name}: {case.n_lost:,} of {case.n_records:,} lost to infrastructure.", pytrace=False)
    if case.score.n < ENOUGH_RECORDS:
        pytest.skip(f"{name}: too few to tell, {case.score.n} of {ENOUGH_RECORDS} scored")
    return case


def _wanted(marker: pytest.Mark) -> Wanted:
    """Read the marker. Raises: ConfigurationError for what it can't say."""
    from stagegap.errors import ConfigurationError
    from stagegap.workspace import wanted

    try:
        return wanted(*marker.args, **marker.kwargs)
    except TypeError as error:
        complaint = str(error).replace("wanted()", "The marker")
        raise ConfigurationError(f"{complaint}. It is {_HELP.partition(':')[0]}.") from None


def _workspace(config: pytest.Config) -> Workspace:
    from stagegap.workspace import Workspace

    return Workspace.open(Path(config.rootpath) / config.getini("stagegap_folder"))


def _is_offline(config: pytest.Config) -> bool:
    return bool(config.getoption("--stagegap-offline")) or os.environ.get("STAGEGAP_OFFLINE", "") not in ("", "0")
