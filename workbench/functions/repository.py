"""Where everything that is published is kept."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from workbench.functions.code import CodeStore
from workbench.store.releases.release_store import ReleaseStore
from workbench.store.sealing import Keys
from workbench.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """The rows, the code, and the keys of what is sealed."""

    store: ReleaseStore
    code: CodeStore
    keys: Callable[[], Keys]
    """Looks at the disk."""
    state: Path
    """The project's folder of our own, in which dependencies are."""
