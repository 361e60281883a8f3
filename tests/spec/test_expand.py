from typing import Any

import pytest

from spec.folders import BASE
from stagegap.errors import SpecError
from stagegap.spec import load as load_file


def load(folder, text, **environment):
    folder.write(BASE, "base.yaml")
    return folder.load(f"extends: base.yaml\n{text}", environment)


def test_a_variant_changes_one_thing(folder):
    file = load(folder, "stages: {retrieve: {with: {k: 2}}}")
    assert file.cascade.stage("retrieve").parameters["k"] == 2
    assert file.cascade.stage("retrieve").parameters["method"] == "bm25"
    assert "extends" not in file.resolved
    assert file.path.endswith("/cascade.yaml")


def test_a_variant_replaces_lists_and_removes_with_null(folder):
    draft = load(folder, "stages: {draft: {when: null, score: [chrf, fact_recall]}}").cascade.stage("draft")
    assert (draft.when, draft.metrics) == (None, ("chrf", "fact_recall"))
    route = load(folder, "stages: {route: {output: {values: [a, spam]}}}").cascade.stage("route")
    assert route.output.values == ("a", "spam")


def test_null_that_removes_nothing_stays_a_value(folder):
    file = load(folder, "stages: {route: {with: {parameters: {class_weight: null}}}}")
    assert file.cascade.stage("route").parameters["parameters"] == {"class_weight": None}


def test_removing_a_stage_that_is_not_there_is_a_problem(folder):
    with pytest.raises(SpecError, match=r"cascade.yaml:2: stages.rout has no value"):
        load(folder, "stages: {rout: null}")


def test_another_kind_of_stage_takes_no_settings_over(folder):
    llm = "{uses: llm, with: {function: null, model: m, prompt: prompt.md.j2}}"
    assert set(load(folder, f"stages: {{draft: {llm}}}").cascade.stage("draft").parameters) == {"model", "prompt"}
    number = load(folder, "stages: {draft: {output: {type: number, low: 0}}}\noutcome: {score: draft.exact}")
    assert number.cascade.stage("draft").output.low == 0


def test_another_type_of_output_takes_nothing_over(folder):
    change = "stages: {route: {output: {type: boolean}}, draft: {when: route}}"
    assert load(folder, change).cascade.stage("route").output.values == ()


def test_paths_are_relative_to_the_file_they_stand_in(folder):
    (folder.path / "variants").mkdir()
    (folder.path / "variants" / "own.py").write_text("def draft(): ...\n")
    folder.write(BASE, "base.yaml")
    folder.write("extends: base.yaml\n", "middle.yaml")
    text = 'extends: ../middle.yaml\nstages: {draft: {score: [fact_recall, "python:own.py:draft"]}}\n'
    folder.write(text, "variants/own.yaml")
    file = load_file(folder.path / "variants" / "own.yaml", environment={})
    assert file.records.paths == (f"{folder.path}/mails.jsonl",)
    assert file.folder == f"{folder.path}/variants"
    draft = file.cascade.stage("draft")
    assert draft.parameters["function"] == f"{folder.path}/stages.py:draft"
    assert draft.metrics == ("fact_recall", f"python:{folder.path}/variants/own.py:draft")
    resolved: Any = file.resolved
    assert resolved["records"]["path"] == "../mails.jsonl"
    assert resolved["stages"]["draft"]["score"][1] == "python:own.py:draft"


def test_a_problem_is_named_in_the_file_where_it_stands(folder):
    folder.write(BASE.replace("method: bm25", "method: bm26"), "base.yaml")
    with pytest.raises(SpecError) as caught:
        folder.load("extends: base.yaml\nnuon: mail\n")
    assert [(p.path.rpartition("/")[2], p.line) for p in caught.value.problems] == [
        ("cascade.yaml", 2),
        ("base.yaml", 15),
    ]


def test_which_file_is_extended_may_depend_on_the_environment(folder):
    folder.write(BASE, "base.yaml")
    assert folder.load("extends: ${BASE}.yaml\n", {"BASE": "base"}).cascade.name == "mails"


def test_files_that_extend_each_other_are_listed(folder):
    folder.write("extends: c.yaml\n", "b.yaml")
    folder.write("extends: cascade.yaml\n", "c.yaml")
    with pytest.raises(SpecError) as caught:
        folder.load("extends: b.yaml\n")
    (problem,) = caught.value.problems
    assert problem.path.endswith("/c.yaml")
    assert problem.message == "extends runs in a circle: cascade.yaml -> b.yaml -> c.yaml -> cascade.yaml."


def test_a_file_that_extends_itself_is_a_circle(problems):
    assert problems("extends: cascade.yaml") == [
        "1: extends runs in a circle: cascade.yaml -> cascade.yaml. Remove one of them."
    ]


def test_a_chain_ends_somewhere(folder):
    for number in range(20):
        folder.write(f"extends: {number + 1}.yaml\n", f"{number}.yaml")
    with pytest.raises(SpecError, match=r"15.yaml:1: more than 16 files extend each other, at '16.yaml'"):
        load_file(folder.path / "0.yaml", environment={})


@pytest.mark.parametrize("value", ["[base.yaml]", "3", "{a: b}", ""])
def test_extends_names_one_file(problems, value):
    assert problems(f"extends: {value}") == ["1: extends must be the path of one file. Write `extends: base.yaml`."]


def test_a_base_that_is_not_there_is_named(folder, problems):
    folder.write(BASE, "base.yaml")
    assert problems("extends: bas.yaml") == ["bas.yaml: there is no such file. Did you mean base.yaml or cascade.yaml?"]
