"""Published versions: rows, numbers, and how publishing and deleting are taken back.

Functions of a transaction, as in `aliases`.
Source of the rules: Lambda API reference, PublishVersion, DeleteFunction with a qualifier.
"""

from __future__ import annotations

import json
import sqlite3
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from workbench.errors import ConflictError, FunctionNotFound
from workbench.model.container import Mount
from workbench.model.names import FunctionName, Qualifier
from workbench.model.release import Change, ChangeKind, CodePackage, LayerUse, PublishedVersion
from workbench.model.version import Image
from workbench.store.releases import aliases, changes, configuration
from workbench.store.times import from_us, to_us
from workbench.values import dataclass

_COLUMNS = (
    "function, number, description, published_at, revision_id, code_digest, code_sha256, zip_bytes,"
    " unzipped_bytes, configuration, variables, image, dependencies, layers, opt_digest"
)


def insert(connection: sqlite3.Connection, version: PublishedVersion) -> PublishedVersion:
    """Add it under the next number; `version` with that number. Its own is not looked at."""
    (number,) = connection.execute(
        "INSERT INTO functions (name, last_version) VALUES (?, 1)"
        " ON CONFLICT (name) DO UPDATE SET last_version = last_version + 1 RETURNING last_version",
        (version.function,),
    ).fetchone()
    version = replace(version, number=number)
    put(connection, version)
    changes.record(
        connection,
        Change(
            at=version.published_at,
            kind=ChangeKind.PUBLISH,
            subject=f"{version.function}:{number}",
            summary=f"{version.function} published as version {number}.",
            after={"function": version.function, "number": number},
        ),
    )
    return version


def put(connection: sqlite3.Connection, version: PublishedVersion) -> None:
    """Write the row, without looking."""
    package, mount = version.package, version.dependencies
    connection.execute(
        f"INSERT INTO versions ({_COLUMNS})"  # noqa: S608 - a constant
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            version.function,
            version.number,
            version.description,
            to_us(version.published_at),
            version.revision_id,
            package.digest,
            package.sha256,
            package.zip_bytes,
            package.unzipped_bytes,
            configuration.to_json(version.configuration),
            version.variables,
            _json(version.image, ("reference", "digest", "built_for_runtime")),
            None
            if mount is None
            else json.dumps({"source": str(mount.source), "target": mount.target}),
            json.dumps([_layer_to_json(layer) for layer in version.layers]),
            version.opt_digest,
        ),
    )


def find(
    connection: sqlite3.Connection, function: FunctionName, number: int
) -> PublishedVersion | None:
    """One version, if it exists and was not deleted."""
    found = connection.execute(
        f"SELECT {_COLUMNS} FROM versions"  # noqa: S608 - a constant
        " WHERE function = ? AND number = ? AND deleted_at IS NULL",
        (function, number),
    ).fetchone()
    return None if found is None else _version(found)


def newest(connection: sqlite3.Connection, function: FunctionName) -> PublishedVersion | None:
    """The one with the highest number."""
    found = connection.execute(
        f"SELECT {_COLUMNS} FROM versions"  # noqa: S608 - a constant
        " WHERE function = ? AND deleted_at IS NULL ORDER BY number DESC LIMIT 1",
        (function,),
    ).fetchone()
    return None if found is None else _version(found)


def all_of(
    connection: sqlite3.Connection, function: FunctionName | None = None
) -> tuple[PublishedVersion, ...]:
    """Those of a function, or all; oldest first."""
    found = connection.execute(
        f"SELECT {_COLUMNS} FROM versions"  # noqa: S608 - a constant
        " WHERE deleted_at IS NULL AND (?1 IS NULL OR function = ?1) ORDER BY function, number",
        (function,),
    )
    return tuple(_version(row) for row in found)


def delete(
    connection: sqlite3.Connection, function: FunctionName, number: int, *, at: datetime
) -> None:
    """Delete one. Raises `FunctionNotFound`, and `ConflictError` while an alias leads to it."""
    if find(connection, function, number) is None:
        raise FunctionNotFound(function, qualifier=str(number))
    _refuse_in_use(connection, function, number)
    _mark_deleted(connection, function, number, at)
    connection.execute(
        "DELETE FROM provisioned WHERE function = ? AND qualifier = ?", (function, str(number))
    )
    changes.record(
        connection,
        Change(
            at=at,
            kind=ChangeKind.DELETE_VERSION,
            subject=f"{function}:{number}",
            summary=f"Version {number} of {function} deleted.",
            before={"function": function, "number": number},
        ),
    )


