from __future__ import annotations

from collections.abc import Sequence

import pytest

from stagegap.metrics import metric
from stagegap.model.answer import Answer, Label, Output, Status
from stagegap.model.cascade import Kind
from stagegap.model.queue import Queue
from stagegap.people.contributions import doubt_sentence, hunt_sentence, hunted_rate, identity_sentence, own_work

BY = metric("accuracy")
UNITS = {f"r{i}": f"r{i}" for i in range(60)}
HUNT = Queue(id="h", cascade="c", stage="route", purpose="hunting", created_at=0, form="{}", drawn="about 40 by doubt")


def label(record: str, who: str, value: str, chance: float | None = None, ms: int | None = None) -> Label:
    return Label(
        id=f"{record}{who}", record=record, stage="route", annotator=who, answer=Answer(value=value), active_ms=ms,
        probability=chance, targeted=chance is not None, queue="h" if chance is not None else "",
    )  # fmt: skip


def work(labels: Sequence[Label], who: str = "me"):
    return own_work(labels, who, BY, UNITS, stage="route", noun="mail", seed=0)


def test_own_work_is_counted_timed_and_compared_with_the_others():
    labels = [label(f"r{i}", "me", "a", ms=3_000) for i in range(50)]
    labels += [label(f"r{i}", "you", "a" if i < 30 else "b") for i in range(40)]
    found = work(labels)
    assert (found.labels, found.median_ms, found.agreement.n) == (50, 3_000, 40)
    assert found.agreement.value == 0.75
    assert found.sentence.startswith(
        "You: 50 labels at route, 3 s each. You agree with the others on 75% (95% interval "
    )
    assert found.sentence.endswith("of the 40 mails that they labelled too.")


def test_nobody_to_compare_with_is_said():
    found = work([label("r1", "me", "a")])
    assert found.sentence == (
        "You: 1 label at route. Your agreement with the others is not measured: nobody else labelled a mail of yours."
    )
    assert work([]).sentence == "You have no label at route yet."


def test_hunted_labels_are_compared_with_nobodys():
    labels = [label(f"r{i}", "me", "a", chance=0.5) for i in range(9)] + [label(f"r{i}", "you", "b") for i in range(9)]
    found = work(labels)
    assert found.labels == 9
    assert not found.agreement.is_measured


def outputs(n: int) -> dict[str, Output]:
    return {f"r{i}": Output(record=f"r{i}", stage="route", status=Status.OK, value="a") for i in range(n)}


def test_hunt_gives_a_rate_by_its_weights():
    labels = [label(f"r{i}", "me", "a" if i < 20 else "b", chance=0.1 if i < 20 else 0.5) for i in range(40)]
    said = hunt_sentence(HUNT, labels, outputs(40), BY, Kind.LABEL, UNITS, noun="mail")
    assert said.startswith(
        "Hunt about 40 by doubt at route: 40 mails labelled. Weighted by their chances, the system scores 83% (95%"
    )
    rate = hunted_rate([{"me": one} for one in labels], outputs(30), BY, Kind.LABEL, UNITS)
    assert (rate.n, rate.value) == (30, pytest.approx(200 / 220))


def test_hunt_without_outputs_has_no_rate():
    labels = [label("r1", "me", "a", chance=0.1)]
    said = hunt_sentence(HUNT, labels, {}, BY, Kind.LABEL, UNITS, noun="mail")
    assert said.endswith("Their rate by weights is not measured: no label of the hunt meets an output.")


def test_answers_under_initials_are_counted_and_those_from_files_left_out():
    def made(key: str, **more: object) -> Label:
        fields = {"record": key, "stage": "s", "annotator": "ab", "answer": None, "seen": "h"} | more
        return Label(id=key, **fields)  # type: ignore[arg-type]  # short rows

    assert identity_sentence([]) == identity_sentence([made("1", seen=""), made("2", action="skip")]) == ""
    both = [made("1"), made("2", verified=True), made("3", action="adjudicate")]
    said = "2 of 3 answers given here carry initials that nobody checked: not verified."
    assert identity_sentence(both) == said
    assert identity_sentence(both[1:2]) == "Every answer given here (1) carries a name that was checked."


def test_unsure_answers_and_records_that_several_people_skipped_are_said():
    def made(record: str, who: str, at: float, *, skips: bool = False, unsure: bool = False) -> Label:
        answer = None if skips else Answer(value="a")
        return Label(id=f"{record}{who}{at}", record=record, stage="s", annotator=who, answer=answer,
                     action="skip" if skips else "label", at=at, unsure=unsure)  # fmt: skip

    answered = [made("r1", "ab", 1), made("r1", "cd", 1, unsure=True)]
    assert doubt_sentence(answered[:1], noun="mail") == ""
    assert doubt_sentence(answered, noun="mail") == "1 of 2 answers marked unsure."
    skipped = [made(f"r{n}", who, 2, skips=True) for n in range(2, 8) for who in ("ab", "cd")]
    came_back = made("r7", "ab", 3)
    said = doubt_sentence([came_back, *skipped], noun="mail")
    assert said == "5 mails skipped by several labellers, who could not answer: r2, r3, r4, r5, r6."
    assert doubt_sentence(skipped, noun="mail").endswith("r5, r6 and more.")
