"""A node of a LangGraph graph as a stage: the stage's inputs are the state that the node is given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from importlib.metadata import version
from typing import Annotated, Any

from stagegap.errors import ConfigurationError, near_names
from stagegap.model.cascade import Stage
from stagegap.stages.function import function_at
from stagegap.stages.kinds import StageKind, Surroundings
from stagegap.stages.protocol import StageCode
from stagegap.stages.python import stage_calling
from stagegap.stages.settings import Block, Points, Text


class LangGraphWith(Block):
    """A node of a graph."""

    graph: Annotated[Text, Points("the Python file", role="code", form="function")]
    """`file.py:function`, which gives the compiled graph; the file relative to the cascade file."""
    node: Text
    """Name of the node."""
    gives: Text | None = None
    """Key of the node's update that is the answer; needed where it updates several."""


def build(stage: Stage, around: Surroundings) -> StageCode:
    """The stage that calls a node alone. Raises: ConfigurationError for a graph or a node that is not there."""
    settings = LangGraphWith.model_validate(dict(stage.parameters))
    made = function_at(settings.graph, around.folder, start=f"Stage {stage.name!r}: the graph {settings.graph!r}")
    nodes: Mapping[str, Any] = getattr(made.call(), "nodes", {})
    if settings.node not in nodes or settings.node.startswith("__"):
        known = [name for name in nodes if not name.startswith("__")]
        raise ConfigurationError(
            f"Stage {stage.name!r}: the graph has no node {settings.node!r}. {near_names(settings.node, known)}"
        )
    node = nodes[settings.node]

    def called(**state: object) -> object:
        update = node.invoke(state)
        if settings.gives is None and isinstance(update, Mapping) and len(update) == 1:
            return next(iter(update.values()))
        if not isinstance(update, Mapping) or settings.gives not in update:
            raise ValueError(
                f"it updates {sorted(update) if isinstance(update, Mapping) else update!r}; say which with `gives`"
            )
        return update[settings.gives]

    called.__name__ = settings.node
    rests_on = ["langgraph", version("langgraph"), settings.node, settings.gives]
    return stage_calling(replace(made, call=called), stage, around, rests_on=rests_on)


KIND = StageKind(summary="A node of a LangGraph graph.", settings=LangGraphWith, build=build)
