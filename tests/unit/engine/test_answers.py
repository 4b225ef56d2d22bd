"""What a runtime may answer, and what becomes of answers it may not give."""

from __future__ import annotations

import json

import pytest

from tests.fakes.engine import open_engine, platform_lines
from tests.fakes.runtime import API, Event, FakeRuntime, serving
from tests.fakes.wire import Answer
from workbench.model.invocation import OutcomeKind
from workbench.model.settings import Limits, Settings

pytestmark = pytest.mark.autojump

BAD_ID = {"errorMessage": "Invalid request ID", "errorType": "InvalidRequestID"}
SMALL = Settings(limits=Limits(response_bytes=100))


async def test_a_handlers_error_is_returned_byte_for_byte() -> None:
    body = b'{"errorMessage": "no \\u0000", "errorType":"ValueError","stackTrace":["a"],"x":1}'

    async def failing(runtime: FakeRuntime) -> None:
        while True:
            await runtime.fail(await runtime.next(), body)

    async with open_engine(failing) as engine:
        run = engine.invoke()
        outcome = await run.outcome()
        await run.record()
        assert (await engine.record()).cold is False
    assert outcome.kind is OutcomeKind.ERROR
    assert outcome.payload == body
    assert outcome.error_type == "ValueError"
    assert outcome.function_error == "Unhandled"
    assert platform_lines(run)[-1].endswith("Max Memory Used: 0 MB\tInit Duration: 0.00 ms\t")


@pytest.mark.parametrize("body", [b"", b"not json", b"[]", b'{"errorType": 7}', b"\xff" * 10])
async def test_an_error_that_is_no_object_is_returned_all_the_same(body: bytes) -> None:
    async def failing(runtime: FakeRuntime) -> None:
        while True:
            await runtime.fail(await runtime.next(), body)

    async with open_engine(failing) as engine:
        outcome = await engine.call()
    assert (outcome.kind, outcome.payload) == (OutcomeKind.ERROR, body)
    assert outcome.error_type == "Runtime.Unknown"


async def test_of_two_responses_the_first_counts() -> None:
    answers: list[Answer] = []

    async def twice(runtime: FakeRuntime) -> None:
        while True:
            event = await runtime.next()
            answers.append(await runtime.respond(event, b'"first"'))
            answers.append(await runtime.respond(event, b'"second"'))
            answers.append(await runtime.fail(event, b"{}"))

    async with open_engine(twice) as engine:
        assert (await engine.call()).payload == b'"first"'
        assert (await engine.call()).payload == b'"first"'
    assert [answer.status for answer in answers] == [202, 403, 403] * 2


async def test_an_answer_to_somebody_elses_invocation_is_refused() -> None:
    answers: list[Answer] = []

    async def confused(runtime: FakeRuntime) -> None:
        event = await runtime.next()
        other = Event(request_id="00000000-0000-4000-8000-00000000ffff", payload=b"", headers={})
        answers.append(await runtime.respond(other, b'"theirs"'))
        answers.append(await runtime.respond(event, b'"mine"'))
        await runtime.next()

    async with open_engine(confused) as engine:
        assert (await engine.call()).payload == b'"mine"'
    assert [answer.status for answer in answers] == [400, 202]
    assert json.loads(answers[0].body) == BAD_ID


async def test_the_answer_to_an_invocation_that_timed_out_is_not_taken_for_the_next() -> None:
    async def remembering(runtime: FakeRuntime) -> None:
        event = await runtime.next()
        if event.json != "slow":
            stale = Event(request_id=seen[0], payload=b"", headers={})
            refused.append(await runtime.respond(stale, b'"stale"'))
            await runtime.respond(event, b'"fresh"')
            await runtime.next()
        seen.append(event.request_id)
        await runtime.hang()

    seen: list[str] = []
    refused: list[Answer] = []
    async with open_engine(remembering) as engine:
        assert (await engine.call(payload=b'"slow"')).kind is OutcomeKind.TIMEOUT
        assert (await engine.call(payload=b'"quick"')).payload == b'"fresh"'
    assert [answer.status for answer in refused] == [400]


async def test_asking_again_while_running_gives_the_same_event_again() -> None:
    async def forgetful(runtime: FakeRuntime) -> None:
        while True:
            first, second = await runtime.next(), await runtime.next()
            assert first.request_id == second.request_id
            await runtime.respond(second, first.payload)

    async with open_engine(forgetful) as engine:
        assert (await engine.call(payload=b'"once"')).payload == b'"once"'


