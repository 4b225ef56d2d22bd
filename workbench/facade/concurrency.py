"""How much may run at a time, who has how much of it, and how much runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from workbench.engine.concurrency import Ledger
from workbench.functions.registry import Registry
from workbench.model.concurrency import (
    AccountConcurrency,
    FunctionConcurrency,
    InitializationType,
)
from workbench.model.environment import EnvironmentState
from workbench.store.history import History


class Concurrency:
    """Of this project's account."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        registry: Registry,
        history: History,
        memory_budget_mb: Callable[[], int],
    ) -> None:
        self._ledger = ledger
        self._registry = registry
        self._history = history
        self._memory_budget_mb = memory_budget_mb

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
