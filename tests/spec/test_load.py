import json
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spec.folders import BASE, Folder
from stagegap.errors import SpecError
from stagegap.model.cascade import CorpusSource, Kind, Outcome, RecordsSource, ReferencesSource, Source
from stagegap.spec import load, restore


def test_a_file_becomes_a_cascade_with_absolute_paths(folder):
    file = folder.load()
    root = str(folder.path)
    assert file.path == f"{root}/cascade.yaml"
    assert file.folder == root
    assert file.records == RecordsSource(paths=(f"{root}/mails.jsonl",), id="mail_id", split="split", media=str(root))
    assert file.corpora == {"shop": CorpusSource(name="shop", paths=(f"{root}/products.jsonl",), id="doc_id")}
    assert file.references == ReferencesSource(paths=(f"{root}/references.jsonl",))
    cascade = file.cascade
    assert (cascade.name, cascade.noun, cascade.evaluate) == ("mails", "record", "test")
    assert cascade.names == ("route", "retrieve", "draft")
    assert cascade.outcome == Outcome(stage="draft", metric="fact_recall", good=0.8)


def test_a_stage_carries_its_settings_with_defaults(folder):
    route, retrieve, draft = folder.load().cascade.stages
    assert route.uses == "sklearn"
    assert route.parameters == {
        "train": "train",
        "estimator": "logistic_regression",
        "features": "tfidf_words",
        "parameters": {},
        "seed": 0,
    }
    assert route.output.kind is Kind.LABEL
    assert route.output.values == ("orders", "spam")
    assert [s.metrics for s in (route, retrieve, draft)] == [("accuracy",), ("recall@3",), ("fact_recall",)]
    assert (retrieve.output.of, retrieve.output.k) == ("shop", 3)
    assert retrieve.inputs["department"] == Source("stage", "route")
    assert draft.inputs["subject"] == Source("record", "subject")
    assert draft.when_reads == (Source("stage", "route"),)
    assert draft.parameters == {"function": f"{folder.path}/stages.py:draft"}


def test_help_texts_of_values_are_kept_apart(folder):
    stage = folder.changed("[orders, spam]", "{orders: where is it, spam: }").cascade.stage("route")
    assert stage.output.values == ("orders", "spam")
    assert stage.choices_help == {"orders": "where is it"}


def test_settings_that_every_stage_may_have(folder):
    settings = (
        "ask: Where?\n    guideline: guide.md\n    repeats: 3\n    batch: 1\n    concurrency: 2\n    timeout: 1.5\n"
    )
    stage = folder.changed("uses: sklearn\n", f"uses: sklearn\n    {settings}").cascade.stage("route")
    assert (stage.ask, stage.guideline) == ("Where?", "Choose well.\n")
    assert (stage.repeats, stage.batch, stage.concurrency, stage.timeout_s, stage.is_timed) == (3, 1, 2, 1.5, True)
    assert stage.is_concurrent


def test_targets_and_baseline_hold_what_is_written(folder):
    cascade = folder.load(
        BASE + "targets: {route: {gap: 3}, outcome: {at_least: 0.5}}\nhuman_baseline: {population: Two of us}\n"
    ).cascade
    assert cascade.targets == {"route": {"gap": 3.0}, "outcome": {"at_least": 0.5}}
    assert cascade.human_baseline == {"population": "Two of us"}


def test_what_may_be_left_out_may_be_empty(folder):
    text = BASE.replace(', good: ">= 0.8"', "")
    file = folder.load(text + "targets:\nhuman_baseline:\n")
    assert file.cascade.outcome.good is None
    assert file.cascade.targets == {}


def test_what_a_stage_learns_from_is_not_scored(folder):
    with pytest.raises(SpecError, match=r"would be scored with all others\. Name the split that is scored"):
        folder.changed("evaluate: test", "evaluate:")


@pytest.mark.parametrize(
    ("output", "kind"),
    [
        ("{type: labels, values: [a, b]}", Kind.LABELS),
        ("{type: ranking, of: shop}", Kind.RANKING),
        ("{type: number, low: 0, high: 1}", Kind.NUMBER),
        ("{type: boolean}", Kind.BOOLEAN),
        ("{type: object, schema: {type: object}}", Kind.OBJECT),
    ],
)
def test_every_type_of_output_has_a_metric_of_its_own(folder, output, kind):
    text = BASE.replace("{type: text}", output).replace("draft.fact_recall, ", "draft.METRIC, ")
    default = {"labels": "set_f1", "ranking": "mrr", "number": "exact", "boolean": "accuracy", "object": "field_f1"}
    stage = folder.load(text.replace("METRIC", default[kind])).cascade.stage("draft")
    assert stage.output.kind is kind
    assert stage.metrics == (default[kind],)


