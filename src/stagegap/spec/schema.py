"""The cascade file as pydantic models: its keys, their meaning, and the JSON schema by which editors help."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias, Union, cast

from pydantic import Field, create_model

from stagegap.model.record import Json
from stagegap.spec.outputs import Output
from stagegap.stages.kinds import kinds, named
from stagegap.stages.settings import Block, Name, OneOrMore, Text

MOST_STAGES = 32
StageName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_-]{0,63}$")]


Kind: TypeAlias = Literal["image", "audio", "pdf", "html", "table", "chat"]


class Records(Block):
    """The cases that go through the cascade."""

    path: OneOrMore
    """File or files with one record a row, or patterns (`data/*.jsonl`): JSON, JSONL, CSV, TSV, Excel or Parquet."""
    id: Text = "id"
    """Field with the record's id (`meta.id` for one inside another); rows without any id are numbered."""
    cluster: Text | None = None
    """Field with the unit of independence: customer, thread, document."""
    split: Text | None = None
    """Field with the split: train, test."""
    difficulty: Text | None = None
    """Field with the difficulty that people gave."""
    slices: list[Text] = Field(default_factory=list[str])
    """Fields by which results are broken down."""
    fields: dict[Text, Kind] = Field(default_factory=dict[str, Kind])
    """Field -> image, audio, pdf (a path), html, table or chat, where it is more than text."""
    media: Text | None = None
    """Folder in which those paths start and which none may leave; the folder of the records when not given."""


class Corpus(Block):
    """Documents that stages search in."""

    path: OneOrMore
    """File or files with one document a row."""
    id: Text = "id"
    """Field with the document's id."""
    title: Text = "title"
    """Field with the title."""
    text: OneOrMore = "text"
    """Field or fields that are searched and shown."""


class References(Block):
    """Answers that people gave, to score against and to learn from."""

    path: OneOrMore
    """File or files with one answer a row: record, stage, annotator, value, facts."""


class Ratings(Block):
    """How people rated answers, for outcomes `STAGE.rating@CRITERION`."""

    path: OneOrMore
    """File or files with one rating a row: system, record, criterion, rater, value."""
    scale: Annotated[list[float], Field(min_length=2, max_length=2)]
    """The lowest and the highest rating that can be given, as [1, 5]."""
    system: Text | None = None
    """The name in the files under which recorded answers are rated; answers of a stage that is called are rated under
    the name of the run, as v3."""
    person: Text | None = None
    """Whose answers the system is held against, where they are rated too."""


class Limits(Block):
    """How much a stage may ask of its provider, or all stages together of one."""

    calls_per_minute: Annotated[float, Field(gt=0)] | None = None
    """Calls that may begin in a minute."""
    tokens_per_minute: Annotated[float, Field(gt=0)] | None = None
    """Tokens that may be read and written in a minute."""


class CallBase(Block):
    """How a stage, or a judge, is called."""

    rests_on: list[Text] = Field(default_factory=list[str])
    """What else decides the answers: files, folders or patterns, and `env:NAME`; its change makes every call new."""
    repeats: Annotated[int, Field(ge=1, le=100)] = 1
    """How often a stage that draws at random is called for the same inputs."""
    batch: Annotated[int, Field(ge=1, le=100_000)] = 256
    """Records a call, where the kind takes several."""
    concurrency: Annotated[int, Field(ge=1, le=1000)] = 8
    """Calls at the same time."""
    timeout: Annotated[float, Field(gt=0, le=86_400)] = 60.0
    """Seconds a call may take, with all its attempts."""
    connect_timeout: Annotated[float, Field(gt=0, le=86_400)] | None = None
    """Seconds until a connection to a provider stands; then the call is tried again."""
    silence_timeout: Annotated[float, Field(gt=0, le=86_400)] | None = None
    """Seconds without a byte from a provider, before the first as between two; then the call is tried again."""
    limits: Limits | None = None
    """Calls and tokens a minute, for stages that ask a provider."""
    resources: dict[Name, Annotated[int, Field(ge=1)]] = Field(default_factory=dict[str, int])
    """Units that a call, or a batch, takes from the cascade's `resources`."""


