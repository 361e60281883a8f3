from __future__ import annotations

import os
import py_compile
import sys
from pathlib import Path

import pytest

from stagegap.stages.code import code_of
from stagegap.stages.function import function_at


@pytest.fixture
def project(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose stages stand two folders down.

    A project that was run stays on Python's path, as it does for users: those of earlier tests are taken off.
    """
    earlier = str(tmp_path_factory.getbasetemp())
    monkeypatch.setattr(sys, "path", [place for place in sys.path if not place.startswith(earlier)])
    (tmp_path / "pyproject.toml").touch()
    place = tmp_path / "pipelines" / "mail"
    place.mkdir(parents=True)
    return place


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def changes(stages: Path, other: Path, text: str) -> bool:
    before = code_of(stages).digest
    write(other, text)
    return code_of(stages).digest != before


def test_a_module_beside_the_file_is_part_of_it(project: Path) -> None:
    helper = write(project / "rules.py", "N = 1")
    stages = write(project / "stages.py", "from rules import N")
    assert code_of(stages).files == (helper,)
    assert changes(stages, helper, "N = 2")


def test_modules_are_followed_through_each_other_and_around_circles(project: Path) -> None:
    write(project / "first.py", "import second")
    second = write(project / "second.py", "import first, stages")
    stages = write(project / "stages.py", "def draft(text):\n    import first")
    assert list(code_of(stages).modules) == ["first", "second"]
    assert changes(stages, second, "import first\nN = 2")


@pytest.mark.parametrize(
    "line",
    [
        "import pkg.inner.deep",
        "from pkg.inner import deep",
        "from pkg.inner.deep import N",
        "import importlib\nimportlib.import_module('pkg.inner.deep')",
        "from pkg.outer import *",
    ],
)
def test_packages_of_the_project_count_with_every_module_that_is_reached(project: Path, line: str) -> None:
    root = project.parent.parent / "src" / "pkg"
    write(root / "__init__.py", "")
    write(root / "inner" / "__init__.py", "")
    write(root / "outer.py", "from .inner import deep")
    deep = write(root / "inner" / "deep.py", "from .. import outer\nN = 1")
    stages = write(project / "stages.py", line)
    assert deep in code_of(stages).files
    assert root / "__init__.py" in code_of(stages).files
    assert changes(stages, deep, "N = 2")


def test_a_module_that_stands_in_two_places_counts_with_both(project: Path) -> None:
    near, far = write(project / "rules.py", "N = 1"), write(project.parent / "rules.py", "N = 1")
    stages = write(project / "stages.py", "import rules")
    assert changes(stages, near, "N = 2")
    assert changes(stages, far, "N = 2")


def test_installed_packages_count_with_their_version_and_not_with_their_files(project: Path) -> None:
    stages = write(project / "stages.py", "import json, numpy, yaml\nfrom stagegap import batch")
    code = code_of(stages)
    assert (code.files, set(code.packages)) == ((), {"numpy", "yaml"})
    assert code.packages["yaml"].lower().startswith("pyyaml ")


def test_another_version_of_an_installed_package_is_other_code(project: Path) -> None:
    installed = project.parent / "site-packages"
    write(installed / "stagegap_other_library.py", "")
    info = write(installed / "stagegap_other_library-1.0.dist-info" / "METADATA", "Name: x\nVersion: 1.0\n")
    stages = write(project / "stages.py", "import stagegap_other_library")
    sys.path.insert(0, str(installed))
    try:
        assert code_of(stages).packages == {"stagegap_other_library": "1.0"}
        assert code_of(stages).files == ()
    finally:
        sys.path.remove(str(installed))
    assert info.is_file()


def test_a_file_that_imports_only_the_standard_library_is_told_by_its_bytes(project: Path) -> None:
    from hashlib import sha256

    stages = write(project / "stages.py", "import json, os.path\nfrom collections import abc")
    assert code_of(stages).digest == sha256(stages.read_bytes()).hexdigest()


def test_names_that_are_made_at_run_time_and_modules_that_are_nowhere_are_named(project: Path) -> None:
    text = (
        "import importlib\ntry:\n    import nowhere_at_all\nexcept ImportError: pass\nimportlib.import_module(input())"
    )
    code = code_of(write(project / "stages.py", text))
    assert (code.unseen, code.missing) == (("stages.py:5",), ("nowhere_at_all",))


def test_a_module_found_through_a_path_that_the_file_adds_is_part_of_it_once_loaded(
    project: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    helper = write(elsewhere / "stagegap_far_rules.py", "def rule(): return 1")
    text = f"import sys\nsys.path.insert(0, {str(elsewhere)!r})\nimport stagegap_far_rules\n"
    write(project / "stages.py", text + "def draft(): return stagegap_far_rules.rule()")
    try:
        first = function_at("stages.py:draft", project, start="It")
        assert first.code.files == (helper,)
        assert function_at("stages.py:draft", project, start="It").code == first.code
        write(helper, "def rule(): return 22")
        second = function_at("stages.py:draft", project, start="It")
        assert (first.call(), second.call()) == (1, 22)
        assert first.code.digest != second.code.digest
    finally:
        sys.path.remove(str(elsewhere))
        del sys.modules["stagegap_far_rules"]


def test_a_module_of_the_same_name_in_another_project_is_another(tmp_path: Path) -> None:
    start = "import sys, pathlib\nsys.path.insert(0, str(pathlib.Path(__file__).parent))\n"
    for number in (1, 2):
        write(tmp_path / f"p{number}" / "stagegap_same_rules.py", f"N = {number}")
        write(tmp_path / f"p{number}" / "stages.py", start + "from stagegap_same_rules import N\ndef draft(): return N")
    path = list(sys.path)
    try:
        one, two = (function_at("stages.py:draft", tmp_path / f"p{n}", start="It") for n in (1, 2))
        assert (one.call(), two.call()) == (1, 2)
    finally:
        sys.path[:] = path


def test_a_changed_module_is_loaded_afresh_with_all_that_hold_on_to_it(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(project))
    write(project / "stagegap_inner_rules.py", "N = 1")
    write(project / "stagegap_outer_rules.py", "from stagegap_inner_rules import N")
    write(project / "stages.py", "from stagegap_outer_rules import N\ndef draft(): return N")
    write(project / "more.py", "from stagegap_outer_rules import N\ndef draft(): return N")
    assert function_at("stages.py:draft", project, start="It").call() == 1
    write(project / "stagegap_inner_rules.py", "N = 23")
    # A file that was never loaded gets the module as it is now too.
    assert function_at("more.py:draft", project, start="It").call() == 23
    assert function_at("stages.py:draft", project, start="It").call() == 23


@pytest.mark.parametrize("changed", ["stages.py", "rules.py"])
def test_bytecode_of_another_text_of_the_same_size_and_second_is_not_taken(project: Path, changed: str) -> None:
    texts = {"stages.py": "from rules import N\ndef answer():\n    return N + 0", "rules.py": "N = 1"}
    for name, text in texts.items():
        file = write(project / name, text)
        os.utime(file, (1_700_000_000, 1_700_000_000))
        py_compile.compile(str(file))
    later = write(project / changed, texts[changed].replace("0", "4").replace("1", "5"))
    os.utime(later, (1_700_000_000, 1_700_000_000))
    answer = function_at("stages.py:answer", project, start="It").call
    assert answer() == 5


def test_folder_without_init_inside_a_package_that_is_not_loaded_is_walked(tmp_path: Path) -> None:
    write(tmp_path / "unloaded" / "__init__.py", "import unloaded.inner.deep.part\n")
    write(tmp_path / "unloaded" / "inner" / "deep" / "part.py", "X = 1\n")
    stages = write(tmp_path / "stages.py", "import unloaded\n")
    assert tmp_path / "unloaded" / "inner" / "deep" / "part.py" in code_of(stages).files


def test_imports_may_lead_through_any_number_of_files(tmp_path: Path) -> None:
    for place in range(400):
        write(tmp_path / f"part_{place}.py", f"import part_{place + 1}\n")
    write(tmp_path / "part_400.py", "")
    stages = write(tmp_path / "stages.py", "import part_0\n")
    assert len(code_of(stages).files) == 401


def test_packages_that_pip_put_into_a_folder_of_their_own_count_with_their_version(project: Path) -> None:
    folder = project.parent / "vendored"
    write(folder / "stagegap_vendored" / "__init__.py", "")
    write(folder / "beside.py", "")
    info = folder / "stagegap_vendored-1.0.dist-info"
    write(info / "METADATA", "Name: stagegap_vendored\nVersion: 1.0\n")
    write(info / "RECORD", "stagegap_vendored/__init__.py,,\n")
    stages = write(project / "stages.py", "import stagegap_vendored, beside")
    sys.path.insert(0, str(folder))
    try:
        code = code_of(stages)
    finally:
        sys.path.remove(str(folder))
    assert (code.packages, code.files) == ({"stagegap_vendored": "1.0"}, (folder / "beside.py",))
