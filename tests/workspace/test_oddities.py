"""Screens of real runs of a small cascade."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import sixty
from conftest import Copied
from drawn_files import draw_picture, write_tone
from stagegap.errors import NotFound
from stagegap.model.answer import Answer, Label
from stagegap.store.columns import StageTable
from stagegap.workspace import Workspace
from stagegap.workspace.columns import differing, foreign_texts, run_columns


@pytest.fixture
def workspace(tmp_path: Path, once: Copied) -> Iterator[Workspace]:
    once(tmp_path)
    with Workspace.open(tmp_path) as opened:
        yield opened


def test_sound_run_shows_nothing_and_its_screen_is_kept(workspace: Workspace) -> None:
    assert workspace.oddities.stored_screen("first") is None
    view = workspace.oddities.screen("first")
    assert (view.headline, view.cards, view.runs, view.records) == (
        "Nothing strange found by 13 checks",
        (),
        ("v1",),
        60,
    )
    kept = workspace.oddities.stored_screen("first")
    assert kept is not None
    assert (kept.view.basis, kept.view.tests) == (view.basis, view.tests)


SLIPS = """
cascade: slips
noun: slip
records: {path: slips.jsonl, fields: {photo: image, call: audio}}
stages:
  total:
    uses: python
    with: {function: "stages.py:total"}
    inputs: {photo: record.photo}
    output: {type: label, values: [low, high]}
