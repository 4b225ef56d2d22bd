"""The Runtime API over real sockets: every state, every call, and everything a client can do wrong.

Source of statuses and texts: reference "Runtime API", read in AWS's runtime interface emulator.
"""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.integration.conformance.endpoint import (
    ARN,
    FIRST,
    SECOND,
    Served,
    a_delivery,
    served,
)
from tests.integration.conformance.raw_http import Answer, RawClient, raw_client
from workbench.clock import SystemClock
from workbench.errors import InternalError
from workbench.model.settings import Limits
from workbench.ports import BadResponse
from workbench.runtime_api.protocol import TRANSITIONS, Call, SessionState

pytestmark = pytest.mark.both_loops

PREFIX = "/2018-06-01/runtime"
NEXT = f"{PREFIX}/invocation/next"
RESPONSE = f"{PREFIX}/invocation/{FIRST}/response"
ERROR = f"{PREFIX}/invocation/{FIRST}/error"
INIT_ERROR = f"{PREFIX}/init/error"

STATES = list(SessionState)
SMALL = Limits(response_bytes=1000)


def refusal(answer: Answer) -> tuple[int, str]:
    assert answer.headers["content-type"].startswith("application/json")
    return answer.status, json.loads(answer.body)["errorType"]


@asynccontextmanager
async def in_state(state: SessionState) -> AsyncIterator[tuple[Served, RawClient]]:
    """An endpoint whose session is in `state`, and a client that has nothing under way."""
    async with served() as api, raw_client(api.address) as client, raw_client(api.address) as free:
        if state is SessionState.INIT_ERROR:
            await client.request("POST", INIT_ERROR, b"{}")
        if state in (SessionState.READY, SessionState.RUNNING, SessionState.RESPONSE_SENT):
            client.ask("GET", NEXT)
            await api.told.until_kind("next")
        if state in (SessionState.RUNNING, SessionState.RESPONSE_SENT):
            api.endpoint.offer(a_delivery())
            await client.answer()
        if state is SessionState.RESPONSE_SENT:
            await client.request("POST", RESPONSE, b"1")
        yield api, free


# --- the table --------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", STATES)
async def test_next_parks_delivers_again_or_is_refused_as_the_table_says(
    state: SessionState,
) -> None:
    async with in_state(state) as (api, client):
        client.ask("GET", NEXT)
        legal = TRANSITIONS[state].get(Call.NEXT)
        if legal is SessionState.READY:
            if state is not SessionState.READY:
                await api.told.until_kind("next", 2 if state is SessionState.RESPONSE_SENT else 1)
            else:
                await SystemClock().sleep(0.05)  # the older /next is answered meanwhile
            api.endpoint.offer(a_delivery(b'"new"', request_id=SECOND))
            answer = await client.answer()
            assert answer.headers["lambda-runtime-aws-request-id"] == SECOND
            assert answer.body == b'"new"'
        elif legal is SessionState.RUNNING:
            answer = await client.answer()
            assert answer.status == 200
            assert answer.headers["lambda-runtime-aws-request-id"] == FIRST
        else:
            assert refusal(await client.answer()) == (403, "InvalidStateTransition")


@pytest.mark.parametrize("call", [Call.RESPONSE, Call.ERROR])
@pytest.mark.parametrize("state", STATES)
async def test_answers_are_taken_or_refused_as_the_table_says(
    state: SessionState, call: Call
) -> None:
    async with in_state(state) as (api, client):
        before = list(api.told.events)
        answer = await client.request("POST", RESPONSE if call is Call.RESPONSE else ERROR, b'"x"')

        if call in TRANSITIONS[state]:
            assert (answer.status, json.loads(answer.body)) == (202, {"status": "OK"})
            assert api.told.events[-1][:3] == (call.value, FIRST, b'"x"')
        elif state in (SessionState.STARTED, SessionState.READY, SessionState.INIT_ERROR):
            assert refusal(answer) == (400, "InvalidRequestID")
            assert api.told.events == before
        else:
            assert refusal(answer) == (403, "InvalidStateTransition")
            assert json.loads(answer.body)["errorMessage"] == (
                "State transition from ResponseSent to ResponseSent failed for runtime. "
                "Error: State transition is not allowed"
            )
            assert api.told.events == before


