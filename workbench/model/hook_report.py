"""How a hook function reports to a deployment: one operation of CodeDeploy's API, as its clients speak it.

AWS JSON 1.1: a POST whose header names the operation, a JSON body, a JSON answer.
Source: CodeDeploy API reference, PutLifecycleEventHookExecutionStatus; Smithy, AWS JSON 1.1 protocol.
"""

from __future__ import annotations

import json

from workbench.errors import (
    AccessDenied,
    DeploymentNotFound,
    HookReportRefused,
    StoreError,
    WorkbenchError,
)
from workbench.values import dataclass

SERVICE = "CodeDeploy_20141006."
OPERATION = f"{SERVICE}PutLifecycleEventHookExecutionStatus"
TARGET = "x-amz-target"
"""The header."""
CONTENT_TYPE = "application/x-amz-json-1.1"
ENDPOINT_VARIABLE = "AWS_ENDPOINT_URL_CODEDEPLOY"
"""Where SDKs look for the address of CodeDeploy. Source: AWS SDKs and Tools Reference Guide."""
API_PLACE = "http://workbench.runtime-api"
"""Stands in a variable for the address that only the driver of a container knows."""
MAX_BYTES = 16 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class HookReport:
    """What is reported."""

    deployment_id: str
    execution_id: str
    status: str
    """`Succeeded` or `Failed`; not looked at yet."""


def parse_report(target: str, body: bytes) -> HookReport:
    """Read a request. Raises `HookReportRefused`."""
    if target != OPERATION:
        raise HookReportRefused(
            f"{target.removeprefix(SERVICE)} is not served here: of CodeDeploy's operations only "
            "PutLifecycleEventHookExecutionStatus is.",
            code="UnknownOperationException",
        )
    try:
        read = json.loads(body) if len(body) <= MAX_BYTES else None
    except (ValueError, RecursionError):
        read = None
    if not isinstance(read, dict):
        raise HookReportRefused("The body is not a JSON object.", code="SerializationException")
    names = ("deploymentId", "lifecycleEventHookExecutionId", "status")
    deployment_id, execution_id, status = (read.get(name) or "" for name in names)
    if not all(isinstance(each, str) for each in (deployment_id, execution_id, status)):
        raise HookReportRefused("Its members are strings.", code="SerializationException")
    if not deployment_id:
        raise HookReportRefused("deploymentId is missing.", code="DeploymentIdRequiredException")
    return HookReport(deployment_id=deployment_id, execution_id=execution_id, status=status)


def already_completed(subject: str) -> HookReportRefused:
    """What a report of something that is over is refused with."""
    return HookReportRefused(
        f"{subject} is over, or has not begun.", code="LifecycleEventAlreadyCompletedException"
    )


def accepted(report: HookReport) -> tuple[int, bytes]:
    """Status and body of the answer."""
    return 200, json.dumps({"lifecycleEventHookExecutionId": report.execution_id}).encode()


def refused(error: WorkbenchError) -> tuple[int, bytes]:
    """Likewise, for a report that was not taken. Source: every error of CodeDeploy's is a 400."""
    status, code = 400, "InvalidDeploymentIdException"
    if isinstance(error, HookReportRefused):
        code = error.code
    elif isinstance(error, DeploymentNotFound):
        code = "DeploymentDoesNotExistException"
    elif isinstance(error, AccessDenied):
        code = "AccessDeniedException"
    elif isinstance(error, StoreError):
        status, code = 500, "InternalFailure"  # SDKs try that again
    return status, json.dumps({"__type": code, "message": str(error)}).encode()
