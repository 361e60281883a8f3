"""A cascade as the traces suggest it: each decision with what it rests on, so that a person can judge it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from stagegap.exchange.spans.span import SpanKind
from stagegap.exchange.spans.steps import NO_NAMES, stage_name
from stagegap.exchange.spans.survey import LOOKED_AT, MOST_WORDS, StageSurvey, Survey
from stagegap.model.record import Json

MOST_STAGES = 31
"""As many as a cascade file takes, and one for what came out of the whole."""
MOST_INPUTS = 8
SAME_END = 0.9
"""Share of traces whose output is a stage's answer, from which on this stage is the outcome."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposedStage:
    """One stage, as it stands in the file and as later imports read it."""

    name: str
    type: str
    values: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    inputs: Mapping[str, str] = field(default_factory=dict[str, str])
    repeats: bool = False
    """It occurs more than once in a trace: each attempt is a unit."""
    keeps_input: bool = False
    """Its input stands in the record, since none of what came before was seen in it."""
    why: Mapping[str, str] = field(default_factory=dict[str, str])
    """`type`, `inputs` and `each` -> the reason, a comment in the file."""
    score: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A cascade."""

    name: str
    stages: Sequence[ProposedStage]
    outcome: str
    """Name of the stage that the whole is judged by."""
    whole: bool
    """The outcome is what came out of the trace as a whole, and no step of it."""
    cluster: str
    why_outcome: str
    why_cluster: str
    traces: int
    words: Mapping[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])
    """Name of a score in words -> every word that it was seen to give."""

    def stage(self, name: str) -> ProposedStage | None:
        """The stage of a name."""
        return next((stage for stage in self.stages if stage.name == name), None)


_SCORES = {
    "label": "accuracy", "boolean": "accuracy", "text": "token_f1", "number": "exact", "object": "field_f1",
    "list": "exact", "ranking": "recall@5",
}  # fmt: skip


def proposed(name: str, survey: Survey) -> Proposal:
    """The cascade of what was surveyed, without the rarest stages beyond the most that a file takes."""
    kept = sorted(survey.stages.values(), key=lambda stage: (-stage.traces, -stage.ends))[:MOST_STAGES]
    order = sorted(kept, key=lambda stage: stage.place / stage.traces)
    end = _end(order, survey)
    whole = end is None
    stages: list[ProposedStage] = []
    fields = [key for key, _ in survey.fields.most_common()]
    order.sort(key=lambda stage: stage.name == end)
    for place, stage in enumerate(order):
        stages.append(_in_order(_stage(stage, order[:place], fields), stage))
    if whole:
        stages.append(_whole(survey, stages, fields))
    stages[-1] = _in_order(stages[-1], survey.whole)
    outcome = stages[-1].name
    last = stages[-1]
    if not any(_is_stage(source) for source in last.inputs.values()) and len(stages) > 1:
        unread = _unread(stages[:-1])
        why = {
            **last.why,
            "inputs": "nothing of an earlier stage was seen in its input; it is taken to read what nobody else reads",
        }
        stages[-1] = replace(last, inputs={**last.inputs, **{stage: stage for stage in unread}}, why=why)
    return Proposal(
        name=name,
        stages=stages,
        outcome=outcome,
        whole=whole,
        cluster="session" if survey.sessions else "user" if survey.users else "",
        why_cluster=_why_cluster(survey),
        why_outcome=_why_outcome(outcome, survey, whole=whole),
        traces=survey.traces,
        words={name: sorted(words) for name, words in survey.words.items() if len(words) <= MOST_WORDS},
    )  # fmt: skip


def _in_order(stage: ProposedStage, survey: StageSurvey) -> ProposedStage:
    """The stage, compared as a whole where the order of its words is what was asked for: `token_f1` doesn't see it."""
    if stage.type != "text" or not survey.has_order:
        return stage
    seen = f"{survey.reordered:,} have the words of the right answer in another order"
    return replace(stage, score="exact", why={**stage.why, "type": f"{stage.why['type']}; {seen}"})


def _why_outcome(outcome: str, survey: Survey, *, whole: bool) -> str:
    if whole:
        return "what came out of the trace as a whole"
    ends = survey.stages[outcome].ends
    seen = f"the output of {ends:,} of {survey.outputs:,} traces is its answer"
    return seen if survey.outputs else "the last step of the traces"


def _why_cluster(survey: Survey) -> str:
    if survey.sessions:
        return f"{survey.sessions:,} of {survey.traces:,} traces say their session"
    return f"{survey.users:,} of {survey.traces:,} traces say their user" if survey.users else ""