@pytest.mark.parametrize("state", STATES)
async def test_init_error_is_taken_once_and_only_before_the_first_next(state: SessionState) -> None:
    async with in_state(state) as (api, client):
        before = list(api.told.events)
        answer = await client.request(
            "POST", INIT_ERROR, b'{"a":1}', {"Lambda-Runtime-Function-Error-Type": "Runtime.Odd"}
        )

        if Call.INIT_ERROR in TRANSITIONS[state]:
            assert answer.status == 202
            assert api.told.events[-1] == ("init error", b'{"a":1}', "Runtime.Odd")
        else:
            assert refusal(answer) == (403, "InvalidStateTransition")
            assert api.told.events == before


@pytest.mark.parametrize("state", STATES)
async def test_ping_and_unknown_resources_are_answered_in_every_state(state: SessionState) -> None:
    async with in_state(state) as (_, client):
        pong = await client.request("GET", "/2018-06-01/ping")
        assert (pong.status, pong.body) == (200, b"pong")
        for method, path in (
            ("GET", "/"),
            ("POST", NEXT),
            ("GET", RESPONSE),
            ("PUT", RESPONSE),
            ("GET", "/2018-06-01/runtime/invocation"),
            ("GET", f"{NEXT}/"),
            ("GET", "/2017-01-01/runtime/invocation/next"),
            ("GET", "//etc/passwd"),
            ("GET", "/2018-06-01/runtime/../runtime/invocation/next"),
        ):
            answer = await client.request(method, path)
            assert refusal(answer) == (404, "ResourceNotFound"), (method, path)


# --- the event ---------------------------------------------------------------------------------------


async def test_event_comes_with_its_headers_and_without_those_it_has_not() -> None:
    async with served() as api, raw_client(api.address) as client:
        client.ask("GET", NEXT)
        await api.told.until_kind("next")
        delivery = a_delivery('{"ü":"\U0001f600"}'.encode())
        api.endpoint.offer(delivery)
        answer = await client.answer()

    assert answer.status == 200
    assert answer.body == delivery.payload
    named = {name: value for name, value in answer.headers.items() if name.startswith("lambda-")}
    assert named == {
        "lambda-runtime-aws-request-id": FIRST,
        "lambda-runtime-deadline-ms": "1800000000000",
        "lambda-runtime-invoked-function-arn": ARN,
        "lambda-runtime-trace-id": delivery.trace_id,
    }
    assert answer.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("sent", "header"),
    [
        (b'{"a":1}', '{"a":1}'),
        (b'{\n\t"a": "b",\r\n "c": 1\n}', '{  "a": "b",   "c": 1 }'),
        ('{"a":"ü€"}'.encode(), '{"a":"ü€"}'),
        (b'{"a":"\xff"}', '{"a":"\ufffd"}'),
        (b"\0\x1b[31m\x7f", " [31m"),
    ],
)
async def test_client_context_never_breaks_the_header_it_travels_in(
    sent: bytes, header: str
) -> None:
    async with served() as api, raw_client(api.address) as client:
        client.ask("GET", NEXT)
        await api.told.until_kind("next")
        api.endpoint.offer(a_delivery(client_context=sent, trace_id="Root=1\r\nX-Evil: 1"))
        answer = await client.answer()

    assert answer.headers["lambda-runtime-client-context"] == header.strip()
    assert answer.headers["lambda-runtime-trace-id"] == "Root=1  X-Evil: 1"
    assert "x-evil" not in answer.headers


