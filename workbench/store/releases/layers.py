"""Layer versions: rows, numbers, who uses them, and how publishing and deleting are taken back.

Functions of a transaction, as in `versions`.
Source of the rules: Lambda API reference, PublishLayerVersion, DeleteLayerVersion: what uses a deleted
version goes on using it, and nothing else can begin to.
"""

from __future__ import annotations

import json
import sqlite3
from dataclasses import replace
from datetime import datetime
from typing import Any

from workbench.errors import ConflictError
from workbench.model.layer import LayerVersionId
from workbench.model.layer_version import LayerVersion
from workbench.model.names import FunctionName
from workbench.model.release import Change, ChangeKind, CodePackage
from workbench.store.releases import changes
from workbench.store.times import from_us, to_us

_COLUMNS = (
    "name, number, description, created_at, code_digest, code_sha256, zip_bytes, unzipped_bytes,"
    " runtimes, architectures, license"
)


def insert(connection: sqlite3.Connection, version: LayerVersion) -> LayerVersion:
    """Add it under the next number; `version` with that number. Its own is not looked at."""
    (number,) = connection.execute(
        "INSERT INTO layers (name, last_version) VALUES (?, 1)"
        " ON CONFLICT (name) DO UPDATE SET last_version = last_version + 1 RETURNING last_version",
        (version.name,),
    ).fetchone()
    version = replace(version, number=number)
    package = version.package
    connection.execute(
        f"INSERT INTO layer_versions ({_COLUMNS})"  # noqa: S608 - a constant
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            version.name,
            number,
            version.description,
            to_us(version.created_at),
            package.digest,
            package.sha256,
            package.zip_bytes,
            package.unzipped_bytes,
            json.dumps(version.runtimes),
            json.dumps(version.architectures),
            version.license,
        ),
    )
    changes.record(
        connection,
        Change(
            at=version.created_at,
            kind=ChangeKind.PUBLISH_LAYER,
            subject=f"layer {version.id}",
            summary=f"Layer {version.name} published as version {number}.",
            after={"name": version.name, "number": number},
        ),
    )
    return version


def all_of(connection: sqlite3.Connection, name: str | None = None) -> tuple[LayerVersion, ...]:
    """Those of a layer, or all: by name, oldest first."""
    found = connection.execute(
        f"SELECT {_COLUMNS} FROM layer_versions"  # noqa: S608 - a constant
        " WHERE deleted_at IS NULL AND (?1 IS NULL OR name = ?1) ORDER BY name, number",
        (name,),
    )
    return tuple(_version(row) for row in found)


def find(
    connection: sqlite3.Connection, asked: LayerVersionId, *, user: FunctionName | None = None
) -> LayerVersion | None:
    """One that exists; for a `user` that has it already, also one that was deleted."""
    found = connection.execute(
        f"SELECT {_COLUMNS} FROM layer_versions AS v"  # noqa: S608 - a constant
        " WHERE name = ?1 AND number = ?2 AND (deleted_at IS NULL OR EXISTS (SELECT 1 FROM layer_uses"
        " AS u WHERE u.function = ?3 AND u.name = v.name AND u.number = v.number))",
        (asked.name, asked.number, user),
    ).fetchone()
    return None if found is None else _version(found)


def uses(connection: sqlite3.Connection, function: FunctionName) -> set[tuple[str, int]]:
    """Name and number of what `$LATEST` of a function has."""
    return set(
        connection.execute("SELECT name, number FROM layer_uses WHERE function = ?", (function,))
    )


def use(connection: sqlite3.Connection, function: FunctionName, has: set[tuple[str, int]]) -> None:
    """From now on `$LATEST` of a function has these, and no others."""
    connection.execute("DELETE FROM layer_uses WHERE function = ?", (function,))
    connection.executemany(
        "INSERT INTO layer_uses (function, name, number) VALUES (?, ?, ?)",
        [(function, *each) for each in sorted(has)],
    )


def delete(connection: sqlite3.Connection, asked: LayerVersionId, *, at: datetime) -> bool:
    """False: there is none."""
    if find(connection, asked) is None:
        return False
    _mark_deleted(connection, asked, at)
    changes.record(
        connection,
        Change(
            at=at,
            kind=ChangeKind.DELETE_LAYER,
            subject=f"layer {asked}",
            summary=f"Version {asked.number} of layer {asked.name} deleted.",
            before={"name": asked.name, "number": asked.number},
        ),
    )
    return True


def forget_deleted(connection: sqlite3.Connection, *, before: datetime) -> int:
    """Forget for good what was deleted before then and nobody uses; how many."""
    return connection.execute(
        "DELETE FROM layer_versions WHERE deleted_at < ? AND NOT EXISTS (SELECT 1 FROM layer_uses AS u"
        " WHERE u.name = layer_versions.name AND u.number = layer_versions.number)",
        (to_us(before),),
    ).rowcount


def references(connection: sqlite3.Connection) -> set[str]:
    """Digests in the code store that must not be collected."""
    return {digest for (digest,) in connection.execute("SELECT code_digest FROM layer_versions")}


# --- taking back -------------------------------------------------------------------------------------


def undo_publish(connection: sqlite3.Connection, change: Change, at: datetime) -> None:
    """The version goes; its number is not given again."""
    assert change.after is not None, "it made one"
    _mark_deleted(connection, LayerVersionId(**change.after), at)


def undo_delete(connection: sqlite3.Connection, change: Change, at: datetime) -> None:
    """The version is back."""
    del at
    assert change.before is not None, "there was one"
    restored = connection.execute(
        "UPDATE layer_versions SET deleted_at = NULL WHERE name = ? AND number = ?",
        (change.before["name"], change.before["number"]),
    ).rowcount
    if not restored:
        raise ConflictError(f"{change.subject} was deleted too long ago to come back.")


def _mark_deleted(connection: sqlite3.Connection, asked: LayerVersionId, at: datetime) -> None:
    connection.execute(
        "UPDATE layer_versions SET deleted_at = ? WHERE name = ? AND number = ?"
        " AND deleted_at IS NULL",
        (to_us(at), asked.name, asked.number),
    )


# --- rows --------------------------------------------------------------------------------------------


def _version(row: tuple[Any, ...]) -> LayerVersion:
    (
        name,
        number,
        description,
        created_at,
        digest,
        sha256,
        zip_bytes,
        unzipped_bytes,
        runtimes,
        architectures,
        license_info,
    ) = row
    return LayerVersion(
        name=name,
        number=number,
        description=description,
        created_at=from_us(created_at),
        package=CodePackage(
            digest=digest, sha256=sha256, zip_bytes=zip_bytes, unzipped_bytes=unzipped_bytes
        ),
        runtimes=tuple(json.loads(runtimes)),
        architectures=tuple(json.loads(architectures)),
        license=license_info,
    )
