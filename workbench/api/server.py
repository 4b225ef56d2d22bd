"""The endpoint itself: HTTP on loopback, one workbench behind it.

Invariant: a caller that goes away changes nothing; what was accepted runs to its end.
"""

from __future__ import annotations

import asyncio
import os
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from workbench.api import wire
from workbench.api.callers import check_caller
from workbench.api.faults import refused
from workbench.errors import (
    InternalError,
    InvalidParameter,
    InvalidRequestContent,
    RequestTooLarge,
    WorkbenchError,
)
from workbench.facade.invocations import Run
from workbench.facade.workbench import Workbench
from workbench.model.invocation import InvokeRequest, Origin
from workbench.model.names import RequestId
from workbench.model.telemetry import Fault

HOST = "127.0.0.1"
"""Not a setting: the endpoint takes any signature, so nobody else may reach it."""

_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_BACKLOG = 1024
"""Connections that wait to be accepted: more clients than that connecting at once are refused."""


class Endpoint:
    """Answers Lambda's Invoke operation. Any signature is accepted, none is required."""

    def __init__(self, workbench: Workbench) -> None:
        self._workbench = workbench
        self._settings = workbench.settings

    @asynccontextmanager
    async def open(self, port: int = 0) -> AsyncIterator[str]:
        """Serve while the context is open; its address, `http://127.0.0.1:PORT`.

        port 0: one that is free. Raises `InvalidParameter` when the port cannot be had. Leaving
        refuses new work, then waits at most `Timeouts.drain_s` for calls in progress.
        """
        server = web.Server(
            self._serve,
            access_log=None,
            # A call that was read is carried out, also for a caller that did not stay.
            handler_cancellation=False,
            auto_decompress=False,  # Lambda takes a payload as it is; and no bombs
        )
        loop = asyncio.get_running_loop()
        try:
            listener = await loop.create_server(server, HOST, port, backlog=_BACKLOG)
        except OSError as error:
            why = os.strerror(error.errno) if error.errno else str(error)
            raise InvalidParameter(
                f"Port {port} cannot be listened on: {why}. Choose another one, or 0 for any.",
                parameter="--port",
            ) from error
        try:
            yield f"http://{HOST}:{listener.sockets[0].getsockname()[1]}"
        finally:
            listener.close()
            server.pre_shutdown()
            await server.shutdown(self._settings.timeouts.drain_s)
            await listener.wait_closed()

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        try:
            answer = await self._answer(request)
        except WorkbenchError as error:
            answer = self._refused(error, _new_request_id())
        except Exception as error:  # noqa: BLE001 - the top of a supervised child
            self._workbench.bus.publish(Fault(where="the HTTP endpoint", message=repr(error)))
            answer = self._refused(InternalError("A call could not be carried out."), None)
        return web.Response(body=answer.body, status=answer.status, headers=answer.headers)

    async def _answer(self, request: web.BaseRequest) -> wire.Answer:
        headers = request.headers
        check_caller(headers)
        call = wire.parse_call(request.method, request.raw_path, headers)
        if call.kind is wire.InvocationType.EVENT:
            raise InvalidParameter(
                "InvocationType Event is not served yet: asynchronous invocations, which must "
                "survive a crash, come with a later release. Use RequestResponse or DryRun.",
                parameter="InvocationType",
            )
        asked = InvokeRequest(
            target=call.target,
            payload=await self._body(request),
            origin=Origin.API,
            client_context=call.client_context,
            trace_id=call.trace_id,
        )
        if call.kind is wire.InvocationType.DRY_RUN:
            self._workbench.invocations.check(asked)
            return wire.dry_run(request_id=_new_request_id())
        return await self._outcome(
            await self._workbench.invocations.invoke(asked), log_tail=call.log_tail
        )

    async def _outcome(self, run: Run, *, log_tail: bool) -> wire.Answer:
        request_id = run.acceptance.request_id
        try:
            outcome = await run.outcome()
        except WorkbenchError as error:
            return self._refused(error, request_id)
        answer = wire.invoked(
            outcome,
            request_id=request_id,
            version=run.acceptance.version,
            trace_id=run.trace_id,
        )
        if not log_tail:
            return answer
        await run.record()  # the tail ends with END and REPORT
        return wire.with_log_tail(answer, run.log_tail())

    async def _body(self, request: web.BaseRequest) -> bytes:
        """The whole body. Raises `RequestTooLarge` as soon as that is known: the server reads the
        rest away, so that its sender gets to see the answer.
        """
        limit = self._settings.limits.request_bytes
        if (request.content_length or 0) > limit:
            raise _too_large(limit)
        if "Expect" in request.headers:
            await request.writer.write(_CONTINUE)
            request.writer.output_size = 0  # the answer itself has not begun
        pieces: list[bytes] = []
        size = 0
        try:
            async for piece in request.content.iter_any():
                size += len(piece)
                if size > limit:
                    raise _too_large(limit)
                pieces.append(piece)
        except (web.RequestPayloadError, ConnectionError) as error:
            raise InvalidRequestContent(f"The request's body ended early: {error}") from error
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _refused(self, error: WorkbenchError, request_id: RequestId | None) -> wire.Answer:
        return refused(error, request_id=request_id or _new_request_id(), settings=self._settings)


def _too_large(limit_bytes: int) -> RequestTooLarge:
    return RequestTooLarge(limit_bytes=limit_bytes, operation="InvokeFunction")


def _new_request_id() -> RequestId:
    return RequestId(str(uuid.uuid4()))
