"""A whole workbench for the screen to stand on: real facade, registry, reload, scheduler, store, bus.

Only the containers are fakes, and what they do is scripted per function. Wall time stands still
unless a script lets it pass, so that what is on the screen is the same every time.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path

from tests.fakes.driver import Behaviour, FakeDriver
from tests.fakes.releases import KeepsImages, a_repository, the_layers
from tests.fakes.runtime import Event, FakeRuntime
from workbench.assembly.keys import key_care
from workbench.assembly.releases import make_deploying, make_releases
from workbench.clock import Clock, SystemClock
from workbench.config.discovery import ProjectReader
from workbench.config.events import EventFiles
from workbench.config.runtimes import load_runtimes, runtimes_folder
from workbench.config.scaffold import create_function
from workbench.engine.concurrency import Ledger
from workbench.engine.scheduler import Scheduler
from workbench.engine.surroundings import Surroundings
from workbench.errors import BuildFailed, DriverError, EngineUnreachable, WorkbenchError
from workbench.facade.catalog import Catalog
from workbench.facade.concurrency import Concurrency
from workbench.facade.doctor import Doctor, Say
from workbench.facade.environments import Environments
from workbench.facade.events import Events
from workbench.facade.instances import Instances
from workbench.facade.invocations import Invocations
from workbench.facade.keys import SealingKeys
from workbench.facade.workbench import Workbench
from workbench.functions.code import CodeStore
from workbench.functions.hooks import HookDesk
from workbench.functions.invoker import Invoker
from workbench.functions.keeper import EngineKeeper, OpenEngine
from workbench.functions.preparation import Preparation
from workbench.functions.registry import Registry
from workbench.functions.reload import Reload
from workbench.functions.watch import watch
from workbench.model.container import LogStream, Mount
from workbench.model.dependencies import StatedDependencies
from workbench.model.doctor import Finding
from workbench.model.names import FunctionName
from workbench.model.runtime import Runtime
from workbench.model.telemetry import BuildBroke, BuildFinished, BuildProgress, BuildStarted
from workbench.model.version import Image
from workbench.runtime_api.server import Endpoints
from workbench.store.instances import InstanceKind
from workbench.store.opening import open_store
from workbench.telemetry import Bus
from workbench.tui.app import WorkbenchApp
from workbench.tui.terminal import Terminal

NOW = datetime(2026, 11, 20, 14, 1, 58, tzinfo=UTC)

Script = Callable[["Scene", FakeRuntime, Event], Awaitable[None]]
"""What a function does with an event."""


class WallClock(SystemClock):
    """Wall time stands still but for what scripts let pass; waiting takes the time it takes."""

    def __init__(self) -> None:
        self.passed_s = 0.0

    def now(self) -> datetime:
        return NOW + timedelta(seconds=self.passed_s)


class EngineClock(WallClock):
    """The engine's: durations, too, are what scripts let pass, and deadlines come when it has."""

    def __init__(self, wall: WallClock) -> None:
        super().__init__()
        self._wall = wall
        self._timers: list[tuple[float, asyncio.TimerHandle, Callable[[], None]]] = []

    def now(self) -> datetime:
        return self._wall.now()

    def monotonic(self) -> float:
        return 1000.0 + self._wall.passed_s

    def call_at(self, at_s: float, action: Callable[[], None]) -> asyncio.TimerHandle:
        never = asyncio.get_running_loop().call_later(3600.0, action)
        self._timers.append((at_s, never, action))
        return never

    async def sleep(self, seconds: float) -> None:
        self.advance(seconds)

    def advance(self, seconds: float) -> None:
        """Let time pass; what is due happens."""
        self._wall.passed_s += seconds
        due = [timer for timer in self._timers if timer[0] <= self.monotonic()]
        self._timers = [timer for timer in self._timers if timer not in due]
        for _, handle, action in due:
            if not handle.cancelled():
                handle.cancel()
                asyncio.get_running_loop().call_soon(action)


