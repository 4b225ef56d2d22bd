"""What callers are sent when the function did not answer, byte for byte.

Source: bodies recorded from AWS, reference section 11.3.
"""

from __future__ import annotations

import pytest

from workbench.model import failures
from workbench.model.container import RuntimeExit
from workbench.model.invocation import Outcome, OutcomeKind
from workbench.model.names import RequestId

ID = RequestId("8f5a1c2e-1111-4222-8333-944455556666")
KILLED = RuntimeExit(code=None, signal=9)


def exited(ended: RuntimeExit, *, oom: bool = False, init: bool = False) -> Outcome:
    return failures.runtime_exited(ID, ended, out_of_memory=oom, during_init=init)


BODIES = [
    (
        failures.timed_out(ID, timeout_s=3),
        OutcomeKind.TIMEOUT,
        (
            b'{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: '
            b'8f5a1c2e-1111-4222-8333-944455556666 Error: Task timed out after 3.00 seconds"}'
        ),
    ),
    (
        failures.timed_out(ID, timeout_s=900),
        OutcomeKind.TIMEOUT,
        (
            b'{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: '
            b'8f5a1c2e-1111-4222-8333-944455556666 Error: Task timed out after 900.00 seconds"}'
        ),
    ),
    (
        exited(RuntimeExit(code=0)),
        OutcomeKind.EXIT,
        (
            b'{"errorType":"Runtime.ExitError","errorMessage":"RequestId: '
            b"8f5a1c2e-1111-4222-8333-944455556666 Error: "
            b'Runtime exited without providing a reason"}'
        ),
    ),
    (
        exited(RuntimeExit(code=1)),
        OutcomeKind.EXIT,
        (
            b'{"errorType":"Runtime.ExitError","errorMessage":"RequestId: '
            b"8f5a1c2e-1111-4222-8333-944455556666 Error: "
            b'Runtime exited with error: exit status 1"}'
        ),
    ),
    (
        exited(RuntimeExit(code=None, signal=11, core_dumped=True)),
        OutcomeKind.EXIT,
        (
            b'{"errorType":"Runtime.ExitError","errorMessage":"RequestId: '
            b"8f5a1c2e-1111-4222-8333-944455556666 Error: "
            b'Runtime exited with error: signal: segmentation fault (core dumped)"}'
        ),
    ),
    (
        exited(KILLED, oom=True),
        OutcomeKind.OUT_OF_MEMORY,
        (
            b'{"errorType":"Runtime.OutOfMemory","errorMessage":"RequestId: '
            b'8f5a1c2e-1111-4222-8333-944455556666 Error: Runtime exited with error: signal: killed"}'
        ),
    ),
    (
        exited(KILLED, oom=True, init=True),
        OutcomeKind.OUT_OF_MEMORY,
        (
            b'{"errorType":"Runtime.OutOfMemory","errorMessage":"RequestId: '
            b'8f5a1c2e-1111-4222-8333-944455556666 Error: Runtime exited with error: signal: killed"}'
        ),
    ),
    (
        exited(RuntimeExit(code=127), init=True),
        OutcomeKind.INIT_ERROR,
        (
            b'{"errorType":"Runtime.ExitError","errorMessage":"RequestId: '
            b"8f5a1c2e-1111-4222-8333-944455556666 Error: "
            b'Runtime exited with error: exit status 127"}'
        ),
    ),
    (
        exited(RuntimeExit(code=None, start_error="Permission denied"), init=True),
        OutcomeKind.INIT_ERROR,
        (
            b'{"errorType":"Runtime.InvalidEntrypoint","errorMessage":"RequestId: '
            b'8f5a1c2e-1111-4222-8333-944455556666 Error: Permission denied"}'
        ),
    ),
    (
        failures.response_too_large(limit_bytes=6_291_556),
        OutcomeKind.ERROR,
        (
            b'{"errorType":"Function.ResponseSizeTooLarge","errorMessage":"Response payload size '
            b'exceeded maximum allowed payload size (6291556 bytes)."}'
        ),
    ),
    (
        failures.invalid_response_mode("x"),
        OutcomeKind.ERROR,
        (
            b'{"errorType":"Runtime.InvalidResponseModeHeader","errorMessage":'
            b'"Invalid response mode header: x"}'
        ),
    ),
    (
        failures.truncated_response(),
        OutcomeKind.ERROR,
        (
            b'{"errorType":"Runtime.TruncatedResponse","errorMessage":'
            b'"The runtime closed the connection mid-response."}'
        ),
    ),
    (
        failures.stopped(ID),
        OutcomeKind.STOPPED,
        (
            b'{"errorType":"Workbench.Stopped","errorMessage":"RequestId: '
            b'8f5a1c2e-1111-4222-8333-944455556666 Error: Stopped at the workbench"}'
        ),
    ),
    (
        failures.lost(ID, "The container went away."),
        OutcomeKind.LOST,
        (
            b'{"errorType":"Workbench.Lost","errorMessage":"RequestId: '
            b'8f5a1c2e-1111-4222-8333-944455556666 Error: The container went away."}'
        ),
    ),
    (
        failures.not_started(ID, "No image."),
        OutcomeKind.NOT_STARTED,
        (
            b'{"errorType":"Workbench.NotStarted","errorMessage":"RequestId: '
            b'8f5a1c2e-1111-4222-8333-944455556666 Error: No image."}'
        ),
    ),
]


@pytest.mark.parametrize(
    ("outcome", "kind", "body"),
    BODIES,
    ids=[f"{o.error_type} {n}" for n, (o, _, _) in enumerate(BODIES)],
)
def test_body(outcome: Outcome, kind: OutcomeKind, body: bytes) -> None:
    assert outcome.payload == body
    assert outcome.kind is kind
    assert not outcome.ok
    assert outcome.function_error == "Unhandled"


def test_a_success_is_no_function_error() -> None:
    assert Outcome(kind=OutcomeKind.SUCCESS, payload=b"1").function_error is None


POSTED = [
    (b'{"errorType":"ValueError","errorMessage":"no"}', None, "ValueError", "no"),
    (b'{"errorType":"ValueError","errorMessage":"no"}', "Runtime.X", "ValueError", "no"),
    (b'{"errorMessage":"no"}', "Runtime.ImportModuleError", "Runtime.ImportModuleError", "no"),
    (b'{"errorType":""}', "Function.Y", "Function.Y", None),
    (b'{"errorType":7,"errorMessage":[]}', None, "Runtime.Unknown", None),
    (b"[1]", None, "Runtime.Unknown", None),
    (b"", None, "Runtime.Unknown", None),
    (b"\xff\xfe", "", "Runtime.Unknown", None),
    (b"[" * 100_000, None, "Runtime.Unknown", None),
    (b'{"errorType":"\\u001b]0;x\\u0007E","errorMessage":"\\u001b[2Jm"}', None, "E", "m"),
    (b'{"errorType":"\\ud800E"}', "\x1b[31mR", "E", None),
    (b"{}", "\x1b[2JRuntime.X", "Runtime.X", None),
]


@pytest.mark.parametrize(("body", "header", "error_type", "message"), POSTED)
def test_posted_errors_are_kept_byte_for_byte_and_shown_safely(
    body: bytes, header: str | None, error_type: str, message: str | None
) -> None:
    outcome = failures.posted_error(body, header_type=header, kind=OutcomeKind.ERROR)
    assert outcome.payload == body
    assert outcome.error_type == error_type
    assert outcome.error_message == message
