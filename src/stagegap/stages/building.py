"""From a stage of the cascade to the code that answers it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from stagegap.errors import ConfigurationError, near_names
from stagegap.model.cascade import Stage
from stagegap.model.values import Json
from stagegap.stages.corpus import Corpus
from stagegap.stages.pacing import Providers
from stagegap.stages.protocol import Inputs, StageCode

KINDS = ("python", "sklearn", "retrieval", "llm", "http", "command", "recorded")


def build(
    stage: Stage,
    *,
    folder: Path,
    corpora: Mapping[str, Corpus],
    examples: Sequence[tuple[Inputs, Json]] = (),
    recorded: Mapping[str, Json] | None = None,
    environment: Mapping[str, str],
    providers: Providers | None = None,
) -> StageCode:
    """Give the code that answers the stage; nothing is trained, indexed or called yet.

    `folder` is where relative paths start. `examples` are inputs and references of the split that a sklearn stage
    learns from; `recorded` the outputs of a recorded stage by record id, None where it was skipped. `environment` is
    where secrets are looked up, at the first call. `providers` are shared by the stages of a cascade.
    Raises: ConfigurationError when the stage can't work as it stands.
    """
    match stage.uses:
        case "python":
            from stagegap.stages.python import build_python

            return build_python(stage, folder=folder, corpora=corpora)
        case "sklearn":
            from stagegap.stages.sklearn import SklearnStage

            return SklearnStage(stage, examples=examples, folder=folder)
        case "retrieval" if stage.parameters.get("method") == "embeddings":
            from stagegap.stages.embedding import build_embedding

            return build_embedding(
                stage, folder=folder, corpora=corpora, environment=environment, providers=providers or Providers()
            )
        case "retrieval":
            from stagegap.stages.retrieval import RetrievalStage

            return RetrievalStage(stage, corpora=corpora)
        case "recorded":
            from stagegap.stages.recorded import RecordedStage

            return RecordedStage(stage, recorded=recorded or {}, corpora=corpora)
        case "llm":
            from stagegap.stages.llm import build_llm

            return build_llm(
                stage, folder=folder, corpora=corpora, environment=environment, providers=providers or Providers()
            )
        case "http":
            from stagegap.stages.http import build_http

            return build_http(stage, corpora=corpora, environment=environment, providers=providers or Providers())
        case "command":
            from stagegap.stages.command import build_command

            return build_command(stage, folder=folder, corpora=corpora)
        case other:
            raise ConfigurationError(
                f"Stage {stage.name!r} uses the unknown kind {other!r}. {near_names(other, KINDS)}"
            )
