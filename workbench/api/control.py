"""Orders from other commands of the same person: warm, drain, recycle; and that they can read all of it.

On loopback, as the endpoint is, and only for who can show the token, which stands where this user
alone can read it (`store/instances.py`): another user of the machine, a function in a container and
a web page cannot. JSON both ways; what is refused says so as `{"error": class, "message": text}`.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import Any

from workbench.api.callers import check_caller
from workbench.api.faults import fault_of
from workbench.errors import (
    AccessDenied,
    InternalError,
    InvalidParameter,
    UnknownOperation,
    WorkbenchError,
)
from workbench.facade.workbench import Workbench
from workbench.http_connection import Connection, Exchange, field
from workbench.model.concurrency import ProvisionedConcurrency
from workbench.model.names import function_name
from workbench.model.telemetry import Fault
from workbench.values import dataclass

HOST = "127.0.0.1"
MAX_ENVIRONMENTS = 1000
"""Of one order."""

_BYTES = 64 * 1024
_JSON = field("Content-Type", "application/json")


class ControlEndpoint:
    """Takes orders while it is open. It is the `Service` of its connections."""

    def __init__(self, workbench: Workbench) -> None:
        self._workbench = workbench
        self._token = secrets.token_urlsafe(32)
        self._connections: set[Connection] = set()
        self._tasks: asyncio.TaskGroup | None = None
        self._carried_out: set[asyncio.Task[None]] = set()
        """Orders in progress."""
        self._orders: dict[str, Callable[[dict[str, Any]], Awaitable[Any]]] = {
            "/warm": self._warm,
            "/drain": self._drain,
            "/recycle": self._recycle,
            "/provisioned": self._provisioned,
            "/settle": self._settle,
        }

    @asynccontextmanager
    async def open(self) -> AsyncIterator[str]:
        """Take orders, and let others know, while the context is open; the address."""
        listener = await asyncio.get_running_loop().create_server(self._connect, HOST, 0)
        address = f"http://{HOST}:{listener.sockets[0].getsockname()[1]}"
        self._workbench.instances.announce(control=address, token=self._token)
        async with asyncio.TaskGroup() as self._tasks:
            try:
                yield address
            finally:
                listener.close()
                for connection in list(self._connections):
                    connection.close()
                for task in self._carried_out:
                    task.cancel()
        await listener.wait_closed()

    # --- HTTP (http_connection.Service) ---------------------------------------------------------------

    def begin(self, exchange: Exchange) -> None:
        try:
            check_caller(exchange.headers)
            shown = exchange.headers.get("authorization", "").encode("utf-8", "replace")
            if not hmac.compare_digest(shown, f"Bearer {self._token}".encode()):
                raise AccessDenied("This takes orders of the workbench's own commands only.")
            if exchange.method != "POST" or exchange.target not in self._orders:
                raise UnknownOperation(
                    exchange.method, exchange.target, served=", ".join(self._orders)
                )
        except WorkbenchError as error:
            _refuse(exchange, error)

    def complete(self, exchange: Exchange) -> None:
        assert self._tasks is not None, "connections are served while it is open"
        task = self._tasks.create_task(self._carry_out(exchange), name=f"order {exchange.target}")
        self._carried_out.add(task)
        task.add_done_callback(self._carried_out.discard)

    def hung_up(self, exchange: Exchange) -> None:
        """An order that was given is carried out."""

    def _connect(self) -> Connection:
        return _Caller(self, self._connections)

    async def _carry_out(self, exchange: Exchange) -> None:
        try:
            answer = await self._orders[exchange.target](_order(exchange))
        except WorkbenchError as error:
            _refuse(exchange, error)
        except Exception as error:  # noqa: BLE001 - the top of a supervised child
            self._workbench.bus.publish(Fault(where="an order", message=repr(error)))
            _refuse(exchange, InternalError("An order could not be carried out."))
        else:
            exchange.respond(200, _JSON, json.dumps(asdict(answer), default=str).encode())

    # --- orders ---------------------------------------------------------------------------------------

    async def _warm(self, order: dict[str, Any]) -> Any:
        count = order.get("count")
        if type(count) is not int or not 1 <= count <= MAX_ENVIRONMENTS:
            raise InvalidParameter(f"count is 1 to {MAX_ENVIRONMENTS}.", parameter="count")
        return await self._workbench.upkeep.warm(function_name(_text(order, "function")), count)

    async def _drain(self, order: dict[str, Any]) -> Any:
        return self._workbench.upkeep.drain(function_name(_text(order, "function")))

    async def _recycle(self, order: dict[str, Any]) -> Any:
        if "environment" in order:
            return await self._workbench.upkeep.recycle(environment=_text(order, "environment"))
        name = function_name(_text(order, "function"))
        return await self._workbench.upkeep.recycle(function=name)

    async def _provisioned(self, order: dict[str, Any]) -> Any:
        del order  # of all functions: whoever asks takes what it wants
        await self._workbench.provisioning.apply()  # what has just been asked for is in it
        return Kept(kept=self._workbench.provisioning.kept())

    async def _settle(self, order: dict[str, Any]) -> Any:
        del order  # whoever gives it reads the history next
        await self._workbench.invocations.settle()
        return Settled()


@dataclass(frozen=True, slots=True)
class Settled:
    """It is written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What is provisioned here."""

    kept: tuple[ProvisionedConcurrency, ...]


class _Caller(Connection):
    """One connection, known while it lasts."""

    def __init__(self, service: ControlEndpoint, connections: set[Connection]) -> None:
        super().__init__(service, head_bytes=_BYTES, body_bytes=_BYTES)
        self._connected = connections

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._connected.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._connected.discard(self)


def _order(exchange: Exchange) -> dict[str, Any]:
    try:
        order = json.loads(b"" if exchange.too_large else exchange.body)
    except (ValueError, RecursionError):
        order = None
    if not isinstance(order, dict):
        raise InvalidParameter("An order is a JSON object.", parameter="order")
    return order


def _text(order: dict[str, Any], name: str) -> str:
    value = order.get(name)
    if not isinstance(value, str) or not value:
        raise InvalidParameter(f"{name} must be given, as text.", parameter=name)
    return value


def _refuse(exchange: Exchange, error: WorkbenchError) -> None:
    body = {"error": type(error).__name__, "message": str(error)}
    exchange.respond(fault_of(error).status, _JSON, json.dumps(body).encode())
