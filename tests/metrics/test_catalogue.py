from __future__ import annotations

import math
import signal
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from sacrebleu.metrics.chrf import CHRF

from stagegap.errors import ConfigurationError
from stagegap.metrics import metric, names_for
from stagegap.model.answer import Answer, Fact
from stagegap.model.cascade import Kind
from stagegap.model.record import Json


def compared(name: str, value: Json, wanted: Json, facts: tuple[str, ...] = ()) -> float:
    answer = Answer(value=wanted, facts=tuple(Fact(tuple(fact.split("|"))) for fact in facts))
    return metric(name).compare(value, answer)


@pytest.mark.parametrize(
    ("name", "value", "wanted", "score"),
    [
        ("accuracy", "a", "a ", 1),
        ("accuracy", "a", "A", 0),
        ("accuracy", True, 1, 0),
        ("accuracy", 1, 1.0, 1),
        ("exact", ["a", "b"], ["b", "a"], 1),
        ("exact", {"a": [1, 2]}, {"a": [2, 1]}, 1),
        ("exact", {"a": 1}, {"a": True}, 0),
        ("set_f1", ["a", "b"], ["b", "c", "d"], 0.4),
        ("set_f1", [], [], 1),
        ("set_f1", "no list", ["a"], 0),
        ("recall@2", ["a", "b", "c"], ["b", "c"], 0.5),
        ("recall@2", ["a", "a", "c"], ["c"], 0),  # a repeat holds its place
        ("recall@3", [{"id": "x", "title": "t"}], ["x"], 1),
        ("recall@3", ["a"], [], 1),
        ("recall@3", "a", ["a"], 0),
        ("precision@3", ["a", "b", "c", "d"], ["a", "c", "d"], 2 / 3),
        ("precision@3", ["a"], ["a"], 1 / 3),
        ("precision@3", [], [], 1),
        ("precision@3", ["a"], [], 0),
        ("mrr", ["x", "y", "a"], ["a"], 1 / 3),
        ("mrr", ["x"], ["a"], 0),
        ("mrr", [], [], 1),
        ("mrr", ["x"], [], 0),
        ("token_f1", "the cat sat", "The cat, cat!", 2 / 3),
        ("token_f1", "", "", 1),
        ("token_f1", "", "a", 0),
        ("token_f1", 7, "a", 0),
        ("within@0.1", 0.3, 0.2, 1),
        ("within@0.1", 0.31, 0.2, 0),
        ("within@5%", 104.9, 100, 1),
        ("within@5%", 106, 100, 0),
        ("within@1", "3", 3, 0),
        ("within@1", 3, None, 0),
        ("within@1", True, 1, 0),
        ("within@1", 1, True, 0),
        ("field_f1", {"a": 1, "b": {"c": "x"}}, {"a": 1, "b": {"c": "y"}}, 0.5),
        ("field_f1", {"a": ["x", "y"]}, {"a": ["y", "x"]}, 1),
        ("field_f1", {}, {}, 1),
        ("chrf", "", "", 1),
        ("chrf", "a", "", 0),
    ],
)
def test_values_of_the_textbook(name: str, value: Json, wanted: Json, score: float):
    assert compared(name, value, wanted) == pytest.approx(score)


def test_chrf_is_that_of_sacrebleu():
    found = compared("chrf", "You can return it within 30 days.", "Returns are free within 30 days.")
    oracle = CHRF().sentence_score("You can return it within 30 days.", ["Returns are free within 30 days."])
    assert found == pytest.approx(oracle.score / 100)


@pytest.mark.parametrize(
    ("text", "facts", "score", "why"),
    [
        ("Return it within 30 days, we pay €4.90.", ("30 days", "4.90|4,90"), 1, "both facts"),
        ("Return it within 130 days.", ("30 days",), 0, "whole words only"),
        ("ＲＥＴＵＲＮ  it\nwithin THIRTY days", ("return", "30 days|thirty days"), 1, "width, case, any wording"),
        ("Straße und Maß", ("STRASSE", "mass", "meter"), 2 / 3, "casefold"),
        ("返品は30日以内です", ("30日",), 1, "scripts without spaces"),
        ("anything", ("!!!",), 0, "a wording without words is nowhere"),
        (None, ("x",), 0, "no text"),
    ],
)
def test_fact_recall(text: Json, facts: tuple[str, ...], score: float, why: str):
    assert compared("fact_recall", text, "reference", facts) == pytest.approx(score), why


