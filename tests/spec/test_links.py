# ruff: noqa: E501  (a table reads better with a problem a line)
import pytest

from spec.conftest import Problems
from spec.folders import BASE, Folder
from stagegap.errors import SpecError
from stagegap.model.cascade import Outcome

LOOP = """\
  again:
    uses: python
    with: {function: "stages.py:draft"}
    inputs: {a: ONE}
    output: {type: text}
"""


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("department: route}", "department: rout}", ["17: unknown source 'rout'. Did you mean route?"]),
        ("subject: record.subject}", "subject: record}", ["11: 'record' names no field of the record. Write record.FIELD."]),
        ("documents: retrieve}", "documents: retrieve.idz}",
         ["22: a stage has no part 'idz', found 'retrieve.idz'. Did you mean ids?"]),
        ("documents: retrieve}", "documents: retrieve.}",
         ["22: a stage has no part '', found 'retrieve.'. Known: candidates, confidence, ids, scores."]),
        ("documents: retrieve}", "documents: retrieve.value}",
         ["22: a stage has no part 'value', found 'retrieve.value'. Known: candidates, confidence, ids, scores."]),
        ("documents: retrieve}", "documents: retrieve.first.text}",
         ["22: a stage has no part 'first.text', found 'retrieve.first.text'. Known: candidates, confidence, ids, scores."]),
        ("documents: retrieve}", "documents: retrieve.0..text}",
         ["22: a stage has no part '0..text', found 'retrieve.0..text'. Known: candidates, confidence, ids, scores."]),
        ("department: route}", "department: route.name}",
         ["16: a stage has no part 'name', found 'route.name'. Known: candidates, confidence, ids, scores."]),
        ("department: route.ids}" if False else "department: route}", "department: route.ids}",
         ["16: 'route.ids' needs a ranking, and 'route' puts out type label. Write route."]),
        ("department: route}", "department: route.scores}",
         ["16: 'route.scores' needs a ranking, and 'route' puts out type label. Write route."]),
        ('when: route != "spam"', 'when: rout != "spam"',
         ["21: when reads the unknown name 'rout'. Did you mean route?"]),
        ('when: route != "spam"', "when: route !=",
         ["21: when: 'route !=' is no condition: mismatched input '<EOF>' at character 9."]),
        ('when: route != "spam"', "when: roote(1) == route",
         ["21: when calls the unknown function 'roote'. Known: all, bytes, contains, double, duration, dyn, endsWith, "
          "exists, exists_one, filter, has, int, ...."]),
        ('when: route != "spam"', "when: record.tags.exists(route, true) && route",
         ["21: when uses 'route' as a name of its own, but that is taken. Choose another."]),
        ('when: route != "spam"', "when: 1 < 2",
         ["21: when reads nothing, so '1 < 2' is always the same. Read a stage or record.FIELD."]),
        ('when: route != "spam"', 'when: route in ["orders", "spm"]',
         ["21: when compares 'route' with 'spm', which is none of its values. Did you mean spam?"]),
        ('when: route != "spam"', 'when: size(record) > 1', ["21: when reads the record as a whole. Write record.FIELD."]),
        ('when: route != "spam"', "when: confidence.rout > 0.5",
         ["21: when reads the confidence of 'rout', which is no stage. Did you mean route?"]),
        ('when: route != "spam"', "when: size(confidence) > 1",
         ["21: when reads the confidence of None, which is no stage. Write confidence.STAGE."]),
        ('when: route != "spam"', "when: route.confidence > 0.5",
         ["21: when reads route.confidence, and an output of type label has no parts. Write confidence.route."]),
        ('when: route != "spam"', "when: retrieve.ids == 1",
         ["21: when reads retrieve.ids, and an output of type ranking has no parts. Write retrieve."]),
        ('when: route != "spam"', "when: yes", None),
        ('when: route != "spam"', "when: 3", ["21: stages.draft.when must be text, found 3. Quote it: \"3\"."]),
    ],
)  # fmt: skip
def test_what_a_stage_can_not_read_is_named(problems, old, new, expected):
    found = problems(old, new)
    if expected is None:
        assert found[0].startswith("21: found 'yes' without quotes")
        return
    assert [p.partition(": ")[2] for p in found] == [p.partition(": ")[2] for p in expected]


def test_a_stage_with_a_dash_can_not_be_read_in_a_condition(problems):
    text = BASE.replace("  route:", "  my-route:").replace("department: route", "department: my-route")
    assert problems(text.replace('route != "spam"', 'my-route != "spam"'))[0].endswith(
        "when reads the unknown name 'my'. CEL reads 'my-route' as a subtraction: rename the stage with _."
    )


