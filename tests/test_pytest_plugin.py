"""The plugin as a team meets it: a real pytest on a real project, with and without xdist."""

from __future__ import annotations

import re
from importlib.metadata import entry_points
from pathlib import Path

import pytest

import llm_server
from sixty import replace_in, spoil, write_sixty
from stagegap.workspace import Workspace
from stagegap.workspace.gate import cases, one_run, wanted

pytest_plugins = ["pytester"]

REGISTERED = any(point.name == "stagegap" for point in entry_points(group="pytest11"))
LOADED = () if REGISTERED else ("-p", "stagegap.pytest_plugin")

ROUTES = """
    import pytest

    @pytest.mark.stagegap(cascade="first", stage="topic", limit=6)
    def test_topic(stagegap_case):
        assert stagegap_case.score == 1, stagegap_case.shown
"""
REPLIES = """
    import pytest

    @pytest.mark.stagegap("first", "reply", by="slice")
    def test_each_length(stagegap_case):
        assert stagegap_case.score.low > 0.7

    @pytest.mark.stagegap("first", by="stage")
    def test_the_whole(stagegap_case):
        assert (stagegap_case.score.n, stagegap_case.group) == (60, "all records")
        assert stagegap_case.score.value >= 0.85

    @pytest.mark.stagegap("pipelines/first/cascade.yaml", "reply")
    def test_reply(stagegap_case):
        assert stagegap_case.is_good
"""