def forget_deleted(connection: sqlite3.Connection, *, before: datetime) -> int:
    """Forget for good what was deleted before then, which cannot be undone any more; how many."""
    return connection.execute(
        "DELETE FROM versions WHERE deleted_at < ?", (to_us(before),)
    ).rowcount


@dataclass(frozen=True, slots=True, kw_only=True)
class References:
    """What published versions need of the disk, deleted ones that may come back among them."""

    code: frozenset[str]
    """Digests in the code store: of code, of layers, of layers merged."""
    dependencies: frozenset[str]
    """Names of folders."""


def references(connection: sqlite3.Connection) -> References:
    """What must not be collected."""
    code: set[str] = set()
    dependencies: set[str] = set()
    for digest, opt, layers, mount in connection.execute(
        "SELECT code_digest, opt_digest, layers, dependencies FROM versions"
    ):
        code.add(digest)
        if opt is not None:
            code.add(opt)
        code.update(layer["digest"] for layer in json.loads(layers))
        if mount is not None:
            dependencies.update(Path(json.loads(mount)["source"]).parts)
    return References(code=frozenset(code), dependencies=frozenset(dependencies))


# --- taking back -------------------------------------------------------------------------------------


def undo_publish(connection: sqlite3.Connection, change: Change, at: datetime) -> None:
    """The version goes; its number is not given again."""
    assert change.after is not None, "it made one"
    function, number = FunctionName(change.after["function"]), int(change.after["number"])
    if find(connection, function, number) is not None:
        _refuse_in_use(connection, function, number)
        _mark_deleted(connection, function, number, at)


def undo_delete(connection: sqlite3.Connection, change: Change, at: datetime) -> None:
    """The version is back."""
    del at
    assert change.before is not None, "there was one"
    restored = connection.execute(
        "UPDATE versions SET deleted_at = NULL WHERE function = ? AND number = ?",
        (change.before["function"], change.before["number"]),
    ).rowcount
    if not restored:
        raise ConflictError(f"{change.subject} was deleted too long ago to come back.")


def _mark_deleted(
    connection: sqlite3.Connection, function: FunctionName, number: int, at: datetime
) -> None:
    connection.execute(
        "UPDATE versions SET deleted_at = ? WHERE function = ? AND number = ?",
        (to_us(at), function, number),
    )


def _refuse_in_use(connection: sqlite3.Connection, function: FunctionName, number: int) -> None:
    used = aliases.using(connection, function, Qualifier(str(number)))
    if used:
        raise ConflictError(
            f"Version {number} of {function} is used by {', '.join(used)}. Point "
            f"{'it' if len(used) == 1 else 'them'} to another version first, or delete "
            f"{'it' if len(used) == 1 else 'them'}."
        )
    from workbench.store.releases import deployments  # 5 ms that the first paint does without

    deployments.check_unused(connection, function, Qualifier(str(number)))


# --- rows ----------------------------------------------------------------------------------------------


def _version(row: tuple[Any, ...]) -> PublishedVersion:
    (
        function,
        number,
        description,
        published_at,
        revision_id,
        digest,
        sha256,
        zip_bytes,
        unzipped_bytes,
        configured,
        variables,
        image,
        mount,
        layers,
        opt_digest,
    ) = row
    return PublishedVersion(
        function=FunctionName(function),
        number=number,
        description=description,
        published_at=from_us(published_at),
        revision_id=revision_id,
        package=CodePackage(
            digest=digest, sha256=sha256, zip_bytes=zip_bytes, unzipped_bytes=unzipped_bytes
        ),
        configuration=configuration.from_json(configured),
        variables=variables,
        image=Image(**json.loads(image)),
        dependencies=None if mount is None else _mount(json.loads(mount)),
        layers=tuple(_layer_from_json(layer) for layer in json.loads(layers)),
        opt_digest=opt_digest,
    )


def _mount(value: dict[str, str]) -> Mount:
    return Mount(source=Path(value["source"]), target=value["target"])


def _layer_to_json(layer: LayerUse) -> dict[str, Any]:
    fields = ("digest", "sha256", "zip_bytes", "unzipped_bytes")
    return {"stated": layer.stated, **{name: getattr(layer.package, name) for name in fields}}


def _layer_from_json(value: dict[str, Any]) -> LayerUse:
    stated = value.pop("stated")
    return LayerUse(stated=stated, package=CodePackage(**value))


def _json(value: object, fields: tuple[str, ...]) -> str:
    return json.dumps({name: getattr(value, name) for name in fields})


KEPT_DELETED = timedelta(days=30)
"""How long a deletion can be undone."""
