"""How far the provisioned concurrency of one version is. Values; the pool acts on them.

Law: what cannot be initialised, or ends again and again without having had an invocation, is given
up, and says so; nothing is started for ever.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Protocol

from workbench.model.concurrency import ProvisionedStatus
from workbench.values import dataclass

INIT_FAILURE = "FUNCTION_ERROR_INIT_FAILURE"
"""Source: recorded StatusReason of a function whose code cannot be initialised."""

ENDS_BY_ITSELF = "Its environments end by themselves, again and again."

_PATIENCE = 3
"""Environments that may end unused before nobody believes in them any more, beside one of each."""


class Kept(Protocol):
    """What of an environment bears on it."""

    @property
    def provisioned(self) -> bool: ...

    @property
    def initialised(self) -> bool: ...

    @property
    def going(self) -> bool: ...

    @property
    def in_line(self) -> bool: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Provisioned:
    """The provisioned concurrency of one version."""

    requested: int = 0
    reason: str | None = None
    """Why it was given up."""
    replaced: int = 0
    """Environments that ended by themselves since one of them had an invocation."""
    available: int = 0
    """Environments that are there, initialised."""
    in_line: int = 0
    """Environments that wait for their turn, or for memory."""

    @property
    def wanted(self) -> int:
        """How many environments there should be."""
        return 0 if self.reason is not None else self.requested

    @property
    def status(self) -> ProvisionedStatus:
        """As Lambda has it."""
        if self.reason is not None:
            return ProvisionedStatus.FAILED
        ready = self.available >= self.requested
        return ProvisionedStatus.READY if ready else ProvisionedStatus.IN_PROGRESS

    def seen(self, environments: Iterable[Kept]) -> Provisioned:
        """With what there is just now."""
        mine = [each for each in environments if each.provisioned and not each.going]
        return replace(
            self,
            available=sum(each.initialised for each in mine),
            in_line=sum(each.in_line for each in mine),
        )

    def failed(self, reason: str) -> Provisioned:
        """It is given up."""
        return replace(self, reason=self.reason or reason)

    def replacing(self, count: int) -> Provisioned:
        """`count` environments take the place of some that ended by themselves."""
        replaced = self.replaced + count
        tired = replaced > self.requested + _PATIENCE
        return replace(
            self, replaced=replaced, reason=self.reason or (ENDS_BY_ITSELF if tired else None)
        )

    def working(self) -> Provisioned:
        """One of them had an invocation."""
        return self if not self.replaced else replace(self, replaced=0)
