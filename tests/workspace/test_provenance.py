from __future__ import annotations

import platform
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from itertools import count
from pathlib import Path

import pytest

from stagegap.model.run import Provenance
from stagegap.workspace import Workspace
from stagegap.workspace import provenance as made_from
from stagegap.workspace.foundation import write_starter

SECRET = "s3cret-value-0123456789"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_starter(tmp_path)
    return tmp_path


@pytest.fixture
def workspace(folder: Path) -> Iterator[Workspace]:
    ticks = count(1_000)
    environment = {"SERVICE_TOKEN": SECRET, "SHORT_TOKEN": "the"}
    with Workspace(folder, environment=environment, clock=lambda: float(next(ticks))) as opened:
        yield opened


def of_new_run(workspace: Workspace) -> Provenance:
    run, _ = workspace.runs.new(None)
    found = made_from.read(workspace.store, run.id)
    assert found is not None
    return found


def git(folder: Path, *arguments: str) -> None:
    names = ("-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *names, *arguments], cwd=folder, check=True, capture_output=True)


def test_run_keeps_what_it_was_made_from(workspace: Workspace, folder: Path) -> None:
    found = of_new_run(workspace)
    code = folder / "pipelines" / "first" / "stages.py"
    source = next(source for source in found.sources if source.path == "stages.py")
    assert (source.role, source.kept, source.digest) == ("code", "text", sha256(code.read_bytes()).hexdigest())
    assert workspace.store.origins.texts([source.digest]) == {source.digest: code.read_text()}
    assert (found.records, found.labels) == (6, 12)
    assert [(name, one.uses) for name, one in found.stages.items()] == [("reply", "python"), ("topic", "python")]
    assert found.environment.python == platform.python_version()
    assert {"numpy", "duckdb"} <= set(found.environment.packages)
    assert [r.id for r in workspace.store.origins.records(found.records_digest)] == ["q1", "q2", "q3", "q4", "q5", "q6"]


def test_fingerprint_of_a_stage_and_of_the_labels_follow_what_they_stand_for(
    workspace: Workspace, folder: Path
) -> None:
    first = of_new_run(workspace)
    assert of_new_run(workspace) == first
    code = folder / "pipelines" / "first" / "stages.py"
    code.write_text(code.read_text().replace("18.", "19."))
    label = '{"record": "q1", "stage": "topic", "annotator": "cd", "value": "other"}\n'
    references = folder / "pipelines" / "first" / "references.jsonl"
    references.write_text(references.read_text() + label)
    second = of_new_run(workspace)
    assert second.stages["reply"].fingerprint != first.stages["reply"].fingerprint
    assert (second.labels, second.labels_digest != first.labels_digest) == (13, True)
    assert second.records_digest == first.records_digest


def test_difference_of_the_work_tree_is_kept_without_secrets(workspace: Workspace, folder: Path) -> None:
    git(folder, "init", "-q")
    (folder / ".env").write_text("A=1\n")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "x")
    assert of_new_run(workspace).diff == ""
    code = folder / "pipelines" / "first" / "stages.py"
    code.write_text(code.read_text() + f"# {SECRET}\n# the api_key = 'abcdefgh12345'\n# sk-abcdefghijklmnop1234\n")
    (folder / ".env").write_text(f"A={SECRET}\n")
    found = of_new_run(workspace)
    assert "+# ***\n+# the api_key = '***'\n+# ***" in found.diff
    assert ".env" not in found.diff
    assert not found.diff_is_cut
    assert next(source for source in found.sources if source.path == "stages.py").kept == "holds a secret"
    store = b"".join(path.read_bytes() for path in (folder / ".stagegap").rglob("*") if path.is_file())
    assert SECRET.encode() not in store


def test_long_difference_is_cut_and_says_so(
    workspace: Workspace, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git(folder, "init", "-q")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "x")
    code = folder / "pipelines" / "first" / "stages.py"
    code.write_text(code.read_text() + "# more\n")
    monkeypatch.setattr(made_from, "MOST_DIFF", 10)
    found = of_new_run(workspace)
    assert (len(found.diff), found.diff_is_cut) == (10, True)


@pytest.mark.parametrize(
    ("content", "kept"),
    [(b"x = 1\n" * 200_000, "too large"), (b"# \xff\n", "not text"), (b"# token: abcdefgh123\n", "holds a secret")],
)
def test_file_that_is_not_kept_says_why(workspace: Workspace, folder: Path, content: bytes, kept: str) -> None:
    first = folder / "pipelines" / "first"
    (first / "more.txt").write_bytes(content)
    file = workspace.files.load(None)
    source = made_from._source(file, "corpus", "more.txt", {}, {})
    assert (source.kept, source.size) == (kept, len(content))
    assert made_from._source(file, "corpus", "gone.txt", {}, {}).digest == ""


def test_every_file_that_a_cascade_points_at_has_a_role(workspace: Workspace, folder: Path) -> None:
    (folder / "pipelines" / "first" / "rank.py").write_text("")
    stages = {
        "a": {
            "uses": "llm",
            "with": {"prompt": "a.md.j2", "model": "m"},
            "guideline": "a.md",
            "score": "python:own.py:kind",
        },
        "b": {
            "uses": "command",
            "with": {"command": ["python3", "rank.py", "/bin/sh"], "files": ["words.txt"]},
            "score": ["accuracy"],
        },
        "c": {"uses": "recorded", "with": {"path": "outputs.jsonl"}},
    }
    resolved = {"corpora": {"shop": {"path": ["shop.jsonl"]}}, "stages": stages}
    assert made_from.pointed_at(replace(workspace.files.load(None), resolved=resolved)) == {
        "shop.jsonl": "corpus", "a.md.j2": "prompt", "own.py": "code", "a.md": "guideline", "rank.py": "code",
        "words.txt": "code", "outputs.jsonl": "recorded",
    }  # fmt: skip


def test_modules_that_a_function_imports_are_kept_with_it(workspace: Workspace, folder: Path) -> None:
    place = folder / "pipelines" / "first"
    (place / "stagegap_kept_words.py").write_text("HELLO = 'Good day.'\n")
    stages = place / "stages.py"
    path = "import sys, pathlib\nsys.path.insert(0, str(pathlib.Path(__file__).parent))\nimport stagegap_kept_words\n"
    stages.write_text(path + stages.read_text())
    source = next(source for source in of_new_run(workspace).sources if source.path == "stagegap_kept_words.py")
    assert (source.role, source.kept) == ("code", "text")
