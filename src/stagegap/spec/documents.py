"""A whole cascade file as models, section by section, so that one bad key hides nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar, cast, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from stagegap.errors import near_names
from stagegap.model.record import Json
from stagegap.spec import schema
from stagegap.spec.judges import JudgeBlock, Teaching, blocks, check_judge, teaching, with_stages
from stagegap.spec.nodes import (
    Entries,
    Entry,
    Findings,
    Items,
    Node,
    Scalar,
    child,
    dotted,
    place,
    plain,
    pruned,
    quoted,
    without,
)
from stagegap.stages.kinds import kinds

M = TypeVar("M", bound=BaseModel)

RESERVED = ("record", "confidence", "outcome")
"""Words that a stage can't be called by: sources and targets use them."""
_NAME = re.compile(r"[A-Za-z_][\w-]{0,63}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeRules:
    """What a judge says besides how it is called."""

    of: str
    name: str
    model: schema.Judge | None
    teaching: Teaching


@dataclass(frozen=True, slots=True, kw_only=True)
class Sections:
    """What could be read of a file; a section that makes no sense is None or left out."""

    root: Entries
    """The file, its judges standing among the stages."""
    written: Entries
    """The file as it stands."""
    head: schema.Head | None
    records: schema.Records | None
    references: schema.References | None
    ratings: schema.Ratings | None
    corpora: Mapping[str, schema.Corpus | None]
    stages: Mapping[str, schema.StageBase | None]
    """Every stage that has a usable name, in file order, and then every judge by the name it is called under."""
    judges: Mapping[str, JudgeRules]
    """By that name."""
    outcome: schema.Outcome | None
    outcomes: Sequence[schema.Outcome]
    """Those beside it."""
    targets: Mapping[str, schema.Target | None]
    human_baseline: schema.HumanBaseline | None
    providers: Mapping[str, schema.Limits | None]


def read(written: Entries, findings: Findings) -> Sections:
    """The sections of a file and report what is wrong with each on its own."""
    judges = blocks(written)
    root = with_stages(written, judges)
    known = [key for key in keys_of(schema.Document) if key != "extends"]
    for key, entry in root.entries.items():
        if key not in known:
            findings.add(entry.key_mark, f"unknown key {key!r}.", near_names(key, [*known, "extends"]))
    for key in ("cascade", "records", "stages", "outcome"):
        if child(root, key) is None:
            description = schema.Document.model_fields[key].description
            findings.add(root.mark, f"the key {key} is missing.", f"It holds: {description or key}")

    def section(key: str, model: type[M]) -> M | None:
        entry = root.entries.get(key)
        if entry is None or (_is_null(entry.node) and not schema.Document.model_fields[key].is_required()):
            return None
        return validated(model, entry, (key,), findings)

    head = Entry(root.mark, without(root, [key for key in root.entries if key not in keys_of(schema.Head)]))
    models = {name: _judge(block, findings) for name, block in judges.items()}
    stages = _stages(root, judges, findings)
    for name, block in judges.items():
        if (model := models[name]) is not None:
            check_judge(block, model, stages.get(block.of), findings)
    return Sections(
        root=root,
        written=written,
        judges={
            name: JudgeRules(
                of=block.of,
                name=block.name,
                model=model,
                teaching=teaching(block, model, findings) if model else Teaching(),
            )
            for name, block in judges.items()
            for model in (models[name],)
        },
        head=validated(schema.Head, head, (), findings) if "cascade" in root.entries else None,
        records=section("records", schema.Records),
        references=section("references", schema.References),
        ratings=section("ratings", schema.Ratings),
        corpora={
            name: validated(schema.Corpus, entry, ("corpora", name), findings)
            for name, entry in _named(root, "corpora", findings).items()
        },
        stages=stages,
        outcome=section("outcome", schema.Outcome),
        outcomes=_others(root, findings),
        targets={
            name: validated(schema.Target, entry, ("targets", name), findings)
            for name, entry in _named(root, "targets", findings).items()
        },
        human_baseline=section("human_baseline", schema.HumanBaseline),
        providers={
            host: validated(schema.Limits, entry, ("providers", host), findings)
            for host, entry in _named(root, "providers", findings).items()
        },
    )


def _others(root: Entries, findings: Findings) -> list[schema.Outcome]:
    entry = root.entries.get("outcomes")
    if entry is None or _is_null(entry.node):
        return []
    if not isinstance(entry.node, Items):
        findings.add(entry.key_mark, "outcomes must be a list.", "Write `outcomes: [{score: STAGE.METRIC}]`.")
        return []
    models = [
        validated(schema.Outcome, Entry(node.mark, node), ("outcomes", str(number)), findings)
        for number, node in enumerate(entry.node.nodes)
    ]
    return [model for model in models if model is not None]


def _is_null(node: Node) -> bool:
    return isinstance(node, Scalar) and node.value is None


def _named(root: Entries, key: str, findings: Findings) -> Mapping[str, Entry]:
    """The entries of a mapping whose keys are the user's names."""
    entry = root.entries.get(key)
    if entry is None or (_is_null(entry.node) and key != "stages"):
        return {}
    if not isinstance(entry.node, Entries):
        findings.add(entry.key_mark, f"{key} must be a mapping from names, found {quoted(plain(entry.node))}.")
        return {}
    return entry.node.entries


def _stages(root: Entries, judges: Mapping[str, JudgeBlock], findings: Findings) -> dict[str, schema.StageBase | None]:
    entries = _named(root, "stages", findings)
    count = len(entries) - len(judges)
    if isinstance(child(root, "stages"), Entries) and not 1 <= count <= schema.MOST_STAGES:
        mark = root.entries["stages"].key_mark
        findings.add(mark, f"found {count} stages.", f"A cascade has 1 to {schema.MOST_STAGES} of them.")
    result: dict[str, schema.StageBase | None] = {}
    for name, entry in entries.items():
        if name in judges:
            # What is wrong with it was said of the judge.
            model = schema.stage_model(_kind_of(judges[name]))
            result[name] = lenient(model, entry.node) if model else None
            continue
        if not _NAME.fullmatch(name):
            findings.add(
                entry.key_mark,
                f"{quoted(name)} can't be the name of a stage.",
                "Use letters, digits, _ and -, a letter or _ first, at most 64.",
            )
        elif name in RESERVED:
            findings.add(entry.key_mark, f"a stage can't be called {name!r}: the word has a meaning of its own.")
        result[name] = _stage(name, entry, findings)
    return result


def _kind_of(block: JudgeBlock) -> str:
    uses = child(block.entry.node, "uses")
    return uses.value if isinstance(uses, Scalar) and isinstance(uses.value, str) else ""


def _judge(block: JudgeBlock, findings: Findings) -> schema.Judge | None:
    """The model of a judge by its kind."""
    entry, kind, where = block.entry, _kind_of(block), ("stages", block.of, "judge", block.name)
    if not _NAME.fullmatch(block.name):
        hint = "Use letters, digits, _ and -, a letter or _ first, at most 64."
        findings.add(entry.key_mark, f"{quoted(block.name)} can't be the name of a judge.", hint)
    model = schema.judge_model(kind)
    if model is not None:
        return validated(model, entry, where, findings)
    known = f"A judge is one of: {', '.join(schema.JUDGING)}."
    at = place(entry, ("uses",))
    what = f"stages.{block.of}.judge.{block.name}.uses"
    findings.add(at, f"{what} can't be {quoted(kind)}." if kind else f"the key {what} is missing.", known)
    return None


def _stage(name: str, entry: Entry, findings: Findings) -> schema.StageBase | None:
    """The model of a stage by its kind; of a kind that is unknown, what every stage has."""
    node, where = entry.node, ("stages", name)
    if not isinstance(node, Entries):
        return validated(schema.StageBase, entry, where, findings)
    common = Entry(entry.key_mark, without(node, ("uses", "with")))
    uses = plain(child(node, "uses") or Scalar(None, node.mark))
    model = schema.stage_model(uses) if isinstance(uses, str) else None
    if model is not None:
        return validated(model, entry, where, findings) or lenient(schema.StageBase, common.node)
    mark = node.entries["uses"].key_mark if "uses" in node.entries else entry.key_mark
    if uses is None:
        findings.add(mark, f"the key stages.{name}.uses is missing.", f"Known: {', '.join(kinds())}.")
    else:
        findings.add(mark, f"stages.{name}.uses can't be {quoted(uses)}.", near_names(str(uses), kinds()))
    return validated(schema.StageBase, common, where, findings)


_NEEDED = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
}
_FORMS = {"good": 'Write ">= 0.8".'}
_BRANCH = ("<", "[")
"""How names of branches of unions, and pydantic's `[key]`, begin."""


