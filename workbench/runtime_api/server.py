"""The HTTP of the Runtime API: one endpoint per execution environment.

An endpoint has no address of its own. Its `connections` make the server side of a connection for
whatever carries the bytes: the channel into a container, or a loopback socket.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from typing import cast

from aiohttp import web
from multidict import CIMultiDict

from workbench.errors import ProtocolError
from workbench.model.settings import Limits
from workbench.ports import BadResponse, ConnectionFactory, Delivery, RuntimeEvents
from workbench.runtime_api.protocol import Call, RuntimeSession, SessionState

PREFIX = "/2018-06-01/"
DISCARD_BYTES = 64 * 1024 * 1024
"""A response that is too large is read to its end, so that its sender sees the 413; up to this."""

HEADER_BYTES = 2 * 1024 * 1024
"""One header. Official clients send the stack trace of an error in one, of up to 1 MiB."""

_SILENT = logging.getLogger("workbench.runtime_api")
_SILENT.addHandler(logging.NullHandler())
_SILENT.propagate = False  # what a function sends must not write to the person's terminal
_OK = b'{"status":"OK"}\n'
_CONTROLS = dict.fromkeys((*range(32), 127), " ")


class TooLarge(Exception):
    """A body is over the limit; it was read to its end."""


class Endpoint:
    """The Runtime API of one environment. See `ports.RuntimeEndpoint`."""

    def __init__(self, events: RuntimeEvents, *, limits: Limits) -> None:
        self._events = events
        self._limits = limits
        self._session = RuntimeSession()
        self._delivery: Delivery | None = None
        self._waiter: asyncio.Future[Delivery] | None = None
        self._closed = False
        server = web.Server(
            self._serve,
            access_log=None,
            handler_cancellation=True,  # a runtime that hangs up no longer waits in /next
            keepalive_timeout=86_400,  # it may be idle, or frozen, for as long as it is kept
            tcp_keepalive=False,
            logger=_SILENT,
            auto_decompress=False,  # an answer is passed on byte for byte, whatever it says it is
            max_line_size=HEADER_BYTES,
            max_field_size=HEADER_BYTES,
        )
        self._server = server

    @property
    def connections(self) -> ConnectionFactory:
        return cast("ConnectionFactory", self._server)

    def offer(self, delivery: Delivery) -> None:
        self._session.given(delivery.request_id)
        self._delivery = delivery
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(delivery)

    def reset(self) -> None:
        self._session.reset()
        self._delivery = None
        self._hang_up()

    def close(self) -> None:
        self._closed = True
        self._hang_up()

    def _hang_up(self) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.cancel()

    # --- HTTP -----------------------------------------------------------------------------------------

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        handler, argument = self._route(request)
        if handler is None:
            return _refused(404, "ResourceNotFound", f"No such resource: {request.raw_path}")
        try:
            return await handler(request, argument)
        except ProtocolError as error:
            return _refused(error.status, error.error_type, str(error))
        except Exception as error:  # noqa: BLE001 - a bug of ours: shown, not left to a silent logger
            asyncio.get_running_loop().call_exception_handler(
                {"message": "The Runtime API broke.", "exception": error}
            )
            return _refused(500, "InternalServerError", "Container error")

    def _route(
        self, request: web.BaseRequest
    ) -> tuple[Callable[[web.BaseRequest, str], Awaitable[web.Response]] | None, str]:
        path = request.raw_path
        if self._closed or not path.startswith(PREFIX):
            return None, ""
        parts = path[len(PREFIX) :].partition("?")[0].split("/")
        match request.method, parts:
            case "GET", ["runtime", "invocation", "next"]:
                return self._next, ""
            case "POST", ["runtime", "invocation", request_id, "response" | "error" as what]:
                return self._response if what == "response" else self._error, request_id
            case "POST", ["runtime", "init", "error"]:
                return self._init_error, ""
            case "GET", ["ping"]:
                return _ping, ""
        return None, ""

    async def _next(self, request: web.BaseRequest, _: str) -> web.Response:
        became_ready = self._session.asked_for_work()
        if self._session.state is SessionState.RUNNING:
            assert self._delivery is not None, "it is Running, so it was given something"
            return _event(self._delivery)
        self._hang_up()  # of two questions for work, the newer counts
        waiter = self._waiter = asyncio.get_running_loop().create_future()
        if became_ready:
            self._events.on_next()
        try:
            return _event(await waiter)
        except asyncio.CancelledError:
            if waiter.cancelled() and request.transport is not None:
                return _refused(403, "InvalidStateTransition", "Superseded by a newer /next")
            raise

    async def _response(self, request: web.BaseRequest, request_id: str) -> web.Response:
        known = self._session.check_answer(request_id, Call.RESPONSE)
        mode = request.headers.get("Lambda-Runtime-Function-Response-Mode")
        streaming = mode is not None and mode.lower() == "streaming"
        if mode is not None and not streaming:
            self._session.answered(request_id, Call.RESPONSE)
            self._events.on_bad_response(known, BadResponse(invalid_mode=mode))
            return _refused(400, "InvalidFunctionResponseMode", "Invalid function response mode")
        try:
            payload = await self._body(request)
        except TooLarge:
            self._session.answered(request_id, Call.RESPONSE)
            self._events.on_bad_response(known, BadResponse(too_large=True))
            text = f"Exceeded maximum allowed payload size ({self._limits.response_bytes} bytes)."
            return _refused(413, "RequestEntityTooLarge", text)
        except asyncio.CancelledError:
            # Hung up in the middle. What was streamed is all there will be; anything else may be
            # sent again, or its sender has died, which is told by other means.
            if streaming and self._session.state is SessionState.RUNNING:
                self._session.answered(request_id, Call.RESPONSE)
                self._events.on_bad_response(known, BadResponse(truncated=True))
            raise
        self._session.answered(request_id, Call.RESPONSE)
        self._events.on_response(known, payload)
        return _accepted()

    async def _error(self, request: web.BaseRequest, request_id: str) -> web.Response:
        self._session.check_answer(request_id, Call.ERROR)
        try:
            body = await self._body(request)
        except TooLarge:
            body = b""
        known = self._session.answered(request_id, Call.ERROR)
        self._events.on_error(known, body, _error_type(request))
        return _accepted()

    async def _init_error(self, request: web.BaseRequest, _: str) -> web.Response:
        try:
            body = await self._body(request)
        except TooLarge:
            body = b""
        self._session.failed_to_initialise()
        self._events.on_init_error(body, _error_type(request))
        return _accepted()

    async def _body(self, request: web.BaseRequest) -> bytes:
        """The whole body. Raises `TooLarge` after having read it away."""
        if request.headers.get("Expect", "").lower() == "100-continue":
            # curl asks before it sends more than a megabyte, and waits a second when nobody answers
            await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            request.writer.output_size = 0
        limit = self._limits.response_bytes
        pieces: list[bytes] = []
        size = 0
        async for piece in request.content.iter_any():
            size += len(piece)
            if size <= limit:
                pieces.append(piece)
            elif size > DISCARD_BYTES:
                break
        if size > limit:
            raise TooLarge
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)


class Endpoints:
    """Opens them. See `ports.RuntimeEndpoints`."""

    def __init__(self, *, limits: Limits) -> None:
        self._limits = limits

    def open(self, events: RuntimeEvents) -> Endpoint:
        return Endpoint(events, limits=self._limits)


def _event(delivery: Delivery) -> web.Response:
    """The answer to /next. Absent values are left out, not sent empty."""
    headers: CIMultiDict[str] = CIMultiDict(
        {
            "Content-Type": "application/json",
            "Lambda-Runtime-Aws-Request-Id": delivery.request_id,
            "Lambda-Runtime-Deadline-Ms": str(delivery.deadline_ms),
            "Lambda-Runtime-Invoked-Function-Arn": delivery.function_arn,
            "Lambda-Runtime-Trace-Id": delivery.trace_id.translate(_CONTROLS),
        }
    )
    if delivery.client_context is not None:
        # JSON may be written over several lines, a header may not; between its words any space does.
        text = delivery.client_context.decode("utf-8", errors="replace")
        headers["Lambda-Runtime-Client-Context"] = text.translate(_CONTROLS)
    return web.Response(body=delivery.payload, headers=headers)


async def _ping(_request: web.BaseRequest, _: str) -> web.Response:
    return web.Response(text="pong")


def _accepted() -> web.Response:
    return web.Response(status=202, body=_OK, content_type="application/json")


def _refused(status: int, error_type: str, message: str) -> web.Response:
    body = json.dumps({"errorMessage": message, "errorType": error_type}).encode()
    return web.Response(status=status, body=body, content_type="application/json")


def _error_type(request: web.BaseRequest) -> str | None:
    return request.headers.get("Lambda-Runtime-Function-Error-Type")