class Judge(CallBase):
    """A machine that says how good a stage's outputs are, measured by people's blind labels."""

    uses: str
    """Kind of stage that it is: llm, http or python."""
    with_: Annotated[Block, Field(alias="with")]
    """Settings of this kind of stage."""
    sees: Annotated[list[Literal["inputs", "output", "reference"]], Field(min_length=1)] = Field(
        default_factory=lambda: ["inputs", "output"]
    )
    """What it is shown: the stage's `inputs` by their names, its `output`, and `reference` where that is allowed."""
    criterion: Text | None = None
    """What counts, in one or two words, by which people judge too; the judge's own name when not given."""
    scale: Annotated[list[float], Field(min_length=2, max_length=2)] | None = None
    """Lowest and highest mark of a graded judge, as [1, 5]; without it the judge says true or false."""
    against: Literal["answers", "judgements"] = "answers"
    """What measures it: scores against people's blind `answers`, or people's own `judgements` by the criterion."""
    examples: Text | None = None
    """JSONL file with the records that teach it, one a row: record, and for an llm user and assistant."""


JUDGING = ("http", "llm", "python")
"""Kinds of stages that can judge."""


@cache
def judge_model(name: str) -> type[Judge] | None:
    """The model of judges of a kind; None for a kind that can't judge."""
    kind = named(name) if name in JUDGING else None
    if kind is None or kind.settings is None:
        return None
    described = Judge.model_fields
    return create_model(
        f"{name.capitalize()}Judge",
        __base__=Judge,
        __doc__=kind.summary,
        uses=(_only(name), Field(description=described["uses"].description)),
        with_=(kind.settings, Field(alias="with", description=described["with_"].description)),
    )


class StageBase(CallBase):
    """What every kind of stage has."""

    inputs: dict[Name, Text]
    """Input -> where it comes from: record.FIELD, STAGE, its .ids, .scores, .confidence or .candidates, or what stands
    inside of one, as STAGE.hits.0.text."""
    output: Output
    """The type of what the stage puts out."""
    each: Text | None = None
    """List that the stage is asked about item by item: STAGE or record.FIELD; inputs from there are one item."""
    align: Text = "position"
    """How items are told apart: position, value, or a field of the item."""
    when: Text | None = None
    """CEL condition on record fields and stages; the stage is skipped where it is false."""
    score: OneOrMore | None = None
    """Metric or metrics, the headline first; by the output's type when not given."""
    score_rests_on: list[Text] = Field(default_factory=list[str])
    """The same for metrics of your own; its change makes every score new."""
    ask: str = ""
    """The question put to a person."""
    guideline: Text | None = None
    """File with the guideline that people answer by."""
    warmup: Text | None = None
    """File with examples that people answer first: record, value, explanation, one a row; not counted."""
    form: Text | None = None
    """ES module that draws a form of your own on the label card, in place of the one made from the type."""
    judge: dict[StageName, Judge] = Field(default_factory=dict[str, Judge])
    """Judges of the stage's outputs by name, each called and stored like a stage, and measured by people."""


class Stage(StageBase):
    """A stage of a kind; each kind has a model of its own, with its name and its settings."""

    uses: str
    """Kind of stage."""
    with_: Annotated[Block, Field(alias="with")]
    """Settings of this kind of stage."""


@cache
def stage_model(name: str) -> type[Stage] | None:
    """The model of stages of a kind; None for a kind that no file can name."""
    kind = named(name)
    if kind is None or kind.settings is None:
        return None
    described = Stage.model_fields
    return create_model(
        f"{name.capitalize()}Stage",
        __base__=Stage,
        __doc__=kind.summary,
        uses=(_only(name), Field(description=described["uses"].description)),
        with_=(kind.settings, Field(alias="with", description=described["with_"].description)),
        judge=(_judges(), described["judge"]),
    )


@cache
def _judges() -> Any:
    """The type of a stage's judges: each of one of the kinds that can judge, which are known at run time only."""
    judge: Any = Annotated[Union[tuple(judge_model(kind) for kind in JUDGING)], Field(discriminator="uses")]  # noqa: UP007
    return dict[StageName, judge]


