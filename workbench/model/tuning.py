"""A function measured at several memory sizes: which of them is the fastest, which the cheapest.

Pure. Only invocations that a warm environment answered well count as time; what failed is counted
as that, and a size with a failure is neither the fastest nor the cheapest.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from workbench.model.invocation import InvocationRecord, Outcome
from workbench.model.report import cpus
from workbench.values import dataclass

DEFAULT_SIZES = (128, 256, 512, 1024, 1769, 3008)
"""Source: the sizes AWS's own documentation compares; 1,769 MB buys one CPU."""
TIE = 0.02
"""Sizes this near to the best are as good: a measurement is no more exact."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SizeResult:
    """What was measured at one memory size."""

    memory_mb: int
    cold: InvocationRecord | None = None
    """The first call, in a new environment, apart from the others."""
    warm: tuple[InvocationRecord, ...] = ()
    """Those that were answered well by an environment that was up."""
    failures: tuple[str, ...] = ()
    """What each invocation that failed, the first call among them, ended with."""

    @property
    def cpus(self) -> float:
        return cpus(self.memory_mb)

    @property
    def sound(self) -> bool:
        """It can be compared."""
        return bool(self.warm) and not self.failures

    @property
    def durations_ms(self) -> list[float]:
        """Of the warm ones."""
        return [one.measurements.duration_ms for one in self.warm if one.measurements is not None]

    @property
    def mean_billed_ms(self) -> float | None:
        """Of the warm ones: what a bill is made of."""
        billed = [one.measurements.billed_ms for one in self.warm if one.measurements is not None]
        return sum(billed) / len(billed) if billed else None

    @property
    def max_memory_bytes(self) -> int | None:
        """The highest peak that was measured."""
        every = (*self.warm, *(() if self.cold is None else (self.cold,)))
        peaks = [
            one.measurements.max_memory_bytes
            for one in every
            if one.measurements is not None and one.measurements.max_memory_bytes is not None
        ]
        return max(peaks, default=None)

    def percentile_ms(self, percent: float) -> float | None:
        """A duration that `percent` of the warm ones did not exceed: the nearest rank."""
        durations = sorted(self.durations_ms)
        if not durations:
            return None
        return durations[max(0, math.ceil(percent / 100 * len(durations)) - 1)]


def failure(outcome: Outcome) -> str:
    """How an invocation failed, in a line."""
    kind = outcome.error_type or str(outcome.kind)
    message = " ".join((outcome.error_message or "").split())
    return f"{kind}: {message}" if message else kind


def best(
    results: Sequence[SizeResult],
    of: Callable[[SizeResult], float | None],
    *,
    then: Callable[[SizeResult], float | None],
) -> SizeResult | None:
    """The sound one of which `of` is the least. Of those within `TIE` of it, the one of which `then`
    is the least, and of these the smallest; `None` when none is sound.
    """
    known = [(value, one) for one in results if one.sound and (value := of(one)) is not None]
    if not known:
        return None
    least = min(value for value, _ in known)
    tied = [one for value, one in known if value <= least * (1 + TIE)]
    return min(tied, key=lambda one: (_or_infinite(then(one)), one.memory_mb))


def _or_infinite(value: float | None) -> float:
    return math.inf if value is None else value
