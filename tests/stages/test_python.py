from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from stagegap.errors import ConfigurationError
from stagegap.model.answer import Status
from stagegap.model.cascade import Kind, OutputType, Stage
from stagegap.stages import AsyncStage, BatchStage, Corpus, Reply, build

LABEL = OutputType(kind=Kind.LABEL, values=("long", "short"))
RANKING = OutputType(kind=Kind.RANKING, of="shop", k=2)
Make = Callable[..., BatchStage]


def test_a_function_is_called_with_the_inputs_by_name(python: Make) -> None:
    stage = python("def draft(body, subject): return f'{subject}: {body}'", inputs="subject body")
    assert stage.answer_batch([{"subject": "a", "body": "b"}]) == [Reply(value="a: b")]


def test_an_exception_is_the_answer_of_that_record_with_the_line_it_came_from(python: Make) -> None:
    stage = python("def draft(text):\n    if not text:\n        raise ValueError('no\\ntext')\n    return text")
    fine, failed, again = stage.answer_batch([{"text": "a"}, {"text": ""}, {"text": "b"}])
    assert (fine, again) == (Reply(value="a"), Reply(value="b"))
    assert failed.status is Status.ERROR
    assert failed.error == "draft raised ValueError: no text (stages.py:3)"
    assert not failed.is_reusable


def test_leaving_the_program_is_the_answer_of_that_record_too(python: Make) -> None:
    [failed] = python("def draft(text): raise SystemExit(2)").answer_batch([{"text": "a"}])
    assert failed.error == "draft raised SystemExit: 2 (stages.py:1)"


def test_a_value_of_another_type_is_unparsable_and_kept_as_raw(python: Make) -> None:
    [reply] = python("def draft(text): return 'medium'", LABEL).answer_batch([{"text": "a"}])
    assert (reply.status, reply.raw) == (Status.UNPARSABLE, "'medium'")
    assert reply.error == "draft gave: 'medium' is none of the labels. Known: long, short."
    assert reply.is_reusable


def test_a_function_may_say_how_sure_it_is(python: Make) -> None:
    code = """
from stagegap.stages import Answered
def draft(text):
    return Answered("long", confidence=0.7, alternatives=["short"])
"""
    assert python(code, LABEL).answer_batch([{"text": "a"}]) == [
        Reply(value="long", confidence=0.7, alternatives=("short",))
    ]


def test_a_ranking_may_come_with_its_scores(python: Make, shop: Corpus) -> None:
    code = """
from stagegap.stages import Answered
def draft(text):
    return Answered(["t1", "k1"], scores=[2, 1])
"""
    stage = python(code, RANKING, corpora={"shop": shop})
    assert stage.answer_batch([{"text": "a"}]) == [Reply(value=["t1", "k1"], scores=(2.0, 1.0))]


@pytest.mark.parametrize(
    ("knowledge", "error"),
    [
        ("confidence=1.5", "A confidence lies in [0, 1], found 1.5."),
        ("confidence='high'", "could not convert string to float: 'high'"),
        ("scores=[1]", "A ranking has one score for each id, found 1."),
        ("scores=[float('nan'), 1]", "Scores are finite numbers, found [nan, 1.0]."),
        ("alternatives=[{1, 2}]", "A value of the Python type set is no JSON value."),
    ],
)
def test_knowledge_that_makes_no_sense_is_unparsable(python: Make, shop: Corpus, knowledge: str, error: str) -> None:
    code = f"from stagegap.stages import Answered\ndef draft(text): return Answered(['t1', 'k1'], {knowledge})"
    [reply] = python(code, RANKING, corpora={"shop": shop}).answer_batch([{"text": "a"}])
    assert (reply.status, reply.error) == (Status.UNPARSABLE, f"draft gave: {error}")


BATCH = """
from stagegap.stages import batch
calls = []
@batch
def draft(text):
    calls.append(text)
    if "bad" in text:
        raise KeyError("bad")
    return [one.upper() for one in text if one != "lost"]
"""


def test_a_batch_function_gets_lists(python: Make) -> None:
    stage = python(BATCH)
    assert stage.answer_batch([{"text": "a"}, {"text": "b"}]) == [Reply(value="A"), Reply(value="B")]


def test_one_bad_record_in_a_batch_does_not_take_the_others_down(python: Make) -> None:
    first, bad, last = python(BATCH).answer_batch([{"text": "a"}, {"text": "bad"}, {"text": "b"}])
    assert (first, last) == (Reply(value="A"), Reply(value="B"))
    assert bad.error == "draft raised KeyError: 'bad' (stages.py:8)"


def test_a_batch_function_must_give_one_entry_a_record(python: Make) -> None:
    [reply] = python(BATCH).answer_batch([{"text": "lost"}])
    assert reply.error == "draft raised TypeError: a batch function gives a list with one entry a record, 1 here"


