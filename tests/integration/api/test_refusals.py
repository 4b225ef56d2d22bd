from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from tests.fakes.driver import Behaviour
from tests.fakes.runtime import died, ending
from tests.fakes.workbench import a_function, fake_house
from tests.integration.api.site import ARN, Site, a_client, error_of, site
from workbench.api.server import Endpoint
from workbench.errors import BuildFailed, EngineUnreachable
from workbench.facade.invocations import Invocations, Run, Waiting
from workbench.model.invocation import InvokeRequest, OutcomeKind
from workbench.model.settings import Limits, Settings
from workbench.model.telemetry import Accepted, Fault


@pytest.mark.parametrize(
    ("arguments", "status", "code", "message"),
    [
        (
            {"FunctionName": "nope"},
            404,
            "ResourceNotFoundException",
            "Function not found: arn:aws:lambda:us-east-1:123456789012:function:nope:$LATEST",
        ),
        (
            {"Qualifier": "live"},
            404,
            "ResourceNotFoundException",
            f"Function not found: {ARN}:live",
        ),
        (
            {"FunctionName": ARN.replace("us-east-1", "eu-west-1")},
            404,
            "ResourceNotFoundException",
            "Functions from 'eu-west-1' are not reachable in this region ('us-east-1')",
        ),
        (
            {"FunctionName": ARN.replace("1234", "4321")},
            403,
            "AccessDeniedException",
            "This workbench is account 123456789012, not 432156789012.",
        ),
        (
            {"FunctionName": "orders:live", "Qualifier": "7"},
            400,
            "InvalidParameterValueException",
            "The derived qualifier from the function name does not match the specified qualifier.",
        ),
        (
            {"InvocationType": "Later"},
            400,
            "ValidationException",
            (
                "1 validation error detected: Value 'Later' at 'invocationType' failed to satisfy "
                "constraint: Member must satisfy enum value set: [Event, RequestResponse, DryRun]"
            ),
        ),
        (
            {"ClientContext": "string"},
            400,
            "InvalidRequestContentException",
            "Client context must be a valid Base64-encoded JSON object.",
        ),
    ],
)
async def test_a_refusal_is_told_as_lambda_does(
    tmp_path: Path, arguments: dict[str, str], status: int, code: str, message: str
) -> None:
    async with site(tmp_path) as here:
        refusal = await here.refusal(**arguments)

        assert await here.house.workbench.invocations.recent() == ()

    assert error_of(refusal) == (status, code, message)


async def test_a_body_that_is_not_json_is_refused_with_the_recorded_prefix(tmp_path: Path) -> None:
    async with site(tmp_path) as here:
        refusal = await here.refusal(Payload=b"{'single': 1}")

    status, code, message = error_of(refusal)
    assert (status, code) == (400, "InvalidRequestContentException")
    assert message.startswith(
        "Could not parse request body into json: Could not parse payload into json: "
    )


async def test_an_asynchronous_call_is_refused_and_not_faked(tmp_path: Path) -> None:
    async with site(tmp_path) as here:
        refusal = await here.refusal(InvocationType="Event")

    status, code, message = error_of(refusal)
    assert (status, code) == (400, "InvalidParameterValueException")
    assert "later release" in message


async def test_a_throttle_says_why_and_when_to_come_back(tmp_path: Path) -> None:
    settings = replace(Settings(), limits=Limits(concurrency=1))
    async with site(tmp_path, settings) as here, asyncio.TaskGroup() as tasks:
        first = tasks.create_task(here.invoke(Payload=b'{"do": "wait", "seconds": 1}'))
        await here.hear(Accepted)
        refusal = await here.refusal()
        assert not first.done()

    assert error_of(refusal) == (429, "TooManyRequestsException", "Rate Exceeded.")
    assert refusal.response["Reason"] == "ConcurrentInvocationLimitExceeded"
    assert refusal.response["ResponseMetadata"]["HTTPHeaders"]["retry-after"] == "1"


async def test_a_broken_function_is_a_conflict_that_says_where(tmp_path: Path) -> None:
    async with site(tmp_path) as here:
        refusal = await here.refusal(FunctionName="broken")

    status, code, message = error_of(refusal)
    assert (status, code) == (409, "ResourceConflictException")
    assert "function.toml:1: It is wrong." in message


async def test_a_failed_build_is_not_tried_again_by_sdks(tmp_path: Path) -> None:
    async with site(tmp_path) as here:
        here.house.images.fails = BuildFailed("image x", step="step 2/3", output="no such package")
        refusal = await here.refusal()

    status, _, message = error_of(refusal)
    assert status == 409
    assert "no such package" in message


async def test_an_engine_that_is_gone_is_a_service_exception_in_our_words(tmp_path: Path) -> None:
    async with site(tmp_path) as here:
        gone = EngineUnreachable(cause="It is gone.", remedy="Start it.")
        here.house.driver.usual = Behaviour(create_error=gone)
        refusal = await here.refusal()
        run = await here.only_run()

    assert error_of(refusal) == (500, "ServiceException", "It is gone. Start it.")
    assert refusal.response["ResponseMetadata"]["RequestId"] == run.record.request_id
    assert run.record.outcome is not None
    assert run.record.outcome.kind is OutcomeKind.NOT_STARTED


async def test_a_runtime_that_never_starts_is_an_outcome(tmp_path: Path) -> None:
    async with site(tmp_path) as here:
        here.house.driver.usual = Behaviour(programs=(ending(died(1)),))
        answer = await here.invoke()

    assert (answer["StatusCode"], answer["FunctionError"]) == (200, "Unhandled")
    assert json.loads(answer["Payload"])["errorType"] == "Runtime.ExitError"


class Mistaken:
    """Invocations with a bug in them."""

    def invoke_nowait(self, _: InvokeRequest) -> Run | Waiting:
        raise KeyError("surprise")


async def test_a_bug_of_ours_is_a_service_exception_and_announced(tmp_path: Path) -> None:
    async with fake_house(tmp_path, a_function(tmp_path, "orders")) as house:
        mistaken = cast("Invocations", Mistaken())
        broken = replace(house.workbench, invocations=mistaken)
        async with Endpoint(broken).open() as address:
            with house.workbench.subscribe() as feed:
                here = Site(house=house, address=address, client=a_client(address), feed=feed)
                refusal = await here.refusal()
                (fault,) = [value for value in feed.take_nowait() if isinstance(value, Fault)]

    status, code, message = error_of(refusal)
    assert (status, code) == (500, "ServiceException")
    assert "bug in workbench" in message
    assert "surprise" in fault.message
