"""Who drives deployments: one process at a time, and the next one when it dies."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.fakes.clock import EPOCH
from tests.fakes.versions import a_published_version
from tests.integration.functions.deploying import NoCounts, Obedient
from workbench.clock import Clock, SystemClock
from workbench.errors import EngineUnreachable, StoreError, ThrottledError
from workbench.functions.deployments import Counts, Deployer, Hooks
from workbench.model.alarm import Traffic, parse_alarm
from workbench.model.deployment import (
    Deployment,
    DeploymentPlan,
    DeploymentStatus,
    ErrorCode,
    LifecycleEvent,
    Move,
)
from workbench.model.names import FunctionName, Qualifier
from workbench.model.release import Alias
from workbench.model.strategy import parse_strategy
from workbench.model.telemetry import DeploymentChanged, Fault
from workbench.store.releases.deployments import DeploymentStore
from workbench.store.releases.release_store import ReleaseStore
from workbench.telemetry import Bus

ORDERS, LIVE = FunctionName("orders"), Qualifier("live")
ONE, TWO = Qualifier("1"), Qualifier("2")


class RushedClock:
    """Whoever waits has waited: time jumps to the next timer as soon as one is set."""

    def __init__(self) -> None:
        self.passed_s = 0.0

    def monotonic(self) -> float:
        return self.passed_s

    def now(self) -> datetime:
        return EPOCH + timedelta(seconds=self.passed_s)

    def call_at(self, at_s: float, action: Callable[[], None]) -> asyncio.TimerHandle:
        def jump() -> None:
            self.passed_s = max(self.passed_s, at_s)
            action()

        return asyncio.get_running_loop().call_later(0, jump)

    async def sleep(self, seconds: float) -> None:
        self.passed_s += seconds
        await asyncio.sleep(0)  # noqa: TID251 - a clock is where sleeping is done


class Silent:
    """Hooks that end well and report nothing."""

    def __init__(self) -> None:
        self.asked: list[str | None] = []

    async def run(self, deployment: Deployment, event: LifecycleEvent) -> str | None:
        self.asked.append(event.execution_id)
        return None


class Site:
    """A project with two versions, an alias, and somebody who drives."""

    def __init__(self, state: Path, clock: Clock) -> None:
        self.state, self.clock = state, clock
        self.bus = Bus()
        self.releases = ReleaseStore(state, clock=clock)
        self.store = DeploymentStore(self.releases.database, clock=clock)

    async def prepare(self) -> None:
        for _ in range(2):
            self.releases.publish_now(a_published_version(), same=lambda _: False)
        await self.releases.create_alias(Alias(function=ORDERS, name=LIVE, version=ONE))

    async def begin(self, strategy: str, **changed: object) -> str:
        plan = DeploymentPlan(
            function=ORDERS, alias=LIVE, version=TWO, strategy=parse_strategy(strategy)
        )
        made = await self.store.create(replace(plan, **changed))  # type: ignore[arg-type]
        return made.id

    def deployer(self, *, hooks: Hooks | None = None, counts: Counts | None = None) -> Deployer:
        return Deployer(
            store=self.store,
            counts=counts or NoCounts(),
            hooks=hooks or Obedient(self.store),
            bus=self.bus,
            clock=self.clock,
            lock=self.state / "deployments.lock",
        )


@pytest.fixture
def rushed(state_folder: Path) -> Iterator[Site]:
    site = Site(state_folder, RushedClock())
    yield site
    site.releases.close()


@pytest.fixture
def site(state_folder: Path) -> Iterator[Site]:
    site = Site(state_folder, SystemClock())
    yield site
    site.releases.close()


# --- simulated time -----------------------------------------------------------------------------------------


async def test_a_shift_of_ninety_minutes_is_driven_step_by_step(rushed: Site) -> None:
    await rushed.prepare()
    begun = rushed.clock.now()
    deployment_id = await rushed.begin(
        "Linear10PercentEvery10Minutes", before_hook="check", after_hook="check"
    )
    hooks = Obedient(rushed.store)
    with rushed.bus.subscribe(kinds={DeploymentChanged}) as feed:
        assert await rushed.deployer(hooks=hooks).drive()
        told = [value for value in feed.take_nowait() if isinstance(value, DeploymentChanged)]

    ended = await rushed.store.get(deployment_id)
    assert ended.status is DeploymentStatus.SUCCEEDED
    assert [event.execution_id for event in (ended.events[0], ended.events[2])] == hooks.asked
    moves = await rushed.store.moves(deployment_id)
    shifts = [move for move in moves if move.event == "AllowTraffic"]
    assert [move.weight for move in shifts] == [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0]
    assert [(move.at - shifts[0].at) // timedelta(minutes=10) for move in shifts] == list(range(10))
    assert rushed.clock.now() - begun >= timedelta(minutes=90)
    assert [value.move.weight for value in told] == [move.weight for move in moves]


async def test_a_hook_that_reports_nothing_is_waited_for_an_hour(rushed: Site) -> None:
    await rushed.prepare()
    deployment_id = await rushed.begin("allatonce", before_hook="check")
    hooks = Silent()
    await rushed.deployer(hooks=hooks).drive()

    ended = await rushed.store.get(deployment_id)
    assert (ended.status, ended.code) == (DeploymentStatus.FAILED, ErrorCode.TIMEOUT)
    assert ended.ended_at is not None
    assert ended.ended_at - ended.created_at >= timedelta(hours=1)
    assert len(hooks.asked) == 1
    assert (await rushed.releases.alias(ORDERS, LIVE)).version == ONE


async def test_a_hook_whose_invocation_fails_ends_it_at_once(rushed: Site) -> None:
    class Broken:
        async def run(self, deployment: Deployment, event: LifecycleEvent) -> str | None:
            return "The hook check ended with ValueError: no."

    await rushed.prepare()
    deployment_id = await rushed.begin("canary:10%:5m", before_hook="check")
    await rushed.deployer(hooks=Broken()).drive()

    ended = await rushed.store.get(deployment_id)
    assert ended.why == "The hook check ended with ValueError: no."
    assert ended.code is ErrorCode.HOOK_EXECUTION_FAILURE


async def test_a_hook_that_could_not_be_invoked_is_tried_again(rushed: Site) -> None:
    class Busy(Obedient):
        refusals = 3

        async def run(self, deployment: Deployment, event: LifecycleEvent) -> str | None:
            self.refusals -= 1
            if self.refusals == 1:
                raise ThrottledError("Rate Exceeded.", reason="ConcurrentInvocationLimitExceeded")
            if self.refusals == 0:
                raise EngineUnreachable(cause="It is away.", remedy="Wait.")
            return await super().run(deployment, event)

    await rushed.prepare()
    deployment_id = await rushed.begin("allatonce", before_hook="check")
    hooks = Busy(rushed.store)
    hooks.refusals = 2
    await rushed.deployer(hooks=hooks).drive()

    assert (await rushed.store.get(deployment_id)).status is DeploymentStatus.SUCCEEDED
    assert len(hooks.asked) == 1


async def test_an_alarm_is_looked_at_while_the_share_lasts(rushed: Site) -> None:
    class Worsening:
        def __init__(self) -> None:
            self.calls = 0

        async def traffic(
            self, function: FunctionName, qualifier: Qualifier, *, since: datetime
        ) -> dict[Qualifier, Traffic]:
            assert (function, qualifier) == (ORDERS, LIVE)
            self.calls += 5
            return {
                ONE: Traffic(calls=1000, errors=1000),
                TWO: Traffic(calls=self.calls, errors=self.calls // 10),
            }

    await rushed.prepare()
    deployment_id = await rushed.begin(
        "canary:10%:30m", alarms=(parse_alarm("error-rate>5%", min_calls=50),)
    )
    await rushed.deployer(counts=Worsening()).drive()

    ended = await rushed.store.get(deployment_id)
    assert ended.code is ErrorCode.ALARM_ACTIVE
    assert ended.ended_at is not None
    assert ended.ended_at - ended.created_at < timedelta(minutes=1)
    assert (await rushed.releases.alias(ORDERS, LIVE)).additional is None


# --- more than one process ----------------------------------------------------------------------------------


async def test_only_one_drives_and_the_next_goes_on(site: Site) -> None:
    await site.prepare()
    deployment_id = await site.begin("canary:50%:1h")
    other = Site(site.state, site.clock)

    async with asyncio.TaskGroup() as tasks:
        first = tasks.create_task(site.deployer().drive())
        while (await site.store.get(deployment_id)).step == 0:
            await site.clock.sleep(0.01)
        assert await other.deployer().drive() is False
        first.cancel()

    async with asyncio.TaskGroup() as tasks:
        second = tasks.create_task(other.deployer().drive())
        await site.store.stop(deployment_id, rollback=False)
        assert await second is True

    ended = await site.store.get(deployment_id)
    assert (ended.status, ended.weight) == (DeploymentStatus.STOPPED, 0.5)
    other.releases.close()


async def test_a_hook_that_had_not_reported_is_asked_again_by_the_next(site: Site) -> None:
    await site.prepare()
    deployment_id = await site.begin("allatonce", before_hook="check")
    silent = Silent()
    driving = site.deployer(hooks=silent)
    for times in (1, 2):  # the same one, too, when it drives once more
        async with asyncio.TaskGroup() as tasks:
            first = tasks.create_task(driving.drive())
            while len(silent.asked) < times:
                await site.clock.sleep(0.01)
            first.cancel()

    other = Site(site.state, site.clock)
    obedient = Obedient(other.store)
    assert await other.deployer(hooks=obedient).drive()
    other.releases.close()

    assert (await site.store.get(deployment_id)).status is DeploymentStatus.SUCCEEDED
    assert {*silent.asked} == {*obedient.asked}, "under the same execution id"


async def test_trouble_is_told_once_and_tried_again(
    rushed: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    await rushed.prepare()
    deployment_id = await rushed.begin("allatonce")
    step, failures = rushed.store.step, ["The disk is full."] * 3

    async def failing(deployment_id: str, traffic: Traffic) -> tuple[Deployment, tuple[Move, ...]]:
        if failures:
            raise StoreError(failures.pop())
        return await step(deployment_id, traffic)

    monkeypatch.setattr(rushed.store, "step", failing)
    with rushed.bus.subscribe(kinds={Fault}) as feed:
        async with asyncio.TaskGroup() as tasks:
            staying = tasks.create_task(rushed.deployer().run())
            while not (await rushed.store.get(deployment_id)).status.ended:
                await rushed.clock.sleep(0)
            staying.cancel()
        told = [value.message for value in feed.take_nowait() if isinstance(value, Fault)]
    assert told == ["The disk is full."]


async def test_who_stays_begins_what_another_process_asks_for(site: Site) -> None:
    await site.prepare()
    async with asyncio.TaskGroup() as tasks:
        staying = tasks.create_task(site.deployer().run())
        other = Site(site.state, site.clock)
        deployment_id = await other.begin("allatonce")
        while not (await other.store.get(deployment_id)).status.ended:
            await site.clock.sleep(0.02)
        staying.cancel()
    assert (await other.releases.alias(ORDERS, LIVE)).version == TWO
    other.releases.close()


async def test_killed_anywhere_the_next_process_goes_on(site: Site) -> None:
    """Each process dies at another place; together they take the traffic all the way."""
    await site.prepare()
    deployment_id = await site.begin("linear:30%:0.05s", before_hook="check", after_hook="check")
    shares, killed = [0.0], 0
    for where, count in [
        ("before", 1),
        ("after", 1),
        ("after", 1),
        ("within", 1),
        ("before", 2),
        ("within", 1),
        ("after", 1),
        ("within", 2),
        ("after", 2),
    ]:
        command = [
            sys.executable,
            "-m",
            "tests.integration.functions.deploying",
            str(site.state),
            where,
            str(count),
        ]
        died = await asyncio.to_thread(subprocess.run, command, capture_output=True, check=False)
        assert died.returncode in (-signal.SIGKILL, 0), died.stderr.decode()
        killed += died.returncode != 0

        deployment = await site.store.get(deployment_id)
        alias = await site.releases.alias(ORDERS, LIVE)
        assert deployment.routing.put(alias) == alias, "the step and the alias go together"
        shares.append(deployment.weight)
    assert killed >= 7
    assert await site.deployer().drive()

    ended = await site.store.get(deployment_id)
    assert ended.status is DeploymentStatus.SUCCEEDED
    assert shares == sorted(shares)
    moved = [m.weight for m in await site.store.moves(deployment_id) if m.event == "AllowTraffic"]
    assert moved == [0.3, 0.6, 0.9, 1.0]
    kinds = [change.summary for change in await site.releases.changes() if "gets" in change.summary]
    assert len(kinds) == len(moved)