outcome: {score: total.accuracy}
"""


def test_files_that_can_not_be_meant_are_found_by_looking_into_them(tmp_path: Path) -> None:
    home, rows = tmp_path / "pipelines" / "slips", list[dict[str, str]]()
    for number in range(24):
        name = f"{number:02d}"
        size = {1: (600, 300), 2: (20, 30)}.get(number, (300, 600))
        picture = draw_picture(home / f"{name}.png", name, size=size)
        if number in (3, 4):
            Image.new("RGB", size, (255, number, 0)).save(picture)
        elif number in (5, 6):
            picture.write_bytes((home / "00.png").read_bytes())
        elif number == 7:
            picture.write_bytes(picture.read_bytes()[:-30])
        sound = write_tone(home / f"{name}.wav", 0.01 * (number + 1))
        if number == 8:
            sound.write_bytes(sound.read_bytes()[:44] + bytes(sound.stat().st_size - 44))
        rows.append({"id": name, "photo": picture.name, "call": sound.name})
    (home / "slips.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (home / "stages.py").write_text("def total(photo):\n    return 'low'\n")
    (home / "cascade.yaml").write_text(SLIPS)
    with Workspace.open(tmp_path) as workspace:
        workspace.runs.new(None)
        cards = {card.key: card for card in workspace.oddities.screen("slips").cards}
    assert {key: card.records for key, card in cards.items()} == {
        "same-file//photo": ("00", "05", "06"),
        "turned//photo": ("01",),
        "tiny//photo": ("02",),
        "blank//photo": ("03", "04"),
        "cut-file//photo": ("07",),
        "blank//call": ("08",),
    }
    assert cards["turned//photo"].sentence == (
        "photo is wide on 1 of 24 slips (4%, interval 1 to 20); elsewhere it is upright."
    )


def test_score_that_moved_without_a_change_is_not_claimed_of_a_stage_that_changed(workspace: Workspace) -> None:
    sixty.spoil(workspace.folder / "pipelines" / "first")
    workspace.runs.new(None)
    view = workspace.oddities.screen("first")
    assert not [card for card in view.cards if card.detector == "moved"]
    assert {check.detector: check.looked for check in view.checks}["moved"] == 0  # both stages' code did


def test_people_who_answer_by_dice_are_reported_before_all_else(workspace: Workspace) -> None:
    rng = np.random.default_rng(1)
    topics = ("opening", "parking", "other")
    workspace.store.append_labels(
        "first",
        [
            Label(id=f"{who}{i}", record=f"q{i:02d}", stage="topic", annotator=who, at=float(i), active_ms=9_000,
                  answer=Answer(value=topics[rng.integers(3)]))
            for who in ("x", "y", "z") for i in range(60)
        ],
    )  # fmt: skip
    workspace.runs.refresh("first", "v1")
    card = workspace.oddities.screen("first").cards[0]
    assert (card.detector, card.stage, card.kind) == ("weak-agreement", "topic", "found")
    assert card.sentence.startswith("Labellers hardly agree at topic: Krippendorff's alpha")
    shown = workspace.runs.scorecard("first", "v1")
    assert shown is not None
    assert shown.verdict.caution == card.sentence  # one number on every page
    (people,) = [one for one in workspace.runs.attribution("first").agree().stages if one.stage == "topic"]
    assert people.coefficients[0].value == card.statistic == shown.stages[0].alpha


def test_records_of_a_card_are_named_and_the_first_is_shown(workspace: Workspace) -> None:
    made = workspace.folder / "pipelines" / "first" / "stages.py"
    sixty.replace_in(made, "def reply", "def broken(question, topic):\n    return ''\n\n\ndef reply")
    file = workspace.folder / "pipelines" / "first" / "cascade.yaml"
    sixty.replace_in(file, "stages.py:reply", "stages.py:broken")
    workspace.runs.new(None)
    card = next(card for card in workspace.oddities.screen("first").cards if card.detector == "empty")
    assert (card.stage, card.count, len(card.records)) == ("reply", 60, 50)
    assert card.records[0] == "q00"
    assert card.example.startswith("Do you open on Saturday")


def test_screen_reads_the_references_that_the_scores_rest_on(workspace: Workspace) -> None:
    decided = [
        Label(id=f"d{i}", record=f"q{i:02d}", stage="topic", annotator="boss", at=9.0, action="adjudicate",
              answer=Answer(value="other"))
        for i in range(60)
    ]  # fmt: skip
    workspace.store.append_labels("first", decided)
    read, run = workspace.runs.attribution("first"), workspace.store.runs("first")[0]
    assert {str(one.first.value) for (_, at), one in read.evidence.references.items() if at == "topic"} == {"other"}
    columns = run_columns(workspace.store, run, read.cascade, card=None, earlier=None, custom={})
    topic = columns.stages["topic"]
    assert {topic.answers[code] for code in topic.reference.tolist()} == {"other"}
    view = workspace.oddities.screen("first")
    assert ("below-prior", "topic") in {(card.detector, card.stage) for card in view.cards}


def test_a_screen_is_old_when_another_run_or_a_metric_or_a_trial_came(workspace: Workspace) -> None:
    view = workspace.oddities.screen("first")
    assert not workspace.oddities.is_stale(view)
    workspace.oddities.attempt("first", without=True, learn=False)
    assert workspace.oddities.is_stale(view)
    view = workspace.oddities.screen("first", ["v1"])
    assert not workspace.oddities.is_stale(view)
    workspace.runs.new(None)
    assert workspace.oddities.is_stale(view), "other systems on the same records are looked at, too"


def test_several_runs_share_one_limit(workspace: Workspace) -> None:
    workspace.runs.new(None)
    one, both = workspace.oddities.screen("first", ["v1"]), workspace.oddities.screen("first", ["v1", "v2"])
    assert both.runs == ("v1", "v2")
    assert both.tests > one.tests
    kept = workspace.oddities.stored_screen("first", "v2")
    assert kept is None  # a screen of several runs belongs to none of them


def test_answer_in_the_language_that_people_answer_in_is_not_foreign() -> None:
    english, german = "Where is the parcel that you sent to me?", "Wo ist das Paket, das Sie mir geschickt haben?"
    read = ((0, english, german), (1, english, german), (2, english, english), (3, "ok", german))
    table = StageTable(numbers={"status": np.zeros(5)}, shapes=(), texts=read)
    found = foreign_texts(table, {0: english, 1: german})
    assert found[:3].tolist() == [0, 1, 0]
    assert np.isnan(found[3:]).all()


def test_same_system_twice_is_no_second_opinion(workspace: Workspace) -> None:
    for _ in range(2):
        workspace.runs.new(None)
    runs = workspace.store.runs("first")
    cascade = workspace.files.load(None).cascade
    columns = run_columns(workspace.store, runs[0], cascade, card=None, earlier=None, others=runs[1:], custom={})
    assert {name: len(found) for name, found in columns.others.items()} == {"topic": 1, "reply": 1}
    assert differing(columns.stages["topic"], []) == [columns.stages["topic"]]


def test_unknown_run_is_named(workspace: Workspace) -> None:
    with pytest.raises(NotFound, match=r"no run 'v9'.*`stagegap run` makes one"):
        workspace.oddities.screen("first", ["v9"])
    with pytest.raises(NotFound, match="no run that is done"):
        workspace.oddities.screen("second")


TRAINED = """\
cascade: trained
records: {path: rows.jsonl, id: id, cluster: who, split: split}
references: {path: labels.jsonl}
evaluate: test
stages:
  topic:
    uses: sklearn
    with: {estimator: logistic_regression, train: train}
    inputs: {text: record.text, code: record.code}
    output: {type: label, values: [opening, parking]}
    score: accuracy
  reply:
    uses: python
    with: {function: "stages.py:same"}
    inputs: {topic: topic, text: record.text}
    output: {type: text}
    score: exact
