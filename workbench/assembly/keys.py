"""The keys of this user, put together with what a project has sealed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from workbench.store.rotation import KeyCare


@contextmanager
def key_care(state: Path) -> Iterator[KeyCare]:
    """Of the project whose folder of our own that is. Blocks for the disk."""
    from workbench.config.locations import keys_folder
    from workbench.store.releases.database import ReleaseDatabase
    from workbench.store.releases.sealed import SealedVariables
    from workbench.store.rotation import KeyCare
    from workbench.store.sealing import Keys

    with closing(ReleaseDatabase(state / "releases.db")) as releases:
        yield KeyCare(Keys(keys_folder(), place=state), SealedVariables(releases))
