"""A hook's report as CodeDeploy's clients send it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.errors import (
    AccessDenied,
    DeploymentNotFound,
    HookReportRefused,
    StoreError,
    WorkbenchError,
)
from workbench.model.hook_report import MAX_BYTES, OPERATION, accepted, parse_report, refused

WHOLE = {"deploymentId": "d-ABC123XYZ", "lifecycleEventHookExecutionId": "x", "status": "Failed"}


def test_a_report_is_read_and_answered() -> None:
    report = parse_report(OPERATION, json.dumps(WHOLE).encode())

    assert (report.deployment_id, report.execution_id, report.status) == (
        "d-ABC123XYZ",
        "x",
        "Failed",
    )
    assert accepted(report) == (200, b'{"lifecycleEventHookExecutionId": "x"}')


@pytest.mark.parametrize(
    ("target", "body", "code"),
    [
        ("CodeDeploy_20141006.StopDeployment", WHOLE, "UnknownOperationException"),
        (OPERATION, [WHOLE], "SerializationException"),
        (OPERATION, WHOLE | {"status": 7}, "SerializationException"),
        (OPERATION, WHOLE | {"more": "x" * MAX_BYTES}, "SerializationException"),
        (OPERATION, WHOLE | {"deploymentId": ""}, "DeploymentIdRequiredException"),
    ],
)
def test_what_is_none_is_refused_by_codedeploys_names(target: str, body: object, code: str) -> None:
    with pytest.raises(HookReportRefused) as found:
        parse_report(target, json.dumps(body).encode())
    assert found.value.code == code


@given(st.binary(max_size=300))
def test_any_bytes_are_a_report_or_refused(body: bytes) -> None:
    try:
        parse_report(OPERATION, body)
    except HookReportRefused as error:
        assert json.loads(refused(error)[1])["__type"] == error.code  # noqa: PT017 - any may come


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (HookReportRefused("No.", code="InvalidDeploymentIdException"), 400, None),
        (DeploymentNotFound("d-ABC123XYZ"), 400, "DeploymentDoesNotExistException"),
        (AccessDenied("No."), 400, "AccessDeniedException"),
        (StoreError("Broken."), 500, "InternalFailure"),
    ],
)
def test_refusals_have_codedeploys_names(
    error: WorkbenchError, status: int, code: str | None
) -> None:
    found, body = refused(error)
    assert found == status
    assert json.loads(body) == {
        "__type": code or "InvalidDeploymentIdException",
        "message": str(error),
    }