def _end(order: Sequence[StageSurvey], survey: Survey) -> str | None:
    """The stage that the traces end with; None where the whole has an output of its own."""
    single = [stage for stage in order if stage.most == 1]
    if survey.outputs:
        best = max(single, key=lambda stage: stage.ends, default=None)
        return (
            best.name
            if best and best.ends >= SAME_END * survey.outputs and best.traces >= 0.5 * survey.traces
            else None
        )
    often = [stage for stage in single if stage.traces >= 0.5 * survey.traces]
    return (often or single or list(order) or [StageSurvey("answer")])[-1].name if order else None


def _stage(stage: StageSurvey, before: Sequence[StageSurvey], fields: Sequence[str]) -> ProposedStage:
    kind, values, keys, why_type = _type(stage)
    repeats = stage.most > 1
    earlier = {other.name for other in before}
    read = [other for other, n in stage.reads.most_common(MOST_INPUTS) if other in earlier and n >= 0.3 * stage.looked]
    own = [key for key, n in stage.reads_field.most_common(MOST_INPUTS) if n >= 0.3 * stage.looked]
    inputs = {f"{stage.name}_call": f"record.{calls_field(stage.name)}"} if repeats else {}
    inputs |= {_input(key): f"record.{key}" for key in own if _input(key)}
    inputs |= {other: other for other in read}
    keeps = not repeats and not read and not own and stage.has_inputs > 0
    if keeps:
        inputs["given"] = f"record.{stage.name}_input"
    elif not inputs:
        inputs = {_input(key) or "input": f"record.{key}" for key in fields[:MOST_INPUTS]}
    why = {"type": why_type, "inputs": _why_inputs(stage, read, own, keeps=keeps)}
    if repeats:
        why["each"] = f"up to {stage.most:,} times in one trace: {stage.attempts:,} attempts in {stage.traces:,} traces"
    return ProposedStage(
        name=stage.name, type=kind, values=values, keys=keys, inputs=inputs, repeats=repeats, keeps_input=keeps,
        why=why, score=_SCORES[kind],
    )  # fmt: skip


def calls_field(stage: str) -> str:
    """The field of a record with the attempts of a stage that occurs more than once."""
    return f"{stage}_calls"


def _input(name: str) -> str:
    if name.lower() in NO_NAMES:
        return f"{name}_field"
    return name if name.isidentifier() and name.isascii() and len(name) <= 64 else ""


def _why_inputs(stage: StageSurvey, read: Sequence[str], own: Sequence[str], *, keeps: bool) -> str:
    seen = min(stage.looked, LOOKED_AT)
    parts = [f"{other} in {stage.reads[other]:,}" for other in read] + [
        f"record.{key} in {stage.reads_field[key]:,}" for key in own
    ]
    if parts:
        return f"seen in its input: {', '.join(parts)} of {seen:,} traces"
    if keeps:
        return "nothing of an earlier step was seen in its input, which stands in the record"
    return "the traces do not say what went in"


def _type(stage: StageSurvey) -> tuple[str, tuple[str, ...], tuple[str, ...], str]:
    """The type of its answers, the labels of a closed set, the keys of an object, and why."""
    n = sum(stage.types.values())
    if stage.documents and stage.kind is SpanKind.RETRIEVER:
        return "ranking", (), (), f"a retriever: {stage.documents:,} answers with documents"
    if stage.types["text"] == n and n and stage.is_closed:
        values = tuple(value for value, _ in stage.values.most_common())
        return "label", values, (), f"{len(values)} different values in {n:,} answers"
    for kind in ("boolean", "number", "object"):
        if n and stage.types[kind] == n:
            keys = tuple(key for key, _ in stage.keys.most_common(30) if len(key) <= 200) if kind == "object" else ()
            return kind, (), keys, f"all {n:,} answers"
    if n and stage.types["texts"] == n:
        return "list", (), (), f"all {n:,} answers are lists of texts"
    if not n:
        return "text", (), (), "no answer was recorded"
    mixed = ", ".join(f"{count:,} {kind}" for kind, count in stage.types.most_common())
    return (
        "text",
        (),
        (),
        f"{n:,} answers: {mixed}" + ("" if stage.types["text"] == n else "; what is no text stands as JSON"),
    )


def _whole(survey: Survey, stages: Sequence[ProposedStage], fields: Sequence[str]) -> ProposedStage:
    """The stage of what came out of the whole."""
    kind, values, keys, why = _type(survey.whole) if survey.outputs else ("text", (), (), "no output was recorded")
    name = next(
        name
        for name in ("answer", "final_answer", "answer_of_the_whole")
        if all(name != stage.name for stage in stages)
    )
    inputs = {stage: stage for stage in _unread(stages)}
    return ProposedStage(
        name=name, type=kind, values=values, keys=keys, score=_SCORES[kind],
        inputs=inputs or {_input(key) or "input": f"record.{key}" for key in fields[:MOST_INPUTS]},
        why={"type": why, "inputs": "it is taken to read what nobody else reads"},
    )  # fmt: skip


