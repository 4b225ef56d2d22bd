"""The release store on real files: several stores are several processes, as far as SQLite knows."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fakes.clock import Calendar
from tests.fakes.versions import a_published_version, a_variable
from workbench.errors import (
    AliasExists,
    AliasNotFound,
    ConflictError,
    DatabaseCorrupt,
    DatabaseTooNew,
    FunctionNotFound,
    PreconditionFailed,
    StoreError,
)
from workbench.model.container import Mount
from workbench.model.function import Variable
from workbench.model.names import LATEST, FunctionName, Qualifier
from workbench.model.release import Alias, ChangeKind, CodePackage, LayerUse, PublishedVersion
from workbench.store import releases, schema
from workbench.store.releases import configuration
from workbench.store.releases.release_store import ReleaseStore
from workbench.store.releases.undoing import UNDOINGS

ORDERS = FunctionName("orders")
LIVE = Alias(function=ORDERS, name=Qualifier("live"), version=Qualifier("1"))


@pytest.fixture
def clock() -> Calendar:
    return Calendar()


@pytest.fixture
def store(tmp_path: Path, clock: Calendar) -> Iterator[ReleaseStore]:
    store = ReleaseStore(tmp_path, clock=clock)
    yield store
    store.close()


@pytest.fixture
def other(tmp_path: Path, clock: Calendar) -> Iterator[ReleaseStore]:
    """What another process has of the same project."""
    other = ReleaseStore(tmp_path, clock=clock)
    yield other
    other.close()


def never(_: PublishedVersion) -> bool:
    return False


async def published(store: ReleaseStore, *, count: int = 1) -> None:
    for _ in range(count):
        store.publish_now(a_published_version(), same=never)


# --- versions ----------------------------------------------------------------------------------------


async def test_without_a_file_there_is_nothing_and_none_is_made(store: ReleaseStore) -> None:
    assert store.version_now(ORDERS, 1) is None
    assert store.alias_now(ORDERS, "live") is None
    assert await store.versions() == ()
    assert await store.changes() == ()
    assert not store.database.path.exists()


async def test_a_version_is_read_as_it_was_published(
    store: ReleaseStore, other: ReleaseStore
) -> None:
    package = CodePackage(digest="e" * 64, sha256="B" * 44, zip_bytes=7, unzipped_bytes=9)
    version = a_published_version(
        description="with everything",
        variables=b"\x00\xff",
        dependencies=Mount(source=Path("dependencies/abc"), target="/var/dependencies"),
        layers=(LayerUse(stated="../layers/common", package=package),),
        opt_digest="f" * 64,
    )
    written, new = store.publish_now(version, same=never)

    assert new
    assert written == replace(version, number=1)
    assert other.version_now(ORDERS, 1) == written
    assert await other.versions(ORDERS) == (written,)


async def test_the_file_is_its_owners_only(store: ReleaseStore) -> None:
    await published(store)
    assert store.database.path.stat().st_mode & 0o777 == 0o600


async def test_the_same_is_not_published_twice(store: ReleaseStore) -> None:
    first, _ = store.publish_now(a_published_version(), same=never)
    again, new = store.publish_now(
        a_published_version(), same=lambda newest: newest.package == first.package
    )
    assert (again, new) == (first, False)


async def test_numbers_are_never_given_twice(store: ReleaseStore) -> None:
    await published(store, count=3)
    for number in (3, 2, 1):
        await store.delete_version(ORDERS, number)
    store.publish_now(a_published_version("billing"), same=never)
    fourth, _ = store.publish_now(a_published_version(), same=never)

    assert fourth.number == 4
    assert [version.number for version in await store.versions(ORDERS)] == [4]


async def test_two_processes_publishing_at_once_get_a_number_each(
    store: ReleaseStore, other: ReleaseStore
) -> None:
    async with asyncio.TaskGroup() as tasks:
        for each in (store, other) * 20:
            tasks.create_task(
                asyncio.to_thread(each.publish_now, a_published_version(), same=never)
            )
    assert [version.number for version in await store.versions(ORDERS)] == list(range(1, 41))


async def test_two_processes_publishing_the_same_at_once_make_one_version(
    store: ReleaseStore, other: ReleaseStore
) -> None:
    async with asyncio.TaskGroup() as tasks:
        asked = [
            tasks.create_task(
                asyncio.to_thread(each.publish_now, a_published_version(), same=lambda _: True)
            )
            for each in (store, other) * 5
        ]
    assert sum(task.result()[1] for task in asked) == 1
    assert len(await other.versions()) == 1


async def test_a_version_that_an_alias_uses_is_not_deleted(store: ReleaseStore) -> None:
    await published(store, count=2)
    await store.create_alias(replace(LIVE, additional=Qualifier("2"), weight=0.1))
    for number in (1, 2):
        with pytest.raises(ConflictError, match="is used by live"):
            await store.delete_version(ORDERS, number)
    assert await store.aliases_of(ORDERS, Qualifier("2")) == ("live",)


async def test_a_version_that_does_not_exist_is_not_deleted(store: ReleaseStore) -> None:
    with pytest.raises(FunctionNotFound):
        await store.delete_version(ORDERS, 1)


async def test_what_versions_refer_to_is_known_until_they_are_forgotten(
    store: ReleaseStore, clock: Calendar
) -> None:
    package = CodePackage(digest="e" * 64, sha256="B" * 44, zip_bytes=7, unzipped_bytes=9)
    store.publish_now(
        a_published_version(
            dependencies=Mount(source=Path("dependencies/abc"), target="/var/dependencies"),
            layers=(LayerUse(stated="../layers/common", package=package),),
            opt_digest="f" * 64,
        ),
        same=never,
    )
    await store.delete_version(ORDERS, 1)
    kept = await store.references()
    assert kept.code == {"c" * 64, "e" * 64, "f" * 64}
    assert "abc" in kept.dependencies

    clock.ahead = timedelta(days=31)
    assert await store.forget_deleted() == 1
    assert (await store.references()).code == set()


# --- aliases -----------------------------------------------------------------------------------------


async def test_an_alias_lives(store: ReleaseStore, other: ReleaseStore) -> None:
    await published(store, count=2)
    made = await store.create_alias(LIVE)
    assert other.alias_now(ORDERS, "live") == made
    moved = await store.update_alias(
        ORDERS, "live", lambda alias: replace(alias, version=Qualifier("2"))
    )
    assert moved.revision_id != made.revision_id
    assert other.alias_now(ORDERS, "live") == moved
    assert await store.delete_alias(ORDERS, "live")
    assert other.alias_now(ORDERS, "live") is None
    assert not await store.delete_alias(ORDERS, "live")


async def test_an_alias_may_lead_to_latest_without_any_version(store: ReleaseStore) -> None:
    await store.create_alias(replace(LIVE, version=LATEST))
    assert (await store.alias(ORDERS, "live")).version == LATEST


async def test_what_an_alias_may_not_be(store: ReleaseStore) -> None:
    await published(store)
    await store.create_alias(LIVE)
    with pytest.raises(AliasExists):
        await store.create_alias(LIVE)
    with pytest.raises(FunctionNotFound):
        await store.create_alias(
            Alias(function=ORDERS, name=Qualifier("next"), version=Qualifier("2"))
        )
    with pytest.raises(FunctionNotFound):
        await store.update_alias(
            ORDERS, "live", lambda alias: replace(alias, additional=Qualifier("9"), weight=0.5)
        )
    with pytest.raises(AliasNotFound, match="It has: live"):
        await store.alias(ORDERS, "prod")
    with pytest.raises(PreconditionFailed):
        await store.update_alias(ORDERS, "live", lambda alias: alias, revision_id="another")


# --- taking back -------------------------------------------------------------------------------------


async def test_everything_can_be_undone_one_after_the_other(store: ReleaseStore) -> None:
    await published(store, count=2)
    await store.create_alias(LIVE)
    made = await store.alias(ORDERS, "live")
    await store.update_alias(ORDERS, "live", lambda a: replace(a, version=Qualifier("2")))
    moved = await store.alias(ORDERS, "live")
    await store.delete_alias(ORDERS, "live")
    await store.delete_version(ORDERS, 1)

    undone = [(await store.undo()).kind]
    assert store.version_now(ORDERS, 1) is not None
    undone.append((await store.undo()).kind)
    assert store.alias_now(ORDERS, "live") == moved
    undone.append((await store.undo()).kind)
    assert store.alias_now(ORDERS, "live") == made
    undone.append((await store.undo()).kind)
    assert store.alias_now(ORDERS, "live") is None
    undone += [(await store.undo()).kind, (await store.undo()).kind]
    assert await store.versions() == ()
    with pytest.raises(ConflictError, match="nothing to undo"):
        await store.undo()

    assert undone == [
        ChangeKind.DELETE_VERSION,
        ChangeKind.DELETE_ALIAS,
        ChangeKind.UPDATE_ALIAS,
        ChangeKind.CREATE_ALIAS,
        ChangeKind.PUBLISH,
        ChangeKind.PUBLISH,
    ]
    assert all(change.undone_at is not None for change in await store.changes())


async def test_what_is_in_use_is_not_undone_and_nothing_is_lost(store: ReleaseStore) -> None:
    await published(store)
    await store.create_alias(LIVE)
    with sqlite3.connect(
        store.database.path
    ) as connection:  # as if made before there was a journal
        connection.execute("DELETE FROM changes WHERE kind = 'create-alias'")
    connection.close()
    with pytest.raises(ConflictError, match="is used by live"):
        await store.undo()
    assert store.version_now(ORDERS, 1) is not None
    assert (await store.changes())[0].undone_at is None


def test_every_kind_of_change_can_be_undone() -> None:
    assert set(UNDOINGS) == set(ChangeKind)


# --- the file ----------------------------------------------------------------------------------------


async def test_a_newer_file_is_refused_and_left_alone(store: ReleaseStore) -> None:
    await published(store)
    store.close()
    with sqlite3.connect(store.database.path) as connection:
        connection.execute("PRAGMA user_version = 999")
    connection.close()
    with pytest.raises(DatabaseTooNew, match=r"releases .* made by a newer workbench"):
        store.publish_now(a_published_version(), same=never)
    with pytest.raises(DatabaseTooNew, match=r"releases .* made by a newer workbench"):
        await store.versions()


async def test_a_damaged_file_is_refused_and_left_alone(store: ReleaseStore) -> None:
    store.database.path.write_bytes(b"not a database" * 1000)
    before = store.database.path.read_bytes()
    with pytest.raises(DatabaseCorrupt, match="Put a copy of it back"):
        await store.versions()
    assert store.database.path.read_bytes() == before


STEPS = schema.migrations(Path(releases.__file__).with_name("migrations"))


@pytest.mark.parametrize("earlier", range(len(STEPS)))
async def test_every_earlier_schema_becomes_the_present_one(
    earlier: int, store: ReleaseStore, tmp_path: Path
) -> None:
    with sqlite3.connect(tmp_path / "releases.db", isolation_level=None) as connection:
        schema.migrate(connection, store.database.path, STEPS[:earlier])
    connection.close()
    await published(store)
    fresh = ReleaseStore(tmp_path / "fresh", clock=Calendar())
    await published(fresh)

    def described(connection: sqlite3.Connection) -> list[tuple[str, ...]]:
        return connection.execute(
            "SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY name"
        ).fetchall()

    assert await store.database.read(described) == await fresh.database.read(described)
    fresh.close()


# --- configurations ----------------------------------------------------------------------------------


def test_a_configuration_is_read_as_it_was_written() -> None:
    stated = a_published_version().configuration
    assert configuration.from_json(configuration.to_json(stated)) == stated


def test_a_configuration_of_a_newer_workbench_is_refused() -> None:
    text = configuration.to_json(a_published_version().configuration)
    with pytest.raises(StoreError, match="colour"):
        configuration.from_json(text[:-1] + ', "colour": "blue"}')


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.text(min_size=1), st.text(), st.booleans()), max_size=5))
def test_variables_are_read_as_they_were_written(stated: list[tuple[str, str, bool]]) -> None:
    variables: tuple[Variable, ...] = tuple(
        a_variable(name, value, secret=secret) for name, value, secret in stated
    )
    assert (
        configuration.variables_from_bytes(configuration.variables_to_bytes(variables)) == variables
    )