def validated(model: type[M], entry: Entry, where: Iterable[str], findings: Findings) -> M | None:
    """The model of a section with its problems reported; None where it makes no sense without what is wrong.

    What is wrong is left out and the rest read again, so that later checks still see the rest.
    """
    node = entry.node
    try:
        return model.model_validate(plain(node))
    except ValidationError as error:
        details = error.errors(include_url=False)
    steps = [_steps(node, detail["loc"]) for detail in details]
    report = _Report(model, entry, tuple(where), findings)
    for detail, way in zip(details, steps, strict=True):
        report.add(detail, way)
    return lenient(model, pruned(node, steps)) or lenient(model, pruned(node, [way[:1] for way in steps]))


def lenient(model: type[M], node: Node) -> M | None:
    """The model of a section, or None where it does not fit; nothing is reported."""
    try:
        return model.model_validate(plain(node))
    except ValidationError:
        return None


def keys_of(model: type[BaseModel]) -> list[str]:
    """The keys that a mapping of this model may have."""
    return [info.alias or name for name, info in model.model_fields.items()]


def _steps(node: Node, location: Sequence[int | str]) -> tuple[int | str, ...]:
    """A location of pydantic as keys and positions of the file: without the branches of unions."""
    steps: list[int | str] = []
    for position, part in enumerate(location):
        match node:
            case Entries() if isinstance(part, str) and part in node.entries:
                node = node.entries[part].node
            case Items() if isinstance(part, int):
                node = node.nodes[part]
            case Entries() if position == len(location) - 1 and not str(part).startswith(_BRANCH):
                pass
            case _:
                continue
        steps.append(part)
    return tuple(steps)


