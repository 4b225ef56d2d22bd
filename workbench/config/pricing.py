"""`prices.toml` beside this file: what Lambda asks, as data with its date and its source."""

from __future__ import annotations

from pathlib import Path

import tomli

from workbench.model.function import Architecture
from workbench.model.pricing import Prices


def load_prices() -> Prices:
    """The prices that came with this release. Part of the installation: a mistake in it is a bug."""
    file = Path(__file__).with_name("prices.toml")
    stated = tomli.loads(file.read_text(encoding="utf-8"))
    per_gb_s = stated["duration_per_gb_s"]
    return Prices(
        as_of=stated["as_of"],
        source=stated["source"],
        region=stated["region"],
        per_million_requests=stated["per_million_requests"],
        duration_per_gb_s={kind: per_gb_s[kind.value] for kind in Architecture},
        storage_per_gb_s=stated["storage_per_gb_s"],
    )
