"""The shape of the house: sizes, names, and that the docs name what people write."""

from __future__ import annotations

import io
import json
import re
import tokenize
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = sorted((ROOT / "src").rglob("*.py"))
SCHEMA = next((ROOT / "src" / "stagegap").rglob("cascade.schema.json"))

LINES = 500
VAGUE = frozenset({"found", "one", "made", "kept", "told", "there", "said", "held", "taken", "shown"})
"""Words that say nothing of what they hold."""
VAGUE_PER_1000_LINES = 3.0
"""They stand at 0 to 3 in the projects whose form is a model for this one."""
NOUNS_IN_ING = frozenset(
    {"ceiling", "drawing", "embedding", "mapping", "mending", "ranking", "rating", "rounding", "sampling", "wording"}
)
SAME_NAME = 3
"""Modules of one name at most, so that a name finds its module."""


def test_no_module_is_longer_than_500_lines() -> None:
    sizes = {str(path.relative_to(ROOT)): len(path.read_text("utf-8").splitlines()) for path in SOURCE}
    assert {name: lines for name, lines in sizes.items() if lines > LINES} == {}


def test_a_module_is_a_noun() -> None:
    gerunds = {path.stem for path in SOURCE if path.stem.endswith("ing")}
    assert gerunds <= NOUNS_IN_ING


def test_a_name_finds_its_module() -> None:
    names = Counter(path.stem for path in SOURCE if not path.stem.startswith("__"))
    assert {name: count for name, count in names.items() if count > SAME_NAME} == {}


def test_documents_name_modules_that_are_there() -> None:
    pages = (*ROOT.glob("docs/*.md"), *ROOT.glob("*.md"))
    named = {
        (page.name, path) for page in pages for path in re.findall(r"`((?:\w+/)+\w+\.py)`", page.read_text("utf-8"))
    }
    places = (ROOT, ROOT / "src", ROOT / "src" / "stagegap")
    assert {(page, path) for page, path in named if not any((place / path).is_file() for place in places)} == set()


def test_docstrings_say_the_thing_itself() -> None:
    begin = re.compile(r'"""Give[s ]')
    lines = sum(len(begin.findall(path.read_text("utf-8"))) for path in SOURCE)
    assert lines <= 10


def test_identifiers_say_what_they_hold() -> None:
    counts: Counter[str] = Counter()
    lines = 0
    for path in SOURCE:
        text = path.read_text("utf-8")
        lines += len(text.splitlines())
        words = (token.string for token in tokenize.generate_tokens(io.StringIO(text).readline) if token.type == 1)
        counts.update(word for word in words if word in VAGUE)
    share = 1000 * counts.total() / lines
    assert share <= VAGUE_PER_1000_LINES, f"{share:.1f} in 1,000 lines: {dict(counts.most_common())}"


def keys(schema: Any) -> Iterator[str]:
    """All keys that a cascade file may have, from its JSON schema."""
    if isinstance(schema, dict):
        yield from schema["properties"] if isinstance(schema.get("properties"), dict) else ()
    inside = schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ()
    for part in inside:
        yield from keys(part)


@pytest.fixture(scope="module")
def code_in_docs() -> str:
    """What stands in the docs between backticks, and their blocks of code."""
    pages = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
    text = "".join(path.read_text("utf-8") for path in pages if path.name != "reference.md")  # made from the schema
    blocks = re.findall(r"```.*?```", text, re.DOTALL)
    return " ".join([*blocks, *re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))])


def test_docs_name_every_key_of_a_cascade_file(code_in_docs: str) -> None:
    names = sorted(set(keys(json.loads(SCHEMA.read_text("utf-8")))))
    assert len(names) > 50
    assert [name for name in names if not re.search(rf"\b{re.escape(name)}\b", code_in_docs)] == []
