"""What is sealed in the releases, as keys are rotated and removed for it: variables of published
versions, and texts of edits.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from workbench.store.releases import edits
from workbench.store.releases.database import ReleaseDatabase
from workbench.store.rotation import SealedValue


def sealed_about(function: str, revision_id: str) -> str:
    """What the variables of a version are sealed about. Not its number: that is not known yet when
    they are sealed.
    """
    return f"{function} {revision_id}"


class SealedVariables:
    """What is sealed in a project's releases; `HoldsSealed`. Blocks for the disk. Raises `StoreError`."""

    def __init__(self, database: ReleaseDatabase) -> None:
        self._database = database

    def all_sealed(self) -> Iterable[SealedValue]:
        """Of every version, deleted ones that may come back among them; and of every edit."""
        return self._database.read_now(
            lambda connection: [*_of_versions(connection), *edits.all_sealed(connection)]
        )

    def replace_sealed(self, id: str, old: bytes, new: bytes) -> bool:  # noqa: A002 - as stated
        """Only the sealed form: what the version is does not change, nor its revision."""
        if edits.is_edit(id):
            return self._database.write_now(
                lambda connection: edits.replace_sealed(connection, id, old, new)
            )
        function, _, number = id.rpartition(":")
        return self._database.write_now(
            lambda connection: (
                connection.execute(
                    "UPDATE versions SET variables = ?"
                    " WHERE function = ? AND number = ? AND variables = ?",
                    (new, function, int(number), old),
                ).rowcount
                == 1
            )
        )


def _of_versions(connection: sqlite3.Connection) -> Iterable[SealedValue]:
    found = connection.execute(
        "SELECT function, number, revision_id, variables FROM versions ORDER BY function, number"
    )
    return [
        SealedValue(
            id=f"{function}:{number}", about=sealed_about(function, revision), sealed=sealed
        )
        for function, number, revision, sealed in found
    ]
