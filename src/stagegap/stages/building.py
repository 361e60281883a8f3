"""From a stage of the cascade to the code that answers it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from stagegap.model.cascade import Stage
from stagegap.model.record import Json
from stagegap.stages.canonical import digest
from stagegap.stages.corpus import Corpus
from stagegap.stages.foundation import named_digest
from stagegap.stages.kinds import Surroundings, kind_of
from stagegap.stages.pace import Providers
from stagegap.stages.protocol import Inputs, Reply, StageCode


def build(
    stage: Stage,
    *,
    folder: Path,
    corpora: Mapping[str, Corpus],
    examples: Sequence[tuple[Inputs, Json]] = (),
    recorded: Mapping[str, Reply] | None = None,
    environment: Mapping[str, str],
    providers: Providers | None = None,
) -> StageCode:
    """The code that answers the stage; nothing is trained, indexed or called yet.

    `folder` is where relative paths start. `examples` are inputs and references of the split that a stage learns
    from; `recorded` what was written down of a recorded stage, by record id. `environment` is where
    secrets are looked up, at the first call. `providers` are shared by the stages of a cascade.
    Raises: ConfigurationError when the stage can't work as it stands.
    """
    surroundings = Surroundings(
        folder=folder,
        corpora=corpora,
        environment=environment,
        providers=providers or Providers(),
        examples=examples,
        recorded=recorded or {},
    )
    code = kind_of(stage).build(stage, surroundings)
    if stage.rests_on:
        named = named_digest(stage.rests_on, folder=folder, environment=environment)
        code.fingerprint = digest([code.fingerprint, named])
    return code
