"""What keeps functions from running here, and mending it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from workbench.model.doctor import Finding

Examine = Callable[[], Awaitable[tuple[Finding, ...]]]
Say = Callable[[str], None]
Mend = Callable[[str, Say], Awaitable[None]]


class Doctor:
    """Looks, and mends what a `Finding` says can be mended."""

    def __init__(
        self, *, examine: Examine, mend: Mend, provide_engine: Callable[[Say], Awaitable[None]]
    ) -> None:
        """`mend` takes a `Finding.fix`; both say each thing before they do it."""
        self._examine = examine
        self._mend = mend
        self._provide_engine = provide_engine

    async def examine(self) -> tuple[Finding, ...]:
        """Everything there is to say, well or not. Never raises for what it finds."""
        return await self._examine()

    async def mend(self, finding: Finding, say: Say) -> None:
        """Do what `finding.fix` stands for, saying each thing before it is done.

        Raises `DriverError` with what failed and what a person can do. Nothing for a finding that
        only a person can act on.
        """
        if finding.fix is not None:
            await self._mend(finding.fix, say)

    async def provide_engine(self, say: Say) -> None:
        """See that a container engine answers: install and start one where that is ours to do,
        saying each thing before it is done.

        Raises `EngineUnreachable` with what a person can do.
        """
        await self._provide_engine(say)