def test_conditions_read_fields_confidences_and_values(folder):
    when = 'when: record.language == "en" && confidence.route > 0.5 && size(retrieve) > 0 && record["a b"] != route'
    draft = folder.changed('when: route != "spam"', when).cascade.stage("draft")
    assert [str(s) for s in draft.when_reads] == [
        "record.language",
        "route.confidence",
        "retrieve",
        "record.a b",
        "route",
    ]


def test_parts_of_a_stage_may_be_inputs(folder):
    new = "documents: retrieve.ids, s: retrieve.scores, c: route.confidence}"
    inputs = folder.changed("documents: retrieve}", new).cascade.stage("draft").inputs
    assert [str(s) for s in inputs.values()][1:] == ["retrieve.ids", "retrieve.scores", "route.confidence"]


def test_an_object_may_be_read_in_parts(folder):
    text = BASE.replace("{type: label, values: [orders, spam]}", "{type: object, schema: {}}")
    text = text.replace("estimator: logistic_regression", "function: stages.py:draft").replace("train: train, ", "")
    text = text.replace("uses: sklearn", "uses: python").replace('route != "spam"', "route.urgent")
    assert folder.load(text).cascade.stage("draft").when_reads[0].name == "route"
    parts = text.replace("schema: {}", "schema: {properties: {team: {}, tags: {}}}")
    parts = parts.replace(
        "documents: retrieve}", "documents: retrieve.0.text, team: route.team, tag: route.tags.1.name}"
    )
    inputs = folder.load(parts).cascade.stage("draft").inputs
    assert [str(s) for s in inputs.values()][1:] == ["retrieve.0.text", "route.team", "route.tags.1.name"]
    with pytest.raises(SpecError, match=r"a stage has no part 'teem', found 'route.teem'. Did you mean team\?"):
        folder.load(parts.replace("route.team", "route.teem"))


def test_a_stage_that_reads_itself_is_named(problems):
    assert problems("documents: retrieve}", "documents: draft, d: retrieve}") == [
        "18: the stage 'draft' reads itself. Read an earlier stage."
    ]


def test_a_circle_is_listed_in_the_order_of_the_data(problems):
    assert problems("inputs: {subject: record.subject}", "inputs: {subject: record.subject, d: draft}") == [
        "8: stages read each other in a circle: route -> retrieve -> draft -> route. Cut it."
    ]


def test_a_circle_through_a_condition_is_one_too(problems):
    found = problems("inputs: {subject: record.subject}", "inputs: {subject: record.subject}\n    when: draft != 'a'")
    assert found == ["8: stages read each other in a circle: route -> retrieve -> draft -> route. Cut it."]


def test_stage_that_nobody_reads_is_an_outcome_of_its_own(folder: Folder) -> None:
    more = LOOP.replace("ONE", "draft") + LOOP.replace("again", "more").replace("ONE", "again")
    file = folder.load(BASE.replace("outcome:", f"{more}outcome:"))
    assert file.cascade.outcome == Outcome(stage="draft", metric="fact_recall", good=0.8)
    assert [outcome.stage for outcome in file.cascade.outcomes] == ["more"]
    assert [judged.outcome.stage for judged in file.cascade.by_outcome] == ["draft", "more"]
    assert all(not judged.outcomes for judged in file.cascade.by_outcome)


def test_outcomes_beside_the_headline_are_read_and_checked(folder: Folder, problems: Problems) -> None:
    file = folder.load(BASE + 'outcomes: [{score: route.accuracy, good: ">= 1"}, {score: retrieve.recall@3}]\n')
    assert file.cascade.outcomes == (
        Outcome(stage="route", metric="accuracy", good=1.0),
        Outcome(stage="retrieve", metric="recall@3"),
    )
    assert problems(BASE + "outcomes: {score: route.accuracy}\n") == [
        "25: outcomes must be a list. Write `outcomes: [{score: STAGE.METRIC}]`."
    ]
    assert problems(
        BASE + "outcomes: [{score: rout.accuracy}, {score: draft.fact_recall}, {good: x}, {score: route}]\n"
    ) == [
        "25: the key outcomes.2.score is missing. STAGE.METRIC, the metric being one of the stage's scores; or STAGE.rating@CRITERION.",
        "25: outcomes.2.good can't be 'x'. Write \">= 0.8\".",
        "25: the outcome names the unknown stage 'rout'. Did you mean route?",
        "25: 'route' names no score. Write STAGE.METRIC.",
        "25: the outcome 'draft.fact_recall' stands twice. Remove one of the two.",
    ]
    assert folder.load(BASE + "outcomes:\n").cascade.outcomes == ()
