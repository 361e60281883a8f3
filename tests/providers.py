"""What providers really answer, each as the bytes that a server sends, with what we make of it.

`tests/stages/test_providers.py` replays every row over HTTP, and holds `docs/providers.md` to this table;
`python tests/providers.py` prints it. Where a row has a source, the words were seen there.
"""

from __future__ import annotations

from provider_answers import ANSWERS
from provider_refusals import REFUSALS

TABLE = (*REFUSALS, *ANSWERS)


def table() -> str:
    """The rows as Markdown."""
    lines = ["| provider | what it does | what we make of it |", "|---|---|---|"]
    for row in TABLE:
        does = f"{row.does} ([seen]({row.source}))" if row.source else row.does
        lines.append(f"| {row.provider} | {does} | {row.ends}{f': `{_short(row.says)}`' if row.says else ''} |")
    return "\n".join(lines)


def _short(text: str) -> str:
    text = text.replace("`", "'").replace("|", "/")
    return text if len(text) <= 110 else f"{text[:107]}..."


if __name__ == "__main__":
    print(table())  # noqa: T201  # it is written into the docs from here
