# ruff: noqa: E501  (a table reads better with a problem a line)
import pytest

from spec.folders import BASE
from stagegap.errors import SpecError
from stagegap.spec import load_matrix

MATRIX = """\
matrix:
  base: cascade.yaml
  variants:
    base:
    five: {stages: {retrieve: {with: {k: 2}}}}
    other: {stages: {draft: {with: {function: "other.py:draft"}}}}
"""


@pytest.fixture
def matrix(folder):
    """Write a matrix file beside the cascade, with one thing changed, and load it."""
    folder.write(BASE)
    (folder.path / "other.py").write_text("def draft(subject, documents):\n    return subject\n")

    def load(old="matrix:", new="matrix:"):
        assert old in MATRIX
        return load_matrix(folder.write(MATRIX.replace(old, new), "night.yaml"), environment={"K": "4"})

    return load


def test_every_variant_is_the_base_with_its_changes(matrix, folder):
    found = matrix()
    assert list(found.variants) == ["base", "five", "other"]
    base, five, other = (file.cascade for file in found.variants.values())
    assert base == folder.load(BASE).cascade
    assert five.stage("retrieve").parameters["k"] == 2
    assert other.stage("draft").parameters["function"] == f"{folder.path}/other.py:draft"
    assert len({base.fingerprint, five.fingerprint, other.fingerprint}) == 3
    assert five.stage("draft") == base.stage("draft")


def test_paths_are_relative_to_the_file_that_they_stand_in(folder):
    folder.write(BASE)
    (folder.path / "nights").mkdir()
    (folder.path / "nights" / "other.py").write_text("def draft(subject, documents):\n    return subject\n")
    text = MATRIX.replace("cascade.yaml", "../cascade.yaml")
    path = folder.path / "nights" / "night.yaml"
    path.write_text(text)
    other = load_matrix(path, environment={}).variants["other"]
    assert other.cascade.stage("draft").parameters["function"] == f"{folder.path}/nights/other.py:draft"
    assert other.records.paths == (f"{folder.path}/mails.jsonl",)


def test_a_variant_may_take_values_from_the_environment(matrix):
    found = matrix("k: 2", 'method: "${M:-tfidf}"').variants["five"]
    assert found.cascade.stage("retrieve").parameters["method"] == "tfidf"


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("matrix:", "matrx:", ["1: unknown key 'matrx'. Did you mean matrix?", "1: the key matrix is missing. It holds `base` and `variants`."]),
        ("  base: cascade.yaml", "  bse: cascade.yaml", ["1: the key matrix.base is missing. Cascade file that the variants change.", "2: unknown key 'bse' in matrix. Did you mean base?"]),
        ("five: {stages: {retrieve: {with: {k: 2}}}}", "five: 3", ["5: the variant 'five' must be a mapping. Write `stages: {STAGE: {...}}`."]),
        ("five: {stages:", "five: {records: {path: x}, stages:", ["5: the variant 'five' changes 'records', and variants change stages only. Records and outcome are common to all."]),
        ("{retrieve:", "{retreive:", ["5: the variant 'five' changes the unknown stage 'retreive'. Did you mean retrieve?"]),
        ("k: 2", "kk: 2", ["5: unknown key 'kk' in stages.retrieve.with. Did you mean k?"]),
        ("k: 2", "k: 5", ["5: the search gives 5 documents, and the output holds 3 at most. Write `k: 3`."]),
        ("other.py:draft", "other.py:drft", ["6: other.py has no function 'drft'. Did you mean draft?"]),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_its_line(matrix, folder, old, new, expected):
    with pytest.raises(SpecError) as error:
        matrix(old, new)
    found = [
        str(problem).replace(f"{folder.path}/night.yaml:", "").replace(f"{folder.path}/", "")
        for problem in error.value.problems
    ]
    assert found == expected


def test_all_variants_are_looked_at(matrix):
    with pytest.raises(SpecError) as error:
        matrix(
            '{k: 2}}}}\n    other: {stages: {draft: {with: {function: "other.py:draft"}}}}', "{kk: 2}}}}\n    other: 4"
        )
    assert len(error.value.problems) == 2


@pytest.mark.parametrize(
    "text", ["", "matrix: [", "matrix: {base: cascade.yaml, variants: {}}", "matrix: {base: no.yaml, variants: {a: }}"]
)
def test_a_file_that_can_not_be_read_says_so(folder, text):
    folder.write(BASE)
    with pytest.raises(SpecError):
        load_matrix(folder.write(text, "night.yaml"), environment={})


def test_a_file_that_is_not_there_says_so(folder):
    with pytest.raises(SpecError, match=r"night\.yaml"):
        load_matrix(folder.path / "night.yaml", environment={})
