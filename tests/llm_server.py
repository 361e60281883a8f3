"""An OpenAI-compatible server of our own, run as a process of its own: `python tests/llm_server.py` prints its port.

`POST /control` sets how it answers from then on, and clears the counters; the JSON body may hold:
    latency_s   seconds before each answer
    headers     headers of each answer that is no fault
    logprobs    log probability of each token of an answer, given where it is asked for
    reply       text of the answer, where `{prompt}` is what was asked; default: the prompt itself
    faults      list of faults for the next calls, one a call, in order; then all is well again
    always      fault for every call
    rules       list of answers that replay a provider: each with `when` (see `matches`), and a `status`, a `body` or
                `text`, a `type` and `headers`; the first that matches answers
`GET /control` gives the counters: calls, the most calls at once, and the last request's body, address and headers.
"""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import subprocess
import sys
import urllib.request
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from llm_bodies import completion, response, vectors

Handler = Callable[[web.Request, str], Awaitable[web.StreamResponse]]


@dataclass(frozen=True)
class LlmServer:
    """A running server, as a test sees it."""

    root: str

    @property
    def base_url(self) -> str:
        return f"{self.root}/v1"

    def answers(self, **settings: object) -> None:
        """Set how it answers from here on, and clear the counters."""
        body = json.dumps(settings).encode()
        request = urllib.request.Request(
            f"{self.root}/control", data=body, headers={"content-type": "application/json"}
        )
        urllib.request.urlopen(request, timeout=30).close()

    def counters(self, *, calls: int = 0) -> dict[str, Any]:
        """The counters, as soon as so many calls have come."""
        with urllib.request.urlopen(f"{self.root}/control?calls={calls}", timeout=100) as response:
            return json.load(response)


@contextlib.contextmanager
def running() -> Iterator[LlmServer]:
    """Run the server in a process of its own."""
    command = [sys.executable, __file__]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield LlmServer(f"http://127.0.0.1:{int(process.stdout.readline())}")
        finally:
            process.terminate()


@dataclass
class State:
    latency_s: float = 0.0
    reply: str = "{prompt}"
    faults: list[str] = field(default_factory=list)
    always: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    logprobs: list[float | None] = field(default_factory=list)
    rules: list[dict[str, Any]] = field(default_factory=list)
    more: dict[str, object] = field(default_factory=dict)
    """What stands in the body in place of what belongs there; `message` is the message of the one choice."""
    calls: int = 0
    at_once: int = 0
    most_at_once: int = 0
    last: dict[str, object] = field(default_factory=dict)
    authorization: str = ""
    address: str = ""
    sent: dict[str, str] = field(default_factory=dict)
    """Headers of the last request, by names in lower case."""
    asked: Counter[str] = field(default_factory=Counter)
    """Calls by prompt."""
    waiters: list[tuple[int, asyncio.Future[None]]] = field(default_factory=list)


STATE = web.AppKey("state", dict[str, State])


def shaped(request: web.Request, text: str, **more: object) -> web.Response:
    """The answer in the form that was asked in."""
    make = response if request.path.endswith("/responses") else completion
    return web.json_response(make(text, **more))  # type: ignore[arg-type]


def error(status: int, code: str, message: str, headers: dict[str, str] | None = None) -> web.Response:
    return web.json_response(
        {"error": {"message": message, "code": code, "type": code}}, status=status, headers=headers
    )


async def too_many(request: web.Request, prompt: str) -> web.StreamResponse:
    return error(429, "rate_limit_exceeded", "slow down", {"retry-after": "7"})


async def too_many_with_reset(request: web.Request, prompt: str) -> web.StreamResponse:
    headers = {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "1m2s"}
    return error(429, "rate_limit_exceeded", "slow down", headers)


async def out_of_credit(request: web.Request, prompt: str) -> web.StreamResponse:
    return error(429, "insufficient_quota", "you have no credit")


async def broken(request: web.Request, prompt: str) -> web.StreamResponse:
    return error(500, "server_error", "something broke")


async def unauthorized(request: web.Request, prompt: str) -> web.StreamResponse:
    return error(401, "invalid_api_key", f"Incorrect API key provided: {request.headers.get('authorization')}")


async def bad_request(request: web.Request, prompt: str) -> web.StreamResponse:
    return error(400, "unsupported_parameter", "no such parameter")


async def too_long(request: web.Request, prompt: str) -> web.StreamResponse:
    return error(400, "context_length_exceeded", "8193 tokens")


async def filtered(request: web.Request, prompt: str) -> web.StreamResponse:
    return error(400, "content_filter", "not allowed")


async def hang(request: web.Request, prompt: str) -> web.StreamResponse:
    await asyncio.Event().wait()
    raise AssertionError


