"""LLM stages whose prompt is the input `text`, asked against the server of the tests."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from llm_server import LlmServer
from stagegap.model.cascade import Kind, Limits, OutputType, Stage
from stagegap.model.record import Json
from stagegap.stages import Reply, build
from stagegap.stages.llm import LlmStage
from stagegap.stages.pace import Providers
from stages.timing import Clock

TEXT = OutputType(kind=Kind.TEXT)
LABEL = OutputType(kind=Kind.LABEL, values=("orders", "spam"))
KEY = "sk-very-secret"
SECRET = {"$env": "KEY"}


class Model:
    """Builds LLM stages whose prompt is the input `text`, and asks them; waits are noted, not made."""

    def __init__(self, folder: Path, server: LlmServer, make_stage: Callable[..., Stage]) -> None:
        self.folder = folder
        self.server = server
        self.make_stage = make_stage
        self.clock = Clock()
        self.providers = Providers(self.clock)
        (folder / "prompt.j2").write_text("{{ text }}")

    def stage(
        self,
        output: OutputType = TEXT,
        *,
        environment: Mapping[str, str] | None = None,
        timeout_s: float = 20.0,
        connect_s: float | None = None,
        silence_s: float | None = None,
        limits: Limits | None = None,
        **parameters: Json,
    ) -> LlmStage:
        given: dict[str, Json] = {
            "model": "m",
            "prompt": "prompt.j2",
            "base_url": self.server.base_url,
            "api_key": SECRET,
            **parameters,
        }
        described = self.make_stage(
            "llm", output, **{name: value for name, value in given.items() if value is not None}
        )
        described = replace(
            described, timeout_s=timeout_s, connect_timeout_s=connect_s, silence_timeout_s=silence_s, limits=limits
        )
        environment = {"KEY": KEY} if environment is None else environment
        built = build(described, folder=self.folder, corpora={}, environment=environment, providers=self.providers)
        assert isinstance(built, LlmStage)
        return built

    def ask(self, stage: LlmStage, *texts: str) -> list[Reply]:
        async def together() -> list[Reply]:
            try:
                return await asyncio.gather(*(stage.answer({"text": text}) for text in texts))
            finally:
                await stage.close()

        return asyncio.run(together())
