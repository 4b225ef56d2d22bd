"""The HTTP of the Runtime API: one endpoint per execution environment.

An endpoint has no address of its own. Its `connections` make the server side of a connection for
whatever carries the bytes: the channel into a container, or a loopback socket.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress

from workbench.errors import ProtocolError
from workbench.http_connection import Connection, Exchange, field
from workbench.model import hook_report
from workbench.model.names import RequestId
from workbench.model.settings import Limits
from workbench.ports import BadResponse, ConnectionFactory, Delivery, RuntimeEvents
from workbench.runtime_api.protocol import Call, RuntimeSession, SessionState

PREFIX = "/2018-06-01/"
HEAD_BYTES = 2 * 1024 * 1024
"""Official clients send the stack trace of an error in a header, of up to 1 MiB."""

_NEXT = f"{PREFIX}runtime/invocation/next"
_INVOCATION = f"{PREFIX}runtime/invocation/"
_INIT_ERROR = f"{PREFIX}runtime/init/error"
_PING = f"{PREFIX}ping"
_JSON = field("Content-Type", "application/json")
_AWS_JSON = field("Content-Type", hook_report.CONTENT_TYPE)
_TEXT = field("Content-Type", "text/plain")
_OK = b'{"status":"OK"}\n'


class Endpoint:
    """The Runtime API of one environment. See `ports.RuntimeEndpoint`.

    It is the `Service` of its connections.
    """

    def __init__(self, events: RuntimeEvents, *, limits: Limits) -> None:
        self._events = events
        self._limits = limits
        self._session = RuntimeSession()
        self._delivery: Delivery | None = None
        self._waiting: Exchange | None = None
        """The /next that is not answered yet."""
        self._closed = False

    @property
    def connections(self) -> ConnectionFactory:
        return lambda: Connection(
            self, head_bytes=HEAD_BYTES, body_bytes=self._limits.response_bytes
        )

    def offer(self, delivery: Delivery) -> None:
        self._session.given(delivery.request_id)
        self._delivery = delivery
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            _hand_over(waiting, delivery)

    def reset(self) -> None:
        self._session.reset()
        self._delivery = None
        self._supersede()

    def close(self) -> None:
        self._closed = True
        self._supersede()

    def _supersede(self) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            _refuse(waiting, 403, "InvalidStateTransition", "Superseded by a newer /next")

    # --- HTTP (http_connection.Service) -----------------------------------------------------------------

    def begin(self, exchange: Exchange) -> None:
        try:
            self._begin(exchange)
        except ProtocolError as error:
            _refuse(exchange, error.status, error.error_type, str(error))
        except Exception as error:  # noqa: BLE001 - a bug of ours: shown, and not the connection's end
            self._break(exchange, error)

    def complete(self, exchange: Exchange) -> None:
        assert exchange.then is not None, "what has no use for a body was answered at its beginning"
        try:
            exchange.then(exchange)
        except ProtocolError as error:
            _refuse(exchange, error.status, error.error_type, str(error))
        except Exception as error:  # noqa: BLE001 - likewise
            self._break(exchange, error)

    def hung_up(self, exchange: Exchange) -> None:
        if self._waiting is exchange:
            self._waiting = None  # what it is given meanwhile, it gets when it asks again
        elif exchange.then == self._response and _mode(exchange) is not None:
            # What was streamed is all there will be. Anything else may be sent again, or its sender
            # has died, which is told by other means.
            with suppress(ProtocolError):  # it has ended meanwhile
                known = self._session.answered(_request_id(exchange), Call.RESPONSE)
                self._events.on_bad_response(known, BadResponse(truncated=True))

    def _break(self, exchange: Exchange, error: Exception) -> None:
        if self._waiting is exchange:
            self._waiting = None
        asyncio.get_running_loop().call_exception_handler(
            {"message": "The Runtime API broke.", "exception": error}
        )
        _refuse(exchange, 500, "InternalServerError", "Container error")

    def _begin(self, exchange: Exchange) -> None:
        """Find what it asks for, and refuse what can be refused without its body."""
        path = exchange.target.partition("?")[0]
        what = (exchange.method, path)
        if self._closed:
            _refuse_unknown(exchange)
        elif what == ("GET", _NEXT):
            exchange.then = self._next
        elif exchange.method == "POST" and path.startswith(_INVOCATION):
            self._begin_answer(exchange, *path[len(_INVOCATION) :].partition("/")[::2])
        elif what == ("POST", _INIT_ERROR):
            exchange.then = self._init_error
        elif what == ("GET", _PING):
            exchange.respond(200, _TEXT, b"pong")
        elif exchange.headers.get(hook_report.TARGET, "").startswith(hook_report.SERVICE):
            exchange.then = self._hook_report
        else:
            _refuse_unknown(exchange)

    def _begin_answer(self, exchange: Exchange, request_id: str, what: str) -> None:
        if what == "error":
            self._session.check_answer(request_id, Call.ERROR)
            exchange.then = self._error
        elif what != "response":
            _refuse_unknown(exchange)
        else:
            known = self._session.check_answer(request_id, Call.RESPONSE)
            exchange.then = self._response
            mode = _mode(exchange)
            if mode is not None and mode.lower() != "streaming":
                self._session.answered(request_id, Call.RESPONSE)
                self._events.on_bad_response(known, BadResponse(invalid_mode=mode))
                text = "Invalid function response mode"
                _refuse(exchange, 400, "InvalidFunctionResponseMode", text)

    def _next(self, exchange: Exchange) -> None:
        became_ready = self._session.asked_for_work()
        if self._session.state is SessionState.RUNNING:
            assert self._delivery is not None, "it is Running, so it was given something"
            _hand_over(exchange, self._delivery)
            return
        self._supersede()  # of two questions for work, the newer counts
        self._waiting = exchange
        if became_ready:
            self._events.on_next()

    def _response(self, exchange: Exchange) -> None:
        known = self._session.answered(_request_id(exchange), Call.RESPONSE)
        if exchange.too_large:
            self._events.on_bad_response(known, BadResponse(too_large=True))
            limit = self._limits.response_bytes
            text = f"Exceeded maximum allowed payload size ({limit} bytes)."
            _refuse(exchange, 413, "RequestEntityTooLarge", text)
        else:
            # First the runtime, which has the longer way to its next question for work.
            exchange.respond(202, _JSON, _OK)
            self._events.on_response(known, exchange.body)

    def _error(self, exchange: Exchange) -> None:
        known = self._session.answered(_request_id(exchange), Call.ERROR)
        exchange.respond(202, _JSON, _OK)
        self._events.on_error(known, _kept(exchange), _error_type(exchange))

    def _init_error(self, exchange: Exchange) -> None:
        self._session.failed_to_initialise()
        self._events.on_init_error(_kept(exchange), _error_type(exchange))
        exchange.respond(202, _JSON, _OK)

    def _hook_report(self, exchange: Exchange) -> None:
        def answer(status: int, body: bytes) -> None:
            exchange.respond(status, _AWS_JSON, body)

        target = exchange.headers[hook_report.TARGET]
        self._events.on_hook_report(target, _kept(exchange), answer)


class Endpoints:
    """Opens them. See `ports.RuntimeEndpoints`."""

    def __init__(self, *, limits: Limits) -> None:
        self._limits = limits

    def open(self, events: RuntimeEvents) -> Endpoint:
        return Endpoint(events, limits=self._limits)


def _hand_over(exchange: Exchange, delivery: Delivery) -> None:
    """The answer to /next. Absent values are left out, not sent empty."""
    fields = (
        f"{_JSON}"
        f"Lambda-Runtime-Aws-Request-Id: {delivery.request_id}\r\n"
        f"Lambda-Runtime-Deadline-Ms: {delivery.deadline_ms}\r\n"
        f"{field('Lambda-Runtime-Invoked-Function-Arn', delivery.function_arn)}"
        f"{field('Lambda-Runtime-Trace-Id', delivery.trace_id)}"
    )
    if delivery.client_context is not None:
        # JSON may be written over several lines, a header may not; between its words any space does.
        text = delivery.client_context.decode("utf-8", errors="replace")
        fields += field("Lambda-Runtime-Client-Context", text)
    exchange.respond(200, fields, delivery.payload)


def _refuse(exchange: Exchange, status: int, error_type: str, message: str) -> None:
    body = json.dumps({"errorMessage": message, "errorType": error_type}).encode()
    exchange.respond(status, _JSON, body)


def _refuse_unknown(exchange: Exchange) -> None:
    _refuse(exchange, 404, "ResourceNotFound", f"No such resource: {exchange.target}")


def _request_id(exchange: Exchange) -> RequestId:
    """Of an answer: `…/invocation/ID/response`."""
    return RequestId(exchange.target[len(_INVOCATION) :].partition("/")[0])


def _mode(exchange: Exchange) -> str | None:
    return exchange.headers.get("lambda-runtime-function-response-mode")


def _kept(exchange: Exchange) -> bytes:
    return b"" if exchange.too_large else exchange.body


def _error_type(exchange: Exchange) -> str | None:
    return exchange.headers.get("lambda-runtime-function-error-type")
