from __future__ import annotations

from dataclasses import replace

from stagegap.analysis.recorded import known_outputs
from stagegap.model.answer import Answer, Output, Reference, Status
from stagegap.model.cascade import Cascade, Kind, Outcome, OutputType, Source, Stage

DETECT, SELECT, DRAFT = (
    Stage(
        name="detect",
        uses="recorded",
        is_recorded=True,
        inputs={},
        output=OutputType(kind=Kind.BOOLEAN),
        metrics=("accuracy",),
    ),
    Stage(
        name="select",
        uses="recorded",
        is_recorded=True,
        inputs={},
        output=OutputType(kind=Kind.TEXT),
        metrics=("exact",),
        when="detect",
        when_reads=(Source("stage", "detect"),),
    ),
    Stage(
        name="draft",
        uses="recorded",
        is_recorded=True,
        inputs={"found": Source("stage", "select")},
        output=OutputType(kind=Kind.TEXT),
        metrics=("exact",),
    ),
)
CASCADE = Cascade(name="c", stages=(DETECT, SELECT, DRAFT), outcome=Outcome(stage="draft", metric="exact"))


def out(stage: str, value: object, *, key: str = "", status: Status = Status.OK) -> Output:
    return Output(record="r", stage=stage, status=status, value=value, key=key)  # type: ignore[arg-type]


SILENT = out("select", None, status=Status.SKIPPED)
LOST = out("select", None, status=Status.INFRASTRUCTURE)


def unknown(
    system: dict[str, Output], swapped: str, cell: dict[str, Output], *, given: object, cascade: Cascade = CASCADE
) -> set[str]:
    """The stages whose output in the cell is not known, with one record and one swap."""
    outputs = {("system", name): {"r": output} for name, output in system.items()}
    outputs |= {(f"reference:{swapped}", name): {"r": output} for name, output in cell.items()}
    reference = Reference(record="r", stage=swapped, accepted=(Answer(value=given),))  # type: ignore[arg-type]
    found = known_outputs(cascade, outputs, {("r", swapped): reference})
    lost = {stage for (_, stage), records in found.unknown.items() if "r" in records}
    for (name, stage), records in found.outputs.items():
        assert ("r" in records) == (name == "system" or stage not in lost)
    return lost


FOUND = {"detect": out("detect", True), "select": out("select", "a", key="1"), "draft": out("draft", "A", key="2")}
MISSED = {"detect": out("detect", False), "select": SILENT, "draft": out("draft", "?", key="3")}


def test_the_call_that_the_system_itself_made_has_the_same_output():
    assert unknown(FOUND, "detect", {"select": FOUND["select"], "draft": FOUND["draft"]}, given=True) == set()


def test_an_output_for_another_input_is_unknown_even_where_the_record_has_one():
    other = out("draft", "A", key="9")
    assert unknown(FOUND, "select", {"draft": other}, given="b") == {"draft"}


def test_what_was_never_recorded_is_unknown_and_so_is_what_rests_on_it():
    blocked = out("draft", None, status=Status.BLOCKED)
    assert unknown(MISSED, "detect", {"select": LOST, "draft": blocked}, given=True) == {"select", "draft"}


def test_an_output_that_rests_on_an_unknown_one_is_unknown_though_its_call_looks_the_same():
    reads = replace(SELECT, inputs={"seen": Source("stage", "detect")}, when=None, when_reads=())
    cascade = replace(CASCADE, stages=(DETECT, reads, DRAFT))
    # A recorded stage answers a record with what it has, whatever it reads: so the draft is called as before.
    cell = {"select": replace(FOUND["select"], key="9"), "draft": FOUND["draft"]}
    assert unknown(FOUND, "detect", cell, given=False, cascade=cascade) == {"select", "draft"}


def test_a_skip_by_the_condition_is_known():
    # A false alarm that the reference takes back: the system has an output, so the skip can't be a recorded one.
    cell = {"select": SILENT, "draft": out("draft", "?", key="3")}
    assert unknown(FOUND, "detect", cell, given=False) == {"draft"}


def test_a_recorded_skip_is_unknown_once_the_condition_changes():
    cell = {"select": SILENT, "draft": MISSED["draft"]}
    assert unknown(MISSED, "detect", cell, given=True) == {"select", "draft"}
    assert unknown(MISSED, "detect", cell, given=False) == set()


def test_a_failure_of_the_system_itself_stays_one():
    failed = {**FOUND, "select": out("select", None, status=Status.UNPARSABLE, key="1")}
    blocked = out("draft", None, status=Status.BLOCKED)
    assert unknown(failed, "detect", {"select": failed["select"], "draft": blocked}, given=True) == set()


def test_a_stage_that_can_be_run_is_known_on_whatever_it_gets():
    live = replace(CASCADE, stages=(DETECT, SELECT, replace(DRAFT, is_recorded=False)))
    assert unknown(FOUND, "select", {"draft": out("draft", "B", key="9")}, given="b", cascade=live) == set()
    assert unknown(
        MISSED, "detect", {"select": LOST, "draft": out("draft", "?", key="9")}, given=True, cascade=live
    ) == {
        "select",
        "draft",
    }


def test_a_recorded_stage_below_a_live_one_is_known_while_the_live_one_says_the_same():
    live = replace(CASCADE, stages=(DETECT, replace(SELECT, is_recorded=False), DRAFT))
    again = replace(FOUND["select"], key="8")
    keyless = replace(FOUND["draft"], key="")
    assert unknown(FOUND, "detect", {"select": again, "draft": keyless}, given=True, cascade=live) == set()
    other = out("select", "b", key="8")
    assert unknown(FOUND, "detect", {"select": other, "draft": keyless}, given=True, cascade=live) == {"draft"}


def test_a_cascade_without_recorded_stages_is_left_alone():
    live = replace(CASCADE, stages=tuple(replace(stage, is_recorded=False) for stage in CASCADE.stages))
    outputs = {("system", "draft"): {"r": FOUND["draft"]}}
    assert known_outputs(live, outputs, {}).outputs is outputs
