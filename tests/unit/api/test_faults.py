from __future__ import annotations

import inspect
import json
from pathlib import Path

import pytest
from botocore.session import get_session  # type: ignore[import-untyped] # it has no types

from workbench import errors
from workbench.api.faults import FAULTS, BodyShape, fault_of, refused
from workbench.errors import WorkbenchError
from workbench.model.names import RequestId
from workbench.model.settings import Settings

REQUEST_ID = RequestId("3f2a1b7c-55d1-4c0e-9a1b-0123456789ab")


def answer(error: WorkbenchError) -> tuple[int, dict[str, str], dict[str, str]]:
    sent = refused(error, request_id=REQUEST_ID, settings=Settings())
    return sent.status, sent.headers, json.loads(sent.body)


def all_errors() -> set[type[WorkbenchError]]:
    return {
        kind
        for _, kind in inspect.getmembers(errors, inspect.isclass)
        if issubclass(kind, WorkbenchError)
    }


def test_every_exception_has_a_row() -> None:
    assert set(FAULTS) == all_errors() - {WorkbenchError}


def test_statuses_are_those_of_lambdas_own_model() -> None:
    model = get_session().get_service_model("lambda").operation_model("Invoke")
    known = {shape.name: shape.metadata["error"]["httpStatusCode"] for shape in model.error_shapes}
    for kind, fault in FAULTS.items():
        assert known.get(fault.code, fault.status) == fault.status, kind


def test_a_newer_exception_gets_the_row_of_the_class_above() -> None:
    class Unlisted(errors.ContainerRefused):
        pass

    assert fault_of(Unlisted("no")) is FAULTS[errors.ContainerRefused]


def test_what_a_retry_cannot_mend_is_not_a_server_error() -> None:
    for kind in (errors.BuildFailed, errors.FunctionNotReady, errors.InvalidManifest):
        assert FAULTS[kind].status == 409


def test_an_unknown_function_is_told_as_recorded() -> None:
    status, headers, body = answer(errors.FunctionNotFound("nope", known=("orders",)))

    assert status == 404
    assert headers["x-amzn-ErrorType"] == "ResourceNotFoundException"
    assert headers["x-amzn-RequestId"] == REQUEST_ID
    assert body == {
        "Type": "User",
        "Message": "Function not found: "
        "arn:aws:lambda:us-east-1:123456789012:function:nope:$LATEST",
    }


def test_an_unknown_qualifier_stands_in_the_arn() -> None:
    _, _, body = answer(errors.FunctionNotFound("orders", qualifier="live"))

    assert body["Message"].endswith(":function:orders:live")


def test_a_throttle_has_its_reason_and_when_to_come_back() -> None:
    error = errors.ThrottledError(
        "Rate Exceeded.", reason="ReservedFunctionConcurrentInvocationLimitExceeded"
    )
    status, headers, body = answer(error)

    assert (status, headers["x-amzn-ErrorType"]) == (429, "TooManyRequestsException")
    assert int(headers["Retry-After"]) >= 1
    assert body == {
        "Reason": "ReservedFunctionConcurrentInvocationLimitExceeded",
        "Type": "User",
        "message": "Rate Exceeded.",
    }


def test_too_large_a_request_is_told_as_recorded() -> None:
    status, headers, body = answer(
        errors.RequestTooLarge(limit_bytes=6291456, operation="InvokeFunction")
    )

    assert (status, headers["x-amzn-ErrorType"]) == (413, "RequestEntityTooLargeException")
    assert body == {
        "Message": "Request must be smaller than 6291456 bytes for the InvokeFunction operation"
    }


def test_a_broken_constraint_has_no_type() -> None:
    status, headers, body = answer(
        errors.ConstraintViolated("x", member="logType", constraint="Member must not be null")
    )

    assert (status, headers["x-amzn-ErrorType"]) == (400, "ValidationException")
    assert body == {
        "message": "1 validation error detected: Value 'x' at 'logType' failed to satisfy "
        "constraint: Member must not be null"
    }


@pytest.mark.parametrize(
    ("error", "status", "code", "shape"),
    [
        (errors.InvalidRequestContent("no"), 400, "InvalidRequestContentException", BodyShape.USER),
        (
            errors.EngineUnreachable(cause="Gone.", remedy="Start it."),
            500,
            "ServiceException",
            BodyShape.SERVICE,
        ),
        (
            errors.InvalidManifest("bad", path=Path("f.toml"), line=3),
            409,
            "ResourceConflictException",
            BodyShape.USER,
        ),
        (errors.AccessDenied("no"), 403, "AccessDeniedException", BodyShape.BARE_CAPITAL),
    ],
)
def test_the_text_is_the_exceptions_own(
    error: WorkbenchError, status: int, code: str, shape: BodyShape
) -> None:
    got, headers, body = answer(error)
    kind, key = shape.value

    assert (got, headers["x-amzn-ErrorType"]) == (status, code)
    assert body == ({key: str(error)} if kind is None else {"Type": kind, key: str(error)})


def test_any_text_can_be_sent() -> None:
    _, _, body = answer(errors.InvalidParameter("caf\xe9 \udcff \x1b[2J \r\n", parameter="x"))

    assert body["message"] == "caf\xe9 \udcff \x1b[2J \r\n"
