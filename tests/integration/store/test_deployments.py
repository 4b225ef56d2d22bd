"""Deployments in real files: what is written with what, what is refused, what can be undone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given

from tests.fakes.clock import Calendar
from tests.fakes.versions import a_published_version
from tests.unit.model.test_deployment import HAPPENINGS, World, happenings, plans
from workbench.errors import (
    AliasNotFound,
    DeploymentNotFound,
    DeploymentRunning,
    FunctionNotFound,
    HookReportRefused,
    InvalidParameter,
)
from workbench.model.alarm import Traffic, parse_alarm
from workbench.model.deployment import (
    Deployment,
    DeploymentPlan,
    DeploymentStatus,
    ErrorCode,
    Move,
    is_deployment_id,
)
from workbench.model.names import FunctionName, Qualifier
from workbench.model.release import Alias, ChangeKind
from workbench.model.strategy import parse_strategy
from workbench.store.releases.deployment_json import from_json, to_json
from workbench.store.releases.deployments import DeploymentStore
from workbench.store.releases.release_store import ReleaseStore

ORDERS, LIVE = FunctionName("orders"), Qualifier("live")
ONE, TWO = Qualifier("1"), Qualifier("2")
NONE = Traffic()


class Desk:
    """A project with two versions and an alias."""

    def __init__(self, state: Path) -> None:
        self.clock = Calendar()
        self.releases = ReleaseStore(state, clock=self.clock)
        self.deployments = DeploymentStore(self.releases.database, clock=self.clock)

    async def prepare(self) -> None:
        for _ in range(2):
            self.releases.publish_now(a_published_version(), same=lambda _: False)
        await self.releases.create_alias(Alias(function=ORDERS, name=LIVE, version=ONE))

    async def begin(self, strategy: str = "canary:10%:5m", **changed: object) -> Deployment:
        plan = DeploymentPlan(
            function=ORDERS, alias=LIVE, version=TWO, strategy=parse_strategy(strategy)
        )
        return await self.deployments.create(replace(plan, **changed))  # type: ignore[arg-type]

    async def settle(self, deployment: Deployment, traffic: Traffic = NONE) -> Deployment:
        moves: tuple[Move, ...] = (Move(at=self.clock.now(), event="", weight=0, reason=""),)
        while moves:
            deployment, moves = await self.deployments.step(deployment.id, traffic)
        return deployment

    async def alias(self) -> tuple[str, str | None, float]:
        found = await self.releases.alias(ORDERS, LIVE)
        return found.version, found.additional, found.weight


@pytest.fixture
def desk(state_folder: Path) -> Iterator[Desk]:
    desk = Desk(state_folder)
    yield desk
    desk.releases.close()


@given(plans, happenings)
def test_a_deployment_is_read_as_it_was_written(plan: DeploymentPlan, what: list[str]) -> None:
    world = World(plan)
    world.settle()
    for happens in what:
        assert from_json(to_json(world.deployment)) == world.deployment
        if not world.status.ended:
            world.let(happens)
    assert HAPPENINGS
    assert from_json(to_json(world.deployment)) == world.deployment


async def test_without_a_file_none_runs_and_none_is_made(desk: Desk) -> None:
    assert await desk.deployments.running() == ()
    assert not desk.releases.database.path.exists()


async def test_a_step_moves_the_alias_and_is_a_change(desk: Desk) -> None:
    await desk.prepare()
    before = await desk.releases.alias(ORDERS, LIVE)
    deployment = await desk.begin()
    assert is_deployment_id(deployment.id)
    assert deployment.status is DeploymentStatus.CREATED

    deployment = await desk.settle(deployment)
    assert await desk.alias() == ("1", "2", 0.1)
    assert (await desk.releases.alias(ORDERS, LIVE)).revision_id != before.revision_id

    desk.clock.ahead = timedelta(minutes=5)
    deployment = await desk.settle(deployment)
    assert await desk.alias() == ("2", None, 0.0)
    assert deployment == await desk.deployments.get(deployment.id)
    assert deployment.status is DeploymentStatus.SUCCEEDED
    assert await desk.deployments.running() == ()
    assert await desk.deployments.recent(ORDERS) == (deployment,)
    assert await desk.deployments.recent(FunctionName("billing")) == ()

    moves = await desk.deployments.moves(deployment.id)
    assert [(move.event, move.weight) for move in moves] == [
        ("Start", 0.0),
        ("BeforeAllowTraffic", 0.0),
        ("AllowTraffic", 0.1),
        ("AllowTraffic", 1.0),
        ("AfterAllowTraffic", 1.0),
        ("End", 1.0),
    ]
    last, first, *_ = await desk.releases.changes()
    assert (last.kind, first.kind) == (ChangeKind.SHIFT, ChangeKind.SHIFT)
    assert last.subject == "orders:live"
    assert last.summary.endswith("2 gets 100%.")


async def test_a_shift_is_undone_when_it_is_over_and_not_before(desk: Desk) -> None:
    await desk.prepare()
    deployment = await desk.settle(await desk.begin())

    with pytest.raises(DeploymentRunning, match=f"workbench deploy stop {deployment.id}"):
        await desk.releases.undo()
    assert await desk.alias() == ("1", "2", 0.1)

    desk.clock.ahead = timedelta(minutes=5)
    await desk.settle(deployment)
    await desk.releases.undo()
    assert await desk.alias() == ("1", "2", 0.1)
    await desk.releases.undo()
    assert await desk.alias() == ("1", None, 0.0)


async def test_an_alarm_puts_the_alias_back_in_the_same_step(desk: Desk) -> None:
    await desk.prepare()
    deployment = await desk.settle(await desk.begin(alarms=(parse_alarm("error-rate>5%"),)))
    ended = await desk.settle(deployment, Traffic(calls=20, errors=20))

    assert ended.code is ErrorCode.ALARM_ACTIVE
    assert await desk.alias() == ("1", None, 0.0)
    assert (await desk.deployments.moves(ended.id))[-1].reason == (
        "Alarm error-rate>5%: it is 100% over 20 calls. Rolled back to 1 100%."
    )


async def test_an_alias_has_one_deployment_at_a_time(desk: Desk) -> None:
    await desk.prepare()
    first = await desk.begin()
    with pytest.raises(DeploymentRunning, match=first.id):
        await desk.begin()

    await desk.deployments.stop(first.id, rollback=True)
    await desk.settle(first)
    await desk.begin()


async def test_what_does_not_exist_is_not_deployed(desk: Desk) -> None:
    await desk.prepare()
    with pytest.raises(AliasNotFound):
        await desk.begin(alias=Qualifier("beta"))
    with pytest.raises(FunctionNotFound):
        await desk.begin(version=Qualifier("3"))
    with pytest.raises(InvalidParameter):
        await desk.begin(version=LIVE)
    with pytest.raises(DeploymentNotFound):
        await desk.deployments.get("d-ABC123XYZ")


async def test_a_version_that_a_deployment_may_need_stays(desk: Desk) -> None:
    await desk.prepare()
    deployment = await desk.begin("allatonce", before_hook="check", after_hook="check")
    with pytest.raises(DeploymentRunning):
        await desk.releases.delete_version(ORDERS, 2)

    deployment = await desk.settle(deployment)
    before, _, after = deployment.events
    await desk.deployments.report(deployment.id, before.execution_id or "", "Succeeded")
    await desk.settle(deployment)
    assert await desk.alias() == ("2", None, 0.0)
    with pytest.raises(DeploymentRunning):
        await desk.releases.delete_version(ORDERS, 1)

    await desk.deployments.report(deployment.id, after.execution_id or "", "Succeeded")
    await desk.settle(deployment)
    await desk.releases.delete_version(ORDERS, 1)


async def test_reports_are_taken_once_and_for_what_is_asked(desk: Desk) -> None:
    await desk.prepare()
    deployment = await desk.settle(await desk.begin(before_hook="check", after_hook="check"))
    before, _, after = (event.execution_id or "" for event in deployment.events)

    async def refused(deployment_id: str, execution_id: str, status: str) -> str:
        with pytest.raises(HookReportRefused) as found:
            await desk.deployments.report(deployment_id, execution_id, status)
        return found.value.code

    assert await refused("d-abc", before, "Succeeded") == "InvalidDeploymentIdException"
    assert await refused(deployment.id, before, "InProgress") == (
        "InvalidLifecycleEventHookExecutionStatusException"
    )
    assert await refused(deployment.id, "?", "Failed") == (
        "InvalidLifecycleEventHookExecutionIdException"
    )
    assert (
        await refused(deployment.id, after, "Failed") == "LifecycleEventAlreadyCompletedException"
    )
    with pytest.raises(DeploymentNotFound):
        await desk.deployments.report("d-ABC123XYZ", before, "Failed")

    await desk.deployments.report(deployment.id, before, "Succeeded")
    assert await refused(deployment.id, before, "Failed") == (
        "LifecycleEventAlreadyCompletedException"
    )
    await desk.deployments.hook_failed(deployment.id, before, "It raised after it had reported.")
    await desk.settle(deployment)
    assert await desk.alias() == ("1", "2", 0.1)


async def test_an_alias_that_somebody_moved_is_left_there(desk: Desk) -> None:
    await desk.prepare()
    deployment = await desk.settle(await desk.begin())
    await desk.releases.update_alias(
        ORDERS, LIVE, lambda alias: replace(alias, version=TWO, additional=None, weight=0.0)
    )
    ended = await desk.settle(deployment)

    assert ended.code is ErrorCode.INVALID_LAMBDA_CONFIGURATION
    assert await desk.alias() == ("2", None, 0.0)
    await desk.releases.undo()  # what the person did
    await desk.releases.undo()  # the one step before it
    assert await desk.alias() == ("1", None, 0.0)
