"""The door itself."""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from workbench.facade.catalog import Catalog
from workbench.facade.concurrency import Concurrency
from workbench.facade.doctor import Doctor
from workbench.facade.environments import Environments
from workbench.facade.events import Events
from workbench.facade.instances import Instances
from workbench.facade.invocations import Invocations
from workbench.facade.keys import SealingKeys
from workbench.facade.releases import Releases
from workbench.model.settings import Settings
from workbench.model.telemetry import Telemetry
from workbench.telemetry import Bus, Feed
from workbench.values import dataclass

if TYPE_CHECKING:
    from workbench.facade.aliases import Aliases
    from workbench.facade.changes import Changes
    from workbench.facade.comparison import Comparison
    from workbench.facade.configurations import Configurations
    from workbench.facade.deployments import Deployments
    from workbench.facade.layers import Layers
    from workbench.facade.provisioning import Provisioning
    from workbench.facade.replay import Replay
    from workbench.facade.transfer import Transfer
    from workbench.facade.version_replay import VersionReplay
    from workbench.facade.versions import Versions
from workbench.facade.tuning import Tuning
from workbench.facade.upkeep import Upkeep


@dataclass(frozen=True, slots=True, kw_only=True)
class Workbench:
    """Everything a front end may ask for, by subject.

    Plain values in, plain values out. It is usable as soon as it exists: what needs the container
    engine waits for it or says why there is none (`environments.engine`).
    """

    settings: Settings
    catalog: Catalog
    events: Events
    invocations: Invocations
    environments: Environments
    concurrency: Concurrency
    instances: Instances
    doctor: Doctor
    keys: SealingKeys
    releases: Releases
    deploying: Callable[[], Deployments]
    bus: Bus

    @property
    def versions(self) -> Versions:
        """Published versions."""
        return self.releases.versions

    @property
    def aliases(self) -> Aliases:
        """Names for versions."""
        return self.releases.aliases

    @property
    def provisioning(self) -> Provisioning:
        """Provisioned concurrency of versions and aliases."""
        return self.releases.provisioning

    @property
    def comparison(self) -> Comparison:
        """Two versions of a function held against each other."""
        return self.releases.comparison

    @property
    def layers(self) -> Layers:
        """Published layers."""
        return self.releases.layers

    @property
    def changes(self) -> Changes:
        """What was published, moved, deleted and configured, and taking it back."""
        return self.releases.changes

    @property
    def configurations(self) -> Configurations:
        """What function.toml of each function says, and edits of it."""
        return self.releases.configurations

    @property
    def deployments(self) -> Deployments:
        """Traffic that moves from one version to another."""
        return self.deploying()

    @property
    def transfer(self) -> Transfer:
        """Functions as files: exported, imported."""
        return self.releases.transfer

    @property
    def replay(self) -> Replay:
        """Saved events run again."""
        from workbench.facade.replay import Replay  # the screen does without it

        return Replay(catalog=self.catalog, events=self.events, invocations=self.invocations)

    @property
    def version_replay(self) -> VersionReplay:
        """Saved events run on two versions."""
        from workbench.facade.version_replay import VersionReplay  # likewise

        return VersionReplay(
            catalog=self.catalog,
            events=self.events,
            invocations=self.invocations,
            versions=self.comparison,
        )

    @property
    def tuning(self) -> Tuning:
        """Functions at several memory sizes."""
        return Tuning(environments=self.environments, invocations=self.invocations, bus=self.bus)

    @property
    def upkeep(self) -> Upkeep:
        """Environments started, drained and replaced by hand."""
        return Upkeep(environments=self.environments, bus=self.bus)

    def subscribe(
        self, *, capacity: int = 10_000, kinds: Collection[type[Telemetry]] | None = None
    ) -> AbstractContextManager[Feed]:
        """A feed of telemetry while the context is open; the oldest goes when it is full.

        `kinds`: nothing but these.
        """
        return self.bus.subscribe(capacity=capacity, kinds=kinds)
