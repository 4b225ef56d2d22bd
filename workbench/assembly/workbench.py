"""A workbench, from a folder."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, closing
from pathlib import Path

from workbench.assembly.checkup import examine, mend, provide_engine
from workbench.assembly.engines import open_engine
from workbench.assembly.keys import key_care
from workbench.assembly.releases import make_deploying, make_releases
from workbench.assembly.site import Site
from workbench.assembly.tidying import tidy
from workbench.clock import SystemClock
from workbench.config.capacity import budget_mb
from workbench.config.discovery import ProjectReader, project_root
from workbench.config.events import EventFiles
from workbench.config.layers import FindLayer
from workbench.config.locations import keys_folder, state_folder
from workbench.config.runtimes import load_runtimes, runtimes_folder
from workbench.config.scaffold import create_function
from workbench.config.settings import Overrides
from workbench.engine.concurrency import Ledger
from workbench.errors import StoreError
from workbench.facade.catalog import Catalog
from workbench.facade.concurrency import Concurrency
from workbench.facade.doctor import Doctor
from workbench.facade.environments import Environments
from workbench.facade.events import Events
from workbench.facade.instances import Instances
from workbench.facade.invocations import Invocations
from workbench.facade.keys import SealingKeys
from workbench.facade.workbench import Workbench
from workbench.functions.code import CodeStore
from workbench.functions.hooks import HookDesk
from workbench.functions.invoker import Invoker
from workbench.functions.keeper import EngineKeeper
from workbench.functions.layers import Layers
from workbench.functions.preparation import Preparation
from workbench.functions.registry import Registry
from workbench.functions.reload import Reload
from workbench.functions.repository import Repository
from workbench.functions.watch import watch
from workbench.model.layer import LayerVersionId
from workbench.model.layer_version import LayerVersion
from workbench.store.instances import InstanceKind
from workbench.store.opening import open_store
from workbench.store.releases.release_store import ReleaseStore
from workbench.store.sealing import Keys
from workbench.telemetry import Bus
from workbench.values import dataclass

LOOK_EVERY_S = 2.0
"""How soon the first thing that is published on this project is noticed."""


@asynccontextmanager
async def open_workbench(
    root: Path,
    *,
    overrides: Overrides | None = None,
    kind: str = "cli",
    hold_engine: bool = False,
) -> AsyncIterator[Workbench]:
    """The workbench of the project at `root`, while the context is open.

    kind: what other workbenches see this one as (`InstanceKind`). hold_engine: the container engine
    is not opened before `environments.begin()`, and files are not watched; what has changed by then
    is looked for.
    Leaving waits: for invocations in progress at most `Timeouts.drain_s`, then until containers are
    gone and the history is written. Raises `InvalidParameter` when there is no such folder.
    """
    clock = SystemClock()
    bus = Bus()
    folder = runtimes_folder()
    runtimes = load_runtimes(folder)
    root = project_root(root)
    state = state_folder(root)
    releases = ReleaseStore(state, clock=clock)
    with closing(releases):
        reader = ProjectReader(
            root, runtimes=runtimes, overrides=overrides, find_layer=_finding(releases)
        )
        settings = reader.files.settings
        desk = HookDesk()
        async with open_store(
            state, bus=bus, clock=clock, settings=settings, kind=InstanceKind(kind)
        ) as store:
            site = Site(
                root=root,
                state=state,
                runtimes_folder=folder,
                runtimes=runtimes,
                settings=settings,
                store=store,
                ledger=Ledger(limit=settings.limits.concurrency),
                bus=bus,
                clock=clock,
                hook_reports=desk,
                stays=InstanceKind(kind) is not InstanceKind.CLI,
            )
            rooms = _rooms(site, reader, releases, desk, held=hold_engine)
            async with _running(site, rooms, held=hold_engine) as workbench:
                yield workbench


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rooms:
    """What was built, and has tasks."""

    workbench: Workbench
    keeper: EngineKeeper
    reload: Reload
    code: CodeStore
    events: EventFiles


def _finding(releases: ReleaseStore) -> FindLayer:
    """Who reads the project's files does without what cannot be read; who uses a layer is told."""

    def find(asked: LayerVersionId) -> LayerVersion | None:
        try:
            return releases.layers.find_now(asked)
        except StoreError:
            return None

    return find


