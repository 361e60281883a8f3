from __future__ import annotations

from pathlib import Path

import pytest

from cli.conftest import Command
from project_views import write_mails


@pytest.fixture
def project(tmp_path: Path) -> Path:
    write_mails(tmp_path / "pipelines")
    return tmp_path


def test_the_curve_of_the_one_escalation_of_a_cascade(stagegap: Command, project: Path) -> None:
    assert stagegap("run").code == 0
    said = stagegap("show", "escalation").out
    assert said.startswith("quick, and careful where it is unsure: accuracy over 40 records of v1.\n")
    assert "careful was asked about 50% of the records, so nothing is known beyond" in said
    view = stagegap("show", "escalation", "quick", "careful", "--json").json
    assert [round(point["share"], 1) for point in view["points"]] == [0.0, 0.1, 0.2, 0.3, 0.4, 0.5]
    gains = [point["gain"]["value"] for point in view["points"][1:]]
    assert sum(gains) == pytest.approx(view["points"][-1]["score"]["value"] - view["points"][0]["score"]["value"])


def test_without_the_condition_the_whole_curve_is_measured(stagegap: Command, project: Path) -> None:
    path = project / "pipelines" / "cascade.yaml"
    path.write_text(path.read_text().replace("    when: confidence.quick < 0.5\n", ""))
    stagegap("run")
    refused = stagegap("show", "escalation")
    assert (refused.code, refused.error) == (
        2,
        "The cascade has no stage whose `when` reads the confidence of another; name the cheap stage and the stronger"
        " one.\n",
    )
    said = stagegap("show", "escalation", "quick", "careful").out
    assert "nothing is known beyond" not in said
    assert "100%" in said
