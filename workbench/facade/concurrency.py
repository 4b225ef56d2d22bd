"""How much may run at a time, who has how much of it, and how much runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable

from workbench.engine.concurrency import Ledger
from workbench.errors import FunctionNotFound, InvalidParameter
from workbench.functions.keeper import EngineKeeper
from workbench.functions.registry import Registry
from workbench.model.concurrency import (
    AccountConcurrency,
    FunctionConcurrency,
    InitializationType,
    ProvisionedConcurrency,
)
from workbench.model.environment import EnvironmentState
from workbench.model.names import LATEST, FunctionName, Qualifier
from workbench.model.version import Version
from workbench.store.history import History

Publish = Callable[[FunctionName, Qualifier], Awaitable[Version]]
"""What a published version or an alias means. Raises `FunctionNotFound`."""


class Concurrency:
    """Of this project's account."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        registry: Registry,
        keeper: EngineKeeper,
        history: History,
        memory_budget_mb: Callable[[], int],
        published: Publish | None = None,
    ) -> None:
        self._ledger = ledger
        self._registry = registry
        self._keeper = keeper
        self._history = history
        self._memory_budget_mb = memory_budget_mb
        self._published = published or _nothing_is_published

    async def account(self) -> AccountConcurrency:
        """All of it. What is in use is that of every workbench that runs on this project."""
        environments = await self._history.environments()
        in_use = Counter(each.function for each in environments if each.invocation is not None)
        kept = Counter(
            each.function
            for each in environments
            if each.initialization_type is InitializationType.PROVISIONED
        )
        shared = self._ledger.shared_out
        names = [entry.function.name for entry in self._registry.entries]
        return AccountConcurrency(
            limit=shared.shares.limit,
            unreserved=self._ledger.shares.unreserved,
            in_use=in_use.total(),
            memory_budget_mb=self._memory_budget_mb(),
            memory_used_mb=sum(
                each.memory_mb
                for each in environments
                if each.state is not EnvironmentState.CREATED
            ),
            in_line=sum(each.state is EnvironmentState.CREATED for each in environments),
            functions=tuple(
                FunctionConcurrency(
                    function=name,
                    reserved=shared.shares.reserved.get(name),
                    in_use=in_use[name],
                    provisioned=kept[name],
                    refusal=str(shared.refused[name]) if name in shared.refused else None,
                )
                for name in names
            ),
        )

    # --- provisioned ------------------------------------------------------------------------------

    async def provision(
        self, function: FunctionName, qualifier: Qualifier, count: int
    ) -> ProvisionedConcurrency:
        """Keep `count` environments of a published version, or of what an alias means, initialised.
        Does not wait for them.

        Raises `FunctionNotFound`, `InvalidParameter`, `ConstraintViolated`, `ConflictError`,
        `DriverError`.
        """
        self._registry.entry(function)
        if qualifier == LATEST:
            self._ledger.shares.with_provisioned(function, qualifier, count)  # refuses it
        version = await self._published(function, qualifier)
        engine = await self._keeper.ready()
        return engine.scheduler.provisioning.put(version, qualifier, count)

    async def provisioned(
        self, function: FunctionName, qualifier: Qualifier
    ) -> ProvisionedConcurrency:
        """How far that is. Raises `FunctionNotFound`, `InvalidParameter`, `DriverError`,
        `ProvisionedConcurrencyNotFound`.
        """
        self._check_published(function, qualifier)
        engine = await self._keeper.ready()
        return engine.scheduler.provisioning.get(function, qualifier)

    def all_provisioned(
        self, function: FunctionName | None = None
    ) -> tuple[ProvisionedConcurrency, ...]:
        """Of one function or of all, sorted by name and qualifier."""
        engine = self._keeper.engine
        return () if engine is None else engine.scheduler.provisioning.all(function)

    async def unprovision(self, function: FunctionName, qualifier: Qualifier) -> None:
        """Keep none any more. Raises `FunctionNotFound`, `InvalidParameter`, `DriverError`."""
        self._check_published(function, qualifier)
        engine = await self._keeper.ready()
        engine.scheduler.provisioning.remove(function, qualifier)

    def _check_published(self, function: FunctionName, qualifier: Qualifier) -> None:
        self._registry.entry(function)
        if qualifier == LATEST:  # Source: recorded text
            raise InvalidParameter(
                "The function resource provided must be an alias or a published version.",
                parameter="Qualifier",
            )


async def _nothing_is_published(function: FunctionName, qualifier: Qualifier) -> Version:
    raise FunctionNotFound(function, qualifier=qualifier)
