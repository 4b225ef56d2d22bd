"""What is published, put together."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

from workbench.clock import Clock
from workbench.config.events import EventFiles
from workbench.engine.concurrency import Ledger
from workbench.facade.releases import Releases
from workbench.functions.hooks import HookDesk
from workbench.functions.invoker import Invoker
from workbench.functions.keeper import EngineKeeper
from workbench.functions.preparation import Preparation
from workbench.functions.provisioning import Provisioner
from workbench.functions.published import Published
from workbench.functions.registry import Registry
from workbench.functions.repository import Repository
from workbench.store.history import History
from workbench.telemetry import Bus

if TYPE_CHECKING:
    from workbench.facade.deployments import Deployments
    from workbench.functions.comparing import Comparing
    from workbench.functions.configuring import Configuring, ReadsFunction
    from workbench.functions.exporting import Exporting
    from workbench.functions.import_folder import ImportFolders
    from workbench.functions.importing import Importing
    from workbench.functions.publishing import Publishing


def make_releases(  # noqa: PLR0913 - composition
    repository: Repository,
    *,
    registry: Registry,
    preparation: Preparation,
    keeper: EngineKeeper,
    read_function: ReadsFunction,
    ledger: Ledger,
    history: History,
    bus: Bus,
    clock: Clock,
    roll: Callable[[], float] = random.random,
) -> Releases:
    """Nothing is read or made before something published is asked for. roll: see `Published`."""
    published = Published(
        repository,
        runtimes=preparation.runtimes,
        keeper=keeper,
        layers=preparation.layers,
        registry=registry,
        roll=roll,
    )

    def publishing() -> Publishing:
        from workbench.functions.publishing import Publishing  # who publishes nothing does without

        return Publishing(
            repository,
            preparation=preparation,
            published=published,
            registry=registry,
            read_function=read_function,
            clock=clock,
        )

    def comparing() -> Comparing:
        from workbench.functions.comparing import Comparing  # likewise

        return Comparing(
            repository,
            preparation=preparation,
            published=published,
            registry=registry,
            read_function=read_function,
        )

    def configuring() -> Configuring:
        from workbench.functions.configuring import Configuring  # likewise

        return Configuring(repository, registry=registry, read_function=read_function, clock=clock)

    def folders() -> ImportFolders:
        from workbench.functions.import_folder import ImportFolders

        return ImportFolders(registry.project.root, repository.state)

    def transferring() -> tuple[Exporting, Importing]:
        from workbench.functions.exporting import Exporting
        from workbench.functions.importing import Importing

        exporting = Exporting(
            repository,
            published=published,
            registry=registry,
            runtimes=preparation.runtimes,
            events=EventFiles(registry.project.root, repository.state / "trash"),
        )
        return exporting, Importing(
            repository,
            registry=registry,
            runtimes=preparation.runtimes,
            keeper=keeper,
            folders=folders(),
        )

    return Releases(
        repository=repository,
        published=published,
        publishing=publishing,
        configuring=configuring,
        comparing=comparing,
        registry=registry,
        provisioner=Provisioner(
            store=repository.store, published=published, keeper=keeper, bus=bus, clock=clock
        ),
        ledger=ledger,
        keeper=keeper,
        history=history,
        settings=preparation.layers.settings,
        clock=clock,
        transferring=transferring,
        folders=folders,
    )


def make_deploying(  # noqa: PLR0913 - composition
    repository: Repository,
    *,
    invoker: Invoker,
    keeper: EngineKeeper,
    history: History,
    desk: HookDesk,
    bus: Bus,
    clock: Clock,
) -> Callable[[], Deployments]:
    """What gives the one and only `Deployments`, made when it is first asked for."""

    @cache
    def deploying() -> Deployments:
        from workbench.facade.deployments import Deployments  # who deploys nothing does without
        from workbench.functions.deployments import Deployer
        from workbench.functions.hook_runner import HookRunner
        from workbench.store.releases.deployments import DeploymentStore

        store = DeploymentStore(repository.store.database, clock=clock)
        runner = HookRunner(invoker=invoker, keeper=keeper, store=store, desk=desk)
        deployer = Deployer(
            store=store,
            counts=history,
            hooks=runner,
            bus=bus,
            clock=clock,
            lock=repository.state / "deployments.lock",
        )
        runner.taken = deployer.hurry
        return Deployments(store=store, deployer=deployer, history=history, clock=clock)

    return deploying