def test_every_type_of_output_has_a_default_metric():
    assert {kind: names_for(kind)[0] for kind in Kind} == {
        Kind.LABEL: "accuracy",
        Kind.LABELS: "set_f1",
        Kind.RANKING: "recall@k",
        Kind.TEXT: "fact_recall",
        Kind.NUMBER: "within@TOL",
        Kind.BOOLEAN: "accuracy",
        Kind.OBJECT: "field_f1",
        Kind.LIST: "set_f1",
        Kind.BOXES: "box_f1@IOU",
        Kind.SPANS: "span_f1",
        Kind.SEGMENTS: "overlap_f1",
        Kind.TRANSCRIPT: "char_accuracy",
    }


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("acuracy", "there is no metric 'acuracy'. Did you mean accuracy?"),
        ("recall@k", "'recall@k' needs a whole number from 1 after the @, as in recall@3"),
        ("precision@0", "'precision@0' needs a whole number from 1"),
        ("within@x", "'within@x' needs a tolerance after the @"),
        ("within@-1", "needs a tolerance"),
        ("python:f.py:f", "the metric 'python:f.py:f' needs its function handed in"),
    ],
)
def test_a_bad_name_gets_one_clear_sentence(name: str, sentence: str):
    with pytest.raises(ValueError, match=sentence.replace(".", r"\.")):
        metric(name)


def test_a_metric_of_ones_own():
    mine = metric("python:f.py:longer", custom=lambda value, wanted: len(str(value)) > len(str(wanted)))
    assert mine.compare("long", Answer(value="s")) == 1.0


@pytest.mark.parametrize("result", [True, np.float32(1), np.bool_(True), np.array(1.0), Decimal(1), Fraction(1)])
def test_a_metric_of_ones_own_may_give_any_kind_of_number(result: object):
    assert metric("python:f.py:odd", custom=lambda *_: result).compare("a", Answer(value="b")) == 1.0


def test_a_metric_of_ones_own_that_raises_is_a_sentence_with_its_line():
    def odd(value: Json, wanted: Json) -> float:
        raise SystemExit(0)

    line = odd.__code__.co_firstlineno + 1
    with pytest.raises(ConfigurationError) as error:
        metric("python:f.py:odd", custom=odd).compare("a" * 200, Answer(value="b"))
    assert f"raised SystemExit: 0 in line {line}, for 'aaa" in str(error.value)
    assert "aaa… against 'b'. What was answered is kept" in str(error.value)
    with pytest.raises(KeyboardInterrupt):
        metric("python:f.py:odd", custom=lambda *_: signal.raise_signal(signal.SIGINT)).compare("a", Answer(value="b"))


def test_a_metric_of_ones_own_changes_no_value():
    def odd(value: Json, wanted: Json) -> float:
        assert isinstance(value, list)
        assert isinstance(wanted, list)
        value.clear()
        wanted.append(1)
        return 1.0

    value, answer = [1, 2], Answer(value=[3])
    metric("python:f.py:odd", custom=odd).compare(value, answer)
    assert (value, answer.value) == ([1, 2], [3])


@pytest.mark.parametrize("result", [1.5, -1, math.nan, "good", None, np.array([1.0, 0.5])])
def test_a_metric_of_ones_own_must_give_a_score(result: object):
    mine = metric("python:f.py:odd", custom=lambda *_: result)
    with pytest.raises(ConfigurationError, match=r"must give a number from 0 to 1|can be converted"):
        mine.compare("a", Answer(value="b"))


@pytest.mark.parametrize(
    ("name", "bar"), [("accuracy", 1), ("recall@3", 1), ("precision@4", 0.25), ("chrf", 0.5), ("mrr", 0.5)]
)
def test_every_metric_says_from_where_an_output_is_acceptable_and_why(name: str, bar: float):
    assert (metric(name).bar, bool(metric(name).why_bar)) == (bar, True)


def test_an_id_that_a_recorded_ranking_repeats_holds_its_place_and_wins_nothing():
    right = Answer(value=["b"])
    assert metric("mrr").compare(["a", "a", "b"], right) == 1 / 3
    assert metric("recall@2").compare(["a", "a", "b"], right) == 0
    assert metric("recall@3").compare(["b", "b", "b"], right) == 1
    assert metric("precision@2").compare(["b", "b"], right) == 0.5
