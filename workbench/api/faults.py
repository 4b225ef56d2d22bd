"""What a caller of the endpoint is sent for each exception: one table.

Source: Lambda API reference, error codes; headers and bodies recorded from AWS
(docs/compatibility.md, "The endpoint"). What has no counterpart there is ours, and says why.
"""

from __future__ import annotations

import json
from enum import Enum

from workbench import errors
from workbench.api.wire import Answer
from workbench.errors import FunctionNotFound, ThrottledError, WorkbenchError
from workbench.model.names import LATEST, FunctionName, Qualifier, RequestId, function_arn
from workbench.model.settings import Settings
from workbench.values import dataclass

RETRY_AFTER_S = 1
"""Of a throttled call. Ours: SDKs back off by themselves, and need at least a number."""


class BodyShape(Enum):
    """The keys of an error body: `Type`, where there is one, and what holds the message."""

    USER = ("User", "message")
    USER_CAPITAL = ("User", "Message")
    SERVICE = ("Service", "Message")
    BARE = (None, "message")
    BARE_CAPITAL = (None, "Message")


@dataclass(frozen=True, slots=True)
class Fault:
    """One row."""

    status: int
    code: str
    """x-amzn-ErrorType, from which SDKs make their exception."""
    shape: BodyShape


_INVALID_PARAMETER = Fault(400, "InvalidParameterValueException", BodyShape.USER)
_NOT_FOUND = Fault(404, "ResourceNotFoundException", BodyShape.USER_CAPITAL)
_CONFLICT = Fault(409, "ResourceConflictException", BodyShape.USER)
_KEY_DENIED = Fault(502, "KMSAccessDeniedException", BodyShape.USER_CAPITAL)
_SERVICE = Fault(500, "ServiceException", BodyShape.SERVICE)

FAULTS: dict[type[WorkbenchError], Fault] = {
    errors.RequestError: _INVALID_PARAMETER,
    # The function cannot be invoked as it stands, which is no fault of this caller. Not a 5xx:
    # SDKs would try again, and each try would build again.
    errors.InvalidManifest: _CONFLICT,
    errors.InvalidParameter: _INVALID_PARAMETER,
    errors.ConstraintViolated: Fault(400, "ValidationException", BodyShape.BARE),
    errors.InvalidRequestContent: Fault(400, "InvalidRequestContentException", BodyShape.USER),
    # The code on the wire; the API model calls it RequestTooLargeException.
    errors.RequestTooLarge: Fault(413, "RequestEntityTooLargeException", BodyShape.BARE_CAPITAL),
    errors.CodeTooLarge: _INVALID_PARAMETER,
    errors.ZipTooLarge: Fault(413, "RequestEntityTooLargeException", BodyShape.BARE_CAPITAL),
    errors.InvalidArchive: _INVALID_PARAMETER,
    errors.InvalidExport: _INVALID_PARAMETER,
    errors.UnknownOperation: Fault(404, "UnknownOperationException", BodyShape.BARE),
    errors.HookReportRefused: _INVALID_PARAMETER,
    errors.AccessDenied: Fault(403, "AccessDeniedException", BodyShape.BARE_CAPITAL),
    errors.NotFoundError: _NOT_FOUND,
    errors.FunctionNotFound: _NOT_FOUND,
    errors.AliasNotFound: _NOT_FOUND,
    errors.LayerVersionNotFound: _NOT_FOUND,
    errors.DeploymentNotFound: _NOT_FOUND,
    errors.EventNotFound: _NOT_FOUND,
    errors.InvocationNotFound: _NOT_FOUND,
    errors.RuntimeNotFound: Fault(502, "InvalidRuntimeException", BodyShape.USER_CAPITAL),
    errors.ProvisionedConcurrencyNotFound: Fault(
        404, "ProvisionedConcurrencyConfigNotFoundException", BodyShape.USER
    ),
    errors.KeyNotFound: _NOT_FOUND,
    errors.ConflictError: _CONFLICT,
    errors.AlreadyExists: _CONFLICT,
    errors.AliasExists: _CONFLICT,
    errors.PreconditionFailed: Fault(412, "PreconditionFailedException", BodyShape.USER),
    errors.DeploymentRunning: _CONFLICT,
    errors.FunctionNotReady: _CONFLICT,
    errors.KeyInUse: _CONFLICT,
    errors.ThrottledError: Fault(429, "TooManyRequestsException", BodyShape.USER),
    errors.DriverError: _SERVICE,
    errors.EngineUnreachable: _SERVICE,
    errors.ImageMissing: _SERVICE,
    errors.BuildFailed: _CONFLICT,  # as InvalidManifest
    errors.RuntimeMissing: _CONFLICT,  # likewise
    errors.DiskFull: _SERVICE,
    errors.ContainerRefused: _SERVICE,
    errors.FolderNotShared: _SERVICE,
    errors.ContainerLost: _SERVICE,
    errors.StoreError: _SERVICE,
    errors.DatabaseLocked: _SERVICE,
    errors.DatabaseFull: _SERVICE,
    errors.DatabaseReadOnly: _SERVICE,
    errors.DatabaseCorrupt: _SERVICE,
    errors.DatabaseTooNew: _SERVICE,
    errors.SealingError: _KEY_DENIED,
    errors.KeyMissing: Fault(502, "KMSNotFoundException", BodyShape.USER_CAPITAL),
    errors.KeyDenied: _KEY_DENIED,
    errors.CodeDamaged: _SERVICE,
    errors.ProtocolError: _SERVICE,
    errors.InternalError: _SERVICE,
}


def fault_of(error: WorkbenchError) -> Fault:
    """The row of an exception: its class's, or that of the nearest class above."""
    return next(FAULTS[kind] for kind in type(error).__mro__ if kind in FAULTS)


def refused(error: WorkbenchError, *, request_id: RequestId, settings: Settings) -> Answer:
    """The answer to a call that was not carried out."""
    fault = fault_of(error)
    kind, key = fault.shape.value
    body = {} if kind is None else {"Type": kind}
    body[key] = _message(error, settings)
    headers = {
        "Content-Type": "application/json",
        "x-amzn-RequestId": request_id,
        "x-amzn-ErrorType": fault.code,
    }
    if isinstance(error, ThrottledError):
        body = {"Reason": error.reason, **body}
        headers["Retry-After"] = str(RETRY_AFTER_S)
    return Answer(
        status=fault.status,
        headers=headers,
        body=json.dumps(body, separators=(",", ":")).encode("ascii"),
    )


def _message(error: WorkbenchError, settings: Settings) -> str:
    if isinstance(error, ThrottledError):
        return error.message
    if not isinstance(error, FunctionNotFound):
        return str(error)
    # Source: recorded; a call without a qualifier is told of $LATEST.
    arn = function_arn(
        FunctionName(error.name),
        Qualifier(error.qualifier or LATEST),
        region=settings.region,
        account=settings.account,
    )
    return f"Function not found: {arn}"