@pytest.mark.parametrize("size", [0, 1, 65_536, 1_000_000, 6_291_456])
async def test_events_of_any_size_arrive_whole(size: int) -> None:
    payload = (b"0123456789abcdef" * (size // 16 + 1))[:size]
    async with served() as api, raw_client(api.address) as client:
        client.ask("GET", NEXT)
        await api.told.until_kind("next")
        api.endpoint.offer(a_delivery(payload))
        assert (await client.answer()).body == payload


async def test_event_is_delivered_again_to_who_asks_again() -> None:
    async with served() as api, raw_client(api.address) as client:
        client.ask("GET", NEXT)
        await api.told.until_kind("next")
        api.endpoint.offer(a_delivery(b'"same"'))
        first = await client.answer()
        again = await client.request("GET", NEXT)
        assert (await client.request("POST", RESPONSE, b"1")).status == 202

    assert again.body == first.body == b'"same"'
    assert api.told.kinds == ["next", "response"]


async def test_of_two_questions_for_work_the_newer_is_answered() -> None:
    async with served() as api, raw_client(api.address) as old, raw_client(api.address) as new:
        old.ask("GET", NEXT)
        await api.told.until_kind("next")
        new.ask("GET", NEXT)
        assert refusal(await old.answer()) == (403, "InvalidStateTransition")
        api.endpoint.offer(a_delivery())
        assert (await new.answer()).status == 200
        assert (await old.request("GET", "/2018-06-01/ping")).status == 200, "it may go on"

    assert api.told.kinds == ["next"], "it was ready before"


@pytest.mark.parametrize("rudely", [False, True])
async def test_runtime_that_hangs_up_while_it_waits_gets_its_event_when_it_asks_again(
    *, rudely: bool
) -> None:
    async with served() as api, raw_client(api.address) as client:
        client.ask("GET", NEXT)
        await api.told.until_kind("next")
        client.reset() if rudely else client.hang_up()
        await SystemClock().sleep(0.05)
        api.endpoint.offer(a_delivery(b'"kept"'))
        async with raw_client(api.address) as again:
            answer = await again.request("GET", NEXT)
            assert (await again.request("POST", RESPONSE, b"1")).status == 202

    assert answer.body == b'"kept"'


async def test_offer_from_within_on_next_is_answered_at_once() -> None:
    async with served() as api, raw_client(api.address) as client:
        api.told.on_ready = lambda: api.endpoint.offer(a_delivery(b'"at once"'))
        assert (await client.request("GET", NEXT)).body == b'"at once"'


# --- answers -----------------------------------------------------------------------------------------


@asynccontextmanager
async def running(limits: Limits | None = None) -> AsyncIterator[tuple[Served, RawClient]]:
    """A runtime that has an event."""
    async with served(limits=limits) as api, raw_client(api.address) as client:
        client.ask("GET", NEXT)
        await api.told.until_kind("next")
        api.endpoint.offer(a_delivery())
        await client.answer()
        yield api, client


async def test_second_answer_is_refused_and_changes_nothing() -> None:
    async with running() as (api, client):
        assert (await client.request("POST", RESPONSE, b"1")).status == 202
        assert refusal(await client.request("POST", RESPONSE, b"2"))[0] == 403
        assert refusal(await client.request("POST", ERROR, b"{}"))[0] == 403

    assert api.told.events[1:] == [("response", FIRST, b"1")]


@pytest.mark.parametrize("path", ["response", "error"])
async def test_answer_to_an_invocation_that_is_over_is_refused(path: str) -> None:
    async with running() as (api, client):
        await client.request("POST", RESPONSE, b"1")
        client.ask("GET", NEXT)
        await api.told.until_kind("next", 2)
        api.endpoint.offer(a_delivery(request_id=SECOND))
        await client.answer()
        stale = await client.request("POST", f"{PREFIX}/invocation/{FIRST}/{path}", b"late")
        unknown = await client.request("POST", f"{PREFIX}/invocation/{'0' * 36}/{path}", b"x")
        right = await client.request("POST", f"{PREFIX}/invocation/{SECOND}/{path}", b"2")

    assert refusal(stale) == refusal(unknown) == (400, "InvalidRequestID")
    assert json.loads(stale.body)["errorMessage"] == "Invalid request ID"
    assert right.status == 202


async def test_two_answers_at_once_are_one_answer() -> None:
    async with running() as (api, client), raw_client(api.address) as other:
        client.send(f"POST {RESPONSE} HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\na".encode())
        await client.sent()
        assert (await other.request("POST", RESPONSE, b"bb")).status == 202
        client.send(b"a")
        assert refusal(await client.answer())[0] == 403

    assert api.told.events[1:] == [("response", FIRST, b"bb")]


async def test_answer_is_taken_byte_for_byte_whatever_it_claims_to_be() -> None:
    packed = gzip.compress(b"{}")
    async with running() as (api, client):
        headers = {"Content-Encoding": "gzip", "Content-Type": "application/unknown"}
        assert (await client.request("POST", RESPONSE, packed, headers)).status == 202

    assert api.told.events[1:] == [("response", FIRST, packed)]


async def test_error_comes_with_its_type_where_the_header_says_it() -> None:
    async with running() as (api, client):
        headers = {"Lambda-Runtime-Function-Error-Type": "Function.Odd"}
        await client.request("POST", ERROR, b'{"errorType":"ValueError"}', headers)

    assert api.told.events[1:] == [("error", FIRST, b'{"errorType":"ValueError"}', "Function.Odd")]


async def test_error_with_a_megabyte_of_trace_in_a_header_is_taken() -> None:
    async with running() as (api, client):
        headers = {"Lambda-Runtime-Function-XRay-Error-Cause": "x" * 1_048_000}
        assert (await client.request("POST", ERROR, b"{}", headers)).status == 202

    assert api.told.events[1:] == [("error", FIRST, b"{}", None)]


@pytest.mark.parametrize("excess", [0, 1, 1_000_000])
async def test_answer_over_the_limit_is_refused_with_413_and_told(excess: int) -> None:
    limit = Limits().response_bytes
    body = b"x" * (limit + excess)
    async with running() as (api, client):
        answer = await client.request("POST", RESPONSE, body)
        if excess:
            assert refusal(answer) == (413, "RequestEntityTooLarge")
            message = json.loads(answer.body)["errorMessage"]
            assert message == "Exceeded maximum allowed payload size (6291556 bytes)."
            assert api.told.events[1:] == [("bad response", FIRST, BadResponse(too_large=True))]
            client.ask("GET", NEXT)
            await api.told.until_kind("next", 2)
        else:
            assert answer.status == 202
            assert api.told.events[1:] == [("response", FIRST, body)]


async def test_error_over_the_limit_is_an_error_without_a_body() -> None:
    async with running(SMALL) as (api, client):
        assert (await client.request("POST", ERROR, b"x" * 1001)).status == 202

    assert api.told.events[1:] == [("error", FIRST, b"", None)]


async def test_answer_without_an_end_is_given_up() -> None:
    """A sender that never stops must neither fill the memory nor keep the connection."""
    async with running(SMALL) as (api, client):
        client.send(
            f"POST {RESPONSE} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
        )
        piece = b"100000\r\n" + b"x" * 0x100000 + b"\r\n"
        try:
            for _ in range(80):
                client.send(piece)
                await client.sent()
        except ConnectionError:
            pass
        await api.told.until_kind("bad response")

    assert api.told.events[1:] == [("bad response", FIRST, BadResponse(too_large=True))]


# --- how bodies are sent -----------------------------------------------------------------------------


async def test_streamed_answer_is_collected() -> None:
    async with running() as (api, client):
        client.ask(
            "POST",
            RESPONSE,
            headers={
                "Transfer-Encoding": "chunked",
                "Lambda-Runtime-Function-Response-Mode": "streaming",
            },
        )
        for piece in (b"5\r\nhello\r\n", b"1\r\n \r\n", b"5\r\nworld\r\n"):
            client.send(piece)
            await client.sent()
        assert api.told.kinds == ["next"]
        client.send(b"0\r\nTrailing: yes\r\n\r\n")
        assert (await client.answer()).status == 202

    assert api.told.events[1:] == [("response", FIRST, b"hello world")]


@pytest.mark.parametrize("mode", ["streaming", "Streaming"])
async def test_streamed_answer_that_breaks_off_is_told_as_truncated(mode: str) -> None:
    async with running() as (api, client):
        headers = {
            "Transfer-Encoding": "chunked",
            "Lambda-Runtime-Function-Response-Mode": mode,
        }
        client.ask("POST", RESPONSE, b"5\r\nhello\r\n", headers)
        await client.sent()
        await SystemClock().sleep(0.05)
        client.hang_up()
        await api.told.until_kind("bad response")

    assert api.told.events[1:] == [("bad response", FIRST, BadResponse(truncated=True))]


async def test_other_answer_that_breaks_off_may_be_sent_again() -> None:
    async with running() as (api, client):
        client.send(
            f"POST {RESPONSE} HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhello".encode()
        )
        await client.sent()
        await SystemClock().sleep(0.05)
        client.reset()
        async with raw_client(api.address) as again:
            assert (await again.request("POST", RESPONSE, b'"whole"')).status == 202

    assert api.told.events[1:] == [("response", FIRST, b'"whole"')]


@pytest.mark.parametrize("mode", ["buffered", "", "stream", "streaming, streaming"])
async def test_mode_that_does_not_exist_is_refused_and_told(mode: str) -> None:
    async with running() as (api, client):
        headers = {"Lambda-Runtime-Function-Response-Mode": mode}
        answer = await client.request("POST", RESPONSE, b'"x"', headers)
        assert refusal(answer) == (400, "InvalidFunctionResponseMode")
        client.ask("GET", NEXT)
        await api.told.until_kind("next", 2)

    assert api.told.events[1] == ("bad response", FIRST, BadResponse(invalid_mode=mode))


async def test_client_that_asks_before_it_sends_is_told_to_go_on() -> None:
    """curl does, above a megabyte, and would wait a second."""
    async with running() as (api, client):
        client.ask("POST", RESPONSE, headers={"Expect": "100-continue", "Content-Length": "4"})
        assert (await client.answer()).status == 100
        client.send(b"null")
        assert (await client.answer()).status == 202

    assert api.told.events[1:] == [("response", FIRST, b"null")]


async def test_client_that_asks_before_a_refused_request_is_refused() -> None:
    async with served() as api, raw_client(api.address) as client:
        client.ask("POST", RESPONSE, headers={"Expect": "100-continue", "Content-Length": "4"})
        assert refusal(await client.answer()) == (400, "InvalidRequestID")


# --- connections ----------------------------------------------------------------------------------------


async def test_connection_is_kept_alive_through_many_invocations() -> None:
    async with served() as api, raw_client(api.address) as client:
        api.told.on_ready = lambda: api.endpoint.offer(a_delivery())
        for _ in range(50):
            assert (await client.request("GET", NEXT)).status == 200
            assert (await client.request("POST", RESPONSE, b"1")).status == 202

    assert api.told.kinds == ["next", "response"] * 50


async def test_client_without_keep_alive_is_served_and_hung_up_on() -> None:
    async with served() as api:
        api.told.on_ready = lambda: api.endpoint.offer(a_delivery(b'"old"'))
        async with raw_client(api.address) as client:
            client.send(f"GET {NEXT} HTTP/1.0\r\n\r\n".encode())
            said = await client.hung_up()
        async with raw_client(api.address) as client:
            client.ask("POST", RESPONSE, b"1", {"Connection": "close"})
            answer = await client.hung_up()

    assert said.endswith(b'\r\n\r\n"old"')
    assert b" 202 " in answer.splitlines()[0]
    assert api.told.kinds == ["next", "response"]


async def test_pipelined_requests_are_answered_in_order() -> None:
    async with served() as api, raw_client(api.address) as client:
        api.told.on_ready = lambda: api.endpoint.offer(a_delivery(b'"piped"'))
        client.ask("GET", NEXT)
        client.ask("POST", RESPONSE, b"1")
        client.ask("GET", "/2018-06-01/ping")
        assert (await client.answer()).body == b'"piped"'
        assert (await client.answer()).status == 202
        assert (await client.answer()).body == b"pong"


async def test_request_that_arrives_byte_by_byte_is_understood() -> None:
    async with running() as (api, client):
        request = f"POST {RESPONSE} HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nnull".encode()
        for at in range(len(request)):
            client.send(request[at : at + 1])
            await client.sent()
        assert (await client.answer()).status == 202

    assert api.told.events[1:] == [("response", FIRST, b"null")]


@pytest.mark.parametrize(
    "garbage",
    [
        b"\0" * 100,
        b"\xff\xfe\xfd\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 9999999999999999999999\r\n\r\n",
        b"POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
        b"POST /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"POST /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nBroken Header\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nA: b\0c\r\n\r\n",
        b"GET " + b"/" * 3_000_000 + b" HTTP/1.1\r\n\r\n",
    ],
    ids=lambda value: repr(value[:40]),
)
async def test_garbage_is_refused_on_its_connection_and_harms_no_other(garbage: bytes) -> None:
    async with running() as (api, client):
        async with raw_client(api.address) as odd:
            odd.send(garbage)
            odd.send(b"\r\n\r\n")
            answered = asyncio.timeout(2)
            try:
                async with answered:
                    said = await odd.hung_up()
            except TimeoutError:
                said = b""
        assert said == b"" or said.split(b" ")[1] in (b"400", b"404"), said[:200]
        assert (await client.request("POST", RESPONSE, b'"unharmed"')).status == 202

    assert api.told.events[1:] == [("response", FIRST, b'"unharmed"')]


async def test_garbage_says_nothing_on_the_terminal(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    async with served() as api, raw_client(api.address) as odd:
        odd.send(b"\xff\xfe\xfd\r\n\r\n")
        await odd.hung_up()

    assert caplog.records == []
    assert capfd.readouterr() == ("", "")


async def test_bug_behind_the_endpoint_is_answered_with_500_and_shown() -> None:
    shown: list[object] = []
    async with served() as api, raw_client(api.address) as client:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: shown.append(context))
        bug = InternalError("Something impossible happened.")

        def breaks() -> None:
            raise bug

        api.told.on_ready = breaks
        assert refusal(await client.request("GET", NEXT)) == (500, "InternalServerError")
        assert (await client.request("GET", "/2018-06-01/ping")).status == 200

    assert [context["exception"] for context in shown if isinstance(context, dict)] == [bug]


async def test_upgrade_is_not_offered() -> None:
    async with running() as (api, client):
        headers = {"Connection": "Upgrade", "Upgrade": "websocket"}
        assert (await client.request("GET", "/2018-06-01/ping", headers=headers)).status == 200
        assert (await client.request("POST", RESPONSE, b"1")).status == 202

    assert api.told.kinds == ["next", "response"]


# --- the end of a runtime --------------------------------------------------------------------------------


async def test_reset_forgets_the_runtime_and_the_next_one_begins_at_the_beginning() -> None:
    async with running() as (api, client):
        api.endpoint.reset()
        assert refusal(await client.request("POST", RESPONSE, b"late")) == (400, "InvalidRequestID")
        assert (await client.request("POST", INIT_ERROR, b"{}")).status == 202

    assert api.told.kinds == ["next", "init error"]


async def test_reset_ends_a_parked_question() -> None:
    async with served() as api, raw_client(api.address) as client:
        client.ask("GET", NEXT)
        await api.told.until_kind("next")
        api.endpoint.reset()
        assert (await client.answer()).status == 403
        client.ask("GET", NEXT)
        await api.told.until_kind("next", 2)


async def test_answer_that_was_being_sent_when_its_runtime_was_reset_is_refused() -> None:
    async with running() as (api, client):
        client.send(f"POST {RESPONSE} HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nnu".encode())
        await client.sent()
        await SystemClock().sleep(0.05)
        api.endpoint.reset()
        client.send(b"ll")
        assert refusal(await client.answer()) == (400, "InvalidRequestID")

    assert api.told.kinds == ["next"]


async def test_closed_endpoint_refuses_everything() -> None:
    async with served() as api, raw_client(api.address) as client:
        client.ask("GET", NEXT)
        await api.told.until_kind("next")
        api.endpoint.close()
        assert (await client.answer()).status == 403
        assert refusal(await client.request("GET", NEXT)) == (404, "ResourceNotFound")
        assert refusal(await client.request("POST", INIT_ERROR, b"{}"))[0] == 404

    assert api.told.kinds == ["next"]


async def test_two_endpoints_know_nothing_of_each_other() -> None:
    async with running() as (api, client), served() as other, raw_client(other.address) as stranger:
        assert refusal(await stranger.request("POST", RESPONSE, b"stolen"))[0] == 400
        stranger.ask("GET", NEXT)
        await other.told.until_kind("next")
        assert (await client.request("POST", RESPONSE, b"mine")).status == 202

    assert api.told.events[1:] == [("response", FIRST, b"mine")]
    assert other.told.kinds == ["next"]


# --- what hooks of deployments report ------------------------------------------------------------------

REPORT = "CodeDeploy_20141006.PutLifecycleEventHookExecutionStatus"


@pytest.mark.parametrize("state", STATES)
async def test_a_hooks_report_is_handed_on_and_disturbs_no_session(state: SessionState) -> None:
    async with in_state(state) as (api, client):
        before = api.endpoint._session.state
        answer = await client.request("POST", "/", b'{"status": "?"}', {"X-Amz-Target": REPORT})

        assert (answer.status, answer.body) == (200, b'{"noted": true}')
        assert answer.headers["content-type"] == "application/x-amz-json-1.1"
        assert api.told.events[-1] == ("hook report", REPORT, b'{"status": "?"}')
        assert api.endpoint._session.state is before
        other = await client.request(
            "POST", "/", b"{}", {"X-Amz-Target": "DynamoDB_20120810.Query"}
        )
        assert other.status == 404
