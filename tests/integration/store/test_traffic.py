"""What each version did of an alias's calls, counted from a real history."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from tests.fakes.clock import EPOCH
from tests.fakes.versions import an_acceptance
from workbench.clock import SystemClock
from workbench.model.alarm import Traffic, percentile
from workbench.model.invocation import (
    Acceptance,
    InvocationRecord,
    Measurements,
    Outcome,
    OutcomeKind,
)
from workbench.model.names import FunctionName, Qualifier, RequestId, Target
from workbench.model.settings import Retention, Settings
from workbench.model.telemetry import Throttled
from workbench.store.instances import InstanceKind
from workbench.store.opening import Store, open_store
from workbench.telemetry import Bus

ORDERS, LIVE, OLD, NEW = FunctionName("orders"), Qualifier("live"), Qualifier("7"), Qualifier("8")


@asynccontextmanager
async def opened(state: Path) -> AsyncIterator[Store]:
    bus = Bus()
    async with open_store(
        state, bus=bus, clock=SystemClock(), settings=Settings(), kind=InstanceKind.CLI
    ) as store:
        yield store


class Calls:
    """Invocations, each a second after the one before."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._made = 0

    def _accepted(self, version: Qualifier, qualifier: Qualifier | None) -> Acceptance:
        self._made += 1
        return replace(
            an_acceptance(),
            request_id=RequestId(f"00000000-0000-4000-8000-{self._made:012d}"),
            function=ORDERS,
            target=Target(name=ORDERS, qualifier=qualifier),
            version=version,
            accepted_at=EPOCH + timedelta(seconds=self._made),
        )

    def made(
        self,
        version: Qualifier,
        kind: OutcomeKind = OutcomeKind.SUCCESS,
        *,
        took_ms: float = 10.0,
        qualifier: Qualifier | None = LIVE,
    ) -> None:
        accepted = self._accepted(version, qualifier)
        record = InvocationRecord(
            acceptance=accepted,
            outcome=Outcome(kind=kind, payload=b"{}"),
            ended_at=accepted.accepted_at,
            measurements=Measurements(duration_ms=took_ms),
        )
        self._store.journal.accepted(accepted)
        self._store.journal.ended(record)
        self._store.journal.reported(record)

    def running(self, version: Qualifier) -> None:
        self._store.journal.accepted(self._accepted(version, LIVE))

    def refused(self, version: Qualifier, qualifier: Qualifier | None = LIVE) -> None:
        self._store.bus.publish(
            Throttled(acceptance=self._accepted(version, qualifier), reason="too many")
        )


async def test_only_the_aliass_own_calls_since_then_count(state_folder: Path) -> None:
    async with opened(state_folder) as store:
        calls = Calls(store)
        calls.made(NEW, OutcomeKind.ERROR)  # before it began
        for number in range(20):
            calls.made(NEW, took_ms=float(number + 1))
        calls.made(NEW, OutcomeKind.TIMEOUT, took_ms=3000)
        calls.made(OLD, took_ms=7)
        calls.made(NEW, OutcomeKind.ERROR, qualifier=NEW)
        calls.made(NEW, OutcomeKind.ERROR, qualifier=None)
        calls.running(NEW)
        since = EPOCH + timedelta(seconds=2)

        found = await store.history.traffic(ORDERS, LIVE, since=since)

        assert found == {
            NEW: Traffic(calls=21, errors=1, p50_ms=11.0, p95_ms=20.0),
            OLD: Traffic(calls=1, p50_ms=7.0, p95_ms=7.0),
        }
        assert await store.history.traffic(FunctionName("billing"), LIVE, since=since) == {}


async def test_percentiles_are_by_nearest_rank(state_folder: Path) -> None:
    async with opened(state_folder) as store:
        calls, dice = Calls(store), random.Random(4)
        durations = {
            Qualifier(str(count)): [dice.uniform(1, 900) for _ in range(count)]
            for count in (1, 2, 3, 19, 20, 21, 99, 100, 101)
        }
        for version, all_of_it in durations.items():
            for took_ms in all_of_it:
                calls.made(version, took_ms=took_ms)
        found = await store.history.traffic(ORDERS, LIVE, since=EPOCH)

    assert {version: (each.p50_ms, each.p95_ms) for version, each in found.items()} == {
        version: (percentile(all_of_it, 50), percentile(all_of_it, 95))
        for version, all_of_it in durations.items()
    }


async def test_what_is_not_the_functions_doing_is_no_call_of_it(state_folder: Path) -> None:
    async with opened(state_folder) as store:
        calls = Calls(store)
        for kind in OutcomeKind:
            calls.made(NEW, kind)

        found = await store.history.traffic(ORDERS, LIVE, since=EPOCH)

    assert (found[NEW].calls, found[NEW].errors) == (6, 5)


async def test_throttled_calls_are_counted_and_forgotten(state_folder: Path) -> None:
    async with opened(state_folder) as store:
        calls = Calls(store)
        for _ in range(5):
            calls.refused(NEW)
        calls.refused(OLD)
        calls.refused(NEW, qualifier=NEW)

        found = await store.history.traffic(ORDERS, LIVE, since=EPOCH)
        assert {version: each.throttles for version, each in found.items()} == {NEW: 5, OLD: 1}

    async with opened(state_folder) as again:
        kept = await again.history.traffic(ORDERS, LIVE, since=EPOCH)
        assert kept == found

        await again.history.prune(Retention(max_age_days=1, max_bytes=2**30))
        assert await again.history.traffic(ORDERS, LIVE, since=EPOCH) == {}
