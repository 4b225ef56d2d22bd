"""What invocations would cost on AWS. Pure; the prices themselves are data (`config/prices.toml`).

Source: Lambda pricing: requests, GB-seconds of billed duration by architecture, and GB-seconds of
/tmp beyond what is free.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from workbench.model.function import Architecture
from workbench.values import dataclass

FREE_STORAGE_MB = 512
"""Source: Lambda pricing, "Ephemeral storage"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """US dollars, first tier, without the free tier."""

    as_of: date
    source: str
    region: str
    per_million_requests: float
    duration_per_gb_s: Mapping[Architecture, float]
    storage_per_gb_s: float

    def per_million(
        self,
        billed_ms: float,
        *,
        memory_mb: int,
        architecture: Architecture,
        storage_mb: int = FREE_STORAGE_MB,
    ) -> float:
        """Dollars for a million invocations that are billed `billed_ms` each."""
        million_s = billed_ms / 1000 * 1_000_000
        duration = million_s * memory_mb / 1024 * self.duration_per_gb_s[architecture]
        extra_mb = max(0, storage_mb - FREE_STORAGE_MB)
        storage = million_s * extra_mb / 1024 * self.storage_per_gb_s
        return self.per_million_requests + duration + storage