def _rooms(
    site: Site, reader: ProjectReader, published: ReleaseStore, desk: HookDesk, *, held: bool
) -> _Rooms:
    code = CodeStore(site.state / "code")
    events = EventFiles(site.root, site.state / "trash")
    registry = Registry(reader.files.project)
    keeper = EngineKeeper(lambda: open_engine(site), bus=site.bus, clock=site.clock, held=held)
    repository = Repository(
        store=published,
        code=code,
        keys=lambda: Keys(keys_folder(), place=site.state),
        state=site.state,
    )
    preparation = Preparation(
        keeper=keeper,
        code=code,
        layers=Layers(code=code, settings=site.settings, store=repository.store.layers),
        runtimes=site.runtimes,
    )
    releases = make_releases(
        repository,
        registry=registry,
        preparation=preparation,
        keeper=keeper,
        read_function=reader.read_function,
        ledger=site.ledger,
        history=site.store.history,
        bus=site.bus,
        clock=site.clock,
    )
    reload = Reload(
        registry=registry,
        preparation=preparation,
        keeper=keeper,
        reader=reader,
        ledger=site.ledger,
        bus=site.bus,
        clock=site.clock,
        timeouts=site.settings.timeouts,
    )
    history = site.store.history
    invoker = Invoker(
        reload=reload,
        published=releases.published,
        keeper=keeper,
        clock=site.clock,
        settings=site.settings,
    )
    workbench = Workbench(
        settings=site.settings,
        catalog=Catalog(registry=registry, runtimes=site.runtimes, create=create_function),
        events=Events(registry=registry, files=events),
        invocations=Invocations(invoker=invoker, keeper=keeper, history=history),
        environments=Environments(
            keeper=keeper,
            registry=registry,
            preparation=preparation,
            reload=reload,
            history=history,
        ),
        concurrency=Concurrency(
            ledger=site.ledger,
            registry=registry,
            history=history,
            memory_budget_mb=lambda: budget_mb(site.settings),
        ),
        instances=Instances(own=site.store.instance, state=site.state, clock=site.clock),
        doctor=Doctor(
            examine=lambda: examine(site, registry),
            mend=lambda fixes, say: mend(site, fixes, say),
            provide_engine=lambda say: provide_engine(site, say),
        ),
        keys=SealingKeys(lambda: key_care(site.state)),
        releases=releases,
        deploying=make_deploying(
            releases.repository,
            invoker=invoker,
            keeper=keeper,
            history=history,
            desk=desk,
            bus=site.bus,
            clock=site.clock,
        ),
        bus=site.bus,
    )
    return _Rooms(workbench=workbench, keeper=keeper, reload=reload, code=code, events=events)


async def _deploy(site: Site, workbench: Workbench) -> None:
    """A workbench that stays drives what anybody deploys. Not before the first paint, and nothing of
    it is even imported before something is published.
    """
    releases = workbench.releases.repository.store.database.path
    while site.stays:
        await site.clock.sleep(LOOK_EVERY_S)
        if releases.exists():
            await workbench.deployments.drive()


@asynccontextmanager
async def _watched(site: Site, rooms: _Rooms, *, look: bool) -> AsyncIterator[None]:
    """What changes is taken up while the context is open. look: also for what has changed before."""
    async with watch(site.root, rooms.reload.noticed, site.bus) as watched:
        rooms.reload.follow(watched)
        if look:
            rooms.reload.noticed(site.root)
        yield


async def _watch_later(site: Site, rooms: _Rooms) -> None:
    """When nothing is held back any more."""
    await rooms.keeper.begun()
    async with _watched(site, rooms, look=True):
        await asyncio.Event().wait()


@asynccontextmanager
async def _running(site: Site, rooms: _Rooms, *, held: bool) -> AsyncIterator[Workbench]:
    """With all tasks alive. What a front end raises leaves as it is, not as a group."""
    failure: Exception | None = None
    async with asyncio.TaskGroup() as outer:
        recording = outer.create_task(site.store.run(), name="store")
        tidying = outer.create_task(
            tidy(
                site.state,
                code=rooms.code,
                events=rooms.events,
                releases=rooms.workbench.releases.repository.store,
                clock=site.clock,
            ),
            name="tidying",
        )
        try:
            async with asyncio.TaskGroup() as inner:  # ends before the recorder does
                keeping = inner.create_task(rooms.keeper.run(), name="engine keeper")
                tasks = [
                    keeping,
                    inner.create_task(_deploy(site, rooms.workbench), name="deployments"),
                ]
                if site.stays:
                    provisioner = rooms.workbench.releases.provisioner
                    tasks.append(
                        inner.create_task(provisioner.run(), name="provisioned concurrency")
                    )
                async with rooms.reload.open(), AsyncExitStack() as watches:
                    if held:
                        tasks.append(inner.create_task(_watch_later(site, rooms), name="watching"))
                    else:
                        await watches.enter_async_context(_watched(site, rooms, look=site.stays))
                    try:
                        yield rooms.workbench
                    except Exception as error:  # noqa: BLE001 - raised again below
                        failure = error
                    finally:
                        for task in tasks:
                            task.cancel()
        finally:
            tidying.cancel()
            recording.cancel()
    if failure is not None:
        raise failure