def _only(name: str) -> type[str]:
    """The type that holds this one text."""
    return cast("type[str]", Literal[name])  # pyright: ignore  # a type made at run time: no checker can know it


class Outcome(Block):
    """The score that the whole cascade is judged by."""

    score: Text
    """STAGE.METRIC, the metric being one of the stage's scores; or STAGE.rating@CRITERION."""
    good: Annotated[str, Field(pattern=r"^\s*>=\s*(\d+(\.\d*)?|\.\d+)\s*$")] | None = None
    """The bar that makes a record good, as ">= 0.8"; without it the mean score is the outcome."""


class Target(Block):
    """What `stagegap check` holds you to."""

    gap: Annotated[float, Field(ge=0, le=100)] | None = None
    """Points that people may be ahead of the system at most."""
    at_least: Annotated[float, Field(ge=0, le=1)] | None = None
    """Score that must be reached."""
    lose_at_most: Annotated[float, Field(gt=0, le=100)] | None = None
    """Points that a cheaper version of a stage may lose at the end; only of `outcome`, written before it is run."""


class PublishedFigure(Block):
    """A score of people that somebody else measured."""

    stage: Name
    """Stage whose score it is comparable with."""
    score: Annotated[float, Field(ge=0, le=1)]
    """Share, from 0 to 1."""
    n: Annotated[int, Field(ge=1)]
    """Records, or independent answers, that it rests on."""
    source: Text | None = None
    """Where it was published."""


class HumanBaseline(Block):
    """How the people's answers came about; what is missing is listed in reports."""

    population: Text | None = None
    """Who answered, and how many."""
    recruitment: Text | None = None
    """How they were found, and what they were paid."""
    instructions: Text | None = None
    """What they were told, and whether the system was told the same."""
    sample: Text | None = None
    """Which records they answered, and whether the system answered the same ones."""
    scoring: Text | None = None
    """How their answers were scored, and whether the system's were scored in the same way."""
    effort: Text | None = None
    """Time and means that they had."""
    power: Text | None = None
    """Why so many answers are enough."""
    quality_control: Text | None = None
    """How careless answers were found."""
    uncertainty: Text | None = None
    """How intervals were made."""
    exclusions: Text | None = None
    """Who was left out: authors, people who had seen the references."""
    end_to_end: OneOrMore | None = None
    """Annotators who answered at the outcome's stage from the whole record; the others worked stage by stage."""
    kinds: dict[Text, OneOrMore | PublishedFigure] | None = None
    """Kind of people (untrained, expert, a team) -> its annotators, or a published figure; the gap to each is shown."""


class Head(Block):
    """What a cascade is called, and which of its records count."""

    cascade: Text
    """Name of the cascade."""
    noun: Text = "record"
    """What a record is called on screen: mail, request."""
    evaluate: Text | None = None
    """The split that is scored; all records when not given."""
    resources: dict[Name, Annotated[int, Field(ge=1)]] = Field(default_factory=dict[str, int])
    """Pools that stages share, as `gpu: 1`: stages that take from one wait for each other."""


class Document(Head):
    """A cascade file of stagegap."""

    extends: Text | None = None
    """Cascade file that this one changes: mappings are merged, anything else replaces, null removes a key."""
    records: Records
    """The cases that go through the cascade."""
    corpora: dict[Name, Corpus] = Field(default_factory=dict[str, Corpus])
    """Documents that stages search in, by name."""
    references: References | None = None
    """Answers that people gave, to score against and to learn from."""
    ratings: Ratings | None = None
    """How people rated answers, for outcomes `STAGE.rating@CRITERION`."""
    stages: Annotated[
        dict[StageName, Stage],
        Field(min_length=1, max_length=MOST_STAGES),
    ]
    """The steps of the cascade, by name."""
    outcome: Outcome
    """The score that the whole cascade is judged by."""
    outcomes: list[Outcome] = Field(default_factory=list[Outcome])
    """Scores that stand beside it, each with a ceiling of its own; a stage that nobody reads is one by itself."""
    targets: dict[Text, Target] = Field(default_factory=dict[str, Target])
    """What `stagegap check` holds you to: by stage, or `outcome`."""
    human_baseline: HumanBaseline | None = None
    """How the people's answers came about; what is missing is listed in reports."""
    providers: dict[Text, Limits] = Field(default_factory=dict[str, Limits])
    """Host, as api.openai.com, -> what all stages together may ask of it."""


