"""Hooks that report at the endpoint, with CodeDeploy's real client, and what only those invoked may do."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import boto3  # type: ignore[import-untyped]
import pytest
from botocore.config import Config  # type: ignore[import-untyped]
from botocore.exceptions import ClientError  # type: ignore[import-untyped]

from tests.integration.api.site import Site, site
from workbench.errors import StoreError
from workbench.functions.hooks import AskedHook, HookDesk
from workbench.model.deployment import Deployment, DeploymentPlan, DeploymentStatus, EventStatus
from workbench.model.hook_report import OPERATION, HookReport
from workbench.model.names import FunctionName, Qualifier, RequestId
from workbench.model.strategy import parse_strategy

ORDERS, LIVE = FunctionName("orders"), Qualifier("live")
MINE, ANOTHERS = RequestId("a"), RequestId("b")


def a_codedeploy(address: str) -> Any:
    return boto3.client(
        "codedeploy",
        endpoint_url=address,
        region_name="us-east-1",
        aws_access_key_id="anything",
        aws_secret_access_key="goes",
        config=Config(retries={"max_attempts": 0}, read_timeout=20),
    )


async def asked(here: Site) -> Deployment:
    """A deployment whose first hook was asked, and says nothing by itself."""
    workbench = here.house.workbench
    await workbench.versions.publish(ORDERS)
    await workbench.aliases.create(ORDERS, LIVE, Qualifier("$LATEST"))
    made = await workbench.deployments.create(
        DeploymentPlan(
            function=ORDERS,
            alias=LIVE,
            version=Qualifier("1"),
            strategy=parse_strategy("allatonce"),
            before_hook="orders",
        )
    )
    async for found in workbench.deployments.watch(made.id):
        if found.deployment.hook_due is not None:
            return found.deployment
    raise AssertionError("it ended")


async def test_codedeploys_client_reports_at_the_endpoint(project_folder: Path) -> None:
    async with site(project_folder) as here, here.house.workbench.deployments.driven():
        deployment = await asked(here)
        event = deployment.hook_due
        assert event is not None
        client = a_codedeploy(here.address)

        async def report(**changed: str) -> Any:
            given = {
                "deploymentId": deployment.id,
                "lifecycleEventHookExecutionId": event.execution_id,
                "status": "Succeeded",
            }
            return await asyncio.to_thread(
                client.put_lifecycle_event_hook_execution_status, **given | changed
            )

        async def refusal(**changed: str) -> str:
            with pytest.raises(ClientError) as refused:
                await report(**changed)
            return str(refused.value.response["Error"]["Code"])

        assert await refusal(deploymentId="d-NOSUCH000") == "DeploymentDoesNotExistException"
        assert await refusal(lifecycleEventHookExecutionId="?") == (
            "InvalidLifecycleEventHookExecutionIdException"
        )
        assert await refusal(status="Pending") == (
            "InvalidLifecycleEventHookExecutionStatusException"
        )
        answer = await report()
        assert answer["lifecycleEventHookExecutionId"] == event.execution_id
        assert await refusal() == "LifecycleEventAlreadyCompletedException"

        async for found in here.house.workbench.deployments.watch(deployment.id):
            last = found.deployment
        assert last.status is DeploymentStatus.SUCCEEDED
        assert last.events[0].status is EventStatus.SUCCEEDED
        (run,) = await here.house.workbench.invocations.recent()
        assert run.origin == "deployment"


# --- from inside ----------------------------------------------------------------------------------------------


def a_report(execution_id: str = "x", deployment_id: str = "d-ABC123XYZ") -> bytes:
    return json.dumps(
        {
            "deploymentId": deployment_id,
            "lifecycleEventHookExecutionId": execution_id,
            "status": "Succeeded",
        }
    ).encode()


class Answers:
    """What a reporter was told."""

    def __init__(self) -> None:
        self.codes: list[str | int] = []
        self.kept: list[HookReport] = []

    def __call__(self, status: int, body: bytes) -> None:
        self.codes.append(json.loads(body).get("__type", status))

    async def keep(self, report: HookReport) -> None:
        self.kept.append(report)


async def test_an_invocation_reports_for_itself_and_while_it_runs() -> None:
    desk, answers = HookDesk(), Answers()
    async with asyncio.TaskGroup() as tasks:
        desk.expect(
            MINE,
            AskedHook(
                deployment_id="d-ABC123XYZ", execution_id="x", tasks=tasks, keep=answers.keep
            ),
        )
        desk.take(ANOTHERS, OPERATION, a_report(), answers)
        desk.take(MINE, OPERATION, a_report("another's"), answers)
        desk.take(MINE, OPERATION, a_report(deployment_id="d-ANOTHERS0"), answers)
        desk.take(MINE, OPERATION, b"{}", answers)
        assert answers.kept == []
        desk.take(MINE, OPERATION, a_report(), answers)
    desk.conclude(MINE)  # the deployment has gone on, the invocation has not ended
    desk.take(MINE, OPERATION, a_report(), answers)
    desk.take(MINE, OPERATION, a_report("another's"), answers)
    desk.forget(MINE)
    desk.take(MINE, OPERATION, a_report(), answers)

    denied, over = "AccessDeniedException", "LifecycleEventAlreadyCompletedException"
    assert answers.codes == [
        *[denied] * 3,
        "DeploymentIdRequiredException",
        200,
        over,
        denied,
        denied,
    ]
    assert [report.execution_id for report in answers.kept] == ["x"]


async def test_a_report_on_its_way_when_the_deployment_goes_on_is_answered() -> None:
    desk, answers, begun = HookDesk(), Answers(), asyncio.Event()

    async def slow(_: HookReport) -> None:
        begun.set()
        await asyncio.Event().wait()

    async def hook() -> None:
        async with asyncio.TaskGroup() as tasks:
            asked = AskedHook(deployment_id="d-ABC123XYZ", execution_id="x", tasks=tasks, keep=slow)
            desk.expect(MINE, asked)
            desk.take(MINE, OPERATION, a_report(), answers)
            await begun.wait()
            desk.take(MINE, OPERATION, a_report(), answers)  # has not even begun
            raise KeyError

    with pytest.raises(ExceptionGroup):
        await hook()
    assert answers.codes == ["LifecycleEventAlreadyCompletedException"] * 2


async def test_a_report_that_cannot_be_kept_is_not_said_to_be() -> None:
    async def full(_: HookReport) -> None:
        raise StoreError("No space is left.")

    desk, answers = HookDesk(), Answers()
    async with asyncio.TaskGroup() as tasks:
        desk.expect(
            MINE, AskedHook(deployment_id="d-ABC123XYZ", execution_id="x", tasks=tasks, keep=full)
        )
        desk.take(MINE, OPERATION, a_report(), answers)
    assert answers.codes == ["InternalFailure"]
