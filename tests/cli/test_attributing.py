from __future__ import annotations

import json
from pathlib import Path

import pytest

from cli.conftest import Command

TEXTS = {"opening": "When do you open?", "parking": "Where can I park?", "other": "Do you sell gifts?"}


@pytest.fixture
def ran(stagegap: Command, tmp_path: Path) -> Command:
    """The starter with 60 questions of known topic, labelled by three people, after a run."""
    stagegap("init")
    folder = tmp_path / "pipelines" / "first"
    topics = [list(TEXTS)[i % 3] for i in range(60)]
    questions = [
        {
            "id": f"q{i}",
            "text": f"{TEXTS[topic]} ({i})" if i % 5 else f"Hello {i}",
            "length": "short" if i % 2 else "long",
        }
        for i, topic in enumerate(topics)
    ]
    labels = [
        {"record": f"q{i}", "stage": stage, "annotator": who, "value": value, **more}
        for i, topic in enumerate(topics)
        for who in ("ab", "cd", "ef")
        for stage, value, more in (
            ("topic", topic if (i + len(who + topic)) % 11 or who != "ef" else "other", {}),
            ("reply", f"About {topic}", {"facts": [["10", "18", "behind", "door"]]}),
        )
    ]
    (folder / "questions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in questions))
    (folder / "references.jsonl").write_text("".join(json.dumps(row) + "\n" for row in labels))
    assert stagegap("run").code == 0
    return stagegap


COMMANDS = {
    "blame": ("First fault", "stages"),
    "swaps": ("A labeller at topic:", "unanswered"),
    "faults": ("Hazard", "edges"),
    "agree": ("Krippendorff's alpha", "missing_baseline_fields"),
    "need": ("Gain that would show", "chances"),
    "slices": ("groups were looked at", "bottlenecks"),
    "selfcheck": ("Planted at", "rows"),
}


def test_each_command_draws_its_view_and_gives_it_as_json(ran: Command) -> None:
    for name, (said, key) in COMMANDS.items():
        drawn = ran("show", name)
        assert drawn.code == 0, drawn.error
        assert said in drawn.out, name
        assert drawn.out.splitlines()[-1].startswith("Next:  stagegap ")
        view = ran("show", name, "--json").json
        assert (view["cascade"], view["run"], bool(view[key])) == ("first", "v1", True), name


def test_selfcheck_stores_nothing_and_takes_its_options(ran: Command) -> None:
    before = ran("show", "--json").out
    few = ran("show", "selfcheck", "--records", "40", "--rate", "0.5", "--json").json
    assert (few["n"], few["rows"][0]["planted"]) == (40, 0.5)
    assert ran("show", "--json").out == before
    assert "must lie between 0 and 1" in ran("show", "selfcheck", "--rate", "0").error
    assert ran("show", "selfcheck", "--records", "0").code == 2


def test_commands_say_what_is_missing(stagegap: Command, tmp_path: Path) -> None:
    stagegap("init")
    nothing = stagegap("show", "blame")
    assert nothing.code == 2
    assert "Cascade 'first' has no run that is done." in nothing.error
    (tmp_path / "pipelines" / "first" / "references.jsonl").write_text("")
    stagegap("run")
    for name in ("blame", "faults", "agree", "need", "slices"):
        said = stagegap("show", name)
        assert said.code == 0, said.error
        assert "ot measured" in said.out, name
    assert "The methods can't be checked on run v1" in stagegap("show", "selfcheck").error


def test_people_in_place_of_stages_are_told_with_what_waits(ran: Command) -> None:
    said = ran("show", "swaps")
    assert "reply: nobody has answered what it receives for 60 questions." in said.out
    assert "reply: not measured: nobody has answered what this stage received." in said.out
    assert said.out.splitlines()[-1] == "Next:  stagegap label reply --swap --as NAME"
    plan = ran("show", "swaps", "--plan")
    assert "person:topic" in plan.out
    assert "calls, 0 of them to a paid service" in plan.out
    assert ran("show", "swaps", "--plan", "--json").json["cells"][0]["cell"] == {
        "base": "",
        "kind": "person",
        "stages": ["topic"],
    }
