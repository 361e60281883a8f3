from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from stagegap import plugins
from stagegap.conformance import check_detector, check_label_format, check_metric, check_stage_kind, check_trace_format
from stagegap.errors import ConfigurationError, SpecError
from stagegap.exchange.foreign import label_formats
from stagegap.exchange.spans import trace_formats
from stagegap.exchange.spans.files import import_traces
from stagegap.model.cascade import Kind
from stagegap.model.record import Json
from stagegap.spec.outputs import mismatch
from stagegap.spec.schema import stage_model
from stagegap.stages.kinds import kinds, named
from stagegap.workspace import Workspace
from stagegap.workspace.oddities import detectors

PLUGIN = """
from stagegap.exchange.foreign.protocol import Format, Given
from stagegap.exchange.spans import Span, TraceFormat
from stagegap.oddities.card import Detector, Family, Finding
from stagegap.stages.kinds import StageKind
from stagegap.stages.protocol import Reply
from stagegap.stages.settings import Block

class ShoutWith(Block):
    mark: str = "!"

class Shout:
    reads_record = False
    def __init__(self, stage, around):
        self.mark = stage.parameters["mark"]
        self.fingerprint = "shout" + self.mark
    def answer_batch(self, inputs):
        return [Reply(value=row["text"].upper() + self.mark) for row in inputs]

SHOUT = StageKind(summary="Answers loudly.", settings=ShoutWith, build=Shout)

def begins(value, accepted):
    return float(str(accepted).startswith(str(value)[:1]))

def read(values, leftovers):
    for place, value in values:
        yield Span(trace=str(value["loud"]), id="a", name="call", inputs=value["in"], output=value["out"])

LOUD = TraceFormat(name="loud", title="Loud", read=read,
                   is_certain=lambda first: bool(first) and all("loud" in value for value in first))
QUIET = Detector(name="quiet", family=Family.TOO_GOOD, title="No stage is loud", rule="never at all",
                 why="this is a test", look=lambda run: [None])
def read_labels(entries, wanted, leftovers):
    for entry in entries:
        yield Given(name="tone", records=[entry["of"]], annotator="", value=entry["heard"], key="of " + entry["of"])

HEARD = Format(name="heard", title="Heard", read=read_labels,
               is_certain=lambda first: all("heard" in entry for entry in first))
NO_KIND = 7
"""
GROUPS = {
    "stagegap.stages": "shout = loud_plugin:SHOUT\nbroken = loud_plugin:MISSING\nseven = loud_plugin:NO_KIND",
    "stagegap.metrics": "begins = loud_plugin:begins",
    "stagegap.traces": "loud = loud_plugin:LOUD",
    "stagegap.labels": "heard = loud_plugin:HEARD",
    "stagegap.detectors": "quiet = loud_plugin:QUIET",
}


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Installs a package as pip leaves it: a module, and a folder that says its name, version and entry points."""
    place = tmp_path / "site"
    place.mkdir()
    monkeypatch.syspath_prepend(place)

    def forget() -> None:
        for known in (kinds, named, stage_model, plugins._entries):
            known.cache_clear()
        sys.modules.pop("loud_plugin", None)

    def put(package: str = "loud", version: str = "1.0", groups: dict[str, str] = GROUPS) -> None:
        (place / "loud_plugin.py").write_text(PLUGIN)
        folder = place / f"{package}.dist-info"
        folder.mkdir(exist_ok=True)
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n")
        (folder / "entry_points.txt").write_text("\n".join(f"[{group}]\n{rows}" for group, rows in groups.items()))
        forget()

    yield put
    forget()


def test_a_package_adds_kinds_metrics_formats_and_detectors_that_keep_to_the_rules(
    install: Callable[..., None], tmp_path: Path
) -> None:
    install(groups={**GROUPS, "stagegap.stages": "shout = loud_plugin:SHOUT"})
    assert check_stage_kind("shout", parameters={"mark": "?"}, inputs=[{"text": "a"}, {"text": "b"}]) == ["A?", "B?"]
    check_metric("begins", [("ab", "ac", 1, 1), ("x", "y", 0, 0)])
    with pytest.raises(AssertionError, match=r"'ab' and 'ac' score 1.0, and not 0 to 0.5"):
        check_metric("begins", [("ab", "ac", 0, 0.5)])
    file = tmp_path / "loud.jsonl"
    file.write_text("\n".join(json.dumps({"loud": n, "in": "tea?", "out": "YES"}) for n in range(5)))
    assert check_trace_format("loud", file) == 5
    assert check_detector("quiet") == 0
    with pytest.raises(AssertionError, match=r"No installed package adds 'loudest' to stagegap.traces; known: loud"):
        check_trace_format("loudest", file)


def test_a_format_of_labels_keeps_to_the_rules_or_is_told_which_it_breaks(
    install: Callable[..., None], tmp_path: Path
) -> None:
    install()
    file = tmp_path / "heard.jsonl"
    file.write_text("\n".join(json.dumps({"of": f"m{n}", "heard": "high" if n % 2 else "low"}) for n in range(6)))
    tone: dict[str, Json] = {"type": "label", "values": ["high", "low"]}
    assert check_label_format("heard", file, stages={"tone": tone}) == 6
    with pytest.raises(
        AssertionError, match=r"(?s)asks 'tone', and `stages` does not say.*6 x No stage is called 'tone'"
    ):
        check_label_format("heard", file, stages={"pitch": tone})
    with pytest.raises(AssertionError, match="3 x The value is none that stage 'tone' can take"):
        check_label_format("heard", file, stages={"tone": {"type": "label", "values": ["high", "deep"]}})


@pytest.mark.parametrize(
    ("group", "entry", "use"),
    [
        ("stages", "python = loud_plugin:SHOUT", lambda: named("python")),
        ("metrics", "accuracy = loud_plugin:begins", lambda: mismatch("exact", Kind.LABEL, k=None)),
        ("traces", "otlp = loud_plugin:LOUD", trace_formats),
        ("labels", "prodigy = loud_plugin:HEARD", label_formats),
        ("detectors", "masked = loud_plugin:QUIET", detectors),
    ],
)
def test_no_package_stands_for_what_the_program_has_itself(
    install: Callable[..., None], group: str, entry: str, use: Callable[[], object]
) -> None:
    install(groups={f"stagegap.{group}": entry})
    with pytest.raises(
        ConfigurationError, match=f"The package loud adds '{entry.partition(' ')[0]}' to stagegap.{group}, which"
    ):
        use()


def test_a_run_uses_the_kind_and_the_metric_and_another_version_is_other_code(
    install: Callable[..., None], tmp_path: Path
) -> None:
    install(groups={**GROUPS, "stagegap.stages": "shout = loud_plugin:SHOUT"})
    records = [{"id": str(n), "text": "fire"} for n in range(9)]
    references = [{"record": str(n), "stage": "call", "annotator": "ann", "value": "FLAME"} for n in range(9)]
    (tmp_path / "records.jsonl").write_text("\n".join(map(json.dumps, records)))
    (tmp_path / "references.jsonl").write_text("\n".join(map(json.dumps, references)))
    cascade = tmp_path / "cascade.yaml"
    cascade.write_text(
        "cascade: loud\nrecords: {path: records.jsonl}\nreferences: {path: references.jsonl}\nstages:\n  call:\n"
        "    uses: shout\n    with: {}\n    inputs: {text: record.text}\n    output: {type: text}\n    score: begins\n"
        "outcome: {score: call.begins}\n"
    )
    with Workspace.open(tmp_path) as opened:
        run, summary = opened.runs.new(cascade)
        assert summary.calls == 1
        card = opened.runs.scorecard("loud", run.name)
        assert card is not None
        assert card.system.value == 1.0
        assert opened.runs.new(cascade)[1].calls == 0
        install(version="1.1", groups={**GROUPS, "stagegap.stages": "shout = loud_plugin:SHOUT"})
        assert opened.runs.new(cascade)[1].calls == 1


def test_what_can_not_be_had_is_said_with_the_package_that_adds_it(
    install: Callable[..., None], tmp_path: Path
) -> None:
    install()
    for name, why in (
        ("broken", "can't be imported: AttributeError"),
        ("seven", "is no StageKind: loud_plugin:NO_KIND"),
    ):
        with pytest.raises(
            ConfigurationError, match=f"'{name}', which the package loud adds to stagegap.stages, {why}"
        ):
            named(name)
    install("louder")
    with pytest.raises(ConfigurationError, match="The packages loud and louder both add 'loud'"):
        import_traces([tmp_path / "none.jsonl"], tmp_path, name="x")


def test_without_a_package_nothing_is_added(tmp_path: Path) -> None:
    (tmp_path / "records.jsonl").write_text('{"id": "1", "text": "fire"}\n')
    cascade = tmp_path / "cascade.yaml"
    cascade.write_text(
        "cascade: loud\nrecords: {path: records.jsonl}\nstages:\n  call:\n    uses: python\n"
        "    with: {function: 'stages.py:call'}\n    inputs: {text: record.text}\n    output: {type: text}\n"
        "    score: begins\n"
    )
    with Workspace.open(tmp_path) as opened, pytest.raises(SpecError, match="'begins' does not fit an output of type"):
        opened.runs.validate(cascade)
