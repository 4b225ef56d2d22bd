"""What is published, by subject. Each is made when it is asked for: the first paint does without."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from workbench.clock import Clock
from workbench.engine.concurrency import Ledger
from workbench.functions.keeper import EngineKeeper
from workbench.functions.registry import Registry
from workbench.functions.repository import Repository
from workbench.model.settings import Settings
from workbench.values import dataclass

if TYPE_CHECKING:
    from workbench.facade.aliases import Aliases
    from workbench.facade.changes import Changes
    from workbench.facade.comparison import Comparison
    from workbench.facade.configurations import Configurations
    from workbench.facade.layers import Layers
    from workbench.facade.provisioning import Provisioning
    from workbench.facade.transfer import Transfer
    from workbench.facade.versions import Versions
    from workbench.functions.comparing import Comparing
    from workbench.functions.configuring import Configuring
    from workbench.functions.exporting import Exporting
    from workbench.functions.import_folder import ImportFolders
    from workbench.functions.importing import Importing
    from workbench.functions.provisioning import Provisioner
    from workbench.functions.published import Published
    from workbench.functions.publishing import Publishing
    from workbench.store.history import History


@dataclass(frozen=True, slots=True, kw_only=True)
class Releases:
    """Where the parts of the facade that are about releases come from."""

    repository: Repository
    published: Published
    publishing: Callable[[], Publishing]
    configuring: Callable[[], Configuring]
    comparing: Callable[[], Comparing]
    transferring: Callable[[], tuple[Exporting, Importing]]
    folders: Callable[[], ImportFolders]
    registry: Registry
    provisioner: Provisioner
    ledger: Ledger
    keeper: EngineKeeper
    history: History
    settings: Settings
    clock: Clock

    @property
    def versions(self) -> Versions:
        """See `Workbench.versions`."""
        from workbench.facade.versions import Versions

        return Versions(
            store=self.repository.store,
            publishing=self.publishing(),
            published=self.published,
            registry=self.registry,
        )

    @property
    def aliases(self) -> Aliases:
        """See `Workbench.aliases`."""
        from workbench.facade.aliases import Aliases

        return Aliases(store=self.repository.store, registry=self.registry, history=self.history)

    @property
    def provisioning(self) -> Provisioning:
        """See `Workbench.provisioning`."""
        from workbench.facade.provisioning import Provisioning

        return Provisioning(
            store=self.repository.store,
            provisioner=self.provisioner,
            ledger=self.ledger,
            keeper=self.keeper,
        )

    @property
    def comparison(self) -> Comparison:
        """See `Workbench.comparison`."""
        from workbench.facade.comparison import Comparison

        return Comparison(comparing=self.comparing())

    @property
    def layers(self) -> Layers:
        """See `Workbench.layers`."""
        from workbench.facade.layers import Layers
        from workbench.functions.layer_publishing import LayerPublishing

        store = self.repository.store.layers
        return Layers(
            store=store,
            publishing=LayerPublishing(code=self.repository.code, store=store, clock=self.clock),
            settings=self.settings,
        )

    @property
    def changes(self) -> Changes:
        """See `Workbench.changes`."""
        from workbench.facade.changes import Changes

        return Changes(
            store=self.repository.store,
            folders=self.folders(),
            configuring=self.configuring(),
            clock=self.clock,
        )

    @property
    def transfer(self) -> Transfer:
        """See `Workbench.transfer`."""
        from workbench.facade.transfer import Transfer

        exporting, importing = self.transferring()
        return Transfer(exporting=exporting, importing=importing)

    @property
    def configurations(self) -> Configurations:
        """See `Workbench.configurations`."""
        from workbench.facade.configurations import Configurations

        return Configurations(configuring=self.configuring())
