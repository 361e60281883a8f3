from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import cast

import click
import pytest
import typer

from cli.conftest import Command
from stagegap.cli.commands import application
from stagegap.cli.options import DAY_ONE, tools, views
from stagegap.workspace import Workspace, write_starter


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a newcomer after `init` and one run; nobody writes to it."""
    folder = tmp_path_factory.mktemp("ran")
    write_starter(folder)
    with Workspace.open(folder) as opened:
        opened.runs.new(None)
    return folder


@pytest.fixture
def once(stagegap: Command, ran: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """The commands in that folder."""
    monkeypatch.chdir(ran)
    return stagegap


def test_newcomer_goes_from_init_to_a_verdict(stagegap: Command) -> None:
    made = stagegap("init")
    assert made.out.splitlines()[0] == "Made pipelines/first/cascade.yaml"
    assert made.out.splitlines()[-1] == "Next:  stagegap run"
    done = stagegap("run")
    assert done.code == 0
    assert "Too few to read: 6 of 30 questions." in done.out
    assert done.out.splitlines()[-1] == "Next:  stagegap app   or   stagegap report"
    assert "Run v1: 6 records, 14 calls" in done.out
    assert "Run v2: 6 records, 0 calls" in stagegap("run").out


def test_help_begins_with_a_first_day_and_lists_every_command_once(stagegap: Command) -> None:
    said = stagegap("--help").out
    listed = re.findall(r"^  ([a-z]+) {2,}[A-Z]", said, re.MULTILINE)
    assert listed[: len(DAY_ONE)] == list(DAY_ONE)
    assert sorted(listed) == sorted(cast("click.Group", typer.main.get_command(application)).commands)
    assert len(DAY_ONE) == 9
    assert said.index("\nDay one:") < said.index("\nThen:")
    for group, inner in (("show", views), ("tools", tools)):
        listed = re.findall(r"^  ([a-z]+) {2,}[A-Z]", stagegap(group, "--help").out, re.MULTILINE)
        assert sorted(listed) == sorted(cast("click.Group", typer.main.get_command(inner)).commands), group
        assert all(len(line) <= 80 for line in stagegap(group, "--help").out.splitlines())


@pytest.mark.parametrize(
    ("typed", "hint"),
    [
        (("blame",), "There is no command 'blame'. It is `stagegap show blame`."),
        (("bless", "v1"), "There is no command 'bless'. It is `stagegap tools bless`."),
        (("tools", "runs"), "There is no command 'tools runs'. It is `stagegap show runs`."),
        (("show", "fault"), "There is no command 'show fault'. Did you mean `stagegap show faults`?"),
        (("vaildate",), "There is no command 'vaildate'. Did you mean `stagegap validate`?"),
        (("show", "gap"), "There is no command 'show gap'. Known: "),
        (("zzzzzz",), "There is no command 'zzzzzz'. Known: "),
        (("record",), "It lacks 'id': Id of the record. `stagegap record --help` says what it takes."),
        (("record", "q1"), "It lacks '--as': "),
        (("report", "v1"), "Got unexpected extra argument(s) (v1) `stagegap report --help` says what it takes."),
        (("app", "--port", "x"), "Invalid value for '--port': "),
        (("label",), "Name the stage to answer for. Known: reply, topic."),
        (("label", "topic"), "A label says who made it: give your initials, as in `stagegap label topic --as ab`."),
        (("run", "frist"), "There is no cascade file 'frist'. Known: pipelines/first/cascade.yaml."),
        (("validate", "pipelines/first"), "There is no cascade file 'pipelines/first'. Did you mean pipelines/first/"),
        (("show", "--run", "v7"), "Cascade 'first' has no finished run 'v7'. Known: v1."),
        (("compare",), "Cascade 'first' has only one run that is done, v1. Change something, then `stagegap run` "),
    ],
)
def test_wrong_name_gets_the_right_one_in_one_sentence(once: Command, typed: tuple[str, ...], hint: str) -> None:
    said = once(*typed)
    assert (said.code, said.error.count("\n")) == (2, 1)
    assert said.error.startswith(hint)


def test_run_without_a_file_takes_the_cascade_that_ran_last_and_with_a_name_that_one(
    stagegap: Command, tmp_path: Path
) -> None:
    stagegap("init")
    folder = tmp_path / "pipelines"
    shutil.copytree(folder / "first", folder / "second")
    path = folder / "second" / "cascade.yaml"
    path.write_text(path.read_text().replace("cascade: first", "cascade: second"))
    assert stagegap("validate", "--json").json["cascade"] == "first"
    assert stagegap("run", "second", "--json").json["cascade"] == "second"
    assert stagegap("run", "--json").json["cascade"] == "second"
    assert stagegap("validate", "--json").json["cascade"] == "second"
    assert stagegap("run", "pipelines/first/cascade.yaml", "--json").json["cascade"] == "first"
    assert stagegap("validate", "--json").json["cascade"] == "first"


def test_options_before_a_view_are_not_lost(stagegap: Command) -> None:
    said = stagegap("show", "--run", "v1", "faults")
    assert (said.code, said.error) == (2, "Options stand behind the view: stagegap show faults --run v3.\n")


def test_version_is_printed(stagegap: Command) -> None:
    assert re.fullmatch(r"stagegap \d+\.\d+\.\d+\n", stagegap("--version").out)


def test_skill_for_agents_and_completion_for_shells_are_printed(stagegap: Command) -> None:
    skill = stagegap("mcp", "--skill").out
    assert skill.startswith("---\nname: stagegap\ndescription: Find which stage")
    assert max(len(line) for line in skill.splitlines()) > 200, "not wrapped"
    assert "--install-completion" in stagegap("--help").out


def test_plan_of_twelve_stages_fits_eighty_columns(stagegap: Command, tmp_path: Path) -> None:
    stagegap("init")
    folder = tmp_path / "pipelines" / "first"
    head, _, _ = (folder / "cascade.yaml").read_text().partition("stages:\n")
    names = [f"a_stage_with_a_rather_long_name_{number}" for number in range(12)]
    stages = "".join(
        f"  {name}:\n    uses: python\n    with: {{function: 'stages.py:topic'}}\n"
        f"    inputs: {{question: {names[number - 1] if number else 'record.text'}}}\n    output: {{type: text}}\n"
        for number, name in enumerate(names)
    )
    (folder / "cascade.yaml").write_text(f"{head}stages:\n{stages}outcome: {{score: {names[-1]}.fact_recall}}\n")
    (folder / "references.jsonl").write_text("")
    said = stagegap("plan")
    assert not said.error
    planned = said.out.splitlines()
    assert re.fullmatch(r"at most \d+ calls, 0 of them to a paid service(, with \d+ swaps? of stages)?\.", planned[0])
    rows = [line for line in planned if line.startswith("a_stage")]
    assert len([row for row in rows if "rests on" not in row]) == 12
    assert max(len(line) for line in rows) <= 80
    assert stagegap("run", "--plan").out.splitlines()[0] == planned[0]


def test_init_leaves_what_is_there(stagegap: Command, tmp_path: Path) -> None:
    stagegap("init")
    mine = tmp_path / "pipelines" / "first" / "stages.py"
    mine.write_text("mine")
    again = stagegap("init")
    assert (again.code, mine.read_text()) == (2, "mine")
    assert "is there already, and nothing was written" in again.error
    elsewhere = stagegap("init", "other")
    assert elsewhere.out.splitlines()[-1] == "Next:  cd other && stagegap run"


def test_validate_tells_all_problems_with_their_lines(stagegap: Command, tmp_path: Path) -> None:
    stagegap("init")
    assert "is a cascade of 2 stages: topic, reply." in stagegap("validate").out
    path = tmp_path / "pipelines" / "first" / "cascade.yaml"
    path.write_text(
        path.read_text().replace("record.text, topic: topic", "record.text, topic: topik").replace("ask", "aks")
    )
    wrong = stagegap("validate", "pipelines/first/cascade.yaml")
    assert wrong.code == 2
    assert re.search(r"cascade\.yaml:12: .*'aks'", wrong.error)
    assert re.search(r"cascade\.yaml:16: .*'topik'.*Did you mean topic\?", wrong.error)


def test_validate_finds_what_the_stages_are_made_of_and_what_calls_lack(
    stagegap: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MODEL_KEY", raising=False)
    stagegap("init")
    folder = tmp_path / "pipelines" / "first"
    path = folder / "cascade.yaml"
    assert stagegap("validate", "--json").json == {"cascade": "first", "stages": ["topic", "reply"], "hints": []}
    code = (folder / "stages.py").read_text()
    (folder / "stages.py").write_text(f"import no_such_package\n{code}".replace('topic == "parking"', "False"))
    broken = stagegap("validate")
    assert (broken.code, broken.error.count("raised ModuleNotFoundError")) == (2, 2)
    assert broken.error.startswith(f"{path}:7: Stage 'topic'")
    (folder / "stages.py").write_text(code)
    (folder / "prompt.md").write_text("{{ question }}")
    path.write_text(path.read_text().replace(
        'uses: python\n    with: {function: "stages.py:reply"}',
        "uses: llm\n    with: {model: m, prompt: prompt.md, api_key: '${MODEL_KEY}', base_url: 'http://127.0.0.1:1/v1'}",
    ))  # fmt: skip
    lacking = stagegap("validate")
    assert (lacking.code, lacking.error) == (
        2,
        f"{path}:15: the environment variable MODEL_KEY is not set.\n",
    )
    monkeypatch.setenv("MODEL_KEY", "secret")
    assert stagegap("validate").out.splitlines()[1] == (f"Hint: {path}:16: the prompt never uses the input 'topic'.")
    (folder / "references.jsonl").write_text(
        '{"record": "q99", "stage": "topic", "annotator": "a", "value": "other"}\n'
    )
    assert "references.jsonl:1: There is no record 'q99'." in stagegap("validate").error


def test_plan_counts_what_run_then_calls(stagegap: Command) -> None:
    stagegap("init")
    planned = stagegap("plan")
    assert "at most 18 calls, 0 of them to a paid service, with 2 swaps of stages." in planned.out
    stagegap("run")
    after = stagegap("plan", "--json").json
    assert sum(stage["calls"] for cell in after["cells"] for stage in cell["stages"]) == 0


def test_schema_is_printed_or_written(stagegap: Command, tmp_path: Path) -> None:
    shown = stagegap("tools", "schema").json
    assert "yaml-language-server" in stagegap("tools", "schema", "-o", "cascade.schema.json").out
    assert json.loads((tmp_path / "cascade.schema.json").read_text()) == shown


def test_labels_are_imported_once(stagegap: Command, tmp_path: Path) -> None:
    stagegap("init")
    stagegap("run")
    labels = tmp_path / "more.jsonl"
    labels.write_text('{"record": "q1", "stage": "topic", "annotator": "cd", "value": "other"}\n')
    assert "1 labels are new." in stagegap("tools", "import", "more.jsonl").out
    assert stagegap("tools", "import", "more.jsonl", "--json").json == {
        "added": 0,
        "known": 1,
        "from": None,
        "unmapped": [],
        "unvouched": 0,
    }
    labels.write_text('{"record": "q9", "stage": "topic", "annotator": "cd", "value": "other"}\n')
    wrong = stagegap("tools", "import", "more.jsonl")
    assert wrong.code == 2
    assert wrong.error.startswith("more.jsonl:1: There is no record 'q9'.")


def test_show_gives_the_stored_verdict(stagegap: Command) -> None:
    nothing = stagegap("show")
    assert (nothing.code, nothing.error) == (2, "There is no cascade here. `stagegap init` makes one.\n")
    stagegap("init")
    unrun = stagegap("show")
    assert (unrun.code, unrun.error) == (2, "Cascade 'first' has no finished run. `stagegap run` makes one.\n")
    stagegap("run")
    assert stagegap("show", "--run", "v1").code == 0
    assert stagegap("show", "--json").json["run"] == "v1"
    assert stagegap("show", "--run", "v7").error == ("Cascade 'first' has no finished run 'v7'. Known: v1.\n")


@pytest.mark.parametrize("form", ["html", "md", "json"])
def test_report_is_one_file(stagegap: Command, tmp_path: Path, form: str) -> None:
    stagegap("init")
    stagegap("run")
    said = stagegap("report", "--form", form)
    path = tmp_path / f"first-v1.{form}"
    assert said.out.startswith(f"first-v1.{form}")
    assert "Too few to read" in path.read_text()
    first = path.read_bytes()
    written = stagegap("report", "--form", form, "--json").json
    assert (written["bytes"], path.read_bytes()) == (len(first), first)


def test_report_without_records_holds_none(stagegap: Command, tmp_path: Path) -> None:
    stagegap("init")
    stagegap("run")
    stagegap("report", "-o", "with.html")
    stagegap("report", "-o", "without.html", "--no-records")
    assert (
        "locked door" in (tmp_path / "with.html").read_text()
        or "behind the house" in (tmp_path / "with.html").read_text()
    )
    assert "locked door" not in (tmp_path / "without.html").read_text()
    assert "behind the house" not in (tmp_path / "without.html").read_text()


def test_demo_outside_a_clone_makes_a_copy_and_gives_the_verdict(stagegap: Command, tmp_path: Path) -> None:
    said = stagegap("demo", "--no-app")
    assert said.code == 0, said.error
    assert said.out.startswith("Made stagegap-demo with the demo: 435 mails")
    assert "Draft holds this system back." in said.out
    assert said.out.splitlines()[-1] == (
        "Next:  cd stagegap-demo && stagegap app   or   cd stagegap-demo && stagegap report"
    )
    edited = tmp_path / "stagegap-demo" / "pipelines" / "support_email" / "stages.py"
    edited.write_text(edited.read_text("utf-8") + "\n# mine\n", encoding="utf-8")
    again = stagegap("demo", "--no-app")
    assert "Made" not in again.out
    assert edited.read_text("utf-8").endswith("# mine\n")


def test_doctor_finds_nothing_wrong_and_a_flipped_journal(stagegap: Command, tmp_path: Path) -> None:
    stagegap("init")
    stagegap("run")
    healthy = stagegap("tools", "doctor")
    assert healthy.code == 0
    assert {line[0] for line in healthy.out.splitlines()[:-1]} == {"✓"}
    assert all(finding["good"] for finding in stagegap("tools", "doctor", "--json").json)
    store = tmp_path / ".stagegap" / "store.duckdb"
    content = bytearray(store.read_bytes())
    content[4096 * 3 : 4096 * 40] = bytes(b ^ 255 for b in content[4096 * 3 : 4096 * 40])
    store.write_bytes(content)
    assert stagegap("tools", "doctor").code == 3
    rebuilt = stagegap("tools", "doctor", "--rebuild")
    assert "Made a new file with all labels" in rebuilt.out
    assert stagegap("tools", "doctor").code == 0


def test_a_message_stays_short_whatever_the_id(stagegap: Command) -> None:
    stagegap("init")
    stagegap("run")
    refused = stagegap("record", "q\x1b[2J" + "日" * 100_000, "--as", "zz")
    assert refused.code == 2
    assert "(100,00" in refused.error
    assert len(refused.error) < 1_000
    assert "\x1b" not in refused.error


def test_a_backup_is_one_file_and_comes_back(stagegap: Command, tmp_path: Path) -> None:
    stagegap("init")
    stagegap("run")
    shown = stagegap("show").out
    made = stagegap("tools", "backup", "store.tar")
    assert "store.tar holds the whole store: " in made.out
    assert stagegap("tools", "restore", "store.tar").code == 3
    (tmp_path / ".stagegap").rename(tmp_path / "lost")
    given = stagegap("tools", "restore", "store.tar", "--json").json
    assert given["files"] == int(made.out.split(" files")[0].split()[-1])
    assert stagegap("show").out == shown
    assert stagegap("tools", "doctor").code == 0


def test_every_command_has_help_and_its_exit_codes_are_documented() -> None:
    group = typer.main.get_command(application)
    guide = (Path(__file__).parents[2] / "docs" / "guide.md").read_text()
    groups = {"": group, "show ": group.commands["show"], "tools ": group.commands["tools"]}  # type: ignore[attr-defined]  # a typer application is a click group
    names = {f"{prefix}{name}": command for prefix, one in groups.items() for name, command in one.commands.items()}
    assert len(names) >= 33
    for name, command in names.items():
        assert command.help, name
        assert f"`stagegap {name}" in guide, name
    assert "130 interrupted" in (group.epilog or "")


def test_a_run_that_lost_answers_is_not_done_quietly(stagegap: Command, tmp_path: Path) -> None:
    stagegap("init")
    folder = tmp_path / "pipelines" / "first"
    (folder / "stages.py").write_text(
        (folder / "stages.py").read_text() + "\nimport time\n\ndef slow(**inputs):\n    time.sleep(5)\n"
    )
    cascade = (folder / "cascade.yaml").read_text()
    first = re.search(r"stages\.py:(\w+)", cascade)
    assert first is not None
    (folder / "cascade.yaml").write_text(
        cascade.replace(f"stages.py:{first[1]}", "stages.py:slow", 1).replace(
            "    output:", "    timeout: 0.05\n    output:", 1
        )
    )
    lost = stagegap("run", "--limit", "2")  # each is a process that is ended
    assert lost.code == 6
    assert "answers were lost to infrastructure" in lost.error
    assert "2 of 2" in lost.error
    assert "`stagegap run --retry` asks for them again" in lost.error