def test_stages_stand_after_what_they_read_otherwise_as_written(folder):
    before, _, after = BASE.partition("  route:\n")
    route, draft = after[: after.index("  retrieve:")], after[after.index("  retrieve:") :]
    moved = before + draft.replace("outcome:", f"  route:\n{route}outcome:")
    assert folder.load(moved).cascade.names == ("route", "retrieve", "draft")


def test_the_fingerprint_is_the_same_in_another_folder_and_differs_for_another_setting(folder, tmp_path_factory):
    other = type(folder)(tmp_path_factory.mktemp("elsewhere"))
    first = folder.load().cascade.fingerprint
    assert len(first) == 64
    assert other.load().cascade.fingerprint == first
    assert folder.changed("k: 3, query", "k: 2, query").cascade.fingerprint != first


def test_the_resolved_file_names_no_path_of_this_machine(folder):
    resolved = str(folder.load().resolved)
    assert str(folder.path) not in resolved
    assert "'stages.py:draft'" in resolved


def test_a_file_may_be_named_relative_to_the_current_folder(folder, monkeypatch):
    folder.write(BASE)
    monkeypatch.chdir(folder.path)
    assert load(Path("cascade.yaml"), environment={}).folder == str(folder.path)
    folder.write(BASE.replace("mails.jsonl", "mail.jsonl"))
    with pytest.raises(SpecError) as caught:
        load(Path("cascade.yaml"), environment={})
    assert [p.path for p in caught.value.problems] == ["cascade.yaml"]


def test_all_problems_of_a_file_come_at_once(problems):
    bad = (
        BASE.replace("cascade: mails", "cascade: mails\nnuon: mail")
        .replace("uses: sklearn", "uses: skleran")
        .replace("subject: record.subject}", "subject: recrod.subject}")
        .replace("method: bm25", "methd: bm25")
        .replace("type: text", "type: txt")
        .replace(">= 0.8", "> 0.8")
    )
    assert problems(bad) == [
        "2: unknown key 'nuon'. Did you mean noun?",
        "10: stages.route.uses can't be 'skleran'. Did you mean sklearn?",
        "12: unknown source 'recrod.subject'. Known: draft, record.FIELD, retrieve, route.",
        "16: the key stages.retrieve.with.method is missing. How documents are ranked.",
        "16: unknown key 'methd' in stages.retrieve.with. Did you mean method?",
        "24: stages.draft.output.type can't be 'txt'. Did you mean text?",
        "25: outcome.good can't be '> 0.8'. Write \">= 0.8\".",
    ]


def test_a_resolved_file_is_the_cascade_again(folder):
    file = folder.load()
    assert restore(json.dumps(file.resolved), path=Path(file.path)) == file


def test_a_resolved_file_without_its_data_names_what_is_gone(folder):
    file = folder.load()
    (folder.path / "mails.jsonl").unlink()
    with pytest.raises(SpecError, match=r"the file of records '.*mails.jsonl' is not there"):
        restore(json.dumps(file.resolved), path=Path(file.path))
    with pytest.raises(SpecError, match="found nothing"):
        restore("", path=Path(file.path))


def test_a_guideline_that_is_no_text_is_named(folder):
    (folder.path / "guide.md").write_bytes(b"\xff")
    with pytest.raises(SpecError, match=r"guide.md:1: found the byte 0xff, which is no UTF-8"):
        folder.changed("uses: sklearn\n", "uses: sklearn\n    guideline: guide.md\n")


@pytest.fixture(scope="module")
def lasting(tmp_path_factory):
    return Folder(tmp_path_factory.mktemp("lasting"))


PIECES = [*dict.fromkeys(re.findall(r"[\w@.]+|[^\w\s]|\n +|\n", BASE))]
ODD = [
    "null",
    "no",
    "3",
    "-1.5",
    "[]",
    "{}",
    "[[a]]",
    "${X}",
    "${",
    "'",
    "&a ",
    "*a",
    "!!str ",
    "%",
    "?",
    "\t",
    "é",
    '"\\ud800"',
    "\0",
]


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 200), st.sampled_from([*PIECES, *ODD])), min_size=1, max_size=4))
def test_no_change_of_a_file_makes_loading_crash(lasting, changes):
    pieces = re.findall(r"[\w@.]+|[^\w\s]|\s+", BASE)
    for place, piece in changes:
        pieces[place % len(pieces)] = piece
    try:
        lasting.load("".join(pieces), {"X": "x"})
    except SpecError as error:
        caught = error
    else:
        return
    assert caught.problems
    assert str(caught).isascii() or "é" in str(caught)