async def test_a_response_over_the_limit_fails_and_the_runtime_is_told() -> None:
    answers: list[Answer] = []

    async def verbose(runtime: FakeRuntime) -> None:
        while True:
            event = await runtime.next()
            answers.append(await runtime.respond(event, b"x" * event.json))

    async with open_engine(verbose, settings=SMALL) as engine:
        assert (await engine.call(payload=b"100")).ok
        run = engine.invoke(payload=b"101")
        outcome = await run.outcome()
        await run.record()
        assert (await engine.record(payload=b"1")).cold is False
    assert [answer.status for answer in answers] == [202, 413, 202]
    assert outcome.payload == (
        b'{"errorType":"Function.ResponseSizeTooLarge","errorMessage":'
        b'"Response payload size exceeded maximum allowed payload size (100 bytes)."}'
    )


async def test_a_response_mode_that_does_not_exist_fails_the_invocation() -> None:
    answers: list[Answer] = []

    async def modish(runtime: FakeRuntime) -> None:
        event = await runtime.next()
        mode = {"Lambda-Runtime-Function-Response-Mode": "smoke signals"}
        answers.append(await runtime.respond(event, b"1", **mode))
        await runtime.next()

    async with open_engine(modish) as engine:
        outcome = await engine.call()
    assert [answer.status for answer in answers] == [400]
    assert outcome.error_type == "Runtime.InvalidResponseModeHeader"


async def test_hanging_up_in_the_middle_of_a_stream_is_a_truncated_response() -> None:
    async def breaking_off(runtime: FakeRuntime) -> None:
        event = await runtime.next()
        stream = runtime.host.connect()
        stream.send(
            f"POST {API}/invocation/{event.request_id}/response HTTP/1.1\r\nHost: localhost\r\n"
            "Lambda-Runtime-Function-Response-Mode: streaming\r\n"
            "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n".encode()
        )
        await runtime.sleep(0.1)
        stream.close()
        await runtime.sleep(0.1)
        await runtime.next()

    async with open_engine(breaking_off) as engine:
        outcome = await engine.call()
    assert outcome.error_type == "Runtime.TruncatedResponse"


async def test_hanging_up_in_the_middle_of_a_plain_response_may_be_made_good() -> None:
    async def stumbling(runtime: FakeRuntime) -> None:
        event = await runtime.next()
        broken = runtime.host.connect()
        broken.send(
            f"POST {API}/invocation/{event.request_id}/response HTTP/1.1\r\nHost: localhost\r\n"
            "Content-Length: 10\r\n\r\nhal".encode()
        )
        await runtime.sleep(0.1)
        broken.close()
        await runtime.sleep(0.1)
        await runtime.respond(event, b'"whole"')
        await runtime.next()

    async with open_engine(stumbling) as engine:
        assert (await engine.call()).payload == b'"whole"'


async def test_an_init_error_after_the_first_next_is_refused() -> None:
    answers: list[Answer] = []

    async def late(runtime: FakeRuntime) -> None:
        event = await runtime.next()
        answers.append(await runtime.init_error(b"{}", "Late"))
        await runtime.respond(event, b'"fine"')
        await runtime.next()

    async with open_engine(late) as engine:
        assert (await engine.call()).payload == b'"fine"'
    assert [answer.status for answer in answers] == [403]


async def test_a_runtime_that_hangs_up_in_next_and_asks_again_gets_its_event() -> None:
    async def reconnecting(runtime: FakeRuntime) -> None:
        first = runtime.host.connect()
        first.send(f"GET {API}/invocation/next HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        await runtime.sleep(0.1)
        first.close()
        await runtime.sleep(1)
        event = await runtime.next()
        await runtime.respond(event, event.payload)
        await runtime.next()

    async with open_engine(reconnecting) as engine:
        assert (await engine.call(payload=b'"patient"')).payload == b'"patient"'


async def test_many_events_over_one_connection_stay_apart() -> None:
    async def handler(_: FakeRuntime, event: Event) -> bytes:
        return json.dumps({"got": event.json}).encode()

    async with open_engine(serving(handler)) as engine:
        for number in range(50):
            outcome = await engine.call(payload=str(number).encode())
            assert json.loads(outcome.payload) == {"got": number}
