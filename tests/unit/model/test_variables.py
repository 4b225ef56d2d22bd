"""What a runtime process finds in its environment, and who wins."""

from __future__ import annotations

import pytest

from tests.fakes.clock import EPOCH
from tests.fakes.versions import a_runtime, a_variable, a_version
from workbench.model.names import EnvironmentId
from workbench.model.settings import Settings
from workbench.model.variables import RESERVED, runtime_variables
from workbench.model.version import Image, Version

ENVIRONMENT = EnvironmentId("3f" * 16)


def variables(version: Version) -> dict[str, str]:
    found = runtime_variables(
        version,
        environment_id=ENVIRONMENT,
        created_at=EPOCH,
        settings=Settings(region="eu-west-1"),
    )
    assert list(found) == sorted(found)
    return dict(found)


def test_the_set_is_lambdas() -> None:
    assert variables(a_version(memory_mb=512)) == {
        "AWS_ACCESS_KEY_ID": "WORKBENCHLOCALACCESS",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_EXECUTION_ENV": "AWS_Lambda_python3.13",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
        "AWS_LAMBDA_FUNCTION_NAME": "orders",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/orders",
        "AWS_LAMBDA_LOG_STREAM_NAME": f"2026/01/02/[$LATEST]{ENVIRONMENT}",
        "AWS_REGION": "eu-west-1",
        "AWS_SECRET_ACCESS_KEY": "workbench-local-secret",
        "AWS_SESSION_TOKEN": "workbench-local-session",
        "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
        "AWS_XRAY_DAEMON_ADDRESS": "169.254.100.1:2000",
        "LAMBDA_RUNTIME_DIR": "/var/runtime",
        "LAMBDA_TASK_ROOT": "/var/task",
        "LANG": "en_US.UTF-8",
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "TZ": ":UTC",
        "_HANDLER": "app.handler",
    }


@pytest.mark.parametrize("name", sorted(RESERVED & set(variables(a_version()))))
def test_what_is_reserved_cannot_be_overridden(name: str) -> None:
    mine = a_version(variables=(a_variable(name, "mine"),))
    assert variables(mine)[name] == variables(a_version())[name]


@pytest.mark.parametrize("name", ["PATH", "LANG", "TZ", "AWS_XRAY_CONTEXT_MISSING"])
def test_what_is_not_reserved_is_the_functions_to_change(name: str) -> None:
    assert variables(a_version(variables=(a_variable(name, "mine"),)))[name] == "mine"


def test_the_runtimes_own_come_before_the_platforms() -> None:
    runtime = a_runtime(variables=(("LANG", "C.UTF-8"),))
    assert variables(a_version(runtime=runtime))["LANG"] == "C.UTF-8"


def test_secrets_reach_the_function_as_they_are() -> None:
    secret = a_variable("API_KEY", "hunter2", secret=True)
    assert variables(a_version(variables=(secret,)))["API_KEY"] == "hunter2"


def test_the_address_of_the_runtime_api_is_the_drivers_to_say() -> None:
    assert "AWS_LAMBDA_RUNTIME_API" not in variables(a_version())


def test_provided_runtimes_and_foreign_images_have_no_execution_env() -> None:
    provided = a_runtime("provided.al2023", execution_env=None)
    foreign = Image(reference="mine", digest="00" * 32, built_for_runtime=False)
    assert "AWS_EXECUTION_ENV" not in variables(a_version(runtime=provided))
    assert "AWS_EXECUTION_ENV" not in variables(a_version(image=foreign))
