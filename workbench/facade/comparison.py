"""Two versions of a function held against each other."""

from __future__ import annotations

from workbench.functions.comparing import Comparing
from workbench.model.difference import Difference
from workbench.model.names import LATEST, FunctionName, Qualifier

__all__ = ["Comparison", "Difference"]


class Comparison:
    """Needs no engine, and no function's folder unless `$LATEST` is meant."""

    def __init__(self, *, comparing: Comparing) -> None:
        self._comparing = comparing

    async def meant(self, name: FunctionName, qualifier: Qualifier) -> Qualifier:
        """`$LATEST` or a number: of an alias where it leads to first, at this moment.

        Raises `FunctionNotFound`, `AliasNotFound`.
        """
        return await self._comparing.meant(name, qualifier)

    async def diff(
        self, name: FunctionName, a: Qualifier | None = None, b: Qualifier | None = None
    ) -> Difference:
        """What becomes of `a` (the newest version by default) on the way to `b` (`$LATEST`).

        Raises as `meant`, and `InvalidParameter` when there is no version yet, `FunctionNotReady`,
        `SealingError`, `CodeDamaged`. Cancellation: nothing was changed.
        """
        first = await (self._comparing.newest(name) if a is None else self.meant(name, a))
        second = await self.meant(name, LATEST if b is None else b)
        return await self._comparing.compare(name, first, second)