outcome: {score: reply.exact, good: ">= 1"}
"""


@pytest.fixture
def trained(tmp_path: Path) -> Iterator[Workspace]:
    """Forty records to learn from, forty scored: copies, shared clusters, later times and a telling code planted."""
    folder = tmp_path / "pipelines" / "t"
    folder.mkdir(parents=True)
    rng = np.random.default_rng(5)
    words = {"opening": "when open hours door saturday", "parking": "car place park street garage"}
    records, labels = [], []
    for i in range(80):
        kind = ("opening", "parking")[i % 2]
        split = "train" if i < 40 else "test"
        text = " ".join(rng.choice(words[kind].split(), 12)) + f" {'old' if split == 'train' else 'new'} {i}"
        if i in (50, 52):
            text = records[i - 40]["text"].upper()
        records.append({
            "id": f"r{i}", "who": f"c{i % 45}", "split": split, "text": text, "code": f"K-{i % 2}",
            "at": f"2026-01-{1 + i % 28:02d}",
        })  # fmt: skip
        answer = f"The right answer to this {text}"[:60] if i == 60 else "short"
        labels += [{"record": f"r{i}", "stage": "topic", "annotator": "ab", "value": kind}]
        labels += [{"record": f"r{i}", "stage": "reply", "annotator": "ab", "value": answer}]
        if i == 60:
            records[-1]["text"] = f"{text} {answer}"
    for name, rows in (("rows", records), ("labels", labels)):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "stages.py").write_text("def same(topic, text):\n    return 'short'\n")
    (folder / "cascade.yaml").write_text(TRAINED)
    with Workspace.open(tmp_path) as opened:
        opened.runs.new(None)
        yield opened


def test_leaks_of_a_trained_stage_are_found(trained: Workspace) -> None:
    cards = {card.key: card for card in trained.oddities.screen("trained").cards}
    assert cards["copies//"].count == 2
    assert set(cards["copies//"].records) == {"r50", "r52"}
    assert cards["shared-group//"].count == 35
    assert cards["time-order//"].count > 0
    assert cards["answer-inside/reply/"].records == ("r60",)
    assert cards["one-field/topic/code"].statistic.value == 1.0
    assert "told-apart//" in cards  # "old" and "new" give them away


def test_tries_are_kept_for_the_screen_and_nothing_else_is(trained: Workspace) -> None:
    run = trained.store.run("trained")
    assert run is not None
    before = [len(trained.store.outputs(run.id, cell, "topic")) for cell in trained.store.cells(run.id)]
    made = trained.oddities.attempt("trained", without=True, learn=False)
    assert len(made.records) == 40
    assert [one.what for one in made.ablations if one.stage == "topic"] == [
        "the input text", "the input code", "the input text of the same record (30 permutations)",
        "the input code of the same record (30 permutations)", "the stage topic",
    ]  # fmt: skip
    code = next(one for one in made.ablations if one.what == "the input code")
    assert sum(code.change) <= 0  # it tells the answer, so it is missed
    looked = {check.detector: check.looked for check in trained.oddities.screen("trained").checks}
    assert looked["helper-hurts"] >= 4
    after = trained.oddities.attempt("trained", without=False, learn=True)
    assert after.ablations == made.ablations
    (curve,) = after.curves
    assert (curve.stage, curve.sizes, len(curve.train)) == ("topic", (16, 19, 23, 28, 33, 40), 30)
    assert [len(trained.store.outputs(run.id, cell, "topic")) for cell in trained.store.cells(run.id)] == before
    looked = {check.detector: check.looked for check in trained.oddities.screen("trained").checks}
    assert looked["curve-rises"] == 1
