"""What a stage can be, one kind a file."""

from stagegap.stages.answered import Answered, batch
from stagegap.stages.building import build
from stagegap.stages.corpus import Corpus
from stagegap.stages.protocol import AsyncStage, BatchStage, Reply, StageCode

__all__ = ["Answered", "AsyncStage", "BatchStage", "Corpus", "Reply", "StageCode", "batch", "build"]
