"""Any text that somebody wrote in another program arrives as it was, goes out in our formats, and comes back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from exchange.foreign import test_argilla as argilla
from exchange.foreign import test_label_studio as studio
from exchange.foreign import test_langfuse as langfuse
from exchange.foreign import test_mlflow as mlflow
from exchange.foreign.reading import take
from exchange.material import KNOWN, NASTY, texts
from stagegap.exchange.label_files import read_labels, write_labels
from stagegap.model.answer import Answer

FILES: dict[str, Callable[[str], object]] = {
    "label-studio": lambda text: [studio.task(studio.annotation(studio.result("draft", "textarea", {"text": [text]})))],
    "argilla": lambda text: [argilla.exported(draft=[{"value": text, "user_id": "u1"}])],
    "langfuse": lambda text: [
        langfuse.score(name="draft", dataType="CORRECTION", value=text, stringValue=None, source="API")
    ],
    "mlflow": lambda text: {
        "traces": [mlflow.trace(mlflow.assessment(assessment_name="draft", expectation={"value": text}))]
    },
}
"""An export of each program in which somebody wrote a text."""
WORST = '=HYPERLINK("http://x")\r\n\u202eabc\u202c\x00\n\nline, "two"; \'\ttab \U0001f469\u200d\U0001f469'


@pytest.mark.parametrize("source", FILES)
@given(text=st.one_of(texts, st.lists(st.sampled_from(NASTY), max_size=6).map("x".join)).filter(str.strip))
@example(text=WORST)
@settings(max_examples=15, deadline=None)
def test_text_of_another_program_goes_through_every_format_of_ours(
    tmp_path_factory: pytest.TempPathFactory, source: str, text: str
) -> None:
    folder = tmp_path_factory.getbasetemp() / source
    folder.mkdir(exist_ok=True)
    taken = take(folder, source, FILES[source](text), draft="draft")
    assert [label.answer for label in taken.labels] == [Answer(value=text)]
    assert not taken.unmapped
    for name in ("labels.jsonl", "labels.csv", "labels.parquet"):
        path: Path = folder / name
        write_labels(path, taken.labels, cascade="mail")
        assert read_labels(path, KNOWN) == list(taken.labels), name
