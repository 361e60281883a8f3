"""What a stage can be, one kind a file."""

from stagegap.stages.corpus import Corpus
from stagegap.stages.foundation import build
from stagegap.stages.protocol import Answered, AsyncStage, BatchStage, Reply, StageCode, batch

__all__ = ["Answered", "AsyncStage", "BatchStage", "Corpus", "Reply", "StageCode", "batch", "build"]
