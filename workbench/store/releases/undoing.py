"""Taking back the last change, whatever kind it is of: apart, because it knows everything there is."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from datetime import datetime

from workbench.model.release import Change, ChangeKind
from workbench.store.releases import (
    aliases,
    changes,
    deployments,
    imports,
    layers,
    provisioned,
    versions,
)
from workbench.store.releases.changes import Undoing
from workbench.store.releases.database import ReleaseDatabase

UNDOINGS: Mapping[ChangeKind, Undoing] = {
    ChangeKind.PUBLISH: versions.undo_publish,
    ChangeKind.DELETE_VERSION: versions.undo_delete,
    ChangeKind.CREATE_ALIAS: aliases.undo_create,
    ChangeKind.UPDATE_ALIAS: aliases.undo_update,
    ChangeKind.DELETE_ALIAS: aliases.undo_delete,
    ChangeKind.PROVISION: provisioned.undo,
    ChangeKind.SHIFT: deployments.undo_shift,
    ChangeKind.PUBLISH_LAYER: layers.undo_publish,
    ChangeKind.DELETE_LAYER: layers.undo_delete,
    ChangeKind.IMPORT: imports.undo_import,
    ChangeKind.CONFIGURE: changes.no_row,
}
"""How each kind of change is taken back; edits by `EditJournal`, which has whom to ask for the file."""


def undo_now(
    database: ReleaseDatabase, *, at: datetime, also: Callable[[Change], None] = lambda _: None
) -> Change:
    """Take back the last change that has not been. Raises `ConflictError`. Blocks for the disk.

    also: called with the change before it is committed, for what is no row.
    """

    def work(connection: sqlite3.Connection) -> Change:
        change = changes.undo_last(connection, UNDOINGS, at=at)
        also(change)
        return change

    return database.write_now(work)