def test_an_async_function_makes_an_async_stage(python: Callable[..., AsyncStage]) -> None:
    stage = python("async def draft(text):\n    if text == 'bad': raise OSError('gone')\n    return text")
    assert isinstance(stage, AsyncStage)

    async def both() -> tuple[Reply, Reply]:
        found = await stage.answer({"text": "a"}), await stage.answer({"text": "bad"})
        await stage.close()
        return found

    fine, failed = asyncio.run(both())
    assert fine == Reply(value="a")
    assert failed.error == "draft raised OSError: gone (stages.py:2)"


def test_the_fingerprint_changes_with_the_file_and_with_the_output_type(python: Make) -> None:
    first = python("def draft(text): return 'long'", LABEL).fingerprint
    assert python("def draft(text): return 'long'", LABEL).fingerprint == first
    assert python("def draft(text): return 'long' ", LABEL).fingerprint != first
    other = OutputType(kind=Kind.LABEL, values=("long", "brief"))
    assert python("def draft(text): return 'long'", other).fingerprint != first


def test_the_fingerprint_of_a_ranking_changes_with_the_ids_of_its_corpus(python: Make, shop: Corpus) -> None:
    smaller = Corpus(name="shop", documents={"k1": shop.documents["k1"]})
    code = "def draft(text): return []"
    prints = {python(code, RANKING, corpora={"shop": corpus}).fingerprint for corpus in (shop, smaller)}
    assert len(prints) == 2


def test_dataclasses_can_be_defined_beside_the_function(python: Make) -> None:
    code = """
from __future__ import annotations
from dataclasses import dataclass
@dataclass
class Pair:
    left: str
def draft(text):
    return Pair(left=text).left
"""
    assert python(code).answer_batch([{"text": "a"}]) == [Reply(value="a")]


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("def drafts(text): return text", r"does not stand in .*stages\.py\. Did you mean drafts\?"),
        ("draft = 3", "does not stand in"),
        ("def draft(subject): return subject", r"can't be called with the inputs text: missing a required argument"),
        ("def draft(text):\n  return (", r"stages\.py:2 raised SyntaxError"),
        ("import json\nraise RuntimeError('stop')", r"stages\.py:2 raised RuntimeError: stop"),
        (
            "from stagegap.stages import batch\n@batch\nasync def draft(text): ...",
            "can't be marked with stagegap.batch",
        ),
    ],
)
def test_a_function_that_can_not_be_used_is_named_at_once(python: Make, code: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        python(code)


@pytest.mark.parametrize("function", ["nothing.py:draft", "draft", "stages.txt:draft"])
def test_a_file_that_can_not_be_loaded_is_named_at_once(
    tmp_path: Path, make_stage: Callable[..., Stage], function: str
) -> None:
    (tmp_path / "stages.txt").write_text("def draft(text): return text")
    stage = make_stage("python", OutputType(kind=Kind.TEXT), function=function)
    with pytest.raises(ConfigurationError, match="can't be loaded, because"):
        build(stage, folder=tmp_path, corpora={}, environment={})


def test_a_function_that_yields_gives_candidates_best_first(python: Make) -> None:
    stage = python("def draft(text):\n    yield text\n    yield text * 2\n    yield text * 3\n")
    [reply] = stage.answer_batch([{"text": "a"}])
    assert (reply.value, reply.alternatives) == ("a", ("aa", "aaa"))


def test_the_first_candidate_may_say_how_sure_it_is(python: Make) -> None:
    code = "import stagegap\ndef draft(text):\n    yield stagegap.Answered(text, confidence=0.4)\n    yield 'b'\n"
    [reply] = python(code).answer_batch([{"text": "a"}])
    assert (reply.value, reply.confidence, reply.alternatives) == ("a", 0.4, ("b",))


def test_a_function_that_yields_for_ever_is_taken_up_to_a_limit(python: Make) -> None:
    [reply] = python("def draft(text):\n    while True:\n        yield text\n").answer_batch([{"text": "a"}])
    assert len(reply.alternatives) == 99


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ("if False:\n        yield text", "draft yielded nothing"),
        ("yield text\n    yield 3", "draft yielded: A text was expected, found 3."),
    ],
)
def test_candidates_that_are_none_are_named(python: Make, body: str, error: str) -> None:
    [reply] = python(f"def draft(text):\n    {body}\n").answer_batch([{"text": "a"}])
    assert (reply.status, reply.error) == (Status.UNPARSABLE, error)


def test_what_is_raised_between_two_candidates_is_an_error(python: Make) -> None:
    code = "def draft(text):\n    yield text\n    raise ValueError('no more')\n"
    [reply] = python(code).answer_batch([{"text": "a"}])
    assert (reply.status, reply.error) == (Status.ERROR, "draft raised ValueError: no more (stages.py:3)")


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (
            "import stagegap\n@stagegap.batch\nasync def draft(text):\n    yield text\n",
            "an async function can't be marked",
        ),
        ("import stagegap\n@stagegap.batch\ndef draft(text):\n    yield text\n", "can't be marked with stagegap.batch"),
    ],
)
def test_functions_that_can_not_yield_are_named(python: Make, code: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        python(code)