def _unread(stages: Sequence[ProposedStage]) -> list[str]:
    read = {source for stage in stages for source in stage.inputs.values()}
    return [stage.name for stage in stages if stage.name not in read]


def _is_stage(source: str) -> bool:
    return not source.startswith("record.")


def as_json(proposal: Proposal) -> dict[str, Json]:
    """What later imports need to know of a cascade."""
    return {
        "cascade": proposal.name,
        "outcome": proposal.outcome,
        "whole": proposal.whole,
        "cluster": proposal.cluster,
        "traces": proposal.traces,
        "words": {name: list(words) for name, words in proposal.words.items()},
        "stages": [
            {
                "name": stage.name, "type": stage.type, "values": list(stage.values), "repeats": stage.repeats,
                "keeps_input": stage.keeps_input,
            }
            for stage in proposal.stages
        ],
    }  # fmt: skip


def cascade_text(proposal: Proposal, survey: Survey, *, has_references: bool) -> str:
    """The cascade file, with a comment at each guess."""
    data = f"../data/{proposal.name}"
    lines = [
        f"# Made by `stagegap import` from {proposal.traces:,} traces. Comments say what guesses rest on.",
        "# Later imports of more traces fit into it as long as stages keep their names.",
        f"cascade: {_quoted(proposal.name)}",
        "noun: trace",
    ]
    if proposal.cluster:
        lines.append(f"# guess: {proposal.why_cluster}, so traces of one {proposal.cluster} are not independent")
    cluster = f", cluster: {proposal.cluster}" if proposal.cluster else ""
    lines.append(f"records: {{path: {data}/records.jsonl, id: record{cluster}}}")
    rankings = [stage.name for stage in proposal.stages if stage.type == "ranking"]
    if rankings:
        lines.append("corpora:  # the documents that were ever given")
        lines += [f"  {name}_documents: {{path: {data}/{name}_documents.jsonl}}" for name in rankings]
    if has_references:
        lines += ["# right answers that stood in the traces", f"references: {{path: {data}/references.jsonl}}"]
    lines.append("stages:")
    for stage in proposal.stages:
        lines += _stage_lines(stage, data, survey)
    last = proposal.stages[-1]
    lines += [f"# guess: {proposal.why_outcome}", f"outcome: {{score: {last.name}.{last.score}}}", ""]
    return "\n".join(lines)


_RECORDED = ("status", "latency_ms", "tokens_in", "tokens_out", "cost", "error", "raw", "at")


def _stage_lines(stage: ProposedStage, data: str, survey: Survey) -> list[str]:
    seen = survey.stages.get(stage.name)
    what = f"{seen.kind} in {seen.traces:,} of {survey.traces:,} traces" if seen else "what came out of the whole"
    models = f", {', '.join(seen.models)}" if seen and seen.models else ""
    title = f", {seen.title!r} in the traces" if seen and stage_name(seen.title) != seen.title else ""
    named = ", ".join(f"{name}: {name}" for name in _RECORDED)
    lines = [
        f"  {stage.name}:  # {_comment(what + models + title)}",
        "    uses: recorded",
        f"    with: {{path: {data}/{stage.name}.jsonl, {named}}}",
    ]
    if stage.repeats:
        lines += [f"    # guess: {_comment(stage.why['each'])}", f"    each: record.{calls_field(stage.name)}"]
    lines += [f"    # guess: {_comment(stage.why['inputs'])}", "    inputs:"]
    lines += [f"      {key}: {_quoted(source)}" for key, source in stage.inputs.items()]
    lines += [
        f"    # guess: {_comment(stage.why['type'])}",
        f"    output: {_output_type(stage)}",
        f"    score: {stage.score}",
    ]
    return lines


def _output_type(stage: ProposedStage) -> str:
    match stage.type:
        case "label":
            return f"{{type: label, values: {_quoted(list(stage.values))}}}"
        case "ranking":
            return f"{{type: ranking, of: {stage.name}_documents}}"
        case "object":
            keys: dict[str, Json] = {key: {} for key in stage.keys}
            return f"{{type: object, schema: {_quoted({'type': 'object', 'properties': keys})}}}"
        case _:
            return f"{{type: {stage.type}}}"


def _quoted(value: Json) -> str:
    """The value in YAML's flow style; a `${` of the traces is no variable of the cascade file."""
    return _UNSEEN.sub(_escape, json.dumps(value, ensure_ascii=False)).replace("${", "$${")


_UNSEEN = re.compile(r"[\x7f-\xa0\u00ad\u200b-\u200f\u2028-\u202e\ufeff\ufffe\uffff]")
"""What YAML forbids or reads as the end of a line, and what nobody would see."""


def _escape(sign: re.Match[str]) -> str:
    return f"\\u{ord(sign[0]):04x}"


def _comment(text: str) -> str:
    return " ".join(_UNSEEN.sub(" ", "".join(sign if sign >= " " else " " for sign in text)).split())