async def half_body(request: web.Request, prompt: str) -> web.StreamResponse:
    body = json.dumps(completion(prompt)).encode()
    response = web.StreamResponse(headers={"content-type": "application/json", "content-length": str(len(body))})
    await response.prepare(request)
    await response.write(body[: len(body) // 2])
    assert request.transport is not None
    request.transport.close()
    return response


async def half_body_then_silence(request: web.Request, prompt: str) -> web.StreamResponse:
    body = json.dumps(completion(prompt)).encode()
    answer = web.StreamResponse(headers={"content-type": "application/json", "content-length": str(len(body))})
    await answer.prepare(request)
    await answer.write(body[: len(body) // 2])
    await asyncio.Event().wait()
    raise AssertionError


async def huge(request: web.Request, prompt: str) -> web.StreamResponse:
    """12 MB that never end by themselves: the client has to hang up."""
    answer = web.StreamResponse(headers={"content-type": "application/json"})
    await answer.prepare(request)
    await answer.write(b'{"choices": [{"index": 0, "message": {"role": "assistant", "content": "')
    with contextlib.suppress(ConnectionError):
        for _ in range(12):
            await answer.write(b"x" * 1_000_000)
        await asyncio.Event().wait()
    return answer


async def bomb(request: web.Request, prompt: str) -> web.StreamResponse:
    """40 MB in 40 kB, though nobody asked for gzip."""
    return web.Response(
        body=gzip.compress(b" " * 40_000_000),
        headers={"content-encoding": "gzip", "content-type": "application/json"},
    )


async def gzipped(request: web.Request, prompt: str) -> web.StreamResponse:
    body = gzip.compress(json.dumps(completion(prompt)).encode())
    return web.Response(body=body, headers={"content-encoding": "gzip", "content-type": "application/json"})


async def torn_gzip(request: web.Request, prompt: str) -> web.StreamResponse:
    return web.Response(body=b"no gzip", headers={"content-encoding": "gzip", "content-type": "application/json"})


async def brotli(request: web.Request, prompt: str) -> web.StreamResponse:
    return web.Response(body=b"\x8b", headers={"content-encoding": "br", "content-type": "application/json"})


async def failed(request: web.Request, prompt: str) -> web.StreamResponse:
    return web.json_response(response("", status="failed"))


async def no_output(request: web.Request, prompt: str) -> web.StreamResponse:
    return web.json_response({**response(prompt), "output": None})


async def malformed(request: web.Request, prompt: str) -> web.StreamResponse:
    return web.Response(text='{"choices": [', content_type="application/json")


async def page(request: web.Request, prompt: str) -> web.StreamResponse:
    return web.Response(text="<html>maintenance</html>", content_type="text/html")


async def no_choices(request: web.Request, prompt: str) -> web.StreamResponse:
    return web.json_response({**completion(prompt), "choices": []})


async def no_usage(request: web.Request, prompt: str) -> web.StreamResponse:
    return web.json_response({**completion(prompt), "usage": None})


async def refusal(request: web.Request, prompt: str) -> web.StreamResponse:
    return shaped(request, "", refusal="I can't help with that.")


async def withheld(request: web.Request, prompt: str) -> web.StreamResponse:
    if request.path.endswith("/responses"):
        return shaped(request, "", status="incomplete", reason="content_filter")
    return shaped(request, "", finish="content_filter")


async def empty(request: web.Request, prompt: str) -> web.StreamResponse:
    return shaped(request, " \n")


async def cut_off(request: web.Request, prompt: str) -> web.StreamResponse:
    if request.path.endswith("/responses"):
        return shaped(request, "A reply that", status="incomplete", reason="max_output_tokens")
    return shaped(request, "A reply that", finish="length")


FAULTS: dict[str, Handler] = {
    "429": too_many,
    "429_reset": too_many_with_reset,
    "quota": out_of_credit,
    "500": broken,
    "401": unauthorized,
    "400": bad_request,
    "too_long": too_long,
    "filtered": filtered,
    "hang": hang,
    "half_body": half_body,
    "half_then_hang": half_body_then_silence,
    "huge": huge,
    "bomb": bomb,
    "gzip": gzipped,
    "torn_gzip": torn_gzip,
    "brotli": brotli,
    "failed": failed,
    "no_output": no_output,
    "malformed": malformed,
    "page": page,
    "no_choices": no_choices,
    "no_usage": no_usage,
    "refusal": refusal,
    "withheld": withheld,
    "empty": empty,
    "length": cut_off,
}


async def chat(request: web.Request) -> web.StreamResponse:
    state = request.app[STATE]["now"]
    state.calls += 1
    state.at_once += 1
    state.most_at_once = max(state.most_at_once, state.at_once)
    for wanted, waiter in state.waiters:
        if state.calls >= wanted and not waiter.done():
            waiter.set_result(None)
    try:
        state.last = await request.json()
        state.authorization = request.headers.get("authorization", "")
        state.address = request.path_qs
        state.sent = {name.lower(): value for name, value in request.headers.items()}
        asked = state.last.get("messages") or state.last["input"]
        prompt = asked[-1]["content"]  # type: ignore[index]
        state.asked[prompt] += 1
        rule = next((rule for rule in state.rules if matches(rule["when"], state.last, prompt)), None)
        if rule is not None:
            return replayed(rule)
        fault = state.faults.pop(0) if state.faults else state.always
        if fault:
            return await FAULTS[fault](request, prompt)
        if state.latency_s:
            await asyncio.sleep(state.latency_s)
        return answered(request, state, state.reply.replace("{prompt}", prompt))
    finally:
        state.at_once -= 1


def matches(when: str, body: dict[str, Any], prompt: str) -> bool:
    """Whether a rule holds: `all`; the prompt begins so (`~bad`); a member is there, or not (`stop`, `!stream`); or the
    form that is asked for (`form=json_schema`).
    """
    if when.startswith("~"):
        return prompt.startswith(when[1:])
    if when.startswith("form="):
        return body.get("response_format", {}).get("type") == when[5:]
    return when == "all" or (when.startswith("!") and when[1:] not in body) or when in body


def replayed(rule: dict[str, Any]) -> web.Response:
    text = rule["text"] if "text" in rule else json.dumps(rule["body"])
    headers = {"content-type": rule.get("type", "application/json"), **rule.get("headers", {})}
    return web.Response(text=text, status=rule.get("status", 200), headers=headers)


def answered(request: web.Request, state: State, text: str) -> web.Response:
    """An answer without a fault."""
    tokens = [{"token": "x", "logprob": one, "bytes": [], "top_logprobs": []} for one in state.logprobs]
    if request.path.endswith("/responses"):
        made = response(text)
        if "include" in state.last:
            made["output"][1]["content"][0]["logprobs"] = tokens  # type: ignore[index]
    else:
        made = completion(text)
        if state.last.get("logprobs"):
            made["choices"][0]["logprobs"] = {"content": tokens, "refusal": None}  # type: ignore[index]
    more = dict(state.more)
    if "message" in more:
        message = more.pop("message")
        choice = made["choices"][0]  # type: ignore[index]
        choice["message"] = {**choice["message"], **message} if isinstance(message, dict) else message
    return web.json_response({**made, **more}, headers=state.headers)


async def embeddings(request: web.Request) -> web.StreamResponse:
    """Vectors of the texts' words: each of 32 places counts the words that begin with some letters."""
    state = request.app[STATE]["now"]
    state.calls += 1
    state.last = await request.json()
    state.authorization = request.headers.get("authorization", "")
    fault = state.faults.pop(0) if state.faults else state.always
    if fault == "no_choices":
        return web.json_response({"object": "list", "model": "fake", "data": []})
    if fault == "no_usage":
        return web.json_response({"object": "list", "model": "fake", "data": vectors(state.last["input"])})
    if fault == "short":
        return web.json_response({"object": "list", "model": "fake", "data": vectors(state.last["input"], places=3)})
    if fault:
        return await FAULTS[fault](request, "")
    found = {"object": "list", "model": "fake", "data": vectors(state.last["input"])[::-1]}
    return web.json_response(found | {"usage": {"prompt_tokens": 7, "total_tokens": 7}}, headers=state.headers)


async def set_control(request: web.Request) -> web.Response:
    request.app[STATE]["now"] = State(**await request.json())
    return web.json_response({})


async def get_control(request: web.Request) -> web.Response:
    """The counters; `?calls=N` waits until N calls have come."""
    state = request.app[STATE]["now"]
    wanted = int(request.query.get("calls", "0"))
    if state.calls < wanted:
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        state.waiters.append((wanted, waiter))
        await waiter
    return web.json_response(
        {
            "calls": state.calls,
            "most_at_once": state.most_at_once,
            "last": state.last,
            "authorization": state.authorization,
            "address": state.address,
            "sent": state.sent,
            "asked": state.asked,
        }
    )


async def main() -> None:
    app = web.Application()
    app[STATE] = {"now": State()}
    app.router.add_post("/v1/chat/completions", chat)
    app.router.add_post("/v1/responses", chat)
    app.router.add_post("/openai/deployments/{deployment}/chat/completions", chat)
    app.router.add_post("/v1/embeddings", embeddings)
    app.router.add_post("/control", set_control)
    app.router.add_get("/control", get_control)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print(runner.addresses[0][1], flush=True)  # noqa: T201  # whoever started it reads the port
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
