"""What a build server reads of `stagegap check`: exit codes and JUnit XML, with a service that really fails."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from lxml import etree  # pyright: ignore[reportAttributeAccessIssue]  # it is written in C

import llm_server
from cli.conftest import Command
from sixty import replace_in, spoil, write_sixty

SCHEMA = Path(__file__).with_name("junit.xsd")
SERVICE = """    uses: llm
    with: {{model: fake, prompt: prompt.md, base_url: "{url}", temperature: 0}}
    timeout: 4
"""
PROMPT = "On Saturdays from 10 to 14. 12 places. We call you back, {{ question }} {{ topic }}"


@pytest.fixture
def server() -> Iterator[llm_server.LlmServer]:
    with llm_server.running() as running:
        yield running


@pytest.fixture
def asked(tmp_path: Path, server: llm_server.LlmServer) -> Path:
    """Sixty questions whose replies come from a service."""
    made = write_sixty(tmp_path)
    (made / "prompt.md").write_text(PROMPT)
    ours = '    uses: python\n    with: {function: "stages.py:reply"}\n'
    replace_in(made / "cascade.yaml", ours, SERVICE.format(url=server.base_url))
    return made


def is_valid(path: Path) -> bool:
    schema = etree.XMLSchema(etree.parse(SCHEMA))
    schema.assertValid(etree.parse(path))
    return True


def test_service_that_is_down_is_no_verdict_on_quality(
    stagegap: Command, asked: Path, tmp_path: Path, server: llm_server.LlmServer
) -> None:
    first = stagegap("run")
    assert first.code == 0, first.error
    stagegap("tools", "bless", "v1")
    assert stagegap("check").code == 0

    (asked / "prompt.md").write_text("Another prompt: {{ question }} {{ topic }}")
    record = stagegap("record", "q01", "--as", "zz").out
    assert (
        "  Prompt: On Saturdays from 10 to 14. 12 places. We call you back, Can I park at place 1? parking\n" in record
    )
    assert re.search(r"^  Call: ok, .*s, \d+ tokens read, \d+ written", record.partition("2 reply")[2], re.MULTILINE)
    assert stagegap("record", "q99", "--as", "zz").error == "Record q99 is not in run v1.\n"
    (asked / "prompt.md").write_text(PROMPT)

    server.answers(faults=["hang", "hang", "hang"])
    stagegap("run", "--fresh-stage", "reply")
    lost = stagegap("check", "--junit", "checks.xml", "--markdown", "checks.md", "--shared")
    assert lost.code == 6, lost.out
    assert "✗   3 of 60 questions lost to infrastructure  (failed)" in lost.out
    assert lost.out.splitlines()[-1] == "Next:  stagegap run --retry"
    assert is_valid(tmp_path / "checks.xml")
    suite = etree.parse(tmp_path / "checks.xml").getroot()
    assert (suite.get("errors"), suite.get("failures")) == ("1", "0")
    assert suite.find("testcase[@name='infrastructure']/error") is not None
    line = (tmp_path / "checks.md").read_text().splitlines()[0]
    assert line == "**first v2**: Failed: 1 of 9 checks. 3 of 60 questions lost to infrastructure."

    server.answers()
    stagegap("run", "--retry")
    assert stagegap("check").code == 0


def test_quality_that_failed_is_not_hidden_by_a_service_that_is_down(
    stagegap: Command, asked: Path, server: llm_server.LlmServer
) -> None:
    stagegap("run")
    stagegap("tools", "bless", "v1")
    (asked / "prompt.md").write_text(PROMPT.replace("12 places", "Some places"))
    server.answers(faults=["hang", "hang"])
    stagegap("run")
    said = stagegap("check", "--shared", "--json")
    assert said.code == 1
    failed = {result["kind"] for result in said.json["results"] if result["status"] == "failed"}
    assert failed == {"infrastructure", "regression"}


def test_every_way_a_check_ends_has_its_exit_code(stagegap: Command, tmp_path: Path) -> None:
    assert stagegap("check").code == 2, "no cascade"
    made = write_sixty(tmp_path)
    assert stagegap("check").code == 2, "no run"
    stagegap("run")
    assert stagegap("check").code == 5, "nothing is blessed"
    stagegap("tools", "bless", "v1")
    assert stagegap("check", "--junit", "passed.xml").code == 0
    assert is_valid(tmp_path / "passed.xml")
    spoil(made)
    assert stagegap("check").code == 2, "the newest run is of another system"
    stagegap("run")
    assert stagegap("check", "--junit", "failed.xml").code == 1
    assert is_valid(tmp_path / "failed.xml")
    assert stagegap("check", "--run", "v9").code == 2


def test_names_of_records_and_people_are_text_in_every_form(stagegap: Command, tmp_path: Path) -> None:
    made = write_sixty(tmp_path)
    odd = "<b>&amp;]]> @team | `x`"
    for name in ("cascade.yaml", "references.jsonl"):
        path = made / name
        path.write_text(path.read_text().replace("noun: question", f"noun: '{odd}'"))
    stagegap("run")
    stagegap("check", "--junit", "checks.xml", "--markdown", "checks.md")
    assert is_valid(tmp_path / "checks.xml")
    text = etree.parse(tmp_path / "checks.xml").xpath("string(//testcase[@name='labels outcome']/system-out)")
    assert odd in text
    assert "<b>" not in (tmp_path / "checks.md").read_text().replace("\\<b\\>", "")
    assert "@team" not in (tmp_path / "checks.md").read_text()
