"""The fake driver keeps to what every driver keeps to."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.fakes.clock import LoopClock
from tests.fakes.driver import Behaviour, FakeContainer, FakeDriver
from tests.fakes.runtime import FakeRuntime, Program, died, killed, unstartable
from tests.integration.conformance import acts
from tests.integration.conformance.acts import Act
from tests.integration.conformance.container_driver import ContainerDriverSuite, Subject
from workbench.model.container import ContainerSpec, Mount, RuntimeStart
from workbench.model.names import EnvironmentId
from workbench.model.version import TASK_ROOT
from workbench.ports import Container


async def greets(runtime: FakeRuntime) -> None:
    await runtime.call("POST", "/hello", b"hi")


async def asks(runtime: FakeRuntime) -> None:
    for _ in range(3):
        await runtime.call("GET", "/next")


async def waits(runtime: FakeRuntime) -> None:
    await runtime.call("POST", "/ready")
    await runtime.hang()


async def exits_3(_: FakeRuntime) -> None:
    raise died(3)


async def kills_itself(_: FakeRuntime) -> None:
    raise killed(9)


async def counts_its_starts(runtime: FakeRuntime) -> None:
    container = runtime.host
    assert isinstance(container, FakeContainer)
    await runtime.call("POST", "/starts", str(len(container.starts)).encode())


PROGRAMS: dict[str, Callable[[FakeRuntime], Awaitable[None]]] = {
    acts.GREETS.name: greets,
    acts.ASKS.name: asks,
    acts.WAITS.name: waits,
    acts.EXITS_3.name: exits_3,
    acts.KILLS_ITSELF.name: kills_itself,
    acts.COUNTS_ITS_STARTS.name: counts_its_starts,
    acts.IGNORES_SIGTERM.name: waits,
    acts.MISSING.name: unstartable,
}


async def as_told(runtime: FakeRuntime) -> None:
    """The act that the handler names."""
    program: Program = PROGRAMS[runtime.start.handler]
    await program(runtime)


@dataclass(slots=True)
class FakeSubject:
    """See `tests.integration.conformance.container_driver.Subject`."""

    driver: FakeDriver
    specs: list[ContainerSpec] = field(default_factory=list)

    def prepare(self, act: Act, **variables: str) -> tuple[ContainerSpec, RuntimeStart]:
        environment_id = uuid.uuid4().hex
        spec = ContainerSpec(
            environment_id=EnvironmentId(environment_id),
            name=f"wb-test-{environment_id[:8]}",
            image="any",
            architecture="x86_64",
            memory_mb=128,
            cpus=1.0,
            ephemeral_storage_mb=512,
            mounts=(Mount(source=Path("/code"), target=TASK_ROOT),),
            labels=(),
        )
        self.specs.append(spec)
        return spec, self.another(spec, act, **variables)

    def another(self, spec: ContainerSpec, act: Act, **variables: str) -> RuntimeStart:
        assert spec in self.specs
        return RuntimeStart(
            command=("any",),
            handler=act.name,
            variables=tuple(variables.items()),
            log_frames=act.log_frames,
        )

    async def take_away(self, container: Container) -> None:
        assert isinstance(container, FakeContainer)
        container.lose("The container went away.")

    async def remains(self, spec: ContainerSpec) -> list[str]:
        return [container.name for container in self.driver.running if container.name == spec.name]


@asynccontextmanager
async def fake_subject() -> AsyncIterator[FakeSubject]:
    driver = FakeDriver(LoopClock(), Behaviour(programs=(as_told,), create_s=0.05))
    async with driver.open():
        yield FakeSubject(driver)
    assert driver.running == []


@pytest.mark.autojump
class TestFakeDriver(ContainerDriverSuite):
    """See the suite."""

    real = False

    def subject(self) -> AbstractAsyncContextManager[Subject]:
        return fake_subject()
