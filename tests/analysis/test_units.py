from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.making import Build, Memory, run
from stagegap.analysis import evidence as ev
from stagegap.analysis.faults import faults_view
from stagegap.analysis.scorecard import measured
from stagegap.analysis.unit_view import unit_evidence, units_sheet, units_view
from stagegap.model.answer import Answer, Label
from stagegap.model.cascade import Cascade, Kind, OutputType, Source, Stage
from stagegap.model.record import Json, Record
from stagegap.model.run import Run, RunStatus
from stagegap.model.units import unit_id, unit_names
from stagegap.people.references import settle
from stagegap.runner.prepare import cell_works

LIST = OutputType(kind=Kind.LIST, schema='{"type":"string"}')
TRUTH = OutputType(kind=Kind.BOOLEAN)
SPLIT = Source("stage", "split")
RUN = Run(
    id="1", name="v1", cascade="c", fingerprint="", resolved="{}", status=RunStatus.DONE, started_at=0.0, records=0
)


def label(record: str, stage: str, value: Json, who: str = "ann") -> Label:
    return Label(id=f"{record} {stage} {who}", record=record, stage=stage, annotator=who, answer=Answer(value=value))


def executed(
    making: Build, records: Sequence[Record], labels: Sequence[Label], *, with_swaps: bool = True
) -> ev.Evidence:
    """What a run of the cascade says, made by the runner itself."""
    memory, cascade = Memory(), making.cascade
    cells = cell_works(cascade, settle(labels, cascade), records=records) if with_swaps else ()
    run(making.work(records, *cells), memory)
    outputs: dict[tuple[str, str], dict[str, Any]] = {}
    for _, cell, group in memory.groups:
        for output in group:
            outputs.setdefault((str(cell), output.stage), {})[output.record] = output
    return ev.gather(cascade, records, outputs, labels, custom={}, run="v1")


def claims_of(folder: Path, *, align: str = "value", each: bool = True) -> Build:
    """split -> check of each claim -> all; a claim with `lost` is missed, one with `odd` is taken for true."""
    making = Build(folder)
    making.python("split", "claims", "return [c for c in claims if 'lost' not in c]", LIST)
    making.python(
        "check", "claim=split", "return {}[1] if 'bad' in claim else 'true' in claim or 'odd' in claim", TRUTH,
        each=SPLIT, align=align,
    )  # fmt: skip
    making.add("right", "join", "units=check", TRUTH, {"by": "all"})
    return making


def with_metrics(making: Build) -> Build:
    named = {"split": ("set_f1",), "check": ("accuracy",), "right": ("accuracy",)}
    making.stages = [_measured(stage, named[stage.name]) for stage in making.stages]
    return making


def _measured(stage: Stage, metrics: tuple[str, ...]) -> Stage:
    from dataclasses import replace

    return replace(stage, metrics=metrics)


CLAIM = st.sampled_from(["true", "false", "odd", "true lost", "odd lost", "bad"])
ANSWERS = st.lists(st.lists(CLAIM, max_size=4), min_size=2, max_size=8)


def answered(answers: Sequence[Sequence[str]], extra: Sequence[int] = ()) -> tuple[list[Record], list[Label]]:
    """Records with numbered claims, and a reference for everything; `extra` ones have a claim of the system alone."""
    records: list[Record] = []
    labels: list[Label] = []
    for n, words in enumerate(answers):
        claims = [f"{word} {place}" for place, word in enumerate(words)]
        record = Record(id=f"r{n}", fields={"claims": [*claims, *(["true alone"] if n in extra else [])]})
        records.append(record)
        labels.append(label(record.id, "split", claims))
        for claim, name in zip(claims, unit_names(claims, "value"), strict=True):
            labels.append(label(unit_id(record.id, (name,)), "check", "true" in claim))
        labels.append(label(record.id, "right", all("true" in claim for claim in claims)))
    return records, labels


