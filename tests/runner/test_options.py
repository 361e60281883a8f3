from __future__ import annotations

from typing import Any, cast

import pytest

from runner.making import Build
from stagegap.errors import ConfigurationError
from stagegap.model.record import Record
from stagegap.runner import RunOptions

MAILS = tuple(
    Record(id=f"r{number}", fields={"n": number, "language": "de" if number % 2 else "en"}) for number in range(10)
)


def ids(options: RunOptions) -> list[str]:
    return [record.id for record in options.chosen(MAILS)]


def test_without_options_every_record_is_run() -> None:
    assert RunOptions().chosen(MAILS) == MAILS
    assert RunOptions().is_whole
    assert not RunOptions(limit=3).is_whole


def test_the_limit_takes_the_first_after_filter_and_sample() -> None:
    assert ids(RunOptions(limit=2)) == ["r0", "r1"]
    assert ids(RunOptions(limit=99)) == [record.id for record in MAILS]
    assert ids(RunOptions(limit=2, filter='record.language == "de" && record.n > 2')) == ["r3", "r5"]


def test_a_sample_is_drawn_by_its_seed_and_keeps_the_order() -> None:
    drawn = ids(RunOptions(sample=4, seed=1))
    assert drawn == ids(RunOptions(sample=4, seed=1)) == sorted(drawn)
    assert len(set(drawn)) == 4
    assert any(ids(RunOptions(sample=4, seed=seed)) != drawn for seed in range(2, 6))
    assert ids(RunOptions(sample=99)) == [record.id for record in MAILS]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("record.language ==", "The filter can't be used. 'record.language ==' is no condition: "),
        ("route == 1", "The filter reads 'route'. It can read fields of a record: record.FIELD."),
        ("record.langage == 'de'", "No record has the field 'langage'. Did you mean language?"),
        ("record.n + 1", "The filter can't be used at the record 'r0'. 'record.n + 1' gives 1, where true or false"),
    ],
)
def test_a_filter_that_can_not_be_used_says_why(text: str, message: str) -> None:
    with pytest.raises(ConfigurationError) as error:
        RunOptions(filter=text).chosen(MAILS)
    assert str(error.value).startswith(message)


@pytest.mark.parametrize("name", ["sample", "limit", "repeats", "jobs"])
def test_a_number_below_one_is_refused(name: str) -> None:
    with pytest.raises(ConfigurationError, match=f"{name} must be at least 1, found 0"):
        RunOptions(**cast("dict[str, Any]", {name: 0}))


def test_repeats_are_for_stages_that_may_answer_otherwise(making: Build) -> None:
    making.python("first", "text", "return text")
    making.python("drawn", "text", "return text", repeats=2)
    making.add("model", "llm", "text", making.stages[0].output, {})
    changed = RunOptions(repeats=5, jobs=3).changed(making.cascade)
    assert [(stage.repeats, stage.concurrency) for stage in changed.stages] == [(1, 3), (5, 3), (5, 3)]
    assert RunOptions().changed(making.cascade) == making.cascade


def test_plain_functions_are_called_at_once_where_somebody_says_so_and_no_engine_does_it(making: Build) -> None:
    making.python("first", "text", "return text")

    def at_once(options: RunOptions) -> set[bool]:
        return {stage.is_concurrent for stage in options.changed(making.cascade).stages}

    assert at_once(RunOptions()) == {False}
    assert at_once(RunOptions(jobs=3)) == {True}
    assert at_once(RunOptions(jobs=3, engine="processes:2")) == {False}


def test_stages_to_call_afresh_are_all_or_the_named(making: Build) -> None:
    making.python("first", "text", "return text")
    making.python("second", "text=first", "return text")
    assert RunOptions(fresh=True).fresh_of(making.cascade) == {"first", "second"}
    assert RunOptions(fresh_stages=("first",)).fresh_of(making.cascade) == {"first"}
    with pytest.raises(ConfigurationError, match=r"no stage 'frst' to call afresh\. Did you mean first\?"):
        RunOptions(fresh_stages=("frst",)).fresh_of(making.cascade)
