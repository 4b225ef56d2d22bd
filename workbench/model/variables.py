"""The environment variables a runtime process is given.

Source: set and precedence recorded from AWS and read in its emulator: customer < unreserved
platform is *not* so for the names Lambda calls unreserved, which the customer may override; the
credentials and everything reserved always win.
"""

from __future__ import annotations

from datetime import datetime

from workbench.model.concurrency import InitializationType
from workbench.model.names import EnvironmentId
from workbench.model.report import log_stream_name
from workbench.model.runtime import Runtime
from workbench.model.settings import Settings
from workbench.model.version import TASK_ROOT, Version

RESERVED = frozenset(
    {
        "_HANDLER",
        "_X_AMZN_TRACE_ID",
        "AWS_ACCESS_KEY",
        "AWS_ACCESS_KEY_ID",
        "AWS_DEFAULT_REGION",
        "AWS_EXECUTION_ENV",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
        "AWS_LAMBDA_FUNCTION_NAME",
        "AWS_LAMBDA_FUNCTION_VERSION",
        "AWS_LAMBDA_INITIALIZATION_TYPE",
        "AWS_LAMBDA_LOG_GROUP_NAME",
        "AWS_LAMBDA_LOG_STREAM_NAME",
        "AWS_LAMBDA_MAX_CONCURRENCY",
        "AWS_LAMBDA_METADATA_API",
        "AWS_LAMBDA_METADATA_TOKEN",
        "AWS_LAMBDA_RUNTIME_API",
        "AWS_REGION",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SECRET_KEY",
        "AWS_SECURITY_TOKEN",
        "AWS_SESSION_TOKEN",
        "LAMBDA_RUNTIME_DIR",
        "LAMBDA_TASK_ROOT",
    }
)
"""Names a function may not set. Source: Lambda Developer Guide, "Reserved environment variables"."""

MAX_VARIABLES_BYTES = 4096
"""All names and values together, as JSON. Source: Lambda quotas."""

# Nothing here can reach AWS with them; SDKs refuse to construct a client without any.
_CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "WORKBENCHLOCALACCESS",
    "AWS_SECRET_ACCESS_KEY": "workbench-local-secret",
    "AWS_SESSION_TOKEN": "workbench-local-session",
}


def _unreserved(runtime: Runtime) -> dict[str, str]:
    """What the function's own variables win over."""
    return {
        "TZ": ":UTC",
        "LANG": "en_US.UTF-8",
        "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
        "AWS_XRAY_DAEMON_ADDRESS": "169.254.100.1:2000",
        **dict(runtime.variables),
    }


def boot_variables(
    runtime: Runtime, *, memory_mb: int, settings: Settings
) -> tuple[tuple[str, str], ...]:
    """What a runtime finds that is started before it is known whose it is.

    A part of `runtime_variables` of any function of that kind, by name; its memory only where that
    counts when the runtime starts.
    """
    variables = _unreserved(runtime) | {
        "AWS_REGION": settings.region,
        "AWS_DEFAULT_REGION": settings.region,
        "LAMBDA_TASK_ROOT": TASK_ROOT,
        "LAMBDA_RUNTIME_DIR": "/var/runtime",
    }
    if runtime.execution_env is not None:
        variables["AWS_EXECUTION_ENV"] = runtime.execution_env
    if runtime.preload is not None and runtime.preload.decides("AWS_LAMBDA_FUNCTION_MEMORY_SIZE"):
        variables["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] = str(memory_mb)
    return tuple(sorted(variables.items()))


def runtime_variables(
    version: Version,
    *,
    environment_id: EnvironmentId,
    created_at: datetime,
    settings: Settings,
    initialization_type: InitializationType = InitializationType.ON_DEMAND,
) -> tuple[tuple[str, str], ...]:
    """Everything the runtime process finds in its environment, but AWS_LAMBDA_RUNTIME_API."""
    configuration = version.configuration
    variables = _unreserved(version.runtime)
    variables.update((variable.name, variable.value) for variable in configuration.variables)
    variables.update(_CREDENTIALS)
    variables.update(
        {
            "_HANDLER": configuration.handler,
            "AWS_REGION": settings.region,
            "AWS_DEFAULT_REGION": settings.region,
            "AWS_LAMBDA_FUNCTION_NAME": configuration.name,
            "AWS_LAMBDA_FUNCTION_VERSION": version.version,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(configuration.memory_mb),
            "AWS_LAMBDA_INITIALIZATION_TYPE": initialization_type.value,
            "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{configuration.name}",
            "AWS_LAMBDA_LOG_STREAM_NAME": log_stream_name(
                environment_id, version.version, created_at
            ),
            "LAMBDA_TASK_ROOT": TASK_ROOT,
            "LAMBDA_RUNTIME_DIR": "/var/runtime",
        }
    )
    if version.runtime.execution_env is not None and version.image.built_for_runtime:
        variables["AWS_EXECUTION_ENV"] = version.runtime.execution_env
    return tuple(sorted(variables.items()))
