"""A component of a Haystack pipeline, read from its YAML, as a stage: the stage's inputs are those of the component."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

from haystack import Document, Pipeline

from stagegap.errors import ConfigurationError, near_names
from stagegap.model.cascade import Kind, Stage
from stagegap.stages.code import code_of
from stagegap.stages.function import UserFunction, function_at
from stagegap.stages.kinds import StageKind, Surroundings
from stagegap.stages.protocol import StageCode
from stagegap.stages.python import stage_calling
from stagegap.stages.settings import Block, Points, Text


class HaystackWith(Block):
    """A component of a pipeline."""

    pipeline: Annotated[Text, Points("the pipeline", role="other")]
    """YAML file of the pipeline, relative to the cascade file."""
    component: Text
    """Name of the component."""
    gives: Text | None = None
    """Name of the component's output that is the answer; needed where it has several."""
    prepare: Annotated[Text | None, Points("the Python file", role="code", form="function")] = None
    """`file.py:function`, called once with the pipeline before the first record, as to fill a document store."""


def build(stage: Stage, around: Surroundings) -> StageCode:
    """The stage that calls a component alone. Raises: ConfigurationError where there is no such one."""
    settings = HaystackWith.model_validate(dict(stage.parameters))
    path = around.folder / settings.pipeline
    try:
        content = path.read_text("utf-8")
        pipeline = Pipeline.loads(content)
    except Exception as error:  # its components are foreign code
        raise ConfigurationError(f"Stage {stage.name!r}: {path} is no pipeline that can be read: {error}") from error
    components = list(pipeline.to_dict()["components"])
    if settings.component not in components:
        near = near_names(settings.component, components)
        raise ConfigurationError(f"Stage {stage.name!r}: the pipeline has no component {settings.component!r}. {near}")
    component = pipeline.get_component(settings.component)
    start = f"Stage {stage.name!r}: the function {settings.prepare!r}"
    prepare = function_at(settings.prepare, around.folder, start=start) if settings.prepare else None
    lock, ahead = threading.Lock(), [True]

    def called(**inputs: object) -> object:
        with lock:
            if ahead:
                if prepare:
                    prepare.call(pipeline)
                if hasattr(component, "warm_up"):
                    component.warm_up()
                ahead.clear()
        given = component.run(**{name: _taken(value) for name, value in inputs.items()})
        if settings.gives is None and len(given) != 1:
            raise ValueError(f"it gives {sorted(given)}; say which with `gives`")
        return _given(given[settings.gives or next(iter(given))], stage.output.kind)

    called.__name__ = settings.component
    code = prepare.code if prepare else code_of(Path(__file__))
    loaded = UserFunction(path=prepare.path if prepare else path, call=called, code=code)
    own = sha256(content.encode()).hexdigest()
    rests_on = ["haystack", version("haystack-ai"), own, settings.component, settings.gives]
    return stage_calling(loaded, stage, around, rests_on=rests_on)


def _taken(value: Any) -> object:  # Any: JSON of any shape
    """Documents where the value is a list of objects with a text."""
    if not isinstance(value, list) or not all(
        isinstance(item, Mapping) and {"text", "content"} & item.keys() for item in value
    ):
        return value
    return [
        Document(
            id=str(item.get("id", "")), content=item.get("content", item.get("text")), meta={"title": item.get("title")}
        )
        for item in value
    ]


def _given(value: Any, kind: Kind) -> object:  # Any: what a component gives
    """Ids of documents for a ranking, the only entry of a list for a text, plain values for everything else."""
    if isinstance(value, list):
        plain = [_given(item, kind) for item in value]
        return plain[0] if len(plain) == 1 and kind in (Kind.TEXT, Kind.LABEL) else plain
    if isinstance(value, Document):
        return value.id if kind is Kind.RANKING else {"id": value.id, "text": value.content, **value.meta}
    return value.text if hasattr(value, "text") else value


KIND = StageKind(summary="A component of a Haystack pipeline.", settings=HaystackWith, build=build)
