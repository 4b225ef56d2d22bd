"""Many invocations at once: who gets which environment, and what the end of one does to the others."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.e2e.live import AT_GATE, PATIENCE_S, Done, Live, all_of, done, told
from workbench.api.server import Endpoint
from workbench.errors import InvocationNotFound, ThrottledError
from workbench.facade.invocations import Run
from workbench.model.environment import EnvironmentState
from workbench.model.invocation import OutcomeKind
from workbench.model.names import FunctionName
from workbench.model.telemetry import Accepted

pytestmark = [pytest.mark.docker, pytest.mark.asyncio(loop_scope="module")]

LIMIT = 8
WAITING = {EnvironmentState.IDLE, EnvironmentState.FROZEN}
SETTINGS = {"account": {"concurrency": LIMIT}}

PYTHON = """\
import os, socket

calls = inside = 0

def handler(event, context):
    global calls, inside
    calls += 1
    inside += 1
    with open("/tmp/calls", "a") as file:
        file.write("x")
    if "gate" in event:
        at_gate(event["gate"])
    seen = inside
    inside -= 1
    return {"mark": event.get("mark"), "request": context.aws_request_id, "inside": seen,
            "calls": calls, "in tmp": os.path.getsize("/tmp/calls"), "host": socket.gethostname()}
