"""Aliases: names for versions, and how their traffic is shared out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from workbench.errors import InvalidParameter
from workbench.functions.registry import Registry
from workbench.model.alarm import Traffic
from workbench.model.names import LATEST, FunctionName, Qualifier
from workbench.model.release import Alias, alias_name, is_number, routing
from workbench.model.release import description as checked_description
from workbench.store.history import History
from workbench.store.releases.release_store import ReleaseStore


class Aliases:
    """Those of every function."""

    def __init__(self, *, store: ReleaseStore, registry: Registry, history: History) -> None:
        self._store = store
        self._registry = registry
        self._history = history

    async def all(self, function: FunctionName) -> tuple[Alias, ...]:
        """Sorted by name. Raises `FunctionNotFound` where there was never such a function."""
        found = await self._store.aliases(function)
        if not found and not await self._store.versions(function):
            self._registry.entry(function)
        return found

    async def get(self, function: FunctionName, name: str) -> Alias:
        """Raises `AliasNotFound`."""
        return await self._store.alias(function, name)

    async def traffic(
        self, function: FunctionName, name: Qualifier, *, since: datetime
    ) -> dict[Qualifier, Traffic]:
        """What each version did of the alias's calls accepted since then, sorted by version."""
        return await self._history.traffic(function, name, since=since)

    async def create(
        self,
        function: FunctionName,
        name: str,
        version: Qualifier,
        *,
        description: str = "",
        weights: Mapping[str, float] | None = None,
    ) -> Alias:
        """Make one. weights: the additional version and its share, 0 to 1.

        Raises `AliasExists`, `FunctionNotFound`, `InvalidParameter`, `ConstraintViolated`.
        """
        additional, weight = routing(version, dict(weights or {}))
        return await self._store.create_alias(
            Alias(
                function=function,
                name=alias_name(name),
                version=self._checked(function, version),
                description=checked_description(description),
                additional=additional,
                weight=weight,
            )
        )

    async def update(
        self,
        function: FunctionName,
        name: str,
        *,
        version: Qualifier | None = None,
        description: str | None = None,
        weights: Mapping[str, float] | None = None,
        revision_id: str | None = None,
    ) -> Alias:
        """Change what is given and keep the rest; empty `weights` end the sharing.

        revision_id: refuse unless it has that. Raises as `create`, and `AliasNotFound`,
        `PreconditionFailed`.
        """
        if version is not None:
            self._checked(function, version)

        def change(alias: Alias) -> Alias:
            new = alias.version if version is None else version
            shared: dict[str, float] = dict(weights or {})
            if weights is None and alias.additional is not None:
                shared = {alias.additional: alias.weight}
            additional, weight = routing(new, shared)
            return replace(
                alias,
                version=new,
                description=alias.description
                if description is None
                else checked_description(description),
                additional=additional,
                weight=weight,
            )

        return await self._store.update_alias(function, name, change, revision_id=revision_id)

    async def delete(self, function: FunctionName, name: str) -> bool:
        """False: there was none, which is no error. Source: DeleteAlias."""
        return await self._store.delete_alias(function, name)

    def _checked(self, function: FunctionName, version: Qualifier) -> Qualifier:
        if version == LATEST:
            self._registry.entry(function)
        elif not is_number(version):
            raise InvalidParameter(
                f"An alias leads to $LATEST or to the number of a version, not to {version!r}.",
                parameter="functionVersion",
            )
        return version
