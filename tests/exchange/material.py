"""A cascade with a stage of every output type, and labels with everything that a label can hold."""

from __future__ import annotations

from hypothesis import strategies as st

from stagegap.exchange.label_files import Known
from stagegap.model.answer import REASONS, Answer, Fact, Label, LabelAction
from stagegap.model.cascade import Cascade, Kind, Outcome, OutputType, Source, Stage

TYPES = {
    "route": OutputType(kind=Kind.LABEL, values=("orders", "=spam", "")),
    "tags": OutputType(kind=Kind.LABELS, values=("new", "late", "+urgent")),
    "retrieve": OutputType(kind=Kind.RANKING, of="shop", k=2),
    "draft": OutputType(kind=Kind.TEXT),
    "price": OutputType(kind=Kind.NUMBER),
    "good": OutputType(kind=Kind.BOOLEAN),
    "fields": OutputType(kind=Kind.OBJECT),
}
CASCADE = Cascade(
    name="mail",
    stages=tuple(
        Stage(name=name, uses="python", inputs={"body": Source("record", "body")}, output=output, metrics=("exact",))
        for name, output in TYPES.items()
    ),
    outcome=Outcome(stage="draft", metric="exact"),
)
KNOWN = Known(cascade=CASCADE, records=("m1", "=m2", "-3"), documents={"shop": ("a", "-b", "c")})

# Beside Hypothesis's own choice: what formats stumble over.
NASTY = [
    *[
        "",
        " ",
        "'",
        "''=",
        "=1+1",
        "+1",
        "-1",
        "@x",
        "\t",
        "\r",
        "\n",
        "\r\n",
        "\x00",
        '"',
        '""',
        ",",
        ";",
        "\\",
        "\\n",
    ],
    *["\ufeff", "\u202e", "\u2028", "\x85", "＝1", "null", "true", "1", "1e5", "[1]", "{}", "😀", "e\u0301"],
]
texts = st.one_of(
    st.sampled_from(NASTY),
    st.lists(st.sampled_from(NASTY), max_size=4).map("".join),
    st.text(st.characters(exclude_categories=("Cs",)), max_size=20),
)
numbers = st.one_of(
    st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False, allow_infinity=False), st.sampled_from([0, -0.0, -5])
)
json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), numbers, texts),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(texts, inner, max_size=3)),
    max_leaves=6,
)
VALUES = {
    "route": st.sampled_from(["orders", "=spam", ""]),
    "tags": st.lists(st.sampled_from(["new", "late", "+urgent"]), unique=True),
    "retrieve": st.lists(st.sampled_from(["a", "-b", "c"]), unique=True, max_size=2),
    "draft": texts,
    "price": numbers,
    "good": st.booleans(),
    "fields": st.dictionaries(texts, json_values, max_size=3),
}
facts = st.builds(Fact, st.lists(texts, min_size=1, max_size=3).filter(lambda w: any(x.strip() for x in w)).map(tuple))
shares = st.one_of(st.none(), st.floats(0, 1))


@st.composite
def labels(draw: st.DrawFn) -> Label:
    """Any label that the store can hold."""
    stage = draw(st.sampled_from(sorted(TYPES)))
    actions: list[LabelAction] = ["label", "label", "adjudicate", "skip", "undo"]
    action = draw(st.sampled_from(actions))
    answers = st.builds(Answer, value=st.one_of(st.none(), VALUES[stage]), facts=st.lists(facts, max_size=2).map(tuple))
    return Label(
        id=draw(texts.filter(bool)),
        record=draw(st.sampled_from(sorted(KNOWN.records))),
        stage=stage,
        annotator=draw(texts.filter(lambda text: text.strip())),
        answer=draw(answers) if action in ("label", "adjudicate") else None,
        action=action,
        at=draw(st.floats(-6e10, 2.5e11)),
        active_ms=draw(st.one_of(st.none(), st.integers(0, 2**32 - 1))),
        unsure=draw(st.booleans()),
        odd=draw(st.booleans()),
        note=draw(texts),
        guideline=draw(texts),
        form=draw(texts),
        seen=draw(texts),
        queue=draw(texts),
        probability=draw(shares),
        verified=draw(st.booleans()),
        targeted=draw(st.booleans()),
        run=draw(texts),
        also=tuple(draw(st.lists(answers, max_size=2))) if action == "adjudicate" else (),
        reason=draw(st.sampled_from(["", *REASONS])),
        cites=draw(texts),
    )
