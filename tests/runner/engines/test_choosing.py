from __future__ import annotations

import sys
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

import pytest
import yaml

from stagegap.errors import ConfigurationError
from stagegap.runner.engines import Choice
from stagegap.runner.engines.processes import Processes
from stagegap.runner.engines.protocol import PORT


def test_an_engine_is_named_with_its_workers() -> None:
    made = Choice.parse("processes:3").engine()
    assert isinstance(made, Processes)
    assert made.workers == 3
    assert Choice.parse("processes").workers >= 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "prcesses:2",
            "'prcesses:2' is no engine. Write processes:4, ray:4 or ray:4@HOST:PORT. Did you mean processes?",
        ),
        ("ray:0", "'ray:0' is no engine. Write processes:4, ray:4 or ray:4@HOST:PORT."),
        ("ray 3", "'ray 3' is no engine. Write processes:4, ray:4 or ray:4@HOST:PORT."),
        ("processes:2@host:1", "'processes:2@host:1': only ray has an address; processes are of this machine."),
    ],
)
def test_what_is_no_engine_is_named(text: str, message: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        Choice.parse(text)
    assert str(refused.value) == message


def test_a_cluster_without_a_token_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAY_AUTH_MODE", raising=False)
    with pytest.raises(ConfigurationError, match="so it needs a token: set RAY_AUTH_MODE=token"):
        Choice.parse("ray:2@head:6379").engine()


def test_ray_that_is_missing_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.path", [])
    monkeypatch.setattr("sys.path_importer_cache", {})
    monkeypatch.delitem(sys.modules, "ray", raising=False)
    with pytest.raises(
        ConfigurationError, match=r"The engine ray needs ray, which is not installed: `pip install 'stagegap\[ray\]'`"
    ):
        Choice.parse("ray:2").engine()


def test_ray_that_was_imported_without_a_token_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    found = ModuleType("ray")
    found.__spec__ = ModuleSpec("ray", None)
    monkeypatch.setitem(sys.modules, "ray", found)
    monkeypatch.delenv("RAY_AUTH_MODE", raising=False)
    with pytest.raises(ConfigurationError, match="imported before its token could be set"):
        Choice.parse("ray:2").engine()


SCALE = Path(__file__).parents[3] / "docs" / "scale"


def test_the_cluster_files_start_what_the_engine_joins() -> None:
    compose = yaml.safe_load((SCALE / "compose.yaml").read_text())["services"]
    kinds = {
        (part["kind"], part["metadata"]["name"]): part
        for part in yaml.safe_load_all((SCALE / "cluster.yaml").read_text())
    }
    pods = [kinds["StatefulSet", "head"], kinds["Deployment", "node"]]
    containers = [pod["spec"]["template"]["spec"]["containers"][0] for pod in pods]
    for head, node in ([compose["head"]["command"], compose["node"]["command"]], [c["command"] for c in containers]):
        assert head[:3] == [*node[:2], "--head"] == ["ray", "start", "--head"]
        assert {f"--port={PORT}", "--include-dashboard=false", "--block"} <= set(head)
        assert f"--address={Choice.parse('ray:8@head').address}" in node
    variables = [set(compose[name]["environment"]) for name in ("head", "node")]
    variables += [{variable["name"] for variable in container["env"]} for container in containers]
    assert variables == [{"RAY_AUTH_MODE", "RAY_AUTH_TOKEN"}] * 4
    assert kinds["Service", "head"]["spec"]["ports"] == [{"name": "ray", "port": PORT}]
    assert "volumes" not in compose["node"], "only the head has the project: it is copied to the others"
    for file in ("compose.yaml", "cluster.yaml"):
        assert "--engine ray:8@head" in (SCALE / file).read_text()
