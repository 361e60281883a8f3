"""Stages that ask a language model behind an OpenAI-compatible endpoint."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, cast

from stagegap.errors import RunStopped
from stagegap.model.answer import Status
from stagegap.model.cascade import Stage
from stagegap.model.values import Json
from stagegap.stages.acceptance import Check, Rejected, check_for
from stagegap.stages.attempts import Attempts
from stagegap.stages.canonical import digest
from stagegap.stages.corpus import Corpus
from stagegap.stages.endpoint import Endpoint
from stagegap.stages.failures import UNREADABLE, Failure, Meaning, failure_of, is_readable
from stagegap.stages.kinds import output_identity
from stagegap.stages.mending import read_answer
from stagegap.stages.pacing import Providers
from stagegap.stages.prices import token_price
from stagegap.stages.prompts import Prompt, PromptError
from stagegap.stages.protocol import Inputs, Reply

if TYPE_CHECKING:
    from openai import AsyncOpenAI
    from openai.types.chat import ChatCompletion, ChatCompletionMessageParam

KEPT = 20_000
"""Characters of an answer that are kept beside a value that had to be mended, or in place of one."""


def build_llm(
    stage: Stage,
    *,
    folder: Path,
    corpora: Mapping[str, Corpus],
    environment: Mapping[str, str],
    providers: Providers,
) -> LlmStage:
    """Give the stage that asks a model; `providers` are those that all stages of the cascade share.

    Raises: ConfigurationError for a prompt or an address that can't be used.
    """
    corpus = corpora.get(stage.output.of or "")
    prompt = Prompt(stage, path=folder / str(stage.parameters["prompt"]))
    endpoint = Endpoint(stage, environment)
    settings = {name: stage.parameters.get(name) for name in ("model", "system", "temperature", "max_tokens", "seed")}
    identity = output_identity(stage.output, corpus)
    return LlmStage(
        stage,
        prompt=prompt,
        endpoint=endpoint,
        check=check_for(stage.output, corpus.documents if corpus else ()),
        fingerprint=digest(["llm", settings, prompt.text, endpoint.address, identity]),
        providers=providers,
    )


class LlmStage:
    """One prompt, one chat completion. The client is made at the first call and kept for all others."""

    reads_record = False

    def __init__(
        self,
        stage: Stage,
        *,
        prompt: Prompt,
        endpoint: Endpoint,
        check: Check,
        fingerprint: str,
        providers: Providers,
    ) -> None:
        self.fingerprint = fingerprint
        self._stage = stage
        self._prompt = prompt
        self._endpoint = endpoint
        self._check = check
        given = stage.parameters
        self._price = token_price(given.get("price"), str(given.get("model")), is_official=endpoint.is_official)
        self._attempts = Attempts(stage, host=endpoint.host, providers=providers, redacted=endpoint.redacted)
        self._client: AsyncOpenAI | None = None

    @property
    def has_price(self) -> bool:
        """True when what a call cost is known afterwards."""
        return self._price is not None

    def call_cost(self, tokens_in: int | None, tokens_out: int | None) -> float | None:
        """Give US dollars; None where the price or the tokens are unknown."""
        if self._price is None or tokens_in is None or tokens_out is None:
            return None
        return self._price.cost(tokens_in, tokens_out)

    async def answer(self, inputs: Inputs) -> Reply:
        """Ask once, with retries for faults that pass, within the stage's time-out.

        Raises: RunStopped when the provider refuses every call; ConfigurationError when the key is not set.
        """
        try:
            prompt = self._prompt.fill(inputs)
        except PromptError as error:
            return Reply(status=Status.UNPARSABLE, error=str(error), is_reusable=False)
        return await self._attempts.until_answered(lambda: self._ask(prompt))

    async def close(self) -> None:
        """Close the connections."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    async def _ask(self, prompt: str) -> Reply | Failure:
        """Make one attempt; give a failure only where another attempt may help."""
        try:
            completion = await self._complete(prompt)
        except Exception as error:
            failure = failure_of(error)
            if failure is None:
                raise
        else:
            return self._reply(completion) if is_readable(completion) else UNREADABLE
        if failure.meaning is Meaning.AGAIN:
            return failure
        message = self._endpoint.redacted(failure.message)
        if failure.meaning is Meaning.STOP:
            raise RunStopped(f"Stage {self._stage.name!r}: {self._endpoint.address} refuses every call. {message}")
        return Reply(status=failure.status, error=message)

    async def _complete(self, prompt: str) -> ChatCompletion:
        from openai import omit

        if self._client is None:
            self._client = self._endpoint.open(timeout_s=self._stage.timeout_s)
        given = self._stage.parameters
        messages: list[ChatCompletionMessageParam] = [{"role": "user", "content": prompt}]
        if given.get("system"):
            messages.insert(0, {"role": "system", "content": str(given["system"])})
        limit = cast("int | None", given.get("max_tokens"))
        temperature, seed = cast("float | None", given.get("temperature")), cast("int | None", given.get("seed"))
        # OpenAI's newer models refuse max_tokens; other servers know nothing else.
        is_official = self._endpoint.is_official
        return await self._client.chat.completions.create(
            model=str(given["model"]),
            messages=messages,
            temperature=omit if temperature is None else temperature,
            seed=omit if seed is None else seed,
            max_completion_tokens=omit if limit is None or not is_official else limit,
            max_tokens=omit if limit is None or is_official else limit,
        )

    def _reply(self, completion: ChatCompletion) -> Reply:
        choice = completion.choices[0]
        text = choice.message.content or ""
        tokens_in = completion.usage.prompt_tokens if completion.usage else None
        tokens_out = completion.usage.completion_tokens if completion.usage else None
        status, value, error = self._judged(choice.finish_reason, choice.message.refusal or "", text)
        return Reply(
            status=status,
            value=value,
            error=error,
            raw="" if status is Status.OK else (text or choice.message.refusal or "")[:KEPT],
            tokens_in=tokens_in,
            tokens_out=tokens_out,
            cost=self.call_cost(tokens_in, tokens_out),
        )

    def _judged(self, finish: str, refusal: str, text: str) -> tuple[Status, Json, str]:
        """Give status, value and error of an answer."""
        if refusal or finish == "content_filter":
            return Status.REFUSED, None, self._endpoint.redacted(refusal) or "the provider's filter withheld the answer"
        if finish == "length":
            return Status.UNPARSABLE, None, "the answer was cut off at the most tokens it may have"
        if not text.strip():
            return Status.UNPARSABLE, None, "the answer is empty"
        read = read_answer(self._stage.output, text, self._check)
        if isinstance(read.answer, Rejected):
            return Status.UNPARSABLE, None, read.answer.reason
        return Status.REPAIRED if read.is_mended else Status.OK, read.answer.value, ""