class _Report:
    """Turns what pydantic found in one section into sentences."""

    def __init__(self, model: type[BaseModel], entry: Entry, where: tuple[str, ...], findings: Findings) -> None:
        self._model = model
        self._entry = entry
        self._where = where
        self._findings = findings

    def add(self, detail: ErrorDetails, steps: tuple[int | str, ...]) -> None:
        """Report one error; `steps` is its location in the file."""
        add = self._findings.add
        kind, value, context = detail["type"], cast("Json", detail["input"]), detail.get("ctx", {})
        mark, name = place(self._entry, steps), dotted([*self._where, *steps])
        parent, last = dotted([*self._where, *steps[:-1]]), str(steps[-1]) if steps else ""
        match kind:
            case "extra_forbidden":
                owner = _at(self._model, detail["loc"][:-1])
                inside = f" in {parent}" if parent else ""
                add(mark, f"unknown key {last!r}{inside}.", near_names(last, keys_of(owner) if owner else ()))
            case "missing":
                add(mark, f"the key {name} is missing.", _described(_at(self._model, detail["loc"][:-1]), last))
            case "union_tag_not_found":
                tag = str(context["discriminator"]).strip("'")
                add(mark, f"the key {name}.{tag} is missing.")
            case "union_tag_invalid":
                tag = str(context["discriminator"]).strip("'")
                choices = str(context["expected_tags"]).replace("'", "").split(", ")
                mark = place(self._entry, (*steps, tag))
                add(mark, f"{name}.{tag} can't be {quoted(context['tag'])}.", near_names(str(context["tag"]), choices))
            case "string_pattern_mismatch" if detail["loc"][-1:] == ("[key]",):
                add(mark, f"{last!r} can't be a name in {parent}.", "Use letters, digits and _, no digit first.")
            case "string_pattern_mismatch":
                add(mark, f"{name} can't be {quoted(value)}.", _FORMS.get(last, ""))
            case _ if value is None:
                add(mark, f"{name} has no value.", f"It needs {_NEEDED.get(kind, 'one')}.")
            case "too_short":
                add(mark, f"{name} needs at least {context['min_length']} entries, found {quoted(value)}.")
            case "literal_error":
                choices = str(context["expected"]).replace("'", "").replace(" or ", ", ").split(", ")
                add(mark, f"{name} can't be {quoted(value)}.", near_names(str(value), choices))
            case _ if kind in _NEEDED:
                is_scalar = kind == "string_type" and isinstance(value, bool | int | float)
                quote = f'Quote it: "{str(value).lower() if isinstance(value, bool) else value}".' if is_scalar else ""
                add(mark, f"{name} must be {_NEEDED[kind]}, found {quoted(value)}.", quote)
            case _:
                wanted = detail["msg"].removeprefix("Input ").removeprefix("String ").removeprefix("Value ")
                add(mark, f"{name} {_lower(wanted)}, found {quoted(value)}.")


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]


def _described(owner: type[BaseModel] | None, key: str) -> str:
    """The description of a key."""
    fields = owner.model_fields if owner else {}
    return next((info.description or "" for name, info in fields.items() if (info.alias or name) == key), "")


def _at(model: type[BaseModel], location: Iterable[int | str]) -> type[BaseModel] | None:
    """The model that stands at a location of pydantic, which also names the branches of unions."""
    current: list[type[BaseModel]] = [model]
    for part in location:
        fields = [i for m in current for n, i in m.model_fields.items() if (i.alias or n) == part]
        tagged = [
            m for m in current if "type" in m.model_fields and part in get_args(m.model_fields["type"].annotation)
        ]
        current = [m for info in fields for m in _models(info.annotation)] or tagged
    return current[0] if len(current) == 1 else None


def _models(annotation: object) -> list[type[BaseModel]]:
    """The models that an annotation names, through unions and containers."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in _models(part)]
