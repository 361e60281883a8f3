from __future__ import annotations

import asyncio
import email
import gzip
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from aiohttp import web

from drawn_files import draw_picture
from stagegap.errors import ConfigurationError, RunStopped
from stagegap.media import read_media
from stagegap.model.answer import Status
from stagegap.model.cascade import Kind, OutputType, Stage
from stagegap.model.media import FieldKind
from stagegap.model.record import Json
from stagegap.stages import AsyncStage, Reply, build
from stagegap.stages.http import HttpStage
from stagegap.stages.pace import Providers
from stagegap.stages.wire import MOST_BYTES
from stages.timing import Clock

TEXT = OutputType(kind=Kind.TEXT)
LABEL = OutputType(kind=Kind.LABEL, values=("orders", "spam"))
HUSH = "sk-very-secret"
Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Service:
    """A JSON service on a port of its own, in the loop of the test; waits are noted, not made."""

    make_stage: Callable[..., Stage]
    answers: list[Answer] = field(default_factory=list)
    """One a call; the last stays."""
    requests: list[tuple[str, str, Mapping[str, str], bytes]] = field(default_factory=list)
    clock: Clock = field(default_factory=Clock)
    media: Path | None = None

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.requests.append((request.method, request.path_qs, request.headers, await request.read()))
        return await (self.answers.pop(0) if len(self.answers) > 1 else self.answers[0])(request)

    def ask(self, *inputs: Mapping[str, Json], output: OutputType = TEXT, **settings: object) -> list[Reply]:
        """Ask the service once for each of the inputs, one after the other."""
        return asyncio.run(self._ask(inputs or ({"text": "a"},), output, dict(settings)))

    async def _ask(
        self, inputs: tuple[Mapping[str, Json], ...], output: OutputType, settings: dict[str, object]
    ) -> list[Reply]:
        app = web.Application()
        app.router.add_route("*", "/{tail:.*}", self.handle)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}/label"
        stage = self.stage(url, output, settings)
        try:
            return [await stage.answer(one) for one in inputs]
        finally:
            await stage.close()
            await runner.cleanup()

    def stage(self, url: str, output: OutputType, settings: dict[str, object]) -> HttpStage:
        timeout_s = settings.pop("timeout_s", 20.0)
        silence_s = settings.pop("silence_s", None)
        environment = settings.pop("environment", {"KEY": HUSH})
        described = self.make_stage("http", output, **{"url": url, **settings})
        described = replace(described, timeout_s=timeout_s, silence_timeout_s=silence_s)  # type: ignore[arg-type]
        built = build(
            described,
            folder=Path(),
            corpora={},
            environment=environment,  # type: ignore[arg-type]
            providers=Providers(self.clock),
            media=self.media,
        )
        assert isinstance(built, HttpStage)
        return built


def photo_in(folder: Path) -> dict[str, Json]:
    """A picture in a folder, as a record holds it."""
    draw_picture(folder / 'a "b".png')
    return read_media(folder, 'a "b".png', FieldKind.IMAGE).as_value()


def test_file_goes_as_form_data_with_a_part_for_each_key(tmp_path: Path, make_stage: Callable[..., Stage]) -> None:
    service, photo = Service(make_stage, media=tmp_path), photo_in(tmp_path)
    service.answers = [says("seen")]
    headers = {"content-type": "application/json", "X-Way": "form"}
    (first,) = service.ask({"photo": photo, "text": "Zoë", "low": None, "size": [1, 2]}, headers=headers)
    (second,) = service.ask({"photo": photo, "text": "b"}, body={"file": "{{ photo }}", "note": "of {{ text }}"})
    assert (first.value, second.value) == ("seen", "seen")
    parts = [
        (part.get_param("name", header="content-disposition"), part.get_content_type(), part.get_payload(decode=True))
        for _, _, given, body in service.requests
        for part in email.message_from_bytes(f"Content-Type: {given['Content-Type']}\n\n".encode() + body).walk()
        if not part.is_multipart()
    ]
    assert b'filename="a %22b%22.png"' in service.requests[0][3]
    content = (tmp_path / 'a "b".png').read_bytes()
    assert parts == [
        ("photo", "image/png", content),
        ("text", "text/plain", "Zoë".encode()),
        ("size", "application/json", b"[1,2]"),
        ("file", "image/png", content),
        ("note", "text/plain", b"of b"),
    ]