class Images(KeepsImages):
    """Every image is there, unless builds are staged: `steps` are said, then `gate` is waited for.

    As with the real one, who asks for an image that is being built waits for that build.
    """

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self.steps: list[str] = []
        self.gate = asyncio.Event()
        self.fails: BuildFailed | None = None
        self.only: str | None = None
        """The only runtime whose image is not there; `None`: none of them is."""
        self._building: dict[str, asyncio.Lock] = {}

    async def ensure(
        self,
        runtime: Runtime,
        *,
        image: str | None,
        architecture: str,
        functions: tuple[FunctionName, ...] = (),
    ) -> Image:
        async with self._building.setdefault(runtime.name, asyncio.Lock()):
            staged = self.steps or self.fails is not None
            if staged and not self.gate.is_set() and self.only in (None, runtime.name):
                await self._build(f"image {runtime.name}", functions)
        return Image(reference="fake", digest="0" * 64)

    async def _build(self, subject: str, functions: tuple[FunctionName, ...]) -> None:
        self._bus.publish(BuildStarted(subject=subject, functions=functions))
        count = len(self.steps) + 2
        for number, line in enumerate(self.steps, 1):
            self._bus.publish(BuildProgress(subject=subject, step=number, steps=count, line=line))
        if self.fails is not None:
            step, output = self.fails.step, self.fails.output
            self._bus.publish(BuildBroke(subject=subject, step=step, output=output))
            raise self.fails
        await self.gate.wait()
        self._bus.publish(BuildFinished(subject=subject, took_s=41.0, image="fake"))


class NoDependencies:
    """No function has any."""

    async def ensure(
        self, name: FunctionName, stated: StatedDependencies, runtime: Runtime, image: Image
    ) -> Mount:
        raise AssertionError(f"{name} was to have no dependencies")


class Presence:
    """An engine that goes when it is told to."""

    def __init__(self) -> None:
        self.gone = asyncio.Event()
        self.why = "The Docker daemon went away: connection refused."

    async def wait_lost(self) -> str:
        await self.gone.wait()
        return self.why

    async def check(self) -> None:
        if self.gone.is_set():
            raise EngineUnreachable(cause=self.why, remedy="Start it again: systemctl start docker")


class StageApp(WorkbenchApp):
    """A headless driver has no terminal to lend: programs are run beside it instead."""

    def __init__(
        self, workbench: Workbench, *, clock: Clock, terminal: Terminal, zone: tzinfo
    ) -> None:
        super().__init__(workbench, clock=clock, terminal=terminal, zone=zone)
        self.lent: list[list[str]] = []
        """Every argv the terminal was lent to."""

    async def lend_terminal(self, argv: list[str]) -> int:
        self.lent.append(argv)
        process = await asyncio.create_subprocess_exec(*argv)
        return await process.wait()