"""


async def a_function(live: Live, **manifest: Any) -> FunctionName:
    """Waits at the gate its event names, and says what it saw. Never the same code twice: equal code
    has one copy, and its gates with it.
    """
    code = f"{PYTHON}{AT_GATE}# {uuid.uuid4()}\n"
    return await live.add({"app.py": code}, **{"timeout_s": 120, "memory_mb": 256, **manifest})


@asynccontextmanager
async def at_gates(live: Live, name: str, *gates: str) -> AsyncIterator[list[Run]]:
    """Invocations of a function that are in their handlers all at the same time, each at a gate."""
    runs = [await live.start(name, {"gate": gate, "mark": gate}) for gate in gates]
    try:
        for run, gate in zip(runs, gates, strict=True):
            await live.until_printed(run, f"at gate {gate}")
        yield runs
    finally:
        for run, gate in zip(runs, gates, strict=True):
            await live.let_go(run, gate)
        await all_of(*(done(run) for run in runs))


async def let_through(live: Live, runs: Sequence[Run], gates: Sequence[str]) -> list[Done]:
    """Open gates one after the other, each invocation to its end before the next."""
    ended = []
    for run, gate in zip(runs, gates, strict=True):
        await live.let_go(run, gate)
        ended.append(await done(run))
    return ended


def gates(count: int) -> list[str]:
    """Names of gates that nobody has opened yet."""
    return [f"g{uuid.uuid4().hex[:8]}" for _ in range(count)]


# --- a burst ------------------------------------------------------------------------------------------


async def test_burst_gets_an_environment_for_each_and_each_sees_one_event(live: Live) -> None:
    name = await a_function(live)
    names = gates(LIMIT)

    async with at_gates(live, name, *names) as runs:
        busy = [e.state for e in live.environments(name)]
    ended = await all_of(*(done(run) for run in runs))

    assert busy == [EnvironmentState.BUSY] * LIMIT
    assert [d.outcome.kind for d in ended] == [OutcomeKind.SUCCESS] * LIMIT
    assert [d.answer["mark"] for d in ended] == names
    assert [d.answer["request"] for d in ended] == [d.request_id for d in ended]
    assert {(d.answer["inside"], d.answer["calls"], d.answer["in tmp"]) for d in ended} == {
        (1, 1, 1)
    }
    assert len({d.answer["host"] for d in ended}) == LIMIT
    assert len({d.record.environment_id for d in ended}) == LIMIT
    assert all(d.record.cold for d in ended)


async def test_hundred_invocations_of_a_few_callers_never_share_an_environment_at_once(
    live: Live,
) -> None:
    name = await a_function(live)

    async def caller(number: int) -> list[Done]:
        return [await live.invoke(name, {"mark": [number, n]}) for n in range(25)]

    ended = [d for each in await all_of(*(caller(number) for number in range(4))) for d in each]

    assert [d.answer["mark"] for d in ended] == [[c, n] for c in range(4) for n in range(25)]
    assert {d.answer["inside"] for d in ended} == {1}
    hosts = {d.answer["host"] for d in ended}
    assert len(hosts) <= len(live.environments(name)) <= 4
    for host in hosts:
        counted = sorted(d.answer["calls"] for d in ended if d.answer["host"] == host)
        assert counted == list(range(1, len(counted) + 1))


async def test_environment_that_was_used_last_is_used_first(live: Live) -> None:
    name = await a_function(live)
    names = gates(3)
    async with at_gates(live, name, *names) as runs:
        order = [2, 0, 1]
        ended = await let_through(live, [runs[n] for n in order], [names[n] for n in order])
    used = [d.record.environment_id for d in ended]

    again = gates(3)
    async with at_gates(live, name, *again) as warm:
        taken = [run.record_now.environment_id for run in warm]
    one_more = await live.invoke(name, {})

    assert taken == used[::-1]
    assert not any(run.record_now.cold for run in warm)
    assert one_more.record.environment_id in taken
    assert len(live.environments(name)) == 3


# --- how one ends, and the others ---------------------------------------------------------------------


async def test_timeout_ends_its_own_and_no_other(live: Live) -> None:
    brief, patient = await a_function(live, timeout_s=2), await a_function(live)
    await live.start_idle(brief, 2)
    await live.invoke_all((brief, {}), (brief, {}))
    await live.until(lambda: [e.state in WAITING for e in live.environments(brief)] == [True] * 2)
    (held,) = gates(1)

    async with at_gates(live, patient, held) as (other,):
        late = await live.invoke(brief, {"gate": "never"})
        untouched = await live.invoke(brief, {})
        assert not other.settled
    kept = await done(other)

    assert late.outcome.kind is OutcomeKind.TIMEOUT
    assert kept.outcome.kind is OutcomeKind.SUCCESS
    assert (kept.answer["mark"], kept.answer["calls"]) == (held, 1)
    assert untouched.record.environment_id != late.record.environment_id
    # what stands beside it has had one runtime all the time
    assert untouched.answer["calls"] == untouched.answer["in tmp"]


async def test_invocations_that_time_out_together_are_each_told_their_own(live: Live) -> None:
    name = await a_function(live, timeout_s=3, memory_mb=1769)
    await live.start_idle(name, 4)  # nobody waits for a container until another one times out

    ended = await live.invoke_all(*([(name, {"gate": "never"})] * 4))
    after = await live.invoke_all(*([(name, {"mark": "after"})] * 4))

    assert {d.outcome.kind for d in ended} == {OutcomeKind.TIMEOUT}
    assert all(d.request_id in d.answer["errorMessage"] for d in ended)
    assert len({d.request_id for d in ended}) == 4
    assert {(d.answer["mark"], d.answer["calls"]) for d in after} <= {("after", n) for n in (1, 2)}
    places = {d.record.environment_id for d in ended}
    assert {d.record.environment_id for d in after} <= places


async def test_invocation_that_is_stopped_ends_and_the_one_beside_it_does_not(live: Live) -> None:
    name = await a_function(live)
    names = gates(2)

    async with at_gates(live, name, *names) as (one, other):
        live.workbench.invocations.stop(one.acceptance.request_id)
        stopped = await done(one)
        after = await live.invoke(name, {})
        assert not other.settled
    kept = await done(other)

    assert stopped.outcome.kind is OutcomeKind.STOPPED
    assert stopped.request_id in stopped.answer["errorMessage"]
    assert kept.answer["mark"] == names[1]
    # as after a crash: the same container, its /tmp, and a new runtime
    assert after.record.environment_id == stopped.record.environment_id
    assert (after.answer["calls"], after.answer["in tmp"]) == (1, 2)
    with pytest.raises(InvocationNotFound):
        live.workbench.invocations.stop(one.acceptance.request_id)


async def test_invocation_that_is_stopped_in_line_never_runs(live: Live) -> None:
    name = await a_function(live)
    run = await live.start(name, {"mark": "never seen"})

    live.workbench.invocations.stop(run.acceptance.request_id)
    stopped = await done(run)
    after = await live.invoke(name, {})

    assert stopped.outcome.kind is OutcomeKind.STOPPED
    assert stopped.record.environment_id is None
    assert after.answer["calls"] == after.answer["in tmp"] == 1


# --- limits -------------------------------------------------------------------------------------------


async def test_one_invocation_more_than_the_account_has_is_throttled(live: Live) -> None:
    name, other = await a_function(live), await a_function(live)
    names = gates(LIMIT)

    async with at_gates(live, name, *names) as runs:
        refusals = []
        for refused in (name, other):
            with pytest.raises(ThrottledError) as throttled:
                await live.start(refused, {})
            refusals.append((throttled.value.message, throttled.value.reason))
        in_progress = live.workbench.invocations.in_progress
        # a place that becomes free is anybody's
        await let_through(live, runs[:1], names[:1])
        taken = await live.invoke(other, {"mark": "in its place"})
    ended = await all_of(*(done(run) for run in runs))

    assert refusals == [("Rate Exceeded.", "ConcurrentInvocationLimitExceeded")] * 2
    assert in_progress == LIMIT
    assert taken.answer["mark"] == "in its place"
    assert [d.answer["mark"] for d in ended] == names
    # what was refused was never accepted: no trace of it
    assert len(await live.workbench.invocations.recent(name)) == LIMIT
    assert len(await live.workbench.invocations.recent(other)) == 1
    assert live.workbench.invocations.in_progress == 0


async def test_what_one_has_reserved_no_other_gets_and_it_no_more(live: Live) -> None:
    mine, other = await a_function(live, reserved_concurrency=3), await a_function(live)
    own, rest = gates(3), gates(LIMIT - 3)

    async with at_gates(live, other, *rest), at_gates(live, mine, *own):
        refusals = []
        for refused in (other, mine):
            with pytest.raises(ThrottledError) as throttled:
                await live.start(refused, {})
            refusals.append((throttled.value.message, throttled.value.reason))
        await live.reconfigure(mine, reserved_concurrency=0)
        with pytest.raises(ThrottledError, match=f"{mine} is switched off"):
            await live.start(mine, {})
        kept = {e.environment_id for e in live.environments(mine)}
    await live.reconfigure(mine, reserved_concurrency=1)
    again = await live.invoke(mine, {"mark": "again"})

    assert refusals == [
        ("Rate Exceeded.", "ConcurrentInvocationLimitExceeded"),
        ("Rate Exceeded.", "ReservedFunctionConcurrentInvocationLimitExceeded"),
    ]
    # saved twice, with invocations in progress: the same environments, and none of them new
    assert (again.answer["mark"], again.answer["calls"]) == ("again", 2)
    assert again.record.environment_id in kept
    assert {e.environment_id for e in live.environments(mine)} == kept
    await live.reconfigure(mine)


async def test_every_end_gives_its_place_back(live: Live) -> None:
    late = await a_function(live, timeout_s=1)
    crashing = await live.add({"app.py": "import os\ndef handler(e, c): os._exit(1)\n"})

    rounds = []
    for _ in range(2):  # the second one has room only when nothing was kept from the first
        runs = [await live.start(late, {"gate": "never"}) for _ in range(LIMIT // 2)]
        runs += [await live.start(crashing, {}) for _ in range(LIMIT // 2)]
        rounds.append({d.outcome.kind for d in await all_of(*(done(run) for run in runs))})

    assert rounds[0] == {OutcomeKind.TIMEOUT, OutcomeKind.EXIT}
    assert OutcomeKind.SUCCESS not in rounds[1]
    assert live.workbench.invocations.in_progress == 0


# --- callers that do not wait -------------------------------------------------------------------------


async def test_invocation_whose_caller_stops_waiting_goes_on_to_its_end(live: Live) -> None:
    name = await a_function(live)
    (gate,) = gates(1)

    async with at_gates(live, name, gate) as (run,):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await run.outcome()
        assert not run.settled
    ended = await done(run)

    assert ended.answer["mark"] == gate


async def test_client_that_hangs_up_stops_nothing(live: Live) -> None:
    name = await a_function(live)
    (gate,) = gates(1)
    body = json.dumps({"gate": gate, "mark": "whoever asked"}).encode()
    head = f"POST /2015-03-31/functions/{name}/invocations HTTP/1.1\r\nHost: 127.0.0.1\r\n"

    async with Endpoint(live.workbench).open() as address:
        port = int(address.rpartition(":")[2])
        with live.workbench.subscribe() as feed:
            _, client = await asyncio.open_connection("127.0.0.1", port)
            client.write(head.encode() + b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
            accepted = await told(feed, lambda v: isinstance(v, Accepted))
        assert isinstance(accepted, Accepted)
        run = live.workbench.invocations.running(accepted.acceptance.request_id)
        await live.until_printed(run, f"at gate {gate}")
        client.transport.abort()
        meanwhile = await live.invoke(name, {})
        assert not run.settled
        await live.let_go(run, gate)
        ended = await done(run)
        after = await live.invoke(name, {})

    assert ended.answer["mark"] == "whoever asked"
    assert meanwhile.record.environment_id != ended.record.environment_id
    assert after.record.environment_id == ended.record.environment_id
    async with asyncio.timeout(PATIENCE_S):
        kept = await live.workbench.invocations.record(ended.request_id)
    assert kept.record.outcome == ended.outcome
