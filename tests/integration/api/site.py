"""A real endpoint over a whole workbench on fakes, with real clients: boto3 and raw sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3  # type: ignore[import-untyped] # it has no types
import pytest
from botocore.config import Config  # type: ignore[import-untyped] # nor this
from botocore.exceptions import ClientError  # type: ignore[import-untyped] # nor this

from tests.fakes.workbench import FakeHouse, a_function, fake_house
from workbench.api.server import Endpoint
from workbench.facade.invocations import FinishedRun
from workbench.model.settings import Settings
from workbench.model.telemetry import Telemetry
from workbench.telemetry import Feed

ARN = "arn:aws:lambda:us-east-1:123456789012:function:orders"
LIMIT = 6_291_456


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    house: FakeHouse
    address: str
    client: Any
    feed: Feed

    async def hear(self, kind: type[Telemetry]) -> None:
        """Wait until one of a kind is announced; what came before it is forgotten."""
        async with asyncio.timeout(20):
            while True:
                for value in self.feed.take_nowait(1) or await self.feed.wait_values(1):
                    if isinstance(value, kind):
                        return

    async def invoke(self, **arguments: Any) -> dict[str, Any]:
        """boto3's answer; its payload read."""

        def call() -> dict[str, Any]:
            answer = self.client.invoke(**({"FunctionName": "orders"} | arguments))
            return {**answer, "Payload": answer["Payload"].read()}

        return await asyncio.to_thread(call)

    async def refusal(self, **arguments: Any) -> ClientError:
        with pytest.raises(ClientError) as refused:
            await self.invoke(**arguments)
        return refused.value

    async def only_run(self) -> FinishedRun:
        """The one invocation there was."""
        (summary,) = await self.house.workbench.invocations.recent()
        return await self.house.workbench.invocations.record(summary.request_id)


def a_client(address: str) -> Any:
    return boto3.client(
        "lambda",
        endpoint_url=address,
        region_name="us-east-1",
        aws_access_key_id="anything",
        aws_secret_access_key="goes",
        config=Config(retries={"max_attempts": 0}, max_pool_connections=20, read_timeout=20),
    )


@asynccontextmanager
async def site(root: Path, settings: Settings | None = None) -> AsyncIterator[Site]:
    functions = (a_function(root, "orders"), a_function(root, "broken", broken="It is wrong."))
    async with (
        fake_house(root, *functions, settings=settings) as house,
        Endpoint(house.workbench).open() as address,
    ):
        with house.workbench.subscribe() as feed:
            yield Site(house=house, address=address, client=a_client(address), feed=feed)


def error_of(refusal: ClientError) -> tuple[int, str, str]:
    response = refusal.response
    error = response["Error"]
    assert response["ResponseMetadata"]["RequestId"]
    return response["ResponseMetadata"]["HTTPStatusCode"], error["Code"], error["Message"]


# --- raw sockets ---


async def raw(
    here: Site,
    body: bytes = b"{}",
    headers: Mapping[str, str] | None = None,
    *,
    line: str = "POST /2015-03-31/functions/orders/invocations HTTP/1.1",
    length: bool = True,
) -> tuple[int, dict[str, str], bytes]:
    """One request on a connection of its own, as bytes."""
    reader, writer = await connect(here)
    try:
        writer.write(request(body, headers, line=line, length=length))
        await writer.drain()
        return await read_answer(reader)
    finally:
        writer.close()


def request(
    body: bytes = b"{}",
    headers: Mapping[str, str] | None = None,
    *,
    line: str = "POST /2015-03-31/functions/orders/invocations HTTP/1.1",
    length: bool = True,
) -> bytes:
    fields = {"Host": "127.0.0.1", **(headers or {})}
    if length:
        fields["Content-Length"] = str(len(body))
    head = [line, *(f"{name}: {value}" for name, value in fields.items()), "", ""]
    return "\r\n".join(head).encode("utf-8", "surrogateescape") + body


async def connect(here: Site) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    port = int(here.address.rpartition(":")[2])
    return await asyncio.open_connection("127.0.0.1", port, limit=16 * 1024 * 1024)


async def read_answer(reader: asyncio.StreamReader) -> tuple[int, dict[str, str], bytes]:
    async with asyncio.timeout(20):
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {}
        for field in head[1:-2]:
            name, _, value = field.partition(":")
            headers[name.lower()] = value.strip()
        body = await reader.readexactly(int(headers.get("content-length", "0")))
    return int(head[0].split()[1]), headers, body