@dataclass(slots=True, kw_only=True)
class Scene:
    """What a test can do to the workbench below the screen."""

    workbench: Workbench
    clock: EngineClock
    wall: WallClock
    driver: FakeDriver
    images: Images
    presence: Presence
    root: Path
    scripts: dict[str, Script] = field(default_factory=dict)
    gates: dict[str, asyncio.Event] = field(default_factory=dict)

    def gate(self, name: str = "") -> asyncio.Event:
        """Something a script waits for until the test lets it go on."""
        return self.gates.setdefault(name, asyncio.Event())

    def app(self, terminal: Terminal | None = None) -> StageApp:
        """The screen on it."""
        return StageApp(
            self.workbench,
            clock=self.wall,
            terminal=terminal or Terminal(editor=("vi",), pager=("less",)),
            zone=UTC,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """How the scene is set."""

    kind: str = "docker"
    isolated: bool = True
    refused: WorkbenchError | None = None
    """Why the engine does not open."""
    opening: bool = False
    """It is still being opened, and stays so."""
    init_s: float = 0.1742
    create_s: float = 0.0
    start_s: float = 0.0
    boot_s: float | None = None
    """Of the init; `None`: the runtime does not say."""


@asynccontextmanager
async def scene(  # noqa: PLR0915 - composition
    root: Path, setting: Setting | None = None
) -> AsyncIterator[Scene]:
    """All of it, running on the project in `root`."""
    setting = setting or Setting()
    wall, bus = WallClock(), Bus()
    clock = EngineClock(wall)
    runtimes = load_runtimes(runtimes_folder())
    reader = ProjectReader(root, runtimes=runtimes)
    settings = reader.files.settings
    state = root / ".workbench"
    driver, images, presence = FakeDriver(clock), Images(bus), Presence()
    async with open_store(
        state, bus=bus, clock=wall, settings=settings, kind=InstanceKind.TUI
    ) as store:
        surroundings = Surroundings(
            driver=driver,
            endpoints=Endpoints(limits=settings.limits),
            journal=store.journal,
            bus=bus,
            clock=clock,
            settings=settings,
            labels=(),
        )

        ledger = Ledger(limit=settings.limits.concurrency)

        @asynccontextmanager
        async def open_engine() -> AsyncIterator[OpenEngine]:
            if setting.opening:
                await asyncio.Event().wait()
            if setting.refused is not None:
                raise setting.refused
            async with driver.open(), Scheduler(surroundings, ledger=ledger).open() as scheduler:
                yield OpenEngine(
                    kind=setting.kind,
                    version="20.10",
                    isolated=setting.isolated,
                    scheduler=scheduler,
                    images=images,
                    dependencies=NoDependencies(),
                    presence=presence,
                )

        registry = Registry(reader.files.project)
        keeper = EngineKeeper(open_engine, bus=bus, clock=wall)
        preparation = Preparation(
            keeper=keeper,
            code=CodeStore(state / "code"),
            layers=the_layers(state, CodeStore(state / "code"), settings, wall),
            runtimes=runtimes,
        )
        reload = Reload(
            registry=registry,
            preparation=preparation,
            keeper=keeper,
            reader=reader,
            ledger=ledger,
            bus=bus,
            clock=wall,
            timeouts=settings.timeouts,
        )
        releases = make_releases(
            a_repository(state, CodeStore(state / "code"), wall),
            registry=registry,
            preparation=preparation,
            keeper=keeper,
            read_function=reader.read_function,
            ledger=ledger,
            history=store.history,
            bus=bus,
            clock=wall,
        )
        invoker = Invoker(
            reload=reload,
            published=releases.published,
            keeper=keeper,
            clock=wall,
            settings=settings,
        )
        workbench = Workbench(
            settings=settings,
            catalog=Catalog(registry=registry, runtimes=runtimes, create=create_function),
            events=Events(registry=registry, files=EventFiles(root, state / "trash")),
            invocations=Invocations(
                invoker=invoker,
                keeper=keeper,
                history=store.history,
            ),
            environments=Environments(
                keeper=keeper,
                registry=registry,
                preparation=preparation,
                reload=reload,
                history=store.history,
            ),
            concurrency=Concurrency(
                ledger=ledger,
                registry=registry,
                history=store.history,
                memory_budget_mb=lambda: 1000,
            ),
            instances=Instances(own=store.instance, state=state, clock=wall),
            doctor=Doctor(examine=_all_well, mend=_nothing_to_mend, provide_engine=_there_is_one),
            keys=SealingKeys(lambda: key_care(state)),
            releases=releases,
            deploying=make_deploying(
                releases.repository,
                invoker=invoker,
                keeper=keeper,
                history=store.history,
                desk=HookDesk(),
                bus=bus,
                clock=wall,
            ),
            bus=bus,
        )
        made = Scene(
            workbench=workbench,
            clock=clock,
            wall=wall,
            driver=driver,
            images=images,
            presence=presence,
            root=root,
        )
        driver.usual = Behaviour(
            programs=(_program(made, setting),),
            create_s=setting.create_s,
            start_s=setting.start_s,
        )
        async with asyncio.TaskGroup() as tasks:
            recording = tasks.create_task(store.run())
            keeping = tasks.create_task(keeper.run())
            if setting.refused is None and not setting.opening:
                await keeper.ready()
            async with reload.open(), watch(root, reload.noticed, bus):
                try:
                    yield made
                finally:
                    images.gate.set()
                    keeping.cancel()
            recording.cancel()


def _program(made: Scene, setting: Setting) -> Callable[[FakeRuntime], Awaitable[None]]:
    async def program(runtime: FakeRuntime) -> None:
        name = dict(runtime.start.variables)["AWS_LAMBDA_FUNCTION_NAME"]
        runtime.uses(peak_bytes=31 * 1024 * 1024, cpu_ns=80_000_000)
        script = made.scripts.get(f"{name} init")
        if script is not None:
            await script(made, runtime, Event(request_id="", payload=b"", headers={}))
        boot_s = setting.boot_s
        if boot_s is not None:
            made.clock.advance(boot_s)
            runtime.host.write_log(LogStream.FRAMED, b"\xa5\x5a\x80\x00" + bytes(12))
        made.clock.advance(setting.init_s - (boot_s or 0.0))
        while True:
            event = await runtime.next()
            await made.scripts.get(name, answer)(made, runtime, event)

    return program


async def _all_well() -> tuple[Finding, ...]:
    return ()


async def _nothing_to_mend(_fixes: tuple[str, ...], _say: Say) -> dict[str, DriverError]:
    return {}


async def _there_is_one(_say: Say) -> None:
    """The fake one."""


# --- what functions do ---------------------------------------------------------------------------------


async def answer(scene: Scene, runtime: FakeRuntime, event: Event) -> None:
    """Logs a little, takes 38 ms, and answers an order."""
    runtime.print("handler start  orderId=8812\n")
    runtime.print("\x1b[33mstock is low\x1b[0m  sku=B-7\n")
    runtime.print("accepted  eta=2026-11-22\n")
    runtime.uses(peak_bytes=64 * 1024 * 1024, cpu_ns=101_000_000)
    scene.clock.advance(0.0384)
    body = {
        "statusCode": 200,
        "headers": {"content-type": "application/json"},
        "body": {
            "orderId": "8812",
            "status": "accepted",
            "reserved": [{"sku": "A-1", "qty": 3}, {"sku": "B-7", "qty": 1}],
            "eta": "2026-11-22",
            "express": False,
            "note": None,
        },
    }
    await runtime.respond(event, json.dumps(body).encode())


async def fail(scene: Scene, runtime: FakeRuntime, event: Event) -> None:
    """Raises, as Python does."""
    runtime.print("[ERROR] KeyError: 'sku'\nTraceback (most recent call last):\n")
    scene.clock.advance(0.0121)
    body = {
        "errorMessage": "'sku'",
        "errorType": "KeyError",
        "requestId": event.request_id,
        "stackTrace": [
            '  File "/var/task/app.py", line 12, in handler\n    price = reserve(order["lines"])\n',
            '  File "/opt/python/stock/client.py", line 88, in reserve\n    return line["sku"]\n',
        ],
    }
    await runtime.fail(event, json.dumps(body).encode())


async def wait(scene: Scene, runtime: FakeRuntime, event: Event) -> None:
    """Logs, waits for the gate, then answers."""
    runtime.print("handler start  orderId=8813\n")
    runtime.print("waiting for the stock service\n")
    await scene.gate().wait()
    await answer(scene, runtime, event)


async def hang(scene: Scene, runtime: FakeRuntime, event: Event) -> None:
    """Logs, and never answers."""
    runtime.print("handler start  orderId=8811\n")
    runtime.print("stock api slow  attempt=1 wait=1.0s\n")
    await runtime.hang()
