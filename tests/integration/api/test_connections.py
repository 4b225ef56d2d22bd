from __future__ import annotations

import asyncio
import gzip
import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.integration.api.site import (
    Site,
    connect,
    raw,
    read_answer,
    request,
    site,
)
from workbench.api.server import Endpoint
from workbench.errors import InvalidParameter
from workbench.model.invocation import OutcomeKind
from workbench.model.settings import Settings, Timeouts
from workbench.model.telemetry import Accepted, Report

POST = b"POST /2015-03-31/functions/orders/invocations HTTP/1.1\r\nHost: 127.0.0.1\r\n"


async def test_the_address_is_loopback_and_nothing_else(tmp_path: Path) -> None:
    async with site(tmp_path) as here:
        assert here.address.startswith("http://127.0.0.1:")
        port = int(here.address.rpartition(":")[2])
        with pytest.raises(OSError, match=r"refused|Connect call failed"):
            await asyncio.open_connection("127.0.0.2", port)


async def test_a_port_in_use_is_told_in_words(tmp_path: Path) -> None:
    async with site(tmp_path) as here:
        port = int(here.address.rpartition(":")[2])
        with pytest.raises(InvalidParameter, match=f"Port {port} cannot be listened on: Address"):
            async with Endpoint(here.house.workbench).open(port):
                pass


@pytest.mark.parametrize(
    "line",
    [
        "GET / HTTP/1.1",
        "GET /2015-03-31/functions/orders HTTP/1.1",
        "POST /2021-11-15/functions/orders/response-streaming-invocations HTTP/1.1",
        "OPTIONS /2015-03-31/functions/orders/invocations HTTP/1.1",
        "DELETE /2015-03-31/functions/orders/invocations HTTP/1.1",
    ],
)
async def test_another_operation_is_told_what_is_served(tmp_path: Path, line: str) -> None:
    async with site(tmp_path) as here:
        status, headers, body = await raw(here, line=line)

    assert (status, headers["x-amzn-errortype"]) == (404, "UnknownOperationException")
    assert "/2015-03-31/functions/{FunctionName}/invocations" in json.loads(body)["message"]


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null", "Content-Type": "text/plain"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Host": "rebound.evil.example:80"},
    ],
)
async def test_a_web_page_invokes_nothing(tmp_path: Path, headers: dict[str, str]) -> None:
    async with site(tmp_path) as here:
        status, answered, _ = await raw(here, headers=headers)

        assert await here.house.workbench.invocations.recent() == ()

    assert (status, answered["x-amzn-errortype"]) == (403, "AccessDeniedException")
    assert not any(name.startswith("access-control-") for name in answered)


async def test_a_preflight_is_answered_without_permission(tmp_path: Path) -> None:
    headers = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    async with site(tmp_path) as here:
        status, answered, _ = await raw(
            here, b"", headers, line="OPTIONS /2015-03-31/functions/orders/invocations HTTP/1.1"
        )

    assert status == 403
    assert not any(name.startswith("access-control-") for name in answered)


async def test_pipelined_requests_are_answered_in_order(tmp_path: Path) -> None:
    async with site(tmp_path) as here:
        reader, writer = await connect(here)
        writer.write(b"".join(request(json.dumps(number).encode()) for number in range(50)))
        answers = [await read_answer(reader) for _ in range(50)]
        writer.close()

    assert [answer[2] for answer in answers] == [b"%d" % number for number in range(50)]


