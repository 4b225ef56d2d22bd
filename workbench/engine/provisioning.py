"""What concurrency is provisioned: put, looked at, removed. The ledger sets it aside, the pool keeps it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from workbench.clock import Clock
from workbench.engine.concurrency import Ledger
from workbench.engine.pool import Pool
from workbench.errors import ProvisionedConcurrencyNotFound
from workbench.model.concurrency import (
    ProvisionedConcurrency,
    ProvisionedKey,
    ProvisionedStatus,
    already_provisioned,
)
from workbench.model.names import FunctionName, Qualifier
from workbench.model.version import Version
from workbench.values import dataclass


@dataclass(frozen=True, slots=True)
class _Config:
    version: Version
    qualifier: Qualifier
    """The version itself, or the alias that means it."""
    requested: int
    last_modified: datetime


class Provisioning:
    """All configurations; at most one for each version."""

    def __init__(self, *, ledger: Ledger, pool: Pool, clock: Clock) -> None:
        self._ledger = ledger
        self._pool = pool
        self._clock = clock
        self._configs: dict[ProvisionedKey, _Config] = {}

    def put(self, version: Version, qualifier: Qualifier, count: int) -> ProvisionedConcurrency:
        """Keep `count` environments of `version` initialised. `qualifier` is the version itself or
        the alias that means it; an alias that meant another one takes its environments along.

        Raises `InvalidParameter`, `ConstraintViolated`, `ConflictError`.
        """
        key = version.name, version.version
        self._check_free(key, qualifier)
        moved = [
            (each, config)
            for each, config in self._configs.items()
            if config.qualifier == qualifier
            and each[0] == version.name
            and config.version.digest != version.digest
        ]
        for each, _ in moved:
            self._ledger.provision(*each, None)
        try:
            self._ledger.provision(*key, count)
        except BaseException:
            for each, config in moved:
                self._ledger.provision(*each, config.requested)
            raise
        for each, config in moved:
            del self._configs[each]
            self._pool.provision(config.version, 0)
        self._configs[key] = _Config(version, qualifier, count, self._clock.now())
        self._pool.provision(version, count)
        return self._seen(self._configs[key])

    def get(self, function: FunctionName, qualifier: Qualifier) -> ProvisionedConcurrency:
        """Raises `ProvisionedConcurrencyNotFound`."""
        for found in self.all(function):
            if found.qualifier == qualifier:
                return found
        raise ProvisionedConcurrencyNotFound

    def all(self, function: FunctionName | None = None) -> tuple[ProvisionedConcurrency, ...]:
        """Of one function or of all, sorted by name and qualifier."""
        chosen = (config for (name, _), config in self._configs.items() if function in (None, name))
        return tuple(
            sorted(
                (self._seen(config) for config in chosen),
                key=lambda found: (found.function, found.qualifier),
            )
        )

    def remove(self, function: FunctionName, qualifier: Qualifier | None = None) -> None:
        """Keep none initialised any more for `qualifier`, or for any. What is not there is no error."""
        for key, config in list(self._configs.items()):
            if key[0] == function and qualifier in (None, config.qualifier):
                del self._configs[key]
                self._ledger.provision(*key, None)
                self._pool.provision(config.version, 0)

    def follow(self, version: Version) -> None:
        """`version` has taken the place of another digest of itself."""
        key = version.name, version.version
        if key in self._configs:
            self._configs[key] = replace(self._configs[key], version=version)

    def close(self) -> None:
        """Give back what is set aside: the environments go with the scheduler."""
        for key in self._configs:
            self._ledger.provision(*key, None)
        self._configs.clear()

    # --- inside ---------------------------------------------------------------------------------------

    def _check_free(self, key: ProvisionedKey, qualifier: Qualifier) -> None:
        held = self._configs.get(key)
        if held is None or held.qualifier == qualifier:
            return
        raise already_provisioned(held.qualifier, key[1])

    def _seen(self, config: _Config) -> ProvisionedConcurrency:
        now = self._pool.provisioned(config.version)
        reason = now.reason
        if now.status is ProvisionedStatus.IN_PROGRESS and now.in_line:
            reason = f"{now.in_line} of {config.requested} wait for their turn, or for memory."
        return ProvisionedConcurrency(
            function=config.version.name,
            qualifier=config.qualifier,
            version=config.version.version,
            requested=config.requested,
            allocated=min(now.available, config.requested),
            available=min(now.available, config.requested),
            status=now.status,
            reason=reason,
            last_modified=config.last_modified,
        )
