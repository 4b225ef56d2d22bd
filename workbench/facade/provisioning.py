"""Provisioned concurrency: asked for, looked at, given up. Kept by every workbench that stays."""

from __future__ import annotations

from workbench.engine.concurrency import Ledger
from workbench.errors import (
    InvalidParameter,
    ProvisionedConcurrencyNotFound,
)
from workbench.functions.keeper import EngineKeeper
from workbench.functions.provisioning import Provisioner
from workbench.model.concurrency import ProvisionedConcurrency, already_provisioned
from workbench.model.names import LATEST, FunctionName, Qualifier
from workbench.model.release import is_number
from workbench.store.releases.provisioned import Wanted
from workbench.store.releases.release_store import ReleaseStore

__all__ = ["Provisioning", "Wanted"]


class Provisioning:
    """Of published versions and aliases."""

    def __init__(
        self,
        *,
        store: ReleaseStore,
        provisioner: Provisioner,
        ledger: Ledger,
        keeper: EngineKeeper,
    ) -> None:
        self._store = store
        self._provisioner = provisioner
        self._ledger = ledger
        self._keeper = keeper

    async def put(self, function: FunctionName, qualifier: Qualifier, count: int) -> Wanted:
        """Have `count` environments of a published version, or of what an alias means, kept
        initialised, from now on and in every workbench that stays. Does not wait for them.

        Raises `FunctionNotFound`, `InvalidParameter`, `ConstraintViolated`, `ConflictError`,
        `StoreError`.
        """
        if qualifier == LATEST:
            self._ledger.shares.with_provisioned(function, qualifier, count)  # refuses it
        version = await self._meaning(function, qualifier)
        self._check(await self._store.provisioned(), function, qualifier, version, count)
        await self._store.provision(function, qualifier, count)
        await self.apply()
        return Wanted(function=function, qualifier=qualifier, version=version, requested=count)

    async def remove(self, function: FunctionName, qualifier: Qualifier) -> bool:
        """Keep none any more; False: none was asked for. Raises as `put`."""
        self._check_published(qualifier)
        removed = await self._store.provision(function, qualifier, None)
        await self.apply()
        return removed

    async def wanted(self, function: FunctionName | None = None) -> tuple[Wanted, ...]:
        """What was asked for, of one function or of all, sorted by name and qualifier."""
        found = await self._store.provisioned()
        return tuple(each for each in found if function in (None, each.function))

    def kept(self, function: FunctionName | None = None) -> tuple[ProvisionedConcurrency, ...]:
        """How far this workbench is with it, sorted by name and qualifier."""
        engine = self._keeper.engine
        return () if engine is None else engine.scheduler.provisioning.all(function)

    async def get(self, function: FunctionName, qualifier: Qualifier) -> ProvisionedConcurrency:
        """How far that is here. Raises `InvalidParameter`, `ProvisionedConcurrencyNotFound`."""
        self._check_published(qualifier)
        for found in self.kept(function):
            if found.qualifier == qualifier:
                return found
        raise ProvisionedConcurrencyNotFound

    async def apply(self) -> None:
        """See to it now that what was asked for is kept here, rather than in a moment."""
        if self._keeper.engine is not None:
            await self._provisioner.apply()

    # --- inside ---------------------------------------------------------------------------------------

    async def _meaning(self, function: FunctionName, qualifier: Qualifier) -> Qualifier:
        if is_number(qualifier):
            return qualifier
        return (await self._store.alias(function, qualifier)).version

    def _check(
        self,
        known: tuple[Wanted, ...],
        function: FunctionName,
        qualifier: Qualifier,
        version: Qualifier,
        count: int,
    ) -> None:
        shares = self._ledger.shares
        for each in known:
            if each.version == LATEST or (each.function, each.qualifier) == (function, qualifier):
                continue
            if (each.function, each.version) == (function, version):
                raise already_provisioned(each.qualifier, version)
            shares = shares.with_provisioned(each.function, each.version, each.requested)
        shares.with_provisioned(function, version, count)

    def _check_published(self, qualifier: Qualifier) -> None:
        if qualifier == LATEST:  # Source: recorded text
            raise InvalidParameter(
                "The function resource provided must be an alias or a published version.",
                parameter="Qualifier",
            )
