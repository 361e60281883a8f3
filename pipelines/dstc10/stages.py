"""Our own stages for DSTC10: a rule, a drafter that speaks a snippet, and what a reply must share with a person's."""

import re
from collections.abc import Mapping, Sequence

ASKS = re.compile(
    r"\b(do|does|did|is|are|can|could|will) (you|they|it|that|this|there|the|i|we)\b|\b(what|when|how|whether|if)\b"
)
"""A turn that asks something, however the recogniser heard the rest."""
FIELDS = re.compile(
    r"\b(address|phone|number|zip|code|post ?code|price|priced|range|cheap|moderate|expensive|area|star|stars|where"
    r"|book|table|people|nights?|looking for|find|recommend|place to (eat|stay|go)|instead|reference|confirmation)\b"
)
"""What the database answers or changes (the fields of MultiWOZ: address, area, phone, price, stars, booking)."""
NEGATIVE = re.compile(r"\b(no|not|none|nothing|unfortunately|sorry|isn|doesn|don|aren|can't|cannot)\b|n't\b")
FILLER = frozenset(
    re.findall(
        r"\w+",
        """
        a an the and or so but ok okay yeah yes no not sure of course let me see check go ahead look looks looking like
        listed here says saying that this it its is are am be was i im you your they their them there he for if any all
        right to do does did have has had in on at with as up what where when great question definitely certainly by
        absolutely sir one moment know now actually showing shows show place location can could will would we sorry my
        unfortunately uh um umm uhhh please alright thing into give also
        """,
    )
)
"""Words of a reply that say nothing about the place."""


def detect(turn: str) -> bool:
    """Say whether a turn asks what no field of the database answers."""
    return bool(ASKS.search(turn)) and not FIELDS.search(turn)


def draft(turn: str, snippets: Sequence[Mapping[str, str]] | None) -> str:  # noqa: ARG001  # a drafter sees the turn
    """Say the best snippet in the register of the dialogue."""
    if not snippets:
        return "i'm sorry i can't find that"
    return f"let me check that for you. {snippets[0]['text'].lower()}"


def said(reply: object, person: object) -> float:
    """The share of a person's content words that the reply says too; 0 where one denies and the other does not."""
    mine, theirs = str(reply).lower(), str(person).lower()
    if bool(NEGATIVE.search(mine)) != bool(NEGATIVE.search(theirs)):
        return 0.0
    wanted = _content(theirs)
    return len(wanted & _content(mine)) / len(wanted) if wanted else 1.0


def _content(text: str) -> set[str]:
    """The words that carry meaning, cut to five letters so that endings matter less."""
    return {word[:5] for word in re.findall(r"[a-z0-9]+", text.replace("'", "")) if word not in FILLER}
