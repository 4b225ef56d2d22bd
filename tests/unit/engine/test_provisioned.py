"""Provisioned concurrency: so many environments are initialised, whatever comes, and say how they are."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.fakes.driver import Behaviour
from tests.fakes.engine import Engine, open_engine
from tests.fakes.runtime import Event, FakeRuntime, died, failing_to_initialise, serving
from tests.fakes.versions import a_version
from workbench.errors import (
    ConflictError,
    ContainerRefused,
    InvalidParameter,
    ProvisionedConcurrencyNotFound,
    ThrottledError,
)
from workbench.model.concurrency import (
    InitializationType,
    ProvisionedConcurrency,
    ProvisionedStatus,
)
from workbench.model.environment import EnvironmentState
from workbench.model.names import LATEST, FunctionName, Qualifier
from workbench.model.settings import Limits, Settings
from workbench.model.telemetry import Throttled
from workbench.model.version import Version

pytestmark = pytest.mark.autojump

ONE, TWO, LIVE = Qualifier("1"), Qualifier("2"), Qualifier("live")
ORDERS = FunctionName("orders")
ON_DEMAND, PROVISIONED = InitializationType.ON_DEMAND, InitializationType.PROVISIONED
READY, FAILED = ProvisionedStatus.READY, ProvisionedStatus.FAILED


async def works_as_told(runtime: FakeRuntime, event: Event) -> bytes:
    if event.json == "die":
        raise died(1)
    await runtime.sleep(event.json)
    return b"null"


def published(number: str = "1", *, memory_mb: int = 128, timeout_s: int = 900) -> Version:
    return a_version(qualifier=number, code=number, memory_mb=memory_mb, timeout_s=timeout_s)


def put(engine: Engine, count: int, number: str = "1") -> ProvisionedConcurrency:
    return engine.scheduler.provisioning.put(published(number), Qualifier(number), count)


def seen(engine: Engine, qualifier: Qualifier = ONE) -> tuple[str, int, int, int]:
    now = engine.scheduler.provisioning.get(ORDERS, qualifier)
    return now.status, now.requested, now.allocated, now.available


def kinds(engine: Engine) -> list[str]:
    """Of every environment that is not going, sorted."""
    gone = (EnvironmentState.RETIRING, EnvironmentState.STOPPED)
    return sorted(e.initialization_type for e in engine.environments if e.state not in gone)


async def test_environments_are_initialised_before_anybody_asks() -> None:
    async with open_engine() as engine:
        engine.behave(serving(works_as_told, init_s=1), create_s=1)
        before = put(engine, 3)
        await engine.clock.sleep(3)
        after = engine.scheduler.provisioning.get(ORDERS, ONE)
        states = list(engine.states)
        started = engine.clock.now()
        run = engine.invoke(published(), b"0")
        record = await run.record()
        assert engine.clock.now() == started, "it waits for nothing"
        variables = [dict(c.starts[0].variables) for c in engine.driver.containers]

    assert (before.status, before.requested, before.available) == ("IN_PROGRESS", 3, 0)
    assert (after.status, after.allocated, after.available, after.reason) == (READY, 3, 3, None)
    assert states == [EnvironmentState.FROZEN] * 3
    assert {v["AWS_LAMBDA_INITIALIZATION_TYPE"] for v in variables} == {"provisioned-concurrency"}
    assert record.initialization_type is PROVISIONED
    assert record.measurements is not None
    assert record.measurements.init_ms == pytest.approx(1000), "of its first invocation"


async def test_they_stay_however_long_they_are_idle() -> None:
    async with open_engine(settings=Settings(keep_alive_s=10)) as engine:
        engine.behave(serving(works_as_told))
        put(engine, 2)
        await engine.call(published(), b"0")
        await engine.clock.sleep(5000)
        assert kinds(engine) == [PROVISIONED] * 2
        assert [e.idle_until for e in engine.environments] == [None, None]
        assert seen(engine) == (READY, 2, 2, 2)


async def test_what_is_beyond_spills_over_into_environments_on_demand() -> None:
    async with open_engine() as engine:
        engine.behave(serving(works_as_told))
        put(engine, 2)
        await engine.settle()
        runs = [engine.invoke(published(), b"5") for _ in range(4)]
        records = [await run.record() for run in runs]
        again = await engine.record(published(), b"0")
        assert kinds(engine) == [ON_DEMAND] * 2 + [PROVISIONED] * 2
    types = [record.initialization_type for record in records]
    assert types == [PROVISIONED] * 2 + [ON_DEMAND] * 2
    assert again.initialization_type is PROVISIONED, "those that are paid for anyway come first"


async def test_with_all_of_a_reservation_provisioned_unpublished_code_is_throttled() -> None:
    async with open_engine() as engine:
        engine.behave(serving(works_as_told))
        engine.scheduler._ledger.reserve({ORDERS: 1}, limit=1000)
        put(engine, 1)
        with engine.bus.subscribe(kinds={Throttled}) as feed:
            with pytest.raises(ThrottledError) as throttled:
                engine.invoke(a_version(), b"0")
            (told,) = feed.take_nowait()
        assert isinstance(told, Throttled)
        assert (told.acceptance.version, told.reason) == (LATEST, throttled.value.reason)
        assert (await engine.call(published(), b"0")).ok
    assert throttled.value.reason == "ReservedFunctionConcurrentInvocationLimitExceeded"


async def test_the_dead_are_replaced() -> None:
    async with open_engine() as engine:
        engine.behave(serving(works_as_told))
        put(engine, 2)
        await engine.settle()
        for _ in range(20):  # each had an invocation: that is no reason to give up
            assert not (await engine.call(published(), b'"die"')).ok
            await engine.settle()
            assert seen(engine) == (READY, 2, 2, 2)
        engine.driver.running[0].lose("gone")
        await engine.settle()
        assert seen(engine) == (READY, 2, 2, 2)
        engine.driver.running[0].kill_runtime()
        await engine.settle()
        assert seen(engine) == (READY, 2, 2, 2)


async def test_those_that_end_by_themselves_are_given_up() -> None:
    async with open_engine() as engine:
        engine.behave(serving(works_as_told), lost_after_s=1)
        put(engine, 2)
        await engine.clock.sleep(60)
        now = engine.scheduler.provisioning.get(ORDERS, ONE)
        assert len(engine.environments) == 0
    assert (now.status, now.available) == (FAILED, 0)
    assert now.reason == "Its environments end by themselves, again and again."
    assert len(engine.driver.containers) < 12


async def test_code_that_cannot_be_initialised_fails_as_recorded() -> None:
    async with open_engine() as engine:
        engine.behave(failing_to_initialise())
        put(engine, 2)
        await engine.clock.sleep(1)
        now = engine.scheduler.provisioning.get(ORDERS, ONE)
        engine.behave(serving(works_as_told))
        put(engine, 1)
        await engine.settle()
        assert seen(engine) == (READY, 1, 1, 1)
    assert (now.status, now.reason) == (FAILED, "FUNCTION_ERROR_INIT_FAILURE")


async def test_what_keeps_containers_from_being_made_is_told() -> None:
    async with open_engine() as engine:
        engine.behave(serving(works_as_told), create_error=ContainerRefused("no room"))
        put(engine, 1)
        await engine.settle()
        now = engine.scheduler.provisioning.get(ORDERS, ONE)
    assert now.status is FAILED
    assert "no room" in str(now.reason)


async def test_initialising_may_take_longer_than_on_demand() -> None:
    async with open_engine() as engine:
        engine.behave(serving(works_as_told, init_s=120))
        put(engine, 1)
        await engine.clock.sleep(121)
        assert seen(engine) == (READY, 1, 1, 1)


async def test_lowered_it_lets_go_what_is_idle_first_and_what_works_when_it_is_done() -> None:
    async with open_engine() as engine:
        engine.behave(serving(works_as_told))
        put(engine, 3)
        await engine.settle()
        run = engine.invoke(published(), b"10")
        put(engine, 1)
        await engine.settle()
        assert [e.environment_id for e in engine.environments] == [run.record_now.environment_id]
        engine.scheduler.provisioning.remove(ORDERS, ONE)
        await engine.settle()
        assert (await run.outcome()).ok
        await run.record()
        await engine.settle()
        assert len(engine.environments) == 0
        with pytest.raises(ProvisionedConcurrencyNotFound, match="No Provisioned Concurrency"):
            engine.scheduler.provisioning.get(ORDERS, ONE)
        engine.scheduler.provisioning.remove(ORDERS, ONE)
        assert engine.scheduler._ledger.shares.provisioned == {}


async def test_an_alias_takes_its_environments_along_when_it_moves() -> None:
    async with open_engine() as engine:
        engine.behave(serving(works_as_told))
        provisioning = engine.scheduler.provisioning
        provisioning.put(published("1"), LIVE, 2)
        await engine.settle()
        provisioning.put(published("2"), LIVE, 2)
        await engine.settle()
        (now,) = provisioning.all()
        assert {e.version for e in engine.environments} == {TWO}
        assert engine.scheduler._ledger.shares.provisioned == {(ORDERS, TWO): 2}
    assert (now.qualifier, now.version, now.status) == (LIVE, TWO, READY)


async def test_a_version_has_one_configuration_at_most() -> None:
    async with open_engine() as engine:
        engine.behave(serving(works_as_told))
        provisioning = engine.scheduler.provisioning
        provisioning.put(published("1"), ONE, 1)
        provisioning.put(published("2"), LIVE, 1)
        with pytest.raises(ConflictError, match=r"^Alias can't be used for Provisioned Conc"):
            provisioning.put(published("1"), LIVE, 1)
        with pytest.raises(ConflictError, match=r"^Version is pointed by a Provisioned Conc"):
            provisioning.put(published("2"), TWO, 1)
        with pytest.raises(InvalidParameter, match="unpublished function versions"):
            provisioning.put(a_version(), a_version().version, 1)
        with pytest.raises(InvalidParameter, match=r"greater than account's unreserved"):
            provisioning.put(published("3"), LIVE, 1001)
        assert [found.qualifier for found in provisioning.all(ORDERS)] == [ONE, LIVE]
        assert provisioning.all(FunctionName("other")) == ()


async def test_changed_by_hand_or_by_code_they_are_made_anew() -> None:
    async with open_engine() as engine:
        engine.behave(serving(works_as_told))
        put(engine, 2)
        await engine.settle()
        first = {e.environment_id for e in engine.environments}
        engine.scheduler.recycle(lambda _id, name: name == ORDERS)
        await engine.settle()
        second = {e.environment_id for e in engine.environments}
        assert seen(engine) == (READY, 2, 2, 2)
        engine.scheduler.drain(ORDERS)
        await engine.settle()
        third = {e.environment_id for e in engine.environments}
        assert seen(engine) == (READY, 2, 2, 2)
        changed = replace(published(), digest="other")
        engine.scheduler.supersede(changed, warm=False)
        await engine.settle()
        fourth = {e.environment_id for e in engine.environments}
        assert seen(engine) == (READY, 2, 2, 2)
        engine.scheduler.retire(ORDERS)
        await engine.settle()
        assert len(engine.environments) == 0
    assert [len(ids) for ids in (first, second, third, fourth)] == [2] * 4
    assert not (first & second)
    assert not (second & third)
    assert not (third & fourth)


async def test_memory_goes_to_those_who_ask_first_and_never_from_the_provisioned() -> None:
    settings = Settings(limits=Limits(parallel_starts=2))
    async with open_engine(settings=settings, memory_budget_mb=512) as engine:
        engine.driver.usual = Behaviour(programs=(serving(works_as_told),), create_s=1)
        busy = engine.invoke(a_version("billing", memory_mb=384, timeout_s=900), b"10")
        put(engine, 3)
        await engine.clock.sleep(5)
        waiting = engine.scheduler.provisioning.get(ORDERS, ONE)
        await busy.record()
        await engine.clock.sleep(5)
        assert seen(engine) == (READY, 3, 3, 3)
        # 384 of 512 MB are provisioned: what needs more than the rest runs alone beside them
        other = engine.invoke(a_version("billing", memory_mb=384, timeout_s=900), b"0")
        assert (await other.outcome()).ok
        await engine.settle()
        assert seen(engine) == (READY, 3, 3, 3)
    assert (waiting.status, waiting.available) == ("IN_PROGRESS", 1)
    assert waiting.reason == "2 of 3 wait for their turn, or for memory."