def test_file_that_can_not_be_sent_is_the_failure_of_its_record(
    tmp_path: Path, make_stage: Callable[..., Stage]
) -> None:
    service, photo = Service(make_stage, answers=[says("seen")], media=tmp_path), photo_in(tmp_path)
    (got,) = service.ask({"photo": photo}, method="GET")
    assert got.error == "GET sends no files. Choose another `method`."
    (deep,) = service.ask({"photo": [photo]})
    assert deep.error == "A file stands inside of a list or object. Send it under a key of its own."
    (large,) = service.ask({"photo": {**photo, "bytes": 20_000_001}})
    assert large.error == "The files of the question hold more than 20,000,000 bytes together."
    (plain,) = service.ask({"text": "a"})
    assert plain.value == "seen"
    assert [headers["Content-Type"] for _, _, headers, _ in service.requests] == ["application/json"]


def says(value: object, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(text=json.dumps(value), status=status, headers=headers, content_type="application/json")

    return answer


@pytest.fixture
def service(make_stage: Callable[..., Stage]) -> Service:
    return Service(make_stage)


def test_inputs_are_sent_as_json_and_the_answer_is_the_value(service: Service) -> None:
    service.answers = [says("fine")]
    assert service.ask({"text": "Où?"}) == [Reply(value="fine")]
    [(method, path, headers, body)] = service.requests
    assert (method, path, json.loads(body)) == ("POST", "/label", {"text": "Où?"})
    assert headers["content-type"] == "application/json"


def test_answer_and_confidence_are_picked_out_of_the_json(service: Service) -> None:
    service.answers = [says({"data": [{"label": "spam", "p": 0.75}]})]
    [reply] = service.ask(output=LABEL, answer="data.0.label", confidence="data.0.p", price=0.002)
    assert reply == Reply(value="spam", confidence=0.75, cost=0.002)


def test_the_body_may_be_of_another_shape(service: Service) -> None:
    service.answers = [says("x")]
    body = {"query": "about {{ text }}", "all": "{{ tags }}", "k": 3, "deep": [{"t": "{{ text|upper }}"}, None]}
    service.ask({"text": "a", "tags": ["b", 1]}, body=body)
    assert json.loads(service.requests[0][3]) == {
        "query": "about a",
        "all": ["b", 1],
        "k": 3,
        "deep": [{"t": "A"}, None],
    }


def test_get_sends_the_inputs_in_the_address(service: Service) -> None:
    service.answers = [says("x")]
    service.ask({"text": "a&b", "n": 2, "tags": ["c"], "none": None}, method="GET")
    [(method, path, _, body)] = service.requests
    assert (method, path, body) == ("GET", "/label?text=a%26b&n=2&tags=%5B%22c%22%5D", b"")


def test_secrets_are_sent_and_never_hashed_or_shown(service: Service) -> None:
    async def repeats(request: web.Request) -> web.StreamResponse:
        return web.Response(text=f"wrong key {HUSH}", status=401)

    service.answers = [says("x"), repeats]
    secret = {"$env": "KEY"}
    settings = {"token": secret, "headers": {"X-Key": secret, "X-Team": "a"}, "body": {"key": [secret], "t": 1}}
    service.ask(**settings)
    [(_, _, headers, body)] = service.requests
    assert (headers["authorization"], headers["x-key"], headers["x-team"]) == (f"Bearer {HUSH}", HUSH, "a")
    assert json.loads(body) == {"key": [HUSH], "t": 1}
    with pytest.raises(RunStopped) as stop:
        service.ask(**settings)
    assert HUSH not in str(stop.value)
    assert str(stop.value).endswith("/label refuses every call. HTTP 401: wrong key ***")
    one, other = (
        service.stage("http://x/", TEXT, {**settings, "environment": {"KEY": k}}).fingerprint for k in ("a", "b")
    )
    assert one == other


def test_a_403_may_be_the_fault_of_one_input(service: Service) -> None:
    async def blocked(request: web.Request) -> web.StreamResponse:
        return web.Response(text="blocked", status=403)

    service.answers = [says("x"), blocked, says("y")]
    replies = service.ask({"text": "a"}, {"text": "b"}, {"text": "c"})
    assert sorted(str(reply.value) for reply in replies) == ["None", "x", "y"]
    [refused] = [reply for reply in replies if reply.value is None]
    assert (refused.status, refused.error) == (Status.REFUSED, "the service refused: HTTP 403: blocked")


def test_a_secret_that_is_not_set_is_named(service: Service) -> None:
    with pytest.raises(ConfigurationError, match="Stage 'draft' needs the environment variable KEY, which is not set"):
        service.ask(token={"$env": "KEY"}, environment={})
    assert service.requests == []


def test_what_is_not_of_the_type_is_unparsable_and_kept(service: Service) -> None:
    service.answers = [says({"label": "both"})]
    [reply] = service.ask(output=LABEL, answer="label", price=0.5)
    assert reply.status is Status.UNPARSABLE
    assert reply.error == "'both' is none of the labels. Known: orders, spam."
    assert (reply.raw, reply.cost, reply.is_reusable) == ('{"label": "both"}', 0.5, True)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ({"data": []}, "the answer has no data.0"),
        ({"dat": []}, "the answer has no data"),
        ({"data": "text"}, "the answer has no data.0"),
        ({"data": [{"label": "a", "p": 2}]}, "the confidence is '2', where a number in [0, 1] is needed"),
        ({"data": [{"label": "a", "p": True}]}, "the confidence is 'True', where a number in [0, 1] is needed"),
    ],
)
def test_an_answer_of_another_shape_says_what_is_missing(service: Service, answer: object, error: str) -> None:
    service.answers = [says(answer)]
    [reply] = service.ask(answer="data.0.label", confidence="data.0.p")
    assert (reply.status, reply.error) == (Status.UNPARSABLE, error)


