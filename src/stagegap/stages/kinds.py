"""What all kinds of stages need: which kinds there are, and the part of a fingerprint that the output type gives."""

from __future__ import annotations

from stagegap.model.cascade import OutputType
from stagegap.model.values import Json
from stagegap.stages.corpus import Corpus


def output_identity(output: OutputType, corpus: Corpus | None) -> Json:
    """Give all of an output type that decides whether a value is accepted."""
    ids = corpus.ids_hash if corpus else None
    return [output.kind.value, list(output.values), ids, output.k, output.low, output.high, output.schema]
