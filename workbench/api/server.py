"""The endpoint itself: HTTP on loopback, one workbench behind it.

Invariant: a caller that goes away changes nothing; what was accepted runs to its end.
"""

from __future__ import annotations

import asyncio
import os
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from email.utils import format_datetime
from functools import partial

from workbench.api import wire
from workbench.api.callers import check_caller
from workbench.api.faults import refused
from workbench.clock import Clock, SystemClock
from workbench.errors import InternalError, InvalidParameter, RequestTooLarge, WorkbenchError
from workbench.facade.invocations import Run, Waiting
from workbench.facade.workbench import Workbench
from workbench.http_connection import Connection, Exchange, field, fields
from workbench.model import hook_report
from workbench.model.invocation import InvokeRequest, Origin
from workbench.model.names import RequestId
from workbench.model.telemetry import Fault

HOST = "127.0.0.1"
"""Not a setting: the endpoint takes any signature, so nobody else may reach it."""

_HEAD_BYTES = 64 * 1024
_BACKLOG = 1024
"""Connections that wait to be accepted: more clients than that connecting at once are refused."""


class Endpoint:
    """Answers Lambda's Invoke operation. Any signature is accepted, none is required.

    It is the `Service` of its connections. A function that is ready is invoked, and its caller
    answered, without a task: within the call that brought the request, and the one that brought
    the function's answer.
    """

    def __init__(self, workbench: Workbench) -> None:
        self._workbench = workbench
        self._settings = workbench.settings
        self._clock: Clock = SystemClock()
        self._connections: set[Connection] = set()
        self._tasks: asyncio.TaskGroup | None = None
        self._waiting: set[asyncio.Task[None]] = set()
        """Calls whose function is made ready."""
        self._calls = 0
        """Begun and not answered."""
        self._closing = False
        self._no_calls = asyncio.Event()
        self._dated = (0, "")

    @asynccontextmanager
    async def open(self, port: int = 0) -> AsyncIterator[str]:
        """Serve while the context is open; its address, `http://127.0.0.1:PORT`.

        port 0: one that is free. Raises `InvalidParameter` when the port cannot be had. Leaving
        refuses new work, then waits at most `Timeouts.drain_s` for calls in progress.
        """
        loop = asyncio.get_running_loop()
        try:
            listener = await loop.create_server(self._connect, HOST, port, backlog=_BACKLOG)
        except OSError as error:
            why = os.strerror(error.errno) if error.errno else str(error)
            raise InvalidParameter(
                f"Port {port} cannot be listened on: {why}. Choose another one, or 0 for any.",
                parameter="--port",
            ) from error
        async with asyncio.TaskGroup() as self._tasks:
            try:
                yield f"http://{HOST}:{listener.sockets[0].getsockname()[1]}"
            finally:
                listener.close()
                await self._shut_down()
                await listener.wait_closed()

    async def _shut_down(self) -> None:
        self._closing = True
        for connection in list(self._connections):
            if connection.idle:
                connection.close()
        try:
            async with asyncio.timeout(self._settings.timeouts.drain_s):
                while self._calls:
                    self._no_calls.clear()
                    await self._no_calls.wait()
        except TimeoutError:
            pass  # time is up for what still runs
        finally:
            for connection in list(self._connections):
                connection.close()
            for task in self._waiting:
                task.cancel()

    # --- HTTP (http_connection.Service) ---------------------------------------------------------------

    def begin(self, exchange: Exchange) -> None:
        self._calls += 1
        self._try(exchange, self._begin)

    def complete(self, exchange: Exchange) -> None:
        assert exchange.then is not None, "what has no use for a body was answered at its beginning"
        self._try(exchange, exchange.then)

    def hung_up(self, exchange: Exchange) -> None:
        """What was read in whole runs to its end, and is counted until then."""
        if not exchange.completed:
            self._over()

    def _connect(self) -> Connection:
        return _Caller(self, self._connections, body_bytes=self._settings.limits.request_bytes)

    def _try(self, exchange: Exchange, action: Callable[[Exchange], None]) -> None:
        try:
            action(exchange)
        except Exception as error:  # noqa: BLE001 - the top: told to the caller and to the person
            self._refuse(exchange, error, None)

    def _begin(self, exchange: Exchange) -> None:
        """What can be refused before its body is here."""
        check_caller(exchange.headers)
        if exchange.headers.get(hook_report.TARGET, "").startswith(hook_report.SERVICE):
            exchange.then = self._hear_hook
            return
        call = wire.parse_call(exchange.method, exchange.target, exchange.headers)
        if call.kind is wire.InvocationType.EVENT:
            raise InvalidParameter(
                "InvocationType Event is not served yet: asynchronous invocations, which must "
                "survive a crash, come with a later release. Use RequestResponse or DryRun.",
                parameter="InvocationType",
            )
        if int(exchange.headers.get("content-length", "0")) > self._settings.limits.request_bytes:
            raise self._too_large()
        exchange.then = partial(self._carry_out, call)

    def _hear_hook(self, exchange: Exchange) -> None:
        """Not Lambda's but CodeDeploy's: a hook, or a person in its place, reports."""
        assert self._tasks is not None, "connections are served while it is open"
        task = self._tasks.create_task(self._report(exchange), name="hook report")
        self._waiting.add(task)
        task.add_done_callback(self._waiting.discard)

    async def _report(self, exchange: Exchange) -> None:
        try:
            body = b"" if exchange.too_large else exchange.body
            report = hook_report.parse_report(exchange.headers[hook_report.TARGET], body)
            await self._workbench.deployments.report(report)
        except WorkbenchError as error:
            status, body = hook_report.refused(error)
        except Exception as error:  # noqa: BLE001 - the top of a supervised child
            self._refuse(exchange, error, None)
            return
        else:
            status, body = hook_report.accepted(report)
        headers = {
            "Content-Type": hook_report.CONTENT_TYPE,
            "x-amzn-RequestId": _new_request_id(),
        }
        self._answer(exchange, wire.Answer(status=status, headers=headers, body=body))

    def _carry_out(self, call: wire.InvokeCall, exchange: Exchange) -> None:
        if exchange.too_large:
            raise self._too_large()
        asked = InvokeRequest(
            target=call.target,
            payload=exchange.body,
            origin=Origin.API,
            client_context=call.client_context,
            trace_id=call.trace_id,
            cold=call.cold,
        )
        if call.kind is wire.InvocationType.DRY_RUN:
            self._workbench.invocations.check(asked)
            self._answer(exchange, wire.dry_run(request_id=_new_request_id()))
            return
        run = self._workbench.invocations.invoke_nowait(asked)
        if not isinstance(run, Waiting):
            self._follow(exchange, run, log_tail=call.log_tail)
            return
        assert self._tasks is not None, "connections are served while it is open"
        task = self._tasks.create_task(self._invoke(exchange, run, log_tail=call.log_tail))
        self._waiting.add(task)
        task.add_done_callback(self._waiting.discard)

    async def _invoke(self, exchange: Exchange, waiting: Waiting, *, log_tail: bool) -> None:
        """The function has to be made ready first."""
        try:
            run = await waiting.begin()
        except Exception as error:  # noqa: BLE001 - the top of a supervised child
            self._refuse(exchange, error, None)
        else:
            self._follow(exchange, run, log_tail=log_tail)

    def _follow(self, exchange: Exchange, run: Run, *, log_tail: bool) -> None:
        settled = partial(self._try, exchange, partial(self._tell, run, log_tail=log_tail))
        # the tail ends with END and REPORT
        run.when_finished(settled) if log_tail else run.when_settled(settled)

    def _tell(self, run: Run, exchange: Exchange, *, log_tail: bool) -> None:
        request_id = run.acceptance.request_id
        try:
            outcome = run.outcome_now()
        except WorkbenchError as error:
            self._refuse(exchange, error, request_id)
            return
        answer = wire.invoked(
            outcome,
            request_id=request_id,
            version=run.acceptance.version,
            trace_id=run.trace_id,
        )
        self._answer(exchange, wire.with_log_tail(answer, run.log_tail()) if log_tail else answer)

    def _refuse(self, exchange: Exchange, error: Exception, request_id: RequestId | None) -> None:
        if not isinstance(error, WorkbenchError):
            self._workbench.bus.publish(Fault(where="the HTTP endpoint", message=repr(error)))
            error = InternalError("A call could not be carried out.")
        known = request_id or _new_request_id()
        self._answer(exchange, refused(error, request_id=known, settings=self._settings))

    def _answer(self, exchange: Exchange, answer: wire.Answer) -> None:
        if self._closing:
            exchange.last = True
        exchange.respond(answer.status, fields(answer.headers) + self._date(), answer.body)
        self._over()

    def _over(self) -> None:
        self._calls -= 1
        if not self._calls:
            self._no_calls.set()

    def _date(self) -> str:
        """The Date header, written once a second."""
        now = self._clock.now()
        second, text = self._dated
        if second != int(now.timestamp()):
            second, text = int(now.timestamp()), field("Date", format_datetime(now, usegmt=True))
            self._dated = (second, text)
        return text

    def _too_large(self) -> RequestTooLarge:
        limit = self._settings.limits.request_bytes
        return RequestTooLarge(limit_bytes=limit, operation="InvokeFunction")


class _Caller(Connection):
    """One connection, known while it lasts."""

    def __init__(self, service: Endpoint, connections: set[Connection], *, body_bytes: int) -> None:
        super().__init__(service, head_bytes=_HEAD_BYTES, body_bytes=body_bytes)
        self._connections = connections

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._connections.discard(self)


def _new_request_id() -> RequestId:
    return RequestId(str(uuid.uuid4()))
