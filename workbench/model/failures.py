"""The outcomes that Lambda itself words: what a caller is sent when the function did not answer.

Source: bodies recorded from AWS, November 2025 (docs/compatibility.md, "Failures").
"""

from __future__ import annotations

import json

from workbench.model.container import RuntimeExit
from workbench.model.invocation import Outcome, OutcomeKind
from workbench.model.names import RequestId
from workbench.model.terminal_text import safe

TIMED_OUT = "Sandbox.Timedout"
EXIT_ERROR = "Runtime.ExitError"
OUT_OF_MEMORY = "Runtime.OutOfMemory"
INVALID_ENTRYPOINT = "Runtime.InvalidEntrypoint"
RESPONSE_TOO_LARGE = "Function.ResponseSizeTooLarge"
INVALID_RESPONSE_MODE = "Runtime.InvalidResponseModeHeader"
TRUNCATED_RESPONSE = "Runtime.TruncatedResponse"
STOPPED = "Workbench.Stopped"
LOST = "Workbench.Lost"
NOT_STARTED = "Workbench.NotStarted"


def error_payload(error_type: str, message: str) -> bytes:
    """The error object as Lambda writes it."""
    return json.dumps(
        {"errorType": error_type, "errorMessage": message}, separators=(",", ":")
    ).encode()


def failure(kind: OutcomeKind, error_type: str, message: str) -> Outcome:
    """An outcome whose body is the usual error object."""
    return Outcome(
        kind=kind,
        payload=error_payload(error_type, message),
        error_type=error_type,
        error_message=message,
    )


def timed_out(request_id: RequestId, *, timeout_s: float) -> Outcome:
    """The deadline passed. `timeout_s` is the configured one."""
    text = f"RequestId: {request_id} Error: Task timed out after {timeout_s:.2f} seconds"
    return failure(OutcomeKind.TIMEOUT, TIMED_OUT, text)


def runtime_exited(
    request_id: RequestId, ended: RuntimeExit, *, out_of_memory: bool, during_init: bool
) -> Outcome:
    """The runtime process ended before it answered."""
    if ended.start_error is not None:
        return failure(OutcomeKind.INIT_ERROR, INVALID_ENTRYPOINT, exit_text(request_id, ended))
    kind = OutcomeKind.INIT_ERROR if during_init else OutcomeKind.EXIT
    error_type = EXIT_ERROR
    if out_of_memory:
        kind, error_type = OutcomeKind.OUT_OF_MEMORY, OUT_OF_MEMORY
    return failure(kind, error_type, exit_text(request_id, ended))


def exit_text(request_id: RequestId, ended: RuntimeExit) -> str:
    """`RequestId: … Error: Runtime exited with error: exit status 1`, as body and log line say it."""
    if ended.start_error is not None:
        return f"RequestId: {request_id} Error: {ended.start_error}"
    if ended.reason is None:
        return f"RequestId: {request_id} Error: Runtime exited without providing a reason"
    return f"RequestId: {request_id} Error: Runtime exited with error: {ended.reason}"


def response_too_large(*, limit_bytes: int) -> Outcome:
    """The runtime posted more than Lambda returns."""
    return failure(
        OutcomeKind.ERROR,
        RESPONSE_TOO_LARGE,
        f"Response payload size exceeded maximum allowed payload size ({limit_bytes} bytes).",
    )


def invalid_response_mode(value: str) -> Outcome:
    """The runtime asked for a response mode that does not exist."""
    return failure(
        OutcomeKind.ERROR, INVALID_RESPONSE_MODE, f"Invalid response mode header: {value}"
    )


def truncated_response() -> Outcome:
    """The runtime closed its connection in the middle of a response."""
    return failure(
        OutcomeKind.ERROR, TRUNCATED_RESPONSE, "The runtime closed the connection mid-response."
    )


def stopped(request_id: RequestId) -> Outcome:
    """Someone at the workbench stopped it. Ours: Lambda has no such verb."""
    return failure(
        OutcomeKind.STOPPED, STOPPED, f"RequestId: {request_id} Error: Stopped at the workbench"
    )


def lost(request_id: RequestId, why: str) -> Outcome:
    """Its container or the workbench went away while it ran. Ours."""
    return failure(OutcomeKind.LOST, LOST, f"RequestId: {request_id} Error: {why}")


def not_started(request_id: RequestId, why: str) -> Outcome:
    """No environment could be had. Ours: the caller gets the exception; the history gets this."""
    return failure(OutcomeKind.NOT_STARTED, NOT_STARTED, f"RequestId: {request_id} Error: {why}")


def posted_error(body: bytes, *, header_type: str | None, kind: OutcomeKind) -> Outcome:
    """What a runtime posted to /error or /init/error: returned byte for byte, read for display only,
    where it is made safe for a terminal.

    The type is the body's `errorType`; official clients often omit the header on /error.
    """
    error_type = safe(header_type or "Runtime.Unknown")
    message: str | None = None
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError):
        parsed = None
    if isinstance(parsed, dict):
        if isinstance(parsed.get("errorType"), str) and parsed["errorType"]:
            error_type = safe(parsed["errorType"])
        if isinstance(parsed.get("errorMessage"), str):
            message = safe(parsed["errorMessage"])
    return Outcome(kind=kind, payload=body, error_type=error_type, error_message=message)
