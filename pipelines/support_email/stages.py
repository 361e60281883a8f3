"""The drafter of the demo: quotes the sentences of the found documents that share most words with the mail."""

import re
from collections.abc import Mapping, Sequence

QUOTED = 6
"""Sentences that a reply quotes at most."""
COMMON = frozenset(
    "a an and are as at be but by can do does for from has have how i if in is it its me my no not of on one or our so "
    "than that the their them there they this to up was we what when which will with would you your hello hi dear "
    "thanks thank please order".split()
)


def draft(subject: str, body: str, documents: Sequence[Mapping[str, str]] | None) -> str:
    """Write a reply from what was retrieved; ask for details when nothing was."""
    if not documents:
        return "Thank you for your mail. Please send us your order number, and a colleague will look into it."
    wanted = words(f"{subject} {body}")
    ranked = sorted(
        (-len(wanted & words(sentence)), place, index, sentence)
        for place, document in enumerate(documents)
        for index, sentence in enumerate(sentences(document["text"]))
    )
    quoted = " ".join(sentence for *_, sentence in ranked[:QUOTED])
    return f"Thank you for your mail. {quoted} Please write back if anything is still open."


def words(text: str) -> set[str]:
    """The words of a text that carry meaning, cut to six letters so that endings matter less."""
    return {word[:6] for word in re.findall(r"\w+", text.lower()) if word not in COMMON}


def sentences(text: str) -> list[str]:
    """Cut a document into sentences."""
    return re.split(r"(?<=[.!?])\s+", text)