def naive(answers: Sequence[Sequence[str]], extra: Sequence[int]) -> tuple[list[float], list[float], dict[str, int]]:
    """Scores at check by record and by unit, and first faults of units, counted by hand."""
    by_record: list[float] = []
    by_unit: list[float] = []
    first = {"split": 0, "check": 0}
    for n, words in enumerate(answers):
        scores: list[float] = []
        for word in words:
            system = None if "lost" in word or "bad" in word else "true" in word or "odd" in word
            scores.append(float(system is not None and system == ("true" in word)))
            if not scores[-1]:
                first["split" if "lost" in word else "check"] += 1
        if n in extra:
            scores.append(0.0)
            first["split"] += 1
        by_unit += scores
        by_record.append(fmean(scores) if scores else 1.0)
    return by_record, by_unit, first


@settings(max_examples=12)
@given(answers=ANSWERS, extra=st.sets(st.integers(0, 3), max_size=2))
def test_scores_and_first_faults_of_units_and_records_are_those_counted_by_hand(
    answers: list[list[str]], extra: set[int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    chosen = sorted(n for n in extra if n < len(answers))
    records, labels = answered(answers, chosen)
    evidence = executed(with_metrics(claims_of(tmp_path_factory.mktemp("units"))), records, labels, with_swaps=False)
    by_record, by_unit, first = naive(answers, chosen)
    assert ev.stage_scores(evidence, "check", ev.SYSTEM).tolist() == pytest.approx(by_record)
    units = unit_evidence(evidence, ("split",))
    scores = ev.stage_scores(units, "check", ev.SYSTEM)
    assert sorted(scores.tolist()) == sorted(by_unit)
    assert {name: int(units.faults.first[name].sum()) for name in ("split", "check")} == first
    assert {unit.cluster for unit in units.records} == {unit.id.partition("#")[0] for unit in units.records}


@settings(max_examples=6)
@given(answers=ANSWERS, seed=st.integers(0, 99))
def test_the_order_of_units_does_not_matter_for_any_figure(
    answers: list[list[str]], seed: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    records, labels = answered(answers)
    rng = np.random.default_rng(seed)
    mixed: list[Record] = []
    for record in records:
        claims = record.fields["claims"]
        assert isinstance(claims, list)
        order: list[int] = rng.permutation(len(claims)).tolist()
        mixed.append(Record(id=record.id, fields={"claims": [claims[n] for n in order]}))
    views: list[Any] = []
    for rows in (records, mixed):
        evidence = executed(with_metrics(claims_of(tmp_path_factory.mktemp("units"))), rows, labels)
        views.append((measured(evidence, RUN, labels_seq=0, resamples=200).scorecard, units_view(evidence, RUN)))
    assert figures_of(views[0]) == figures_of(views[1])


@settings(max_examples=6)
@given(answers=st.lists(CLAIM.filter(lambda claim: "lost" not in claim), min_size=2, max_size=8))
def test_one_unit_a_record_gives_the_figures_of_the_plain_cascade(
    answers: list[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    records, labels = answered([[claim] for claim in answers])
    fanned = executed(
        with_metrics(claims_of(tmp_path_factory.mktemp("units"), align="position")),
        records,
        [_at_place_0(given) for given in labels],
    )
    plain = Build(tmp_path_factory.mktemp("plain"))
    plain.python("split", "claims", "return claims", LIST)
    plain.python(
        "check", "claim=split", "return {}[1] if 'bad' in claim[0] else 'true' in claim[0] or 'odd' in claim[0]", TRUTH
    )
    plain.python("right", "held=check", "return held", TRUTH)
    other = executed(with_metrics(plain), records, [_of_record(given) for given in labels])
    cards = [measured(evidence, RUN, labels_seq=0, resamples=200).scorecard for evidence in (fanned, other)]
    assert figures_of(cards[0]) == figures_of(cards[1])
    assert figures_of(faults_view(fanned).stages) == figures_of(faults_view(other).stages)
    units = unit_evidence(fanned, ("split",))
    for cell in (ev.SYSTEM, ev.prefix_cells(units.cascade)[1]):
        np.testing.assert_array_equal(ev.stage_scores(units, "check", cell), ev.stage_scores(other, "check", cell))


def _at_place_0(given: Label) -> Label:
    from dataclasses import replace

    return replace(given, record=f"{given.record.partition('#')[0]}#0") if given.stage == "check" else given


def _of_record(given: Label) -> Label:
    from dataclasses import replace

    return replace(given, record=given.record.partition("#")[0])


def figures_of(view: object) -> list[object]:
    """Every number of a view in order; texts of records and values of outputs aside."""
    if is_dataclass(view) and not isinstance(view, type):
        return [
            number
            for field in fields(view)
            if field.name not in ("rows", "records", "system_text", "values")
            for number in figures_of(getattr(view, field.name))
        ]
    if isinstance(view, Mapping):
        return [number for key in sorted(view) for number in figures_of(view[key])]
    if isinstance(view, list | tuple):
        return [number for entry in view for number in figures_of(entry)]
    if isinstance(view, float):
        return ["nan" if math.isnan(view) else round(view, 9)]
    return [view] if isinstance(view, int) else []


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> ev.Evidence:
    records, labels = answered([["true", "true lost"], ["odd"], ["true", "false"], ["odd", "true"], []], [2])
    return executed(with_metrics(claims_of(tmp_path_factory.mktemp("mixed"))), records, labels)


def test_a_view_of_units_says_how_many_what_became_of_them_and_which_one_side_lacks(mixed: ev.Evidence) -> None:
    view = units_view(mixed, RUN, resamples=200)
    level = view.levels[0]
    assert (level.source, level.units, level.records, level.known) == ("split", 8, 4, 8)
    assert (level.missed, level.spurious) == (1, 1)
    funnel = {row.stage: (row.arrived, row.answered, row.failed, row.values) for row in (*view.funnel, *level.funnel)}
    assert funnel == {
        "split": (5, 5, 0, ()),
        "check": (7, 7, 0, (("true", 6), ("false", 1))),
        "right": (5, 5, 0, (("true", 4), ("false", 1))),
    }
    assert level.scorecard.n_records == 8
    assert level.scorecard.system.value == pytest.approx(4 / 8)
    assert level.scorecard.system.clusters == 4
    sheet = units_sheet(view)
    assert sheet.headline == "5 records: 8 units of split."
    known = (
        "split: 8 units in 4 records. Of 8 in records whose references say which there are, the system lacks 1, and 1"
    )
    assert f"{known} are only the system's." in sheet.sentences


def test_swaps_and_ceilings_are_per_unit_and_per_record(mixed: ev.Evidence) -> None:
    card = measured(mixed, RUN, labels_seq=0, resamples=200).scorecard
    # Right by luck where the system overlooked what is right, and where it is made right by references of check.
    assert (card.system.value, card.ceiling.value) == (pytest.approx(3 / 5), 1.0)
    level = units_view(mixed, RUN, resamples=200).levels[0].scorecard
    gains = {row.stage: row.gain.value for row in level.stages}
    assert gains == {"split": pytest.approx(2 / 8), "check": pytest.approx(2 / 8)}
    assert level.ceiling.value == 1.0


def test_a_cascade_without_units_has_no_level(tmp_path: Path) -> None:
    making = Build(tmp_path)
    making.python("reply", "text", "return text")
    evidence = executed(making, [Record(id="r", fields={"text": "a"})], [])
    view = units_view(evidence, RUN)
    assert view.levels == ()
    assert units_sheet(view).headline == "No stage is asked about items of a list."
    assert units_sheet(view).parts == ()


def test_without_references_of_the_list_units_are_scored_where_they_have_one(tmp_path: Path) -> None:
    records, labels = answered([["true", "odd"], ["false"]])
    own = [given for given in labels if given.stage == "check" and given.record != "r1#false 0"]
    evidence = executed(with_metrics(claims_of(tmp_path)), records, own)
    # Nobody says which units there are, so no record has a score of all of them.
    assert np.isnan(ev.stage_scores(evidence, "check", ev.SYSTEM)).all()
    level = units_view(evidence, RUN, resamples=200).levels[0]
    assert (level.units, level.known) == (3, 0)
    assert level.scorecard.n_scored == 2
    assert (
        "split: 3 units in 2 records. No reference says which units there are."
        in units_sheet(units_view(evidence, RUN, resamples=200)).sentences
    )


def test_infrastructure_at_one_unit_leaves_its_record_without_a_score(tmp_path: Path) -> None:
    making = Build(tmp_path)
    making.python("split", "claims", "return claims", LIST)
    making.add("check", "recorded", "", TRUTH, {}, each=SPLIT, is_recorded=True)
    making.recorded["check"] = {"r0#0": True, "r1#0": True, "r1#1": False}
    making.add("right", "join", "units=check", TRUTH, {"by": "all"})
    records = [Record(id="r0", fields={"claims": ["a", "b"]}), Record(id="r1", fields={"claims": ["a", "b"]})]
    labels = [label(record.id, "split", ["a", "b"]) for record in records]
    labels += [label(f"{record.id}#{n}", "check", True) for record in records for n in (0, 1)]
    labels += [label(record.id, "right", True) for record in records]
    evidence = executed(with_metrics(making), records, labels)
    assert ev.stage_scores(evidence, "check", ev.SYSTEM).tolist() == [pytest.approx(math.nan, nan_ok=True), 0.5]
    units = unit_evidence(evidence, ("split",))
    scores = dict(zip((unit.id for unit in units.records), ev.stage_scores(units, "check", ev.SYSTEM), strict=True))
    assert {name: value for name, value in scores.items() if not math.isnan(value)} == {
        "r0#0": 1.0, "r1#0": 1.0, "r1#1": 0.0,
    }  # fmt: skip


def test_lists_in_lists_are_scored_at_each_level(tmp_path: Path) -> None:
    making = Build(tmp_path)
    making.python("split", "text", "return [s for s in text.split('.') if s]", LIST)
    making.python("words", "sentence=split", "return sentence.split()", LIST, each=SPLIT)
    making.python("upper", "word=words", "return word.isupper()", TRUTH, each=Source("stage", "words"))
    making.add("any_upper", "join", "words=upper", TRUTH, {"by": "any"}, each=SPLIT)
    making.add("right", "join", "units=any_upper", TRUTH, {"by": "all"})
    records = [Record(id="r", fields={"text": "A b.c"})]
    values: dict[tuple[str, str], Json] = {
        ("r", "split"): ["A b", "c", "D"], ("r#0", "words"): ["A", "b"], ("r#1", "words"): ["c"],
        ("r#2", "words"): ["D"], ("r#0#0", "upper"): True, ("r#0#1", "upper"): False, ("r#1#0", "upper"): True,
        ("r#2#0", "upper"): True, ("r#0", "any_upper"): True, ("r#1", "any_upper"): True, ("r#2", "any_upper"): True,
        ("r", "right"): True,
    }  # fmt: skip
    labels = [label(record, stage, value) for (record, stage), value in values.items()]
    evidence = executed(making, records, labels)
    assert ev.stage_scores(evidence, "upper", ev.SYSTEM).tolist() == [pytest.approx(2 / 4)]
    outer, inner = unit_evidence(evidence, ("split",)), unit_evidence(evidence, ("split", "words"))
    assert [unit.id for unit in outer.records] == ["r#0", "r#1", "r#2"]
    assert ev.stage_scores(outer, "split", ev.SYSTEM).tolist() == [1.0, 1.0, 0.0]
    assert ev.stage_scores(outer, "upper", ev.SYSTEM).tolist() == [1.0, 0.0, 0.0]
    assert ev.outcome_scores(outer, ev.SYSTEM).tolist() == [1.0, 0.0, 0.0]
    assert [unit.id for unit in inner.records] == ["r#0#0", "r#0#1", "r#1#0", "r#2#0"]
    assert ev.stage_scores(inner, "words", ev.SYSTEM).tolist() == [1.0, 1.0, 1.0, 0.0]
    assert ev.outcome_scores(inner, ev.SYSTEM).tolist() == [1.0, 1.0, 0.0, 0.0]
    assert {name: inner.faults.first[name].tolist() for name in ("words", "upper")} == {
        "words": [False, False, False, False], "upper": [False, False, True, False],
    }  # fmt: skip
    assert [level.source for level in units_view(evidence, RUN, resamples=200).levels] == ["split", "split > words"]
    assert isinstance(evidence.cascade, Cascade)