@pytest.mark.parametrize("status", [429, 500, 502, 503, 529, 408])
def test_a_fault_that_passes_is_tried_again_after_the_wait_that_was_asked_for(service: Service, status: int) -> None:
    service.answers = [says("no", status=status, headers={"Retry-After": "7"}), says("fine")]
    [reply] = service.ask()
    assert replace(reply, attempts=()) == Reply(value="fine")
    assert [attempt.status for attempt in reply.attempts] == ["infrastructure", "ok"]
    assert service.clock.waits == [7.0]


def test_half_an_answer_is_tried_again(service: Service) -> None:
    async def half(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"content-length": "20"})
        await response.prepare(request)
        await response.write(b'{"label":')
        assert request.transport is not None
        request.transport.close()
        return response

    async def half_json(request: web.Request) -> web.StreamResponse:
        return web.Response(text='{"label":')

    service.answers = [half, half_json, says("fine")]
    [reply] = service.ask()
    assert replace(reply, attempts=()) == Reply(value="fine")
    assert len(reply.attempts) == len(service.requests) == 3


def test_half_an_answer_and_then_silence_is_tried_again_and_named_where_it_stays(service: Service) -> None:
    async def half(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"content-length": "20"})
        await response.prepare(request)
        await response.write(b'{"label":')
        await asyncio.Event().wait()
        raise AssertionError

    service.answers = [half, says("fine")]
    [reply] = service.ask(silence_s=2.0)
    assert (reply.value, len(reply.attempts)) == ("fine", 2)
    service.answers = [half]
    [reply] = service.ask(silence_s=0.05)
    assert (reply.status, reply.error) == (Status.INFRASTRUCTURE, "no byte for 0.05 s (6 attempts)")


def test_a_fault_that_stays_is_infrastructure(service: Service) -> None:
    service.answers = [says("down", status=503)]
    [reply] = service.ask()
    assert (reply.status, reply.is_reusable) == (Status.INFRASTRUCTURE, False)
    assert reply.error == 'HTTP 503: "down" (6 attempts)'


def test_nobody_at_the_address_is_infrastructure(service: Service) -> None:
    async def ask() -> Reply:
        stage = service.stage("http://127.0.0.1:9/x", TEXT, {})
        try:
            return await stage.answer({"text": "a"})
        finally:
            await stage.close()
            await stage.close()

    reply = asyncio.run(ask())
    assert reply.status is Status.INFRASTRUCTURE
    assert reply.error.startswith("nobody listens at 127.0.0.1:9: no connection: ClientConnectorError")


def test_a_dripping_answer_ends_with_the_time_out(service: Service) -> None:
    async def drips(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b" ")
            await asyncio.sleep(0.02)

    service.answers = [drips]
    [reply] = service.ask(timeout_s=0.3)
    assert (reply.status, reply.error) == (Status.INFRASTRUCTURE, "no answer within 0.3 s")


def test_an_input_that_is_refused_is_that_records_own(service: Service) -> None:
    service.answers = [says("too long", status=422), says("fine")]
    first, second = service.ask({"text": "a"}, {"text": "b"})
    assert (first.status, first.error) == (Status.UNPARSABLE, 'the input was refused: HTTP 422: "too long"')
    assert second.value == "fine"


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed_and_the_key_stays_here(service: Service, status: int) -> None:
    service.answers = [says("", status=status, headers={"Location": "http://elsewhere.test/x"})]
    with pytest.raises(RunStopped, match=rf"HTTP {status} points to elsewhere\.test; redirects are not followed"):
        service.ask(token={"$env": "KEY"})
    assert len(service.requests) == 1