async def test_a_slow_client_is_waited_for_and_keeps_nobody_else(tmp_path: Path) -> None:
    async with site(tmp_path) as here:
        reader, writer = await connect(here)
        whole = request(b'{"slow": true}')
        for number in range(0, len(whole) - 1, 7):
            writer.write(whole[number : min(number + 7, len(whole) - 1)])
            await writer.drain()
        assert (await here.invoke())["StatusCode"] == 200
        writer.write(whole[-1:])
        status, _, body = await read_answer(reader)
        writer.close()

    assert (status, body) == (200, b'{"slow": true}')


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 200,
        b"GET\r\n\r\n",
        b"POST / HTTP/9.9\r\n\r\n",
        POST + b"Content-Length: x\r\n\r\n",
        POST + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nX: " + b"a" * 100_000 + b"\r\n\r\n",
        b"POST /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n",
        b"".join([b"POST / HTTP/1.1\r\n", *(b"X-%d: 1\r\n" % n for n in range(5000)), b"\r\n"]),
        POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
)
async def test_garbage_is_refused_and_harms_nobody(
    tmp_path: Path, garbage: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    async with site(tmp_path) as here:
        reader, writer = await connect(here)
        writer.write(garbage)
        writer.write_eof()
        async with asyncio.timeout(10):
            try:
                answer = await reader.read()
            except ConnectionResetError:
                answer = b""
        writer.close()
        assert (await here.invoke())["StatusCode"] == 200

    assert answer == b"" or 400 <= int(answer.split()[1]) < 500
    assert "Traceback" not in answer.decode("latin-1") + capfd.readouterr().err


async def test_a_client_that_waits_for_100_continue_is_not_kept_waiting(tmp_path: Path) -> None:
    async with site(tmp_path) as here:
        reader, writer = await connect(here)
        head = request(b"", {"Expect": "100-continue", "Content-Length": "2"}, length=False)
        writer.write(head)
        async with asyncio.timeout(10):
            assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(b"{}")
        answer = await read_answer(reader)
        writer.close()

    assert (answer[0], answer[2]) == (200, b"{}")


async def test_a_compressed_body_is_not_unpacked(tmp_path: Path) -> None:
    async with site(tmp_path) as here:
        status, _, _ = await raw(here, gzip.compress(b"{}"), {"Content-Encoding": "gzip"})

    assert status == 400


async def test_a_client_that_hangs_up_does_not_stop_the_function(tmp_path: Path) -> None:
    body = b'{"do": "wait", "seconds": 0.3}'
    async with site(tmp_path) as here:
        _, writer = await connect(here)
        writer.write(request(body))
        await here.hear(Accepted)
        writer.transport.abort()
        await here.hear(Report)
        run = await here.only_run()

    assert run.record.outcome is not None
    assert run.record.outcome.kind is OutcomeKind.SUCCESS
    assert run.record.outcome.payload == body


async def test_a_client_that_does_not_wait_for_its_answer_is_served_all_the_same(
    tmp_path: Path,
) -> None:
    async with site(tmp_path) as here:
        _, writer = await connect(here)
        writer.write(request(b"1"))
        writer.close()
        await here.hear(Report)
        run = await here.only_run()

    assert run.record.acceptance.payload == b"1"


async def test_half_a_request_invokes_nothing(tmp_path: Path) -> None:
    async with site(tmp_path) as here:
        _, writer = await connect(here)
        writer.write(request(b'{"a": "' + b"x" * 1000 + b'"}')[:-10])
        await writer.drain()
        writer.transport.abort()
        assert (await here.invoke())["StatusCode"] == 200
        runs = await here.house.workbench.invocations.recent()

    assert len(runs) == 1


async def test_closing_lets_calls_in_progress_finish(tmp_path: Path) -> None:
    async with asyncio.TaskGroup() as tasks, site(tmp_path) as here:
        call = tasks.create_task(here.invoke(Payload=b'{"do": "wait", "seconds": 0.3}'))
        await here.hear(Accepted)

    assert call.result()["StatusCode"] == 200


async def test_closing_waits_no_longer_than_it_should(tmp_path: Path) -> None:
    settings = replace(Settings(), timeouts=Timeouts(drain_s=0.1))
    async with asyncio.timeout(10), site(tmp_path, settings) as here:
        reader, writer = await connect(here)
        writer.write(request(b'{"do": "hang"}'))
        await here.hear(Accepted)

    assert await reader.read() == b""
    writer.close()


async def test_many_clients_at_once_each_get_their_own_answer(tmp_path: Path) -> None:
    async def client(here: Site, number: int) -> None:
        reader, writer = await connect(here)
        for turn in range(10):
            body = json.dumps([number, turn]).encode()
            writer.write(request(body))
            assert (await read_answer(reader))[2] == body
        writer.close()

    async with site(tmp_path) as here, asyncio.TaskGroup() as tasks:
        for number in range(50):
            tasks.create_task(client(here, number))
        assert number == 49
