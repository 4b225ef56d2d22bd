"""Layer versions on real files: numbers, who keeps what, and what may be collected."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.fakes.clock import Calendar
from workbench.model.layer import LayerVersionId
from workbench.model.layer_version import LayerVersion
from workbench.model.names import FunctionName
from workbench.model.release import ChangeKind, CodePackage
from workbench.store.releases.release_store import ReleaseStore

ORDERS = FunctionName("orders")
PACKAGE = CodePackage(digest="ab" * 32, sha256="c2hh", zip_bytes=10, unzipped_bytes=20)
DRAFT = LayerVersion(
    name="common",
    number=0,
    description="What is shared.",
    created_at=datetime(2026, 11, 21, 12, tzinfo=UTC),
    package=PACKAGE,
    runtimes=("python3.13",),
    architectures=("arm64",),
    license="MIT",
)
ONE = LayerVersionId(name="common", number=1)


@pytest.fixture
def clock() -> Calendar:
    return Calendar()


@pytest.fixture
def store(tmp_path: Path, clock: Calendar) -> Iterator[ReleaseStore]:
    store = ReleaseStore(tmp_path, clock=clock)
    yield store
    store.close()


async def test_everything_said_of_a_version_is_kept(store: ReleaseStore) -> None:
    published = await store.layers.publish(DRAFT)

    assert published == replace(DRAFT, number=1)
    assert await store.layers.find(ONE) == published
    assert await store.layers.all() == (published,)


async def test_two_processes_at_once_get_numbers_of_their_own(
    tmp_path: Path, clock: Calendar, store: ReleaseStore
) -> None:
    other = ReleaseStore(tmp_path, clock=clock)
    try:
        async with asyncio.TaskGroup() as tasks:
            going = [tasks.create_task(each.layers.publish(DRAFT)) for each in (store, other) * 10]
    finally:
        other.close()

    assert sorted(each.result().number for each in going) == list(range(1, 21))


async def test_reading_makes_no_file(tmp_path: Path, store: ReleaseStore) -> None:
    assert await store.layers.all() == ()
    assert await store.layers.find(ONE) is None
    await store.layers.use(ORDERS, [ONE])

    assert list(tmp_path.iterdir()) == []


async def test_a_deleted_version_stays_while_a_function_has_it(
    store: ReleaseStore, clock: Calendar
) -> None:
    await store.layers.publish(DRAFT)
    await store.layers.use(ORDERS, [ONE])
    await store.layers.delete(ONE)
    clock.ahead = timedelta(days=60)
    await store.forget_deleted()

    assert await store.layers.find(ONE) is None
    assert await store.layers.find(ONE, user=FunctionName("payments")) is None
    assert await store.layers.find(ONE, user=ORDERS) is not None
    assert PACKAGE.digest in (await store.references()).code

    await store.layers.use(ORDERS, [])
    await store.forget_deleted()

    assert await store.layers.find(ONE, user=ORDERS) is None
    assert (await store.references()).code == frozenset()


async def test_publishing_and_deleting_are_taken_back(store: ReleaseStore) -> None:
    await store.layers.publish(DRAFT)
    await store.layers.publish(DRAFT)
    await store.layers.delete(ONE)
    undone = [(await store.undo()).kind for _ in range(2)]

    assert undone == [ChangeKind.DELETE_LAYER, ChangeKind.PUBLISH_LAYER]
    assert [each.number for each in await store.layers.all("common")] == [1]
    assert (await store.layers.publish(DRAFT)).number == 3
