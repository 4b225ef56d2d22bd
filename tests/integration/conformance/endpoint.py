"""A real Runtime API endpoint and what it tells its environment."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.integration.conformance.witness import PATIENCE_S
from workbench.model.names import RequestId
from workbench.model.settings import Limits
from workbench.ports import Answering, BadResponse, Delivery
from workbench.runtime_api.server import Endpoint, Endpoints

FIRST = RequestId("11111111-1111-4111-8111-111111111111")
SECOND = RequestId("22222222-2222-4222-8222-222222222222")
ARN = "arn:aws:lambda:us-east-1:123456789012:function:under-test"


@dataclass(slots=True)
class Told:
    """`RuntimeEvents` that are written down."""

    events: list[tuple[Any, ...]] = field(default_factory=list)
    on_ready: Callable[[], None] | None = None
    """Called when the runtime asks for work."""
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def on_next(self) -> None:
        self.note("next")
        if self.on_ready is not None:
            self.on_ready()

    def on_response(self, request_id: RequestId, payload: bytes) -> None:
        self.note("response", request_id, payload)

    def on_error(self, request_id: RequestId, body: bytes, error_type: str | None) -> None:
        self.note("error", request_id, body, error_type)

    def on_bad_response(self, request_id: RequestId, problem: BadResponse) -> None:
        self.note("bad response", request_id, problem)

    def on_init_error(self, body: bytes, error_type: str | None) -> None:
        self.note("init error", body, error_type)

    def on_hook_report(self, target: str, body: bytes, answer: Answering) -> None:
        self.note("hook report", target, body)
        answer(200, b'{"noted": true}')

    def note(self, *event: Any) -> None:
        self.events.append(event)
        self._news.set()

    @property
    def kinds(self) -> list[str]:
        return [event[0] for event in self.events]

    async def until(self, claim: Callable[[list[tuple[Any, ...]]], bool]) -> None:
        """Wait for it to become true."""
        async with asyncio.timeout(PATIENCE_S):
            while not claim(self.events):
                self._news.clear()
                await self._news.wait()

    async def until_kind(self, kind: str, count: int = 1) -> tuple[Any, ...]:
        """Wait for the `count`th event of a kind."""
        await self.until(lambda events: sum(e[0] == kind for e in events) >= count)
        return [event for event in self.events if event[0] == kind][count - 1]


def a_delivery(payload: bytes = b"{}", *, request_id: RequestId = FIRST, **fields: Any) -> Delivery:
    """An event."""
    known: dict[str, Any] = {
        "deadline_ms": 1_800_000_000_000,
        "function_arn": ARN,
        "trace_id": "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1",
    }
    return Delivery(request_id=request_id, payload=payload, **(known | fields))


@dataclass(slots=True)
class Served:
    """An endpoint on a loopback socket."""

    endpoint: Endpoint
    told: Told
    address: str


@asynccontextmanager
async def served(*, limits: Limits | None = None) -> AsyncIterator[Served]:
    """One, closed afterwards with all its connections."""
    told = Told()
    endpoint = Endpoints(limits=limits or Limits()).open(told)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(endpoint.connections, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    try:
        yield Served(endpoint, told, f"{host}:{port}")
    finally:
        server.close()
        endpoint.close()