def document_model() -> type[Document]:
    """The model of a cascade file in which every stage is of one of the known kinds: what the schema is made from."""
    models = tuple(model for name in kinds() if (model := stage_model(name)) is not None)
    # The kinds are known at run time only, so no type checker can know the type of the union.
    stage: Any = Annotated[Union[models], Field(discriminator="uses")]  # noqa: UP007
    stages: Any = Annotated[dict[StageName, stage], Field(min_length=1, max_length=MOST_STAGES)]
    described = Field(description=Document.model_fields["stages"].description)
    return create_model("Document", __base__=Document, __doc__=Document.__doc__, stages=(stages, described))


_Schema: TypeAlias = dict[str, Json]
_VARIABLE = r"^\$\{[A-Za-z_][A-Za-z0-9_]*(:-[^}]*)?\}$"


def json_schema() -> dict[str, Json]:
    """The JSON schema (2020-12), with a description for every key.

    A file with `extends` holds only what differs, so nothing is required in it and null removes a key.
    """
    full = _edited(cast(_Schema, document_model().model_json_schema(by_alias=True)))
    definitions = cast(dict[str, _Schema], full.pop("$defs"))
    definitions["Secret"] = {
        "type": "string",
        "pattern": r"^\$\{[A-Za-z_][A-Za-z0-9_]*\}$",
        "description": "Name of an environment variable as ${NAME}; its value is never stored.",
    }
    definitions["Document"] = full
    partial = {f"{name}Variant": _partial(definition) for name, definition in definitions.items()}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Cascade of stagegap",
        "description": "Stages that follow each other, and the score by which the whole is judged.",
        "type": "object",
        "if": {"required": ["extends"]},
        "then": {"$ref": "#/$defs/DocumentVariant"},
        "else": {"$ref": "#/$defs/Document"},
        "$defs": {**definitions, **partial},
    }


def write_schema(path: Path) -> None:
    """Write the schema as the file that editors are pointed to."""
    path.write_text(json.dumps(json_schema(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _edited(schema: _Schema) -> _Schema:
    """Close what pydantic leaves open, and allow ${NAME} wherever a value is no text."""
    result: _Schema = {}
    for key, value in schema.items():
        if key in ("title", "discriminator") and not (key == "title" and isinstance(value, Mapping)):
            continue
        result[key] = _each(value, _edited)
    if "patternProperties" in result:
        result["additionalProperties"] = False
    if result.get("type") in ("integer", "number", "boolean") or "enum" in result:
        described = {key: result.pop(key) for key in ("description", "default") if key in result}
        return {"anyOf": [result, {"type": "string", "pattern": _VARIABLE}], **described}
    return result


def _partial(schema: _Schema) -> _Schema:
    """The schema of a part of the same thing."""
    result: _Schema = {}
    for key, value in schema.items():
        match key, value:
            case "required" | "minProperties", _:
                continue
            case "additionalProperties", False:
                # null removes a key of the base, which may be one of another kind of stage.
                result[key] = {"type": "null"}
            case "$ref", str():
                result[key] = f"{value}Variant"
            case "oneOf", _:
                result["anyOf"] = _each(value, _partial)
            case "properties", Mapping():
                result[key] = {
                    name: {"anyOf": [_partial(cast(_Schema, p)), {"type": "null"}]} for name, p in value.items()
                }
            case "additionalProperties" | "patternProperties", Mapping():
                result[key] = _nullable(key, cast(_Schema, value))
            case _:
                result[key] = _each(value, _partial)
    return result


def _nullable(key: str, value: _Schema) -> Json:
    if key == "additionalProperties":
        return {"anyOf": [_partial(value), {"type": "null"}]}
    return {name: {"anyOf": [_partial(cast(_Schema, p)), {"type": "null"}]} for name, p in value.items()}


def _each(value: Json, change: Callable[[_Schema], _Schema]) -> Json:
    if isinstance(value, Mapping):
        return change(dict(value))
    if isinstance(value, list):
        return [_each(item, change) for item in value]
    return value
