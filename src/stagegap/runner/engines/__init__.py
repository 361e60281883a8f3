"""Where calls are made when one process is not enough: the same cascade, the same keys, the same store."""

from stagegap.runner.engines.dispatch import spread
from stagegap.runner.engines.protocol import Choice, Chunk, ChunkResult, Engine, Recipe

__all__ = ["Choice", "Chunk", "ChunkResult", "Engine", "Recipe", "spread"]
