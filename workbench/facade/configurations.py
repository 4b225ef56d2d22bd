"""Configurations: looked at with where each value comes from, and edited."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from workbench.functions.configuring import Configuring
from workbench.model.configured import Configured
from workbench.model.names import FunctionName
from workbench.model.release import Change


class Configurations:
    """Those of the project's functions, as function.toml has them."""

    def __init__(self, *, configuring: Configuring) -> None:
        self._configuring = configuring

    async def get(self, name: FunctionName) -> Configured:
        """As the files have it now. Raises `FunctionNotFound`, `FunctionNotReady`."""
        return await self._configuring.configured(name)

    async def edit(
        self, name: FunctionName, values: Mapping[str, str], *, unset: Sequence[str] = ()
    ) -> Change | None:
        """Set and unset keys; `changes.undo` takes it back. See `Configuring.edit`."""
        return await self._configuring.edit(name, values, unset)
