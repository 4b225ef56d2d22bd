"""The session of one runtime with its Runtime API, as one table. No I/O, no clock.

Everything that affects a transition is in `TRANSITIONS`; what it does not allow is refused with the
error the runtime is answered with, and changes nothing.
"""

from __future__ import annotations

from enum import StrEnum

from workbench.errors import InternalError, ProtocolError
from workbench.model.names import RequestId


class SessionState(StrEnum):
    """As the emulator names them."""

    STARTED = "Started"
    """Initialising: it has not asked for work."""
    READY = "Ready"
    """It waits in /next."""
    RUNNING = "Running"
    """It has an event."""
    RESPONSE_SENT = "ResponseSent"
    """It has answered."""
    INIT_ERROR = "InitError"
    """It said that it could not initialise; it is expected to exit."""


class Call(StrEnum):
    """What a runtime can ask."""

    NEXT = "next"
    RESPONSE = "response"
    ERROR = "error"
    INIT_ERROR = "init error"


_S = SessionState

TRANSITIONS: dict[SessionState, dict[Call, SessionState]] = {
    _S.STARTED: {Call.NEXT: _S.READY, Call.INIT_ERROR: _S.INIT_ERROR},
    _S.READY: {Call.NEXT: _S.READY},
    # A runtime that asks again for what it already has is given it again.
    _S.RUNNING: {
        Call.NEXT: _S.RUNNING,
        Call.RESPONSE: _S.RESPONSE_SENT,
        Call.ERROR: _S.RESPONSE_SENT,
    },
    _S.RESPONSE_SENT: {Call.NEXT: _S.READY},
    _S.INIT_ERROR: {},
}

_LEADS_TO = {
    Call.NEXT: _S.READY,
    Call.RESPONSE: _S.RESPONSE_SENT,
    Call.ERROR: _S.RESPONSE_SENT,
    Call.INIT_ERROR: _S.INIT_ERROR,
}


class RuntimeSession:
    """Where one runtime stands."""

    def __init__(self) -> None:
        self.state = SessionState.STARTED
        self._current: RequestId | None = None

    def asked_for_work(self) -> bool:
        """GET /next. True: it is ready now, and was not before."""
        before = self.state
        self._go(Call.NEXT)
        return self.state is not before

    def given(self, request_id: RequestId) -> None:
        """The workbench hands over an event. Only when it waits; anything else is our bug."""
        if self.state is not _S.READY:
            raise InternalError(f"An event was handed to a runtime that is {self.state}.")
        self.state = _S.RUNNING
        self._current = request_id

    def check_answer(self, request_id: str, call: Call) -> RequestId:
        """POST /response or /error: is it legal now? Changes nothing. Raises `ProtocolError`."""
        if self._current is None or request_id != self._current:
            raise ProtocolError("Invalid request ID", status=400, error_type="InvalidRequestID")
        self._allowed(call)
        return self._current

    def answered(self, request_id: str, call: Call) -> RequestId:
        """It has answered."""
        known = self.check_answer(request_id, call)
        self._go(call)
        return known

    def failed_to_initialise(self) -> None:
        """POST /init/error."""
        self._go(Call.INIT_ERROR)

    def reset(self) -> None:
        """The runtime is gone; the next one begins at the beginning."""
        self.state = SessionState.STARTED
        self._current = None

    def _allowed(self, call: Call) -> SessionState:
        following = TRANSITIONS[self.state].get(call)
        if following is None:
            raise ProtocolError(
                f"State transition from {self.state} to {_LEADS_TO[call]} failed for runtime. "
                "Error: State transition is not allowed",
                status=403,
                error_type="InvalidStateTransition",
            )
        return following

    def _go(self, call: Call) -> None:
        self.state = self._allowed(call)
