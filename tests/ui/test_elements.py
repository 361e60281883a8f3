"""Texts that Markdown must show as they are."""

from __future__ import annotations

import string

from stagegap.ui import elements


def test_every_mark_of_markdown_is_escaped_and_nothing_else() -> None:
    assert elements.plain(string.punctuation) == "".join(f"\\{mark}" for mark in string.punctuation)
    assert elements.plain("größer − 3 … · »ok« 你好\n") == "größer − 3 … · »ok« 你好\n"
