"""The list of failures as HTML, and the sentences beside it."""

from __future__ import annotations

from dataclasses import replace

from stagegap import charts
from stagegap.model.estimate import Estimate, unmeasured
from stagegap.model.notes import Failure, FailurePage
from stagegap.people.codebook import CodeRow, CodeTally

EVIL = "<script>alert(1)</script>"
ROW = Failure(stage="s", record="r1", title="Hello", score=0.5, first_fault=True, inherits=False, disagreed=True)
PAGE = FailurePage(total=1, before=0, rows=(ROW,), next=None)


def share(value: float, low: float, high: float) -> Estimate:
    return Estimate(value=value, low=low, high=high, n=40, method="Wilson")


TAG = CodeRow(tag="two topics", count=7, share=share(0.18, 0.09, 0.32), win=share(0.14, 0.1, 0.18))
TALLY = CodeTally(stage="s", failures=9, read=7, rows=(TAG,), headline="", basis="")


def drawn(page: FailurePage, *, chosen: str | None = None, **tags: tuple[str, ...]) -> str:
    return charts.failure_list(page, stage="s", noun="mail", chosen=chosen, tags=tags)


def test_row_says_what_there_is_to_choose_by_and_not_what_was_answered() -> None:
    html = drawn(PAGE, r1=("two topics",))
    assert '<button type="button" data-v="r1">Hello</button>' in html
    assert "<b>first fault</b>" in html
    assert "labellers disagree" in html
    assert '<small class="tag">two topics</small>' in html
    assert "<td>50%</td>" in html


def test_chosen_row_is_marked() -> None:
    assert 'class="pick on"' in drawn(PAGE, chosen="r1")
    assert 'aria-current="true"' in drawn(PAGE, chosen="r1")
    assert "aria-current" not in drawn(PAGE, chosen="r2")


def test_empty_list_says_so() -> None:
    empty = replace(PAGE, total=0, rows=())
    assert "No mail fits these filters." in drawn(empty)
    assert charts.list_sentence(empty, noun="mail") == ""


def test_sentence_says_which_part_is_here() -> None:
    assert charts.list_sentence(PAGE, noun="mail") == "1 mail, most typical first."
    part = replace(PAGE, total=1200, before=200)
    assert charts.list_sentence(part, noun="mail") == "201 to 201 of 1,200 mails, most typical first."


def test_everything_from_outside_is_escaped() -> None:
    evil = replace(PAGE, rows=(replace(ROW, record=EVIL, title=EVIL),))
    assert "<script" not in charts.failure_list(evil, stage=EVIL, noun=EVIL, chosen=None, tags={EVIL: (EVIL,)})
    assert "<script" not in charts.failure_list(replace(PAGE, rows=()), stage=EVIL, noun=EVIL, chosen=None, tags={})


def test_tags_have_their_numbers_with_intervals() -> None:
    assert charts.code_share(TAG) == "7, 18% (9 to 32)"
    assert charts.code_win(TAG) == "at most +14 points (10 to 18)"
    assert charts.win_sentence(TALLY) == "Fixing all of two topics would win at most 14 points (10 to 18)."


def test_number_that_is_not_measured_says_why() -> None:
    unknown = replace(TAG, share=unmeasured("too few"), win=unmeasured("not measured: there is no ceiling"))
    assert charts.code_share(unknown) == "7"
    assert charts.code_win(unknown) == "not measured: there is no ceiling"
    assert charts.win_sentence(replace(TALLY, rows=(unknown,))) == ""