def test_an_answer_without_end_is_given_up(service: Service) -> None:
    async def bomb(request: web.Request) -> web.StreamResponse:
        body = gzip.compress(b" " * (3 * MOST_BYTES))
        return web.Response(body=body, headers={"Content-Encoding": "gzip"})

    service.answers = [bomb]
    [reply] = service.ask()
    assert (reply.status, reply.error) == (Status.UNPARSABLE, "the answer is larger than 10,000,000 bytes")


def test_a_body_that_can_not_be_filled_is_unparsable_without_a_call(service: Service) -> None:
    [reply] = service.ask(body={"q": "{{ text.a.b }}"})
    assert (reply.status, reply.is_reusable) == (Status.UNPARSABLE, False)
    assert reply.error.startswith("the body: '{{ text.a.b }}' can't be filled: ")
    assert service.requests == []


def test_a_body_that_is_no_template_is_named(service: Service) -> None:
    with pytest.raises(ConfigurationError, match=r"Stage 'draft': '{{ text' is no template: "):
        service.stage("http://x/", TEXT, {"body": {"q": "{{ text"}})


def test_the_fingerprint_holds_what_decides_the_answer(service: Service) -> None:
    def fingerprint(**settings: object) -> str:
        return service.stage("http://x/", TEXT, dict(settings)).fingerprint

    assert fingerprint() == fingerprint(price=0.1) == fingerprint(token={"$env": "KEY"})
    assert len({fingerprint(), fingerprint(answer="a"), fingerprint(body={"a": 1}), fingerprint(method="PUT")}) == 4


def test_build_makes_the_same_stage(service: Service, make_stage: Callable[..., Stage]) -> None:
    stage = build(make_stage("http", TEXT, url="http://x/"), folder=Path(), corpora={}, environment={})
    assert isinstance(stage, AsyncStage)
    assert stage.fingerprint == service.stage("http://x/", TEXT, {}).fingerprint
    assert not stage.reads_record


async def silent(request: web.Request) -> web.StreamResponse:
    await asyncio.Event().wait()
    raise AssertionError


@pytest.mark.parametrize(
    ("answer", "status", "error"),
    [
        (says({"error": "busy"}, status=500), Status.INFRASTRUCTURE, 'HTTP 500: {"error": "busy"} (6 attempts)'),
        (says("busy", status=429), Status.INFRASTRUCTURE, 'HTTP 429: "busy" (6 attempts)'),
        (silent, Status.INFRASTRUCTURE, "no byte for 0.1 s (6 attempts)"),
        (says(""), Status.UNPARSABLE, "'' is none of the labels. Known: orders, spam."),
        (says({}), Status.UNPARSABLE, "A label is a text, found {}."),
        (says("no", status=422), Status.UNPARSABLE, 'the input was refused: HTTP 422: "no"'),
    ],
)
def test_each_fault_has_its_status_and_its_sentence(
    service: Service, answer: Answer, status: Status, error: str
) -> None:
    service.answers = [answer]
    [reply] = service.ask(output=LABEL, silence_s=0.1 if answer is silent else 30.0)
    assert (reply.status, reply.error, reply.value) == (status, error, None)


def test_what_the_headers_say_is_left_is_heeded(service: Service) -> None:
    spent = {"X-RateLimit-Remaining-Requests": "0", "X-RateLimit-Reset-Requests": "2s"}
    service.answers = [says("a", headers=spent), says("b")]
    assert [reply.value for reply in service.ask({"text": "a"}, {"text": "b"})] == ["a", "b"]
    assert service.clock.waits == [2.0]


def test_a_service_that_nobody_runs_is_noticed_after_a_few_calls(service: Service) -> None:
    stage = service.stage("http://127.0.0.1:9/label", TEXT, {})

    async def ask(times: int) -> list[Reply]:
        try:
            return [await stage.answer({"text": "a"}) for _ in range(times)]
        finally:
            await stage.close()

    replies = asyncio.run(ask(6))
    assert {reply.status for reply in replies} == {Status.INFRASTRUCTURE}
    assert all(reply.error.startswith("nobody listens at 127.0.0.1:9: no connection") for reply in replies[:3])
    assert all(reply.error.endswith("(4 attempts)") for reply in replies[:3])
    assert {reply.error for reply in replies[3:]} == {
        "nobody listens at 127.0.0.1:9: not tried again after 3 calls in a row"
    }
    assert sum(service.clock.waits) < 3 * 3.5
