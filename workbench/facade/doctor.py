"""What keeps functions from running here, and mending it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping

from workbench.errors import DriverError
from workbench.model.doctor import Finding

Examine = Callable[[], Awaitable[tuple[Finding, ...]]]
Say = Callable[[str], None]
Mend = Callable[[tuple[str, ...], Say], Awaitable[Mapping[str, DriverError]]]


class Doctor:
    """Looks, and mends what a `Finding` says can be mended."""

    def __init__(
        self, *, examine: Examine, mend: Mend, provide_engine: Callable[[Say], Awaitable[None]]
    ) -> None:
        """`mend` takes `Finding.fix`es, and answers with what failed; both say each thing before
        they do it.
        """
        self._examine = examine
        self._mend = mend
        self._provide_engine = provide_engine

    async def examine(self) -> tuple[Finding, ...]:
        """Everything there is to say, well or not. Never raises for what it finds."""
        return await self._examine()

    async def mend(
        self, findings: Iterable[Finding], say: Say
    ) -> tuple[tuple[Finding, DriverError], ...]:
        """Do what each `Finding.fix` stands for, saying each thing before it is done. Answers with
        what failed, and what a person can do. Nothing for a finding that only a person can act on.
        """
        by_fix = {finding.fix: finding for finding in findings if finding.fix is not None}
        failed = await self._mend(tuple(by_fix), say)
        return tuple((by_fix[fix], error) for fix, error in failed.items())

    async def provide_engine(self, say: Say) -> None:
        """See that a container engine answers: install and start one where that is ours to do,
        saying each thing before it is done.

        Raises `EngineUnreachable` with what a person can do.
        """
        await self._provide_engine(say)
