from __future__ import annotations

from dataclasses import replace

from stagegap.analysis.reproduced import Difference, environment_differences, reproduction, stage_outputs
from stagegap.analysis.views import from_json, to_json
from stagegap.model.answer import Output, Status
from stagegap.model.run import Environment

OUTPUT = Output(record="r0", stage="draft", status=Status.OK, value="Dear Ann, it is 12 places.")
HERE = Environment(program="0.1.0", python="3.11.7", platform="Linux x86_64", packages={"numpy": "2.2", "rich": "14"})
DATA = Difference(kind="data", name="shop.jsonl", then="a", now="b")


def compared(*now: Output, then=(OUTPUT,), is_asked: bool = True):
    return stage_outputs("system", "draft", then, now, is_asked=is_asked)


def test_same_answer_is_the_same_whatever_it_took() -> None:
    again = replace(OUTPUT, latency_ms=9.0, tokens_in=5, cost=0.1, key="f" * 32, cached=True)
    row = compared(again)
    assert (row.n, row.same, row.is_identical, row.examples) == (1, 1, True, ())


def test_first_byte_that_differs_is_named_with_what_stands_around_it() -> None:
    row = compared(replace(OUTPUT, value="Dear Ann, it is 13 places."))
    (example,) = row.examples
    assert example.byte == len('{"status":"ok","value":"Dear Ann, it is 1')
    assert example.then == '…"status":"ok","value":"Dear Ann, it is 12 places."}'
    assert example.now == '…"status":"ok","value":"Dear Ann, it is 13 places."}'


def test_answer_that_is_longer_differs_where_the_shorter_one_ends() -> None:
    short, longer = replace(OUTPUT, value=[1]), replace(OUTPUT, value=[1, 2])
    (example,) = compared(longer, then=(short,)).examples
    assert example.byte == len('{"status":"ok","value":[1')


def test_confidence_scores_and_errors_count_as_part_of_the_answer() -> None:
    for other in ({"confidence": 0.5}, {"scores": (1.0,), "value": ["a"]}, {"alternatives": ("x",)}, {"raw": "x"}):
        assert compared(replace(OUTPUT, **other)).same == 0
    failed = replace(OUTPUT, status=Status.BLOCKED, because=Status.REFUSED, value=None, error="no")
    assert compared(failed, then=(failed,)).is_identical


def test_missing_and_extra_outputs_and_calls_nobody_allowed_are_counted() -> None:
    lost = replace(OUTPUT, status=Status.INFRASTRUCTURE, value=None, error="not called again")
    assert compared().missing == 1
    assert compared(OUTPUT, replace(OUTPUT, record="r1")).extra == 1
    assert not compared(OUTPUT, replace(OUTPUT, record="r1")).is_identical
    row = compared(lost, is_asked=False)
    assert (row.not_called, row.same, row.examples) == (1, 0, ())
    assert compared(lost).not_called == 0


def test_only_so_many_examples_are_kept() -> None:
    then = [replace(OUTPUT, record=f"r{i}") for i in range(9)]
    row = compared(*(replace(one, value="x") for one in then), then=then)
    assert (len(row.examples), row.same) == (5, 0)


def test_headline_says_what_came_out_otherwise_and_what_else_differs() -> None:
    same, other = compared(OUTPUT), compared(replace(OUTPUT, value="x"))
    good = reproduction("mail", "v1", calls=3, stages=[same], differences=[DATA])
    assert (good.headline, good.is_identical) == ("v1 comes out the same to the byte: 1 output", True)
    bad = reproduction("mail", "v1", calls=3, stages=[same, other], differences=[DATA])
    assert bad.headline == "1 of 2 outputs of v1 come out otherwise, at draft; data differs"
    two = [DATA, replace(DATA, kind="code")]
    paid = replace(other, is_asked=False)
    assert reproduction("mail", "v1", calls=0, stages=[paid], differences=two).headline == (
        "1 of 1 output of v1 come out otherwise, at draft; data and code differ; answers of draft were taken from the"
        " store"
    )
    assert from_json(type(bad), to_json(bad)) == bad


def test_environments_differ_by_program_python_platform_and_packages() -> None:
    now = Environment(
        program="0.2.0", python="3.12.1", platform="Linux x86_64", packages={"numpy": "2.3", "typer": "1"}
    )
    found = [(one.name, one.then, one.now) for one in environment_differences(HERE, now)]
    assert found == [
        ("stagegap", "0.1.0", "0.2.0"), ("Python", "3.11.7", "3.12.1"), ("numpy", "2.2", "2.3"), ("rich", "14", ""),
        ("typer", "", "1"),
    ]  # fmt: skip
    assert environment_differences(HERE, HERE) == ()