@pytest.fixture(scope="module", autouse=True)
def _everything_is_loaded(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Do once what the inner tests do: the inner pytest forgets modules that it loaded, and numpy loads only once."""
    folder = tmp_path_factory.mktemp("loaded")
    write_sixty(folder)
    asked = wanted("first", by="slice")
    with Workspace.open(folder) as workspace:
        assert cases(workspace, asked, one_run(workspace, asked, shared=folder, offline=True))


@pytest.fixture
def made(pytester: pytest.Pytester) -> Path:
    # The last: with probes for coverage in it, the project was loaded by them and not by the pytest around this one.
    warns = "error\n    ignore:Module already imported:pytest.PytestAssertRewriteWarning"
    pytester.makeini(f"[pytest]\nfilterwarnings =\n    {warns}\nstrict_markers = true\n")
    return write_sixty(pytester.path)


def runs(pytester: pytest.Pytester) -> list[str]:
    with Workspace.open(pytester.path) as workspace:
        return [run.name for run in workspace.runs.of("first")]


def inner(pytester: pytest.Pytester, *words: str) -> pytest.RunResult:
    return pytester.runpytest(*LOADED, "-p", "no:cacheprovider", *words)


def test_one_test_a_record_with_its_id(pytester: pytest.Pytester, made: Path) -> None:
    pytester.makepyfile(ROUTES)
    listed = inner(pytester, "--collect-only", "-q")
    assert re.findall(r"test_topic\[(.+)\]", listed.stdout.str()) == [f"q0{i}" for i in range(6)]
    assert runs(pytester) == [], "collecting runs nothing"
    inner(pytester, "-q").assert_outcomes(passed=6)
    assert runs(pytester) == ["v1"]


def test_cascade_runs_once_for_all_tests_and_not_again_while_nothing_changes(
    pytester: pytest.Pytester, made: Path
) -> None:
    pytester.makepyfile(REPLIES)
    said = inner(pytester, "-q", "-rf")
    said.assert_outcomes(passed=2 + 54, failed=6)
    assert "test_reply[q00]" in said.stdout.str()
    assert runs(pytester) == ["v1"]
    inner(pytester, "-q").assert_outcomes(passed=2 + 54, failed=6)
    assert runs(pytester) == ["v1"]
    spoil(made)
    broken = inner(pytester, "-q", "-rf")
    broken.assert_outcomes(passed=36, failed=2 + 24)
    assert "test_each_length[length=short]" in broken.stdout.str()
    assert runs(pytester) == ["v2", "v1"]


def test_processes_of_xdist_share_one_run_and_find_the_same(pytester: pytest.Pytester, made: Path) -> None:
    pytester.makepyfile(REPLIES)
    said = pytester.runpytest_subprocess(*LOADED, "-p", "no:cacheprovider", "-q", "-n", "2")
    said.assert_outcomes(passed=2 + 54, failed=6)
    assert runs(pytester) == ["v1"]


def test_service_that_fails_is_an_error_and_no_failure(pytester: pytest.Pytester, made: Path) -> None:
    with llm_server.running() as server:
        (made / "p.md").write_text("10 to 14. 12 places. We call you back. {{ question }}")
        replace_in(
            made / "cascade.yaml",
            '    uses: python\n    with: {function: "stages.py:reply"}\n',
            f"    uses: llm\n    with: {{model: m, prompt: p.md, base_url: '{server.base_url}'}}\n    timeout: 6\n",
        )
        pytester.makepyfile("""
            import pytest

            @pytest.mark.stagegap("first", "reply", limit=40)
            def test_reply(stagegap_case):
                assert stagegap_case.is_good

            @pytest.mark.stagegap("first", "reply", by="stage", limit=40)
            def test_stage(stagegap_case):
                assert stagegap_case.score.value > 0.8
        """)
        offline = inner(pytester, "-q", "-rs", "--stagegap-offline")
        offline.assert_outcomes(skipped=41)
        assert "Offline: up to 80 calls to a service would have to be made." in offline.stdout.str()
        assert runs(pytester) == []

        server.answers(faults=["hang"])
        said = inner(pytester, "-q", "-rE")
        told = said.parseoutcomes()
        assert (told["errors"], told["passed"] + told["failed"]) == (2, 39)
        assert "1 of 40 lost to infrastructure" in said.stdout.str()

        server.answers()
        inner(pytester, "-q").assert_outcomes(passed=37, failed=4)
    inner(pytester, "-q", "--stagegap-offline").assert_outcomes(passed=37, failed=4)
    assert runs(pytester) == ["v2", "v1"]


def test_what_can_not_be_told_is_skipped(pytester: pytest.Pytester, made: Path) -> None:
    references = made / "references.jsonl"
    rows = references.read_text().splitlines()
    references.write_text("\n".join(row for row in rows if '"q01", "stage": "topic"' not in row) + "\n")
    pytester.makepyfile("""
        import pytest

        @pytest.mark.stagegap("first", "topic", limit=20)
        def test_topic(stagegap_case):
            assert stagegap_case.is_good

        @pytest.mark.stagegap("first", "topic", by="stage", limit=20)
        def test_stage(stagegap_case):
            assert stagegap_case.score.low > 0.5
    """)
    said = inner(pytester, "-q", "-rs")
    said.assert_outcomes(passed=19, skipped=2)
    assert "q01 has no score at topic: no reference" in said.stdout.str()
    assert "all records: too few to tell, 19 of 30 scored" in said.stdout.str()


@pytest.mark.parametrize(
    ("marker", "arguments", "told"),
    [
        ("cascade='frist'", "stagegap_case", "holds the cascade 'frist'. Did you mean first?"),
        ("'first', 'topik'", "stagegap_case", "has no stage 'topik'. Did you mean topic?"),
        ("'first', by='recrod'", "stagegap_case", "by='recrod' is none of record, slice, stage."),
        ("'first', limti=3", "stagegap_case", "unexpected keyword argument 'limti'"),
        ("", "stagegap_case", "missing 1 required positional argument: 'cascade'"),
        ("'first', filter='record.x =='", "stagegap_case", "The filter can't be used."),
        ("'first'", "", "has the marker stagegap and takes no stagegap_case."),
    ],
)
def test_marker_that_is_wrong_is_told_when_tests_are_collected(
    pytester: pytest.Pytester, made: Path, marker: str, arguments: str, told: str
) -> None:
    pytester.makepyfile(f"import pytest\n@pytest.mark.stagegap({marker})\ndef test_a({arguments}): pass")
    said = inner(pytester, "-q")
    said.assert_outcomes(errors=1)
    assert told in " ".join(said.stdout.str().split())


def test_argument_without_the_marker_says_what_is_missing(pytester: pytest.Pytester, made: Path) -> None:
    pytester.makepyfile("def test_a(stagegap_case): pass")
    said = inner(pytester, "-q")
    said.assert_outcomes(errors=1)
    assert "stagegap_case needs the marker" in said.stdout.str()


def test_cascade_file_that_does_not_load_is_told_with_its_line(pytester: pytest.Pytester, made: Path) -> None:
    replace_in(made / "cascade.yaml", "  topic: ", "  tpoic: ")
    pytester.makepyfile(ROUTES)
    said = inner(pytester, "-q")
    said.assert_outcomes(errors=1)
    assert "cascade.yaml:16" in said.stdout.str()


def test_system_that_breaks_between_collecting_and_running_is_an_error(pytester: pytest.Pytester, made: Path) -> None:
    pytester.makepyfile(ROUTES)
    pytester.makeconftest(f"""
        from pathlib import Path

        def pytest_collection_finish(session):
            Path({str(made / "stages.py")!r}).write_text("def topic(): nothing of the kind")
    """)
    inner(pytester, "-q").assert_outcomes(errors=6)


def test_project_may_lie_in_a_folder_of_the_tests(pytester: pytest.Pytester) -> None:
    write_sixty(pytester.mkdir("project"))
    pytester.makeini("[pytest]\nstagegap_folder = project\n")
    pytester.makepyfile(ROUTES)
    inner(pytester, "-q").assert_outcomes(passed=6)


def test_project_that_does_not_use_it_pays_nothing(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("""
        import sys

        def test_nothing_is_loaded():
            ours = {name for name in sys.modules if name.startswith("stagegap")}
            assert ours <= {"stagegap", "stagegap.pytest_plugin"}
            assert not {"numpy", "duckdb", "pandas", "pydantic"} & set(sys.modules)
    """)
    pytester.runpytest_subprocess(*LOADED, "-q", "-p", "no:cacheprovider").assert_outcomes(passed=1)


def test_package_names_the_plugin() -> None:
    declared = (Path(__file__).parents[1] / "pyproject.toml").read_text()
    assert '[project.entry-points.pytest11]\nstagegap = "stagegap.pytest_plugin"' in declared
